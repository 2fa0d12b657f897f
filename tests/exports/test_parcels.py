"""Parcels become rows that tell each other apart."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely
from pyproj import Geod

from agrispec.errors import CorruptRecord, DataError
from exports import parcels
from exports.parcels import Asked, Findings

FOUND = Findings(
    ranked=np.array([[0, 2, 1], [1, 0, 2], [1, 2, 0]]),
    probabilities=np.array([[0.9, 0.08, 0.02], [0.5, 0.3, 0.2], [0.70004, 0.2, 0.09996]]),
    entropy=np.array([0.3, 0.9, 0.7]), agreement=np.array([1.0, 0.5, 2 / 3]), set_size=np.array([1, 2, 1]),
    confident=np.array([True, False, True]), pixels=np.array([12, 0, 3]))
NAMES = ["wheat", "maize", "beet"]


def fields(*ids):
    return [{"properties": {"parcel_id": name}, "geometry": shapely.geometry.mapping(
        shapely.box(4.5, 48.7 + place / 100, 4.5 + 0.001 * (place + 1), 48.701 + place / 100))}
            for place, name in enumerate(ids)]


def test_parcels_without_a_pixel_on_the_map_have_no_row():
    found = parcels.table(Asked.of(fields("0012", "b", "c"), "parcel_id"), NAMES, FOUND)
    assert found["parcel_id"].tolist() == ["0012", "c"]
    row = found.drop(columns=["geometry", "area_ha"]).iloc[1].to_dict()
    assert row == {"parcel_id": "c", "class": 1, "class_name": "maize", "probability": 0.7, "second": 2,
                   "second_name": "beet", "second_probability": 0.2, "third": 0, "third_name": "wheat",
                   "third_probability": 0.1, "entropy": 0.7, "agreement": 0.6667, "set_size": 1, "confident": 1,
                   "small": 0, "pixels": 3}


def test_of_two_classes_there_is_no_third():
    from dataclasses import replace
    found = parcels.table(Asked.of(fields("a", "b", "c"), "parcel_id"), NAMES, replace(
        FOUND, ranked=FOUND.ranked[:, :2], probabilities=FOUND.probabilities[:, :2]))
    assert "second_name" in found
    assert not [name for name in found if name.startswith("third")]


@pytest.mark.parametrize("latitude", [-33.0, 0.0, 48.7, 65.0])
def test_areas_are_those_of_the_ellipsoid(latitude):
    shapes = [shapely.box(4.5, latitude, 4.5 + side, latitude + side) for side in (0.003, 0.0004)]
    expected = [abs(Geod(ellps="WGS84").geometry_area_perimeter(shape)[0]) / 1e4 for shape in shapes]
    np.testing.assert_allclose(parcels.area_ha(np.array(shapes)), expected, rtol=1e-4)


def test_a_parcel_below_half_a_hectare_is_small():
    found = parcels.table(Asked.of(fields("a", "b", "c"), "parcel_id"), NAMES, FOUND)
    np.testing.assert_allclose(found["area_ha"], [0.819, 2.456], rtol=2e-3)
    tiny = fields("a")
    tiny[0]["geometry"] = shapely.geometry.mapping(shapely.box(4.5, 48.7, 4.5006, 48.701))
    one = Findings(**{name: getattr(FOUND, name)[:1] for name in Findings.__slots__})
    assert parcels.table(Asked.of(tiny, "parcel_id"), NAMES, one)["small"].tolist() == [1]


@pytest.mark.parametrize("ids", [("a", "b", "a"), ("", "b", "c"), (7, 8, 7), (7.5, float("nan")), ("a", None)])
def test_parcels_that_cannot_be_told_apart_are_refused(ids):
    with pytest.raises(DataError, match="names no parcel, or more than one"):
        Asked.of(fields(*ids), "parcel_id")


@pytest.mark.parametrize("ids", [(7, "b", 8), (1, 2.5, 3), (True, False), (["a"], ["b"])])
def test_ids_are_of_one_type_that_a_table_holds(ids):
    with pytest.raises(DataError, match="parcel_id is of type .*; give all parcels a text"):
        Asked.of(fields(*ids), "parcel_id")
    for right in (("0012", "b"), (7, 8), (7.0, 8.5)):
        Asked.of(fields(*right), "parcel_id")


def test_of_parcels_that_are_refused_the_first_is_named():
    """As a loop over parcels would say it, which asks each for its property, its name, its type and its shape."""
    wrong = [("has no property 'parcel_id'", {"properties": {"other": 1}}),
             ("parcel_id = 'a' names no parcel", {"properties": {"parcel_id": "a"}}),
             ("parcel_id is of type int and str, as 7 is", {"properties": {"parcel_id": 7}}),
             ("parcel 'z' has no shape", {"properties": {"parcel_id": "z"}, "geometry": {}})]
    for first in range(4):
        for words in (wrong[first:], wrong[first::-1]):
            asked = fields("a", "b", *"cdef"[:len(words)])
            for parcel, (_, change) in zip(asked[2:], words, strict=True):
                parcel |= change
            with pytest.raises(DataError, match=words[0][0]):
                Asked.of(asked, "parcel_id")


def test_shapes_that_are_none_of_geojson_are_refused():
    asked = fields("a", "b")
    asked[1]["geometry"] = {"type": "Circle", "coordinates": [4.5, 48.7]}
    with pytest.raises(DataError, match=r"the shapes of \[labels\] parcels cannot be read"):
        Asked.of(asked, "parcel_id")


def test_their_digest_is_of_ids_and_shapes():
    digests = {Asked.of(each, "parcel_id").digest for each in (
        fields("a", "b"), fields("b", "a"), fields("a"), fields("a", "b")[::-1])}
    assert len(digests) == 4
    assert Asked.of(fields("a", "b"), "parcel_id").digest in digests


def test_an_id_that_the_table_has_a_column_for_is_refused():
    columns = parcels.table(Asked.of(fields("a", "b", "c"), "parcel_id"), NAMES, FOUND).columns
    assert len(columns) == 18
    for name in [*columns.drop("parcel_id"), "Class"]:
        with pytest.raises(DataError, match=f"parcel_id '{name}' is what the table of parcels calls a column"):
            Asked.of([{"properties": {name: "a"}, "geometry": fields("a")[0]["geometry"]}], name)


def test_a_parcel_without_a_shape_is_named():
    with pytest.raises(DataError, match="parcel 'b' has no shape"):
        Asked.of([*fields("a"), {"properties": {"parcel_id": "b"}, "geometry": None}], "parcel_id")


def test_a_missing_id_is_named_with_what_there_is():
    with pytest.raises(DataError, match="no property 'id'; it has parcel_id"):
        Asked.of(fields("a", "b", "c"), "id")


def test_rows_read_back_and_damage_is_named(tmp_path):
    found = parcels.table(Asked.of(fields("a", "b", "c"), "parcel_id"), NAMES, FOUND)
    path = tmp_path / parcels.FILE
    parcels.write(path, found)
    pd.testing.assert_frame_equal(parcels.read(path), found)
    said = json.loads(pq.read_schema(path).metadata[b"geo"])
    assert said["columns"]["geometry"]["geometry_types"] == ["Polygon"]
    assert pq.read_schema(path).names == [*found.columns]
    path.write_bytes(b"PAR1")
    with pytest.raises(CorruptRecord, match="is not a table of parcels"):
        parcels.read(path)


def test_a_map_that_no_parcel_has_pixels_of_has_an_empty_table(tmp_path):
    from dataclasses import replace
    found = parcels.table(Asked.of(fields("a", "b", "c"), "parcel_id"), NAMES, replace(FOUND, pixels=np.zeros(3, int)))
    parcels.write(tmp_path / parcels.FILE, found)
    assert len(parcels.read(tmp_path / parcels.FILE)) == 0
