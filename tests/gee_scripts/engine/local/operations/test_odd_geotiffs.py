"""GeoTIFFs of every kind as assets, read back by the real client: as rasterio reads them, or refused by a sentence."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio import Affine
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp, MaskFlags

from agrispec.errors import AgrispecError
from gee_scripts.engine.local.operations.ingestion import import_file

RNG = np.random.default_rng(11)
HEIGHT, WIDTH = 40, 30
NORTH_UP = Affine(10, 0, 500000, 0, -10, 5400000)
BYTES = RNG.integers(0, 256, (2, HEIGHT, WIDTH)).astype(np.uint8)
SHARES = RNG.random((2, HEIGHT, WIDTH)).astype(np.float32)
SHOWN = RNG.random((HEIGHT, WIDTH)) > 0.3
LOWEST = float(np.finfo(np.float32).min)


def with_rows(values: np.ndarray, *rows: float) -> np.ndarray:
    """The values with a row of each of these numbers."""
    found = values.copy()
    for place, number in enumerate(rows):
        found[:, 3 * place] = number
    return found


@dataclass
class Odd:
    """A GeoTIFF: pixels, and what rasterio writes beside them; `nodata` is text where rasterio would not write it."""

    values: np.ndarray
    options: dict[str, Any] = field(default_factory=dict)
    nodata: str = ""
    mask: np.ndarray | None = None
    colours: dict[int, tuple[int, int, int, int]] | None = None
    meaning: tuple[ColorInterp, ...] = ()
    names: tuple[str | None, ...] = ()
    scale: float | None = None
    points: bool = False

    def write(self, path: Path) -> Path:
        options = {"crs": "EPSG:32631", "transform": NORTH_UP, "dtype": self.values.dtype} | self.options
        path.parent.mkdir(parents=True, exist_ok=True)
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(
                path, "w", driver="GTiff", count=len(self.values), height=self.values.shape[1],
                width=self.values.shape[2], nodata=111 if self.nodata else options.pop("nodata", None),
                **{name: value for name, value in options.items() if value is not None}) as target:
            target.write(self.values)
            if self.mask is not None:
                target.write_mask(self.mask)
            if self.colours is not None:
                target.write_colormap(1, self.colours)
            if self.meaning:
                target.colorinterp = self.meaning
            if self.names:
                target.descriptions = self.names
            if self.scale is not None:
                target.scales, target.offsets = (self.scale,) * len(self.values), (1.0,) * len(self.values)
            if self.points:
                target.gcps = [GroundControlPoint(0, 0, 0, 0), GroundControlPoint(0, 9, 9, 0),
                               GroundControlPoint(9, 0, 0, 9)], rasterio.CRS.from_epsg(32631)
        if self.nodata:
            path.write_bytes(with_nodata(path.read_bytes(), self.nodata))
        return path


def with_nodata(content: bytes, text: str) -> bytes:
    """A little-endian TIFF whose GDAL_NODATA tag (42113) says `text`."""
    found, value = bytearray(content), text.encode() + b"\0"
    start = struct.unpack_from("<I", found, 4)[0]
    for entry in range(start + 2, start + 2 + 12 * struct.unpack_from("<H", found, start)[0], 12):
        if struct.unpack_from("<H", found, entry)[0] == 42113:
            where = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack("<I", len(found))
            found[entry + 4:entry + 12] = struct.pack("<I", len(value)) + where
            return bytes(found + (b"" if len(value) <= 4 else value))
    raise AssertionError("no such tag")


def whole(kind: str) -> np.ndarray:
    limits = np.iinfo(kind)
    return RNG.integers(limits.min, limits.max, (1, HEIGHT, WIDTH), kind, endpoint=True)


READ = {
    "of two bands without names": Odd(BYTES),
    "rotated": Odd(BYTES, {"transform": NORTH_UP @ Affine.rotation(30)}),
    "turned by 90 degrees": Odd(BYTES, {"transform": Affine(0, 10, 500000, 10, 0, 5400000)}),
    "sheared": Odd(BYTES, {"transform": Affine(10, 3, 500000, 2, -10, 5400000)}),
    "south-up": Odd(BYTES, {"transform": Affine(10, 0, 500000, 0, 10, 5400000)}),
    "with pixels that are not square": Odd(BYTES, {"transform": Affine(10, 0, 500000, 0, -25, 5400000)}),
    "without a transform": Odd(BYTES, {"transform": None}),
    "of one bit": Odd(BYTES % 2, {"nbits": 1}),
    "of twelve bits": Odd(whole("uint16") % 4096, {"nbits": 12}),
    "of float16": Odd(SHARES, {"nbits": 16}),
    **{f"of {kind}": Odd(whole(kind)) for kind in ("int8", "int16", "uint16", "int32", "uint32", "int64")},
    "of int8 with its lowest value as no-data": Odd(whole("int8"), {"nodata": -128}),
    "of int64 with its lowest value as no-data": Odd(with_rows(whole("int64"), np.iinfo("int64").min),
                                                     {"nodata": np.iinfo("int64").min}),
    "of float64": Odd(RNG.random((2, HEIGHT, WIDTH))),
    "with a colour table": Odd(BYTES[:1] % 4, colours={0: (0, 0, 0, 0), 1: (255, 0, 0, 255), 2: (0, 0, 255, 255)}),
    "with NaN as no-data": Odd(with_rows(SHARES, np.nan), {"nodata": np.nan}),
    "with NaN beside no-data": Odd(with_rows(SHARES, np.nan, -9999), {"nodata": -9999}),
    "with infinite pixels": Odd(with_rows(SHARES, np.inf, -np.inf)),
    "with an infinity as no-data": Odd(with_rows(SHARES, np.inf, -np.inf), {"nodata": -np.inf}),
    "with no-data that float32 rounds": Odd(with_rows(SHARES, 0.1), {"nodata": 0.1}),
    **{f"with {text} as no-data": Odd(with_rows(SHARES, LOWEST), nodata=text)
       for text in ("-3.4028234663852886e+38", "-3.40282347E+38", "-3.40282346600000016e+38", "-3.402823e+38")},
    "with another extreme as no-data": Odd(with_rows(SHARES, np.float32(-3.402823e38)), nodata="-3.40282306074e+38"),
    "of uint16 with a negative no-data": Odd(whole("uint16"), nodata="-9999"),
    "of uint8 with 256 as no-data": Odd(BYTES, nodata="256"),
    "of uint16 with NaN as no-data": Odd(whole("uint16"), nodata="nan"),
    "with a mask inside": Odd(BYTES // 2, {"tiled": True, "blockxsize": 16, "blockysize": 16}, mask=SHOWN),
    "with a mask inside and no-data": Odd(BYTES // 2, {"nodata": 7}, mask=SHOWN),
    "with an alpha band": Odd(np.concatenate([BYTES, BYTES]), {"photometric": "RGB"}, meaning=(
        ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)),
    "with grey and alpha": Odd(BYTES, meaning=(ColorInterp.gray, ColorInterp.alpha)),
    "with a scale": Odd(BYTES, scale=0.1),
    "with some names": Odd(BYTES, names=("red", None)),
    "compressed with a predictor": Odd(BYTES, {"compress": "lzw", "predictor": 2}),
    "band by band": Odd(BYTES, {"interleave": "band", "compress": "zstd"}),
    "big-endian": Odd(whole("uint16"), {"endianness": "BIG"}),
    "BigTIFF": Odd(BYTES, {"bigtiff": "YES"}),
    "of one pixel": Odd(BYTES[:, :1, :1]),
    "in degrees": Odd(BYTES, {"crs": "EPSG:4326", "transform": Affine(0.01, 0, 5, 0, -0.01, 50)}),
    "over the antimeridian": Odd(BYTES, {"crs": "EPSG:4326", "transform": Affine(1, 0, 165, 0, -1, 50)}),
    "beyond 180 degrees": Odd(BYTES, {"crs": "EPSG:4326", "transform": Affine(5, 0, 200, 0, -1, 50)}),
    "from 0 to 360 degrees": Odd(BYTES, {"crs": "EPSG:4326", "transform": Affine(12, 0, 0, 0, -4, 80)}),
    "in a projection without a code": Odd(BYTES, {"crs": "+proj=sinu +R=6371007.181 +units=m"}),
    "in feet": Odd(BYTES, {"crs": "EPSG:2263", "transform": Affine(10, 0, 1e6, 0, -10, 2e5)}),
    "of an ESRI projection": Odd(BYTES, {"crs": "ESRI:54009", "transform": Affine(1000, 0, 0, 0, -1000, 5e6)}),
}
REFUSED = {
    "without a CRS": (Odd(BYTES, {"crs": None}), "has no coordinate reference system. Assign one"),
    "placed by control points": (Odd(BYTES, {"crs": None, "transform": None}, points=True), "coordinate reference"),
    "in a CRS of a drawing": (Odd(BYTES, {"crs": 'LOCAL_CS["x",UNIT["m",1]]'}), "has no place on Earth. Give one"),
    "of complex64": (Odd(SHARES.astype(np.complex64)), "pixels of type complex64, which an image cannot hold. Convert"),
    "of complex integers": (Odd(SHARES.astype(np.complex64), {"dtype": "complex_int16"}), "of type complex_int16"),
    "of uint64": (Odd(whole("uint64")), "pixels of type uint64"),
    "with a fraction as no-data of integers": (Odd(BYTES, nodata="0.5"), "no-data value 0.5, but integer pixels"),
    "with two bands of one name": (Odd(BYTES, names=("x", "x")), "two bands are named 'x'. Give each"),
    "with a default name given": (Odd(BYTES, names=("b2", None)), "two bands are named 'b2'"),
    "with a name that no band has": (Odd(BYTES, names=("Layer 1", "1999")), 'Band ID "Layer 1" is invalid'),
    "with a long name": (Odd(BYTES[:1], names=("x" * 101,)), "at most 100 characters long. Rename the band"),
}


def expected(path: Path) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Values and masks (band, row, column) as rasterio reads them, and names. Alpha is a band; NaN is nothing."""
    with rasterio.open(path) as source:
        values = source.read()
        alpha = MaskFlags.alpha in source.mask_flag_enums[0]
        shown = np.ones(values.shape, bool) if alpha else source.read_masks() > 0
        names = [name or f"b{place}" for place, name in enumerate(source.descriptions, 1)]
    return values, shown & ~np.isnan(values) if values.dtype.kind == "f" else shown, names


