"""Thermal time along the whole way: simulated temperatures -> graph -> records -> models -> a map."""

import json
from dataclasses import replace

import numpy as np
import pytest
import tomli_w
from pyproj import Transformer

from agrispec.errors import ConfigError
from agrispec.formats import geotiff
from agrispec.formats.asset_tree import AssetTree
from agrispec.season import Season
from agrispec.splits import Split
from agrispec.taxonomy import NO_CLASS
from agrispec_tf import crop_map, model_folder, training
from agrispec_tf.adaptation.thermal_time import heat
from agrispec_tf.baselines import training as forests
from agrispec_tf.collected import Collected
from agrispec_tf.data.thermal_axis import ThermalAxis
from agrispec_tf.recipes import Recipe
from exports import mapping, runs, schema, shards
from exports.export import cubes, places
from gee_scripts import engine as engines
from gee_scripts import export as graphs
from scenes.landscape import Landscape, landscape_window
from scenes.phenology import CROPS
from scenes.simulate import simulate
from scenes.temperature import FREEZING_K, GRID, daily_means

LANDSCAPE = Landscape(windows=5, size=32)
SPLIT = Split(validation=0.2, test=0.2, seed=18)  # three cells train, one chooses, one judges


def quiet(*words: object) -> None:
    """Tells nobody."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on the simulated landscape, exported with growing degree days."""
    home = tmp_path_factory.mktemp("thermal")
    simulate(AssetTree(home / "landscape"), LANDSCAPE)
    windows = [landscape_window(LANDSCAPE, number) for number in range(LANDSCAPE.windows)]
    crops = (CROPS.classes[0], CROPS.classes[3])
    (home / "agrispec.toml").write_text(tomli_w.dumps({
        "area": {"cells": [window.cell.id for window in windows]}, "season": {"source": [2023], "target": 2024},
        "cube": {"preset": "agrispec-23", "gdd": True}, "training": {"thermal": True, "smoothing": 2.0},
        "labels": {"images": LANDSCAPE.labels, "band": "crop", "erode_m": 0},
        "samples": {"per_class": 8, "per_cell": 20},
        "split": {"validation": SPLIT.validation, "test": SPLIT.test, "seed": SPLIT.seed},
        "map": {"bounds": list(windows[4].grid.bounds), "crs": windows[4].grid.crs, "patch": 16},
        "classes": [{"name": crop.name, "codes": list(crop.codes), "colour": crop.colour} for crop in crops]}))
    opened = runs.open(home)
    engine = engines.open(opened.config.engine, home)
    try:
        table = places.draw(opened.config, engine, graphs, quiet)
        cubes.export(opened, opened.config, engine, graphs, table, quiet)
        mapping.export_patches(opened, opened.config, engine, graphs, quiet)
    finally:
        engine.close()
    return opened


def simulated_heat(lon, lat, year, spec):
    """Growing degree days of places (N, T), from the simulated temperatures by NumPy alone."""
    row, column = np.floor((49.05 - lat) / 0.1).astype(int), np.floor((lon - 3.95) / 0.1).astype(int)
    days, kelvin = daily_means(LANDSCAPE, year)
    season = Season.of(year, step_days=spec.step_days)
    return heat(kelvin[:, row, column].T - np.float32(FREEZING_K), np.arange(len(days) + 1), season, spec)


def test_exported_growing_degree_days_are_numpys_of_the_simulated_temperatures(run):
    collected = Collected(run, run.config)
    table, found = collected.table, collected.series.heat
    assert found.shape == (len(table), 23)
    for year in (2023, 2024):
        rows = (table["season"] == year).to_numpy()
        assert rows.sum() > 20
        expected = simulated_heat(table["lon"].to_numpy()[rows], table["lat"].to_numpy()[rows], year, run.config.spec)
        np.testing.assert_allclose(found[rows], expected, rtol=1e-5, atol=0.01)


def test_patches_carry_those_of_their_pixels(run):
    spec, layout, mixer = run.config.spec.view(), shards.layout_of(run.patches), shards.mixer_of(run.patches)
    x0, y0 = layout.grid.transform[2], layout.grid.transform[5]
    for number, tiles in enumerate(shards.patches(run.patches, spec, 1)):
        block = schema.gather(tiles, spec)
        top, left = mixer.corner(number)
        place = np.arange(16) + 0.5
        x, y = np.meshgrid(x0 + 10 * (left + place), y0 - 10 * (top + place))
        lon, lat = Transformer.from_crs(layout.grid.crs, GRID.crs, always_xy=True).transform(x.ravel(), y.ravel())
        expected = simulated_heat(lon, lat, 2024, spec)
        np.testing.assert_allclose(block.heat.reshape(expected.shape), expected, rtol=1e-5, atol=0.01)
    assert number == 3


def test_the_later_season_has_as_much_warmth_weeks_earlier(run):
    collected = Collected(run, run.config)
    source, target = collected.labelled("train").series, collected.target("train")
    axis = ThermalAxis.fitted(source)
    window = run.config.spec.window
    start, stop = (np.full(len(target), step) for step in (window.start, window.stop))
    places = np.tile(np.arange(23.0), (len(target), 1))
    days = 16 * (np.arange(23) - axis.positions(target, places, start, stop).mean(axis=0))
    assert 8 < days[8] < 22  # mid May
    assert days[14] > days[8]


@pytest.mark.parametrize("model", ["forest", "mlp"])
def test_a_model_on_thermal_time_is_trained_kept_and_maps_the_area(run, model):
    if model == "forest":
        forests.run_train(run, run.config, model)
    else:
        how = Recipe(epochs=3, batch=16, learning_rate=1e-3)
        training.run_train(run, run.config, model, how, quiet)
    trained = model_folder.load(run.models / model)
    card = json.loads((run.models / model / "model.json").read_text())
    axis = ThermalAxis.fitted(Collected(run, run.config).labelled("train").series)
    assert (card["features"] if model == "forest" else card["preparation"])["thermal"]["levels"] == list(axis.levels)
    kept = trained.features.thermal if model == "forest" else trained.preparation.thermal
    assert kept == axis
    assert "by growing degree days above 0 °C" in (run.models / model / "card.md").read_text("utf-8")
    said = crop_map.run_predict(run, run.config, model, mapping.patches_of(run, run.config, None),
                                crop_map.Parcels.of((), run.config), quiet, quiet)
    classes = geotiff.read(run.predictions / "class.tif")[0]
    assert classes.shape == (32, 32)
    assert sum(said["pixels"].values()) + said["unseen"] == 1024
    assert (classes != NO_CLASS).mean() > 0.9
    assert said["warmth_stops"] == 0


def test_thermal_time_is_part_of_what_a_model_sees(run):
    collected = Collected(run, run.config)
    forests.run_train(run, run.config, "forest")
    trained, target = model_folder.load(run.models / "forest"), collected.target("test")
    found = trained.probabilities(target)
    by_date = replace(trained, features=replace(trained.features, thermal=None)).probabilities(target)
    assert np.abs(found - by_date).max() > 0.05


def test_harmonics_know_no_thermal_time(run):
    with pytest.raises(ConfigError, match="harmonics of forest-harmonic are of days") as refused:
        forests.run_train(run, run.config, "forest-harmonic")
    assert "thermal = false" in refused.value.mend
