"""Values as getInfo() of the service gives them."""

from __future__ import annotations

import json
from typing import Any

import ee
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.errors import EngineError
from agrispec.grid import Grid
from gee_scripts.engine.local.images.frame import output_grid
from gee_scripts.engine.local.language.encode import as_json, encode, geojson


def test_an_image_tells_its_bands_and_properties(world: Any) -> None:
    world.images["one"] = world.make({"a": np.ones((20, 24), np.uint16), "b": np.ones((20, 24), np.float32)},
                                     {"system:index": "one", "k": 3})
    place = {"dimensions": [24, 20], "crs": "EPSG:32631", "crs_transform": [10, 0, 500_000, 0, -10, 5_400_000]}
    found = world.info(ee.Image("one"))
    assert found == {"type": "Image", "properties": {"system:index": "one", "k": 3}, "bands": [
        {"id": "a", "data_type": {"type": "PixelType", "precision": "int", "min": 0, "max": 65535}, **place},
        {"id": "b", "data_type": {"type": "PixelType", "precision": "float"}, **place}]}
    composite = world.info(ee.ImageCollection([ee.Image("one")]).median())["bands"][0]
    assert (composite["crs"], composite["crs_transform"]) == ("EPSG:4326", [1, 0, 0, 0, 1, 0])
    assert world.info(ee.Image("one").toArray())["bands"][0]["data_type"]["dimensions"] == 1


def test_features_and_collections_are_geojson_with_an_id(world: Any) -> None:
    point = ee.Feature(ee.Geometry.Point([3, 48]), {"a": 1, "when": ee.Date(7)})
    found = world.info(ee.FeatureCollection([point]))
    assert found["type"] == "FeatureCollection"
    assert found["features"] == [{"type": "Feature", "id": "0", "geometry": {"type": "Point", "coordinates": [3, 48]},
                                  "properties": {"a": 1, "when": {"type": "Date", "value": 7}}}]
    assert world.info(ee.ImageCollection([ee.Image(1)]))["type"] == "ImageCollection"
    json.dumps(found)


def test_geometries_of_another_crs_say_so_and_geojson_is_in_degrees(world: Any) -> None:
    box = ee.Geometry.Rectangle([500_000, 5_400_000, 500_010, 5_400_010], "EPSG:32631", False)
    found = world.info(box)
    assert found["crs"]["properties"]["name"] == "EPSG:32631"
    assert found["geodesic"] is False
    lon, lat = np.array(geojson(world.value(box))["coordinates"][0]).T
    np.testing.assert_allclose(lon, 3, atol=1e-3)
    np.testing.assert_allclose(lat, 48.753, atol=1e-3)


def test_scalars_arrays_and_other_values_have_a_json_form(world: Any) -> None:
    for graph in (ee.Projection("EPSG:32631"), ee.Reducer.mean(), ee.Filter.eq("a", 1), ee.Kernel.circle(3),
                  ee.DateRange(0, 5), ee.Join.simple(), ee.List([1, "a", None]), ee.Dictionary({"a": [1]})):
        json.dumps(world.info(graph))
    assert encode(np.float32(1.5)) == 1.5
    assert encode(np.arange(4).reshape(2, 2)) == [[0, 1], [2, 3]]
    with pytest.raises(EngineError, match="has no JSON form"):
        encode(object())


def test_more_than_5000_elements_are_not_sent_at_once(world: Any) -> None:
    many = ee.FeatureCollection(ee.List.sequence(1, 5001).map(lambda n: ee.Feature(None, {"n": n})))
    with pytest.raises(EngineError, match=r"^Collection query aborted after accumulating over 5000 elements\."):
        world.info(many)
    assert len(world.info(many.limit(5000))["features"]) == 5000


def test_the_grid_of_an_export_is_that_of_its_transform_or_scale_over_the_bounds(world: Any) -> None:
    region = ee.Geometry.Rectangle([500_020, 5_399_900, 500_120, 5_399_980], "EPSG:32631", False)

    def wrapped(crs: Any, transform: Any, **frame: Any) -> ee.Image:
        image = ee.ApiFunction.apply_("Image.setDefaultProjection", {
            "image": ee.Image(1), "crs": crs} | ({} if transform is None else {"crsTransform": transform}))
        return ee.Image(ee.ApiFunction.apply_("Image.clipToBoundsAndScale", {"input": image, **frame}))

    grid = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 500_020.0, 0.0, -10.0, 5_399_980.0), width=10, height=8)
    assert output_grid(world.value(wrapped("EPSG:32631", [10, 0, 500_020, 0, -10, 5_399_980], geometry=region))) == grid
    assert output_grid(world.value(wrapped("EPSG:32631", None, geometry=region, scale=10))) == grid
    sized = output_grid(world.value(wrapped("EPSG:32631", None, geometry=region, width=5, height=4)))
    assert (sized.width, sized.height, sized.transform[0]) == (5, 4, 20)
    with pytest.raises(EngineError, match="without limits"):
        output_grid(world.value(ee.Image(1)))
    with pytest.raises(EngineError, match="only the default projection"):
        output_grid(world.value(ee.ImageCollection([ee.Image(1).clip(region)]).median()))


@given(values=st.recursive(st.floats() | st.integers() | st.text(max_size=3) | st.none(),
                           lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner,
                                                                                       max_size=3), max_leaves=8))
def test_json_text_is_strict_and_null_where_json_has_no_number(values: Any) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    loose = json.loads(json.dumps(values), parse_constant=lambda name: None)
    assert json.loads(as_json(values), parse_constant=refuse) == loose