def check(running: Any, asset_id: str, path: Path) -> None:
    values, shown, names = expected(path)
    image, grid = ee.Image(asset_id), running.tree.get(asset_id).grid
    described = image.getInfo()["bands"]
    assert [band["id"] for band in described] == names
    with rasterio.open(path) as source:
        assert tuple(described[0]["crs_transform"]) == pytest.approx(tuple(source.transform)[:6], rel=1e-15)
        assert described[0]["dimensions"] == [source.width, source.height]
    found = ee.data.getPixels({"assetId": asset_id, "fileFormat": "NUMPY_NDARRAY"})
    masks = ee.data.computePixels({"expression": image.mask().int(), "fileFormat": "NUMPY_NDARRAY",
                                   "grid": running.pixel_grid(grid)}) if grid.transform[0] else None
    for place, name in enumerate(names):
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], np.where(shown[place], values[place], 0))
        if masks is not None:
            np.testing.assert_array_equal(masks[name], shown[place])
    reducer = ee.Reducer.sum().unweighted().combine(ee.Reducer.count(), None, True).combine(
        ee.Reducer.max(), None, True)
    sums = image.select(0).reduceRegion(reducer, image.geometry(), crs=image.projection(), maxPixels=1e9).getInfo()
    there = values[0][shown[0]].astype(float)
    assert sums[f"{names[0]}_count"] == len(there)
    if np.isfinite(there).all():
        assert sums[f"{names[0]}_sum"] == pytest.approx(there.sum(), rel=1e-9)
        assert sums[f"{names[0]}_max"] == there.max()


