"""Table manifests to table assets: CSV files with coordinates or geometries.

https://developers.google.com/earth-engine/guides/table_manifest
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import shapely

from agrispec.errors import DataError, StorageError
from agrispec.formats.asset_tree import AssetTree
from gee_scripts.engine.local.assets import Assets
from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.tasks import Progress, Work

# Columns that hold a geometry, in the order they are looked for; the manifest may name another one.
_GEOMETRIES = ("geometry", ".geo", "WKT", "wkt")
# Rows between two looks at whether to go on.
_ROWS = 10_000


def table_work(body: Mapping[str, Any], tree: AssetTree, assets: Assets) -> Work:
    """The work of a table:import request.

    Raises:
        Refusal: the manifest cannot be served, or its asset exists.
    """
    manifest, overwrite = body.get("tableManifest") or {}, bool(body.get("overwrite"))
    sources = manifest.get("sources") or []
    if len(sources) != 1 or not sources[0].get("uris"):
        raise Refusal(400, "Table manifest must have one source with uris.")
    source, uris = sources[0], sources[0]["uris"]
    if len(uris) != 1 or not uris[0].lower().endswith(".csv"):
        raise Refusal(400, f"The local engine ingests tables from one CSV file, not from {', '.join(uris)}.")
    asset_id = assets.free_name(manifest.get("name", ""), overwrite=overwrite)

    def work(progress: Progress) -> Sequence[str]:
        names, rows = _read(uris[0], source, tree, progress)
        geometry = _geometry_column(source, names)
        x, y = source.get("xColumn", "longitude"), source.get("yColumn", "latitude")
        points = geometry is None and x in names and y in names
        geometries: list[bytes | None] = []
        for number, row in enumerate(rows, start=2):
            if number % _ROWS == 0:
                progress.check(number / len(rows))
            if points:
                geometries.append(_point(row[x], row[y], f"{uris[0]}, line {number}"))
            else:
                geometries.append(_shape(row[geometry], f"{uris[0]}, line {number}") if geometry else None)
        kinds = manifest.get("columnDataTypeOverrides") or {}
        columns = {name: _typed([row[name] for row in rows], kinds.get(name)) for name in names if name != geometry}
        properties = [{name: column[i] for name, column in columns.items()} for i in range(len(rows))]
        tree.write_table(asset_id, properties=properties, geometries=geometries, overwrite=overwrite,
                         asset_properties=manifest.get("properties") or {})
        return [asset_id]

    return work


def _read(uri: str, source: Mapping[str, Any], tree: AssetTree, progress: Progress) -> \
        tuple[list[str], list[dict[str, str]]]:
    """Header and rows of a CSV file.

    Raises:
        DataError: it has no header, or a row of another length.
        StorageError: it cannot be read.
    """
    path = tree.existing_object(uri)
    progress.check(0.0)
    try:
        with path.open(encoding=source.get("charset") or "utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=source.get("csvDelimiter", ","),
                                quotechar=source.get("csvQualifier", '"'))
            names = next(reader, [])
            rows = []
            for values in reader:
                if len(values) != len(names):
                    raise DataError(f"{uri}, line {reader.line_num}: {len(values)} values for {len(names)} columns",
                                    mend="give every row one value a column")
                rows.append(dict(zip(names, values, strict=True)))
    except (LookupError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{uri} cannot be read as CSV: {error}", mend="save it as CSV in UTF-8") from error
    except OSError as error:
        raise StorageError(f"{uri} could not be read: {error}", mend="check the bucket") from error
    if not names or len(set(names)) < len(names):
        raise DataError(f"{uri} has no header, or two columns of one name", mend="name each column once, in line 1")
    return names, rows


def _geometry_column(source: Mapping[str, Any], names: Sequence[str]) -> str | None:
    wanted = source.get("primaryGeometryColumn")
    if wanted is not None and wanted not in names:
        raise DataError(f"there is no column {wanted!r}", mend=f"name one of {', '.join(names)}")
    return wanted or next((name for name in _GEOMETRIES if name in names), None)


def _point(x: str, y: str, place: str) -> bytes:
    try:
        return bytes(shapely.to_wkb(shapely.Point(float(x), float(y))))
    except ValueError as error:
        raise DataError(f"{place}: {x!r}, {y!r} are not coordinates", mend="give degrees, longitude first") from error


def _shape(text: str, place: str) -> bytes | None:
    if not text.strip():
        return None
    try:
        shape = shapely.from_geojson(text) if text.lstrip().startswith("{") else shapely.from_wkt(text)
    except shapely.GEOSException as error:
        raise DataError(f"{place}: the geometry cannot be read: {error}",
                        mend="write it as WKT or GeoJSON in degrees, longitude first") from error
    return bytes(shapely.to_wkb(shape))


# https://developers.google.com/earth-engine/reference/rest/Shared.Types/ColumnDataType
_TYPES: Mapping[str, Callable[[str], Any]] = {"COLUMN_DATA_TYPE_STRING": str, "COLUMN_DATA_TYPE_NUMERIC": float,
                                              "COLUMN_DATA_TYPE_LONG": int}


def _typed(values: Sequence[str], kind: str | None) -> list[Any]:
    """A column of the type that is asked for, else of numbers where all of its values are numbers, else of strings;
    nothing where empty."""
    if kind in _TYPES:
        try:
            return [_TYPES[kind](text) if text else None for text in values]
        except ValueError as error:
            raise DataError(f"a value is not of the type {kind}: {error}",
                            mend="correct the column, or leave its type out") from error
    found: list[Any] = []
    for value in values:
        try:
            number = float(value) if value.strip() else None
        except ValueError:
            return [text or None for text in values]
        if number is not None and not math.isfinite(number):
            return [text or None for text in values]
        found.append(number)
    if all(text.strip().lstrip("+-").isdecimal() for text in values if text.strip()):
        # Codes such as "0123" would lose their zero as numbers.
        if any(len(digits := text.strip().lstrip("+-")) > 1 and digits.startswith("0") for text in values):
            return [text or None for text in values]
        return [None if number is None else int(number) for number in found]
    return found

