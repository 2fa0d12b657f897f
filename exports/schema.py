"""CubeSpec to record features and patch layout: the only place that spells record keys.

A table record holds the whole cube of one place as ONE flat list, time-major: T × (F + 1) floats, step by
step, each step's features in the cube's order and its clear-look count last. `unpack` cuts it into
(sample, step, feature); models that want bands before time (CropNet) transpose the last two axes:
`values.transpose(0, 2, 1)` is (sample, band, step).

A patch record holds one image patch, a feature a scalar band, each a flat list of rows × columns floats.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from agrispec.cube import CubeSpec
from agrispec.formats.example import Feature

ROW = "row"
CUBE = "cube"


def table_features(spec: CubeSpec) -> dict[str, Feature]:
    """The features of a cube's table records. Earth Engine writes every number of a table as float32."""
    steps, columns = spec.shape
    return {ROW: Feature(kind="float"), CUBE: Feature(kind="float", length=steps * columns)}


def patch_features(spec: CubeSpec, patch: int) -> dict[str, Feature]:
    """The features of a cube's patch records, `patch` × `patch` pixels each."""
    return {band: Feature(kind="float", length=patch * patch) for band in spec.patch_bands()}


def unpack(flat: np.ndarray, spec: CubeSpec) -> tuple[np.ndarray, np.ndarray]:
    """Flat cubes (N, T × (F + 1)) -> features (N, T, F) float32, clear-look counts (N, T) float32."""
    cubes = flat.reshape(len(flat), *spec.shape)
    return np.ascontiguousarray(cubes[..., :-1]), np.ascontiguousarray(cubes[..., -1])


def unpack_patches(columns: Mapping[str, np.ndarray], spec: CubeSpec, patch: int) -> tuple[np.ndarray, np.ndarray]:
    """Patch records -> features (N, row, column, T, F) float32, clear-look counts (N, row, column, T) float32."""
    steps, width = spec.shape
    stacked = np.stack([columns[band] for band in spec.patch_bands()], axis=-1)
    cubes = stacked.reshape(len(stacked), patch, patch, steps, width)
    return np.ascontiguousarray(cubes[..., :-1]), np.ascontiguousarray(cubes[..., -1])
