"""Whether an image asset is the file that it was made of: counts over all of it, pixels of all or a sample of it, and
what the engine says of it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np

from agrispec.engine import Engine, Expression
from agrispec.errors import TaskFailed
from agrispec.formats import geotiff, npy
from agrispec.grid import Grid
from agrispec.season import Season
from exports.inspection.asset import pixel_type
from exports.publishing.plan import FILE_DIGEST, Product
from exports.publishing.routes import times

# https://developers.google.com/earth-engine/reference/rest/v1/projects.image/computePixels: 48 MB a request.
_TILE = 2048
# Of an image of more pixels than a tile only so many windows of this side are read back.
_WINDOW, _WINDOWS = 256, 32

_MEND = "delete that asset, then publish again; if it stays so, report it with the run's manifest.json"


class Graphs(Protocol):
    """What `gee_scripts.export` offers; see there."""

    def image(self, asset_id: str, missing: float) -> Expression: ...

    def histogram(self, asset_id: str, grid: Grid) -> Expression: ...

    def spread(self, asset_id: str, grid: Grid) -> Expression: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What was found equal.

    Attributes:
        pixels: read back one by one.
        total: of the image, of which the engine's counts are.
    """

    pixels: int
    total: int


def compare(engine: Engine, graphs: Graphs, image: Product, asset_id: str) -> Compared:
    """Compare an asset with the file of a product.

    The engine counts every value of integers, and the pixels, least and greatest of floats, in each tile of 2048 by
    2048 pixels; neither of masked ones, which are those that the file says are missing. Of an image of one tile's
    pixels all are read back, of a larger one those of 32 windows of 256 by 256, drawn by the file's digest.

    Raises:
        TaskFailed: they differ.
        EngineError: the engine does not count or read.
    """
    assert image.pixels is not None  # an image has them
    layout, missing = geotiff.describe(image.file), image.pixels.missing
    integers = np.dtype(layout.dtypes[0]).kind in "iu"
    compared, expression = 0, graphs.image(asset_id, missing)
    with geotiff.reading(image.file) as windows:
        for row, column, grid in layout.grid.tiles(_TILE):
            expected = _values(windows.pixels((row, column, grid.height, grid.width))[0], missing)
            asked = graphs.histogram(asset_id, grid) if integers else graphs.spread(asset_id, grid)
            found = _told(engine.compute(asked), integers)
            if found != expected:
                raise TaskFailed(f"{asset_id} has other values than {image.file}: {_differing(found, expected)}, from"
                                 f" row {row}, column {column} on", mend=_MEND)
        for row, column, grid in _sample(layout.grid, str(image.properties[FILE_DIGEST])):
            arrived = npy.decode(engine.pixels(expression, grid))[image.name]
            sent = windows.pixels((row, column, grid.height, grid.width))[0]
            differing = int((arrived != sent).sum())
            if differing:
                raise TaskFailed(f"{differing} of {sent.size} pixels of {asset_id} differ from {image.file}, from row"
                                 f" {row}, column {column} on", mend=_MEND)
            compared += sent.size
    return Compared(pixels=compared, total=layout.grid.width * layout.grid.height)


def check_description(engine: Engine, product: Product, asset_id: str, season: Season) -> None:
    """Whether what an engine says of an asset is what was asked for: its times, and of an image the name, type and
    pyramids of its band. A type or pyramids of which it says nothing are not compared.

    Raises:
        TaskFailed: it says something else.
    """
    asset = engine.asset(asset_id) or {}
    asked: dict[str, Any] = {key: datetime.fromisoformat(moment) for key, moment in times(season).items()}
    told: dict[str, Any] = {key: datetime.fromisoformat(asset[key]) if key in asset else None for key in asked}
    if product.pixels:
        dtype, bands = geotiff.describe(product.file).dtypes[0], asset.get("bands", [])
        asked |= {"bands": [product.name], "pyramidingPolicy": product.pixels.pyramiding,
                  "dataType": "float" if dtype == "float32" else dtype}
        told |= {**asked, **told, "bands": [band["id"] for band in bands]}
        for band in bands:
            told |= {"pyramidingPolicy": band["pyramidingPolicy"]} if "pyramidingPolicy" in band else {}
            told |= {"dataType": pixel_type(band["dataType"])} if "dataType" in band else {}
    for key, value in asked.items():
        if told[key] != value:
            raise TaskFailed(f"{key} of {asset_id} is {told[key]}, not {value}", mend=_MEND)


def _sample(grid: Grid, seed: str) -> Iterator[tuple[int, int, Grid]]:
    if grid.width * grid.height <= _TILE**2:
        yield from grid.tiles(_TILE)
        return
    windows = list(grid.tiles(_WINDOW))
    # Not for secrets: the same file is compared at the same places again.
    yield from random.Random(seed).sample(windows, min(_WINDOWS, len(windows)))


def _values(pixels: np.ndarray, missing: float) -> dict[str, float]:
    """Of those that are not missing: pixels by value of integers; count, min and max of floats, none without any."""
    seen = pixels[pixels != missing]
    if pixels.dtype.kind in "iu":
        values, counts = np.unique(seen, return_counts=True)
        return {str(value): float(count) for value, count in zip(values.tolist(), counts, strict=True)}
    return {"count": float(seen.size), "min": float(seen.min()), "max": float(seen.max())} if seen.size else {}


def _told(answer: Mapping[str, Any], integers: bool) -> dict[str, float]:
    """The engine's answer in the form of `_values`."""
    if integers:
        # Keys are numbers as text, "3" or "3.0".
        return {str(int(float(value))): float(count) for value, count in (answer["value"] or {}).items()}
    if not answer["value_count"]:
        return {}
    return {name.removeprefix("value_"): float(found) for name, found in answer.items()}


def _differing(found: Mapping[str, float], expected: Mapping[str, float]) -> str:
    keys = [key for key in {**expected, **found} if found.get(key) != expected.get(key)]
    return ", ".join(f"{found.get(key, 0):.7g} instead of {expected.get(key, 0):.7g} ({key})" for key in keys[:3])
