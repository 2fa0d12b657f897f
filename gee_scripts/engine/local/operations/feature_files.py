"""Features as files and as table assets.

TFRecord: one GZIP file; numbers as float32 lists, arrays flattened row-major, strings as bytes, no geometry, a
property that a feature lacks is a key its record lacks. https://developers.google.com/earth-engine/guides/tfrecord
CSV: `system:index` first and `.geo` last unless selectors say otherwise.
https://developers.google.com/earth-engine/guides/exporting_tables
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import shapely

from agrispec.errors import EngineError
from agrispec.formats import example
from agrispec.formats.atomic import write_files
from gee_scripts.engine.local.language.encode import as_json
from gee_scripts.engine.local.operations.staging import Staging
from gee_scripts.engine.local.operations.tasks import Progress
from gee_scripts.engine.local.type_names import type_name
from gee_scripts.engine.local.values import SYSTEM_INDEX, Collection, Date, Feature, geometry_of

ENDINGS = {"TF_RECORD_TABLE": ".tfrecord.gz", "CSV": ".csv", "GEO_JSON": ".geojson"}
"""Format -> what follows the prefix in the name of its file."""

GEOMETRY_COLUMN = ".geo"
_ROWS_A_BATCH = 1024


def as_features(value: Any) -> list[Feature]:
    """The features of a graph's value; nested collections are laid flat.

    Raises:
        EngineError: it is not a feature collection.
    """
    if isinstance(value, Feature):
        return [value]
    if not isinstance(value, Collection):
        raise EngineError(f"Expression does not evaluate to a feature collection, but to {type_name(value)}",
                          mend="give an ee.FeatureCollection")
    found: list[Feature] = []
    for item in value.items:
        if isinstance(item, Collection):
            found += as_features(item)
        elif isinstance(item, Feature):
            found.append(item)
        else:
            # An image exports as the feature of its footprint.
            found.append(Feature(geometry=geometry_of(item), properties=item.properties))
    return found


def plain(name: str, value: Any) -> str | int | float | list[Any] | None:
    """A property as files hold it: dates as milliseconds, arrays as lists.

    Raises:
        EngineError: it is something that no file can hold.
    """
    if value is None or isinstance(value, str | int | float):
        return int(value) if isinstance(value, bool) else value
    if isinstance(value, Date):
        return value.milliseconds
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()  # type: ignore[no-any-return]
    if isinstance(value, list | tuple):
        return [plain(name, item) for item in value]
    raise EngineError(f"Property '{name}' of type {type_name(value)} cannot be exported",
                      mend="select other properties, or convert it to numbers or strings")


def columns_of(features: Sequence[Feature], selectors: Sequence[str]) -> list[str]:
    """The properties to write: those selected, else all that any feature has, in alphabetical order."""
    if selectors:
        return list(selectors)
    names = {name for feature in features for name, value in feature.properties.items() if value is not None}
    return sorted(name for name in names if not name.startswith("system:"))


def write_tfrecord(features: Sequence[Feature], selectors: Sequence[str], staging: Staging, prefix: str,
                   progress: Progress) -> None:
    """One GZIP TFRecord file, a record a feature, keys in the order of the selectors; of a feature without any of them
    the record is empty."""
    batches = _record_batches(features, columns_of(features, selectors), progress)
    example.write_batches(staging.path(prefix + ENDINGS["TF_RECORD_TABLE"]), batches, gzip=True)


def _record_batches(features: Sequence[Feature], names: Sequence[str],
                    progress: Progress) -> Iterator[dict[str, Any] | int]:
    """Columns of features that follow each other and have the same keys and lengths; or how many have no keys."""
    held: list[dict[str, Any]] = []
    form: tuple[Any, ...] = ()
    for place, feature in enumerate(features):
        record = _record(feature, names)
        found = tuple((name, len(values), isinstance(values, list)) for name, values in record.items())
        if held and (found != form or len(held) == _ROWS_A_BATCH):
            progress.check(place / len(features))
            yield _columns(held)
            held = []
        form = found
        held.append(record)
    if held:
        yield _columns(held)


def _record(feature: Feature, names: Sequence[str]) -> dict[str, Any]:
    """Name -> float32 array, or list of strings, of the properties a feature has."""
    record: dict[str, Any] = {}
    for name in names:
        value = feature.properties.get(name)
        if value is None:
            continue
        if not isinstance(value, np.ndarray):
            value = plain(name, value)
        if isinstance(value, str):
            record[name] = [value]
        elif isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            record[name] = value
        else:
            try:
                record[name] = np.asarray(value, np.float32).reshape(-1)
            except (TypeError, ValueError) as error:
                raise EngineError(f"Property '{name}' is neither a string, a number nor an array of one kind",
                                  mend="select other properties, or convert it") from error
    return record


def _columns(records: Sequence[Mapping[str, Any]]) -> dict[str, Any] | int:
    if not records[0]:
        return len(records)
    columns: dict[str, Any] = {}
    for name, first in records[0].items():
        values = [record[name] for record in records]
        columns[name] = np.array(values, object) if isinstance(first, list) else np.stack(values)
    return columns


def csv_text(features: Sequence[Feature], selectors: Sequence[str]) -> str:
    """CSV with a header; lists and geometries as JSON, nothing where a property is absent."""
    names = list(selectors) or [SYSTEM_INDEX, *columns_of(features, ()), GEOMETRY_COLUMN]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for feature in features:
        writer.writerow([_cell(feature, name) for name in names])
    return text.getvalue()


def write_csv(features: Sequence[Feature], selectors: Sequence[str], staging: Staging, prefix: str) -> None:
    """A CSV file in UTF-8."""
    write_files({staging.path(prefix + ENDINGS["CSV"]): csv_text(features, selectors).encode()})


def _cell(feature: Feature, name: str) -> str:
    if name == GEOMETRY_COLUMN:
        return json.dumps(geojson(feature)) if feature.geometry else ""
    value = plain(name, feature.properties.get(name))
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, list) else str(value)


def geojson(feature: Feature) -> dict[str, Any] | None:
    """A feature's geometry as GeoJSON in degrees."""
    if feature.geometry is None:
        return None
    found: dict[str, Any] = json.loads(shapely.to_geojson(feature.geometry.degrees))
    return found


