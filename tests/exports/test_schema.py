"""A flat record is the cube in one order only: time-major, the count last."""

import numpy as np
import pytest

from agrispec.cube import preset
from agrispec.kernels.gathering import Tiles
from exports import schema

CUBES = [preset("cropnet-5d"), preset("cropnet-5d").view(), preset("agrispec-23"), preset("cropnet-5d", gdd_base=0.0)]


@pytest.mark.parametrize("spec", CUBES, ids=lambda spec: spec.digest)
def test_unpacking_a_flat_cube_gives_every_number_its_step_and_feature(spec):
    steps, columns = spec.shape
    step, column = np.mgrid[:steps, :columns]
    flat = (1000 * step + column).astype(np.float32).ravel()
    values, counts, heat = schema.unpack(np.stack([flat, flat + 0.5]), spec)
    assert values.shape == (2, steps, len(spec.features))
    assert values[0, 7, 3] == 7003
    assert (counts[0] == 1000 * np.arange(steps) + columns - 1).all()
    assert (values[1] == values[0] + 0.5).all()
    if spec.gdd_base is None:
        assert heat is None
    else:
        assert (heat[1] == 1000 * np.arange(steps) + 10.5).all()
    assert (values.transpose(0, 2, 1)[0, 3] == 1000 * np.arange(steps) + 3).all()  # bands before time


@pytest.mark.parametrize("spec", CUBES, ids=lambda spec: spec.digest)
def test_patches_and_tables_of_the_same_places_unpack_to_the_same_series(spec):
    side, generator = 3, np.random.default_rng(5)
    cubes = generator.normal(size=(2, side, side, *spec.shape)).astype(np.float32)
    flat = cubes.reshape(2 * side * side, -1)
    columns = spec.shape[1]
    bands = [cubes[..., number // columns, number % columns].reshape(2, -1) for number in range(flat.shape[1])]
    of_table, of_patches = schema.unpack(flat, spec), schema.gather(Tiles.of(np.stack(bands, axis=1)), spec)
    assert (of_table.heat is None) == (of_patches.heat is None) == (spec.gdd_base is None)
    for table, patches in zip(of_table, of_patches, strict=True):
        if table is not None:
            np.testing.assert_array_equal(table, patches.reshape(table.shape))


@pytest.mark.parametrize("spec", CUBES, ids=lambda spec: spec.digest)
def test_features_hold_what_the_cube_says(spec):
    steps, columns = spec.shape
    assert schema.table_features(spec)["cube"].length == steps * columns


def test_growing_degree_days_that_are_not_known_are_no_numbers():
    spec = CUBES[-1]
    cubes = np.ones((2, *spec.shape), np.float32)
    cubes[1, 70:, 10] = spec.fill
    heat = schema.unpack(cubes.reshape(2, -1), spec).heat
    assert np.isnan(heat[1, 70:]).all()
    assert (heat[0] == 1).all()
    assert (heat[1, :70] == 1).all()
