"""All that a protocol found, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agrispec_tf.metrics import Confusion
from agrispec_tf.protocols import scores
from agrispec_tf.protocols.judging import Answers
from agrispec_tf.protocols.names import DATE, GROUPS
from agrispec_tf.protocols.scores import Row, Truth
from agrispec_tf.protocols.temperatures import Calibration
from agrispec_tf.protocols.trials import Trial


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Results:
    """Tables of one protocol; their columns are those of `agrispec_tf.protocols.scores`.

    Attributes:
        protocol: one of `names.GROUPS`.
        simulated: whether any scene is.
        seasons: years whose labels were used.
        seeds: trainings of each model in each trial.
        models: in the order they were named; the first is the reference.
        class_names: C names by class number.
        groups: a row for each group and model, the worst group first; dates in their order.
        overall: a row for each model over all samples; of dates, at the last one.
        confused: the pairs most confused, of the samples of `overall`; so are the next three.
        by_parcel_size: None where no parcels are named in [labels].
        in_no_parcel: how many samples are in none.
        by_clear_looks: by the share of the steps of the model's window with a clear look.
        class_mix: a row for each group and class, with its share among what taught and what was judged.
        confusions: of each model, all seeds together.
        calibration: what temperatures are worth where seasons or regions are held out; None where nothing of them is.
    """

    protocol: str
    simulated: bool
    seasons: tuple[int, ...]
    seeds: int
    models: tuple[str, ...]
    class_names: tuple[str, ...]
    groups: Sequence[Row]
    overall: Sequence[Row]
    confused: Sequence[Row]
    by_parcel_size: Sequence[Row] | None
    in_no_parcel: int | None
    by_clear_looks: Sequence[Row]
    class_mix: Sequence[Row]
    confusions: Mapping[str, Confusion]
    calibration: Calibration | None

    @property
    def group_is(self) -> str:
        """fold, region, season or date."""
        return GROUPS[self.protocol]


def results(protocol: str, trials: Sequence[Trial], truth: Truth, answers: Mapping[str, Sequence[Answers]], *,
            seasons: tuple[int, ...], simulated: bool, share_seen: NDArray[np.float64],
            hectares: NDArray[np.float64] | None, calibration: Calibration | None) -> Results:
    """The tables of a protocol.

    Args:
        protocol: one of `names.GROUPS`.
        trials: that were carried out.
        truth: of N samples.
        answers: of each model, a group each.
        seasons: years whose labels were used.
        simulated: whether any scene is.
        share_seen: (N,) share of the steps of the model's window with a clear look.
        hectares: (N,) area of each sample's parcel, NaN where in none; None where no parcels are known.
        calibration: of the same answers.
    """
    mixes = {one.group: _mixes(one.group, trials, truth) for one in next(iter(answers.values()))}
    shift = {group: _shift(group, trials, truth) for group in mixes}
    groups = scores.by_group(truth, answers, shift)
    if protocol == DATE:
        order = list(mixes)
        groups.sort(key=lambda row: order.index(row["group"]))
    # Dates judge the same samples again and again; the last one knows the most.
    whole = {model: found[-1] if protocol == DATE else _pooled(found) for model, found in answers.items()}
    parts = None if hectares is None else scores.sizes(hectares)
    return Results(
        protocol=protocol, simulated=simulated, seasons=seasons, models=tuple(answers),
        seeds=len(next(iter(whole.values())).predicted), class_names=truth.class_names, groups=groups,
        overall=scores.overall(truth, whole), confused=scores.confused(truth, whole),
        by_parcel_size=None if parts is None else scores.by_part(truth, whole, parts),
        in_no_parcel=None if hectares is None else int(np.isnan(hectares).sum()),
        by_clear_looks=scores.by_part(truth, whole, scores.looks(share_seen)),
        class_mix=[{"group": group, "class": name, "taught": float(taught[number]), "judged": float(judged[number])}
                   for group, (taught, judged) in mixes.items() for number, name in enumerate(truth.class_names)],
        confusions={model: scores.counts(truth, one) for model, one in whole.items()}, calibration=calibration)


def _mixes(group: str, trials: Sequence[Trial], truth: Truth) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Class mixes of what taught and what was judged in a group."""
    of_group = [trial for trial in trials if trial.group == group]
    taught, judged = (np.concatenate([getattr(trial, name) for trial in of_group]) for name in ("teaching", "judged"))
    return truth.mix(taught), truth.mix(judged)


def _shift(group: str, trials: Sequence[Trial], truth: Truth) -> float:
    """How far the class mixes of what taught and what was judged are apart: the mean of a group's trials, each weighing
    as many samples as it judges. Those of all together would say nothing where every sample both teaches and is judged.
    """
    of_group = [trial for trial in trials if trial.group == group]
    return float(np.average([scores.prior_shift(truth.mix(trial.teaching), truth.mix(trial.judged))
                             for trial in of_group], weights=[len(trial.judged) for trial in of_group]))


def _pooled(found: Sequence[Answers]) -> Answers:
    rows = np.concatenate([one.rows for one in found])
    return Answers(group="all", rows=rows,
                   probabilities=np.concatenate([one.probabilities for one in found], axis=1))
