import numpy as np
import pytest
import shapely
from pyproj import Transformer

from agrispec.bands import SENTINEL2_IDS
from agrispec.errors import AssetExists
from agrispec.formats.asset_tree import AssetTree
from scenes.canopy import CanopyTable
from scenes.landscape import Landscape, label_image, scenes_of
from scenes.phenology import CROPS
from scenes.simulate import CLOUD_SCORE_COLLECTION, SENTINEL2_COLLECTION, simulate

SMALL = Landscape(windows=2, size=48)


@pytest.fixture(scope="module")
def table() -> CanopyTable:
    return CanopyTable.computed()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    tree = AssetTree(tmp_path_factory.mktemp("assets"))
    return tree, simulate(tree, SMALL)


def test_the_archive_looks_like_earth_engines(written):
    tree, summary = written
    scenes = tree.images(SENTINEL2_COLLECTION)
    assert len(scenes) == sum(summary.scenes.values()) == 2 * (146 + summary.scenes[2024] // 2)
    for asset in scenes:
        properties = asset.properties
        assert properties["agrispec:simulated"] == "true"
        assert properties["SPACECRAFT_NAME"] in ("Sentinel-2A", "Sentinel-2B")
        assert 0 <= properties["CLOUDY_PIXEL_PERCENTAGE"] <= 100
        assert tuple(band.id for band in asset.bands) == (*SENTINEL2_IDS, "SCL")
    twins = {asset.id.rpartition("/")[2] for asset in tree.images(CLOUD_SCORE_COLLECTION)}
    names = {asset.id.rpartition("/")[2] for asset in scenes}
    assert names - twins == set(summary.without_twin)
    assert twins < names


def test_what_is_written_is_what_was_simulated(written, table):
    tree, summary = written
    window = summary.windows[1]
    made = scenes_of(SMALL, window, 2024, table)
    ours = [a for a in tree.images(SENTINEL2_COLLECTION) if a.id.endswith(window.tile) and "/2024" in a.id]
    assert len(ours) == len(made.dn)
    for t in (0, 70, 146):
        np.testing.assert_array_equal(tree.pixels(ours[t], SENTINEL2_IDS), made.dn[t])
        np.testing.assert_array_equal(tree.pixels(ours[t], ["SCL"])[0], made.scl[t])
        assert ours[t].grid == window.grid
    labels = tree.get(f"{SMALL.labels}/{window.cell.id}_2024")
    np.testing.assert_array_equal(tree.pixels(labels, ["crop"])[0], label_image(window, 2024, SMALL))


def test_parcel_tables_hold_the_fields_of_each_season_on_the_globe(written):
    tree, summary = written
    tables = [tree.table(SMALL.parcels(season)) for season in SMALL.seasons]
    assert [len(table.properties) for table in tables] == [summary.parcels] * 2
    ids = [[row["parcel_id"] for row in table.properties] for table in tables]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == summary.parcels
    crops = [[row["crop"] for row in table.properties] for table in tables]
    assert np.mean(np.array(crops[0]) != np.array(crops[1])) > 0.5
    to_utm = Transformer.from_crs("EPSG:4326", "EPSG:32631", always_xy=True)
    for row, wkb in zip(tables[0].properties, tables[0].geometries, strict=True):
        placed = shapely.transform(shapely.from_wkb(wkb), to_utm.transform, interleaved=False)
        assert placed.area / 1e4 == pytest.approx(row["area_ha"], rel=1e-3)
        assert CROPS.classes[row["crop"] - 1].name == row["crop_name"]


def test_a_landscape_is_not_written_over_another(written):
    with pytest.raises(AssetExists):
        simulate(written[0], SMALL)
