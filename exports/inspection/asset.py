"""Assets of an engine: images, tables, collections and folders, by what it says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from agrispec.engine import Engine, Expression
from agrispec.errors import AssetMissing
from exports.amounts import counted, size
from exports.inspection.text import entry, table

_LONGEST = 100
"""Characters of a property beyond which its rest is only counted."""

_BANDS = 20
"""Bands beyond which the rest are only counted."""

# https://developers.google.com/earth-engine/reference/rest/v1alpha/PixelDataType
_INTEGERS = {(0, 255): "uint8", (-128, 127): "int8", (0, 65535): "uint16", (-32768, 32767): "int16",
             (0, 2**32 - 1): "uint32", (-2**31, 2**31 - 1): "int32"}


class Graphs(Protocol):
    """What `gee_scripts.export` offers; see there."""

    def table_size(self, asset_id: str) -> Expression: ...

    def table_head(self, asset_id: str) -> Expression: ...

    def collection_span(self, asset_id: str) -> Expression: ...


def describe(asset_id: str, engine: Engine, graphs: Graphs) -> Iterator[str]:
    """What kind of asset it is, how large, what it says of itself, and what is in it.

    Raises:
        AssetMissing: the engine has no such asset.
        EngineError: the engine refuses to count what is in it.
    """
    found = engine.asset(asset_id)
    if found is None:
        raise AssetMissing(f"the {engine.name} engine of project {engine.project} has no asset {asset_id}",
                           mend="check the id, and that the project may read it")
    said: Mapping[str, Any] = found.get("properties", {})
    simulated = "true" in (said.get("simulated"), said.get("agrispec:simulated"))
    size_of = f", {size(int(found['sizeBytes']))}" if "sizeBytes" in found else ""
    yield from entry("asset", f"{asset_id}{', simulated' if simulated else ''}")
    yield from entry("engine", f"{engine.name}, project {engine.project}")
    yield from entry("kind", f"{found['type'].lower().replace('_', ' ')}{size_of}, changed"
                             f" {found.get('updateTime', 'at an unknown time')}")
    if "startTime" in found:
        yield from entry("time", f"{found['startTime']} to {found.get('endTime', 'an unknown end')}")
    if found["type"] == "IMAGE":
        yield from _bands(found.get("bands", []))
    elif found["type"] == "TABLE":
        yield from _table(asset_id, engine, graphs)
    elif found["type"] == "IMAGE_COLLECTION":
        yield from _collection(asset_id, engine, graphs)
    if said:
        yield from entry("properties", *(f"{name}: {_short(str(value))}" for name, value in said.items()))


def _bands(bands: list[dict[str, Any]]) -> Iterator[str]:
    rows = []
    for band in bands[:_BANDS]:
        grid = band.get("grid", {})
        wide, affine = grid.get("dimensions", {}), grid.get("affineTransform", {})
        rows.append([band["id"], pixel_type(band.get("dataType", {})), band.get("pyramidingPolicy", "-"),
                     f"{wide.get('height', '?')} x {wide.get('width', '?')}", f"{affine.get('scaleX', 0):.6g}",
                     grid.get("crsCode", "-")])
    more = f", of which the first {_BANDS} are shown" if len(bands) > _BANDS else ""
    yield from entry("bands", f"{counted(len(bands), 'band')}{more}")
    yield from table(["band", "type", "pyramid", "rows x columns", "pixel", "crs"], rows)


def pixel_type(told: Mapping[str, Any]) -> str:
    """The type of pixels that an engine describes, in a word: uint8, float, …"""
    precision = told.get("precision", "unknown").lower()
    span = told.get("range", {})
    if precision != "int":
        return str(precision)
    # The service leaves out what is 0.
    least, most = int(span.get("min", 0)), int(span.get("max", 0))
    return _INTEGERS.get((least, most), f"int {least} to {most}")


def _table(asset_id: str, engine: Engine, graphs: Graphs) -> Iterator[str]:
    count = int(engine.compute(graphs.table_size(asset_id)))
    yield from entry("features", f"{count:,}")
    for first in engine.features(graphs.table_head(asset_id)):
        geometry = (first.get("geometry") or {}).get("type", "none")
        yield from entry("columns", f"of the first feature, whose geometry is {geometry}:",
                         *(f"{name}: {'text' if isinstance(value, str) else 'number'}, e.g. {_short(str(value))}"
                           for name, value in first["properties"].items()))


def _collection(asset_id: str, engine: Engine, graphs: Graphs) -> Iterator[str]:
    count, first, last = engine.compute(graphs.collection_span(asset_id))
    span = "" if first is None else f", first {_moment(first)}, last {_moment(last)}"
    yield from entry("images", f"{int(count):,}{span}")


def _moment(milliseconds: float) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ... ({len(text):,} characters)"
