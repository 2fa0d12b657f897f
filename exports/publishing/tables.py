"""A table as an asset, by way of a CSV, and the comparison with what arrived."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from agrispec.engine import Engine, Expression, Operation
from agrispec.errors import CorruptRecord, TaskFailed
from agrispec.formats import geojson
from agrispec.formats.geoparquet import GEOMETRY, INDEX
from agrispec.season import Season
from exports import storage, tasks
from exports.publishing.routes import below_assets, times
from exports.storage import Storage

# Without these an id such as "0012" would be read as the number 12.
# https://developers.google.com/earth-engine/reference/rest/Shared.Types/ColumnDataType
_COLUMN_TYPES = {pa.string(): "COLUMN_DATA_TYPE_STRING", pa.large_string(): "COLUMN_DATA_TYPE_STRING",
                 pa.int64(): "COLUMN_DATA_TYPE_LONG", pa.float64(): "COLUMN_DATA_TYPE_NUMERIC"}

_APART_DEG = 1e-6
"""What an outline may be off; on the ground 0.1 m."""

_DENSE = 0.25
"""Outlines are compared at corners and at every such part of an edge: the same corners may be joined otherwise."""

_MEND = "delete that asset, then publish again; if it stays so, report it with the run's manifest.json"


def read(file: Path) -> pa.Table:
    """Texts, integers and floats by column, and `geometry` as WKB, of a GeoParquet; NaN is null, and a column without a
    value is left out.

    Raises:
        CorruptRecord: it is none.
    """
    try:
        table = pq.read_table(file)
        table.column(GEOMETRY)
    except (OSError, pa.ArrowException, KeyError) as error:
        raise CorruptRecord(f"{file} cannot be read as GeoParquet: {error}", mend="write the table again") from error
    columns = {name: _plain(values) if name != GEOMETRY else values
               for name, values in zip(table.column_names, table.columns, strict=True) if name != INDEX}
    return pa.table({name: values for name, values in columns.items()
                     if name == GEOMETRY or values.null_count < table.num_rows or not table.num_rows})


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of a type that `manifest` knows, null where it is NaN."""
    if pa.types.is_floating(values.type):
        return pc.if_else(pc.is_nan(values), None, values.cast(pa.float64()))
    return values.cast(pa.int64() if pa.types.is_integer(values.type) or pa.types.is_boolean(values.type)
                       else pa.string())


def upload(objects: Storage, table: pa.Table, name: str) -> str:
    """A table as a CSV in a bucket, outlines as GeoJSON; its address. Raises StorageError."""
    outlines = pa.array(shapely.to_geojson(_shapes(table)), pa.string())
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "table.csv")
        pyarrow.csv.write_csv(table.drop_columns(GEOMETRY).append_column(GEOMETRY, outlines), file)
        return objects.upload(file, name)


def manifest(uri: str, table: pa.Table, asset_id: str, properties: Mapping[str, str | float],
             season: Season) -> dict[str, Any]:
    """What asks for a table asset of an `upload`ed table."""
    return {"name": asset_id, **times(season), "properties": dict(properties),
            "sources": [{"uris": [uri], "charset": "UTF-8", "primaryGeometryColumn": GEOMETRY}],
            "columnDataTypeOverrides": {column.name: _COLUMN_TYPES[column.type] for column in table.schema
                                        if column.name != GEOMETRY}}


def replace(engine: Engine, bucket: str, table: pa.Table, asset_id: str, properties: Mapping[str, str | float],
            season: Season, progress: Callable[[Operation], None]) -> Operation:
    """Ingest a table in place of one of that id; waits for the end.

    Raises:
        StorageError: the file could not be uploaded.
        TaskFailed: the ingestion failed.
    """
    objects, below = storage.open(engine, bucket), f"uploads/{below_assets(asset_id)}/"
    objects.delete(below)
    asked = manifest(upload(objects, table, f"{below}table.csv"), table, asset_id, properties, season)
    done = tasks.wait(engine, engine.ingest_table(asked, overwrite=True), progress)
    objects.delete(below)
    return done


