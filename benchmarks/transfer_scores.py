"""What the outcomes of pairs come to: tables as Markdown, the worst pair first.

Validators choose among the rungs of the network, seed by seed. "Source only" is, seed by seed, the forest or the
network's lowest rung, whichever has the higher macro-F1 on the source's validation blocks. A gap is what the target's
own cross-validation has more than source only; pairs whose gap is below a hundredth have none to close. Intervals hold
95 % of 2,000 draws of the target's blocks, the same ones for both sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from transfer_data import Pair

from agrispec.formats.markdown import piped
from agrispec_tf import calibration, conformal, intervals
from agrispec_tf.adaptation import choices, ladder
from agrispec_tf.baselines.forest import Forest
from agrispec_tf.calibration import Reliability
from agrispec_tf.conformal import Coverage
from agrispec_tf.metrics import Confusion
from agrispec_tf.triage import Standing

FOREST, OWN, SOURCE_ONLY = "forest", "own", "source only"
THRESHOLD = 0.65
_NO_GAP = 0.01
_NUMBERS = (("ece as trained", "as trained", "ece"), ("ece", "tempered", "ece"), ("coverage", "sets", "coverage"),
            ("size", "sets", "mean_size"), ("precision", "standing", "precision"), ("stand", "standing", "coverage"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """What one seed came to on one pair.

    Attributes:
        target: by rung, and of the forest: probabilities (N, C) of the target's samples.
        source: the same of the source's validation samples.
        held_out: rows of these in the source.
        own: (N,) classes by the target's own cross-validation.
        validators: by rung, and of the forest: numbers by validator.
        seconds: by rung, of the processor.
        distance: of the two sides, `diagnostics.Distance` as a table.
        shift_days: that self-training found.
    """

    target: Mapping[str, np.ndarray]
    source: Mapping[str, np.ndarray]
    held_out: np.ndarray
    own: np.ndarray
    validators: Mapping[str, Mapping[str, float]]
    seconds: Mapping[str, float]
    distance: Mapping[str, float]
    shift_days: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """What a pair came to.

    Attributes:
        pair: of which.
        macro_f1: by rung, of the forest, source only, the target's own cross-validation and by each validator: a number
            a seed.
        chosen: by validator, the rung of each seed.
        gain: of the taken rungs over source only, with its interval.
        trust: of the taken rungs and of the source's validation blocks, see `_trust`.
        distance: means over seeds.
        shift_days: that self-training found, a number a seed.
        seconds: of the processor, mean over seeds.
    """

    pair: Pair
    macro_f1: Mapping[str, Sequence[float]]
    chosen: Mapping[str, Sequence[str]]
    gain: intervals.Interval
    trust: Mapping[str, float]
    distance: Mapping[str, float]
    shift_days: Sequence[float]
    seconds: float

    def mean(self, name: str) -> float:
        """Macro-F1, the mean over seeds."""
        return float(np.mean(self.macro_f1[name]))

    @property
    def taken(self) -> str:
        """The name under which the choice's scores stand."""
        return f"by {choices.TRUSTED}"

    @property
    def gap(self) -> float:
        """What the target's own cross-validation has more than source only."""
        return self.mean(OWN) - self.mean(SOURCE_ONLY)


def of_pair(pair: Pair, runs: Sequence[Outcome]) -> Row:
    """The row of a pair's outcomes, one a seed."""
    labels, cells, classes = pair.target.labels, pair.target.cells, len(pair.class_names)
    scores: dict[str, list[float]] = {}
    chosen: dict[str, list[str]] = {}
    counts: dict[str, list[np.ndarray]] = {SOURCE_ONLY: [], "taken": []}
    for run in runs:
        said = {name: values.argmax(axis=1) for name, values in run.target.items()}
        f1 = {name: Confusion.of(labels, one, classes).macro_f1 for name, one in said.items()}
        rungs = {rung: numbers for rung, numbers in run.validators.items() if rung != FOREST}
        known = max((FOREST, ladder.SOURCE), key=lambda name, run=run: run.validators[name]["source"])
        picked = choices.by_validator(rungs)
        for name, value in {**f1, SOURCE_ONLY: f1[known], OWN: Confusion.of(labels, run.own, classes).macro_f1,
                            **{f"by {by}": f1[rung] for by, rung in picked.items()},
                            "oracle": max(f1[rung] for rung in rungs)}.items():
            scores.setdefault(name, []).append(value)
        for by, rung in picked.items():
            chosen.setdefault(by, []).append(rung)
        for name, one in ((SOURCE_ONLY, known), ("taken", choices.taken(rungs))):
            counts[name].append(intervals.by_cell(labels, cells, said[one], classes))
    return Row(pair=pair, macro_f1=scores, chosen=chosen, trust=_trust(pair, runs),
               gain=intervals.differences(counts["taken"], counts[SOURCE_ONLY])["macro_f1"],
               distance={name: float(np.mean([run.distance[name] for run in runs])) for name in runs[0].distance},
               shift_days=[run.shift_days for run in runs],
               seconds=float(np.mean([sum(run.seconds.values()) for run in runs])))


