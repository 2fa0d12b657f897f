"""What the commands of areas do: draw pixels of a run's map to be looked up, and estimate by what was found."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agrispec.config import Config
from agrispec.errors import CorruptRecord, DataError, RunError
from agrispec.formats.atomic import write_files
from agrispec.formats.markdown import Table
from agrispec_tf.area import design, matching, sample_file
from agrispec_tf.area.drawing import draw
from agrispec_tf.area.estimation import Assessment, assess
from agrispec_tf.area.mapped import Mapped
from agrispec_tf.area.reference_sample import INCLUSION, REFERENCE, STRATUM, ReferenceSample, strata_of
from agrispec_tf.area.sample_file import LAT, LON
from agrispec_tf.area.strata import Strata
from exports import manifest, predictions
from exports.runs import Run
from exports.terminal import aligned

SAMPLE, FEATURES, DESIGN, AREAS = "sample.csv", "sample.geojson", "design.json", "areas.json"

# Olofsson et al. 2014, section 5.1, https://doi.org/10.1016/j.rse.2014.02.015: 50 to 100 units a rare stratum.
_FLOOR = 50
_SUREST = 0.95
"""No class is expected to be righter than this, however sure the model is: a sample must be able to show errors."""

@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A sample to be labelled.

    Attributes:
        strata: the map's classes, by number.
        expected: (H,) user's accuracy that is expected of each.
        allocation: (H,) pixels drawn of each.
        standard_error: of overall accuracy, where the expectations are right.
    """

    strata: Strata
    expected: NDArray[np.float64]
    allocation: NDArray[np.int64]
    standard_error: float


def designed(strata: Strata, expected: NDArray[np.float64], standard_error: float) -> Design:
    """The smallest sample with `_FLOOR` units of each rare stratum that reaches a standard error of overall accuracy.

    Args:
        strata: H classes of a map, with units.
        expected: (H,) share of each that is expected to be right.
        standard_error: to reach.

    Raises:
        DataError: the standard error is not above 0.
    """
    assert strata.units is not None
    every = int(strata.units.sum())
    count = max(design.sample_size(strata, expected, standard_error), int(np.minimum(strata.units, _FLOOR).sum()))
    while True:
        allocation = design.with_floor(strata, min(count, every), _FLOOR)
        reached = design.expected_standard_error(strata, allocation, expected)
        if reached <= standard_error or count >= every:
            return Design(strata=strata, expected=expected, allocation=allocation, standard_error=reached)
        count = max(count + 1, math.ceil(count * (reached / standard_error) ** 2))


def run_design(run: Run, config: Config, standard_error: float) -> Iterator[str]:
    """Draw pixels of a run's map, each with its probability, into `area/`, and tell how many of each class.

    Pixels without a class are no part of the area. The seed is that of [samples].

    Raises:
        RunError: the run has no map, or a sample is there.
        CorruptRecord: the map is damaged.
        DataError: no pixel has a class, or the standard error is not above 0.
    """
    card, mapped = _map(run)
    folder = run.area
    if (folder / SAMPLE).exists():
        raise RunError(f"{folder / SAMPLE} is there already: who draws again until a sample pleases has no random one",
                       mend="label that one, or move it away where the map is another one by now")
    strata, probability = mapped.strata()
    found = designed(strata, np.minimum(probability, _SUREST), standard_error)
    drawn = draw(mapped.classes(), strata, found.allocation, config.samples.seed)
    drawn.insert(1, LON, 0.0)
    drawn.insert(2, LAT, 0.0)
    drawn[LON], drawn[LAT] = mapped.places(drawn["unit"].to_numpy(np.int64))
    table, features = sample_file.encoded(drawn)
    assert strata.units is not None
    said = {"class_digest": card["class_digest"], "season": card["season"], "seed": config.samples.seed,
            "simulated": card["simulated"], "pixel_ha": mapped.pixel_ha, "standard_error": standard_error,
            "strata": [{"stratum": name, "class": mapped.class_names[int(name)], "units": int(units)}
                       for name, units in zip(strata.names, strata.units, strict=True)]}
    write_files({folder / FEATURES: features, folder / DESIGN: json.dumps(said, indent=2).encode(),
                 folder / SAMPLE: table})
    rows: Table = [["class", "pixels", "ha", "expected right", "to label"]]
    rows += [[mapped.class_names[int(name)], f"{units:,.0f}", f"{area:,.1f}", f"{right:.1%}", f"{count:,}"]
             for name, units, area, right, count in
             zip(strata.names, strata.units, strata.areas, found.expected, found.allocation.tolist(), strict=True)]
    yield from aligned(rows)
    yield (f"{found.allocation.sum():,} pixels to label for a standard error of {found.standard_error:.4f} of overall"
           f" accuracy, if as many are right as the model expects, and at most {_SUREST:.0%}")
    yield (f"Write the class that each really is into the column {REFERENCE} of {folder / SAMPLE} (or of {FEATURES}"
           f" beside it); then: agrispec-gee area estimate {run.path}")


