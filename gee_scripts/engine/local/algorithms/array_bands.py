"""Bands of array pixels made from bands of array pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms.array_pixels import over_pixels
from gee_scripts.engine.local.language.registry import AlgorithmError
from gee_scripts.engine.local.rasters.raster import Apply, Band, Mask, PixelType, both, smaller

Array = NDArray[Any]
DType = np.dtype[Any]


def made(name: str, function: Callable[..., Array], bands: Sequence[Band], kind: PixelType,
         keys: Sequence[Band] = (), holds: Callable[..., Array] | None = None) -> Band:
    """A band of what a function makes of the arrays of bands, named and placed as the first one.

    Args:
        name: of the algorithm, for what it refuses when pixels are read.
        function: as in `over_pixels`.
        bands: masked in one, masked in the result.
        kind: of the result.
        keys: bands whose arrays shape the result; masked in one, masked in the result.
        holds: of the same arrays, whether there is a result, an array of pixels alone; masked where there is none.
    """
    taken = [*bands, *keys]
    mask = bands[0].mask
    for band in taken[1:]:
        mask = both(mask, band.mask)
    ranks = tuple(band.type.dimensions for band in taken)
    inputs = tuple(band.values for band in taken)
    if holds is not None:
        mask = Apply(partial(_and, holds, ranks, len(keys)), (mask, *inputs))
    call = partial(_called, name, function)
    values = Apply(partial(over_pixels, call, ranks, len(keys), kind.dimensions, kind.dtype), (mask, *inputs))
    lead = next((band for band in bands if not band.composite), bands[0])
    return replace(bands[0], type=kind, projection=lead.projection, composite=lead.composite, values=values, mask=mask)


def answered(band: Band) -> Band:
    """The band of matrices masked where there was no answer, which is NaN."""
    mask = Apply(partial(_and, _finite, (band.type.dimensions,), 0), (band.mask, band.values))
    return replace(band, mask=mask)


def _finite(values: Array) -> Array:
    return np.asarray(np.isfinite(values).all(axis=(-2, -1)))


def _and(holds: Callable[..., Array], ranks: tuple[int, ...], keyed: int, mask: Mask, *values: Array) -> Mask:
    return smaller(over_pixels(holds, ranks, keyed, 0, np.dtype(np.bool_), mask, *values), mask)


def _called(name: str, function: Callable[..., Array], *arrays: Array) -> Array:
    try:
        return function(*arrays)
    except AlgorithmError as error:
        raise AlgorithmError(f"{name}: {error.message}", mend=error.mend) from error


def rank_of(band: Band, least: int = 1) -> int:
    """Number of axes of a band's arrays.

    Raises:
        AlgorithmError: it is less than `least`: the band holds numbers.
    """
    rank = band.type.dimensions
    if rank < least:
        raise AlgorithmError(f"Band '{band.name}' must have arrays of at least {least} dimensions. It has {rank}",
                             mend="make arrays of it by toArray")
    return rank


def shared_rank(bands: Sequence[Band]) -> int:
    """The number of axes that the arrays of all bands have.

    Raises:
        AlgorithmError: they differ.
    """
    ranks = {band.type.dimensions for band in bands}
    if len(ranks) > 1:
        raise AlgorithmError(f"Bands must have the same number of dimensions. Got {sorted(ranks)}",
                             mend="add axes by toArray, or take them away by arrayProject")
    return ranks.pop()


def per_band(bands: Sequence[Band], others: Sequence[Band], name: str) -> list[tuple[Band, Band]]:
    """Each band with the other image's one of its place, or with its only one.

    Raises:
        AlgorithmError: it has neither one band nor as many.
    """
    if len(others) not in (1, len(bands)):
        raise AlgorithmError(f"'{name}' must have one band, or one for each of the {len(bands)} of the image. "
                             f"Got {len(others)}", mend="select its bands")
    return [(band, others[0 if len(others) == 1 else place]) for place, band in enumerate(bands)]
