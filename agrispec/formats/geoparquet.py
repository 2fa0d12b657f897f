"""Features to GeoParquet and back. https://geoparquet.org/releases/v1.1.0/"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from agrispec.errors import CorruptRecord, DataError
from agrispec.grid import Bounds

GEOMETRY = "geometry"
INDEX = "system:index"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRows:
    """The features of a table.

    Attributes:
        properties: of each feature; absent where the table holds null. Always with `system:index`.
        geometries: of each feature, WKB in EPSG:4326, longitude first, or None.
    """

    properties: list[dict[str, Any]]
    geometries: list[bytes | None]


def encode_table(properties: Sequence[Mapping[str, Any]] | pa.Table,
                 geometries: Sequence[bytes | None]) -> tuple[memoryview, int, Bounds | None]:
    """A GeoParquet file's bytes, its number of rows, and the bounds of its geometries in degrees.

    Raises:
        DataError: lengths differ, a column has mixed types, or a geometry is not WKB.
    """
    table = properties if isinstance(properties, pa.Table) else _columns(properties)
    if table.num_rows != len(geometries):
        raise DataError(f"a table of {table.num_rows} rows was given {len(geometries)} geometries",
                        mend="give one geometry, or None, for each row")
    if INDEX not in table.column_names:
        table = table.append_column(INDEX, pa.array([f"{i:020x}" for i in range(table.num_rows)], pa.string()))
    content, bounds = encode(table, geometries)
    return content, table.num_rows, bounds


def encode(table: pa.Table, geometries: Sequence[bytes | None]) -> tuple[memoryview, Bounds | None]:
    """A GeoParquet file's bytes: the columns of `table` as they are and then the geometries, one for each row; and the
    bounds of these in degrees.

    Raises:
        DataError: a geometry is not WKB, or a column has the name of theirs.
    """
    if GEOMETRY in table.column_names:
        raise DataError(f"a property is named {GEOMETRY!r}", mend="rename it: that column holds the geometries")
    try:
        shapes = shapely.from_wkb(np.array(list(geometries), dtype=object))
    except shapely.GEOSException as error:
        raise DataError(f"a geometry cannot be read: {error}", mend="give WKB, longitude first") from error
    bounds: Bounds | None = None
    present = [shape for shape in shapes if shape is not None and not shape.is_empty]
    if present:
        west, south, east, north = (float(edge) for edge in shapely.total_bounds(present))
        bounds = west, south, east, north
    table = table.append_column(GEOMETRY, pa.array(list(geometries), pa.binary()))
    kinds = sorted({shape.geom_type for shape in present})
    column = {"encoding": "WKB", "geometry_types": kinds, **({"bbox": list(bounds)} if bounds else {})}
    meta = {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
    table = table.replace_schema_metadata({"geo": json.dumps(meta)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return memoryview(sink.getvalue()), bounds


def _columns(properties: Sequence[Mapping[str, Any]]) -> pa.Table:
    names = dict.fromkeys(name for row in properties for name in row)
    columns: dict[str, pa.Array] = {}
    for name in names:
        try:
            columns[name] = pa.array([row.get(name) for row in properties])
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise DataError(f"property {name!r} has values of several types: {error}",
                            mend="give each property one type in all features") from error
    if not columns:
        return pa.table({INDEX: pa.array([f"{i:020x}" for i in range(len(properties))], pa.string())})
    return pa.table(columns)


def decode_table(path: Path) -> TableRows:
    """The features of a GeoParquet file, in its order.

    Raises:
        CorruptRecord: the file is not there or not such a file.
    """
    try:
        table = pq.read_table(path)
        geometries = table.column(GEOMETRY).to_pylist()
        rows = table.drop_columns([GEOMETRY]).to_pylist()
    except (OSError, pa.ArrowException, KeyError) as error:
        raise CorruptRecord(f"{path} cannot be read as GeoParquet: {error}", mend="write the table again") from error
    return TableRows(properties=[{k: v for k, v in row.items() if v is not None} for row in rows],
                     geometries=geometries)
