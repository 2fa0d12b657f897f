"""The queue as a file for QGIS or a spreadsheet, and verdicts that come back in one."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import shapely

from agrispec.errors import ConfigError, CorruptRecord, DataError
from agrispec.formats.atomic import write_files
from agrispec.formats.geoparquet import GEOMETRY
from exports.review import verdicts
from exports.review.queue import Queue
from exports.review.verdicts import ACCEPT, CORRECT, UNDO, Standing, Verdict

_SUFFIXES = (".geojson", ".csv")

_PREDICTED = ("probability", "second_name", "second_probability", "third_name", "third_probability", "entropy",
              "agreement", "area_ha", "pixels")

_NEEDED = ("parcel", "verdict", "class", "reviewer")
"""What a file of verdicts has; other columns are not read."""


def check(path: Path) -> None:
    """Checks that a file's ending names a format.

    Raises:
        ConfigError: it does not.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise ConfigError(f"{path} ends in {path.suffix or 'nothing'}", mend=f"name a file {' or '.join(_SUFFIXES)}")


def write(path: Path, queue: Queue, stands: Standing) -> int:
    """Write a queue with what was said of it, a row a verdict, and one without for a parcel of which nothing stands.

    Columns: `parcel`, `rank`, `predicted`, what is known of it, `lon` and `lat` of a place inside, and the columns
    that `read` takes back: `verdict`, `class`, `reviewer`.

    Returns:
        rows.

    Raises:
        ConfigError: the file's ending names no format. StorageError: it cannot be written.
    """
    check(path)
    shapes = shapely.from_wkb(queue.table[GEOMETRY].to_numpy(object))
    inside = shapely.point_on_surface(shapes)
    known = [name for name in _PREDICTED if name in queue.table.columns]
    found = pd.DataFrame({"parcel": queue.table[queue.key], "rank": queue.table["rank"],
                          "predicted": queue.table["class_name"], **{name: queue.table[name] for name in known},
                          "lon": shapely.get_x(inside).round(6), "lat": shapely.get_y(inside).round(6),
                          "at": range(len(queue.table))})
    said = pd.DataFrame([(verdict.parcel, verdict.verdict, verdict.class_name or "", verdict.reviewer)
                         for by in stands.values() for verdict in by.values()], columns=list(_NEEDED), dtype=object)
    rows = found.merge(said, on="parcel", how="left", sort=False).fillna({name: "" for name in _NEEDED})
    at = rows.pop("at").to_numpy()
    if path.suffix.lower() == ".csv":
        content = rows.to_csv(index=False)
    else:
        texts = shapely.to_geojson(shapes[at])
        # One property at a time would be slow; a whole row as JSON is not.
        properties = rows.to_json(orient="records", lines=True, force_ascii=False).splitlines()
        content = '{"type": "FeatureCollection", "features": [\n' + ",\n".join(
            f'{{"type": "Feature", "properties": {known}, "geometry": {text}}}'
            for known, text in zip(properties, texts, strict=True)) + "\n]}\n"
    write_files({path: content.encode()})
    return len(rows)


def read(path: Path, predicted: Mapping[str, str], class_names: Sequence[str], stands: Standing,
         about: Mapping[str, Any]) -> list[Verdict]:
    """The verdicts of a file that say something new; rows without a verdict are passed over.

    Args:
        predicted: parcel -> name of the class that is predicted.
        class_names: the classes that may be named.
        stands: what stands already: a row that says the same is not new.
        about: the queue's `about`.

    Raises:
        ConfigError: the file's ending names no format.
        CorruptRecord: it is no such file, or lacks a column.
        DataError: a row is wrong: an unknown parcel, verdict or class, no reviewer; it is named by its number.
    """
    check(path)
    rows = _rows(path)
    found, time = [], verdicts.now()
    for number, row in rows:
        parcel, word, name, reviewer = (row[key].strip() for key in _NEEDED)
        if not word:
            continue
        try:
            if parcel not in predicted:
                raise DataError(f"parcel {parcel!r} is none of the predictions", mend="leave the ids as exported")
            if name and name not in class_names:
                raise DataError(f"{name!r} is none of the classes", mend=f"write one of {', '.join(class_names)}")
            if word == ACCEPT and name not in ("", predicted[parcel]):
                raise DataError(f"it accepts {name}, and {predicted[parcel]} is predicted",
                                mend=f"write {CORRECT} to name another class")
            verdict = Verdict(
                parcel=parcel, verdict=word, class_name=predicted[parcel] if word == ACCEPT else name or None,
                reviewer=reviewer, time=time, season=int(about["season"]), model=about["model_digest"],
                prediction=about["class_digest"])
        except DataError as error:
            raise DataError(f"row {number} of {path}: {error.message}", mend=error.mend) from error
        had = stands.get(parcel, {}).get(reviewer)
        if had is None and word == UNDO:
            continue
        if had is None or (had.verdict, had.class_name) != (verdict.verdict, verdict.class_name):
            found.append(verdict)
    return found


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """(number, row): lines of a CSV file from 2, features of a GeoJSON file from 1; texts."""
    try:
        if path.suffix.lower() == ".csv":
            table = pd.read_csv(io.BytesIO(path.read_bytes()), dtype=str, keep_default_na=False)
            rows, first = table.to_dict("records"), 2
        else:
            rows = [feature["properties"] for feature in json.loads(path.read_bytes())["features"]]
            first = 1
        lost = [name for name in _NEEDED if any(name not in row for row in rows)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptRecord(f"{path} is no table of verdicts ({error})",
                            mend="fill in a file of: agrispec-gee review export") from error
    if lost:
        raise CorruptRecord(f"{path} lacks the column {lost[0]}", mend=f"it needs {', '.join(_NEEDED)}")
    return [(number, {str(key): "" if value is None else str(value) for key, value in row.items()})
            for number, row in enumerate(rows, first)]
