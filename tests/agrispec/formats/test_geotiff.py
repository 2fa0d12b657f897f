"""GeoTIFF files, compared with rasterio."""

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from agrispec.errors import CorruptRecord, DataError
from agrispec.formats import geotiff
from agrispec.grid import Grid

GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 500000.0, 0.0, -10.0, 5400000.0), width=6, height=4)

types = st.sampled_from(["uint8", "int8", "uint16", "int16", "uint32", "int32", "int64", "float32", "float64"])
stacks = types.flatmap(lambda dtype: hnp.arrays(dtype, st.tuples(st.integers(1, 3), st.just(4), st.just(6))))


@settings(max_examples=40, deadline=None)
@given(values=stacks)
def test_rasterio_reads_what_was_written(values, tmp_path_factory):
    path = tmp_path_factory.mktemp("tif") / "a.tif"
    geotiff.write(path, values, GRID, names=[f"b{i}" for i in range(len(values))], tags={"origin": "test"})
    with rasterio.open(path) as source:
        np.testing.assert_array_equal(source.read(), values)
        assert source.read().dtype == values.dtype
        assert source.crs.to_epsg() == 32631
        assert tuple(source.transform)[:6] == GRID.transform
        assert source.descriptions == tuple(f"b{i}" for i in range(len(values)))
        assert source.tags()["origin"] == "test"
    np.testing.assert_array_equal(geotiff.read(path), values)
    layout = geotiff.describe(path)
    assert layout.grid == GRID
    assert layout.dtypes == (values.dtype.name,) * len(values)


def test_a_window_of_some_bands_is_that_part_of_the_whole(tmp_path):
    values = np.arange(3 * 4 * 6, dtype=np.int32).reshape(3, 4, 6)
    geotiff.write(tmp_path / "a.tif", values, GRID)
    np.testing.assert_array_equal(geotiff.read(tmp_path / "a.tif", [2, 0], (1, 2, 2, 3)), values[[2, 0], 1:3, 2:5])


def test_rotated_grids_and_other_crs_survive(tmp_path):
    grid = Grid(crs="EPSG:4326", transform=(0.1, 0.02, 4.0, 0.03, -0.1, 50.0), width=6, height=4)
    geotiff.write(tmp_path / "a.tif", np.zeros((1, 4, 6), np.uint8), grid)
    assert geotiff.describe(tmp_path / "a.tif").grid == grid


def test_a_cog_has_the_overviews_it_was_given(tmp_path):
    # Odd sizes: GDAL's own overviews of such an image would lie elsewhere.
    grid = Grid(crs="EPSG:32631", transform=(10, 0, 500000, 0, -10, 5400000), width=777, height=1031)
    planes = [np.random.default_rng(k).integers(0, 255, (2, -(-1031 // 2**k), -(-777 // 2**k))).astype(np.uint8)
              for k in range(4)]
    paths = [tmp_path / f"{k}.tif" for k in range(4)]
    for k, (path, plane) in enumerate(zip(paths, planes, strict=True)):
        side = 2**k
        place = Grid(crs=grid.crs, transform=(10 * side, 0, 500000, 0, -10 * side, 5400000), width=plane.shape[2],
                     height=plane.shape[1])
        with geotiff.writing(path, place, plane.dtype, ["a", "b"]) as write:
            for row, column, tile in place.tiles(256):
                write(row, column, plane[:, row:row + tile.height, column:column + tile.width])
    geotiff.cloud_optimise(paths[0], paths[1:], tmp_path / "cog.tif", nodata=7)
    for k, plane in enumerate(planes):
        with rasterio.open(tmp_path / "cog.tif", **({"overview_level": k - 1} if k else {})) as source:
            np.testing.assert_array_equal(source.read(), plane)
            assert source.nodata == 7
            if k == 0:
                assert source.descriptions == ("a", "b")
                assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    layout = geotiff.describe(tmp_path / "cog.tif")
    assert (layout.levels, layout.tile, layout.headers_first, layout.grid) == (3, (512, 512), True, grid)
    assert not geotiff.describe(paths[0]).levels


def test_what_stands_beside_a_file_is_no_part_of_it(tmp_path):
    """A virtual file would read others by the engine's rights; a mask beside it nobody asked for."""
    geotiff.write(tmp_path / "a.tif", np.ones((1, 4, 6), np.uint8), GRID)
    with rasterio.open(tmp_path / "a.tif", "r+") as target, rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False):
        target.write_mask(np.zeros((4, 6), bool))
    assert (tmp_path / "a.tif.msk").exists()
    assert not geotiff.describe(tmp_path / "a.tif").masked
    rasterio.shutil.copy(tmp_path / "a.tif", tmp_path / "virtual.tif", driver="VRT")
    with pytest.raises(CorruptRecord, match="virtual.tif cannot be read as a GeoTIFF"):
        geotiff.read(tmp_path / "virtual.tif")


def test_colours_and_no_data_are_kept(tmp_path):
    values = np.arange(24, dtype=np.uint8).reshape(1, 4, 6)
    geotiff.write(tmp_path / "a.tif", values, GRID, nodata=0, colours={1: (10, 20, 30)})
    with rasterio.open(tmp_path / "a.tif") as source:
        assert source.colormap(1)[1] == (10, 20, 30, 255)
        assert source.nodata == 0


@pytest.mark.parametrize(("values", "options"), [
    (np.zeros((4, 6), np.uint8), {}),
    (np.zeros((1, 4, 7), np.uint8), {}),
    (np.zeros((1, 4, 6), np.complex64), {}),
    (np.zeros((1, 4, 6), np.uint8), {"nodata": -1}),
    (np.zeros((1, 4, 6), np.uint8), {"nodata": float("nan")}),
    (np.zeros((2, 4, 6), np.uint8), {"colours": {1: (0, 0, 0)}}),
])
def test_what_does_not_go_together_is_refused(values, options):
    with pytest.raises(DataError):
        geotiff.encode(values, GRID, **options)


def test_a_file_that_is_no_geotiff_is_named(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"not a tiff")
    with pytest.raises(CorruptRecord, match=r"a\.tif"):
        geotiff.read(tmp_path / "a.tif")
    with pytest.raises(CorruptRecord, match=r"b\.tif"):
        geotiff.describe(tmp_path / "b.tif")