def slug(kind: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", kind.lower())


def manifest(running: Any, path: Path, name: str) -> dict[str, Any]:
    uri = f"gs://{path.relative_to(running.tree.buckets)}"
    return {"name": f"{running.home}/{name}", "tilesets": [{"id": "t", "sources": [{"uris": [uri]}]}]}


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("kind", READ)
def test_a_geotiff_is_read_back_as_rasterio_reads_it(running: Any, kind: str) -> None:
    path = READ[kind].write(running.object(f"{slug(kind)}.tif"))
    check(running, import_file(running.tree, path, f"{running.home}/file-{slug(kind)}", time=None), path)
    asked = manifest(running, path, f"copied-{slug(kind)}")
    done = running.finished(ee.data.startIngestion(None, asked)["name"])
    assert "error" not in done, done
    check(running, asked["name"], path)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("kind", [kind for kind, odd in READ.items() if odd.mask is None])
def test_a_cog_left_in_the_bucket_is_read_back_as_rasterio_reads_it(running: Any, kind: str) -> None:
    plain = READ[kind].write(running.object(f"plain-{slug(kind)}.tif"))
    path = plain.with_name(f"cog-{slug(kind)}.tif")
    rasterio.shutil.copy(plain, path, driver="COG")
    asked = manifest(running, path, f"external-{slug(kind)}")
    ee.data.startExternalImageIngestion(asked)
    check(running, asked["name"], path)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("kind", REFUSED)
def test_a_geotiff_that_is_no_image_is_refused_by_a_sentence(running: Any, kind: str) -> None:
    odd, words = REFUSED[kind]
    path = odd.write(running.object(f"refused-{slug(kind)}.tif"))
    with pytest.raises(AgrispecError) as refused:
        import_file(running.tree, path, f"{running.home}/refused-file", time=None)
    assert words.partition(". ")[0] in str(refused.value)
    asked = manifest(running, path, "refused")
    done = running.finished(ee.data.startIngestion(None, asked)["name"])
    assert words in done["error"]["message"]
    assert str(running.tree.root) not in done["error"]["message"]
    assert not [name for name in ("refused-file", "refused") if running.tree.exists(f"{running.home}/{name}")]
