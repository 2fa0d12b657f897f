import numpy as np
import pytest
import shapely
from pyproj import Transformer

from agrispec.bands import SENTINEL2_IDS
from agrispec.errors import AssetExists, ConfigError
from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import cell_of
from scenes.canopy import CanopyTable
from scenes.phenology import CROPS, Year
from scenes.simulate import (
    CLOUD_SCORE_COLLECTION,
    SENTINEL2_COLLECTION,
    Landscape,
    label_image,
    landscape_window,
    scenes_of,
    simulate,
)

SMALL = Landscape(windows=2, size=48)


@pytest.fixture(scope="module")
def table() -> CanopyTable:
    return CanopyTable.computed()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    tree = AssetTree(tmp_path_factory.mktemp("assets"))
    return tree, simulate(tree, SMALL)


@pytest.mark.parametrize("wrong", [{"windows": 0}, {"windows": 25}, {"size": 33}, {"size": 16}, {"size": 256},
                                   {"seasons": (2023, 2025)}, {"seasons": ()}])
def test_an_impossible_landscape_is_refused(wrong):
    with pytest.raises(ConfigError):
        Landscape(**wrong)


def test_the_same_seed_gives_the_same_landscape_and_another_seed_another(table):
    def first(landscape: Landscape) -> np.ndarray:
        return scenes_of(landscape, landscape_window(landscape, 0), 2023, table).dn
    same = first(SMALL)
    np.testing.assert_array_equal(same, first(SMALL))
    assert (same != first(Landscape(windows=2, size=48, seed=8))).mean() > 0.5


def test_each_window_has_a_cell_a_tile_and_a_place_of_its_own():
    landscape = Landscape(windows=24)
    windows = [landscape_window(landscape, number) for number in range(24)]
    assert len({window.cell for window in windows}) == len({window.tile for window in windows}) == 24
    for window in windows:
        west, south, east, north = window.bounds
        assert {cell_of(x, y) for x in (west, east) for y in (south, north)} == {window.cell}
        assert window.grid.crs == "EPSG:32631" == window.cell.crs
        assert window.grid.transform[2] % 10 == window.grid.transform[5] % 10 == 0


def test_labels_are_the_parcels_crops_and_woods_have_none():
    landscape = Landscape()
    window = landscape_window(landscape, 1)
    for index, season in enumerate(landscape.seasons):
        labels = label_image(window, season, landscape)
        number = window.parcels.number
        assert (labels[number < 0] == 0).all()
        for i in range(len(window.parcels.polygons)):
            expected = 0 if window.parcels.wood[i] else CROPS.classes[window.crops[index, i]].codes[0]
            assert (labels[number == i] == expected).all()


def test_every_class_grows_somewhere_in_both_seasons():
    landscape = Landscape()
    for season in landscape.seasons:
        seen = [np.unique(label_image(landscape_window(landscape, n), season, landscape)) for n in range(12)]
        assert set(np.concatenate(seen)) == set(range(9))
        assert min(sum(code in codes for codes in seen) for code in range(1, 9)) >= 6  # of twelve cells


def test_the_later_season_is_weather_and_rotation_alone(table):
    """Without its weather the second season has the same phenology: mean NDVI by crop keeps its peak."""
    plain, warm = Landscape(later=Year()), Landscape()
    window = landscape_window(plain, 0)
    days = np.array([100, 125])

    def leafy_days(landscape: Landscape) -> float:
        scenes = scenes_of(landscape, window, 2024, table)
        winter = np.isin(label_image(window, 2024, landscape), (1, 2))
        dn = scenes.dn[:, :, winter].astype(float)
        ndvi = (dn[:, 6] - dn[:, 2]) / (dn[:, 6] + dn[:, 2])
        clear = scenes.cs[:, winter] >= 0.75
        season = (scenes.overhead.days > days[1]) & (scenes.overhead.days < 215)
        good = season & (clear.mean(axis=1) > 0.5)
        mean = np.array([ndvi[t, clear[t]].mean() for t in np.flatnonzero(good)])
        return float(np.interp(0.5, mean[::-1], scenes.overhead.days[good][::-1]))
    assert 8 <= leafy_days(plain) - leafy_days(warm) <= 26


def test_20_m_bands_are_constant_on_blocks_and_10_m_bands_are_not(table):
    dn = scenes_of(SMALL, landscape_window(SMALL, 0), 2023, table).dn
    blocks = dn.reshape(len(dn), 10, 24, 2, 24, 2)
    flat = (blocks == blocks[:, :, :, :1, :, :1]).all(axis=(3, 5)).mean(axis=(0, 2, 3))
    coarse = np.array([name in ("B5", "B6", "B7", "B8A", "B11", "B12") for name in SENTINEL2_IDS])
    assert (flat[coarse] == 1).all()
    assert (flat[~coarse] < 0.2).all()


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
