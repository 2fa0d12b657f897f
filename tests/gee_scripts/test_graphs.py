"""The project's graphs, computed by the embedded engine, equal NumPy's and SciPy's answers."""

import io
from dataclasses import replace

import ee
import numpy as np
import pytest
from scipy import ndimage

from agrispec.bands import SENTINEL2_IDS
from agrispec.cube import ClearLook
from agrispec.grid import Cell
from agrispec.indices import FORMULAS
from agrispec.kernels import indices as kernel
from agrispec.season import Window
from exports import runs
from gee_scripts import clouds, export, indices, labels, sampling
from gee_scripts import engine as engines

CELL = Cell.parse("E0045N0487")


@pytest.fixture(scope="module")
def opened(tiny):
    """The tiny season's configuration, and the engine on it."""
    config = runs.open(tiny.home).config
    engine = engines.open(config.engine, tiny.home)
    yield config, engine
    engine.close()


def pixels(engine, image, grid):
    return np.load(io.BytesIO(engine.pixels(export.expression(image), grid)))


def test_index_formulas_mean_the_same_to_the_graph_and_to_numpy(tiny, opened):
    _, engine = opened
    names = tuple(FORMULAS)
    random = np.random.default_rng(2)
    places = ee.Image.pixelCoordinates(ee.Projection("EPSG:32631", list(tiny.grid.transform)))
    # Reflectance as a polynomial of the pixel's column and row, so that it needs no asset.
    column, row = np.meshgrid(np.arange(24) + 0.5, np.arange(20) + 0.5)
    slopes = random.uniform(0, 0.01, (len(SENTINEL2_IDS), 2))
    reflectance = slopes[:, :1, None] * column + slopes[:, 1:, None] * row
    bands = [places.select("x").multiply(a).add(places.select("y").multiply(b)) for a, b in slopes.tolist()]
    found = pixels(engine, indices.compute(ee.Image.cat(*bands).rename(list(SENTINEL2_IDS)), names), tiny.grid)
    expected = kernel.compute(np.moveaxis(reflectance, 0, -1), SENTINEL2_IDS, names)
    for number, name in enumerate(names):
        np.testing.assert_allclose(found[name], expected[..., number], rtol=1e-6, atol=1e-7, err_msg=name)


def test_no_reflectance_at_all_gives_finite_features(tiny, opened):
    _, engine = opened
    dark = ee.Image.constant([0.0] * 10).rename(list(SENTINEL2_IDS))
    found = pixels(engine, indices.compute(dark, tuple(FORMULAS)), tiny.grid)
    expected = kernel.compute(np.zeros(10), SENTINEL2_IDS, tuple(FORMULAS))
    assert [found[name][0, 0] for name in FORMULAS] == expected.tolist()


@pytest.mark.parametrize("radius_m", [0, 10, 20, 35])
def test_erosion_keeps_pixels_whose_neighbourhood_has_one_label(tiny, opened, radius_m):
    config, engine = opened
    region, season = sampling.region(CELL), config.season_of(2023)
    label = labels.eroded(labels.classes(config.labels, config.taxonomy, season, region), radius_m)
    found = pixels(engine, label.unmask(-1, False).toInt(), tiny.grid)["label"]
    numbers = np.vectorize({0: -1, **dict(config.taxonomy.codes)}.get)(tiny.codes)
    reach = radius_m // 10
    y, x = np.mgrid[-reach:reach + 1, -reach:reach + 1]
    circle = x**2 + y**2 <= (radius_m / 10) ** 2
    least = ndimage.minimum_filter(numbers, footprint=circle, mode="constant", cval=-1)
    most = ndimage.maximum_filter(numbers, footprint=circle, mode="constant", cval=-1)
    np.testing.assert_array_equal(found, np.where((least == most), numbers, -1))
    assert (found >= 0).any()


def test_scenes_without_a_twin_are_masked_by_their_classes_or_left_out(tiny, opened):
    config, engine = opened
    found = clouds.scenes(config.spec.collection, config.season_of(2023), sampling.region(CELL), config.spec.clear)
    scored = clouds.scores(config.season_of(2023), sampling.region(CELL))
    by_rule = {rule: clouds.clear(found, scored, ClearLook(unmatched=rule)) for rule in ("scl", "drop")}
    with_twin = ~np.isnan(tiny.cs[:, 0, 0])
    for rule, kept in (("scl", np.ones_like(with_twin)), ("drop", with_twin)):
        count = pixels(engine, by_rule[rule].select(["B2"]).count().unmask(0, False), tiny.grid)["B2"]
        np.testing.assert_array_equal(count, tiny.clear[kept].sum(axis=0))
    assert engine.compute(export.expression(clouds.unmatched(found, scored).size())) == (~with_twin).sum() == 1


@pytest.mark.parametrize("steps", [Window(0, 73), Window(20, 27), Window(40, 46)])
def test_a_look_is_the_median_of_the_clear_looks_of_its_steps(tiny, opened, steps):
    config, engine = opened
    season = config.season_of(2023)
    found = np.load(io.BytesIO(engine.pixels(export.look(config.spec, season, steps, tiny.grid), tiny.grid)))
    first, last = season.bounds(steps.start)[0], season.bounds(steps.stop - 1)[1]
    inside = np.array([first <= day < last for day in tiny.days])
    clear = tiny.clear[inside]
    assert found.dtype.names == ("B2", "B3", "B4", "B8", "B11")
    for band in found.dtype.names:
        looks = tiny.dn[inside, SENTINEL2_IDS.index(band)] / 1e4
        seen = clear.any(axis=0)
        expected = np.nanmedian(np.where(clear | ~seen, looks, np.nan), axis=0) if inside.any() else 0.0
        np.testing.assert_allclose(found[band], np.where(seen, expected, 0), atol=1e-6)


@pytest.mark.parametrize("limit", [100, 60, 20])
def test_cloudier_scenes_than_the_limit_are_left_out(tiny, opened, limit):
    config, engine = opened
    rule = replace(config.spec.clear, max_cloud_cover=limit)
    found = clouds.scenes(config.spec.collection, config.season_of(2023), sampling.region(CELL), rule)
    cover = 100 * np.arange(len(tiny.days)) / len(tiny.days)
    assert engine.compute(export.expression(found.size())) == (cover <= limit).sum()


def test_sampling_draws_what_is_asked_or_all_there_is(tiny, opened):
    config, engine = opened
    label = labels.classes(config.labels, config.taxonomy, config.season_of(2023), sampling.region(CELL))
    numbers = np.vectorize({0: -1, **dict(config.taxonomy.codes)}.get)(tiny.codes)
    for per_class in (1, 50, 120, 1000):
        drawn = engine.features(export.expression(sampling.places(label, CELL, 2, per_class, 10, seed=1)))
        found = np.array([feature["properties"]["label"] for feature in drawn])
        assert [(found == n).sum() for n in range(2)] == [min(per_class, (numbers == n).sum()) for n in range(2)]
        places = {(f["properties"]["longitude"], f["properties"]["latitude"]) for f in drawn}
        assert len(places) == len(drawn)


def test_another_seed_draws_other_places_and_the_same_seed_the_same(opened):
    config, engine = opened

    def drawn(seed):
        graph = export.labelled_places(config.labels, config.taxonomy, config.season_of(2023), CELL, 20, 10, seed)
        return [feature["properties"] for feature in engine.features(graph)]

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)
