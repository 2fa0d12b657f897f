"""The pixels of a map, a block of tiles at a time: those that are to be mapped and were clearly seen have series."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agrispec.cube import CubeSpec
from agrispec.engine import CONCURRENT_REQUESTS, Engine, Expression
from agrispec.errors import DataError
from agrispec.formats import npy
from agrispec.grid import Grid
from agrispec.kernels.gathering import Tiles
from exports import manifest, products, schema, shards
from exports.export.window import Window
from exports.polygons import Polygons
from exports.tiles import Tiling

_PIXELS = 16384
"""Pixels of the patches that are one block."""

# https://developers.google.com/earth-engine/reference/rest/v1/projects.image/computePixels: 48 MB a request.
_REQUEST_BYTES = 48 * 10**6

_WAITING_BYTES = 2**29
"""Pixels that were asked for and not yet taken, at most: sixteen of the largest requests."""

_LARGEST = 256
"""Side of a window at most, pixels."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Tiles that follow each other.

    Attributes:
        first: number of the first one.
        looks: (n, row, column) uint8, clear looks in the window; `products.MASKED` where nothing is to be mapped, and
            over the map's edge.
        seen: (N,) int64, the pixels with a clear look, numbered through the tiles, row by row.
        values, counts, heat: of those: (N, T, F), (N, T) and (N, T) or None, as in `exports.schema.Unpacked`.
    """

    first: int
    looks: NDArray[np.uint8]
    seen: NDArray[np.int64]
    values: NDArray[np.float32]
    counts: NDArray[np.float32]
    heat: NDArray[np.float32] | None


class Source(Protocol):
    """Where the pixels of a map come from.

    Attributes:
        spec: their cube.
        season: year in which the mapped season ends.
        tiling: the map, and how it comes.
        about: what tells this source from another, JSON types: what was begun with one goes on with its like only.
    """

    @property
    def spec(self) -> CubeSpec: ...

    @property
    def season(self) -> int: ...

    @property
    def tiling(self) -> Tiling: ...

    @property
    def about(self) -> Mapping[str, Any]: ...

    def blocks(self, done: int) -> Iterator[Block]:
        """All tiles in their order, but for the first `done`.

        Raises:
            RecordError, EngineError: the pixels cannot be had.
        """

    def stop(self) -> None:
        """Lets `blocks`, where it waits in another thread, end by an error: nothing is asked any more."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patches:
    """Pixels out of an export's TFRecord patches: a tile is a patch.

    Attributes:
        folder: with the patches, their mixer and `cube.toml`.
        spec: the cube that they must be of.
        layout: what `cube.toml` says of the map.
        aoi: what is to be mapped; None maps everything.
    """

    folder: Path
    spec: CubeSpec
    layout: shards.PatchLayout
    aoi: Polygons | None = None

    @classmethod
    def of(cls, folder: Path, spec: CubeSpec, aoi: Polygons | None = None) -> Patches:
        """The patches of a folder.

        Raises:
            SchemaMismatch: they are of another cube, or not those of their mixer.
            CorruptRecord: a file is missing, or is not the one that was exported.
        """
        shards.require(folder, spec)
        shards.check_patches(folder)
        return cls(folder=folder, spec=spec, layout=shards.layout_of(folder), aoi=aoi)

    @property
    def season(self) -> int:
        """Year in which the season ends."""
        return self.layout.season

    @property
    def tiling(self) -> Tiling:
        """A patch a tile."""
        return Tiling(grid=self.layout.grid, side=self.layout.patch)

    @property
    def about(self) -> Mapping[str, Any]:
        """Which export they are of, and what of it is to be mapped."""
        return {"patches": manifest.digest(self.folder / shards.DESCRIPTION), "aoi": self.aoi and self.aoi.digest}

    def blocks(self, done: int) -> Iterator[Block]:
        """As `Source.blocks`. Raises as `shards.patches`."""
        first = 0
        for tiles in shards.patches(self.folder, self.spec, max(1, _PIXELS // self.layout.patch**2)):
            known = min(max(done - first, 0), len(tiles))
            if known < len(tiles):
                yield _block(first + known, replace(tiles, starts=tiles.starts[known:]), self.spec, self.tiling,
                             self.aoi)
            first += len(tiles)

    def stop(self) -> None:
        """Nothing: files do not make wait."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stream:
    """Pixels that an engine computes while those before them are mapped: a tile is a request.

    Attributes:
        engine: computes them.
        graph: grid of a tile -> its pixels as `spec.patch_bands()`.
        spec, season, tiling: as in `Source`.
        mask: the asset that hides what is not to be mapped in `graph`; "" where none does.
        aoi: what is to be mapped; tiles without any of it are not asked for. None maps everything.
        window: through which they are asked for; it ends with `blocks`, which are asked for once.
    """

    engine: Engine
    graph: Callable[[Grid], Expression]
    spec: CubeSpec
    season: int
    tiling: Tiling
    mask: str = ""
    aoi: Polygons | None = None
    window: Window = field(default_factory=Window)

    @property
    def about(self) -> Mapping[str, Any]:
        """Who computes them, and what is to be mapped."""
        return {"stream": self.engine.project, "mask": self.mask, "aoi": self.aoi and self.aoi.digest}

    def blocks(self, done: int) -> Iterator[Block]:
        """As `Source.blocks`: a tile a block. Asked ahead for no more than `_WAITING_BYTES`.

        Raises:
            EngineError: the engine refuses the pixels, or does not answer for minutes.
            CancelledError: it was stopped.
        """
        numbers = iter(range(done, self.tiling.count))
        most = max(2, min(CONCURRENT_REQUESTS, _WAITING_BYTES // tile_bytes(self.spec, self.tiling.side)))
        asked: deque[tuple[int, Future[NDArray[Any]] | None]] = deque()
        with ThreadPoolExecutor(most) as pool:
            try:
                while True:
                    while len(asked) < most and (number := next(numbers, None)) is not None:
                        asked.append((number, self._asked(number, pool)))
                    if not asked:
                        return
                    number, answer = asked.popleft()
                    yield self._block(number, answer)
                    del answer
            finally:
                self.stop()
                for _, answer in asked:
                    if answer is not None:
                        answer.cancel()

    def stop(self) -> None:
        """As `Source.stop`. Requests that are under way are waited for."""
        self.window.end()

    def _asked(self, number: int, pool: ThreadPoolExecutor) -> Future[NDArray[Any]] | None:
        grid = self.tiling.inside(number)
        if self.aoi is not None and not self.aoi.touch(grid):
            return None
        request = partial(self.engine.pixels, self.graph(grid), grid)
        return pool.submit(lambda: npy.decode(self.window.ask(request)))

    def _block(self, number: int, answer: Future[NDArray[Any]] | None) -> Block:
        side, bands = self.tiling.side, self.spec.patch_bands()
        grid = self.tiling.inside(number)
        images = np.zeros((len(bands), side, side), np.float32)
        if answer is None:
            images[-1] = self.spec.fill
        else:
            found = answer.result()
            if found.shape != grid.shape or not set(bands) <= set(found.dtype.names or ()):
                raise DataError(f"the engine answered {found.shape} pixels of {len(found.dtype.names or ())} bands,"
                                f" {grid.shape} of {len(bands)} were asked for", mend="predict again")
            for image, band in zip(images, bands, strict=True):
                image[:grid.height, :grid.width] = found[band]
        return _block(number, Tiles.of(images.reshape(1, len(bands), -1)), self.spec, self.tiling, self.aoi)


def tile_bytes(spec: CubeSpec, side: int) -> int:
    """Bytes of the pixels of a tile."""
    return 4 * len(spec.patch_bands()) * side**2


def window_side(spec: CubeSpec) -> int:
    """Side of the largest square window that an engine computes at once, a power of two."""
    side = _LARGEST
    while tile_bytes(spec, side) > _REQUEST_BYTES:
        side //= 2
    return side


def _block(first: int, tiles: Tiles, spec: CubeSpec, tiling: Tiling, aoi: Polygons | None) -> Block:
    """The block of tiles from number `first` on."""
    side, numbers = tiling.side, range(first, first + len(tiles))
    counts = schema.looks(tiles, spec)
    wanted = np.stack([_wanted(number, tiling, aoi) for number in numbers]).reshape(-1)
    # Where the mask of the graph hides a pixel all its bands, its counts, too, hold the fill.
    wanted &= counts[:, -1] >= 0
    total = np.where(wanted, counts.sum(axis=1), 0)
    looks = np.where(wanted, np.minimum(total, products.MOST_LOOKS), products.MASKED).astype(np.uint8)
    seen = np.flatnonzero(total > 0)
    found = schema.gather(tiles, spec, seen)
    return Block(first=first, looks=looks.reshape(-1, side, side), seen=seen, values=found.values, counts=found.counts,
                 heat=found.heat)


def _wanted(number: int, tiling: Tiling, aoi: Polygons | None) -> NDArray[np.bool_]:
    inside = tiling.inside(number)
    wanted = np.zeros((tiling.side, tiling.side), np.bool_)
    wanted[:inside.height, :inside.width] = True if aoi is None else aoi.numbers(inside) >= 0
    return wanted