def geojson_text(features: Sequence[Feature], selectors: Sequence[str]) -> str:
    """GeoJSON: a FeatureCollection in degrees."""
    names = columns_of(features, selectors)
    return as_json({"type": "FeatureCollection", "features": [as_geojson(feature, names) for feature in features]})


def write_geojson(features: Sequence[Feature], selectors: Sequence[str], staging: Staging, prefix: str) -> None:
    """A GeoJSON file."""
    write_files({staging.path(prefix + ENDINGS["GEO_JSON"]): geojson_text(features, selectors).encode()})


def as_geojson(feature: Feature, names: Sequence[str]) -> dict[str, Any]:
    """A feature as GeoJSON with the properties named that it has."""
    found: dict[str, Any] = {"type": "Feature", "geometry": geojson(feature), "properties": {
        name: plain(name, feature.properties[name]) for name in names if feature.properties.get(name) is not None}}
    if SYSTEM_INDEX in feature.properties:
        found["id"] = str(feature.properties[SYSTEM_INDEX])
    return found


def table_rows(features: Sequence[Feature], selectors: Sequence[str]) -> \
        tuple[list[dict[str, Any]], list[bytes | None]]:
    """Properties and WKB geometries in degrees of features, as a table asset keeps them."""
    names = columns_of(features, selectors)
    rows = [{name: plain(name, value) for name in (SYSTEM_INDEX, *names)
             if (value := feature.properties.get(name)) is not None} for feature in features]
    geometries = [None if feature.geometry is None else bytes(shapely.to_wkb(feature.geometry.degrees))
                  for feature in features]
    return rows, geometries
