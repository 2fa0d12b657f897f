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

_APART_DEG = 1e-6
"""What an outline may be off; on the ground 0.1 m."""

_MEND = "delete that asset, then publish again; if it stays so, report it with the run's manifest.json"


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
    """Read a table asset back and compare every property and the outline of every row.

    Args:
        engine: who has the asset.
        expression: the asset as a graph.
        rows: what was published.
        key: the property that tells rows apart.

    Returns:
        number of rows compared.

    Raises:
        TaskFailed: a row is missing, is too many, or has another property, one too many, or another outline.
    """
    features = engine.features(expression)
    found = {feature["properties"].get(key): feature for feature in features}
    lost = [row[key] for row in rows if row[key] not in found]
    if lost or len(features) != len(rows):
        raise TaskFailed(f"of {len(rows)} published parcels {len(lost)} are missing and {len(features)} were found",
                         mend="delete that asset, then publish again")
    arrived = [found[row[key]] for row in rows]
    for row, feature in zip(rows, arrived, strict=True):
        sent, has = _said(row), _said(feature["properties"])
        for column in {**sent, **has}:
            if has.get(column) != sent.get(column):
                raise TaskFailed(f"parcel {row[key]!r} has {column} = {has.get(column)!r} instead of"
                                 f" {sent.get(column)!r}", mend=_MEND)
    # Between outlines, whatever corner they begin at; of one that is not there it is NaN.
    apart = shapely.hausdorff_distance(_shapes(rows), _shapes(arrived))
    for row, distance in zip(rows, apart, strict=True):
        if not distance <= _APART_DEG:
            raise TaskFailed(f"parcel {row[key]!r} has another outline than was published", mend=_MEND)
    return len(rows)


def _said(properties: Mapping[str, Any]) -> dict[str, Any]:
    """What properties say, without outline and index: in a CSV an empty text is one that is absent."""
    return {name: value for name, value in properties.items()
            if name not in (GEOMETRY, INDEX) and value not in (None, "")}


def _shapes(features: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """The `geometry` of rows, or of features."""
    return np.array([each[GEOMETRY] and shapely.geometry.shape(each[GEOMETRY]) for each in features], object)
