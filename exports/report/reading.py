"""What the stages of a run left, read once for a report. Nothing here is computed anew but curves of the shards."""

from __future__ import annotations

import csv
import functools
import itertools
import json
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from agrispec.config import Config
from agrispec.errors import ConfigError, CorruptRecord
from agrispec.formats import geotiff
from exports import manifest, predictions
from exports.inspection import series
from exports.inspection.series import Curves
from exports.review import queue, verdicts
from exports.review.log import Log
from exports.runs import MODEL_CARD, PREDICTION_CARD, Run

PROTOCOLS = ("spatial-cv", "leave-one-region-out", "leave-one-season-out", "in-season")
"""Folders below `report/` in which `evaluate --protocol` leaves its tables."""

AREAS = "areas.json"
AREA, USERS, PRODUCERS, OVERALL = "area", "user's accuracy", "producer's accuracy", "overall accuracy"
"""What its estimates measure: the last once, the others of each class."""

# What sections take out of the files, "a.b" for b within a.
_OF_AUDIT = ("complete", "missing", "expected", "received", "cells", "classes", "reasons", "contents.cube",
             "contents.seasons", "labels")
_OF_SCORES = ("samples", "overall_accuracy", "macro_f1")
_OF_TRUST = ("reliability.ece", "reliability.confidence", "reliability.accuracy", "reliability.samples",
             "review.threshold", "review.coverage", "review.standing", "review.precision", "review.precision_95")
_OF_PROTOCOL = ("protocol", "seasons", "seeds", "models", "groups", "overall")
_OF_CARD = ("pixels", "unseen", "masked")
_OF_AREAS = ("class_digest", "counted_ha", "unseen_ha", "sample.file", "sample.units", "estimates")

_TRAIN = "train "
"""How the manifest begins the names of what `train` does."""