def run_estimate(run: Run, file: Path | None) -> Iterator[str]:
    """Estimate areas and accuracies of a run's map by a labelled sample into `report/areas.json`, and tell them.

    Args:
        file: the sample; None takes that of `run_design`, whichever of its two files is labelled.

    Raises:
        RunError: the run has no map, or no sample.
        CorruptRecord: the map is damaged.
        DataError: the sample is not one that estimates can be made of, or is of another area than the map.
    """
    card, mapped = _map(run)
    path, table = (file, sample_file.read(file)) if file else _labelled(run)
    table = matching.with_map(table, mapped, path)
    pixels: dict[str, int] = card["pixels"]
    counted = {name: round(count * mapped.pixel_ha, 4) for name, count in pixels.items()}
    strata = _strata(run, table, mapped, counted)
    sample = ReferenceSample.of(table, strata)
    found = assess(sample)
    not_mapped = matching.not_mapped(sample)
    doubts = list(matching.other_area(strata, not_mapped, sum(counted.values()), path))
    shown = [number for number, name in enumerate(found.classes) if name != matching.NOT_MAPPED]
    strange = sorted({str(found.classes[number]) for number in shown} - set(mapped.class_names))
    if strange:
        doubts.append(f"The map has no class {', '.join(strange)}: these are classes that it cannot show, or slips of"
                      " the pen.")
    rows: list[dict[str, Any]] = found.table.astype(object).where(found.table.notna(), None).to_dict("records")
    rows = [row for row in rows if row["class"] != matching.NOT_MAPPED]
    rows.sort(key=lambda row: _place(row["class"], mapped))
    said = {"season": card["season"], "model": card["model"], "class_digest": card["class_digest"],
            "simulated": card["simulated"], "unit": "ha", "counted_ha": counted,
            "unseen_ha": round(card["unseen"] * mapped.pixel_ha, 4), "strata_ha": float(strata.areas.sum()),
            "not_mapped_ha": not_mapped and not_mapped.area,
            "sample": {"file": path.name, "digest": manifest.digest(path), "units": found.sampled,
                       "strata": len(strata.names)},
            "doubts": doubts, "estimates": rows}
    write_files({run.report / AREAS: (json.dumps(said, indent=1) + "\n").encode()})
    manifest.record(run.path, "area estimate", {
        "sample": said["sample"], "class_digest": card["class_digest"],
        "overall_accuracy": round(float(found.overall.value), 4)})
    yield from lines(found, sorted(shown, key=lambda number: _place(found.classes[number], mapped)),
                     counted, simulated=card["simulated"])
    yield from doubts
    yield f"Areas, by the labels of {path}: {run.report / AREAS}"


