"""Values to the types that algorithms declare, as Earth Engine promotes them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from shapely.errors import ShapelyError

from gee_scripts.engine.local.assets.catalog import Catalog
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.rasters.domains import Projection, is_geographic
from gee_scripts.engine.local.rasters.raster import MASKED, VALID, Band, Constant, PixelType, check_bands
from gee_scripts.engine.local.times import milliseconds
from gee_scripts.engine.local.type_names import type_name
from gee_scripts.engine.local.values import (
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
    geometry_of,
)


class Mismatch(Exception):
    """A value cannot become what is expected."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.found = type_name(value)
        self.text = str(value)[:120]


def promoted(value: Any, declared: str, catalog: Catalog, nulls: bool = False) -> Any:
    """The value as the declared type; `nulls` tells whether a list of a type may hold null.

    Raises:
        Mismatch: it cannot be.
        AssetMissing: it names an asset that is not there.
    """
    plain, inner = _parts(declared)
    if plain == "List":
        items = _list(value)
        return items if inner in ("", "Object") else [
            None if nulls and item is None else promoted(item, inner, catalog) for item in items]
    if value is None:
        raise Mismatch(value)
    if plain in ("Image", "ImageCollection", "FeatureCollection"):
        return _LOADED[plain](value, catalog)
    change = _TYPES.get(plain)
    if change is None:
        return value
    return change(value)


@lru_cache(maxsize=256)
def _parts(declared: str) -> tuple[str, str]:
    """List<Image> -> List, Image."""
    plain, _, inner = declared.rstrip(">").partition("<")
    return plain, inner


def constant_bands(value: Any) -> tuple[Band, ...]:
    """Bands of one number or array, or of a list of them, everywhere.

    Raises:
        Mismatch: it holds something else.
        EngineError: it is too long.
    """
    several = isinstance(value, list | tuple)
    check_bands(len(value) if several else 1)
    bands = []
    for number, item in enumerate(value if several else [value]):
        if isinstance(item, bool | int | float | np.generic | np.ndarray):
            array = np.asarray(item)
        else:
            raise Mismatch(item)
        if array.dtype.kind in "biu" and array.ndim == 0:
            # The narrowest of the types that hold any integer in play.
            array = array.astype(np.int32 if -2**31 <= int(array) < 2**31 else np.int64)
        bands.append(Band(name="constant" if number == 0 else f"constant_{number}",
                          type=PixelType(array.dtype, array.ndim), composite=True, values=Constant(array)))
    return tuple(bands)


def _image(value: Any, catalog: Catalog) -> Image:
    match value:
        case Image():
            return value
        case str():
            return catalog.image(value)
        case bool() | int() | float() | list() | np.generic() | np.ndarray():
            return Image(bands=constant_bands(value))
    raise Mismatch(value)


def _images(value: Any, catalog: Catalog) -> Collection:
    match value:
        case Collection() if not value.items or isinstance(value.items[0], Image):
            return value
        case str():
            return catalog.collection(value)
        case Image():
            return Collection((value,), "Image")
        case list():
            return Collection(tuple(_image(item, catalog) for item in value), "Image")
    raise Mismatch(value)


def _features(value: Any, catalog: Catalog) -> Collection:
    match value:
        case Collection():
            return value
        case str():
            return catalog.table(value)
        case Feature() | Geometry():
            return Collection((_feature(value),))
        case list():
            return Collection(tuple(map(_element, value)))
    raise Mismatch(value)


_LOADED: dict[str, Callable[[Any, Catalog], Any]] = {"Image": _image, "ImageCollection": _images,
                                                     "FeatureCollection": _features}


def _list(value: Any) -> list[Any]:
    match value:
        case list():
            return value
        case tuple():
            return list(value)
        case np.ndarray():
            nested: list[Any] = value.tolist()
            return nested
        case str() | int() | float() | Geometry() | Image() | Feature() | Filter():
            return [value]
    raise Mismatch(value)


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return float(value) if value.bit_length() < _MOST_BITS_OF_DOUBLES else math.inf if value > 0 else -math.inf
    if isinstance(value, int | float):
        return value
    raise Mismatch(value)


# Integers have 64 bits; beyond them, numbers are doubles.
_MOST_BITS, _MOST_BITS_OF_DOUBLES = 63, 1024


