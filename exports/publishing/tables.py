"""Rows as a table asset, by way of a CSV, and the comparison with what arrived."""

from __future__ import annotations

import csv
import json
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from agrispec.engine import Engine, Expression, Operation
from agrispec.errors import TaskFailed
from agrispec.formats.geoparquet import GEOMETRY, INDEX, decode_table
from agrispec.season import Season
from exports import storage, tasks
from exports.publishing.routes import below_assets, times
from exports.storage import Storage

Row = Mapping[str, Any]
"""Texts and numbers by column, and a GeoJSON `geometry`."""

# Without these an id such as "0012" would be read as the number 12.
# https://developers.google.com/earth-engine/reference/rest/Shared.Types/ColumnDataType
_COLUMN_TYPES = {str: "COLUMN_DATA_TYPE_STRING", int: "COLUMN_DATA_TYPE_LONG", float: "COLUMN_DATA_TYPE_NUMERIC"}


def read(file: Path) -> list[Row]:
    """The rows of a GeoParquet; what is null or NaN is absent.

    Raises:
        CorruptRecord: it is none.
    """
    table = decode_table(file)
    shapes = shapely.to_geojson(shapely.from_wkb(np.array(table.geometries, object)))
    return [{**{name: value for name, value in row.items()
                if name != INDEX and not (isinstance(value, float) and math.isnan(value))}, GEOMETRY: json.loads(shape)}
            for row, shape in zip(table.properties, shapes, strict=True)]


def upload(objects: Storage, rows: Sequence[Row], name: str) -> str:
    """Rows as a CSV in a bucket; its address. Raises StorageError."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "table.csv")
        with file.open("w", newline="", encoding="utf-8") as text:
            writer = csv.DictWriter(text, fieldnames=list(_columns(rows)))
            writer.writeheader()
            writer.writerows({key: json.dumps(value) if isinstance(value, Mapping) else value
                              for key, value in row.items()} for row in rows)
        return objects.upload(file, name)


def manifest(uri: str, rows: Sequence[Row], asset_id: str, properties: Mapping[str, str | float],
             season: Season) -> dict[str, Any]:
    """What asks for a table asset of `upload`ed rows."""
    return {"name": asset_id, **times(season), "properties": dict(properties),
            "sources": [{"uris": [uri], "charset": "UTF-8", "primaryGeometryColumn": GEOMETRY}],
            "columnDataTypeOverrides": {name: _COLUMN_TYPES[type(value)] for name, value in _columns(rows).items()
                                        if name != GEOMETRY}}


def _columns(rows: Sequence[Row]) -> dict[str, Any]:
    """Each column with a value that it holds, in the order in which they are met."""
    found: dict[str, Any] = {}
    for row in rows:
        found |= {name: value for name, value in row.items() if name not in found}
    return found


def replace(engine: Engine, bucket: str, rows: Sequence[Row], asset_id: str, properties: Mapping[str, str | float],
            season: Season, progress: Callable[[Operation], None]) -> Operation:
    """Ingest rows as a table in place of one of that id; waits for the end.

    Raises:
        StorageError: the file could not be uploaded.
        TaskFailed: the ingestion failed.
    """
    objects, below = storage.open(engine, bucket), f"uploads/{below_assets(asset_id)}/"
    objects.delete(below)
    asked = manifest(upload(objects, rows, f"{below}table.csv"), rows, asset_id, properties, season)
    done = tasks.wait(engine, engine.ingest_table(asked, overwrite=True), progress)
    objects.delete(below)
    return done


def compare(engine: Engine, expression: Expression, rows: Sequence[Row], key: str) -> int:
    """Read a table asset back and compare every property of every row.

    Args:
        engine: who has the asset.
        expression: the asset as a graph.
        rows: what was published.
        key: the property that tells rows apart.

    Returns:
        number of rows compared.

    Raises:
        TaskFailed: a row is missing, is too many or differs.
    """
    found = {feature["properties"][key]: feature["properties"] for feature in engine.features(expression)}
    expected = {row[key]: {name: value for name, value in row.items() if name != GEOMETRY} for row in rows}
    lost = sorted(set(expected) - set(found), key=str)
    if lost or len(found) != len(expected):
        raise TaskFailed(f"of {len(expected)} published parcels {len(lost)} are missing and {len(found)} were found",
                         mend="delete that asset, then publish again")
    for name, row in expected.items():
        for column, value in row.items():
            if found[name].get(column) != value:
                raise TaskFailed(f"parcel {name!r} has {column} = {found[name].get(column)!r} instead of {value!r}",
                                 mend="delete that asset, then publish again; if it stays so, report it with the run's"
                                      " manifest.json")
    return len(expected)