def _trust(pair: Pair, runs: Sequence[Outcome]) -> dict[str, float]:
    """What probabilities are worth, pooled over seeds.

    In domain: of source only, on one half of the source's validation blocks by what the other half calibrates, and the
    other way round; "by chance" is the ECE of as many samples if their probabilities meant just what they say.
    Transferred: of the taken rungs on the target, calibrated by all validation blocks.
    """
    inside: dict[str, list] = {name: [] for name in ("as trained", "tempered", "sets", "standing")}
    outside: dict[str, list] = {name: [] for name in inside}

    def add(to, raw, known, raw_known, labels, pseudocount, calibrated=False):
        heat = 1.0 if calibrated else calibration.temperature(raw_known, known, pseudocount)
        better, better_known = (calibration.tempered(one, heat, pseudocount) for one in (raw, raw_known))
        least = conformal.threshold(better_known, known)
        to["as trained"].append(Reliability.of(raw, labels))
        to["tempered"].append(Reliability.of(better, labels))
        to["sets"].append(Coverage.of(conformal.sets(better, least), labels))
        to["standing"].append(Standing.of(better, labels, THRESHOLD))

    for run in runs:
        labels, cells = pair.source.labels[run.held_out], pair.source.cells[run.held_out]
        known = max((FOREST, ladder.SOURCE), key=lambda name, run=run: run.validators[name]["source"])
        names, number = np.unique(cells, return_inverse=True)
        half = np.random.default_rng(0).permutation(len(names))[number] % 2 == 0
        pseudo = Forest.pseudocount if known == FOREST else calibration.TINY
        for one in (half, ~half):
            if one.any() and (~one).any():
                add(inside, run.source[known][one], labels[~one], run.source[known][~one], labels[one], pseudo)
        rung = choices.taken({name: numbers for name, numbers in run.validators.items() if name != FOREST})
        add(outside, run.target[rung], labels, run.source[rung], pair.target.labels, calibration.TINY,
            calibrated=rung == ladder.PRIOR)
    found: dict[str, float] = {}
    for where, parts in (("in", inside), ("out", outside)):
        for name, kind, number in _NUMBERS:  # a single validation block has no halves
            found[f"{where} {name}"] = (getattr(sum(parts[kind][1:], parts[kind][0]), number) if parts[kind]
                                        else float("nan"))
    found["in ece by chance"] = _by_chance(inside["tempered"])
    return found


def _by_chance(parts: Sequence[Reliability]) -> float:
    """The mean ECE of as many samples whose probabilities mean just what they say; NaN without samples."""
    if not parts:
        return float("nan")
    found = sum(parts[1:], parts[0])
    mean = np.divide(found.confidence, found.counts, out=np.zeros(len(found.counts)), where=found.counts > 0)
    hits = np.random.default_rng(0).binomial(found.counts, np.clip(mean, 0, 1), (1000, len(mean)))
    return float(np.abs(hits - found.confidence).sum(axis=1).mean() / found.counts.sum())


