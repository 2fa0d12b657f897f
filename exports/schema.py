"""CubeSpec to record features and patch layout: the only place that spells record keys.

A table record holds the whole cube of one place as ONE flat list, time-major: T × columns floats, step by
step, each step's features in the cube's order, its growing degree days where the cube carries them, and its
clear-look count last. `unpack` cuts it into (sample, step, feature); models that want bands before time (CropNet)
transpose the last two axes: `values.transpose(0, 2, 1)` is (sample, band, step).

A patch record holds one image patch, a feature a scalar band, each a flat list of rows × columns floats.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agrispec.cube import GDD, CubeSpec
from agrispec.formats.example import Feature
from agrispec.kernels import gathering
from agrispec.kernels.gathering import Tiles

ROW = "row"
CUBE = "cube"


class Unpacked(NamedTuple):
    """Cubes, their columns apart.

    Attributes:
        values: (..., T, F) float32 features, the cube's fill where a step had no clear look.
        counts: (..., T) float32, clear looks of each step.
        heat: (..., T) float32, growing degree days at the middle of each step, °C day, NaN where they are not known;
            None where the cube carries none.
    """

    values: np.ndarray
    counts: np.ndarray
    heat: np.ndarray | None


def table_features(spec: CubeSpec) -> dict[str, Feature]:
    """The features of a cube's table records. Earth Engine writes every number of a table as float32."""
    steps, columns = spec.shape
    return {ROW: Feature(kind="float"), CUBE: Feature(kind="float", length=steps * columns)}


def unpack(flat: np.ndarray, spec: CubeSpec) -> Unpacked:
    """Flat cubes (..., T × columns) as their columns."""
    cubes = flat.reshape(*flat.shape[:-1], *spec.shape)
    heat = _known(cubes[..., spec.columns.index(GDD)], spec) if GDD in spec.columns else None
    return Unpacked(values=np.ascontiguousarray(cubes[..., :len(spec.features)]),
                    counts=np.ascontiguousarray(cubes[..., -1]), heat=heat)


def gather(tiles: Tiles, spec: CubeSpec, pixels: np.ndarray | None = None) -> Unpacked:
    """The cubes of some pixels of patches.

    Args:
        tiles: their images, in the order of `spec.patch_bands()`.
        spec: their cube.
        pixels: (N,) numbers of the pixels, through the tiles; None for all of them in their order.
    """
    numbers = np.arange(len(tiles.offsets)).reshape(spec.shape)
    values = gathering.series(tiles, numbers[:, :len(spec.features)].ravel(), pixels)
    heat = None
    if GDD in spec.columns:
        heat = _known(gathering.series(tiles, numbers[:, spec.columns.index(GDD)], pixels), spec)
    return Unpacked(values=values.reshape(len(values), len(numbers), len(spec.features)), heat=heat,
                    counts=looks(tiles, spec, pixels))


def looks(tiles: Tiles, spec: CubeSpec, pixels: np.ndarray | None = None) -> np.ndarray:
    """The counts of `gather` alone, (N, T) float32."""
    return gathering.series(tiles, np.arange(len(tiles.offsets)).reshape(spec.shape)[:, -1], pixels)


def _known(degree_days: np.ndarray, spec: CubeSpec) -> np.ndarray:
    return np.where(degree_days == np.float32(spec.fill), np.float32(np.nan), degree_days)
