"""Harmonised declarations as a table asset, and a table asset as a file: row group by row group."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import shapely

from agrispec.engine import Engine, Expression
from agrispec.errors import AssetExists, AssetMissing, CorruptRecord, DataError, TaskFailed
from agrispec.formats.atomic import replacing
from agrispec.formats.geoparquet import GEOMETRY, INDEX
from exports import storage, tasks
from exports.publishing.routes import below_assets

_ROWS = 20_000
"""Rows that are sent, or asked for, at a time."""

# https://developers.google.com/earth-engine/guides/table_upload: of a table, and of one row, where it is cut.
_MOST_ROWS, _MOST_VERTICES = 10**8, 10**6

# Of what a harmonised file says: a table has one outline a row.
_INSIDE = "inside"
_ABOUT = b"agrispec"


class Graphs(Protocol):
    """What `gee_scripts.export` offers; see there."""

    def table_size(self, asset_id: str) -> Expression: ...

    def table_rows(self, asset_id: str, first: int, count: int) -> Expression: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A table that is here and there.

    Attributes:
        rows: how many it has.
        bytes: of the CSV that was uploaded, or of the file that was written.
    """

    rows: int
    bytes: int


def upload(engine: Engine, bucket: str, graphs: Graphs, path: Path, asset_id: str,
           progress: Callable[[str], None]) -> Moved:
    """Make a table asset of a file of harmonised declarations, and wait until it is there.

    All columns become properties but for the inner outline; ids and codes stay texts. The file goes through the bucket
    as one CSV, for Earth Engine takes one file a source, written and sent piece by piece.

    Raises:
        CorruptRecord: the file is no such table.
        DataError: it has more rows than a table may have, or none.
        AssetExists: an asset of that id is there.
        StorageError: the CSV cannot be uploaded.
        TaskFailed: the ingestion failed, or other rows arrived than were sent.
    """
    with _opened(path) as file:
        rows, schema = file.metadata.num_rows, file.schema_arrow
        if not 0 < rows <= _MOST_ROWS:
            raise DataError(f"{path} has {rows:,} rows, and a table asset has 1 to {_MOST_ROWS:,}",
                            mend="give a file of some parcels; split a larger one")
        if engine.asset(asset_id) is not None:
            raise AssetExists(f"{asset_id} is there already", mend="choose another id, or delete that asset first")
        objects, below = storage.open(engine, bucket), f"uploads/{below_assets(asset_id)}/"
        objects.check()
        objects.delete(below)
        with tempfile.TemporaryDirectory() as scratch:
            content = Path(scratch, "table.csv")
            _write_csv(file, content, lambda done: progress(f"{done:,} of {rows:,} rows written"))
            progress(f"uploading {content.stat().st_size:,} bytes")
            uri, size = objects.upload(content, f"{below}table.csv"), content.stat().st_size
    progress(f"ingesting {asset_id}")
    folder = asset_id.rpartition("/")[0]
    if folder.partition("/assets")[2]:
        engine.create_folder(folder)
    started = engine.ingest_table(_manifest(uri, schema, asset_id))
    tasks.wait(engine, started, lambda operation: progress(operation.description))
    objects.delete(below)
    arrived = int(engine.compute(graphs.table_size(asset_id)))
    if arrived != rows:
        raise TaskFailed(f"{asset_id} has {arrived:,} rows of the {rows:,} that were sent",
                         mend="delete that asset, then upload again")
    return Moved(rows=rows, bytes=size)


def download(engine: Engine, graphs: Graphs, asset_id: str, path: Path, progress: Callable[[str], None]) -> Moved:
    """Write a table asset as GeoParquet, in its order.

    Properties are columns, of the type that they have in the first rows.

    Raises:
        AssetMissing: there is no such table.
        DataError: it is empty, or rows differ in the types of a property.
        StorageError: the file cannot be written.
    """
    if (engine.asset(asset_id) or {}).get("type") != "TABLE":
        raise AssetMissing(f"there is no table {asset_id}", mend="check the id, and that the project may read it")
    rows = int(engine.compute(graphs.table_size(asset_id)))
    if not rows:
        raise DataError(f"{asset_id} is empty", mend="name another table")
    with replacing(path) as file:
        writer: pq.ParquetWriter | None = None
        try:
            for first in range(0, rows, _ROWS):
                part = _table(engine.features(graphs.table_rows(asset_id, first, min(_ROWS, rows - first))))
                if writer is None:
                    writer = pq.ParquetWriter(file, part.schema.with_metadata(_GEO), compression="zstd")
                writer.write_table(_like(part, writer.schema, asset_id))
                progress(f"{min(first + _ROWS, rows):,} of {rows:,} rows")
        except pa.ArrowException as error:
            raise DataError(f"rows of {asset_id} differ in the types of a property ({error})",
                            mend="upload the table with one type a column") from error
        finally:
            if writer is not None:
                writer.close()
    return Moved(rows=rows, bytes=path.stat().st_size)


