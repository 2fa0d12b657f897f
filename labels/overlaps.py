"""Parcels that lie upon each other, and outlines that stand twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

OVERLAP_SHARE = 0.01
"""Parcels overlap where they share more than this of the smaller one: neighbours digitised apart share slivers."""

SAME_SHARE = 0.99
"""Two outlines are the same where what they share is at least this of what they cover together."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Outlines that lie upon each other, P pairs.

    Attributes:
        one: (P,) position among the first outlines.
        other: (P,) position among the second.
        same: (P,) whether the two are the same outline; else they overlap.
    """

    one: NDArray[np.intp]
    other: NDArray[np.intp]
    same: NDArray[np.bool_]


def among(outlines: NDArray[np.object_]) -> Pairs:
    """The pairs of outlines (N,), each once: valid polygons or multipolygons in degrees, none of them None."""
    one, other = _near(outlines, outlines)
    once = one < other
    return _shared(outlines, outlines, one[once], other[once])


def between(outlines: NDArray[np.object_], others: NDArray[np.object_]) -> Pairs:
    """The pairs of an outline (N,) and another (M,), as `among` takes them."""
    return _shared(outlines, others, *_near(outlines, others))


def _near(outlines: NDArray[np.object_], others: NDArray[np.object_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs whose bounding boxes share enough for an overlap; most neighbours do not."""
    one, other = shapely.STRtree(others).query(outlines)
    west, south, east, north = np.moveaxis(
        np.stack([shapely.bounds(outlines)[one], shapely.bounds(others)[other]]), -1, 0)
    shared = (np.maximum(east.min(axis=0) - west.max(axis=0), 0)
              * np.maximum(north.min(axis=0) - south.max(axis=0), 0))
    kept = shared > OVERLAP_SHARE * np.minimum(shapely.area(outlines)[one], shapely.area(others)[other])
    return one[kept], other[kept]


def _shared(outlines: NDArray[np.object_], others: NDArray[np.object_],
            one: NDArray[np.intp], other: NDArray[np.intp]) -> Pairs:
    # To see that neighbours only touch costs a third of intersecting them.
    shapely.prepare(outlines)
    apart = shapely.touches(outlines[one], others[other])
    one, other = one[~apart], other[~apart]
    # Shares of areas are the same in degrees: a parcel is small.
    areas, other_areas = shapely.area(outlines)[one], shapely.area(others)[other]
    shared = shapely.area(shapely.intersection(outlines[one], others[other]))
    kept = shared > OVERLAP_SHARE * np.minimum(areas, other_areas)
    same = shared >= SAME_SHARE * (areas + other_areas - shared)
    return Pairs(one=one[kept], other=other[kept], same=same[kept])
