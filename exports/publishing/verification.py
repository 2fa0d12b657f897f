"""Whether an image asset is the file that it was made of: counts over all of it, pixels of all or a sample of it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from agrispec.engine import Engine, Expression
from agrispec.errors import TaskFailed
from agrispec.formats import geotiff, npy
from agrispec.grid import Grid
from exports.publishing.plan import FILE_DIGEST, Product

# https://developers.google.com/earth-engine/reference/rest/v1/projects.image/computePixels: 48 MB a request.
_TILE = 2048
# Of an image of more pixels than a tile only so many windows of this side are read back.
_WINDOW, _WINDOWS = 256, 32

_MEND = "delete that asset, then publish again; if it stays so, report it with the run's manifest.json"


class Graphs(Protocol):
    """What `gee_scripts.export` offers; see there."""

    def image(self, asset_id: str, missing: float) -> Expression: ...

    def histogram(self, asset_id: str, missing: float, grid: Grid) -> Expression: ...

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
    2048 pixels. Of an image of one tile's pixels all are read back, of a larger one those of 32 windows of 256 by 256,
    drawn by the file's digest.

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
            asked = graphs.histogram(asset_id, missing, grid) if integers else graphs.spread(asset_id, grid)
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


def _sample(grid: Grid, seed: str) -> Iterator[tuple[int, int, Grid]]:
    if grid.width * grid.height <= _TILE**2:
        yield from grid.tiles(_TILE)
        return
    windows = list(grid.tiles(_WINDOW))
    # Not for secrets: the same file is compared at the same places again.
    yield from random.Random(seed).sample(windows, min(_WINDOWS, len(windows)))


def _values(pixels: np.ndarray, missing: float) -> dict[str, float]:
    """Pixels by value of integers; count, min and max of floats that are not missing, none where all are."""
    if pixels.dtype.kind in "iu":
        values, counts = np.unique(pixels, return_counts=True)
        return {str(value): float(count) for value, count in zip(values.tolist(), counts, strict=True)}
    seen = pixels[pixels != missing]
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
