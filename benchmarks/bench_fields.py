"""Networks against forests on real fields, the same folds for all.

Blocks are 0.1 degree cells, five folds of whole blocks, classes with at least 40 parcels or 10 points. Forests and
boosting learn from all samples outside of the held-out fold. A network must choose its epoch, and its recipe out of
two, on blocks of its training folds, and so learns from four fifths of them; "five" are five such networks, each of
which left out another fifth, whose probabilities are averaged, so that together they learn from what a forest does.
Which networks are five, how much classes weigh and how long training lasts was settled on blocks inside of the first
fold's training blocks, which other folds hold out, and on no held-out score. Scores are of the held-out samples of all
folds together; differences to the forest of medians have an interval over blocks. All figures are of this run.

Predictions are kept in a folder: the same command goes on after an interruption, and several processes may share the
work (--only). What was predicted by other settings, samples or versions is made again.

    AGRISPEC_TEST_DATA=../shared/data python benchmarks/bench_fields.py [--seeds 5] [--only NAME ...]
        [--fields france] [--into fields-bench] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
from fields_data import Fields, central_asia, flanders, france

from agrispec_tf import intervals
from agrispec_tf.baselines import baseline as baselines
from agrispec_tf.baselines.features import Coefficients, Medians
from agrispec_tf.data.samples import Samples, Series
from agrispec_tf.metrics import Confusion
from agrispec_tf.protocols import folds, kept
from agrispec_tf.recipes import Recipe, recipe

if TYPE_CHECKING:
    from agrispec_tf.classifier import Classifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How long networks train on some fields.

    Attributes:
        batch: samples.
        epochs: at most.
        patience: epochs without a better score on the blocks that choose.
    """

    batch: int
    epochs: int
    patience: int


FIELDS: dict[str, tuple[Callable[[Path], Fields], Course]] = {
    "central-asia": (central_asia, Course(batch=64, epochs=40, patience=10)),
    "central-asia-summer": (lambda folder: central_asia(folder, (161, 273)), Course(batch=64, epochs=40, patience=10)),
    "france": (france, Course(batch=32, epochs=60, patience=15)),
    "flanders": (flanders, Course(batch=16, epochs=60, patience=15)),
}
REFERENCE = "forest, medians"


class Trained(Protocol):
    """What a method makes of training samples."""

    def probabilities(self, series: Series) -> np.ndarray:
        """(N, C)."""


Fit = Callable[[int], Trained]
"""A seed to a trained method."""
Method = Callable[[Samples, tuple[str, ...], Course], Fit]
"""Training samples and class names to what a seed trains. It sees no other sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Majority:
    """The most frequent class, whatever is seen."""

    shares: np.ndarray

    def probabilities(self, series: Series) -> np.ndarray:
        return np.tile(self.shares, (len(series), 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """Several networks, whose probabilities are averaged."""

    members: Sequence[Trained]

    def probabilities(self, series: Series) -> np.ndarray:
        return np.mean([member.probabilities(series) for member in self.members], axis=0)


def majority(training: Samples, class_names: tuple[str, ...], course: Course) -> Fit:
    shares = np.bincount(training.labels, minlength=len(class_names)) / len(training)
    return lambda seed: Majority(shares=shares)


def grown(method: str, features: Medians | Coefficients) -> Method:
    return lambda training, class_names, course: lambda seed: baselines.fit(
        method, training, class_names=class_names, features=features, seed=seed)


def network(model: str, members: int = 1) -> Method:
    """One network, or several that each leave out another fifth of the training blocks.

    Its recipe, of two, is that of the highest macro-F1 on the blocks that the first leaves out, whatever the seed.
    """

    def method(training: Samples, class_names: tuple[str, ...], course: Course) -> Fit:
        # Keras takes seconds to import, and forests need none of it.
        from agrispec_tf import train
        from agrispec_tf.models import architectures

        splits = list(folds.choosing(training.labels, training.cells, len(class_names)))
        options = architectures.for_cube(model, training.series.cube, len(class_names))

        @cache
        def fitted(number: int, how: Recipe, seed: int) -> Classifier:
            learning, judging = splits[number]
            return train.fit(options, training.take(learning), training.take(judging), class_names=class_names,
                             how=how, seed=seed)

        recipes = _recipes(course)
        chosen = max(recipes, key=lambda how: max(row["val_macro_f1"] for row in fitted(0, how, 0).history))
        if members == 1:
            return lambda seed: fitted(0, chosen, seed)
        return lambda seed: Mean(members=[fitted(number % len(splits), chosen, seed) for number in range(members)])

    return method


def _recipes(course: Course) -> tuple[Recipe, Recipe]:
    """The preset for few labels, without and with its augmentation; how long it lasts is the fields'."""
    varied = replace(recipe("small", "tempcnn"), epochs=course.epochs, batch=course.batch, patience=course.patience)
    return replace(varied, augmentation=None), varied


