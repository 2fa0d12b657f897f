"""What the fields of requests hold: what does not fit is refused by its name, before anything is done with it.

One table serves all routes, as a field means the same in each. Fields that are not in it pass as they are.
A field that holds null, an empty string or the choice that leaves it open (DATA_TYPE_UNSPECIFIED) is as good as
absent: https://protobuf.dev/programming-guides/field_presence/. A field of `properties` is none of ours, and stays.
Source: https://developers.google.com/earth-engine/reference/rest, and for numbers in strings, which the client
writes where a number may have 64 bits, https://protobuf.dev/programming-guides/json/.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gee_scripts.engine.local.refusals import Refusal

TEXT, CHOICE, FLAG, NUMBER, INTEGER, SIZE, OBJECT, TIME = (
    "a string", "a choice by its name", "true or false", "a number", "an integer", "an integer of 0 or more",
    "an object", "a time, such as 2024-05-01T00:00:00Z")


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A number that the reference writes as it is and the client as {"value": number}; it becomes the latter.

    https://developers.google.com/earth-engine/reference/rest/v1/VisualizationOptions
    """

    kind: str


_AFFINE = dict.fromkeys(("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY"), NUMBER)
_PIXELS = {"width": SIZE, "height": SIZE}
_MISSING = {"values": [NUMBER]}
_ASSET = {"type": CHOICE, "properties": OBJECT, "startTime": TEXT, "endTime": TEXT, "start_time": TEXT,
          "end_time": TEXT}
_MANIFEST = {"name": TEXT, "properties": OBJECT, "startTime": TIME, "endTime": TIME, "uriPrefix": TEXT}

REQUEST: Mapping[str, Any] = {
    **_ASSET,
    "expression": OBJECT, "pageSize": SIZE, "pageToken": TEXT, "bandIds": [TEXT], "fileFormat": CHOICE,
    "grid": {"crsCode": TEXT, "dimensions": _PIXELS, "affineTransform": _AFFINE},
    "visualizationOptions": {"ranges": [{"min": NUMBER, "max": NUMBER}], "paletteColors": [TEXT],
                             "gamma": Wrapped(NUMBER), "opacity": Wrapped(NUMBER)},
    "maxConcurrentExports": SIZE, "max_concurrent_exports": SIZE, "filename": TEXT, "filenamePrefix": TEXT,
    "description": TEXT, "requestId": TEXT, "selectors": [TEXT], "priority": Wrapped(SIZE),
    "maxPixels": Wrapped(SIZE), "maxWorkers": Wrapped(SIZE), "maxVertices": Wrapped(SIZE),
    "fileExportOptions": {
        "fileFormat": CHOICE, "cloudStorageDestination": {"bucket": TEXT, "filenamePrefix": TEXT},
        "geoTiffOptions": {"tileDimensions": _PIXELS, "noData": {"floatValue": NUMBER}, "cloudOptimized": FLAG},
        "tfRecordOptions": {"tileDimensions": _PIXELS, "marginDimensions": _PIXELS, "defaultValue": NUMBER,
                            "compress": FLAG, "maxMaskedRatio": Wrapped(NUMBER), "maxSizeBytes": Wrapped(SIZE)}},
    "assetExportOptions": {"earthEngineDestination": {"name": TEXT, "overwrite": FLAG}, "pyramidingPolicy": CHOICE,
                           "pyramidingPolicyOverrides": {"*": CHOICE}},
    "overwrite": FLAG,
    "imageManifest": {
        **_MANIFEST, "pyramidingPolicy": CHOICE, "missingData": _MISSING,
        "tilesets": [{"id": TEXT, "dataType": CHOICE, "crs": TEXT,
                      "sources": [{"uris": [TEXT], "affineTransform": _AFFINE}]}],
        "bands": [{"id": TEXT, "tilesetId": TEXT, "tilesetBandIndex": SIZE, "pyramidingPolicy": CHOICE,
                   "missingData": _MISSING}]},
    "tableManifest": {
        **_MANIFEST,
        "sources": [{"uris": [TEXT], "charset": TEXT, "csvDelimiter": TEXT, "csvQualifier": TEXT, "xColumn": TEXT,
                     "yColumn": TEXT, "primaryGeometryColumn": TEXT, "crs": TEXT}],
        "columnDataTypeOverrides": {"*": CHOICE}},
    "asset": _ASSET, "updateMask": {"paths": [TEXT]}, "destinationName": TEXT, "policy": OBJECT,
}
"""Name -> what it holds: a kind, a wrapped one, [what each element holds], or {name: …}, "*" being any name."""


def checked(request: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a request, less those that are as good as absent.

    Raises:
        Refusal: 400, a field holds what it cannot hold.
    """
    return {name: value if name not in REQUEST else _checked(value, REQUEST[name], name)
            for name, value in request.items() if not _absent(value, REQUEST.get(name))}


def _absent(value: Any, form: Any) -> bool:
    return value is None or (form in (TEXT, CHOICE, TIME) and value == "") or (
        form == CHOICE and isinstance(value, str) and value.endswith("_UNSPECIFIED"))


def _checked(value: Any, form: Any, path: str) -> Any:
    if isinstance(form, Wrapped):
        wrapped = isinstance(value, Mapping)
        return _checked(value, {"value": form.kind}, path) if wrapped else {"value": _checked(value, form.kind, path)}
    if isinstance(form, Mapping):
        if not isinstance(value, Mapping):
            raise _misfit(value, OBJECT, path)
        forms = {name: form.get(name, form.get("*")) for name in value}
        return {name: item if forms[name] is None else _checked(item, forms[name], f"{path}.{name}")
                for name, item in value.items() if not _absent(item, forms[name])}
    if isinstance(form, list):
        if not isinstance(value, list):
            raise _misfit(value, "a list", path)
        return [_checked(item, form[0], f"{path}[{place}]") for place, item in enumerate(value)]
    if form == TIME and isinstance(value, Mapping):
        return _checked(value, {"seconds": INTEGER}, path)
    if not _HOLDS[form](value):
        raise _misfit(value, form, path)
    return value


def _misfit(value: Any, expected: str, path: str) -> Refusal:
    return Refusal(400, f"Invalid value at '{path}': {str(value)[:80]!r} is not {expected}.")


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, int | float | str) and not isinstance(value, bool) and float(value) is not None
    except (ValueError, OverflowError):
        return False


def _is_integer(value: Any) -> bool:
    if isinstance(value, str):
        return re.fullmatch(r"-?[0-9]{1,18}", value) is not None
    return _is_number(value) and float(value).is_integer()


_HOLDS: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys((TEXT, CHOICE, TIME), lambda value: isinstance(value, str)),
    FLAG: lambda value: isinstance(value, bool), NUMBER: _is_number, INTEGER: _is_integer,
    SIZE: lambda value: _is_integer(value) and int(value) >= 0, OBJECT: lambda value: isinstance(value, Mapping),
}
