"""The algorithms that are implemented, a module a family; importing this package registers them all.

A new family is a module with functions under `@algorithm("Name.of.the.algorithm")` and a line here.
"""

from gee_scripts.engine.local.algorithms import (
    aggregates,
    arithmetic,
    bands,
    casting,
    classifiers,
    collections,
    columns,
    confusion,
    dates,
    distances,
    elements,
    expressions,
    filters,
    geometries,
    joins,
    kernels,
    lists,
    masks,
    neighbourhoods,
    numbers,
    places,
    projections,
    recoding,
    reducers,
    regions,
    reprojection,
    resampling,
    sampling,
    stacks,
    texts,
)

__all__ = ["aggregates", "arithmetic", "bands", "casting", "classifiers", "collections", "columns", "confusion",
           "dates", "distances", "elements", "expressions", "filters", "geometries", "joins", "kernels", "lists",
           "masks", "neighbourhoods", "numbers", "places", "projections", "recoding", "reducers", "regions",
           "reprojection", "resampling", "sampling", "stacks", "texts"]
