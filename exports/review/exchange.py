"""The queue as a file for QGIS or a spreadsheet, and verdicts that come back in one."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from agrispec.errors import ConfigError, CorruptRecord, DataError
from agrispec.formats.atomic import write_files
from agrispec.formats.geoparquet import GEOMETRY
from exports.review import verdicts
from exports.review.queue import Queue, shapes_of
from exports.review.verdicts import ACCEPT, CORRECT, UNDO, Tally, Verdict

_SUFFIXES = (".geojson", ".csv")

_PREDICTED = ("probability", "second_name", "second_probability", "third_name", "third_probability", "entropy",
              "agreement", "area_ha", "pixels")

_SAID = ("verdict", "class", "reviewer", "time")

_NEEDED = ("parcel", "verdict", "class", "reviewer")
"""What a file of verdicts has; of other columns `time` alone is read."""


def check(path: Path) -> None:
    """Checks that a file's ending names a format.

    Raises:
        ConfigError: it does not.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise ConfigError(f"{path} ends in {path.suffix or 'nothing'}", mend=f"name a file {' or '.join(_SUFFIXES)}")


def write(path: Path, queue: Queue, predicted: pd.DataFrame, known: Sequence[Verdict]) -> int:
    """Write a queue and the verdicts that stand, a row a verdict, and one without for a parcel of which nothing stands.

    Columns: `parcel`, `rank`, `predicted`, what is known of it, `lon` and `lat` of a place inside, and the columns
    that `read` takes back: `verdict`, `class`, `reviewer`, `time`. A parcel that does not wait has no rank; a verdict
    on a parcel, or an outline of it, that is not predicted any more comes last, without a place.

    Args:
        queue: what waits.
        predicted: `queue.predicted` of the same run.
        known: all verdicts.

    Returns:
        rows.

    Raises:
        ConfigError: the file's ending names no format. StorageError: it cannot be written.
    """
    check(path)
    season, digests = int(queue.about["season"]), shapes_of(predicted, queue.key)
    stands, gone = verdicts.standing(known, season, digests), verdicts.gone(known, season, digests)
    rank = predicted[queue.key].map(queue.table.set_index(queue.key)["rank"]).astype("Int64")
    shown = predicted.assign(rank=rank)[rank.notna() | predicted[queue.key].isin(stands)]
    table = shown.sort_values("rank", kind="stable", ignore_index=True)
    shapes = shapely.from_wkb(table[GEOMETRY].to_numpy(object))
    inside = shapely.point_on_surface(shapes)
    found = pd.DataFrame({"parcel": table[queue.key], "rank": table["rank"], "predicted": table["class_name"],
                          **{name: table[name] for name in _PREDICTED if name in table.columns},
                          "lon": shapely.get_x(inside).round(6), "lat": shapely.get_y(inside).round(6),
                          "at": range(len(table))}).astype({"pixels": "Int64"})
    at = {parcel: number for number, parcel in enumerate(table[queue.key])}
    placed = [(at[parcel], verdict) for parcel, by in stands.items() for verdict in by.values()]
    said = pd.DataFrame([(number, verdict.parcel, verdict.verdict, verdict.class_name or "", verdict.reviewer,
                          verdict.time) for number, verdict in (*placed, *enumerate(gone, len(table)))],
                        columns=["at", "said of", *_SAID])
    rows = found.merge(said.astype({"at": np.int64}), on="at", how="outer", sort=True)
    rows["parcel"] = rows["parcel"].fillna(rows.pop("said of"))
    rows = rows.fillna({name: "" for name in ("predicted", *_SAID)})
    places = np.append(shapes, np.full(len(gone), None))[rows.pop("at").to_numpy()]
    if path.suffix.lower() == ".csv":
        content = rows.to_csv(index=False)
    else:
        # One property at a time would be slow; a whole row as JSON is not.
        properties = rows.to_json(orient="records", lines=True, force_ascii=False).strip("\n").split("\n")
        content = '{"type": "FeatureCollection", "features": [\n' + ",\n".join(
            f'{{"type": "Feature", "properties": {row}, "geometry": {text or "null"}}}'
            for row, text in zip(properties, shapely.to_geojson(places), strict=True)) + "\n]}\n"
    write_files({path: content.encode()})
    return len(rows)


