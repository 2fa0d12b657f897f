"""A parcel's curves are those of its pixels, wherever they are read, and examples are compared as they are."""

import base64
import io
import threading

import numpy as np
import pytest
import shapely
from matplotlib import image
from pyproj import Transformer

import cli
from agrispec.errors import DataError
from agrispec.kernels import indices
from exports import mapping, samples, shards
from exports.polygons import Polygons
from exports.review import curves, imagery
from exports.review.curves import Curves, Labelled

from .conftest import SIDE


def shapes_of(queue):
    return shapely.from_wkb(queue.table["geometry"].to_numpy(object))


def test_patches_the_engine_and_numpy_give_one_curve(run, waiting, tiny):
    shapes = shapes_of(waiting)
    with cli._opened(run.path) as opened:
        config = opened.config
        mapping.export_patches(run, config, opened.engine, opened.graphs, lambda done: None, 2023)
        asked = [curves.of_engine(opened.engine, opened.graphs, config, 2023, shape) for shape in shapes[:3]]
    whole = curves.of_patches(run, config, 2023, shapes, threading.Event())
    assert whole.values.shape == (len(shapes), config.spec.window.steps, 2)
    for number, one in enumerate(asked):
        np.testing.assert_allclose(one.values[0], whole.values[number], atol=1e-6)
        np.testing.assert_allclose(one.looks[0], whole.looks[number], atol=1e-6)
    assert np.isfinite(whole.values).any()
    # NDVI of one step of the first parcel, from the scenes themselves.
    index = int(waiting.table["parcel_id"][0].strip("<i>/"))
    row, column = (SIDE * at for at in divmod(index, tiny.grid.width // SIDE))
    season, spec = config.season_of(2023), config.spec
    step = next(step for step in spec.window if np.isfinite(whole.values[0, step - spec.window.start, 0]))
    first, last = season.bounds(step)
    scenes = [number for number, day in enumerate(tiny.days) if first <= day < last]
    block = np.s_[row:row + SIDE, column:column + SIDE]
    looks = np.where(tiny.clear[scenes][(slice(None), *block)][:, None], tiny.dn[scenes][(slice(None), slice(None),
                                                                                         *block)] / 1e4, np.nan)
    with np.errstate(invalid="ignore"):
        median = np.nanmedian(looks, axis=0) if len(scenes) > 1 else looks[0]
    ndvi = indices.compute(np.nan_to_num(np.moveaxis(median, 0, -1)), spec.features, ("NDVI",))[..., 0]
    expected = ndvi[np.isfinite(median[0])].mean()
    assert whole.values[0, step - spec.window.start, 0] == pytest.approx(expected, abs=1e-5)


def test_parcels_are_laid_on_a_patch_at_a_time_and_not_on_the_whole_map(run, waiting, monkeypatch):
    shapes = shapes_of(waiting)
    with cli._opened(run.path) as opened:
        mapping.export_patches(run, opened.config, opened.engine, opened.graphs, lambda done: None, 2023)
    layout, laid = shards.layout_of(run.patches), []
    on_patch = Polygons.numbers

    def numbers(parcels, grid):
        laid.append((grid, on_patch(parcels, grid)))
        return laid[-1][1]

    monkeypatch.setattr(Polygons, "numbers", numbers)
    curves.of_patches(run, run.config, 2023, shapes, threading.Event())
    assert {grid.shape for grid, _ in laid} == {(layout.patch, layout.patch)}
    whole = layout.grid.padded(layout.patch)
    assert len(laid) == whole.width * whole.height // layout.patch**2 > 1
    # Together they say what the whole map says.
    expected = on_patch(Polygons.of(shapes, whole.crs), whole)
    for grid, found in laid:
        column, row = (round(abs(a - b) / 10) for a, b in zip(grid.bounds[0::3], whole.bounds[0::3], strict=True))
        np.testing.assert_array_equal(found, expected[row:row + layout.patch, column:column + layout.patch])


def test_patches_of_another_season_are_not_read_and_who_is_gone_is_not_waited_for(run, waiting):
    shapes, closed = shapes_of(waiting), threading.Event()
    with cli._opened(run.path) as opened:
        mapping.export_patches(run, opened.config, opened.engine, opened.graphs, lambda done: None, 2023)
    assert curves.of_patches(run, run.config, 2024, shapes, closed) is None
    closed.set()
    assert curves.of_patches(run, run.config, 2023, shapes, closed) is None


def test_labelled_samples_are_those_that_teach_and_their_spread_is_numpys(run):
    config, table = run.config, samples.read(run.samples)
    found = curves.labelled(run, config)
    taught = table[(table["fold"] == "train") & (table["label"] >= 0)]
    assert np.bincount(found.labels).tolist() == np.bincount(taught["label"]).tolist()
    cubes = shards.read(run.shards, config.spec)
    mine = np.isin(cubes.rows, taught["row"])
    expected = curves.of_cubes(cubes.values[mine], cubes.counts[mine], config.spec)
    np.testing.assert_array_equal(found.curves.values, expected.values)
    for label in (0, 1):
        values = found.curves.values[found.labels == label]
        seen = np.isfinite(values).any(axis=0)
        spread = found.spread(label)
        for number, share in enumerate((50, 10, 90)):
            expected = np.nanpercentile(values[:, seen], share, axis=0)
            np.testing.assert_allclose(spread[number][seen], expected, rtol=1e-5)
        assert np.isnan(spread[:, ~seen]).all()


def test_the_nearest_example_of_a_sample_is_itself_and_nothing_is_near_what_nobody_saw():
    generator = np.random.default_rng(3)
    values = generator.random((20, 9, 2)).astype(np.float32)
    values[generator.random((20, 9)) < 0.3] = np.nan
    values[:, 0] = 0.5
    known = Labelled(labels=np.zeros(20, np.int64), seasons=np.full(20, 2023),
                     curves=Curves(values=values, looks=np.ones((20, 9), np.float32)))
    for number in (0, 7):
        order, distance = known.nearest(values[number], 4)
        assert order[0] == number
        assert distance[0] == 0
        assert (np.diff(distance) >= 0).all()
    assert len(known.nearest(np.full((9, 2), np.nan, np.float32), 4)[0]) == 0


def test_a_parcel_is_read_inside_of_the_map_and_a_large_one_around_its_inside(run):
    whole = mapping.grid_of(run.config)
    degrees = Transformer.from_crs(whole.crs, "EPSG:4326", always_xy=True)

    def square(west, south, east, north):
        return shapely.transform(shapely.box(west, south, east, north), degrees.transform, interleaved=False)

    left, bottom, right, top = whole.bounds
    assert curves.around(square(left + 21, top - 59, left + 39, top - 31), whole) == whole.window(3, 2, 3, 2)
    beyond = curves.around(square(left - 500, bottom - 500, left + 15, bottom + 15), whole)
    assert beyond == whole.window(18, 0, 2, 2)
    large = whole.window(0, 0, 900, 900)
    found = curves.around(square(left + 1000, top - 5000, left + 4000, top - 2000), large)
    assert found.shape == (48, 48)
    assert abs(found.bounds[0] + 240 - (left + 2500)) < 100
    with pytest.raises(DataError, match="outside of the map"):
        curves.around(square(right + 20, top, right + 100, top + 100), whole)


def test_a_picture_shows_the_parcel_in_the_middle_and_nothing_where_nothing_was_seen(run, waiting):
    shape = shapely.from_wkb(waiting.table["geometry"][0])
    with cli._opened(run.path) as opened:
        steps = imagery.peak(np.full(43, np.nan, np.float32), opened.config.spec.window, 5)
        found = imagery.take(opened.engine, opened.graphs, opened.config, 2023, shape, steps)
    west, south, east, north = found.bounds
    assert shapely.box(west, south, east, north).centroid.distance(shape.centroid) < 3e-4
    assert found.true.startswith("data:image/png;base64,")
    drawn = image.imread(io.BytesIO(base64.b64decode(found.false.split(",")[1])))
    assert drawn.shape[2] == 4
    # The tiny landscape is smaller than a picture.
    assert drawn[0, 0, 3] == 0
    assert drawn[..., 3].max() == 1


def test_the_peak_is_where_the_curve_is_highest_and_inside_the_window(run):
    spec = run.config.spec
    curve = np.full(43, 0.2, np.float32)
    curve[[0, 20]] = 0.3, np.nan
    assert imagery.peak(curve, spec.window, 5).start == spec.window.start
    curve[42] = 0.9
    assert imagery.peak(curve, spec.window, 5).stop == spec.window.stop
