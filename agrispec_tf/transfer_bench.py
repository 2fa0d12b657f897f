"""Many transfers, kept one by one in a folder, and the table of them beside the published figures."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from agrispec.errors import ConfigError, CorruptRecord, DataError
from agrispec.formats.atomic import write_files
from agrispec_tf import cropglobe, transfer
from agrispec_tf.cropglobe import CLASSES, Figure, Table
from agrispec_tf.transfer import METHODS, Row, Settings, View
from exports import manifest

RUNS, ROWS, TABLE = "runs", "rows.csv", "table.json"
"""What a folder of a bench holds: a file a trained model, all rows, and their means."""

WINDOWS = (View(), View(step_days=15), View(step_days=30), View(first_day=1, last_day=365))
"""Of the window experiments: steps of 5, 15 and 30 days from May to November, and 5 days all year."""

PUBLISHED_WINDOWS = (
    "Published, France to Belgium (seed v1, Fig. 10a): 5-day steps do better than 15- and 30-day ones, which lose"
    " about 2-4 points.",
    "Published (seed v1, Fig. 10b): May to November does better than January to December for transfer.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """One line of the table: the runs of a model on a target.

    Attributes:
        row: one of the runs, for its names and settings.
        seeds: of the runs.
        accuracy, macro_f1, weighted_f1: mean and population standard deviation, 0 ... 1.
        confusion: summed over the runs, by code, rows the truth.
    """

    row: Row
    seeds: tuple[int, ...]
    accuracy: tuple[float, float]
    macro_f1: tuple[float, float]
    weighted_f1: tuple[float, float]
    confusion: list[list[int]]


class Bench:
    """Transfers of the files in a folder, and the folder that keeps their rows.

    Args:
        data: folder of the downloaded CropGlobe.
        folder: of the rows; those of other settings or other files may lie in it and stay.
        settings: of all runs but for the view.
    """

    def __init__(self, data: Path, folder: Path, settings: Settings) -> None:
        self._data, self.folder, self._settings = data, folder, settings
        self._tables: dict[tuple[str, str], Table] = {}
        self._digests: dict[Path, str] = {}

    def table(self, country: str, kind: str = "series") -> Table:
        """A country's file, read once.

        Raises: as `cropglobe.read`.
        """
        if (country, kind) not in self._tables:
            self._tables[country, kind] = cropglobe.read(self._data, country, kind)
        return self._tables[country, kind]

    def told(self) -> list[str]:
        """One line a file that was read."""
        return [table.told() for _, table in sorted(self._tables.items())]

    def rows(self, transfers: Sequence[tuple[str, str]], models: Sequence[str], seeds: Sequence[int],
             views: Sequence[View] = (View(),), tell: Callable[[str], None] = lambda done: None) -> list[Row]:
        """The rows of some transfers, models and seeds: those that are kept, and the others after they are made.

        A model is trained once a seed for all targets of its source, and its rows are kept at once.

        Args:
            transfers: (source, target).
            models: names of `transfer.METHODS`.
            seeds: a run each.
            views: what the models see.
            tell: told before each run.

        Raises:
            ConfigError: no such model, or views are asked of one that reads vectors.
            CorruptRecord: a file of the folder is not a run.
            StorageError: rows cannot be kept.
            DataError, SchemaMismatch: a file cannot be used.
        """
        for model in models:
            if transfer.method_of(model).kind != "series" and tuple(views) != (View(),):
                raise ConfigError(f"{model} reads vectors, which have no steps", mend="leave it out, or use cropglobe")
        sources = tuple(dict.fromkeys(source for source, _ in transfers))
        works = [(seed, view, model, source) for seed in seeds for view in views for model in models
                 for source in sources]
        # Files that are not there or not right are found before hours are spent.
        for model in models:
            for country in dict.fromkeys(country for pair in transfers for country in pair):
                self.table(country, METHODS[model].kind)
        found: list[Row] = []
        for number, (seed, view, model, source) in enumerate(works, start=1):
            targets = [target for where, target in transfers if where == source]
            settings = replace(self._settings, view=view)
            tell(f"run {number} of {len(works)}: {model}, seed {seed}, {source} to {', '.join(targets)}")
            found += self._run(model, source, targets, seed, settings)
        return found

    def _run(self, model: str, source: str, targets: Sequence[str], seed: int, settings: Settings) -> list[Row]:
        kind = METHODS[model].kind
        digests = {country: self._digest(self.table(country, kind).path) for country in (source, *targets)}
        made_by = {"model": model, "source": source, "seed": seed, "source_file": digests[source],
                   **asdict(settings), "augmentation": settings.augmentation_of(METHODS[model])}
        key = hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()[:12]
        path = self.folder / RUNS / f"{model}-{source}-{seed}-{key}.json"
        kept = _kept(path) if path.exists() else {}
        kept = {country: entry for country, entry in kept.items()
                if entry["file"] == digests.get(country, entry["file"])}
        missing = [country for country in targets if country not in kept]
        if missing:
            training = path.with_suffix(".training")
            made = transfer.run(model, self.table(source, kind), [self.table(country, kind) for country in missing],
                                seed, settings, training)
            kept |= {row.target: {"file": digests[row.target], "row": asdict(row)} for row in made}
            written = {"made_by": made_by, "versions": manifest.versions(), "targets": kept}
            write_files({path: (json.dumps(written) + "\n").encode()})
            shutil.rmtree(training, ignore_errors=True)
        return [Row(**kept[country]["row"]) for country in targets]

    def _digest(self, path: Path) -> str:
        if path not in self._digests:
            self._digests[path] = manifest.digest(path)
        return self._digests[path]


def report(bench: Bench, rows: Sequence[Row], settings: Settings, seeds: int, *, views: bool = False) -> str:
    """Writes the rows and their means into the bench's folder; what a reader sees: notes, table, published figures.

    Raises:
        StorageError: they cannot be written.
    """
    lines = means(rows)
    dropped = dict.fromkeys((row.source, row.target, row.dropped) for row in rows if row.dropped)
    said = [*bench.told(), *(f"{source} to {target}: {count} samples of {target} left out, whose class {source} does"
                             " not have" for source, target, count in dropped), *notes(settings, seeds)]
    if views:
        said.append("Steps of more than 5 days are medians of the files' 5-day medians, not of the looks. A window has"
                    " every step that its days touch.")
    write(bench.folder, rows, lines, said)
    published = (list(PUBLISHED_WINDOWS) if views else
                 ["Published by others, none of it computed here (accuracy, %):", *others(lines)])
    return "\n".join([*said, "", text(lines, views=views), "", *published])


def means(rows: Sequence[Row]) -> list[Mean]:
    """The lines of the table: transfer by transfer, each with its models, in the order in which they first come."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    pairs = list(dict.fromkeys((row.source, row.target) for row in rows))
    for row in sorted(rows, key=lambda row: pairs.index((row.source, row.target))):
        groups.setdefault((row.source, row.target, row.model, row.step_days, row.first_day, row.last_day),
                          []).append(row)
    return [Mean(row=group[0], seeds=tuple(row.seed for row in group), accuracy=_mean(group, "accuracy"),
                 macro_f1=_mean(group, "macro_f1"), weighted_f1=_mean(group, "weighted_f1"),
                 confusion=sum((row.counts for row in group[1:]), group[0].counts).counts.tolist())
            for group in groups.values()]