def read(path: Path, queue: Queue, predicted: pd.DataFrame, class_names: Sequence[str],
         known: tuple[Verdict, ...]) -> tuple[list[Verdict], int]:
    """The verdicts of a file that say something new; rows without a verdict are passed over.

    A row with a time was exported: it is new where it was changed since, and what it was made of stands still. One that
    another log exported is new where its reviewer has said nothing later of that parcel, and keeps its time.

    Args:
        queue, predicted, known: as `write` has them.
        class_names: the classes that may be named.

    Returns:
        the verdicts, and how many rows with one were passed over.

    Raises:
        ConfigError: the file's ending names no format.
        CorruptRecord: it is no such file, or lacks a column.
        DataError: a row is wrong: an unknown parcel, verdict or class, no reviewer; it is named by its number.
    """
    check(path)
    about, names = queue.about, dict(zip(predicted[queue.key], predicted["class_name"], strict=True))
    digests, season = shapes_of(predicted, queue.key), int(about["season"])
    tally = Tally(season, digests)
    lines: dict[str, list[Verdict]] = {}
    for verdict in known:
        tally.add(verdict)
        if verdict.season == season:
            lines.setdefault(verdict.parcel, []).append(verdict)
    found, passed, now = [], 0, verdicts.now()
    for number, row in _rows(path):
        parcel, word, name, reviewer = (row[key].strip() for key in _NEEDED)
        if not word:
            continue
        try:
            time = _time(row.get("time", "").strip())
            if _is_old(word, name, reviewer, time, tally.stands.get(parcel, {}).get(reviewer), lines.get(parcel, ())):
                passed += 1
                continue
            if parcel not in names:
                raise DataError(f"parcel {parcel!r} is none of the predictions", mend="leave the ids as exported")
            if name and name not in class_names:
                raise DataError(f"{name!r} is none of the classes", mend=f"write one of {', '.join(class_names)}")
            if word == ACCEPT and name not in ("", names[parcel]):
                raise DataError(f"it accepts {name}, and {names[parcel]} is predicted",
                                mend=f"write {CORRECT} to name another class")
            foreign = time is not None and not _at(time, lines.get(parcel, ()))
            verdict = Verdict(
                parcel=parcel, verdict=word, class_name=names[parcel] if word == ACCEPT else name or None,
                reviewer=reviewer, time=time.isoformat() if time and foreign else now, season=season,
                model=about["model_digest"], prediction=about["class_digest"], shape=digests[parcel])
        except DataError as error:
            raise DataError(f"row {number} of {path}: {error.message}", mend=error.mend) from error
        found.append(verdict)
        tally.add(verdict)
    return found, passed


def _is_old(word: str, name: str, reviewer: str, time: datetime | None, stands: Verdict | None,
            lines: Sequence[Verdict]) -> bool:
    """Whether a row says what stands of its reviewer, or what they have said otherwise since.

    Args:
        time: of the row.
        lines: all verdicts on its parcel.
    """
    def says(verdict: Verdict) -> bool:
        return verdict.verdict == word and (name == (verdict.class_name or "") or (word == ACCEPT and not name))

    if says(stands) if stands else word == UNDO:
        return True
    mine = [verdict for verdict in lines if verdict.reviewer == reviewer]
    if time is None or (_at(time, lines) and not _at(time, mine)):
        # Typed in, maybe over a row of another reviewer.
        return False
    same = _at(time, mine)
    if same:
        return any(map(says, same)) or stands is None or not _at(time, [stands])
    return any(datetime.fromisoformat(verdict.time) > time for verdict in mine)


def _at(time: datetime, lines: Sequence[Verdict]) -> list[Verdict]:
    """Those of some verdicts that were given at a time."""
    return [verdict for verdict in lines if datetime.fromisoformat(verdict.time) == time]


def _time(text: str) -> datetime | None:
    """A row's time; None where it has none. Raises DataError: it is no time of a zone."""
    if not text:
        return None
    with suppress(ValueError):
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found
    raise DataError(f"its time is {text!r}", mend="leave times as exported, or empty")


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """(number, row): lines of a CSV file from 2, features of a GeoJSON file from 1; texts."""
    try:
        if path.suffix.lower() == ".csv":
            table = pd.read_csv(io.BytesIO(path.read_bytes()), dtype=str, keep_default_na=False)
            rows, first = table.to_dict("records"), 2
        else:
            rows = [dict(feature["properties"]) for feature in json.loads(path.read_bytes())["features"]]
            first = 1
        lost = [name for name in _NEEDED if any(name not in row for row in rows)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptRecord(f"{path} is no table of verdicts ({error})",
                            mend="fill in a file of: agrispec-gee review export") from error
    if lost:
        raise CorruptRecord(f"{path} lacks the column {lost[0]}", mend=f"it needs {', '.join(_NEEDED)}")
    return [(number, {str(key): "" if value is None else str(value) for key, value in row.items()})
            for number, row in enumerate(rows, first)]