_HARMONISED = {
    "parcel": pa.string(), "class": pa.string(), "class_number": pa.int16(), "code": pa.string(), "name": pa.string(),
    "hcat": pa.string(), "status": pa.string(), "country": pa.string(), "year": pa.int16(), "source": pa.string(),
    "crop_from": pa.int8(), "crop_to": pa.int8(), "area_ha": pa.float32(), "small": pa.bool_(), "flags": pa.string()}
"""Columns of harmonised declarations, their outlines apart."""

_GEO = {"geo": json.dumps({"version": "1.1.0", "primary_column": GEOMETRY, "columns": {
    GEOMETRY: {"encoding": "WKB", "geometry_types": []}}})}


def _opened(path: Path) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise CorruptRecord(f"{path} is no parquet file ({error})",
                            mend="give what agrispec-gee labels harmonise wrote") from error
    if GEOMETRY not in file.schema_arrow.names:
        file.close()
        raise CorruptRecord(f"{path} has no column {GEOMETRY!r}", mend="give what agrispec-gee labels harmonise wrote")
    return file


def _write_csv(file: pq.ParquetFile, path: Path, told: Callable[[int], None]) -> None:
    names = [name for name in file.schema_arrow.names if name not in (_INSIDE, GEOMETRY)]
    schema = pa.schema([*(pa.field(name, _plain(file.schema_arrow.field(name).type)) for name in names),
                        pa.field(GEOMETRY, pa.string())])
    done = 0
    with pa_csv.CSVWriter(path, schema) as writer:
        for batch in file.iter_batches(_ROWS, columns=[*names, GEOMETRY]):
            shapes = shapely.from_wkb(batch[GEOMETRY].to_numpy(zero_copy_only=False))
            columns = [batch[name].cast(schema.field(name).type) for name in names]
            writer.write_batch(pa.record_batch([*columns, pa.array(shapely.to_geojson(shapes), pa.string())],
                                               schema=schema))
            done += batch.num_rows
            told(done)


def _plain(kind: pa.DataType) -> pa.DataType:
    """A type that a table asset has: whole numbers, numbers, texts; what is true or false is 1 or 0."""
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return pa.int64()
    return pa.float64() if pa.types.is_floating(kind) else pa.string()


# https://developers.google.com/earth-engine/reference/rest/Shared.Types/ColumnDataType
_TYPES = {pa.int64(): "COLUMN_DATA_TYPE_LONG", pa.float64(): "COLUMN_DATA_TYPE_NUMERIC",
          pa.string(): "COLUMN_DATA_TYPE_STRING"}


def _manifest(uri: str, schema: pa.Schema, asset_id: str) -> dict[str, Any]:
    said = json.loads((schema.metadata or {}).get(_ABOUT, b"{}"))
    return {"name": asset_id, "properties": {name: value for name, value in said.items()
                                             if isinstance(value, str | int | float)},
            "sources": [{"uris": [uri], "charset": "UTF-8", "primaryGeometryColumn": GEOMETRY,
                         "maxVertices": _MOST_VERTICES}],
            "columnDataTypeOverrides": {field.name: _TYPES[_plain(field.type)] for field in schema
                                        if field.name not in (_INSIDE, GEOMETRY)}}


def _table(features: list[dict[str, Any]]) -> pa.Table:
    """Features as columns; those of harmonised declarations in their order and types, whatever is null."""
    rows = [each["properties"] for each in features]
    names = [*_HARMONISED, *(name for name in dict.fromkeys(name for row in rows for name in row)
                             if name != INDEX and name not in _HARMONISED)] \
        if any({"parcel", "code"} <= set(row) for row in rows) else \
        [name for name in dict.fromkeys(name for row in rows for name in row) if name != INDEX]
    found = {name: pa.array([row.get(name) for row in rows]) for name in names}
    # Earth Engine knows numbers and texts alone.
    columns = {name: column.cast(_HARMONISED.get(name, column.type)) for name, column in found.items()}
    if "flags" in columns:
        # In a CSV an empty text is one that is absent.
        columns["flags"] = columns["flags"].fill_null("")
    shapes = shapely.from_geojson(np.array([json.dumps(each["geometry"]) for each in features], object))
    return pa.table({**columns, GEOMETRY: pa.array(shapely.to_wkb(shapes), pa.binary())})


def _like(part: pa.Table, schema: pa.Schema, asset_id: str) -> pa.Table:
    """Rows in the columns of the first ones.

    Raises:
        DataError: they have others, or of other types.
    """
    if strange := [name for name in part.column_names if name not in schema.names]:
        raise DataError(f"some rows of {asset_id} have a property {strange[0]!r} and the first {_ROWS:,} have none",
                        mend="upload the table with all its columns")
    for field in schema:
        if field.name not in part.column_names:
            part = part.append_column(field, pa.nulls(part.num_rows, field.type))
    return part.select(schema.names).cast(schema)
