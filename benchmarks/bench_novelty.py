"""Which score knows what a model has not learnt: a crop withheld from training, or another season or region.

Blocks of 0.1 degrees are divided in five; of one part the samples are scored, the others teach. First each crop in turn
is withheld, and the area under the ROC curve (AUROC) says how well a score tells it from the others in the scored part.
Then samples of one region and season teach, and the area says how well a score tells those of another from those of the
scored part. All scores know the same filled series: a forest's, 1 - the highest share of its votes; the Mahalanobis
distance to the nearest class (Lee et al. 2018); an isolation forest; and the distance to the tenth nearest
training sample, `agrispec_tf.novelty`.

    AGRISPEC_TEST_DATA=../shared/data python benchmarks/bench_novelty.py [--seeds 3]
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from fields_data import asian_seasons, central_asia, france
from fields_scores import folds
from sklearn.covariance import LedoitWolf
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.metrics import roc_auc_score

from agrispec_tf.baselines.features import Medians
from agrispec_tf.data.samples import Samples
from agrispec_tf.novelty import Familiar

WINDOW_DAYS = (161, 273)
FEWEST = 5
"""Samples of a withheld crop that are scored."""
SHIFTS = (("Fergana 2016", "Samarkand 2016"), ("Samarkand 2016", "Fergana 2016"), ("Fergana 2016", "Fergana 2017"),
          ("Fergana 2016", "Fergana 2015"), ("Fergana 2015", "Fergana 2016"))


def scores(training: Samples, new: Samples, seed: int) -> Iterator[tuple[str, np.ndarray, float]]:
    """(name, scores (N,), seconds of scoring) of new samples, higher for what is less like the training samples."""
    ours, theirs = Medians().of(training.series), Medians().of(new.series)
    _, labels = np.unique(training.labels, return_inverse=True)
    forest = RandomForestClassifier(200, class_weight="balanced", random_state=seed).fit(ours, labels)
    means = np.stack([ours[labels == crop].mean(axis=0) for crop in range(labels.max() + 1)])
    spread = LedoitWolf(assume_centered=True).fit(ours - means[labels])
    root = np.linalg.cholesky(spread.precision_)
    isolation = IsolationForest(n_estimators=200, random_state=seed).fit(ours)
    familiar = Familiar.of(training, seed)
    for name, score in (
            ("forest's probability", lambda: -forest.predict_proba(theirs).max(axis=1)),
            ("Mahalanobis distance",
             lambda: np.min([(((theirs - mean) @ root) ** 2).sum(axis=1) for mean in means], axis=0)),
            ("isolation forest", lambda: -isolation.score_samples(theirs)),
            ("tenth neighbour", lambda: familiar.distance(new.series))):
        started = time.process_time()
        yield name, score(), time.process_time() - started


def withheld(samples: Samples, seed: int) -> Iterator[tuple[Samples, Samples, np.ndarray]]:
    """(training samples, samples to score, which of these are of the withheld crop), one crop after the other."""
    training, scored = next(folds(samples, seed))
    for crop in np.unique(samples.labels):
        new = samples.labels[scored] == crop
        if new.sum() >= FEWEST:
            yield samples.take(training[samples.labels[training] != crop]), samples.take(scored), new


def shifted(samples: Samples, where: np.ndarray, pair: tuple[str, str],
            seed: int) -> tuple[Samples, Samples, np.ndarray]:
    """The same of a region and season, by (N,) names of them, and another."""
    known, other = np.flatnonzero(where == pair[0]), np.flatnonzero(where == pair[1])
    training, scored = next(folds(samples.take(known), seed))
    return (samples.take(known[training]), samples.take(np.concatenate([known[scored], other])),
            np.arange(len(scored) + len(other)) >= len(scored))


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--seeds", type=int, default=3)
    seeds = range(asked.parse_args().seeds)
    home = os.environ.get("AGRISPEC_TEST_DATA")
    if not home:
        raise SystemExit("AGRISPEC_TEST_DATA is not set: it names the folder of real data")
    # Crops of fewer parcels than there are folds are absent from some, which is no harm here.
    warnings.filterwarnings("ignore", "The least populated class")
    asia, points = central_asia(Path(home), WINDOW_DAYS).samples, france(Path(home)).samples
    seasons = asian_seasons(Path(home))
    where = np.array([" ".join(map(str, seasons[row])) for row in asia.ids])
    tasks = {"a crop withheld, Central Asia": lambda seed: withheld(asia, seed),
             "a crop withheld, France": lambda seed: withheld(points, seed),
             **{f"{one} to {other}": lambda seed, pair=(one, other): [shifted(asia, where, pair, seed)]
                for one, other in SHIFTS}}
    for task, cases in tasks.items():
        areas: dict[str, list[float]] = {}
        spent: dict[str, float] = {}
        for seed in seeds:
            for training, new, unknown in cases(seed):
                for name, score, seconds in scores(training, new, seed):
                    areas.setdefault(name, []).append(float(roc_auc_score(unknown, score)))
                    spent[name] = spent.get(name, 0) + seconds / len(new)
        said: Mapping[str, str] = {
            name: f"{np.mean(found):.3f} ± {np.std(found):.3f} {1e6 * spent[name] / len(found):6.0f}"
            for name, found in areas.items()}
        print(f"\n{task:<34}{'AUROC':>16}{'s/million':>12}")
        for name, text in said.items():
            print(f"{name:<34}{text:>25}", flush=True)


if __name__ == "__main__":
    main()
