"""Harmonic coefficients of a cube as bands of an image: the numbers that `agrispec.kernels.harmonics` computes."""

from __future__ import annotations

from dataclasses import replace

import ee

from agrispec.cube import CubeSpec
from agrispec.harmonics import Harmonics
from agrispec.season import Season
from gee_scripts import cube


def coefficients(spec: CubeSpec, made: Harmonics, season: Season, region: ee.Geometry) -> ee.Image:
    """The coefficients as float bands `made.names(spec)`; all 0 where nothing was clearly seen in the window.

    Args:
        spec: the cube; the steps of its window are fitted, each clearly seen one with the same weight.
        made: the terms and what they cost.
        season: the year.
        region: where scenes are looked for.
    """
    columns = _columns(spec, season, region)
    features = len(spec.features)
    seen = columns.arraySlice(1, features).gt(0)
    # A fill value times 0 is 0: what was not seen has no part in the sums.
    values = columns.arraySlice(1, 0, features).toDouble().multiply(seen.arrayRepeat(1, features))
    design = ee.Array([list(row) for row in made.design(spec)])
    penalty = ee.Array([[cost if row == column else 0.0 for column in range(len(made.terms))]
                        for row, cost in enumerate(made.penalties)])
    terms = ee.Image.constant(design)
    weighted = terms.multiply(seen.arrayRepeat(1, len(made.terms)))
    transposed = terms.matrixTranspose()
    left = transposed.matrixMultiply(weighted).add(ee.Image.constant(penalty))
    found = left.matrixSolve(transposed.matrixMultiply(values))
    # The separator of arrayFlatten is that of the coefficients' names.
    return found.matrixTranspose().arrayFlatten([list(spec.features), list(made.terms)]).toFloat()


def seen(spec: CubeSpec, season: Season, region: ee.Geometry) -> ee.Image:
    """Byte band `seen`: 1 where a step of the cube's window was clearly seen, 0 elsewhere; as `coefficients`."""
    counts = _columns(spec, season, region).arraySlice(1, len(spec.features))
    return counts.arrayReduce(ee.Reducer.max(), [0]).arrayGet([0, 0]).gt(0).toByte().rename(["seen"])


def _columns(spec: CubeSpec, season: Season, region: ee.Geometry) -> ee.Image:
    """The window's features and counts; harmonics are of days, and no temperature is read for them."""
    return cube.array(replace(spec, gdd_base=None).view(), season, region)