METHODS: dict[str, Method] = {
    "majority": majority,
    REFERENCE: grown("random-forest", Medians()),
    "forest, harmonics": grown("random-forest", Coefficients()),
    "boosting, medians": grown("histogram-boosting", Medians()),
    "boosting, harmonics": grown("histogram-boosting", Coefficients()),
    **{model: network(model) for model in ("cropnet", "cropnet-1d", "bigru", "tempcnn", "mlp")},
    **{f"{model}, five": network(model, 5) for model in ("tempcnn", "bigru", "mlp")},
}
"""What is compared, by its name in the table. Whatever fits and gives probabilities can join."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """Predictions of the held-out samples by one method, one row a seed.

    Attributes:
        predicted: (seeds, N) class numbers.
        seconds: of training and predicting, all folds, mean over seeds.
    """

    predicted: np.ndarray
    seconds: float


def run(fields: Fields, course: Course, names: list[str], seeds: int,
        into: Path) -> tuple[np.ndarray, dict[str, Outcome]]:
    """(fold of each sample, outcome of each method)."""
    samples, split = fields.samples, list(folds.of_cells(fields.samples.labels, fields.samples.cells))
    fold = np.empty(len(samples), np.int64)
    for number, (training, held_out) in enumerate(split):
        fold[held_out] = number
        absent = set(range(len(fields.class_names))) - set(samples.labels[training].tolist())
        if absent:
            missing = ", ".join(fields.class_names[label] for label in sorted(absent))
            raise SystemExit(f"fold {number} leaves nothing to learn {missing} from")
    outcomes = {}
    for name in names:
        predicted = np.empty((1 if name == "majority" else seeds, len(samples)), np.int64)
        seconds = np.zeros(len(predicted))
        for number, (training, held_out) in enumerate(split):
            predict = _predictions(fields, course, name, training, held_out)
            for seed in range(len(predicted)):
                path = into / f"{_key(fields, course, name, number, seed)}.npz"
                predicted[seed, held_out], took = kept.predicted(path, partial(predict, seed))
                seconds[seed] += took
        outcomes[name] = Outcome(predicted=predicted, seconds=float(seconds.mean()))
        print(f"  {name}: {outcomes[name].seconds:.0f} s a seed", flush=True)
    return fold, outcomes


def _predictions(fields: Fields, course: Course, name: str, training: np.ndarray,
                 held_out: np.ndarray) -> Callable[[int], np.ndarray]:
    """A seed to class numbers of the held-out rows; what the seeds share is fitted when the first of them asks."""
    samples = fields.samples

    @cache
    def fit() -> Fit:
        return METHODS[name](samples.take(training), fields.class_names, course)

    return lambda seed: fit()(seed).probabilities(samples.series.take(held_out)).argmax(axis=1)


def _key(fields: Fields, course: Course, name: str, fold: int, seed: int) -> str:
    """The name of one method's predictions of one fold: whatever they follow from is in it."""
    samples = fields.samples
    arrays = (samples.series.values, samples.series.counts, samples.labels, samples.cells)
    made_by = {"samples": kept.digest_of(*arrays),
               "cube": samples.series.cube.digest,
               "recipes": [asdict(how) for how in _recipes(course)], "folds": folds.FOLDS,
               "versions": {package: version(package) for package in ("keras", "numpy", "scikit-learn")}}
    named = "-".join([fields.name, name, f"fold {fold}", f"seed {seed}", kept.key(made_by)])
    return named.replace(", ", "-").replace(" ", "-")