def transfers(present: Sequence[str], sources: Sequence[str] = (),
              targets: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Which (source, target) to compute: the published scenarios, or every one of what was asked for.

    Args:
        present: countries whose files are there.
        sources: countries; with targets alone, France.
        targets: countries; with sources alone, all that are there.

    Raises:
        ConfigError: no country of CropGlobe has such a code.
        DataError: no file for any of them is there.
    """
    strange = [country for country in (*sources, *targets) if country not in cropglobe.COUNTRIES]
    if strange:
        raise ConfigError(f"CropGlobe has no country {strange[0]!r}",
                          mend=f"use one of {', '.join(cropglobe.COUNTRIES)}")
    if sources or targets:
        found = [(source, target) for source in sources or ("FRA",) for target in targets or present
                 if source != target]
    else:
        found = [pair for pairs in cropglobe.SCENARIOS.values() for pair in pairs if set(pair) <= set(present)]
    if not found:
        raise DataError(f"there is no transfer between the countries whose files are there:"
                        f" {', '.join(present) or 'none'}",
                        mend="give the folder of the downloaded CropGlobe, or other countries as --source and --target")
    return found


def notes(settings: Settings, seeds: int) -> list[str]:
    """What a reader of the table has to know."""
    said = ["Series are used as they are: the files do not say their unit."]
    if settings.reference:
        said.append("PROTOCOL reference: as the released trainer does, all source samples train and the same samples,"
                    " not varied, choose the epoch. This validation is a leak: it says nothing about unseen samples.")
    else:
        said.append("Protocol honest: a random fifth of each class of the source is kept from training and chooses the"
                    " epoch. The files hold no places, so it cannot be blocked in space. Targets choose nothing.")
    changed = [f"{seeds} of {len(transfer.SEEDS)} seeds" if seeds < len(transfer.SEEDS) else "",
               f"epochs {settings.epochs} instead of 50" if settings.epochs not in (None, 50) else "",
               f"at most {settings.limit} samples a country" if settings.limit else ""]
    if any(changed):
        said.append(f"NOT the published protocol: {', '.join(filter(None, changed))}.")
    return said


def text(lines: Sequence[Mean], *, views: bool = False) -> str:
    """The table. Scores are percent, mean ± population standard deviation over the runs, if there are several."""
    head = ["transfer", "model", "varied", *(["step", "days"] if views else []), "runs", "accuracy %", "macro-F1 %",
            "weighted F1 %", *([] if views else ["published accuracy %"])]
    cells = [head]
    for line in lines:
        row = line.row
        cells.append([f"{row.source} to {row.target}", row.model, row.augmentation,
                      *([f"{row.step_days} d", f"{row.first_day}-{row.last_day}"] if views else []),
                      str(len(line.seeds)), *(_percent(score, len(line.seeds))
                                                for score in (line.accuracy, line.macro_f1, line.weighted_f1)),
                      *([] if views else ["; ".join(f"{figure.accuracy} [{figure.tag}]" for figure in beside(row))
                                          or "-"])])
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    drawn = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([drawn[0], "-" * len(drawn[0]), *drawn[1:]])


def beside(row: Row) -> list[Figure]:
    """The published figures that a row can be compared with."""
    return [figure for figure in cropglobe.PUBLISHED
            if (figure.source, figure.target, figure.model) == (row.source, row.target, row.model)
            and figure.augmented in (None, row.augmentation != "none")]


def others(lines: Sequence[Mean]) -> list[str]:
    """Published figures of the same transfers that stand beside no row."""
    shown = {figure for line in lines for figure in beside(line.row)}
    said = []
    for source, target in dict.fromkeys((line.row.source, line.row.target) for line in lines):
        for figure in cropglobe.PUBLISHED:
            if (figure.source, figure.target) == (source, target) and figure not in shown:
                varied = {True: ", varied", False: ", not varied", None: ""}[figure.augmented]
                what = ", ".join(filter(None, (figure.model, figure.what)))
                said.append(f"{source} to {target}: {figure.accuracy} ({what}{varied}) [{figure.tag}]")
    kinds = [kind for kind, pairs in cropglobe.SCENARIOS.items()
             if any((line.row.source, line.row.target) in pairs for line in lines)]
    return said + [f"{kind} transfers: {cropglobe.RANGES[kind]} (2-D CropNet, varied) [seed v1]" for kind in kinds]


def write(folder: Path, rows: Sequence[Row], lines: Sequence[Mean], said: Sequence[str]) -> None:
    """Writes rows.csv, a row a run and target, and table.json, the means with confusions summed over runs.

    Raises:
        StorageError: they cannot be written.
    """
    table = [{**{name: value for name, value in asdict(line).items() if name != "row"},
              **{name: getattr(line.row, name) for name in ("source", "target", "model", "protocol", "augmentation",
                                                            "step_days", "first_day", "last_day", "epochs", "limit",
                                                            "samples", "dropped")},
              "published": [asdict(figure) for figure in beside(line.row)]} for line in lines]
    names = [field.name for field in fields(Row) if field.name != "confusion"]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([getattr(row, name) for name in names] for row in rows)
    content = {"notes": list(said), "classes": CLASSES, "lines": table}
    write_files({folder / ROWS: file.getvalue().encode(),
                 folder / TABLE: (json.dumps(content, indent=2) + "\n").encode()})


def _kept(path: Path) -> dict[str, dict[str, Any]]:
    try:
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))["targets"]
        for entry in found.values():
            Row(**entry["row"])
            entry["file"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptRecord(f"{path} is not a run of this bench", mend="remove it, and it is made again") from error
    return dict(found)


def _mean(rows: Sequence[Row], name: str) -> tuple[float, float]:
    scores = [getattr(row, name) for row in rows]
    return float(np.mean(scores)), float(np.std(scores))


def _percent(score: tuple[float, float], runs: int) -> str:
    return f"{100 * score[0]:.2f}" + (f" ± {100 * score[1]:.2f}" if runs > 1 else "")
