"""GeoJSON geometries to shapes, all of them at once. https://www.rfc-editor.org/rfc/rfc7946"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from shapely import GeometryType

_CORNER = pa.list_(pa.float64(), 2)

# Those of fields, whose corners need not go through text: levels of lists above the corners' own.
_LEVELS = {"Polygon": (GeometryType.POLYGON, 2), "MultiPolygon": (GeometryType.MULTIPOLYGON, 3)}


def shapes(geometries: Sequence[Mapping[str, Any] | None]) -> NDArray[Any]:
    """Shapes of N geometries, (N,) of shapely; None where there is none, or an empty mapping.

    Heights are kept or dropped as GEOS does; without them, a ring that does not end where it begins is closed.

    Raises:
        ValueError: a geometry is none of GeoJSON, or a corner is not finite.
    """
    found = np.full(len(geometries), None, object)
    given = np.full(len(geometries), None, object)
    given[:] = geometries
    there = np.flatnonzero(given.astype(np.bool_))
    try:
        kinds = np.array(list(map(itemgetter("type"), given[there])), object)
        for kind in set(kinds):
            places = there[kinds == kind]
            found[places] = _of_kind(kind, given[places].tolist())
    except (KeyError, TypeError, shapely.GEOSException) as error:
        raise ValueError(f"no geometry of GeoJSON: {error}") from error
    return found


def _of_kind(kind: str, geometries: Sequence[Mapping[str, Any]]) -> NDArray[Any]:
    if kind in _LEVELS:
        made, levels = _LEVELS[kind]
        nested = _CORNER
        for _ in range(levels):
            nested = pa.list_(nested)
        try:
            array = pa.array(list(map(itemgetter("coordinates"), geometries)), nested)
            offsets: list[NDArray[np.int32]] = []
            whole = True
            for _ in range(levels):
                offsets.insert(0, array.offsets.to_numpy())
                whole = whole and array.null_count == 0 and bool((np.diff(offsets[0]) > 0).all())
                array = array.flatten()
            whole = whole and array.null_count == array.flatten().null_count == 0
            corners = array.flatten().to_numpy(zero_copy_only=False).reshape(-1, 2)
            # GEOS takes lists without corners, and null ones, for granted here, and reads beyond its memory.
            if whole and np.isfinite(corners).all():
                polygons: NDArray[Any] = shapely.from_ragged_array(made, corners, tuple(offsets))
                return polygons
        except (pa.ArrowInvalid, ValueError):  # of corners with heights, or of something else than corners
            pass
    text = json.dumps({"type": "GeometryCollection", "geometries": geometries}, allow_nan=False)
    parts: NDArray[Any] = shapely.get_parts(shapely.from_geojson(text))
    return parts
