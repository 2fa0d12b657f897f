"""Trials carried out: every learner, every seed, and what came out kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agrispec_tf.data.samples import Samples
from agrispec_tf.protocols import kept
from agrispec_tf.protocols.dates import until
from agrispec_tf.protocols.folds import Rows
from agrispec_tf.protocols.learners import Learner
from agrispec_tf.protocols.trials import Trial


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """What one learner said of the samples of one group.

    Attributes:
        group: fold, region, season or date.
        rows: (n,) of the judged samples, ascending.
        probabilities: (seeds, n, C) of the classes, as trained.
    """

    group: str
    rows: Rows
    probabilities: NDArray[np.float32]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(seeds, n) class numbers."""
        return self.probabilities.argmax(axis=2)


def answers(trials: Sequence[Trial], samples: Samples, class_names: tuple[str, ...], learner: Learner,
            seeds: Sequence[int], into: Path, tell: Callable[[str], None]) -> tuple[Answers, ...]:
    """The answers of a learner to all trials, a group each, in the trials' order.

    Args:
        trials: of groups that stand together; a group judges a sample once.
        samples: whose rows the trials name.
        class_names: C names by class number.
        learner: what is trained, once for each trial and seed.
        seeds: of the trainings.
        into: folder of the predictions; what is in it already is not made again. Their names hold a digest of all that
            they follow from.
        tell: told before each training.

    Raises:
        as `learner.fit` and `kept.predicted`.
    """
    by_group: dict[str, list[tuple[Rows, NDArray[np.float32]]]] = {trial.group: [] for trial in trials}
    total, done = len(trials) * len(seeds), 0
    for trial in trials:
        teaching, judged = samples.take(trial.teaching), samples.take(trial.judged)
        if trial.until is not None:
            # The seasons that teach a model are over: the thermal axis goes on with their warmth.
            teaching = replace(teaching, series=replace(until(teaching.series, trial.until),
                                                        heat=teaching.series.heat))
            judged = replace(judged, series=until(judged.series, trial.until))
        made_by = {"kept": "probabilities", "learner": learner.settings, "classes": class_names,
                   "cube": samples.series.cube.digest, "teaching": _digest(teaching),
                   "judged": _digest(judged)}
        found = []
        for seed in seeds:
            done += 1
            path = into / f"{learner.name}-{kept.key({**made_by, 'seed': seed})}.npz"
            said = f"{learner.name}, {trial.group}, training {done} of {total}"
            found.append(kept.predicted(path, partial(_predict, learner, teaching, judged, seed, tell, said))[0])
        by_group[trial.group].append((trial.judged, np.stack(found)))
    return tuple(_together(group, parts) for group, parts in by_group.items())


def _predict(learner: Learner, teaching: Samples, judged: Samples, seed: int, tell: Callable[[str], None],
             said: str) -> NDArray[np.float32]:
    tell(said)
    return learner.fit(teaching, seed).probabilities(judged.series)


def _digest(samples: Samples) -> str:
    # A network's cells that choose its epoch follow from the names of cells and from the order of samples.
    heat = () if samples.series.heat is None else (samples.series.heat,)
    return kept.digest_of(samples.series.values, samples.series.counts, samples.labels, samples.cells, *heat)


def _together(group: str, parts: Sequence[tuple[Rows, NDArray[np.float32]]]) -> Answers:
    rows = np.concatenate([rows for rows, _ in parts])
    order = np.argsort(rows)
    probabilities = np.concatenate([found for _, found in parts], axis=1)
    return Answers(group=group, rows=rows[order], probabilities=probabilities[:, order])
