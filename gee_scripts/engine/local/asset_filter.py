"""The conditions that listAssets takes: comparisons joined by AND, as the client writes them.

`startTime >= "2024-01-01T00:00:00Z" AND properties.tile="31UFQ" AND intersects("{'type': 'Point', …}")`.
A part of https://google.aip.dev/160; what is not understood is refused, never ignored.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import shapely

from agrispec.formats.asset_tree import Asset
from agrispec.formats.stac import footprint
from gee_scripts.engine.local.refusals import Refusal

_COMPARISON = re.compile(r"""([\w.:]+)\s*(>=|<=|!=|=|<|>)\s*("[^"]*"|'[^']*'|[^\s"']+)""")
_INTERSECTS = re.compile(r'intersects\(\s*"([^"]*)"\s*\)')
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge, "<=": operator.le, "!=": operator.ne, "=": operator.eq, "<": operator.lt, ">": operator.gt}


def accepts(condition: str, asset: Asset) -> bool:
    """Whether an asset fulfils a condition; the empty one is always fulfilled.

    Raises:
        Refusal: the condition is not understood.
    """
    return all(_accepts(part.strip(), asset) for part in re.split(r"\s+AND\s+", condition) if part.strip())


def _accepts(part: str, asset: Asset) -> bool:
    if found := _INTERSECTS.fullmatch(part):
        return bool(_region(found[1]).intersects(_outline(asset)))
    found = _COMPARISON.fullmatch(part)
    if found is None:
        raise Refusal(400, f"Invalid filter: the local engine does not understand '{part}'.")
    name, symbol, text = found[1], found[2], found[3].strip("\"'")
    if name in ("startTime", "endTime"):
        actual = asset.properties.get("system:time_start" if name == "startTime" else "system:time_end")
        if name == "endTime" and actual is None:
            actual = asset.time_start
        return actual is not None and _OPERATORS[symbol](actual, _milliseconds(text))
    actual = {"name": asset.id, "id": asset.id, "type": asset.type.value}.get(
        name, asset.properties.get(name.removeprefix("properties.")))
    if actual is None:
        return False
    if isinstance(actual, int | float):
        try:
            return _OPERATORS[symbol](actual, float(text))
        except ValueError:
            return symbol == "!="
    return _OPERATORS[symbol](str(actual), text)


def _milliseconds(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refusal(400, f"Invalid filter: '{text}' is not a time.") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000


def _region(text: str) -> shapely.Geometry:
    try:
        # The client writes GeoJSON with single quotes inside the filter's double ones.
        return shapely.from_geojson(json.dumps(json.loads(text.replace("'", '"')))) if "{" in text else \
            shapely.from_wkt(text)
    except (ValueError, shapely.GEOSException) as error:
        raise Refusal(400, f"Invalid filter: '{text}' is not a geometry.") from error


def _outline(asset: Asset) -> shapely.Geometry:
    if asset.grid is not None:
        return shapely.Polygon(footprint(asset.grid))
    return shapely.box(*asset.bounds) if asset.bounds else shapely.Point()
