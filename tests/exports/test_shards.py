"""Records are read only as the cube that they are."""

from dataclasses import replace

import numpy as np
import pytest

from agrispec.cube import ClearLook, preset
from agrispec.errors import CorruptRecord, SchemaMismatch
from agrispec.formats import example, mixer
from agrispec.grid import Grid
from exports import schema, shards

SPEC = preset("cropnet-5d")
GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 600000.0, 0.0, -10.0, 5400000.0), width=7, height=6)


def write_table(folder, name, rows, seed=0):
    flat = np.random.default_rng(seed).normal(size=(len(rows), SPEC.shape[0] * SPEC.shape[1])).astype(np.float32)
    path = folder / f"{name}.tfrecord.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    example.write(path, {"row": np.array(rows, np.float32), "cube": flat})
    return flat.reshape(-1, *SPEC.shape)


def test_cubes_come_in_the_order_of_their_rows_whatever_file_they_lie_in(tmp_path):
    first = write_table(tmp_path, "2023/a", [5, 0, 3], seed=1)
    second = write_table(tmp_path, "2024/b", [4, 1, 2], seed=2)
    shards.describe(tmp_path, SPEC)
    cubes = shards.read(tmp_path, SPEC)
    assert cubes.rows.tolist() == [0, 1, 2, 3, 4, 5]
    expected = np.stack([first[1], second[1], second[2], first[2], second[0], first[0]])
    np.testing.assert_array_equal(cubes.values, expected[..., :-1])
    np.testing.assert_array_equal(cubes.counts, expected[..., -1])


def test_shards_of_another_cube_are_refused_by_what_differs(tmp_path):
    write_table(tmp_path, "a", [0])
    shards.describe(tmp_path, SPEC)
    with pytest.raises(SchemaMismatch, match=r"\(clear differ\)"):
        shards.read(tmp_path, replace(SPEC, clear=ClearLook(threshold=0.5)))


def test_a_shard_of_other_lengths_is_refused(tmp_path):
    write_table(tmp_path, "a", [0])
    shards.describe(tmp_path, SPEC.view())
    with pytest.raises(SchemaMismatch, match="cube"):
        shards.read(tmp_path, SPEC.view())


def test_an_edited_description_is_refused(tmp_path):
    shards.describe(tmp_path, SPEC)
    path = tmp_path / "cube.toml"
    path.write_text(path.read_text().replace("threshold = 0.75", "threshold = 0.8"))
    with pytest.raises(CorruptRecord, match="describes cube"):
        shards.cube_of(tmp_path)


def test_a_sample_that_came_twice_is_an_error(tmp_path):
    write_table(tmp_path, "a", [0, 1])
    write_table(tmp_path, "b", [1, 2])
    shards.describe(tmp_path, SPEC)
    with pytest.raises(CorruptRecord, match="sample 1 came twice"):
        shards.read(tmp_path, SPEC)


@pytest.mark.parametrize("describe", [True, False])
def test_an_empty_folder_is_an_error(tmp_path, describe):
    if describe:
        shards.describe(tmp_path, SPEC)
    with pytest.raises(CorruptRecord):
        shards.read(tmp_path, SPEC)


def write_patches(folder, present, side=4):
    spec, padded = SPEC.view(), GRID.padded(side)
    total = padded.width * padded.height // side**2
    data = np.random.default_rng(0).normal(size=(total, side * side, len(spec.patch_bands()))).astype(np.float32)
    example.write(folder / "map-00000.tfrecord.gz",
                  {name: data[:present, :, number] for number, name in enumerate(spec.patch_bands())})
    mixer.write(folder / "map-mixer.json", mixer.Mixer(
        crs=GRID.crs, transform=GRID.transform, patch_width=side, patch_height=side,
        patches_per_row=padded.width // side, total_patches=total))
    shards.describe(folder, spec, layout=shards.PatchLayout(grid=GRID, patch=side, season=2024))
    return data.reshape(total, side, side, *spec.shape)


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_patches_come_in_the_mixers_order_whatever_the_batch(tmp_path, batch):
    expected = write_patches(tmp_path, 4)
    blocks = [schema.gather(tiles, SPEC.view()) for tiles in shards.patches(tmp_path, SPEC.view(), batch)]
    series = expected.reshape(-1, *SPEC.view().shape)
    np.testing.assert_array_equal(np.concatenate([block.values for block in blocks]), series[..., :-1])
    np.testing.assert_array_equal(np.concatenate([block.counts for block in blocks]), series[..., -1])
    assert shards.layout_of(tmp_path) == shards.PatchLayout(grid=GRID, patch=4, season=2024)


def test_a_missing_patch_is_an_error(tmp_path):
    write_patches(tmp_path, 3)
    with pytest.raises(CorruptRecord, match="3 patches, its mixer says 4"):
        list(shards.patches(tmp_path, SPEC.view(), 10))