def compare(engine: Engine, expression: Expression, table: pa.Table, key: str) -> int:
    """Read a table asset back and compare every property and the outline of every row.

    Args:
        engine: who has the asset.
        expression: the asset as a graph.
        table: what was published.
        key: the property that tells rows apart.

    Returns:
        number of rows compared.

    Raises:
        TaskFailed: a row is missing, is too many, or has another property, one too many, or another outline.
    """
    features = engine.features(expression)
    has = pd.DataFrame(list(map(itemgetter("properties"), features)), dtype=object)
    ids, found = table.column(key).to_pylist(), has[key].tolist() if key in has else []
    places = pd.Series(list(map(dict(zip(found, count(), strict=False)).get, ids)), dtype=object)
    lost = int(places.isna().sum())
    if lost or len(features) != table.num_rows:
        raise TaskFailed(f"of {table.num_rows} published parcels {lost} are missing and {len(features)} were found",
                         mend="delete that asset, then publish again")
    order = places.to_numpy(np.int64)
    _compare_properties(table, has.iloc[order], ids)
    try:
        arrived = geojson.shapes(list(map(itemgetter(GEOMETRY), features)))[order]
    except ValueError as error:
        raise TaskFailed(f"the outlines of published parcels came back as {error}", mend=_MEND) from error
    other = ~_same_outline(_shapes(table), arrived)
    if other.any():
        raise TaskFailed(f"parcel {ids[other.argmax()]!r} has another outline than was published", mend=_MEND)
    return len(ids)


def _compare_properties(table: pa.Table, has: pd.DataFrame, ids: Sequence[Any]) -> None:
    """Raises TaskFailed where a row, `ids` by name, has another property than it has in `table`."""
    names = [name for name in dict.fromkeys([*table.column_names, *has.columns]) if name not in (GEOMETRY, INDEX)]
    none = np.full(len(ids), None, object)
    sent = [_said(table.column(name).to_pylist()) if name in table.column_names else none for name in names]
    arrived = [_said(has[name]) if name in has else none for name in names]
    # (column, row)
    other = np.array([there != here for there, here in zip(arrived, sent, strict=True)], np.bool_)
    if other.any():
        row = int(other.any(axis=0).argmax())
        column = int(other[:, row].argmax())
        raise TaskFailed(f"parcel {ids[row]!r} has {names[column]} = {arrived[column][row]!r} instead of"
                         f" {sent[column][row]!r}", mend=_MEND)


def _said(values: Sequence[Any] | pd.Series[Any]) -> NDArray[Any]:
    """What a column says, None where nothing: in a CSV an empty text is one that is absent."""
    column = pd.Series(values, dtype=object)
    absent = (column.isna() | (column == "")).to_numpy(np.bool_)
    said = column.to_numpy(copy=True)
    said[absent] = None
    return said


def _same_outline(sent: NDArray[Any], arrived: NDArray[Any]) -> NDArray[np.bool_]:
    """(N,) whether outlines are the same, whatever corner they begin at and whichever way they go round; not where
    there is none."""
    same: NDArray[np.bool_] = shapely.equals_exact(shapely.normalize(sent), shapely.normalize(arrived), _APART_DEG)
    # Where two corners are the westernmost but for the last digits, a ring may begin at either.
    rest = np.flatnonzero(~same)
    sent, arrived = sent[rest], arrived[rest]
    apart = shapely.hausdorff_distance(sent, arrived, densify=_DENSE)
    # The same rings may hold each other or lie side by side.
    larger = np.abs(shapely.area(sent) - shapely.area(arrived))
    same[rest] = (apart <= _APART_DEG) & (larger <= _APART_DEG * shapely.length(sent))
    return same


def _shapes(table: pa.Table) -> NDArray[Any]:
    """The outlines of a table."""
    found: NDArray[Any] = shapely.from_wkb(table.column(GEOMETRY).to_numpy(zero_copy_only=False))
    return found
