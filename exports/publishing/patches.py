"""An image as TFRecord patches that a mixer places: one Example a patch, as many and in the order of the export."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import SchemaMismatch
from agrispec.formats import example, geotiff
from agrispec.formats.mixer import Mixer
from agrispec.grid import Grid


def check(file: Path, mixer: Mixer) -> None:
    """Nothing, if the patches of a mixer cover an image from its corner on, and no row or column of them is beyond.

    Raises:
        SchemaMismatch: they lie elsewhere.
    """
    grid = geotiff.describe(file).grid
    placed = Grid(crs=mixer.crs, transform=mixer.transform, width=mixer.width, height=mixer.height)
    fits = 0 <= placed.width - grid.width < mixer.patch_width and 0 <= placed.height - grid.height < mixer.patch_height
    if placed.crs != grid.crs or placed.transform != grid.transform or not fits:
        raise SchemaMismatch(
            f"the mixer places {mixer.total_patches} patches as {placed.height} rows and {placed.width} columns at"
            f" {_place(placed)}, {file} has {grid.height} rows and {grid.width} columns at {_place(grid)}",
            mend="predict again from these patches, or publish by --route geotiff")


def _place(grid: Grid) -> str:
    return f"({grid.transform[2]:.10g}, {grid.transform[5]:.10g}) of {grid.crs}"


def write(file: Path, band: str, missing: float, mixer: Mixer, target: Path) -> int:
    """Write the only band of a GeoTIFF as patches; a row of them is held at a time.

    Args:
        file: where `check` found no fault.
        band: name of the feature.
        missing: what pixels of patches hold that lie beyond the image.
        mixer: where patches lie.
        target: a TFRecord file without compression. Floats become float lists, integers int64 lists.

    Returns:
        number of Examples.

    Raises:
        CorruptRecord: the image is damaged.
        StorageError: the disk is full or the folder not writable.
    """
    with geotiff.reading(file) as windows:
        example.write_batches(target, ({band: row} for row in _rows(windows, geotiff.describe(file), missing, mixer)),
                              gzip=False)
    return mixer.total_patches


def _rows(windows: geotiff.Windows, layout: geotiff.Layout, missing: float,
          mixer: Mixer) -> Iterator[NDArray[np.generic]]:
    grid, high, wide, across = layout.grid, mixer.patch_height, mixer.patch_width, mixer.patches_per_row
    for top in range(0, mixer.height, high):
        rows = min(high, grid.height - top)
        laid = np.full((high, mixer.width), missing, np.dtype(layout.dtypes[0]))
        laid[:rows, :grid.width] = windows.pixels((top, 0, rows, grid.width))[0]
        yield laid.reshape(high, across, wide).swapaxes(0, 1).reshape(across, high * wide)