def page(rows: Sequence[Row]) -> Iterator[str]:
    """The tables as Markdown."""
    ordered = sorted(rows, key=lambda row: row.gain[0])
    rungs = [name for name in ladder.BELOW if any(name in row.macro_f1 for row in rows)]
    yield from _table(
        "Macro-F1 on the target, mean ± standard deviation over seeds",
        ["pair", OWN, SOURCE_ONLY, FOREST, *rungs],
        [[_name(row), *(_spread(row.macro_f1.get(name)) for name in (OWN, SOURCE_ONLY, FOREST, *rungs))]
         for row in ordered])
    yield from _table(
        f"What is taken, by {choices.TRUSTED}, and what it gains over source only",
        ["pair", "source only", "taken", "gain [95 % over blocks]", "gap", "closed", "worst seed", "rungs taken"],
        [[_name(row), f"{row.mean(SOURCE_ONLY):.3f}", f"{row.mean(row.taken):.3f}", _interval(row.gain),
          f"{row.gap:.3f}", _closed(row), f"{_worst(row):+.3f}", _counted(row.chosen[choices.TRUSTED])]
         for row in ordered])
    gaps = [row for row in rows if row.gap >= _NO_GAP]
    for name, some in (("real pairs", [row for row in gaps if not row.pair.simulated]),
                       ("simulated pairs", [row for row in gaps if row.pair.simulated])):
        if some:
            closed = sum(row.gain[0] for row in some) / sum(row.gap for row in some)
            mean = np.mean([row.gain[0] / row.gap for row in some])
            yield (f"{len(some)} {name} with a gap: {closed:.0%} of all gaps together is closed, {mean:.0%} on average"
                   " over pairs.")
    yield ""
    real = [row for row in rows if not row.pair.simulated] or list(rows)
    best = np.mean([row.mean("oracle") for row in real])
    yield from _table(
        "What each validator would have chosen (means over real pairs)", ["by", "macro-F1", "lost against the oracle"],
        [[by, f"{value:.3f}", f"{best - value:.3f}"] for by, value in
         [(name, float(np.mean([row.mean(f"by {name}") for row in real]))) for name in choices.VALIDATORS]
         + [("source only", float(np.mean([row.mean(SOURCE_ONLY) for row in real]))),
            ("oracle, which needs the labels", float(best))]])
    yield from _table(
        "Trust: in domain on the source's blocks, transferred with the taken rung",
        ["pair", "in: ECE as trained", "ECE", "by chance", "sets hold", "of classes", "transferred: ECE as trained",
         "ECE", "sets hold", "of classes", "right at 0.65", "stand", "queue of 10,000"],
        [[_name(row), *(f"{row.trust[f'in {key}']:.3f}" for key in ("ece as trained", "ece", "ece by chance",
                                                                        "coverage")),
          f"{row.trust['in size']:.2f}",
          *(f"{row.trust[key]:.3f}" for key in ("out ece as trained", "out ece", "out coverage")),
          f"{row.trust['out size']:.2f}", f"{row.trust['out precision']:.3f}", f"{row.trust['out stand']:.3f}",
          f"{round(1e4 * (1 - row.trust['out stand'])):,}"] for row in ordered])
    yield from _table(
        "How far apart the sides are",
        ["pair", "samples", "proxy A-distance", "MMD²", "missing, source", "missing, target", "AUC of gaps",
         "shift found, days", "s a seed"],
        [[_name(row), f"{len(row.pair.source)} -> {len(row.pair.target)}", f"{row.distance['a_distance']:.2f}",
          f"{row.distance['mmd']:.3f}", f"{row.distance['missing_source']:.0%}",
          f"{row.distance['missing_target']:.0%}", f"{row.distance['gaps_auc']:.2f}",
          f"{np.mean(row.shift_days):+.1f} ± {np.std(row.shift_days):.1f}", f"{row.seconds:.0f}"] for row in ordered])


def _table(title: str, head: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield f"**{title}**"
    yield ""
    yield from piped([head, *rows])
    yield ""


def _name(row: Row) -> str:
    return row.pair.name


def _spread(scores: Sequence[float] | None) -> str:
    return "" if scores is None else f"{np.mean(scores):.3f} ± {np.std(scores):.3f}"


def _interval(found: intervals.Interval) -> str:
    return f"{found[0]:+.3f} [{found[1]:+.3f}, {found[2]:+.3f}]"


def _closed(row: Row) -> str:
    return f"{row.gain[0] / row.gap:.0%}" if row.gap >= _NO_GAP else "no gap"


def _worst(row: Row) -> float:
    """The lowest of the seeds' gains."""
    return float(np.min(np.array(row.macro_f1[row.taken]) - np.array(row.macro_f1[SOURCE_ONLY])))


def _counted(rungs: Sequence[str]) -> str:
    return ", ".join(f"{name} {rungs.count(name)}" for name in dict.fromkeys(rungs))
