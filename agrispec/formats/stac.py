"""One Earth Engine asset to a STAC document and back.

Earth Engine's properties are the STAC properties, by the same names; the few names that STAC itself defines
there carry the prefix `gee:` so that none is lost. https://github.com/radiantearth/stac-spec/tree/v1.1.0
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from pyproj import Transformer
from pyproj.exceptions import ProjError

from agrispec.errors import CorruptRecord, DataError
from agrispec.grid import Bounds, Grid

Property = str | int | float | list[Any]
"""What Earth Engine keeps as a property: a string, a number, or a list of them."""

STAC_VERSION = "1.1.0"
_BAND_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")
_STAC_NAMES = frozenset({"datetime", "start_datetime", "end_datetime", "created", "updated", "title", "description"})
_PARQUET = "application/vnd.apache.parquet"
_GEOTIFF = "image/tiff; application=geotiff"


class AssetType(StrEnum):
    """Types of assets, as the service names them."""

    FOLDER = "FOLDER"
    IMAGE_COLLECTION = "IMAGE_COLLECTION"
    IMAGE = "IMAGE"
    TABLE = "TABLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetBand:
    """A band of an image asset.

    Attributes:
        id: its name.
        dtype: NumPy type of its pixels.
        pyramiding: MEAN, MODE, SAMPLE, MIN, MAX or MEDIAN.
        file: the GeoTIFF that holds it; its type may be wider than `dtype`.
        index: which band of that file, from 0.
        levels: how many levels of its pyramid the file holds as overviews.
        uri: gs://bucket/object#generation where the file is an object of a bucket, else None: the asset's own.
    """

    id: str
    dtype: str
    pyramiding: str
    file: Path
    index: int
    levels: int = 0
    uri: str | None = None

    def with_file(self, file: Path) -> AssetBand:
        """The band in another file."""
        return replace(self, file=file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """What is known of an asset without its pixels or rows.

    Attributes:
        id: canonical id, e.g. "COPERNICUS/S2_SR_HARMONIZED" or "projects/P/assets/maps".
        type: what it is.
        properties: Earth Engine properties; times are milliseconds since 1970.
        updated: when it was written, ISO 8601 in UTC; "" where nobody wrote it.
        policy: IAM policy, or None.
        grid, nodata, bands: of an IMAGE.
        data, rows, bounds: of a TABLE: its GeoParquet file, its number of features and their bounds in degrees.
    """

    id: str
    type: AssetType
    properties: Mapping[str, Property] = field(default_factory=dict)
    updated: str = ""
    policy: Mapping[str, Any] | None = None
    grid: Grid | None = None
    nodata: float | None = None
    bands: tuple[AssetBand, ...] = ()
    data: Path | None = None
    rows: int = 0
    bounds: Bounds | None = None

    @property
    def index(self) -> str:
        """`system:index`: the last part of the id."""
        return self.id.rpartition("/")[2]

    @property
    def time_start(self) -> int | None:
        """`system:time_start` in milliseconds since 1970, or None."""
        value = self.properties.get("system:time_start")
        return int(value) if isinstance(value, int | float) else None

    @property
    def size_bytes(self) -> int:
        """What its data files take on disk; those that are gone take nothing."""
        files = {band.file for band in self.bands} | ({self.data} if self.data else set())
        return sum(file.stat().st_size for file in files if file.exists())

    def with_changes(self, **changes: Any) -> Asset:
        """The asset with some attributes changed."""
        return replace(self, **changes)


@lru_cache(maxsize=4096)
def footprint(grid: Grid) -> tuple[tuple[float, float], ...]:
    """Corners of a grid in degrees (longitude, latitude), counter-clockwise, the first one again at the end.

    Raises:
        DataError: PROJ does not know where its CRS lies on Earth.
    """
    a, b, c, d, e, f = grid.transform
    w, h = grid.width, grid.height
    corners = [(0, h), (w, h), (w, 0), (0, 0), (0, h)]
    xs, ys = zip(*((a * i + b * j + c, d * i + e * j + f) for i, j in corners), strict=True)
    lons, lats = _to_degrees(grid.crs).transform(xs, ys)
    return tuple((round(lon, 9), round(lat, 9)) for lon, lat in zip(lons, lats, strict=True))


@lru_cache(maxsize=64)
def _to_degrees(crs: str) -> Transformer:
    try:
        return Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    except ProjError as error:
        raise DataError(f"the coordinate reference system {crs[:200]!r} has no place on Earth",
                        mend="give one that PROJ can bring to degrees, e.g. EPSG:32631") from error


def check_band_ids(ids: Iterable[str]) -> None:
    """Whether the bands of an asset can have these names, in the service's words.

    Raises:
        DataError: one cannot, or two have the same.
    """
    # Words as in https://github.com/eMapR/LT-GEE/issues/25
    seen: set[str] = set()
    for name in ids:
        if not _BAND_ID.fullmatch(name):
            raise DataError(f'Band ID "{name}" is invalid. Band IDs must start with a..z or A..Z and must contain only '
                            'the following characters: a..z, A..Z, 0..9, "_", or "-". Band IDs must be at most 100 '
                            "characters long.", mend="rename the band: by rename() in a graph, by `bands` in a "
                                                     "manifest, or by its description in the file")
        if name in seen:
            raise DataError(f"two bands are named {name!r}", mend="give each band its own id")
        seen.add(name)


def encode(asset: Asset) -> bytes:
    """The STAC document of an asset, as UTF-8 JSON, stamped with the present time.

    Raises:
        DataError: a property is not a string, a finite number or a list of them; a band cannot have its id; or the
            CRS has no place on Earth.
    """
    check_band_ids(band.id for band in asset.bands)
    properties = {_escaped(name): _plain(name, value) for name, value in asset.properties.items()}
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    document: dict[str, Any]
    if asset.type is AssetType.FOLDER or asset.type is AssetType.IMAGE_COLLECTION:
        document = {"type": "Catalog", "stac_version": STAC_VERSION, "id": asset.id, "gee:type": asset.type.value,
                    "description": str(asset.properties.get("description", asset.id)), "links": [],
                    "properties": properties | {"updated": now}}
        if asset.type is AssetType.IMAGE_COLLECTION:
            document |= {"type": "Collection", "license": "other",
                         "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]},
                                    "temporal": {"interval": [[None, None]]}}}
    else:
        outline: Any = None
        if asset.grid is not None:
            outline = footprint(asset.grid)
        elif asset.bounds is not None:
            west, south, east, north = asset.bounds
            outline = ((west, south), (east, south), (east, north), (west, north), (west, south))
        document = {"type": "Feature", "stac_version": STAC_VERSION, "id": asset.id, "gee:type": asset.type.value,
                    "geometry": outline and {"type": "Polygon", "coordinates": [outline]},
                    "properties": {"datetime": _moment(asset.time_start) or now, **properties, "updated": now},
                    "links": [], "assets": _data(asset)}
        if outline:
            xs, ys = zip(*outline, strict=True)
            document["bbox"] = [min(xs), min(ys), max(xs), max(ys)]
    if asset.policy is not None:
        document["gee:policy"] = asset.policy
    try:
        return json.dumps(document, allow_nan=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError) as error:
        raise DataError(f"asset {asset.id!r} cannot be described: {error}",
                        mend="give finite numbers as its grid and its policy") from error


def _data(asset: Asset) -> dict[str, Any]:
    if asset.data is not None:
        return {"data": {"href": asset.data.name, "type": _PARQUET, "table:row_count": asset.rows}}
    if asset.grid is None:
        return {}
    place = {"proj:code" if re.fullmatch(r"\w+:\w+", asset.grid.crs) else "proj:wkt2": asset.grid.crs,
             "proj:shape": list(asset.grid.shape), "proj:transform": list(asset.grid.transform)}
    # STAC writes numbers that JSON lacks as strings.
    nodata = {} if asset.nodata is None else {
        "nodata": asset.nodata if math.isfinite(asset.nodata) else str(asset.nodata)}
    files: dict[str, Any] = {}
    for order, band in enumerate(asset.bands):
        href = band.uri or band.file.name
        file = files.setdefault(href, {"href": href, "type": _GEOTIFF, **place, **nodata, "gee:levels": band.levels,
                                       "bands": []})
        file["bands"].append({"name": band.id, "data_type": band.dtype, "gee:pyramiding_policy": band.pyramiding,
                              "gee:order": order, "gee:index": band.index})
    return files


def read(asset_id: str, path: Path, buckets: Path) -> Asset:
    """The asset described by the STAC document at `path`; files beside it are not opened.

    Args:
        asset_id: its id.
        path: of the document.
        buckets: the folder that stands for Cloud Storage.

    Raises:
        CorruptRecord: the file is not such a document.
    """
    try:
        document = json.loads(path.read_bytes())
        kind = AssetType(document["gee:type"])
        properties = dict(document["properties"])
        updated = properties.pop("updated", "")
        for name in _STAC_NAMES:
            properties.pop(name, None)
        common: dict[str, Any] = {
            "id": asset_id, "type": kind, "updated": updated, "policy": document.get("gee:policy"),
            "properties": {name.removeprefix("gee:"): value for name, value in properties.items()}}
        files = list(document.get("assets", {}).values())
        if kind is AssetType.TABLE:
            box = document.get("bbox")
            return Asset(**common, data=path.parent / files[0]["href"], rows=files[0]["table:row_count"],
                         bounds=tuple(box) if box else None)
        if kind is not AssetType.IMAGE:
            return Asset(**common)
        first = files[0]
        height, width = first["proj:shape"]
        bands = [(band["gee:order"], AssetBand(id=band["name"], dtype=band["data_type"], index=band["gee:index"],
                                               pyramiding=band["gee:pyramiding_policy"],
                                               levels=file.get("gee:levels", 0), **_place(file["href"], path, buckets)))
                 for file in files for band in file["bands"]]
        grid = Grid(crs=first.get("proj:code") or first["proj:wkt2"], transform=tuple(first["proj:transform"]),
                    width=width, height=height)
        nodata = first.get("nodata")
        return Asset(**common, grid=grid, nodata=None if nodata is None else float(nodata),
                     bands=tuple(band for _, band in sorted(bands, key=lambda pair: pair[0])))
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise CorruptRecord(f"{path} does not describe an asset: {error!r}",
                            mend="write the asset again") from error


def _place(href: str, path: Path, buckets: Path) -> dict[str, Any]:
    if not href.startswith("gs://"):
        return {"file": path.parent / href}
    return {"file": buckets / href.removeprefix("gs://").rpartition("#")[0], "uri": href}


def _escaped(name: str) -> str:
    return f"gee:{name}" if name in _STAC_NAMES or name.startswith("gee:") else name


def _moment(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _plain(name: str, value: Any) -> Property:
    """A property as JSON holds it; NumPy numbers become Python's."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return int(value)  # Earth Engine has no booleans.
    if isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(name, each) for each in value]
    raise DataError(f"property {name!r} is {value!r}, of type {type(value).__name__}",
                    mend="properties are strings, finite numbers or lists of them")

