"""Only what the area of interest and the mask leave is mapped."""

import json
from dataclasses import replace

import numpy as np
import pytest
import shapely
from pyproj import Transformer

from agrispec.errors import AssetMissing, ConfigError, DataError
from agrispec.formats.asset_tree import AssetTree
from exports import mapping, parcels
from exports.polygons import Polygons
from gee_scripts import engine as engines
from gee_scripts import export as graphs

from .conftest import copied, images, map_of, of_patches, quiet

MASK = "projects/agrispec-local/assets/cropland"


def test_only_the_area_of_interest_is_mapped(run, tiny, fields, mapped, tmp_path, monkeypatch):
    again = copied(run, tmp_path)
    triangle = shapely.Polygon([(613000, 5402000), (613140, 5402000), (613000, 5401870)])
    degrees = shapely.transform(triangle, Transformer.from_crs(tiny.grid.crs, "EPSG:4326", always_xy=True).transform,
                                interleaved=False)
    (again.path / "aoi.geojson").write_text(json.dumps(shapely.geometry.mapping(degrees)))
    config = replace(again.config, map=replace(again.config.map, aoi="aoi.geojson"))
    aoi = mapping.aoi_of(again, config)
    columns, rows = np.meshgrid(np.arange(24), np.arange(20))
    inside = shapely.contains_xy(triangle, 613005 + 10 * columns, 5401995 - 10 * rows)
    card = map_of(again, config, of_patches(again, aoi), fields)
    of_patch = images(again)
    for name, image in of_patch.items():
        missing = -1 if image.dtype == np.float32 else 255
        np.testing.assert_array_equal(image, np.where(inside, mapped[1][name], missing), err_msg=name)
    assert card["masked"] == (~inside).sum()
    monkeypatch.setattr("exports.blocks._LARGEST", 8)
    engine, asked = engines.open(config.engine, again.path), []
    pixels = type(engine).pixels
    monkeypatch.setattr(type(engine), "pixels", lambda self, graph, grid: asked.append(grid) or pixels(
        self, graph, grid))
    try:
        map_of(again, config, mapping.stream_of(config, engine, graphs, aoi, 2023), fields)
    finally:
        engine.close()
    for name, image in images(again).items():
        np.testing.assert_array_equal(image, of_patch[name], err_msg=name)
    assert len(asked) == 3  # of nine windows


def test_a_map_without_a_pixel_to_map_is_refused_and_the_last_one_stays(run, tiny, mapped, tmp_path):
    again = copied(run, tmp_path)
    before = (again.predictions / "prediction.json").read_bytes()
    between = shapely.transform(shapely.box(613006, 5401991, 613009, 5401994), Transformer.from_crs(
        tiny.grid.crs, "EPSG:4326", always_xy=True).transform, interleaved=False)  # no pixel's centre
    aoi = Polygons.of(np.array([between]), tiny.grid.crs)
    with pytest.raises(DataError, match="no pixel was to be mapped; look at"):
        map_of(again, again.config, of_patches(again, aoi), ())
    assert (again.predictions / "prediction.json").read_bytes() == before


@pytest.mark.parametrize(("content", "said"), [
    ("{", "is no GeoJSON of polygons"), ('{"type": "Point", "coordinates": [4.5, 48.7]}', "holds Point instead of"),
    ('{"type": "FeatureCollection", "features": []}', "holds nothing instead of polygons"), (None, "cannot be read"),
    (json.dumps(shapely.geometry.mapping(shapely.box(0, 0, 1, 1))), "touches the map")])
def test_an_area_of_interest_that_is_none_is_refused(run, tmp_path, content, said):
    if content is not None:
        (tmp_path / "aoi.json").write_text(content)
    config = replace(run.config, map=replace(run.config.map, aoi=str(tmp_path / "aoi.json")))
    with pytest.raises(ConfigError, match=said):
        mapping.aoi_of(run, config)


def test_a_mask_asset_hides_pixels_from_both_sources(run, tiny, mapped, tmp_path, monkeypatch):
    again = copied(run, tmp_path)
    cropland = np.random.default_rng(0).integers(0, 3, tiny.grid.shape).astype(np.uint8)
    AssetTree(again.path / "landscape").write_image(MASK, arrays={"crops": cropland}, grid=tiny.grid, nodata=2)
    config = replace(again.config, map=replace(again.config.map, mask=MASK))
    wanted = cropland == 1
    engine = engines.open(config.engine, again.path)
    monkeypatch.setattr("exports.blocks._LARGEST", 16)
    try:
        mapping.check_mask(config, engine)
        mapping.export_patches(again, config, engine, graphs, quiet, 2023)
        found = {}
        for name, source in (("patches", mapping.patches_of(again, config, None)),
                             ("stream", mapping.stream_of(config, engine, graphs, None, 2023))):
            found[name] = map_of(again, config, source, ()), images(again)
        with pytest.raises(AssetMissing, match="is not there"):
            mapping.check_mask(replace(config, map=replace(config.map, mask=f"{MASK}2")), engine)
        with pytest.raises(ConfigError, match="is of type IMAGE_COLLECTION"):
            mapping.check_mask(replace(config, map=replace(config.map, mask=config.labels.images)), engine)
    finally:
        engine.close()
    for card, products_found in found.values():
        for name, image in products_found.items():
            missing = -1 if image.dtype == np.float32 else 255
            np.testing.assert_array_equal(image, np.where(wanted, mapped[1][name], missing), err_msg=name)
        assert card["masked"] == (~wanted).sum()
        assert card["parcels"] == 0
        assert card["parcels_digest"] is None
    assert not (again.predictions / parcels.FILE).exists()
    assert not (again.predictions / parcels.GEOPACKAGE).exists()
