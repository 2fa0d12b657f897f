import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import h5netcdf
import numpy as np
import pytest
import rasterio
from pyproj import CRS

from agrispec.bands import SENTINEL2, SENTINEL2_IDS
from agrispec.errors import CorruptRecord, DataError
from agrispec.formats import geotiff
from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Grid
from agrispec.season import Season
from scenes.importing import clear_score, import_geotiff, import_labels, import_netcdf

ORIGIN = datetime(2018, 5, 1, 10, 50, 30, tzinfo=UTC)
# The third acquisition is of the second's day, the fourth of its second.
SECONDS = np.array([0, 5 * 86400, 5 * 86400 + 14, 5 * 86400 + 14])
S2, SCORE = "COPERNICUS/S2_SR_HARMONIZED", "GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED"
SIZE = 8


def write_netcdf(path, scale, variables, seconds=SECONDS, crs="EPSG:32631"):
    pixels = SIZE * 10 // scale
    with h5netcdf.File(path, "w") as target:
        target.attrs["location_id"], target.attrs["tile"] = "field 7", "31UDS"
        target.dimensions = {"timestamp": len(seconds), "y": pixels, "x": pixels}
        target.create_variable("x", ("x",), data=500000.0 + scale * (np.arange(pixels) + 0.5))
        target.create_variable("y", ("y",), data=5600000.0 - scale * (np.arange(pixels) + 0.5))
        target.create_variable("timestamp", ("timestamp",), data=seconds).attrs["units"] = (
            f"seconds since {ORIGIN:%Y-%m-%d %H:%M:%S}")
        target.create_variable("spatial_ref", (), data=0).attrs["crs_wkt"] = CRS(crs).to_wkt()
        for name, values in variables.items():
            dimensions = ("timestamp", "y", "x")[3 - values.ndim:]
            target.create_variable(name, dimensions, data=values, fillvalue=values.dtype.type(0))
    return path


