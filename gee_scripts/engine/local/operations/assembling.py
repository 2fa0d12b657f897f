"""Images into the asset tree, tile by tile: no more than a few tiles of them are held, whatever their size.

What has no mask in a file needs a no-data value, which no valid pixel may hold, and that is known when the last
tile is there. So pixels are laid down as they come, masked ones as 0, and which are masked beside them; where 0
turns out to be a value, they are copied with another one. Then the pyramids are made, by policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.formats import geotiff
from agrispec.formats.asset_tree import AssetBand, AssetTree
from agrispec.formats.stac import Property, check_band_ids
from agrispec.grid import Grid
from gee_scripts.engine.local.images.pixels import TILE, Pixels
from gee_scripts.engine.local.rasters.nodata import Unused
from gee_scripts.engine.local.rasters.pyramids import Pyramid, at_level, coarser, last_level

# Pixels of all bands of which levels are made at once, unless one pixel of the last level is made of more.
_MOST = 2**22

Dtypes = Mapping[str, np.dtype[Any]]

Tile = tuple[int, int, Sequence[Pixels]]
"""Row and column of its upper left pixel, and the pixels of each band; they lie on multiples of `TILE`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Bands that share a file, for their pyramids are made alike.

    Attributes:
        policy: how.
        names: of the bands, in order.
        places: of the bands in the image.
        dtype: the narrowest type that holds all of them.
    """

    policy: str
    names: tuple[str, ...]
    places: tuple[int, ...]
    dtype: np.dtype[Any]


def write_image(tree: AssetTree, asset_id: str, tiles: Iterable[Tile], *, dtypes: Dtypes, grid: Grid,
                policies: Mapping[str, str], properties: Mapping[str, Property], nodata: float | None = None,
                overwrite: bool = False, between: Callable[[], None] = lambda: None) -> None:
    """Write an image asset of tiles that are computed one by one: COGs with pyramids, a file a policy.

    Args:
        tree: where to.
        asset_id: its id.
        tiles: that cover `grid`, once.
        dtypes: band id -> type of its pixels.
        grid: where the pixels are.
        policies: band id -> how coarser pixels are made.
        properties: of the asset.
        nodata: a value that masks pixels already, in every band; None where masks say it.
        overwrite: replace an asset of that id.
        between: called while files are copied; it may raise to end the work.

    Raises:
        AssetExists, DataError, StorageError: as `AssetTree.publish_image`.
    """
    check_band_ids(dtypes)
    with tree.unfinished(asset_id, overwrite=overwrite) as folder:
        groups = _groups(dtypes, policies)
        bases = [folder / f"base{number}.tif" for number in range(len(groups))]
        if nodata is None:
            floats = all(dtype.kind == "f" for dtype in dtypes.values())
            hidden, unused = folder / "hidden.tif", Unused(dtypes)
            any_hidden = _lay(tiles, groups, bases, grid, hidden, unused, float("nan") if floats else None)
            if any_hidden:
                dtypes, nodata = unused.value()
                if not floats and (nodata != 0 or dtypes != unused.dtypes):
                    again = _groups(dtypes, policies)
                    for old, group, base in zip(groups, again, list(bases), strict=True):
                        bases[bases.index(base)] = _changed(base, hidden, old, group, grid, nodata, between)
                    groups = again
        else:
            _lay(tiles, groups, bases, grid, None, None, nodata)
        bands: dict[str, AssetBand] = {}
        for number, (group, base) in enumerate(zip(groups, bases, strict=True)):
            levels = write_levels(base, grid, group.names, group.dtype, Pyramid(policy=group.policy, nodata=nodata),
                                  between)
            target = folder / f"whole{number}.tif"
            between()
            geotiff.cloud_optimise(base, levels, target, nodata=nodata)
            bands |= {name: AssetBand(id=name, dtype=dtypes[name].name, pyramiding=group.policy, file=target,
                                      index=index, levels=len(levels)) for index, name in enumerate(group.names)}
        tree.publish_image(asset_id, bands=[bands[name] for name in dtypes], grid=grid, nodata=nodata,
                           properties=properties, overwrite=overwrite)


def _groups(dtypes: Dtypes, policies: Mapping[str, str]) -> list[Group]:
    found: dict[str, list[tuple[int, str]]] = {}
    for place, name in enumerate(dtypes):
        found.setdefault(policies[name], []).append((place, name))
    return [Group(policy=policy, names=tuple(name for _, name in bands), places=tuple(place for place, _ in bands),
                  dtype=np.result_type(*(dtypes[name] for _, name in bands))) for policy, bands in found.items()]


def _lay(tiles: Iterable[Tile], groups: Sequence[Group], bases: Sequence[Path], grid: Grid, hidden: Path | None,
         unused: Unused | None, fill: float | None) -> bool:
    """Write tiles as they come, and which of their pixels are masked; whether any is."""
    count = sum(len(group.names) for group in groups)
    any_hidden = False
    with ExitStack() as stack:
        writers = [stack.enter_context(geotiff.writing(base, grid, group.dtype, group.names, compress=False))
                   for base, group in zip(bases, groups, strict=True)]
        hide = None if hidden is None else stack.enter_context(
            geotiff.writing(hidden, grid, np.dtype(np.uint8), [""] * count))
        for row, column, pixels in tiles:
            for write, group in zip(writers, groups, strict=True):
                write(row, column, np.stack([_filled(pixels[place], fill or 0) for place in group.places],
                                            dtype=group.dtype))
            if unused is not None:
                unused.add(pixels)
            if hide is not None and any(valid is not None for _, valid in pixels):
                any_hidden = True
                hide(row, column, np.stack([np.zeros(values.shape, np.uint8) if valid is None else
                                            (~valid).astype(np.uint8) for values, valid in pixels]))
    return any_hidden


def _filled(pixels: Pixels, fill: float) -> NDArray[Any]:
    values, valid = pixels
    return values if valid is None else np.where(valid, values, np.asarray(fill, values.dtype))


def _changed(base: Path, hidden: Path, old: Group, group: Group, grid: Grid, nodata: float,
             between: Callable[[], None]) -> Path:
    """A copy whose masked pixels hold `nodata`, in the group's type."""
    target = base.with_name(f"again-{base.name}")
    with geotiff.reading(base) as source, geotiff.reading(hidden) as masks, \
            geotiff.writing(target, grid, group.dtype, group.names, compress=False) as write:
        for row, column, tile in grid.tiles(TILE):
            between()
            window = row, column, tile.height, tile.width
            masked = masks.pixels(window, old.places).astype(np.bool_)
            values = source.pixels(window).astype(group.dtype, copy=False)
            write(row, column, np.where(masked, np.asarray(nodata, group.dtype), values))
    base.unlink()
    return target


def write_levels(base: Path, grid: Grid, names: Sequence[str], dtype: np.dtype[Any], pyramid: Pyramid,
                 between: Callable[[], None] = lambda: None) -> list[Path]:
    """The levels of a GeoTIFF's pyramid, the finest first, as GeoTIFFs beside it."""
    last = last_level(grid)
    if last == 0:
        return []
    paths = [base.with_name(f"{base.stem}-level{level}.tif") for level in range(1, last + 1)]
    # Parts begin a pixel of every level and a tile of the finest.
    side = max(2**last, TILE)
    while (2 * side)**2 * len(names) <= _MOST:
        side *= 2
    with ExitStack() as stack:
        source = stack.enter_context(geotiff.reading(base))
        writers = [stack.enter_context(geotiff.writing(path, at_level(grid, level), dtype, names, compress=False))
                   for level, path in enumerate(paths, 1)]
        for row, column, part in grid.tiles(side):
            between()
            planes = source.pixels((row, column, part.height, part.width))
            found = [list(coarser(plane, last, pyramid)) for plane in planes]
            for level, write in enumerate(writers, 1):
                write(row // 2**level, column // 2**level, np.stack([levels[level - 1] for levels in found]))
    return paths
