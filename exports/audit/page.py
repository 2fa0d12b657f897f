"""What an audit found, in words: a few lines for the terminal, a page for the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from exports.audit import days
from exports.audit.agreement import Agreement
from exports.audit.comparison import NOT_RECEIVED, Audit
from exports.audit.contents import REFLECTANCE
from exports.report.tables import Table, piped

_MOST_LINES, _MOST_ROWS = 5, 50
"""Cells or samples named one by one, in the terminal and in a table of the page; files hold the rest."""


def verdict(found: Audit) -> str:
    """Whether all is there, or what is not, in one sentence."""
    if found.complete:
        return f"Complete: the cubes of all {found.expected:,} samples came, each once."
    given_up = int((found.missing["reason"] != NOT_RECEIVED).sum())
    parts = []
    if len(found.missing):
        parts.append(f"of {found.expected:,} samples {len(found.missing):,} have no cube"
                     f"{f' ({given_up:,} of them given up)' if given_up else ''}")
    if len(found.unexpected):
        parts.append(f"{_counted(len(found.unexpected), 'cube')} came that no sample asked for")
    if len(found.duplicates):
        parts.append(f"{_counted(found.duplicates['row'].nunique(), 'cube')} came more than once")
    return f"Not complete: {', '.join(parts)}."


def lines(found: Audit, agreement: Sequence[Agreement]) -> Iterator[str]:
    """The lines for the terminal."""
    yield verdict(found)
    yield from _missing_lines(found)
    if len(found.unexpected):
        yield f"  not asked for: {_records(found.unexpected)}"
    if len(found.duplicates):
        yield f"  more than once: {_records(found.duplicates)}"
    contents = found.contents
    for number, season in enumerate(found.seasons):
        if not contents.cubes[number]:
            yield f"Season {season}: no cube"
            continue
        step = int(contents.worst_steps[number])
        worst = contents.feature_shares[number, step - contents.spec.exported.start]
        yield (f"Season {season}: {contents.window_shares[number]:.1%} of the values in the window are missing,"
               f" {worst:.1%} in its worst step (days {days.spans([step], contents.spec)});"
               f" {_counted(int(contents.never[number]), 'cube')} without one clear look in it")
    yield from _doubts(found)
    if agreement:
        yield _said_of_labels(agreement)


def markdown(found: Audit, agreement: Sequence[Agreement], pictures: Sequence[tuple[str, str]], *,
             simulated: bool) -> str:
    """The page of the report.

    Args:
        found: what it is of.
        agreement: what the label map says; empty where it was not asked.
        pictures: file and description of each picture beside the page.
        simulated: whether the scenes were.
    """
    contents = found.contents
    parts = [verdict(found), "", f"# Export{' (simulated)' if simulated else ''}", ""]
    parts += ["What was expected is `samples.parquet`; what was received are the cubes in `shards/`. `audit.json` has"
              " all numbers, `missing.csv` each sample without a cube.", ""]
    for title, table in _tables(found):
        if len(table) > 1:
            parts += [f"## {title}", "", *piped(table), ""]
    parts += ["## Missing values", "",
              "A feature is missing where its step had no clear look. Days count from the season's first, day 1;"
              f" models see days {days.spans(contents.spec.window, contents.spec)}, the window. Shares are of the cubes"
              " that samples asked for, each as often as it came.", "", *piped(_by_season(found)), ""]
    for number, season in enumerate(found.seasons):
        if contents.blind[number].any():
            steps = np.flatnonzero(contents.blind[number]) + contents.spec.exported.start
            parts += [f"In season {season} no cube has a clear look on days {days.spans(steps, contents.spec)}.", ""]
    parts += [*piped(_by_column(found)), "", f"{_said_of_doubts(found)}.", ""]
    if agreement:
        parts += ["## Labels", "", "What the label map says at the samples of the source seasons, read again. The"
                  " target season's labels stay closed.", "", *piped(_labels(agreement)), ""]
    for file, described in pictures:
        parts += [f"![{described}]({file})", "", described + ".", ""]
    return "\n".join(parts)


def _tables(found: Audit) -> Iterator[tuple[str, Table]]:
    by_season = found.cells.groupby("season")[["expected", "received"]].sum().reset_index()
    yield "By season", _compared(by_season, ["season"])
    yield "By class", _compared(found.classes, ["season", "class"])
    lacking = _lacking(found.cells)
    yield f"Cells that lack a cube{_first(len(lacking))}", _compared(lacking.head(_MOST_ROWS), ["season", "cell"])
    reasons = found.missing["reason"].value_counts()
    yield "Why samples have no cube", [["reason", "samples"], *(
        [str(reason), f"{count:,}"] for reason, count in reasons.items())]
    for title, records in (("Cubes that no sample asked for", found.unexpected),
                           ("Cubes that came more than once", found.duplicates)):
        yield f"{title}{_first(len(records))}", [["row", "file"], *(
            [str(row), file] for row, file in records.head(_MOST_ROWS).itertuples(index=False, name=None))]


def _compared(counts: pd.DataFrame, by: list[str]) -> Table:
    rows = counts[[*by, "expected", "received"]].itertuples(index=False, name=None)
    return [[*by, "expected", "received", "missing"], *(
        [*map(str, of), f"{expected:,}", f"{received:,}", f"{expected - received:,}"]
        for *of, expected, received in rows)]


def _lacking(counts: pd.DataFrame) -> pd.DataFrame:
    """Those of which a sample is missing, the most missing first."""
    lost = counts["expected"] - counts["received"]
    return counts[lost > 0].iloc[np.argsort(-lost[lost > 0].to_numpy(), kind="stable")]


def _by_season(found: Audit) -> Table:
    contents = found.contents
    head = ["season", "cubes", "missing, year", "missing, window", "worst step of the window", "steps nobody saw",
            "cubes without a clear look in the window"]
    warmth = contents.unknown_warmth
    rows = []
    for number, season in enumerate(found.seasons):
        if not contents.cubes[number]:
            rows.append([str(season), "0", *["-"] * (len(head) - 2 + (warmth is not None))])
            continue
        step = int(contents.worst_steps[number])
        worst = contents.feature_shares[number, step - contents.spec.exported.start]
        rows.append([str(season), f"{contents.cubes[number]:,}", f"{contents.feature_shares[number].mean():.1%}",
                     f"{contents.window_shares[number]:.1%}",
                     f"{worst:.1%} on days {days.spans([step], contents.spec)}",
                     f"{contents.blind[number].sum()} of {contents.spec.shape[0]}", f"{contents.never[number]:,}",
                     *([] if warmth is None else [f"{warmth[number]:.1%}"])])
    return [[*head, *([] if warmth is None else ["growing degree days unknown"])], *rows]


def _by_column(found: Audit) -> Table:
    contents = found.contents
    seen = [number for number in range(len(found.seasons)) if contents.cubes[number]]
    shares = contents.shares.mean(axis=1)
    return [["column", *(f"missing {found.seasons[number]}" for number in seen), "not finite", "implausible"], *(
        [name, *(f"{shares[number, column]:.1%}" for number in seen), f"{contents.not_finite[column]:,}",
         f"{contents.outside[column]:,}"] for column, name in enumerate(contents.spec.columns))]


def _labels(agreement: Sequence[Agreement]) -> Table:
    return [["class", "asked", "the same", "another class", "unknown"], *(
        [row.name, f"{row.asked:,}", f"{row.agreeing:,}", f"{row.other:,}", f"{row.unknown:,}"] for row in agreement)]


def _missing_lines(found: Audit) -> Iterator[str]:
    lacking = _lacking(found.cells)
    for season, cell, expected, received in lacking.head(_MOST_LINES).itertuples(index=False, name=None):
        yield f"  season {season}, {cell}: {expected - received:,} of {expected:,} missing"
    if len(lacking) > _MOST_LINES:
        yield f"  and {_counted(len(lacking) - _MOST_LINES, 'other cell')}"
    short = _lacking(found.classes)
    for season in short["season"].unique().tolist():
        counts = short.loc[short["season"] == season, ["class", "expected", "received"]]
        yield f"  season {season}, by class: " + ", ".join(
            f"{name} {expected - received:,}" for name, expected, received in counts.itertuples(index=False, name=None))


def _records(records: pd.DataFrame) -> str:
    """How many rows came in which files, those that came in the same ones together."""
    files: Counter[str] = Counter(records.drop_duplicates().groupby("row")["file"].agg(" and ".join))
    shown = files.most_common(_MOST_LINES)
    others = files.total() - sum(count for _, count in shown)
    return "; ".join(f"{count:,} in {names}" for names, count in shown) + (f"; {others:,} in others" if others else "")


def _doubts(found: Audit) -> Iterator[str]:
    if found.contents.not_finite.any() or found.contents.outside.any():
        yield _said_of_doubts(found)


def _said_of_doubts(found: Audit) -> str:
    contents = found.contents
    low, high = REFLECTANCE
    where = ", ".join(f"{name} {count:,}" for name, count in zip(contents.spec.columns, contents.outside, strict=True)
                      if count)
    return (f"{_counted(int(contents.not_finite.sum()), 'value')} not finite,"
            f" {_counted(int(contents.outside.sum()), 'reflectance')} implausible, outside of {low:g} to {high:g}"
            f"{f' ({where})' if where else ''}")


def _said_of_labels(agreement: Sequence[Agreement]) -> str:
    asked, agreeing, unknown = (sum(getattr(row, name) for row in agreement)
                                for name in ("asked", "agreeing", "unknown"))
    text = f"Labels: {agreeing:,} of {asked:,} are what the label map says"
    if agreeing == asked:
        return text
    worst = min((row for row in agreement if row.asked), key=lambda row: row.agreeing / row.asked)
    return (f"{text}, {unknown:,} are unknown to it; the worst class is {worst.name}, {worst.agreeing:,} of"
            f" {worst.asked:,}")


def _first(count: int) -> str:
    return f", the first {_MOST_ROWS} of {count:,}" if count > _MOST_ROWS else ""


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
