"""Graphs evaluate as the service documents them; whole graphs of this project equal NumPy's answer."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import ee
import numpy as np
import pytest

from agrispec.bands import SENTINEL2_IDS
from agrispec.grid import Grid, cell_of
from agrispec.season import Season, Window
from gee_scripts import catalog, clouds, composites, labels, sampling

S2 = "COPERNICUS/S2_SR_HARMONIZED"


def millis(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, 10, tzinfo=UTC).timestamp() * 1000)


def scenes(world: Any, days: list[int], rng: np.random.Generator, unmatched: int = -1,
           ) -> tuple[np.ndarray, np.ndarray]:
    """Fills the world with scenes on days of 2023; (D, 10, rows, columns) reflectance, (D, rows, columns) clear."""
    shape = world.grid.shape
    reflectance = rng.integers(0, 10_000, (len(days), 10, *shape)).astype(np.uint16)
    score = rng.random((len(days), *shape)).astype(np.float32)
    classes = rng.integers(0, 12, (len(days), *shape)).astype(np.uint8)
    optical, clear = [], []
    for number, day in enumerate(days):
        when = date(2023, 1, 1) + timedelta(days=day)
        properties = {"system:index": f"{when:%Y%m%d}_{number}", "system:time_start": millis(when),
                      catalog.CLOUD_COVER: float(number)}
        planes = dict(zip(SENTINEL2_IDS, reflectance[number], strict=True))
        optical.append(world.make({**planes, catalog.SCENE_CLASSIFICATION: classes[number]}, properties))
        if number != unmatched:
            clear.append(world.make({"cs": score[number], "cs_cdf": score[number]}, properties))
    world.add_collection(S2, optical)
    world.add_collection(catalog.CLOUD_SCORE, clear)
    seen = score >= np.float32(0.75)
    if unmatched >= 0:
        seen[unmatched] = np.isin(classes[unmatched], catalog.CLEAR_CLASSES)
    return reflectance, seen


def oracle(reflectance: np.ndarray, seen: np.ndarray, days: list[int], window: Window,
           season: Season) -> tuple[np.ndarray, np.ndarray]:
    """(S, 10, rows, columns) medians with NaN, (S, rows, columns) counts."""
    medians, counts = [], []
    for step in window:
        opened, closed = ((day - date(2023, 1, 1)).days for day in season.bounds(step))
        inside = [i for i, day in enumerate(days) if opened <= day < closed]
        stack = np.where(seen[inside, None], reflectance[inside] / 1e4, np.nan).astype(np.float32)
        counts.append(seen[inside].sum(axis=0))
        with np.errstate(all="ignore"):
            medians.append(np.full(stack.shape[1:], np.nan, np.float32) if not inside else
                           np.ma.median(np.ma.masked_invalid(stack), axis=0).filled(np.nan))
    return np.stack(medians), np.stack(counts)


@pytest.mark.parametrize("unmatched", [-1, 3])
def test_the_clear_medians_of_a_season_equal_numpys(world: Any, unmatched: int) -> None:
    rng = np.random.default_rng(7)
    days = sorted(rng.choice(40, 30).tolist())
    reflectance, seen = scenes(world, days, rng, unmatched)
    season, window = Season(start=date(2023, 1, 1)), Window(0, 9)
    from agrispec.cube import ClearLook

    rule = ClearLook(max_cloud_cover=100, unmatched="scl")
    region = ee.Geometry.Point([3.0, 48.7]).buffer(50_000)
    found = clouds.clear(clouds.scenes(S2, season, region, rule), clouds.scores(season, region), rule)
    steps = composites.step_medians(found, season, window, SENTINEL2_IDS)
    pixels = world.pixels(steps.toBands())
    medians, counts = oracle(reflectance, seen, days, window, season)
    assert len(pixels) == 9 * 11
    for step in range(9):
        for number, band in enumerate(SENTINEL2_IDS):
            found_band = pixels[f"{step}_{band}"]
            assert (found_band.mask == np.isnan(medians[step, number])).all()
            np.testing.assert_allclose(found_band.filled(np.nan), medians[step, number], rtol=1e-6)
        assert not pixels[f"{step}_count"].mask.any()
        np.testing.assert_array_equal(pixels[f"{step}_count"].data, counts[step])


@pytest.mark.parametrize("name", ["cropnet-5d", "agrispec-23"])
def test_the_cubes_sampled_at_places_equal_numpys(world: Any, name: str) -> None:
    from agrispec import indices
    from agrispec.cube import COUNT, preset
    from gee_scripts import cube

    rng = np.random.default_rng(8)
    days = sorted(rng.choice(365, 60).tolist())
    reflectance, seen = scenes(world, days, rng)
    season, spec = Season(start=date(2023, 1, 1), step_days=preset(name).step_days), preset(name)
    cell = cell_of(3.0001, 48.7501)
    places = rng.choice(world.grid.width * world.grid.height, 40, replace=False)
    rows, columns = np.divmod(places, world.grid.width)
    from pyproj import Transformer

    lon, lat = Transformer.from_crs("EPSG:32631", "EPSG:4326", always_xy=True).transform(
        500_000 + 10 * columns + rng.uniform(0.1, 9.9, 40), 5_400_000 - 10 * rows - rng.uniform(0.1, 9.9, 40))
    at = list(zip(range(40), lon.tolist(), lat.tolist(), strict=True))
    image = cube.array(spec, season, ee.Geometry.Rectangle([2.9, 48.6, 3.2, 48.9], "EPSG:4326", False))
    features = world.value(sampling.gather(image, at, cell, 10)).items
    medians, counts = oracle(reflectance, seen, days, spec.exported, season)
    assert [feature.properties["row"] for feature in features] == list(range(40))
    for feature, row, column in zip(features, rows, columns, strict=True):
        found = feature.properties["cube"]
        assert found.shape == (spec.exported.steps, len(spec.features) + 1)
        assert found.dtype == np.float32
        expected = np.full(found.shape, spec.fill, np.float64)
        expected[:, -1] = counts[:, row, column]
        for step in np.flatnonzero(counts[:, row, column]):
            values = dict(zip(SENTINEL2_IDS, medians[step, :, row, column].astype(np.float64), strict=True))
            for number, feature_name in enumerate(spec.features):
                if feature_name in values:
                    expected[step, number] = values[feature_name]
                else:
                    formula = indices.FORMULAS[feature_name]
                    above, below = (form.constant + sum(c * values[b] for b, c in form.terms)
                                    for form in (formula.numerator, formula.denominator))
                    expected[step, number] = above / below if below else 0
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)
    assert spec.columns[-1] == COUNT


def label_world(world: Any) -> np.ndarray:
    grid = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 500_000.0, 0.0, -10.0, 5_400_000.0), width=150, height=130)
    fields = np.kron(np.random.default_rng(3).integers(1, 5, (5, 5)), np.ones((26, 30), int)).astype(np.uint8)
    fields[40:44] = 0
    world.add_collection("labels", [world.make({"class": fields}, {"system:index": "2023", "system:time_start": millis(
        date(2023, 6, 1))}, grid)])
    return fields


def test_eroded_labels_keep_a_circle_of_one_label_and_are_sampled_by_class(world: Any) -> None:
    from scipy import ndimage

    from agrispec.config import Labels
    from agrispec.taxonomy import CropClass, Taxonomy

    fields = label_world(world)
    taxonomy = Taxonomy((CropClass(name="a", codes=(1,), colour="#000000"),
                         CropClass(name="b", codes=(2, 3), colour="#ff0000"),
                         CropClass(name="c", codes=(4,), colour="#00ff00")))
    season, rule = Season(start=date(2023, 1, 1)), Labels(images="labels", band="class")
    cell = cell_of(3.005, 48.745)
    label = labels.classes(rule, taxonomy, season, sampling.region(cell))
    grid = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 500_000.0, 0.0, -10.0, 5_400_000.0), width=150, height=130)
    eroded = world.pixels(labels.eroded(label, 60), grid)["label"]
    truth = np.select([fields == 1, (fields == 2) | (fields == 3), fields == 4], [0, 1, 2], -1)
    y, x = np.mgrid[-6:7, -6:7]
    disc = x * x + y * y <= 36
    around = np.pad(truth, 6, constant_values=-1)
    pure = (ndimage.minimum_filter(around, footprint=disc) == ndimage.maximum_filter(around, footprint=disc))
    kept = pure[6:-6, 6:-6] & (truth >= 0)
    np.testing.assert_array_equal(~eroded.mask, kept)
    np.testing.assert_array_equal(eroded.data[kept], truth[kept])

    drawn = world.value(sampling.places(labels.eroded(label, 60), cell, 3, 200, 10, seed=5)).items
    got = np.array([feature.properties["label"] for feature in drawn])
    assert [int((got == number).sum()) for number in range(3)] == [
        min(200, int((truth[kept] == number).sum())) for number in range(3)]
    from pyproj import Transformer

    to_utm = Transformer.from_crs("EPSG:4326", "EPSG:32631", always_xy=True)
    for feature in drawn:
        x_m, y_m = to_utm.transform(feature.properties["longitude"], feature.properties["latitude"])
        row, column = int((5_400_000 - y_m) // 10), int((x_m - 500_000) // 10)
        assert kept[row, column]
        assert truth[row, column] == feature.properties["label"]
        assert abs((x_m - 500_000) % 10 - 5) < 1e-3, "places are pixel centres"
    again = world.value(sampling.places(labels.eroded(label, 60), cell, 3, 200, 10, seed=5)).items
    other = world.value(sampling.places(labels.eroded(label, 60), cell, 3, 200, 10, seed=6)).items
    assert [f.properties for f in again] == [f.properties for f in drawn]
    assert [f.properties for f in other] != [f.properties for f in drawn]
