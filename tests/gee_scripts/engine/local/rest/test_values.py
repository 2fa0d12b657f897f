"""Values through the real client: graphs to JSON, and what a faulty one is answered with."""

import time

import ee
import pytest


def test_values_are_computed(crops):
    assert ee.Number(2).add(3).getInfo() == 5
    assert crops.image.bandNames().getInfo() == ["crop", "share"]
    info = crops.image.getInfo()
    assert info["properties"]["tile"] == "31UFQ"
    assert [band["id"] for band in info["bands"]] == ["crop", "share"]


def test_a_faulty_graph_is_answered_once_with_its_reason(running):
    before = time.monotonic()
    with pytest.raises(ee.EEException, match="nothing' not found"):
        ee.Image(f"{running.home}/nothing").bandNames().getInfo()
    with pytest.raises(ee.EEException):
        ee.Image(f"{running.home}/image").select("nothing").getInfo()
    with pytest.raises(ee.EEException, match="TestAlgorithm|not implemented"):
        ee.Image(1).unmix([[1]]).getInfo()
    # The client repeats 5xx answers with growing pauses.
    assert time.monotonic() - before < 2


def test_answers_are_json_without_the_numbers_it_lacks(running):
    point = ee.Geometry.Point([3.01, 48.75])
    value = ee.Image.constant([-1, 4]).sqrt().rename(["a", "b"])
    assert value.reduceRegion(ee.Reducer.first(), point, 10).getInfo() == {"a": None, "b": 2}
    features = value.reduceRegions(ee.FeatureCollection([ee.Feature(point, {"v": 1})]), ee.Reducer.first(), 10)
    properties = ee.data.computeFeatures({"expression": features})["features"][0]["properties"]
    assert properties == {"v": 1, "a": None, "b": 2}