def stacks(seed=0):
    """DN and scene classes by the names of the files, with pixels of no data."""
    rng = np.random.default_rng(seed)
    found = {}
    for band in SENTINEL2:
        name = band.id if len(band.id) == 3 else f"B0{band.id[1:]}"
        side = SIZE * 10 // band.native_scale_m
        found[name] = rng.integers(1, 9000, (len(SECONDS), side, side)).astype(np.uint16)
        found[name][0, :2] = 0
    found["SCL"] = rng.integers(1, 12, (len(SECONDS), SIZE // 2, SIZE // 2)).astype(np.uint8)
    found["SCL"][0, :2] = 0
    return found


@pytest.fixture
def files(tmp_path):
    variables = stacks()
    fine = {name: values for name, values in variables.items() if values.shape[1] == SIZE}
    coarse = {name: values for name, values in variables.items() if values.shape[1] < SIZE}
    return write_netcdf(tmp_path / "fine.nc", 10, fine), write_netcdf(tmp_path / "coarse.nc", 20, coarse)


def test_every_acquisition_becomes_a_scene_of_its_own_with_the_stored_dn(tmp_path, files):
    tree = AssetTree(tmp_path / "assets")
    ids = import_netcdf(tree, *files)
    assert len(set(ids)) == len(SECONDS) == len(tree.images(S2))
    variables = stacks()
    for t, asset_id in enumerate(ids):
        asset = tree.get(asset_id)
        assert asset.time_start == (ORIGIN + timedelta(seconds=int(SECONDS[t]))).timestamp() * 1000
        assert asset.grid == Grid(crs="EPSG:32631", transform=(10, 0, 500000, 0, -10, 5600000), width=8, height=8)
        assert asset.nodata == 0
        for name, pixels in zip((*SENTINEL2_IDS, "SCL"), tree.pixels(asset, (*SENTINEL2_IDS, "SCL")), strict=True):
            stored = variables[name if len(name) == 3 else f"B0{name[1:]}"][t]
            factor = SIZE // len(stored)
            # Nearest neighbour: every 10 m pixel holds the value of the 20 m pixel around its centre.
            rows = np.arange(SIZE) // factor
            np.testing.assert_array_equal(pixels, stored[np.ix_(rows, rows)])


def test_every_scene_has_a_twin_that_says_it_was_derived_from_the_scene_classification(tmp_path, files):
    tree = AssetTree(tmp_path / "assets")
    ids = import_netcdf(tree, *files)
    assert [asset.index for asset in tree.images(SCORE)] == sorted(name.rpartition("/")[2] for name in ids)
    for asset_id in ids:
        twin = tree.get(asset_id.replace(S2, SCORE))
        classes = tree.pixels(tree.get(asset_id), ["SCL"])[0]
        assert twin.properties["agrispec:derived_from"] == "SCL"
        assert twin.time_start == tree.get(asset_id).time_start
        for score in tree.pixels(twin, ["cs", "cs_cdf"]):
            np.testing.assert_array_equal(score >= 0.75, (classes >= 4) & (classes <= 7))
            np.testing.assert_array_equal(score == twin.nodata, classes == 0)


def test_cloud_cover_is_the_share_of_cloud_among_the_pixels_with_data(tmp_path, files):
    tree = AssetTree(tmp_path / "assets")
    classes = stacks()["SCL"][0]
    expected = 100 * np.isin(classes, (8, 9, 10)).sum() / (classes > 0).sum()
    found = tree.get(import_netcdf(tree, *files)[0]).properties["CLOUDY_PIXEL_PERCENTAGE"]
    assert found == pytest.approx(expected)


def test_importing_again_changes_nothing(tmp_path, files):
    tree = AssetTree(tmp_path / "assets")
    ids = import_netcdf(tree, *files)
    before = [tree.pixels(tree.get(name), SENTINEL2_IDS) for name in ids]
    assert import_netcdf(tree, *files) == ids
    assert len(tree.images(S2)) == len(ids)
    np.testing.assert_array_equal([tree.pixels(tree.get(name), SENTINEL2_IDS) for name in ids], before)


def test_files_of_different_acquisitions_or_places_or_without_a_band_are_refused(tmp_path, files):
    tree = AssetTree(tmp_path / "assets")
    coarse = {name: values for name, values in stacks().items() if values.shape[1] < SIZE}
    later = write_netcdf(tmp_path / "later.nc", 20, coarse, seconds=SECONDS + 1)
    with pytest.raises(DataError, match="different acquisitions"):
        import_netcdf(tree, files[0], later)
    with pytest.raises(DataError, match="twice as large"):
        import_netcdf(tree, files[0], files[0])
    elsewhere = write_netcdf(tmp_path / "elsewhere.nc", 20, coarse, crs="EPSG:32632")
    with pytest.raises(DataError, match="does not cover"):
        import_netcdf(tree, files[0], elsewhere)
    del coarse["SCL"]
    with pytest.raises(DataError, match="no variable 'SCL'"):
        import_netcdf(tree, files[0], write_netcdf(tmp_path / "short.nc", 20, coarse))
    assert not tree.exists(S2)


def test_a_file_that_is_not_netcdf_is_refused(tmp_path, files):
    broken = tmp_path / "broken.nc"
    broken.write_bytes(files[0].read_bytes()[:100])
    for path in (broken, tmp_path / "absent.nc"):
        with pytest.raises(CorruptRecord, match="cannot be read"):
            import_netcdf(AssetTree(tmp_path / "assets"), path, files[1])


def test_a_label_map_lies_in_its_season_with_its_codes(tmp_path):
    codes = np.random.default_rng(1).choice([0, 1110, 1200, 8100], (SIZE, SIZE)).astype(np.uint16)
    path = write_netcdf(tmp_path / "labels.nc", 10, {"CT": codes})
    tree, season = AssetTree(tmp_path / "assets"), Season(start=date(2018, 1, 1))
    asset = tree.get(import_labels(tree, path, variable="CT", collection="projects/p/assets/labels", season=season))
    assert asset.id == "projects/p/assets/labels/field-7_2018"
    assert asset.time_start == datetime(2018, 1, 1, tzinfo=UTC).timestamp() * 1000
    assert (asset.nodata, asset.bands[0].pyramiding) == (0, "MODE")
    np.testing.assert_array_equal(tree.pixels(asset, ["CT"])[0], codes)
    with pytest.raises(DataError, match="no variable 'LC'"):
        import_labels(tree, path, variable="LC", collection="projects/p/assets/labels", season=season)


def test_a_geotiff_scene_is_found_by_its_band_names_whatever_their_order(tmp_path):
    rng = np.random.default_rng(2)
    grid = Grid(crs="EPSG:32631", transform=(10, 0, 500000, 0, -10, 5600000), width=5, height=4)
    names = ("SCL", *reversed(SENTINEL2_IDS))
    values = rng.integers(1, 12, (11, 4, 5)).astype(np.int32)
    values[:, 0, 0] = -999
    geotiff.write(tmp_path / "scene 1.tif", values, grid, names=["SCL", "B12", "B11", "B8A", "B08", "B07", "B06",
                                                                 "B05", "B04", "B03", "B02"], nodata=-999)
    tree = AssetTree(tmp_path / "assets")
    asset = tree.get(import_geotiff(tree, tmp_path / "scene 1.tif", time=ORIGIN))
    assert asset.id == f"{S2}/20180501T105030_scene-1"
    np.testing.assert_array_equal(tree.pixels(asset, names), np.where(values == -999, 0, values))
    assert tree.get(asset.id.replace(S2, SCORE)).properties["agrispec:derived_from"] == "SCL"

    geotiff.write(tmp_path / "bare.tif", values[:2], grid, names=["SCL", "B2"])
    with pytest.raises(DataError, match="no band named B3, B4"):
        import_geotiff(tree, tmp_path / "bare.tif", time=ORIGIN)
    geotiff.write(tmp_path / "reflectance.tif", values / 1e4, grid, names=names)
    with pytest.raises(DataError, match="float64 values, not DN"):
        import_geotiff(tree, tmp_path / "reflectance.tif", time=ORIGIN)


def test_what_a_mask_inside_of_a_geotiff_hides_is_no_data(tmp_path):
    names = [*SENTINEL2_IDS, "SCL"]
    values = np.random.default_rng(3).integers(1, 12, (11, 4, 5)).astype(np.uint16)
    shown = np.indices((4, 5)).sum(axis=0) % 2 > 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(
            tmp_path / "masked.tif", "w", driver="GTiff", width=5, height=4, count=11, dtype="uint16",
            crs="EPSG:32631", transform=rasterio.Affine(10, 0, 500000, 0, -10, 5600000)) as target:
        target.write(values)
        target.write_mask(shown)
        target.descriptions = names
    tree = AssetTree(tmp_path / "assets")
    asset = tree.get(import_geotiff(tree, tmp_path / "masked.tif", time=ORIGIN))
    np.testing.assert_array_equal(tree.pixels(asset, names), np.where(shown, values, 0))


def test_the_clear_score_keeps_vegetation_soil_water_and_the_unclassified():
    np.testing.assert_array_equal(clear_score(np.arange(12)), [-1, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0])


@pytest.mark.skipif("AGRISPEC_TEST_DATA" not in os.environ,
                    reason="the real scenes are not here: set AGRISPEC_TEST_DATA to the folder of the test data")
@pytest.mark.parametrize(("year", "scenes", "tile"), [(2018, 118, "31UDS"), (2019, 72, "31UES")])
def test_the_squares_of_flanders_arrive_whole(tmp_path, year, scenes, tile):
    folder = Path(os.environ["AGRISPEC_TEST_DATA"]) / "flanders" / str(year)
    fine, coarse, labels = (next(folder.glob(f"{name}*.nc")) for name in ("S2_L2A_10m", "S2_L2A_20m", "OUTPUT"))
    tree = AssetTree(tmp_path)
    ids = import_netcdf(tree, fine, coarse)
    assert len(set(ids)) == len(tree.images(S2)) == len(tree.images(SCORE)) == scenes
    clear = np.zeros(3)
    with h5netcdf.File(fine) as source, h5netcdf.File(coarse) as half:
        for t, asset in enumerate(map(tree.get, ids)):
            assert asset.properties["MGRS_TILE"] == tile
            pixels = tree.pixels(asset, ["B4", "B11"])
            np.testing.assert_array_equal(pixels[0], source["B04"][t])
            np.testing.assert_array_equal(pixels[1, 1::2, ::2], half["B11"][t])
            score = tree.pixels(tree.get(asset.id.replace(S2, SCORE)), ["cs"])[0]
            clear += (np.isin(half["SCL"][t], (4, 5, 6, 7)).sum() * 4, (score == 1).sum(), (score == 0).sum())
    assert clear[0] == clear[1]
    assert clear[1:].sum() == scenes * 64 * 64
    asset = tree.get(import_labels(tree, labels, variable="CT", collection="projects/flanders/assets/crops",
                                   season=Season(start=date(year, 1, 1))))
    codes = tree.pixels(asset, ["CT"])[0]
    assert {1200, 5100} <= set(np.unique(codes))
    with h5netcdf.File(labels) as source:
        np.testing.assert_array_equal(codes, source["CT"][...])
    assert asset.grid == tree.get(ids[0]).grid
