"""One cube along the whole way: scenes -> graph -> engine -> records -> Keras input equals a NumPy oracle."""

import numpy as np
import pytest

from agrispec.errors import SchemaMismatch
from exports import mapping, runs, schema, shards
from exports.export import cubes, places
from gee_scripts import engine as engines
from gee_scripts import export as graphs

from .looks import composites, pixels_of


@pytest.fixture(scope="module")
def exported(tiny):
    """The tiny season through the export stage: (run, config, samples)."""
    run = runs.open(tiny.home)
    config = run.config
    engine = engines.open(config.engine, run.path)
    try:
        table = places.draw(config, engine, graphs, lambda done: None)
        did = cubes.export(run, config, engine, graphs, table, lambda done: None)
        mapping.export_patches(run, config, engine, graphs, lambda done: None)
    finally:
        engine.close()
    return run, config, table, did


def filled(series):
    """(step,) with gaps filled linearly and ends held; zeros where nothing was seen."""
    seen = ~np.isnan(series)
    steps = np.arange(len(series))
    return np.interp(steps, steps[seen], series[seen]) if seen.any() else np.zeros(len(series))


def test_the_tiny_season_has_every_difficulty(tiny):
    _, counts = composites(tiny)
    assert (counts.max(axis=0) > 1).any()
    assert (counts.sum(axis=0) == 0).any()
    assert (counts.reshape(73, -1).max(axis=1) == 0).any()
    assert np.isnan(tiny.cs).any()
    assert (tiny.dn == 0).any()


def test_records_are_the_medians_of_the_clear_looks(tiny, exported):
    run, config, table, _ = exported
    medians, counts = composites(tiny)
    row, column = pixels_of(table[table["season"] == 2023], tiny.grid)
    cubes = shards.read(run.shards, config.spec)
    source = cubes.rows < len(row)
    np.testing.assert_array_equal(cubes.counts[source], counts[:, row, column].T)
    expected = medians[:, :, row, column].transpose(2, 0, 1)
    np.testing.assert_allclose(cubes.values[source], np.where(np.isnan(expected), -9999, expected), rtol=2e-7)


def test_samples_have_the_label_of_their_pixel(tiny, exported):
    _, config, table, _ = exported
    source = table[table["season"] == 2023]
    row, column = pixels_of(source, tiny.grid)
    number = dict(config.taxonomy.codes)
    assert [number[code] for code in tiny.codes[row, column]] == source["label"].tolist()
    assert source["label"].value_counts().tolist() == [30, 30]
    assert len(set(zip(row, column, strict=True))) == len(source)


def test_a_season_without_a_scene_is_all_fill(exported):
    run, config, table, did = exported
    cubes = shards.read(run.shards, config.spec)
    target = (table["season"] == 2024).to_numpy()
    assert target.sum() == config.samples.per_cell
    assert (cubes.counts[target] == 0).all()
    assert (cubes.values[target] == -9999).all()
    nothing = {"scenes": 0, "without_cloud_score": 0, "derived_cloud_score": 0, "simulated": 0}
    assert did["scenes"] == {"2023": {**nothing, "scenes": 42, "without_cloud_score": 1}, "2024": nothing}
    assert did["cells"] == {"2023": 1, "2024": 1}


def test_networks_see_the_window_filled_by_numpy(tiny, exported):
    from agrispec_tf.data.preparation import Preparation
    from agrispec_tf.data.samples import Series
    from agrispec_tf.models.cropnet import CropNetOptions
    run, config, table, _ = exported
    medians, _ = composites(tiny)
    source = table[table["season"] == 2023]
    row, column = pixels_of(source, tiny.grid)
    expected = np.apply_along_axis(filled, 0, medians[24:67][:, :, row, column])  # (step, band, sample)
    cubes = shards.read(run.shards, config.spec)
    series = Series(cube=config.spec, values=cubes.values, counts=cubes.counts).take(np.arange(len(source)))
    inputs = CropNetOptions.for_cube(config.spec, 2).inputs(Preparation().apply(series))
    assert inputs.shape == (len(source), 10, 43, 1)
    np.testing.assert_allclose(inputs[..., 0], expected.transpose(2, 1, 0), atol=1e-6)


def test_patches_hold_the_same_window_of_the_target_season(tiny, exported):
    run, config, _, _ = exported
    spec = config.spec.view()
    blocks = [schema.gather(tiles, spec) for tiles in shards.patches(run.patches, spec, 4)]
    assert sum(len(block.values) for block in blocks) == 9 * 8 * 8
    assert all((block.counts == 0).all() and (block.values == -9999).all() for block in blocks)


def test_patches_are_not_read_as_training_cubes(exported):
    run, config, _, _ = exported
    with pytest.raises(SchemaMismatch, match="exported differ"):
        list(shards.patches(run.patches, config.spec, 4))


def test_patches_of_a_seen_season_equal_the_oracle_pixel_by_pixel(tiny, exported, tmp_path):
    from agrispec.formats import example
    from exports import storage, tasks
    run, config, _, _ = exported
    spec, side = config.spec.view(), 7  # 24 x 20 pixels are no multiple of 7: the padding is cropped again
    engine = engines.open(config.engine, run.path)
    try:
        request = graphs.patches(spec, config.season_of(2023), tiny.grid, side, bucket="agrispec-local",
                                 prefix="contract/map", description="patches", request_id="contract")
        tasks.export(engine, [request], lambda operation: None)
        objects = storage.open(engine, "agrispec-local")
        for name in objects.list("contract/map"):
            objects.download(name, tmp_path / name.split("/")[-1])
    finally:
        engine.close()
    shards.describe(tmp_path, spec, layout=shards.PatchLayout(grid=tiny.grid, patch=side, season=2023))
    [file] = tmp_path.glob("*.tfrecord.gz")
    [found] = [schema.gather(tiles, spec) for tiles in example.tiles([file], spec.patch_bands(), side**2, 100)]
    values, counts = (part.reshape(-1, side, side, *part.shape[1:]) for part in (found.values, found.counts))
    mixer = shards.mixer_of(tmp_path)
    medians, expected_counts = composites(tiny)

    def laid(patches):
        image = np.empty((mixer.height, mixer.width, *patches.shape[3:]), np.float32)
        for number, patch in enumerate(patches):
            row, column = mixer.corner(number)
            image[row:row + side, column:column + side] = patch
        return image[:tiny.grid.height, :tiny.grid.width]

    np.testing.assert_array_equal(laid(counts).transpose(2, 0, 1), expected_counts[24:67])
    expected = np.where(np.isnan(medians), -9999, medians)[24:67]
    np.testing.assert_allclose(laid(values).transpose(2, 3, 0, 1), expected, rtol=2e-7)
