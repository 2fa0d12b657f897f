"""Geometries of GeoJSON are the shapes that a reader makes of them one by one."""

import json

import numpy as np
import pytest
import shapely

from agrispec.formats import geojson

SQUARE = [[4.5, 48.7], [4.6, 48.7], [4.6, 48.8], [4.5, 48.7]]
HOLE = [[4.55, 48.71], [4.58, 48.71], [4.58, 48.73], [4.55, 48.71]]
KINDS = [{"type": "Polygon", "coordinates": [SQUARE, HOLE]}, {"type": "Point", "coordinates": [4.5, 48.7]},
         {"type": "MultiPolygon", "coordinates": [[HOLE], [SQUARE, HOLE], [SQUARE]], "geodesic": False},
         {"type": "Polygon", "coordinates": [HOLE]}, {"type": "MultiPolygon", "coordinates": [[SQUARE]]},
         {"type": "GeometryCollection", "geometries": [{"type": "Polygon", "coordinates": [SQUARE]}]},
         {"type": "Polygon", "coordinates": [[[*corner, 2.0] for corner in SQUARE]]}]


def test_every_kind_is_read_in_its_place_and_what_is_not_there_stays_so():
    found = geojson.shapes([None, *KINDS, {}, *KINDS[::-1]])
    expected = [shapely.geometry.shape(each) for each in KINDS]
    assert found[0] is found[8] is None
    for shapes, of in ((found[1:8], expected), (found[9:], expected[::-1])):
        assert shapely.equals_exact(shapes, of, 0).all()
        assert (shapely.get_type_id(shapes) == shapely.get_type_id(of)).all()
    assert geojson.shapes([]).shape == (0,)


def test_corners_keep_every_digit():
    shapes = shapely.buffer(shapely.points(np.random.default_rng(0).uniform(-90, 90, (500, 2))), 0.01)
    found = geojson.shapes([json.loads(text) for text in shapely.to_geojson(shapes)])
    assert shapely.equals_exact(found, shapes, 0).all()


def test_a_ring_that_does_not_end_where_it_begins_is_closed():
    [found] = geojson.shapes([{"type": "Polygon", "coordinates": [SQUARE[:3]]}])
    assert found.equals_exact(shapely.Polygon(SQUARE), 0)


@pytest.mark.parametrize("wrong", [
    {"type": "Circle", "coordinates": [4.5, 48.7]}, {"type": "Polygon"}, {"coordinates": [SQUARE]}, "POINT (4 48)",
    {"type": "Polygon", "coordinates": [[["4.5", "48.7"], *SQUARE[1:]]]}, {"type": "Polygon", "coordinates": SQUARE},
    {"type": "Polygon", "coordinates": [SQUARE[:2]]}])
def test_what_is_no_geometry_is_refused(wrong):
    with pytest.raises(ValueError, match="no geometry of GeoJSON"):
        geojson.shapes([KINDS[0], wrong])


POLYGON, MULTIPOLYGON = (lambda corners: {"type": "Polygon", "coordinates": corners}), (
    lambda corners: {"type": "MultiPolygon", "coordinates": corners})


@pytest.mark.parametrize("odd", [
    MULTIPOLYGON([]), MULTIPOLYGON([[]]), MULTIPOLYGON([[SQUARE], []]), MULTIPOLYGON([[[]]]), MULTIPOLYGON([None]),
    POLYGON([]), POLYGON([[]]), POLYGON(None), POLYGON([None]), POLYGON([SQUARE, None]), POLYGON([SQUARE, []]),
    POLYGON([[None, *SQUARE]]), POLYGON([[[4.5, None], *SQUARE[1:]]]),
    POLYGON([[[4.5, float("inf")], *SQUARE[1:]]]), POLYGON([[[float("nan"), 48.7], *SQUARE[1:]]])], ids=str)
def test_lists_without_corners_are_read_as_empty_or_refused_and_nothing_crashes(odd):
    """GEOS reads beyond its memory where such lists are given to it as arrays."""
    for others in ([], [POLYGON([SQUARE]), MULTIPOLYGON([[SQUARE], [HOLE]])]):
        try:
            found = geojson.shapes([*others, odd])
        except ValueError:
            continue
        assert shapely.is_empty(found[-1]) or shapely.area(found[-1]) == shapely.area(shapely.Polygon(SQUARE))
        assert not shapely.is_empty(found[:-1]).any()
