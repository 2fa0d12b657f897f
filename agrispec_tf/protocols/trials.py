"""Protocols: which samples teach and which are judged, trial by trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agrispec.config import Region
from agrispec.errors import ConfigError, DataError
from agrispec.grid import Cell
from agrispec_tf.protocols import folds
from agrispec_tf.protocols.dates import Known
from agrispec_tf.protocols.folds import Rows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """One training, and what it is judged on.

    Attributes:
        group: fold, region, season or date, whose trials are scored together.
        teaching: rows of the samples that teach.
        judged: rows of the samples that are judged, in other cells.
        until: the first step that neither has seen yet; None where the season is over.
    """

    group: str
    teaching: Rows
    judged: Rows
    until: int | None = None


def spatial_cv(labels: NDArray[np.integer], cells: NDArray[np.str_]) -> tuple[Trial, ...]:
    """Five folds of whole cells, each judged once by what the other four taught.

    Raises:
        DataError: see `folds.of_cells`.
    """
    return tuple(Trial(group=f"fold {number}", teaching=teaching, judged=judged)
                 for number, (teaching, judged) in enumerate(folds.of_cells(labels, cells), 1))


def leave_one_region_out(cells: NDArray[np.str_], regions: Sequence[Region]) -> tuple[Trial, ...]:
    """Each region judged by what all others taught.

    Raises:
        ConfigError: fewer than two regions are named.
        DataError: a cell is in no region or in two, or a region has no sample.
    """
    if len(regions) < 2:
        raise ConfigError(f"{len(regions) or 'no'} region{'' if len(regions) == 1 else 's'} in agrispec.toml cannot be"
                          " held out in turn",
                          mend='name two or more by [[regions]], each with name = "…" and bounds = [west, south, east,'
                               " north]")
    found, number = np.unique(cells, return_inverse=True)
    holders = [[region.name for region in regions if region.holds(Cell.parse(str(cell)))] for cell in found]
    for cell, names in zip(found, holders, strict=True):
        if len(names) != 1:
            raise DataError(f"cell {cell} is in {' and in '.join(names) if names else 'no region'}",
                            mend="let the bounds of [[regions]] hold the centre of each cell once")
    home = np.array([names[0] for names in holders])[number]
    for region in regions:
        if not (home == region.name).any():
            raise DataError(f"region {region.name} holds no labelled sample",
                            mend="widen its bounds in [[regions]], add its cells to [area], or take it out")
    return tuple(Trial(group=region.name, teaching=np.flatnonzero(home != region.name),
                       judged=np.flatnonzero(home == region.name)) for region in regions)


def leave_one_season_out(labels: NDArray[np.integer], cells: NDArray[np.str_],
                         seasons: NDArray[np.integer]) -> tuple[Trial, ...]:
    """Each season judged by what the others taught, on cells that did not teach either.

    A model that goes into a new season also meets fields that no label is known of. If it had learnt from the same
    cells in another season, it would know their soils, their field edges and often their crops (orchards, rotations),
    and would seem to carry over better than it does. So cells are in five folds, and a season's samples in one fold are
    judged by what the other seasons taught in the four others: every sample is judged once.

    Raises:
        DataError: there is one season, or see `folds.of_cells`.
    """
    years = np.unique(seasons)
    if len(years) < 2:
        raise DataError(f"{years[0]} is the only season with labels: none is left to learn from when it is held out",
                        mend="list a second labelled season in [season] source and export again, or use --protocol"
                             " spatial-cv")
    found = []
    for year in years:
        for teaching, judged in folds.of_cells(labels, cells):
            held = judged[seasons[judged] == year]
            if len(held):
                found.append(Trial(group=str(year), teaching=teaching[seasons[teaching] != year], judged=held))
    return tuple(found)


def in_season(labels: NDArray[np.integer], cells: NDArray[np.str_], known: Sequence[Known]) -> tuple[Trial, ...]:
    """Five folds of whole cells for each date: taught and judged by what was seen up to it, and nothing later.

    Raises:
        DataError: see `folds.of_cells`.
    """
    split = list(folds.of_cells(labels, cells))
    return tuple(Trial(group=date.name, teaching=teaching, judged=judged, until=date.stop)
                 for date in known for teaching, judged in split)


def on_cells(trials: Sequence[Trial], labels: NDArray[np.integer], cells: NDArray[np.str_],
             classes: int) -> tuple[Trial, ...]:
    """For each group a trial within what teaches it: a fifth of these cells judged by what the others taught.

    What is found on them is what can be known of a model before it meets what is held out. The trials of a group teach
    from much the same cells, so one stands for it: the first whose cells can be divided so that all `classes` are left
    to learn. A group has none where no trial's can.
    """
    found: list[Trial] = []
    for trial in trials:
        # Each trial sets other cells aside: of two, a sample would count twice in the group.
        if trial.group in (one.group for one in found):
            continue
        try:
            learning, judged = next(folds.choosing(labels[trial.teaching], cells[trial.teaching], classes))
            teaching = trial.teaching[learning]
            next(folds.choosing(labels[teaching], cells[teaching], classes))  # a network divides them once more
        except DataError:
            continue
        found.append(Trial(group=trial.group, teaching=teaching, judged=trial.teaching[judged]))
    return tuple(found)


def check(trials: Sequence[Trial], labels: NDArray[np.integer], class_names: Sequence[str]) -> None:
    """Checks that each trial has every class to learn.

    Raises:
        DataError: one has not; the first is named, with what it lacks.
    """
    for trial in trials:
        counts = np.bincount(labels[trial.teaching], minlength=len(class_names))
        missing = [name for name, count in zip(class_names, counts, strict=True) if not count]
        if missing:
            raise DataError(f"when {trial.group} is held out, no sample is left to learn {', '.join(missing)} from",
                            mend="label it in more cells, regions and seasons, or take it out of [[classes]] and export"
                                 " again")