def lines(found: Assessment, order: Sequence[int], counted: Mapping[str, float], *, simulated: bool) -> Iterator[str]:
    """The estimates as a table of a terminal.

    Args:
        found: the estimates.
        order: of its classes.
        counted: what the map's pixels add up to, hectares by class.
        simulated: whether the map's scenes are.
    """
    rows: Table = [["class", "map, ha", "area, ha", "95 % interval", "CV", "user's accuracy", "producer's accuracy"]]
    agree = False
    for number in order:
        name = found.classes[number]
        area, cv = found.area, found.area.coefficient_of_variation[number]
        agree |= bool(area.agree[number] | found.users.agree[number] | found.producers.agree[number])
        rows.append([
            str(name), f"{counted.get(str(name), 0.0):,.1f}", f"{area.value[number]:,.1f}",
            f"{area.low[number]:,.1f} to {area.high[number]:,.1f}", "-" if np.isnan(cv) else f"{cv:.1%}",
            *("-" if np.isnan(kind.value[number]) else
              f"{kind.value[number]:.1%} ({kind.low[number]:.1%} to {kind.high[number]:.1%})"
              for kind in (found.users, found.producers))])
    yield from aligned(rows)
    overall = found.overall
    yield (f"Overall accuracy {float(overall.value):.1%} ({float(overall.low):.1%} to {float(overall.high):.1%}), by"
           f" {found.sampled:,} labelled pixels{', simulated' if simulated else ''}")
    if agree:
        yield ("Where all sampled units agree there is no standard error, and the interval is that of the rule of"
               " three: what so many units may fail to show.")


def _place(name: object, mapped: Mapped) -> tuple[int, str]:
    """Classes in the map's order, those that it does not know behind."""
    known = mapped.class_names
    return (known.index(str(name)) if name in known else len(known), str(name))


def _map(run: Run) -> tuple[dict[str, Any], Mapped]:
    card = predictions.card(run.need(run.predictions, "predict"))
    return card, Mapped.of(run.predictions)


def _labelled(run: Run) -> tuple[Path, pd.DataFrame]:
    """The drawn sample out of the file that people labelled; the table where neither is or both say the same."""
    table, features = run.need(run.area / SAMPLE, "area design"), run.area / FEATURES
    found = {path: sample_file.read(path) for path in (table, features) if path.exists()}
    answers = {path: _answers(each) for path, each in found.items()}
    if all(answers.values()) and len(answers) == 2 and answers[table] != answers[features]:
        raise DataError(f"{table} and {features} are both labelled, and differently",
                        mend="move one of them away, or name the one that counts: --sample FILE")
    path = next((path for path, given in answers.items() if given), table)
    return path, found[path]


def _answers(table: pd.DataFrame) -> dict[Any, Any]:
    """The labels of a drawn sample, by what identifies a unit; a unit without one is left out."""
    if REFERENCE not in table.columns:
        return {}
    keys = next((keys for keys in (["unit"], [LON, LAT]) if set(keys) <= set(table.columns)), None)
    return dict((table.set_index(keys) if keys else table)[REFERENCE].dropna().items())


def _strata(run: Run, table: pd.DataFrame, mapped: Mapped, counted: Mapping[str, float]) -> Strata:
    """The strata that a sample was drawn from: those of `run_design`, else those that its probabilities tell, else,
    where it names strata and no probabilities, the map's classes, of which so many hectares are counted."""
    drawn = run.area / DESIGN
    if "unit" in table.columns and drawn.exists():
        try:
            said = json.loads(drawn.read_text(encoding="utf-8"))
            units = np.array([each["units"] for each in said["strata"]], np.float64)
            return Strata(names=tuple(each["stratum"] for each in said["strata"]), areas=units * said["pixel_ha"],
                          units=units)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CorruptRecord(f"{drawn} does not say how the sample was drawn ({error})",
                                mend="restore it, or remove it: then the sample's own probabilities tell") from error
    if INCLUSION in table.columns:
        if STRATUM not in table.columns and table[INCLUSION].nunique() == 1:
            table[STRATUM] = "all"
        told = strata_of(table, mapped.pixel_ha)
        matching.check_classes(told, table, mapped.class_names, counted)
        return told
    if STRATUM not in table.columns:
        return strata_of(table, mapped.pixel_ha)  # which says what is missing, and why it matters
    strata, _ = mapped.strata()
    if pd.api.types.is_numeric_dtype(table[STRATUM]):
        return strata
    return Strata(names=tuple(mapped.class_names[int(number)] for number in strata.names), areas=strata.areas,
                  units=strata.units)
