"""Values as the JSON that `getInfo()` gives."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import shapely

from agrispec.errors import EngineError
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.language.registry import MOST_ITEMS
from gee_scripts.engine.local.limits import Limits
from gee_scripts.engine.local.rasters.domains import Projection
from gee_scripts.engine.local.rasters.raster import Band, PixelType
from gee_scripts.engine.local.type_names import type_name
from gee_scripts.engine.local.values import (
    SYSTEM_INDEX,
    Closure,
    Collection,
    ConfusionMatrix,
    Date,
    DateRange,
    Feature,
    Filter,
    Image,
    Join,
    Kernel,
    Reducer,
    get,
)

MOST_ELEMENTS = Limits().elements


def check_length(value: Any) -> None:
    """Whether nested lists, dictionaries and elements, of which one may stand in many places, can be written out.

    Raises:
        EngineError: they cannot, or are nested too deeply.
    """
    known: dict[int, int] = {}

    def length(item: Any) -> int:
        if isinstance(item, Feature | Image):
            item = item.properties
        if not isinstance(item, list | tuple | dict):
            return 1
        if id(item) not in known:
            known[id(item)] = 1 + sum(map(length, item.values() if isinstance(item, dict) else item))
        return known[id(item)]

    try:
        if length(value) > MOST_ITEMS:
            raise EngineError("User memory limit exceeded.", mend="ask for less at once")
    except RecursionError as error:
        raise EngineError("The value is nested too deeply to be sent", mend="ask for a part of it") from error


def encode(value: Any, most: int = MOST_ELEMENTS) -> Any:
    """A value as JSON values; a collection in it has at most `most` elements.

    Raises:
        EngineError: a collection has more elements than the service sends at once.
    """
    match value:
        case None | str() | bool() | int() | float():
            return value
        case np.generic():
            return value.item()
        case np.ndarray():
            return value.tolist()
        case ConfusionMatrix():
            return value.counts.tolist()
        case list() | tuple():
            return [encode(item, most) for item in value]
        case dict():
            return {name: encode(item, most) for name, item in value.items()}
        case Image():
            return _image(value, most)
        case Feature():
            return _feature(value, most)
        case Collection():
            return _collection(value, most)
        case Geometry():
            return _geometry(value)
        case Date():
            return {"type": "Date", "value": value.milliseconds}
        case DateRange():
            return {"type": "DateRange", "dates": [value.start, value.end]}
        case Projection():
            return {"type": "Projection", "crs": value.crs, "transform": list(value.transform)}
        case PixelType():
            return _pixel_type(value)
        case Reducer():
            return {"type": "Reducer", "outputs": list(value.outputs)}
        case Kernel():
            return {"type": f"Kernel.{value.kind}", "radius": value.radius, "units": value.units}
        case Filter() | Join() | Closure():
            return {"type": type_name(value)}
        case bytes():
            return value.decode("latin-1")
    raise EngineError(f"a {type_name(value)} has no JSON form", mend="ask for a property or a number of it")


def as_json(value: Any) -> str:
    """JSON text of what `encode` gives. NaN and infinite numbers, which JSON has no form for, are null."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case list() | tuple():
            return [_finite(item) for item in value]
        case dict():
            return {name: _finite(item) for name, item in value.items()}
    return value


def geojson(geometry: Geometry) -> dict[str, Any]:
    """A geometry as GeoJSON: degrees, longitude first."""
    found: dict[str, Any] = json.loads(shapely.to_geojson(geometry.degrees))
    return found


def _geometry(geometry: Geometry) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shapely.to_geojson(geometry.shape))
    if geometry.shape.geom_type == "LinearRing":
        found["type"] = "LinearRing"  # no type of GeoJSON's, but of the client's
    if geometry.crs != "EPSG:4326":
        found["crs"] = {"type": "name", "properties": {"name": geometry.crs}}
    if not geometry.geodesic and geometry.shape.geom_type not in ("Point", "MultiPoint"):
        found["geodesic"] = False
    return found


def _pixel_type(kind: PixelType) -> dict[str, Any]:
    precision = {"f4": "float", "f8": "double"}.get(kind.dtype.str[1:], "int")
    found: dict[str, Any] = {"type": "PixelType", "precision": precision}
    if kind.limits is not None:
        found |= {"min": kind.limits[0], "max": kind.limits[1]}
    elif precision == "int":
        limits = np.iinfo(kind.dtype)
        found |= {"min": int(limits.min), "max": int(limits.max)}
    if kind.dimensions:
        found["dimensions"] = kind.dimensions
    return found


def _band(band: Band) -> dict[str, Any]:
    found: dict[str, Any] = {"id": band.name, "data_type": _pixel_type(band.type)}
    if band.size is not None:
        found["dimensions"] = [band.size[1], band.size[0]]
    return found | {"crs": band.projection.crs, "crs_transform": list(band.projection.transform)}


def _image(image: Image, most: int) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "Image", "bands": [_band(band) for band in image.bands]}
    if image.id is not None:
        found["id"] = image.id
    if image.properties:
        found["properties"] = encode(dict(image.properties), most)
    return found


def _feature(feature: Feature, most: int) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "Feature",
                             "geometry": None if feature.geometry is None else _geometry(feature.geometry)}
    if get(feature, SYSTEM_INDEX) is not None:
        found["id"] = get(feature, SYSTEM_INDEX)
    return found | {"properties": {name: encode(value, most) for name, value in feature.properties.items()
                                   if name != SYSTEM_INDEX}}


def _collection(collection: Collection, most: int) -> dict[str, Any]:
    if len(collection.items) > most:
        raise EngineError(f"Collection query aborted after accumulating over {most} elements.",
                          mend="limit the collection, or export it")
    found: dict[str, Any] = {"type": f"{collection.kind}Collection"}
    found["bands" if collection.kind == "Image" else "columns"] = [] if collection.kind == "Image" else {}
    if collection.id is not None:
        found["id"] = collection.id
    if collection.properties:
        found["properties"] = encode(dict(collection.properties), most)
    return found | {"features": [encode(item, most) for item in collection.items]}