def _integer(value: Any) -> int:
    number = _number(value)
    if number != number or number in (float("inf"), float("-inf")):
        raise Mismatch(value)
    return int(number)


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise Mismatch(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool | int | float):
        return bool(value)
    raise Mismatch(value)


def _date(value: Any) -> Date:
    if isinstance(value, Date):
        return value
    try:
        return Date(milliseconds(value))
    except (TypeError, ValueError) as error:
        raise Mismatch(value) from error


def _date_range(value: Any) -> DateRange:
    if isinstance(value, DateRange):
        return value
    start = _date(value).milliseconds
    return DateRange(start, start + 1)


def _dictionary(value: Any) -> Mapping[str, Any]:
    match value:
        case dict():
            return value
        case Image() | Feature() | Collection():
            return value.properties
    raise Mismatch(value)


def _geometry(value: Any) -> Geometry:
    match value:
        case Geometry():
            return value
        case Feature() | Image() | Collection():
            found = geometry_of(value)
            if found is not None:
                return found
        case {"type": _, "coordinates": _} | {"type": _, "geometries": _}:
            try:
                return Geometry(shapely.geometry.shape(value))
            except (ShapelyError, ValueError, TypeError, LookupError, AttributeError) as error:
                raise Mismatch(value) from error
    raise Mismatch(value)


def _feature(value: Any) -> Feature:
    if isinstance(value, Feature):
        return value
    return Feature(geometry=_geometry(value))


def _element(value: Any) -> Any:
    return value if isinstance(value, Image | Feature | Collection) else _feature(value)


def _projection(value: Any) -> Projection:
    match value:
        case Projection():
            return value
        case str():
            is_geographic(value)  # or it is refused
            return Projection(value)
        case {"crs": str(crs)}:
            try:
                a, b, c, d, e, f = map(float, value.get("transform", (1, 0, 0, 0, 1, 0)))
            except (ValueError, TypeError) as error:
                raise Mismatch(value) from error
            return Projection(crs, (a, b, c, d, e, f))
    raise Mismatch(value)


def _error_margin(value: Any) -> float:
    return float(_number(value.get("value") or 0) if isinstance(value, dict) else _number(value))


def _array(value: Any) -> np.ndarray[Any, Any]:
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, list | int | float | np.generic):
        raise Mismatch(value)
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError) as error:
        raise Mismatch(value) from error
    if array.size == 0 or array.dtype.kind not in "biuf":
        raise Mismatch(value)
    if array.dtype.kind in "biu":
        # The narrowest of the types that hold any integer in play, as for constant images.
        inside = int(array.min()) >= -2**31 and int(array.max()) < 2**31
        array = array.astype(np.int32 if inside else np.int64)
    return array


def _pixel_type(value: Any) -> PixelType:
    if isinstance(value, PixelType):
        return value
    if isinstance(value, str) and value in DTYPES:
        return PixelType.of(DTYPES[value])
    raise Mismatch(value)


DTYPES: Mapping[str, Any] = {
    "byte": np.uint8, "uint8": np.uint8, "int8": np.int8, "uint16": np.uint16, "int16": np.int16, "short": np.int16,
    "uint32": np.uint32, "int32": np.int32, "int": np.int32, "int64": np.int64, "long": np.int64,
    "float": np.float32, "double": np.float64,
}
"""Earth Engine's names of pixel types."""


def _only(*classes: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if isinstance(value, classes):
            return value
        raise Mismatch(value)

    return check


_TYPES: Mapping[str, Callable[[Any], Any]] = {
    "Number": _number, "Float": _number, "Integer": _integer, "Long": _integer, "String": _string,
    "Boolean": _boolean, "Date": _date, "DateRange": _date_range, "Dictionary": _dictionary,
    "Geometry": _geometry, "Feature": _feature, "Element": _element, "Projection": _projection,
    "ErrorMargin": _error_margin, "Array": _array, "PixelType": _pixel_type, "Filter": _only(Filter),
    "Reducer": _only(Reducer), "Kernel": _only(Kernel), "ConfusionMatrix": _only(ConfusionMatrix),
    "Join": _only(Join), "Algorithm": _only(Closure),
}


def static_mask(band: Band) -> Any:
    """The mask node that a constant band means as a mask: `VALID`, `MASKED`, or None where it is not constant."""
    if isinstance(band.values, Constant) and band.mask is VALID and band.type.dimensions == 0:
        value = float(band.values.value)
        if value <= 0:
            return MASKED
        if value >= 1:
            return VALID
    return None
