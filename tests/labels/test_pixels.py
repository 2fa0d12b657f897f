"""Runs of pixels are the pixels whose centre GEOS finds inside."""

import numpy as np
import shapely
import shapely.ops
from hypothesis import given
from hypothesis import strategies as st

from labels import pixels

LEFT, TOP, SCALE = 300.0, 900.0, 10.0
POINTS = st.lists(st.tuples(st.floats(-150, 250), st.floats(-150, 250)), min_size=3, max_size=9)


@st.composite
def shapes(draw):
    """Polygons with holes, in several parts, empty ones, and collections with what has no area."""
    found = []
    for points in draw(st.lists(POINTS, min_size=1, max_size=6)):
        whole = shapely.make_valid(shapely.Polygon(np.add(points, (LEFT, TOP))))
        hole = shapely.Point(LEFT + points[0][0], TOP + points[0][1]).buffer(40)
        found.append(draw(st.sampled_from([whole, whole.difference(hole), shapely.Polygon(), None])))
    return np.array(found, object)


def centres(rows, columns):
    return LEFT + (columns + 0.5) * SCALE, TOP - (rows + 0.5) * SCALE


@given(shapes())
def test_runs_are_the_pixels_whose_centres_geos_finds_inside(drawn):
    found = pixels.runs(drawn, LEFT, TOP, SCALE)
    rows, columns = np.meshgrid(np.arange(-30, 20), np.arange(-20, 30), indexing="ij")
    x, y = centres(rows, columns)
    mine = [set() for _ in drawn]
    for shape, row, column in found.blocks():
        for number, *pixel in zip(shape.tolist(), row.tolist(), column.tolist(), strict=True):
            assert tuple(pixel) not in mine[number]
            mine[number].add(tuple(pixel))
    for number, shape in enumerate(drawn):
        if shape is None:
            assert not mine[number]
            continue
        # What stands on an outline may be on either side.
        on_edge = shapely.dwithin(shape.boundary if not shape.is_empty else shape, shapely.points(x, y), 1e-6) \
            if shape.geom_type != "GeometryCollection" else np.zeros(x.shape, bool)
        listed = list(zip(rows.ravel().tolist(), columns.ravel().tolist(), strict=True))
        inside = shapely.contains_xy(shape, x, y).ravel()
        edges = {pixel for pixel, edge in zip(listed, on_edge.ravel(), strict=True) if edge}
        theirs = {pixel for pixel, within in zip(listed, inside, strict=True) if within} - edges
        assert theirs <= mine[number] <= theirs | edges
        assert found.counts[number] == len(mine[number])


@given(shapes())
def test_each_pixel_has_a_place_of_its_own_in_its_shape(drawn):
    found = pixels.runs(drawn, LEFT, TOP, SCALE)
    shape = np.repeat(np.arange(len(drawn)), found.counts)
    rank = np.arange(len(shape)) - np.repeat(np.cumsum(found.counts) - found.counts, found.counts)
    row, column = found.pixel(shape, rank)
    blocks = [np.stack(block) for block in found.blocks()] or [np.empty((3, 0), np.int64)]
    np.testing.assert_array_equal(np.stack([shape, row, column]), np.concatenate(blocks, axis=1))


def test_neighbours_share_no_pixel_and_leave_none_out():
    # Outlines go through pixel centres.
    whole = shapely.box(0, 0, 200, 200)
    cut = shapely.LineString([(-5, -5), (205, 205)])
    parts = np.array([*shapely.ops.split(whole, cut).geoms, shapely.box(200, 0, 205, 200)], object)
    found = pixels.runs(parts, 0, 205, SCALE)
    seen = np.concatenate([np.stack([row, column], 1) for _, row, column in found.blocks()])
    assert len(np.unique(seen, axis=0)) == len(seen) == pixels.runs(
        np.array([shapely.box(0, 0, 205, 200)]), 0, 205, SCALE).counts[0]


def test_blocks_of_few_pixels_hold_the_same_as_one(monkeypatch):
    found = pixels.runs(np.array([shapely.box(0, 0, 95, 95), shapely.Point(50, 50).buffer(60)]), 0, 0, SCALE)
    whole = np.concatenate([np.stack(block) for block in found.blocks()], axis=1)
    monkeypatch.setattr(pixels, "_AT_ONCE", 7)
    blocks = list(found.blocks())
    assert len(blocks) > 10
    np.testing.assert_array_equal(np.concatenate([np.stack(block) for block in blocks], axis=1), whole)
