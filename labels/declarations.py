"""Files of declared parcels, read in batches of rows: GeoPackage, shapefile, GeoJSON and GeoParquet."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio import raw
from pyogrio.errors import DataLayerError, DataSourceError, FieldError, GeometryError
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from agrispec.errors import ConfigError, DataError

ROWS = 65536
"""Of a batch, where memory is a concern."""

# https://geoparquet.org/releases/v1.1.0/: a column without a CRS is in this one.
_GEOPARQUET_CRS = "OGC:CRS84"
_UNREADABLE = (DataSourceError, DataLayerError, FieldError, GeometryError, pa.ArrowException, OSError)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Some rows of a file.

    Attributes:
        first: how many rows of the file come before.
        outlines: (N,) WKB in the file's CRS, or null.
        columns: (N,) values of each column asked for.
    """

    first: int
    outlines: pa.Array
    columns: dict[str, pa.Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declarations:
    """A file of declared parcels.

    Attributes:
        path: of the file.
        layer: of the file, "" where it can only have one.
        crs: of its outlines, as pyproj reads it.
        encoding: of its texts, where the file was told to be wrong about it.
        columns: their names, without the outlines.
        geometry: name of the column of outlines in a GeoParquet file, else "".
        rows: how many there are.
    """

    path: Path
    layer: str
    crs: str
    encoding: str | None
    columns: tuple[str, ...]
    geometry: str
    rows: int

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[Batch]:
        """The file from its first row to its last, at most `rows` at a time.

        Raises:
            DataError: it has no such column, or cannot be read to its end.
        """
        missing = [column for column in columns if column not in self.columns]
        if missing:
            raise DataError(f"{self.path} has no column {missing[0]!r}", mend=f"choose of {', '.join(self.columns)}")
        first = 0
        try:
            for batch in self._record_batches(list(dict.fromkeys(columns)), rows):
                if batch.num_rows:
                    yield Batch(first=first, outlines=batch.column(self.geometry or batch.num_columns - 1),
                                columns={column: batch.column(column) for column in columns})
                first += batch.num_rows
        except UnicodeDecodeError as error:
            raise _misread(self.path) from error
        except _UNREADABLE as error:
            raise DataError(f"{self.path} cannot be read after row {first} ({error})", mend="get it again") from error

    def _record_batches(self, columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
        if self.geometry:
            with pq.ParquetFile(self.path) as file:
                yield from file.iter_batches(batch_size=rows, columns=[*columns, self.geometry])
            return
        with raw.open_arrow(self.path, layer=self.layer, encoding=self.encoding, columns=columns, batch_size=rows,
                            use_pyarrow=True) as (_, reader):
            yield from reader

    def degrees(self, outlines: pa.Array) -> NDArray[np.object_]:
        """Outlines (N,) of a batch as shapely geometries in degrees (EPSG:4326), longitude first, without heights.

        None where there is none, the place has no degrees, or the outline lies on both sides of the meridian of 180
        degrees: in degrees it would go around the globe. An empty one stays.

        Raises:
            DataError: one is not WKB, or a curve, which GEOS does not read.
        """
        try:
            shapes: NDArray[np.object_] = shapely.force_2d(shapely.from_wkb(outlines.to_numpy(zero_copy_only=False)))
        except NotImplementedError as error:  # as shapely says of curves
            raise DataError(f"an outline of {self.path} is a curve",
                            mend="write curves as lines: ogr2ogr -nlt CONVERT_TO_LINEAR") from error
        except shapely.GEOSException as error:
            raise DataError(f"an outline of {self.path} is damaged ({error})", mend="get the file again") from error
        if not CRS(self.crs).equals(CRS("EPSG:4326"), ignore_axis_order=True):
            # One for each batch: batches may be worked on at the same time.
            change = Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True).transform
            shapes = shapely.transform(shapes, change, interleaved=False)
        west, south, east, north = shapely.bounds(shapes).T
        # Whoever asks what is left of a shape with NaN in it gets no answer from GEOS.
        good = (west >= -180) & (east <= 180) & (south >= -90) & (north <= 90) & (east - west < 180)
        shapes[~good & ~shapely.is_empty(shapes)] = None
        return shapes


def find(path: Path, *, layer: str | None = None, crs: str | None = None, encoding: str | None = None) -> Declarations:
    """What a file of declared parcels holds.

    Args:
        path: of the file; for a shapefile that of the .shp.
        layer: where the file has several.
        crs: of its outlines, where the file does not say.
        encoding: of its texts, where the file says a wrong one or none, e.g. "ISO-8859-1".

    Raises:
        ConfigError: there is no such encoding or CRS.
        DataError: it is not there, cannot be read, is empty, has no outlines of areas, no CRS or another than `crs`,
            several layers of which none is chosen, or its texts are of another encoding.
    """
    if encoding is not None:
        try:
            codecs.lookup(encoding)
        except LookupError as error:
            raise ConfigError(f"--encoding {encoding} is no encoding", mend="name one, e.g. UTF-8 or ISO-8859-1"
                              ) from error
    if not path.exists():
        raise DataError(f"{path} is not there", mend="give the file of declared parcels")
    found = _parquet(path, crs) if path.suffix.lower() in (".parquet", ".geoparquet", ".pq") \
        else _ogr(path, layer, crs, encoding)
    if not found.rows:
        raise DataError(f"{path} is empty: it has no row", mend="give the file of declared parcels")
    return found


def _ogr(path: Path, layer: str | None, crs: str | None, encoding: str | None) -> Declarations:
    try:
        layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
        if layer is None and len(layers) > 1:
            raise DataError(f"{path} has {len(layers)} layers: {', '.join(layers)}", mend="choose one with --layer")
        if not layers or (layer is not None and layer not in layers):
            raise DataError(f"{path} has no layer {layer!r} with outlines" if layers else
                            f"{path} has no outlines", mend=f"choose of {', '.join(layers)}" if layers else
                            "give a file of parcels with their outlines")
        chosen = layer or layers[0]
        about = pyogrio.read_info(path, layer=chosen, encoding=encoding, force_feature_count=True)
    except UnicodeDecodeError as error:
        raise _misread(path) from error
    except _UNREADABLE as error:
        raise DataError(f"{path} cannot be read ({error})",
                        mend="give a GeoPackage, a shapefile, a GeoJSON or a GeoParquet file") from error
    kind = about["geometry_type"] or "Unknown"
    if any(word in kind for word in ("Point", "LineString")):
        raise DataError(f"{path} holds {kind} geometries", mend="give the outlines of parcels, which are polygons")
    return Declarations(path=path, layer=chosen, crs=_crs(path, about["crs"], crs), encoding=encoding,
                        columns=tuple(map(str, about["fields"])), geometry="", rows=int(about["features"]))


def _parquet(path: Path, crs: str | None) -> Declarations:
    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
        about: dict[str, Any] = json.loads((schema.metadata or {})[b"geo"])
        geometry = about["primary_column"]
        column = dict(about["columns"][geometry])
        names = tuple(name for name in schema.names if name != geometry)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read ({error})", mend="get it again") from error
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(f"{path} is a Parquet file without outlines: it has no \"geo\" metadata",
                        mend="write it as GeoParquet") from error
    if geometry not in schema.names:
        raise DataError(f"{path} has no column {geometry!r}, where its \"geo\" metadata says outlines are",
                        mend="write it as GeoParquet again")
    if column.get("encoding") != "WKB":
        raise DataError(f"{path} holds its outlines as {column.get('encoding')}, not as WKB",
                        mend="write it with the encoding WKB")
    stated = column.get("crs", _GEOPARQUET_CRS)
    return Declarations(path=path, layer="", crs=_crs(path, json.dumps(stated) if isinstance(stated, dict) else stated,
                                                      crs),
                        encoding=None, columns=names, geometry=geometry, rows=rows)


def _crs(path: Path, stated: str | None, given: str | None) -> str:
    """The file's CRS, or the one given where it states none that can be read."""
    try:
        asked = CRS(given) if given else None
    except CRSError as error:
        raise ConfigError(f"--crs {given} is no CRS ({error})", mend="name one, e.g. --crs EPSG:2154") from error
    try:
        known = CRS(stated) if stated else None
    except CRSError as error:
        if given is None:
            raise DataError(f"the CRS of {path} cannot be read ({error})",
                            mend="name it with --crs, e.g. --crs EPSG:2154") from error
        known = None
    if known is None:
        if given is None:
            raise DataError(f"{path} does not say its CRS", mend="name it with --crs, e.g. --crs EPSG:2154")
        return given
    if asked is not None and not known.equals(asked, ignore_axis_order=True):
        # A GeoJSON file cannot state another than WGS 84, and many were written in another.
        if path.suffix.lower() not in (".geojson", ".json"):
            raise DataError(f"{path} is in {known.name}, --crs says {asked.name}", mend="leave --crs out")
        return str(given)
    return str(stated)


def texts(values: pa.Array, what: str) -> tuple[list[str], NDArray[np.intp]]:
    """The different values of a column as texts, and which of them each row has.

    Args:
        values: (N,) texts, integers, floats that are whole or not, or categories of these.
        what: names the column in errors.

    Returns:
        The texts without blanks around them; 12.0 is "12". (N,) position in them, -1 where the row has none: null, NaN
        or blank.

    Raises:
        DataError: they are of another type, or not texts in the file's encoding.
    """
    coded, kind = pa.types.is_dictionary(values.type), values.type
    kind = kind.value_type if coded else kind
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
            or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
            or pa.types.is_null(kind)):
        raise DataError(f"column {what!r} is of type {kind}", mend="give a column of texts or numbers")
    coded = values if coded else values.dictionary_encode()
    try:
        distinct = [_text(value) for value in coded.dictionary.to_pylist()]
    except UnicodeDecodeError as error:
        raise DataError(f"column {what!r} holds texts of another encoding than the file says",
                        mend="name it with --encoding, e.g. --encoding ISO-8859-1") from error
    position = {text: place for place, text in enumerate(dict.fromkeys(text for text in distinct if text))}
    place = np.array([position.get(text, -1) for text in distinct] + [-1], dtype=np.intp)
    # Null is -1 here, and so the entry after all others.
    return list(position), place[pc.fill_null(coded.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)]


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    whole = isinstance(value, float | Decimal) and value % 1 == 0
    return str(int(value) if whole else value).strip()


def _misread(path: Path) -> DataError:
    return DataError(f"{path} holds texts of another encoding than it says",
                     mend="name it with --encoding, e.g. --encoding ISO-8859-1")
