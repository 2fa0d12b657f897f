"""Predicted patches to one georeferenced image, and parcels onto its pixels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import Transformer
from rasterio import Affine, features
from shapely.geometry import shape

from agrispec.errors import CorruptRecord
from agrispec.formats import geotiff
from agrispec.formats.mixer import Mixer
from agrispec.grid import Grid
from agrispec.taxonomy import NO_CLASS

NO_PROBABILITY = -1.0
"""Probability of a pixel without a clear look in the model's window; its class is `NO_CLASS`."""


def assemble(patches: Iterable[np.ndarray], mixer: Mixer, grid: Grid) -> np.ndarray:
    """One image of patches in the mixer's order, cropped to `grid`.

    Args:
        patches: blocks of patches (n, row, column, …), together as many as the mixer says.
        mixer: where they lie.
        grid: the map without the padding that made its patches whole; its corner is the mixer's.

    Returns:
        (row, column, …) of `grid`'s rows and columns.

    Raises:
        CorruptRecord: patches do not cover the grid.
    """
    blocks = np.concatenate(list(patches))
    across = mixer.patches_per_row
    down, whole = len(blocks) // across, (mixer.total_patches == len(blocks))
    rows, columns = down * mixer.patch_height, across * mixer.patch_width
    if not whole or rows < grid.height or columns < grid.width:
        raise CorruptRecord(f"{len(blocks)} patches of {mixer.total_patches} do not cover a map of"
                            f" {grid.height} rows and {grid.width} columns", mend="export the patches again")
    laid = blocks.reshape(down, across, *blocks.shape[1:]).swapaxes(1, 2)
    return laid.reshape(rows, columns, *blocks.shape[3:])[:grid.height, :grid.width]


def write_class(path: Path, classes: np.ndarray, grid: Grid, names: Sequence[str], colours: Sequence[str]) -> None:
    """Class numbers (row, column) as a GeoTIFF of uint8 with a colour table; `NO_CLASS` is no data."""
    palette = {number: (int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16))
               for number, colour in enumerate(colours)}
    geotiff.write(path, classes[None].astype(np.uint8), grid, names=["class"], nodata=NO_CLASS, colours=palette,
                  tags={f"class_{number}": name for number, name in enumerate(names)})


def write_probability(path: Path, probability: np.ndarray, grid: Grid) -> None:
    """Probabilities of the predicted class (row, column) as a GeoTIFF of float32; `NO_PROBABILITY` is no data."""
    geotiff.write(path, probability[None].astype(np.float32), grid, names=["probability"], nodata=NO_PROBABILITY)


def write_flag(path: Path, confident: np.ndarray, grid: Grid) -> None:
    """Confidence flags (row, column), 1 or 0, as a GeoTIFF of uint8; `NO_CLASS` is no data."""
    geotiff.write(path, confident[None].astype(np.uint8), grid, names=["confident"], nodata=NO_CLASS)


def parcel_pixels(parcels: Sequence[Mapping[str, Any]], grid: Grid) -> np.ndarray:
    """The number of the parcel that each pixel's centre lies in, (row, column) int32, -1 where in none.

    Args:
        parcels: GeoJSON features in degrees; where parcels overlap, the later one has the pixel.
        grid: the pixels.
    """
    if not parcels:
        return np.full(grid.shape, -1, np.int32)
    project = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True).transform
    shapes = [(shapely.transform(shape(parcel["geometry"]), project, interleaved=False), number)
              for number, parcel in enumerate(parcels)]
    a, b, c, d, e, f = grid.transform
    numbers: np.ndarray = features.rasterize(shapes, out_shape=grid.shape, fill=-1, dtype=np.int32,
                                             transform=Affine(a, b, c, d, e, f))
    return numbers