_PIXELS = 640
"""Pixels along a map's longer side that a report shows at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """How a model did on held-out samples of known class.

    Attributes:
        totals: `samples`, `overall_accuracy` and `macro_f1`.
        names: C class names.
        counts: (C, C) samples, rows the truth, columns the prediction.
        cells: by 0.1 degree cell, samples and how many were right; empty in runs of earlier versions.
        trust: what probabilities were worth, `agrispec_tf.trust.Trust.table`.
    """

    totals: Mapping[str, Any]
    names: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    cells: Mapping[str, tuple[int, int]]
    trust: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """How far the review of parcels is.

    Attributes:
        queued: parcels that wait, or waited, for a person; None where no queue was made.
        stale: whether the queue is of other parcels than the predictions have by now.
        verdicts: by reviewer, how many of each kind stand; what was taken back does not count.
        disagreed: parcels that reviewers give different classes.
    """

    queued: int | None
    stale: bool
    verdicts: Mapping[str, Mapping[str, int]]
    disagreed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """A map, thinned to what a page shows.

    Attributes:
        classes: (row, column) class numbers, `NO_CLASS` where there is none.
        probability: (row, column) of the class, 0 to 1; below 0 where there is none.
        pixel_m: side of one of the map's own pixels, metres.
        shape: (rows, columns) of the map's own pixels.
    """

    classes: NDArray[np.uint8]
    probability: NDArray[np.float32]
    pixel_m: float
    shape: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """Everything that a report of a run is made of; None, or empty, where a stage has not been done.

    Attributes:
        run: the run.
        config: its configuration.
        stages: of its manifest, by name.
        simulated: whether any of its scenes is.
        audit: `report/export/audit.json`.
        curves: series of its cubes, by season and class.
        held_out: by model, on held-out cells of the source seasons.
        target: by model, on held-out cells of the target season.
        protocols: by name, `metrics.json` of what `evaluate --protocol` found.
        card: `prediction.json`.
        picture: the map.
        review: of its parcels.
        areas: `report/areas.json`.
    """

    run: Run
    config: Config
    stages: Mapping[str, Any]
    simulated: bool
    audit: Mapping[str, Any] | None
    curves: Curves | None
    held_out: Mapping[str, Scores]
    target: Mapping[str, Scores]
    protocols: Mapping[str, Mapping[str, Any]]
    card: Mapping[str, Any] | None
    picture: Picture | None
    review: Review | None
    areas: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        """The run's folder, as commands name it. A report is shown to others: where it lies on a machine is not theirs
        to know."""
        return self.run.path.resolve().name

    @property
    def areas_stale(self) -> bool:
        """Whether the areas are of another map than the run has by now."""
        return bool(self.areas and self.card and self.areas["class_digest"] != self.card["class_digest"])

    @property
    def taught_by_review(self) -> Mapping[str, Mapping[str, Any]]:
        """By model that reviewed parcels taught, which they were and who judged them."""
        return {stage.removeprefix(_TRAIN): did["training"]["review"] for stage, did in self.stages.items()
                if stage.startswith(_TRAIN) and "review" in did.get("training", {})}

    @property
    def mapping_model(self) -> str | None:
        """The model whose scores matter most: that of the map, else the one that is best on the newest season that
        was judged; None where none was."""
        judged = self.target or self.held_out
        if self.card and self.card["model"] in judged:
            return str(self.card["model"])
        return max(judged, key=lambda name: judged[name].totals["macro_f1"], default=None)


def read(run: Run, config: Config) -> Material:
    """What the stages of a run left.

    Raises:
        ConfigError: the classes are not those of the map.
        CorruptRecord: a file of theirs is damaged.
        RunError: the manifest is.
    """
    models = sorted(folder.parent.name for folder in run.models.glob(f"*/{MODEL_CARD}"))
    held_out = {name: _scores(run.report / name) for name in models if _judged(run.report / name)}
    on_target = {name: run.report / f"{name}-{config.season.target}" for name in models}
    protocols = {name: run.report / name / "metrics.json" for name in PROTOCOLS}
    card = _card(run.predictions)
    return Material(
        run=run, config=config, stages=manifest.read(run.path)["stages"], simulated=manifest.simulated(run.path),
        audit=_json(run.report / "export" / "audit.json", _OF_AUDIT), curves=_curves(run), held_out=held_out,
        target={name: _scores(folder) for name, folder in on_target.items() if _judged(folder)},
        protocols={name: found for name, path in protocols.items() if (found := _json(path, _OF_PROTOCOL))},
        card=card, picture=_picture(run.predictions, config.taxonomy.names) if card else None,
        review=_review(run, config, card), areas=_areas(run.report / AREAS))


def _judged(folder: Path) -> bool:
    return (folder / "metrics.json").exists()


def _json(path: Path, needed: Sequence[str]) -> Mapping[str, Any] | None:
    """What a file says, the needed parts among it; None where there is no file."""
    if not path.exists():
        return None
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    for name in needed:
        try:
            functools.reduce(operator.getitem, name.split("."), found)
        except (LookupError, TypeError) as error:
            raise _damaged(path, f"it lacks {name}") from error
    return found


def _areas(path: Path) -> Mapping[str, Any] | None:
    """Estimated areas, all measures of each class among them."""
    found = _json(path, _OF_AREAS)
    if found is None:
        return None
    try:
        rows = {(row["measure"], row["class"]): row for row in found["estimates"]}
        names = [name for measure, name in rows if measure == AREA]
        needed = [*itertools.product((AREA, USERS, PRODUCERS), names or [""]), (OVERALL, "")]
        lost = [f"{measure} {name}".rstrip() for measure, name in needed if (measure, name) not in rows]
        if lost:
            raise _damaged(path, f"it has no estimate of {lost[0]}")
        numbers = [*found["counted_ha"].values(), found["unseen_ha"], found["sample"]["units"]]
        for row in map(rows.__getitem__, needed):
            said = [row["estimate"], row["low"], row["high"]]
            # The accuracy of a class that the sample does not hold is unknown.
            numbers += [] if row["measure"] in (USERS, PRODUCERS) and said == [None] * 3 else said
            numbers += [] if row["cv"] is None else [row["cv"]]
        strange = [number for number in numbers if not isinstance(number, int | float)]
        if strange or not all(isinstance(row["agree"], bool) for row in rows.values()):
            raise TypeError
    except (LookupError, TypeError, AttributeError) as error:
        raise _damaged(path, "estimates or hectares are not as `area estimate` writes them") from error
    return found


def _damaged(path: Path, why: Exception | str) -> CorruptRecord:
    return CorruptRecord(f"{path} cannot be read ({why})", mend="remove it, and run the command that made it again")


def _card(folder: Path) -> Mapping[str, Any] | None:
    if not (folder / PREDICTION_CARD).exists():
        return None
    found = predictions.card(folder)
    _json(folder / PREDICTION_CARD, _OF_CARD)
    return found


def _scores(folder: Path) -> Scores:
    path = folder / "confusion.csv"
    cells: dict[str, tuple[int, int]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            (_, *names), *rows = csv.reader(file)
        counts = tuple(tuple(int(count) for count in row[1:]) for row in rows)
        if [row[0] for row in rows] != names or {len(row) for row in counts} != {len(names)}:
            raise ValueError("its rows are not of the classes that its columns are of")
        if (folder / "cells.csv").exists():
            path = folder / "cells.csv"
            with path.open(newline="", encoding="utf-8") as file:
                cells = {row["cell"]: (int(row["samples"]), int(row["right"])) for row in csv.DictReader(file)}
            if not all(0 <= right <= samples > 0 for samples, right in cells.values()):
                raise ValueError("a cell has no samples, or more right ones than samples")
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise _damaged(path, error) from error
    return Scores(totals=_json(folder / "metrics.json", _OF_SCORES) or {}, names=tuple(names), counts=counts,
                  cells=cells, trust=_json(folder / "trust.json", _OF_TRUST) or {})


def _curves(run: Run) -> Curves | None:
    if not run.shards.exists() or not run.samples.exists():
        return None
    found = series.gather(run.path)
    return found if any(group.name != "no label" for group in found.groups) else None


def _picture(folder: Path, names: tuple[str, ...]) -> Picture:
    """The map of these classes, whose numbers another order of names would give other names and colours."""
    described = geotiff.describe(folder / predictions.CLASSES)
    tags = {int(key.removeprefix("class_")): name for key, name in described.tags.items() if key.startswith("class_")}
    mapped = tuple(tags[number] for number in sorted(tags))
    if mapped != names:
        raise ConfigError(f"[[classes]] are {', '.join(names)}; those of the map are {', '.join(mapped)}",
                          mend="give them the names and the order that they had when it was made, or predict again")
    grid = described.grid
    step = -(-max(grid.shape) // _PIXELS)
    classes, probability = (_thinned(folder / name, grid.shape, step)
                            for name in (predictions.CLASSES, "probability.tif"))
    return Picture(classes=classes, probability=probability, pixel_m=abs(grid.transform[0]), shape=grid.shape)


def _thinned(path: Path, shape: tuple[int, int], step: int) -> NDArray[Any]:
    """Every `step`-th pixel, of rows read one at a time where some are left out: an average of classes is none."""
    height, width = shape
    with geotiff.reading(path) as windows:
        if step == 1:
            return np.asarray(windows.pixels(None, [0])[0])
        return np.stack([windows.pixels((row, 0, 1, width), [0])[0, 0, ::step] for row in range(0, height, step)])


def _review(run: Run, config: Config, card: Mapping[str, Any] | None) -> Review | None:
    file, log = run.review / queue.FILE, Log(run.review, config.taxonomy.names)
    if not file.exists() and not log.path.exists():
        return None
    queued, stale = None, False
    if file.exists():
        try:
            found = pq.read_metadata(file)
            queued, of_parcels = found.num_rows, json.loads(found.metadata[b"review"])["parcels_digest"]
        except (OSError, pa.ArrowException, ValueError, LookupError, TypeError) as error:
            raise _damaged(file, error) from error
        stale = card is not None and of_parcels != card["parcels_digest"]
    stands = verdicts.standing(log.read(), card["season"] if card else config.season.target)
    counted: dict[str, dict[str, int]] = {}
    for by in stands.values():
        for reviewer, verdict in by.items():
            kinds = counted.setdefault(reviewer, {})
            kinds[verdict.verdict] = kinds.get(verdict.verdict, 0) + 1
    return Review(queued=queued, stale=stale, verdicts=counted, disagreed=tuple(verdicts.agreed(stands)[1]))

