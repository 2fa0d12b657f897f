"""Real scenes and label maps, from NetCDF and GeoTIFF files into the asset tree.

A scene becomes one image of the Sentinel-2 collection on its 10 m grid, 20 m bands repeated pixel by pixel, as
Earth Engine serves them when asked at 10 m; its DN are those of the harmonised collection, 0 for no data. It gets
a twin in the Cloud Score+ collection. Such files carry no Cloud Score+, so the twin is derived from the scene
classification, and says so in `agrispec:derived_from`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import h5netcdf
import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from agrispec.bands import SENTINEL2, SENTINEL2_IDS
from agrispec.errors import CorruptRecord, DataError
from agrispec.formats import geotiff
from agrispec.formats.asset_tree import AssetTree
from agrispec.formats.stac import Property
from agrispec.grid import Grid
from agrispec.season import Season
from scenes.simulate import CLOUD_SCORE_COLLECTION, SENTINEL2_COLLECTION

SCENE_CLASSES = "SCL"
NO_DATA = 0
UNSCORED = -1.0
"""Value of the twin where the scene has no data."""

# Scene classes of Level-2A: 4 vegetation, 5 bare soil, 6 water, 7 unclassified; 8 and 9 clouds, 10 cirrus.
# https://developers.google.com/earth-engine/datasets/catalog/COPERNICUS_S2_SR_HARMONIZED#bands
_CLEAR = (4, 5, 6, 7)
_CLOUDY = (8, 9, 10)


def import_netcdf(tree: AssetTree, ten_metre: Path, twenty_metre: Path) -> tuple[str, ...]:
    """Every acquisition of a pair of Sentinel-2 L2A files, as they come from Earth Engine exports.

    Args:
        tree: where the scenes go; one imported before is replaced.
        ten_metre: NetCDF with `timestamp`, `x`, `y`, `spatial_ref` and the bands B02 B03 B04 B08 as uint16 DN
            (timestamp, y, x).
        twenty_metre: the same acquisitions of the same area with B05 B06 B07 B8A B11 B12 and SCL.

    Returns: ids of the scenes, oldest first. Two acquisitions of one day or even one second are two scenes.

    Raises:
        CorruptRecord: a file is not there or not NetCDF.
        DataError: a band, the CRS or the time is missing, or the two files do not show the same.
    """
    with _netcdf(ten_metre) as fine, _netcdf(twenty_metre) as coarse:
        grid, times = _grid(fine, ten_metre), _times(fine, ten_metre)
        half = _grid(coarse, twenty_metre)
        if half.bounds != grid.bounds or (half.height * 2, half.width * 2) != grid.shape or half.crs != grid.crs:
            raise DataError(f"{twenty_metre} does not cover the area of {ten_metre} in pixels twice as large",
                            mend="give the two files of one place")
        if _times(coarse, twenty_metre) != times:
            raise DataError(f"{twenty_metre} and {ten_metre} hold different acquisitions",
                            mend="give the two files of one period")
        stacks = {band.id: _variable(fine, _padded(band.id), ten_metre)
                  for band in SENTINEL2 if band.native_scale_m == 10}
        stacks |= {band.id: _repeated(_variable(coarse, _padded(band.id), twenty_metre))
                   for band in SENTINEL2 if band.native_scale_m == 20}
        classes = _repeated(_variable(coarse, SCENE_CLASSES, twenty_metre))
        place, tile = _place(fine, ten_metre), str(fine.attrs.get("tile", ""))
    order = sorted(range(len(times)), key=times.__getitem__)
    used: Counter[str] = Counter()
    ids = []
    for t in order:
        index = "_".join(part for part in (f"{times[t]:%Y%m%dT%H%M%S}", tile and f"T{tile}", place) if part)
        used[index] += 1
        index += f"_{used[index]}" if used[index] > 1 else ""
        _write_scene(tree, index, {name: stacks[name][t] for name in SENTINEL2_IDS}, classes[t], grid, times[t],
                     {"MGRS_TILE": tile or None, "agrispec:imported_from": ten_metre.name})
        ids.append(f"{SENTINEL2_COLLECTION}/{index}")
    return tuple(ids)


def import_geotiff(tree: AssetTree, path: Path, *, time: datetime) -> str:
    """One Sentinel-2 L2A scene from a GeoTIFF whose bands are named B2 ... B12 (or B02 ...) and SCL.

    Args:
        tree: where the scene goes; one imported before is replaced.
        path: GeoTIFF of integer DN; its no-data value, a mask inside of it, or 0, stands for no data.
        time: of the acquisition; without a zone it is UTC.

    Returns: the id of the scene, made of the time and the file's name.

    Raises:
        CorruptRecord: the file is not there or not a GeoTIFF.
        DataError: a band is missing or not of integers.
    """
    layout = geotiff.describe(path)
    places = {name.replace("B0", "B"): i for i, name in enumerate(layout.names)}
    lost = [name for name in (*SENTINEL2_IDS, SCENE_CLASSES) if name not in places]
    if lost:
        raise DataError(f"{path} has no band named {', '.join(lost)}",
                        mend="name the file's bands B2 ... B12 and SCL (gdal_edit: band descriptions)")
    pixels = geotiff.read(path, [places[name] for name in (*SENTINEL2_IDS, SCENE_CLASSES)])
    if pixels.dtype.kind not in "iu":
        raise DataError(f"{path} holds {pixels.dtype} values, not DN",
                        mend="write reflectance × 10000 as unsigned 16-bit integers")
    if layout.nodata is not None:
        pixels[pixels == layout.nodata] = NO_DATA
    if layout.masked:
        with geotiff.reading(path) as windows:
            pixels[:, ~windows.mask(None)] = NO_DATA
    if pixels.min() < 0 or pixels.max() > np.iinfo(np.uint16).max:
        raise DataError(f"{path} holds DN from {pixels.min()} to {pixels.max()}",
                        mend="write DN from 1 to 65535, 0 for no data")
    moment = time if time.tzinfo else time.replace(tzinfo=UTC)
    index = f"{moment.astimezone(UTC):%Y%m%dT%H%M%S}_{_plain(path.stem)}"
    _write_scene(tree, index, dict(zip(SENTINEL2_IDS, pixels.astype(np.uint16), strict=False)),
                 pixels[-1].astype(np.uint8), layout.grid, moment, {"agrispec:imported_from": path.name})
    return f"{SENTINEL2_COLLECTION}/{index}"


def import_labels(tree: AssetTree, path: Path, *, variable: str, collection: str, season: Season) -> str:
    """One map of crop codes from a NetCDF file into a collection of label maps.

    Args:
        tree: where the map goes; one imported before is replaced.
        path: NetCDF with `x`, `y`, `spatial_ref` and the map (y, x).
        variable: name of the map, also its band's name; its `_FillValue`, or 0, stands for no label.
        collection: id of the label collection, made if it is not there.
        season: the season whose crops the map shows; its first day becomes `system:time_start`.

    Returns: the id of the image, made of the place and the year in which the season ends.

    Raises:
        CorruptRecord: the file is not there or not NetCDF.
        DataError: the map or its CRS is missing.
    """
    with _netcdf(path) as source:
        codes, grid = _variable(source, variable, path), _grid(source, path)
        absent = float(np.ravel(source.variables[variable].attrs.get("_FillValue", NO_DATA))[0])
        place = _place(source, path)
    _make_collection(tree, collection, "label maps imported from files")
    asset_id = f"{collection}/{place}_{(season.end - timedelta(days=1)).year}"
    midnight = datetime(season.start.year, season.start.month, season.start.day, tzinfo=UTC)
    tree.write_image(asset_id, arrays={variable: codes}, grid=grid, nodata=absent, time_start=midnight,
                     pyramiding={variable: "MODE"}, properties={"agrispec:imported_from": path.name}, overwrite=True)
    return asset_id


def clear_score(classes: NDArray[np.integer]) -> NDArray[np.float32]:
    """What stands for Cloud Score+ where there is none: 1 for the classes 4, 5, 6, 7 of the scene classification,
    0 for every other one, -1 where there is no data. Any shape; a threshold between 0 and 1 keeps the clear."""
    return np.where(classes == NO_DATA, np.float32(UNSCORED), np.isin(classes, _CLEAR).astype(np.float32))


def _write_scene(tree: AssetTree, index: str, bands: Mapping[str, NDArray[np.integer]], classes: NDArray[np.integer],
                 grid: Grid, time: datetime, properties: Mapping[str, Property | None]) -> None:
    for collection, about in ((SENTINEL2_COLLECTION, "Sentinel-2 L2A, imported from files"),
                              (CLOUD_SCORE_COLLECTION, "clear score of the scenes of the same names")):
        _make_collection(tree, collection, about)
    score = clear_score(classes)
    # The twin first: a scene whose import broke off between the two is not there yet.
    tree.write_image(f"{CLOUD_SCORE_COLLECTION}/{index}", arrays={"cs": score, "cs_cdf": score}, grid=grid,
                     nodata=UNSCORED, time_start=time, properties={"agrispec:derived_from": SCENE_CLASSES},
                     overwrite=True)
    known = int((classes != NO_DATA).sum())
    cloudy = 100 * int(np.isin(classes, _CLOUDY).sum()) / max(known, 1)
    tree.write_image(f"{SENTINEL2_COLLECTION}/{index}", arrays={**bands, SCENE_CLASSES: classes}, grid=grid,
                     nodata=NO_DATA, time_start=time, pyramiding={SCENE_CLASSES: "MODE"}, overwrite=True,
                     properties={name: value for name, value in properties.items() if value is not None}
                     | {"CLOUDY_PIXEL_PERCENTAGE": cloudy})


def _make_collection(tree: AssetTree, asset_id: str, about: str) -> None:
    if not tree.exists(asset_id):
        tree.create_collection(asset_id, properties={"description": about})


@contextmanager
def _netcdf(path: Path) -> Iterator[h5netcdf.File]:
    try:
        source = h5netcdf.File(path, "r")
    except OSError as error:
        raise CorruptRecord(f"{path} cannot be read as NetCDF 4: {error}",
                            mend="give the path of a whole NetCDF 4 file") from error
    with source:
        yield source


def _variable(source: h5netcdf.File, name: str, path: Path) -> NDArray[np.integer]:
    """Values as stored: no scale factor, no masking."""
    if name not in source.variables:
        raise DataError(f"{path} has no variable {name!r}", mend=f"it has {', '.join(sorted(source.variables))}")
    return np.asarray(source.variables[name][...])


def _grid(source: h5netcdf.File, path: Path) -> Grid:
    """The grid whose pixel centres are the coordinates x and y."""
    reference = source.variables.get("spatial_ref")
    code = CRS.from_wkt(str(reference.attrs["crs_wkt"])).to_epsg() if reference is not None else None
    if code is None:
        raise DataError(f"{path} names no coordinate reference system",
                        mend="write it as WKT with an EPSG code to spatial_ref:crs_wkt")
    x, y = (_variable(source, name, path).astype(float) for name in ("x", "y"))
    right, down = ((axis[-1] - axis[0]) / max(len(axis) - 1, 1) for axis in (x, y))
    if any(np.abs(np.diff(axis) - step).max(initial=0) > 1e-3 * abs(step) for axis, step in ((x, right), (y, down))):
        raise DataError(f"the pixels of {path} are not evenly spaced", mend="resample it to a regular grid")
    return Grid(crs=f"EPSG:{code}", width=len(x), height=len(y),
                transform=(right, 0.0, x[0] - right / 2, 0.0, down, y[0] - down / 2))


def _times(source: h5netcdf.File, path: Path) -> list[datetime]:
    """Times of the acquisitions, in UTC; CF conventions, section 4.4."""
    counts = _variable(source, "timestamp", path)
    units = str(source.variables["timestamp"].attrs.get("units", ""))
    found = re.fullmatch(r"(seconds|minutes|hours|days) since (.+)", units)
    if not found:
        raise DataError(f"the times of {path} are in {units or 'no unit'!r}",
                        mend="write them as 'seconds since YYYY-MM-DD hh:mm:ss'")
    origin = datetime.fromisoformat(found[2])
    origin = origin if origin.tzinfo else origin.replace(tzinfo=UTC)
    return [origin + timedelta(**{found[1]: float(count)}) for count in counts]


def _padded(band: str) -> str:
    """B2 -> B02, as the files spell it."""
    return f"B0{band[1:]}" if len(band) == 2 else band


def _repeated(stack: NDArray[np.integer]) -> NDArray[np.integer]:
    """(..., rows, columns) -> (..., 2 rows, 2 columns), nearest neighbour."""
    return stack.repeat(2, axis=-2).repeat(2, axis=-1)


def _place(source: h5netcdf.File, path: Path) -> str:
    return _plain(str(source.attrs.get("location_id", path.stem)))


def _plain(name: str) -> str:
    """A name with nothing but what asset ids may hold."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name)
