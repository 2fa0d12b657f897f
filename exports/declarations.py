"""Harmonised declarations as a table asset, and a table asset as a file: row group by row group."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
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
from agrispec.formats.atomic import remove_parts, replacing, storage_error
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

    def table(self, asset_id: str) -> Expression: ...


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

    Properties are columns, of a type that holds what they are in every row. What waits on disk until that is known is
    beside `path`, about as large as it.

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
    remove_parts(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", suffix=".part", dir=path.parent) as folder:
            parts: list[Path] = []
            arrived = 0
            for features in _gathered(engine.pages(graphs.table(asset_id))):
                parts.append(Path(folder, str(len(parts))))
                pq.write_table(_table(features), parts[-1], compression="zstd")
                arrived += len(features)
                progress(f"{arrived:,} of {rows:,} rows")
            schema = _schema([pq.read_schema(part) for part in parts])
            with replacing(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
                for part in parts:
                    writer.write_table(_like(pq.read_table(part), schema))
    except pa.ArrowException as error:
        raise DataError(f"rows of {asset_id} differ in the types of a property ({error})",
                        mend="upload the table with one type a column") from error
    except OSError as error:
        raise storage_error(path, error) from error
    return Moved(rows=arrived, bytes=path.stat().st_size)


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


def _gathered(pages: Iterable[list[dict[str, Any]]]) -> Iterator[list[dict[str, Any]]]:
    """Features of pages, about `_ROWS` at a time."""
    waiting: list[dict[str, Any]] = []
    for page in pages:
        waiting += page
        if len(waiting) >= _ROWS:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _table(features: list[dict[str, Any]]) -> pa.Table:
    """Features as columns, those that any of them has, and `GEOMETRY`."""
    rows = [each["properties"] for each in features]
    names = [name for name in dict.fromkeys(name for row in rows for name in row) if name not in (INDEX, GEOMETRY)]
    outlines = [json.dumps(each["geometry"]) if each["geometry"] else None for each in features]
    shapes = shapely.from_geojson(np.array(outlines, object))
    return pa.table({**{name: pa.array([row.get(name) for row in rows]) for name in names},
                     GEOMETRY: pa.array(shapely.to_wkb(shapes), pa.binary())})


def _schema(parts: list[pa.Schema]) -> pa.Schema:
    """Columns that hold the rows of all parts; those of harmonised declarations in their order and types.

    Raises:
        pa.ArrowException: a column is text here and a number there.
    """
    found = pa.unify_schemas(parts, promote_options="permissive")
    kinds = {name: found.field(name).type for name in found.names if name != GEOMETRY}
    if {"parcel", "code"} <= kinds.keys():
        # Earth Engine knows numbers and texts alone, and no property that is null in every row.
        kinds = {**_HARMONISED, **{name: kind for name, kind in kinds.items() if name not in _HARMONISED}}
    return pa.schema([*kinds.items(), (GEOMETRY, pa.binary())], _GEO)


def _like(part: pa.Table, schema: pa.Schema) -> pa.Table:
    """Rows in the columns of a schema, null where they have none."""
    columns = {field.name: part[field.name].cast(field.type) if field.name in part.column_names
               else pa.nulls(part.num_rows, field.type) for field in schema}
    if "flags" in columns:
        # In a CSV an empty text is one that is absent.
        columns["flags"] = columns["flags"].fill_null("")
    return pa.table(columns, schema=schema)
