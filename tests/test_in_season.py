"""A target season that still runs, along the whole way: scenes and temperatures that stop in July -> adapt -> a map.

Everything in it is simulated.
"""

import json
from datetime import date

import numpy as np
import pytest
import tomli_w
from click.testing import CliRunner

import cli
from agrispec.formats import geotiff
from agrispec.formats.asset_tree import AssetTree
from agrispec.taxonomy import NO_CLASS
from agrispec_tf import model_folder
from agrispec_tf.collected import Collected
from exports import manifest, runs
from scenes.landscape import Landscape, landscape_window
from scenes.phenology import CROPS
from scenes.simulate import (
    CLOUD_SCORE_COLLECTION,
    SENTINEL2_COLLECTION,
    TEMPERATURE_COLLECTION,
    simulate,
)

LANDSCAPE = Landscape(windows=5, size=32)
LAST_SCENE, LAST_WARMTH = date(2024, 7, 31), date(2024, 7, 7)
STEP = 16


def step_of(day):
    """The step of the year that ends with or holds a day."""
    return (day - date(day.year, 1, 1)).days // STEP


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on the simulated landscape whose target season has scenes and temperatures until July."""
    home = tmp_path_factory.mktemp("in-season")
    tree = AssetTree(home / "landscape")
    simulate(tree, LANDSCAPE)
    for collection, last in ((SENTINEL2_COLLECTION, LAST_SCENE),
                             (CLOUD_SCORE_COLLECTION, LAST_SCENE), (TEMPERATURE_COLLECTION, LAST_WARMTH)):
        for asset in list(tree.list(collection)):
            if f"{last:%Y%m%d}" < asset.id.split("/")[-1][:8]:
                tree.delete(asset.id)
    windows = [landscape_window(LANDSCAPE, number) for number in range(LANDSCAPE.windows)]
    crops = (CROPS.classes[0], CROPS.classes[3])
    (home / "agrispec.toml").write_text(tomli_w.dumps({
        "area": {"cells": [window.cell.id for window in windows]}, "season": {"source": [2023], "target": 2024},
        "cube": {"preset": "agrispec-23", "gdd": True},
        "labels": {"images": LANDSCAPE.labels, "band": "crop", "erode_m": 0},
        "samples": {"per_class": 8, "per_cell": 20}, "split": {"validation": 0.2, "test": 0.2, "seed": 18},
        "map": {"bounds": list(windows[4].grid.bounds), "crs": windows[4].grid.crs, "patch": 16},
        "classes": [{"name": crop.name, "codes": list(crop.codes), "colour": crop.colour} for crop in crops]}))
    done(home, "export")
    return runs.open(home)


def done(home, stage, *options):
    found = CliRunner().invoke(cli.main, [stage, str(home), *map(str, options)], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found


def test_the_target_has_no_look_and_no_warmth_after_the_day_and_the_source_has_both(run):
    collected = Collected(run, run.config)
    table, series = collected.table, collected.series
    target = (table["season"] == 2024).to_numpy()
    looks, warm = series.counts > 0, np.isfinite(series.heat)
    assert not looks[target, step_of(LAST_SCENE) + 1:].any()
    assert looks[~target, step_of(LAST_SCENE) + 1:].any()
    assert warm[~target].all()
    assert warm[target, :step_of(LAST_WARMTH)].all()
    assert not warm[target, step_of(LAST_WARMTH):].any()  # that step is not known to its end
    assert collected.provenance["warmth_stops"] == target.sum()


def test_a_season_that_still_runs_is_adapted_to_and_mapped_and_what_is_missing_is_said(run):
    adapted = done(run.path, "adapt", "--model", "tempcnn", "--preset", "small", "--epochs", 2, "--rung", "adabn")
    series = int((Collected(run, run.config).table.query("season == 2024 and fold == 'train'")).shape[0])
    said = " ".join(adapted.stderr.split())
    assert f"the temperatures of {series} of {series} series of the target stop early; on thermal time they go" in said
    last = step_of(LAST_SCENE)
    assert f"the target was last seen at step {last} of the year, the source at step 22: the model will see" in said
    doubts = manifest.read(run.path)["stages"]["adapt tempcnn"]["doubts"]
    assert all(doubt in said for doubt in doubts)
    assert sum("stop early" in doubt or "last seen at step" in doubt for doubt in doubts) == 2
    for rung in ("thermal", "adabn"):
        assert model_folder.load(run.models / f"tempcnn-{rung}").preparation.thermal is not None
    mapped = done(run.path, "predict", "--model", "tempcnn-adabn")
    assert "the temperatures of 1024 pixels stop before the model's window does; thermal time goes on as" in " ".join(
        mapped.stderr.split())
    assert json.loads((run.predictions / "prediction.json").read_text())["warmth_stops"] == 1024
    classes = geotiff.read(run.predictions / "class.tif")[0]
    assert (classes != NO_CLASS).mean() > 0.9
    probability = geotiff.read(run.predictions / "probability.tif")[0]
    assert np.isfinite(probability).all()
