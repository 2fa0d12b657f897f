"""Predictions back into Earth Engine: files, manifests, ingestion, and the comparison with what arrived."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from agrispec.engine import Engine, Expression, Operation
from agrispec.errors import TaskFailed
from agrispec.formats import geotiff
from agrispec.season import Season
from exports import storage, tasks

# https://developers.google.com/earth-engine/reference/rest/v1/projects.image/computePixels: 48 MB a request.
_TILE = 2048

# Without these an id such as "0012" would be read as the number 12.
# https://developers.google.com/earth-engine/reference/rest/Shared.Types/ColumnDataType
_COLUMN_TYPES = {str: "COLUMN_DATA_TYPE_STRING", int: "COLUMN_DATA_TYPE_LONG", float: "COLUMN_DATA_TYPE_NUMERIC"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageAsset:
    """A one-band image to publish.

    Attributes:
        asset_id: where to.
        file: its GeoTIFF.
        band: name of its band.
        pyramiding: "MODE" for classes, "MEAN" for quantities.
        missing: the value that stands for nothing.
        properties: what the asset says of itself; texts and numbers.
    """

    asset_id: str
    file: Path
    band: str
    pyramiding: str
    missing: float
    properties: Mapping[str, str | float]


def publish_image(engine: Engine, bucket: str, image: ImageAsset, season: Season,
                  progress: Callable[[Operation], None]) -> Operation:
    """Upload a GeoTIFF and ingest it as an asset, replacing one of that id; waits for the end.

    Raises:
        StorageError: the file could not be uploaded.
        TaskFailed: the ingestion failed.
    """
    objects, below = storage.open(engine, bucket), f"uploads/{image.asset_id}/{uuid.uuid4().hex[:8]}/"
    uri = objects.upload(image.file, f"{below}image.tif")
    started = engine.ingest_image({
        "name": image.asset_id, "tilesets": [{"id": "0", "sources": [{"uris": [uri]}]}],
        "bands": [{"id": image.band, "tilesetId": "0", "tilesetBandIndex": 0, "pyramidingPolicy": image.pyramiding,
                   "missingData": {"values": [image.missing]}}],
        "startTime": _midnight(season.start), "endTime": _midnight(season.end), "properties": dict(image.properties)})
    done = tasks.wait(engine, started, progress)
    objects.delete(below)
    return done


def publish_table(engine: Engine, bucket: str, rows: Sequence[Mapping[str, Any]], asset_id: str,
                  properties: Mapping[str, str | float], season: Season,
                  progress: Callable[[Operation], None]) -> Operation:
    """Upload rows with a GeoJSON `geometry` as a CSV and ingest it as a table; as `publish_image`."""
    objects, below = storage.open(engine, bucket), f"uploads/{asset_id}/{uuid.uuid4().hex[:8]}/"
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "table.csv")
        file.write_bytes(csv_of(rows))
        uri = objects.upload(file, f"{below}table.csv")
    started = engine.ingest_table({
        "name": asset_id, "sources": [{"uris": [uri], "charset": "UTF-8", "primaryGeometryColumn": "geometry"}],
        "columnDataTypeOverrides": {name: _COLUMN_TYPES[type(value)] for name, value in rows[0].items()
                                    if name != "geometry"},
        "startTime": _midnight(season.start), "endTime": _midnight(season.end), "properties": dict(properties)})
    done = tasks.wait(engine, started, progress)
    objects.delete(below)
    return done


def compare_image(engine: Engine, expression: Expression, image: ImageAsset) -> int:
    """Read a published image back and compare it with its file.

    Args:
        engine: who has the asset.
        expression: the asset as a graph, masked pixels holding `image.missing`.
        image: what was published.

    Returns:
        number of pixels compared.

    Raises:
        TaskFailed: a pixel differs.
    """
    layout = geotiff.describe(image.file)
    pixels = geotiff.read(image.file)[0]
    for row, column, grid in layout.grid.tiles(_TILE):
        found = np.load(io.BytesIO(engine.pixels(expression, grid)))[image.band]
        expected = pixels[row:row + grid.height, column:column + grid.width]
        differing = int((found != expected).sum())
        if differing:
            raise TaskFailed(f"{differing} of {expected.size} pixels of {image.asset_id} differ from {image.file}",
                             mend="publish again; if it stays so, report it with the run's manifest.json")
    return int(pixels.size)


def csv_of(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows of equal keys as the bytes of a CSV; a mapping (a GeoJSON geometry) becomes JSON text."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows({key: json.dumps(value) if isinstance(value, Mapping) else value for key, value in row.items()}
                     for row in rows)
    return text.getvalue().encode()


def compare_table(engine: Engine, expression: Expression, rows: Sequence[Mapping[str, Any]], key: str) -> int:
    """Read a published table back and compare every property of every row; as `compare_image`.

    Args:
        key: the property that tells rows apart.

    Returns:
        number of rows compared.
    """
    found = {feature["properties"][key]: feature["properties"] for feature in engine.features(expression)}
    expected = {row[key]: {name: value for name, value in row.items() if name != "geometry"} for row in rows}
    lost = sorted(set(expected) - set(found), key=str)
    if lost or len(found) != len(expected):
        raise TaskFailed(f"of {len(expected)} published parcels {len(lost)} are missing and {len(found)} were found",
                         mend="publish again")
    for name, row in expected.items():
        for column, value in row.items():
            if found[name].get(column) != value:
                raise TaskFailed(f"parcel {name!r} has {column} = {found[name].get(column)!r} instead of {value!r}",
                                 mend="publish again; if it stays so, report it with the run's manifest.json")
    return len(expected)


def _midnight(day: date) -> str:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
