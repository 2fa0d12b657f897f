"""Earth Engine's map by a forest is the forest's own."""

import io
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import ee
import numpy as np
import pytest
from click.testing import CliRunner

import cli
from agrispec.errors import DataError, TaskFailed
from agrispec.formats import geotiff, tree_text
from agrispec.grid import Grid
from agrispec.kernels.trees import joined
from agrispec_tf import model_folder, run_models
from agrispec_tf.baselines import on_engine
from agrispec_tf.baselines.forest import Forest
from exports import manifest
from gee_scripts import engine as engines
from gee_scripts import export as graphs
from gee_scripts import forest

FOLDER = "projects/agrispec-local/assets/maps"


def said(*arguments, code=0):
    done = CliRunner().invoke(cli.main, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture(scope="module")
def mapped(trained):
    """The run, mapped here by `predict` and there by the engine."""
    said("predict", trained.run.path, "--model", "forest-harmonic")
    told = said("map-on-engine", trained.run.path)
    assert "1296 pixels compared, 1296 equal, 0 with as many votes for another class (simulated)" in told
    return trained


@pytest.fixture
def engine(mapped):
    opened = engines.open(mapped.run.config.engine, mapped.run.path)
    yield opened
    opened.close()


def classes(engine, run, asset):
    grid = geotiff.describe(run.predictions / "class.tif").grid
    return np.load(io.BytesIO(engine.pixels(graphs.image(asset, 255), grid)))["class"]


def test_every_pixel_of_the_asset_has_the_class_that_predict_gives_it(mapped, engine):
    predicted = geotiff.read(mapped.run.predictions / "class.tif")[0]
    found = classes(engine, mapped.run, f"{FOLDER}/run_2024_forest-harmonic_class")
    np.testing.assert_array_equal(found, predicted)
    np.testing.assert_array_equal(found == 255, mapped.unseen)
    assert set(np.unique(found)) == {0, 1, 2, 255}


def test_the_asset_and_the_manifest_say_what_made_it(mapped, engine):
    run = mapped.run
    entry = manifest.read(run.path)["stages"]["map-on-engine forest-harmonic"]
    found = engine.asset(f"{FOLDER}/run_2024_forest-harmonic_class")
    digest = model_folder.digest(run.models / "forest-harmonic")
    assert {key: str(value) for key, value in found["properties"].items()} == {
        "class_names": "wheat,maize,beet", "class_palette": "#e6c229,#1a8fe3,#d11149", "model": "forest-harmonic",
        "model_digest": digest, "cube": run.config.spec.view().digest, "season": "2024", "simulated": "true"}
    assert (found["startTime"][:10], found["endTime"][:10]) == ("2024-01-01", "2025-01-01")
    assert [band["pyramidingPolicy"] for band in found["bands"]] == ["MODE"]
    assert {key: entry[key] for key in ("model_digest", "trees", "compared", "equal", "tied", "season")} == {
        "model_digest": digest, "trees": "in the request", "compared": 1296, "equal": 1296, "tied": 0, "season": 2024}


def test_trees_that_do_not_fit_into_a_request_map_the_same_from_a_table(mapped, engine, monkeypatch):
    inline = classes(engine, mapped.run, f"{FOLDER}/run_2024_forest-harmonic_class")
    monkeypatch.setattr(forest, "LARGEST_REQUEST", 1000)
    did = on_engine.run_map(mapped.run, mapped.run.config, "forest-harmonic", engine, graphs, lambda done: None)
    assert did["trees"] == f"{FOLDER}/run_2024_forest-harmonic_trees"
    assert engine.asset(did["trees"])["type"] == "TABLE"
    assert (did["compared"], did["equal"]) == (1296, 1296)
    np.testing.assert_array_equal(classes(engine, mapped.run, did["asset"]), inline)


def test_trees_that_fit_nowhere_are_refused_before_anything_is_exported(mapped, engine, monkeypatch):
    monkeypatch.setattr(forest, "LARGEST_REQUEST", 1000)
    monkeypatch.setattr(forest, "LONGEST_TEXT", 100)
    with pytest.raises(DataError, match="a tree of .* does not fit into a table.*; train with --leaves 800"):
        on_engine.run_map(mapped.run, mapped.run.config, "forest-harmonic", engine, graphs, lambda done: None, 2023)
    assert engine.asset(f"{FOLDER}/run_2023_forest-harmonic_class") is None


def test_another_season_is_mapped_beside(mapped, engine):
    run = mapped.run
    did = on_engine.run_map(run, run.config, "forest-harmonic", engine, graphs, lambda done: None, 2023)
    assert did["asset"].endswith("run_2023_forest-harmonic_class")
    assert (classes(engine, run, did["asset"]) != classes(engine, run, f"{FOLDER}/run_2024_forest-harmonic_class")
            ).mean() > 0.2


def test_a_map_that_is_not_the_forests_is_found(mapped, engine, monkeypatch):
    def others(trees, names, write=tree_text.write):
        return write(replace(trees, values=(trees.values + 1) % 3), names)

    monkeypatch.setattr(tree_text, "write", others)
    with pytest.raises(TaskFailed, match=r"12\d\d of 1296 compared pixels of .*_class have another class"):
        on_engine.run_map(mapped.run, mapped.run.config, "forest-harmonic", engine, graphs, lambda done: None)


def test_a_class_with_as_many_votes_is_no_difference_and_is_counted(mapped, engine):
    """Two trees that never agree; the engine takes the lower class, and `graphs` reads the higher one back."""
    run = mapped.run
    whole = run_models.load(run, run.config, "forest-harmonic")
    leaf = {"inputs": np.array([-1]), "limits": np.zeros(1), "left": np.array([-1]), "right": np.array([-1])}
    trees = joined([{**leaf, "values": np.array([value])} for value in (1.0, 2.0)])
    replace(whole, estimator=Forest(trees=trees, classes=3, inputs=whole.estimator.inputs)).save(run.models / "torn")

    def higher(asset_id, missing):
        return graphs.expression(ee.Image(asset_id).add(1).toByte().unmask(missing, False))

    reading = SimpleNamespace(**{name: getattr(graphs, name) for name in ("forest_rows", "forest_map", "window")},
                              image=higher)
    seen = int((~mapped.unseen).sum())
    did = on_engine.run_map(run, run.config, "torn", engine, reading, lambda done: None)
    assert (did["compared"], did["equal"], did["tied"]) == (1296, 1296 - seen, seen)


@pytest.mark.parametrize(("model", "words"), [
    ("forest", "forest reads medians whose gaps are filled, and no graph fills gaps"),
    ("hgb-harmonic", "the trees of hgb-harmonic add up, and Earth Engine's vote")])
def test_trees_that_earth_engine_cannot_compute_are_refused(exported, tmp_path, model, words):
    run = exported.copy(tmp_path)
    said("train", run.path, "--model", model)
    told = said("map-on-engine", run.path, "--model", model, code=2)
    assert f"{words}; map with: agrispec-gee predict {run.path} --model {model}; or train --model" in told


def test_a_network_is_refused_without_loading_it(exported, tmp_path):
    run = exported.copy(tmp_path)
    (run.models / "cropnet").mkdir(parents=True)
    for name in ("model.json", "model.keras"):
        (run.models / "cropnet" / name).write_text("{}")
    told = said("map-on-engine", run.path, "--model", "cropnet", code=2)
    assert "cropnet is a network, and Earth Engine itself computes forests only" in told


def test_a_small_map_is_compared_whole_and_of_a_large_one_a_few_windows_everywhere():
    small = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 0.0, 0.0, -10.0, 0.0), width=70, height=40)
    covered = Counter((round((window.transform[2]) / 10) + column, round(-window.transform[5] / 10) + row)
                      for window in on_engine._windows(small, 0)
                      for column in range(window.width) for row in range(window.height))
    assert covered == Counter((column, row) for column in range(70) for row in range(40))
    drawn = on_engine._windows(replace(small, width=5000, height=4000), 3)
    assert len(drawn) == 12
    assert drawn == on_engine._windows(replace(small, width=5000, height=4000), 3)
    assert np.ptp([window.transform[2] for window in drawn]) > 25_000
