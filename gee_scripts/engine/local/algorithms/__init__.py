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
    dates,
    elements,
    expressions,
    filters,
    geometries,
    joins,
    lists,
    masks,
    neighbourhoods,
    numbers,
    projections,
    recoding,
    reducers,
    regions,
    reprojection,
    sampling,
    stacks,
    texts,
)

__all__ = ["aggregates", "arithmetic", "bands", "casting", "classifiers", "collections", "dates", "elements",
           "expressions", "filters", "geometries", "joins", "lists", "masks", "neighbourhoods", "numbers",
           "projections", "recoding", "reducers", "regions", "reprojection", "sampling", "stacks", "texts"]