def report(fields: Fields, fold: np.ndarray, outcomes: dict[str, Outcome]) -> dict:
    """Prints the table of one set of fields and gives it as JSON values; what is worst comes first."""
    samples, classes = fields.samples, len(fields.class_names)
    blocks = {name: [intervals.by_cell(samples.labels, samples.cells, one, classes) for one in outcome.predicted]
              for name, outcome in outcomes.items()}
    rows = {}
    for name, outcome in outcomes.items():
        pooled = [Confusion(counts.sum(axis=0)) for counts in blocks[name]]
        of_folds = [_of_folds(samples, one, fold, classes) for one in outcome.predicted]
        worst = int(np.mean([one.f1 for one in pooled], axis=0).argmin())
        macro = np.array([[one.macro_f1 for one in found] for found in of_folds])
        rows[name] = {
            "worst_class": fields.class_names[worst],
            "worst_class_f1": float(np.mean([one.f1[worst] for one in pooled])),
            "worst_fold_macro_f1": float(macro.mean(axis=0).min()),
            "fold_mean_macro_f1": float(macro.mean()),
            "fold_mean_accuracy": float(np.mean([[one.accuracy for one in found] for found in of_folds])),
            "macro_f1": float(np.mean([one.macro_f1 for one in pooled])),
            "macro_f1_by_seed": [one.macro_f1 for one in pooled],
            "accuracy": float(np.mean([one.accuracy for one in pooled])), "seconds_a_seed": outcome.seconds}
        if REFERENCE in outcomes and name != REFERENCE:
            rows[name]["against_forest"] = intervals.differences(blocks[name], blocks[REFERENCE])
    print(f"\n{fields.name}: {len(samples)} samples, {len(np.unique(samples.cells))} blocks, {classes} classes: "
          + ", ".join(f"{name} {count}" for name, count in
                      zip(fields.class_names, np.bincount(samples.labels), strict=True)))
    print(f"{'':<20}{'worst class':>28}{'worst fold':>11}{'macro-F1':>10}{'OA':>7}{'fold means':>14}"
          f"{'macro-F1 against the forest':>32}{'s':>6}")
    for name, row in rows.items():
        gain, low, high = row.get("against_forest", {}).get("macro_f1", (np.nan,) * 3)
        against = f"{gain:+.3f} [{low:+.3f}, {high:+.3f}]" if np.isfinite(gain) else ""
        worst = f"{row['worst_class']} {row['worst_class_f1']:.3f}"
        means = f"{row['fold_mean_macro_f1']:.3f} {row['fold_mean_accuracy']:.3f}"
        print(f"{name:<20}{worst:>28}{row['worst_fold_macro_f1']:>11.3f}{row['macro_f1']:>10.3f}{row['accuracy']:>7.3f}"
              f"{means:>14}{against:>32}{row['seconds_a_seed']:>6.0f}")
    return {"fields": fields.name, "samples": len(samples), "folds": folds.FOLDS,
            "blocks": len(np.unique(samples.cells)), "methods": rows}


def _of_folds(samples: Samples, predicted: np.ndarray, fold: np.ndarray, classes: int) -> list[Confusion]:
    """The confusion of each fold's held-out samples."""
    return [Confusion.of(samples.labels[fold == number], predicted[fold == number], classes)
            for number in range(fold.max() + 1)]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--fields", nargs="+", choices=list(FIELDS), default=list(FIELDS))
    asked.add_argument("--only", nargs="+", choices=list(METHODS), default=list(METHODS), metavar="NAME")
    asked.add_argument("--seeds", type=int, default=5)
    asked.add_argument("--into", type=Path, default=Path("fields-bench"), help="folder of the predictions")
    asked.add_argument("--json", type=Path)
    options = asked.parse_args()
    home = os.environ.get("AGRISPEC_TEST_DATA")
    if not home:
        raise SystemExit("AGRISPEC_TEST_DATA is not set: it names the folder of real data")
    tables = []
    for name in options.fields:
        read, course = FIELDS[name]
        fields = read(Path(home))
        print(f"{fields.name}", flush=True)
        tables.append(report(fields, *run(fields, course, options.only, options.seeds, options.into)))
    print(f"\n{options.seeds} seeds, scores are their means; intervals hold 95 % of {intervals.DRAWS} draws of blocks.")
    if options.json:
        options.json.write_text(json.dumps({"seeds": options.seeds, "tables": tables}, indent=2) + "\n")


if __name__ == "__main__":
    main()
