"""What few labels of another area are worth to a network that knows one area already, on real parcels.

Fixed before the first run on Samarkand: a network learns Fergana (2011, 2015-2018) on days 161 to 273, all of its
classes, and is adapted to Samarkand (2016) by n labels a class, of the classes that have parcels in at least ten blocks
of 0.1 degrees in both. Half of Samarkand's blocks test, and give no label. Of the n labels of a class three fifths
teach, from a third of the blocks, and two fifths, from a sixth, choose the epoch: who trains a network has no other
labels to choose by. Forests choose nothing, and learn from all n. Recipes were chosen on `--pair years`, Fergana's
other years to its 2016, never on Samarkand. A seed draws blocks, labels and weights. All figures are of this run.
Both networks took 17 minutes of a processor that others used, too.

    AGRISPEC_TEST_DATA=../shared/data python benchmarks/bench_finetune.py [--seeds 5] [--networks tempcnn bigru]
        [--labels 5 10 20] [--pair samarkand] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
from fields_data import asian_seasons, central_asia
from sklearn.model_selection import StratifiedGroupKFold

from agrispec_tf import finetune, recipes, train
from agrispec_tf.baselines import baseline as baselines
from agrispec_tf.baselines.features import Medians
from agrispec_tf.classifier import Classifier
from agrispec_tf.data.samples import Samples, Series
from agrispec_tf.metrics import Confusion
from agrispec_tf.models import architectures
from agrispec_tf.recipes import Recipe

WINDOW_DAYS = (161, 273)
FEWEST_BLOCKS = 10
"""In which a class must have parcels, in either area."""
KNOWING = Recipe(epochs=40, batch=64, learning_rate=1e-3, standardised=True, patience=10)
"""How a network learns the first area."""
ANEW = replace(recipes.FINETUNING, epochs=2 * recipes.FINETUNING.epochs, standardised=True)
"""How one learns the second area alone: as many updates as both stages of a fine-tuning."""
PAIRS: dict[str, tuple[Callable[[str, int], bool], Callable[[str, int], bool]]] = {
    "samarkand": (lambda region, year: region == "Fergana", lambda region, year: region == "Samarkand"),
    "years": (lambda region, year: region == "Fergana" and year != 2016,
              lambda region, year: region == "Fergana" and year == 2016),
}
"""Which parcels are of the first area, and which of the second."""


class Trained(Protocol):
    """What a method makes of samples."""

    class_names: tuple[str, ...]

    def probabilities(self, series: Series) -> np.ndarray:
        """(N, C)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pair:
    """Two areas.

    Attributes:
        known: samples of the first, labelled by `known_names`.
        fresh: samples of the second, labelled by `names`.
        names: classes of both.
    """

    known: Samples
    known_names: tuple[str, ...]
    fresh: Samples
    names: tuple[str, ...]


def pair(name: str, folder: Path) -> Pair:
    """A pair of areas, out of real data."""
    fields, seasons = central_asia(folder, WINDOW_DAYS), asian_seasons(folder)
    samples = fields.samples
    sides = [np.array([side(*seasons[parcel]) for parcel in samples.ids]) for side in PAIRS[name]]

    def blocks(side: np.ndarray, label: int) -> int:
        return len(np.unique(samples.cells[side & (samples.labels == label)]))
    classes = range(len(fields.class_names))
    # A class needs two parcels in places of their own to be learnt, and one to choose by.
    known = [label for label in classes if blocks(sides[0], label) >= 3]
    both = [label for label in known if min(blocks(side, label) for side in sides) >= FEWEST_BLOCKS]
    first, second = (_numbered(samples.take(side & np.isin(samples.labels, labels)), labels)
                     for side, labels in zip(sides, (known, both), strict=True))
    return Pair(known=first, known_names=tuple(fields.class_names[label] for label in known), fresh=second,
                names=tuple(fields.class_names[label] for label in both))


def drawn(samples: Samples, count: int, seed: int) -> tuple[Samples, Samples, Samples]:
    """(teaching, choosing, testing): at most `count` labels a class between the first two, as the title says."""
    classes, choosing = samples.labels.max() + 1, count * 2 // 5
    for parts in _parts(samples, 6, seed):
        generator = np.random.default_rng(seed)
        places = (np.concatenate(parts[3:5]), parts[5], np.concatenate(parts[:3]))
        rows = [np.concatenate([generator.permutation(place[samples.labels[place] == label])[:most]
                                for label in range(classes)])
                for place, most in zip(places, (count - choosing, choosing, None), strict=True)]
        if all(len(np.unique(samples.labels[one])) == classes for one in rows):
            teaching, chosen, testing = (samples.take(np.sort(one)) for one in rows)
            return teaching, chosen, testing
    raise SystemExit("no division of the blocks leaves every class in each part")


def learnt(model: str, samples: Samples, names: tuple[str, ...], seed: int) -> Classifier:
    """A network that knows an area, its epoch chosen on a fifth of the blocks."""
    for parts in _parts(samples, 5, seed):
        training, validation = samples.take(np.sort(np.concatenate(parts[1:]))), samples.take(parts[0])
        if len(np.unique(training.labels)) == len(names):
            options = architectures.for_cube(model, samples.series.cube, len(names))
            return train.fit(options, training, validation, class_names=names, how=KNOWING, seed=seed)
    raise SystemExit("no division of the blocks leaves every class to learn")


def of_network(model: str, source: Classifier, areas: Pair, teaching: Samples, choosing: Samples,
               seed: int) -> dict[str, Callable[[], Trained]]:
    """By name, the ways to make use of a network that knows the first area."""
    options = replace(source.options, classes=len(areas.names))
    given = {"class_names": areas.names, "seed": seed}
    return {f"{model}, as it is": lambda: source,
            f"{model}, fine-tuned": lambda: finetune.fit(source, teaching, choosing, how=recipes.FINETUNING, **given),
            f"{model}, anew": lambda: train.fit(options, teaching, choosing, how=ANEW, **given)}


def of_forest(grown: Trained, areas: Pair, few: Samples, seed: int) -> dict[str, Callable[[], Trained]]:
    """By name, the ways to make use of a forest that knows the first area."""
    both = areas.known.joined(_renamed(few, areas.names, areas.known_names))
    return {"forest, first area": lambda: grown, "forest, n labels": lambda: _forest(few, areas.names, seed),
            "forest, both": lambda: _forest(both, areas.known_names, seed)}


def run(areas: Pair, networks: list[str], counts: list[int], seeds: int) -> dict[int, dict[str, list[dict]]]:
    """By labels a class and by method, the scores of each seed."""
    found: dict[int, dict[str, list[dict]]] = {count: {} for count in counts}
    for seed in range(seeds):
        grown = _forest(areas.known, areas.known_names, seed)
        sources = {model: learnt(model, areas.known, areas.known_names, seed) for model in networks}
        for count in counts:
            teaching, choosing, testing = drawn(areas.fresh, count, seed)
            methods = of_forest(grown, areas, teaching.joined(choosing), seed)
            for model, source in sources.items():
                methods |= of_network(model, source, areas, teaching, choosing, seed)
            for name, made in methods.items():
                started = time.process_time()
                trained = made()
                seconds = time.process_time() - started
                score = Confusion.of(testing.labels, _among(areas.names, trained, testing.series), len(areas.names))
                found[count].setdefault(name, []).append({"macro_f1": score.macro_f1, "accuracy": score.accuracy,
                                                          "f1": score.f1.tolist(), "seconds": seconds})
                print(f"  seed {seed}, {count} labels a class, {name}: {score.macro_f1:.3f}", flush=True)
    return found


def report(areas: Pair, found: dict[int, dict[str, list[dict]]]) -> None:
    """Prints a table for each number of labels, the worst method first."""
    print(f"\nFirst area: {len(areas.known)} parcels, {len(areas.known_names)} classes. Second: {len(areas.fresh)}"
          f" parcels in {len(np.unique(areas.fresh.cells))} blocks: " + ", ".join(
              f"{name} {count}" for name, count in zip(areas.names, np.bincount(areas.fresh.labels), strict=True)))
    for count, methods in found.items():
        print(f"\n{count} labels a class{'worst class':>39}{'worst seed':>12}{'macro-F1':>17}{'OA':>8}{'s':>6}")
        for name, rows in sorted(methods.items(), key=lambda item: np.mean([row["macro_f1"] for row in item[1]])):
            f1, macro = np.mean([row["f1"] for row in rows], axis=0), np.array([row["macro_f1"] for row in rows])
            worst = f"{areas.names[f1.argmin()]} {f1.min():.3f}"
            print(f"{name:<32}{worst:>24}{macro.min():>12.3f}{macro.mean():>10.3f} ± {macro.std():.3f}"
                  f"{np.mean([row['accuracy'] for row in rows]):>8.3f}"
                  f"{np.mean([row['seconds'] for row in rows]):>6.0f}")


def _parts(samples: Samples, count: int, seed: int) -> Iterator[list[np.ndarray]]:
    """Divisions of the blocks into so many parts; classes are spread as evenly as blocks allow."""
    for again in range(100):
        split = StratifiedGroupKFold(count, shuffle=True, random_state=100 * seed + again)
        yield [part for _, part in split.split(samples.labels, samples.labels, samples.cells)]


def _forest(samples: Samples, names: tuple[str, ...], seed: int) -> Trained:
    return baselines.fit("random-forest", samples, class_names=names, features=Medians(), seed=seed)


def _among(names: tuple[str, ...], trained: Trained, series: Series) -> np.ndarray:
    """(N,) numbers of the likeliest of some classes, whatever others a method knows."""
    columns = [trained.class_names.index(name) for name in names]
    return trained.probabilities(series)[:, columns].argmax(axis=1)


def _numbered(samples: Samples, labels: list[int]) -> Samples:
    return replace(samples, labels=np.searchsorted(labels, samples.labels))


def _renamed(samples: Samples, names: tuple[str, ...], others: tuple[str, ...]) -> Samples:
    return replace(samples, labels=np.array([others.index(name) for name in names])[samples.labels])


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--pair", choices=list(PAIRS), default="samarkand")
    asked.add_argument("--networks", nargs="+", default=["tempcnn", "bigru"], metavar="NAME")
    asked.add_argument("--labels", nargs="+", type=int, default=[5, 10, 20], metavar="N")
    asked.add_argument("--seeds", type=int, default=5)
    asked.add_argument("--json", type=Path)
    options = asked.parse_args()
    home = os.environ.get("AGRISPEC_TEST_DATA")
    if not home:
        raise SystemExit("AGRISPEC_TEST_DATA is not set: it names the folder of real data")
    areas = pair(options.pair, Path(home))
    found = run(areas, options.networks, options.labels, options.seeds)
    report(areas, found)
    print(f"\n{options.seeds} seeds: means and standard deviations. Seconds are the processor's, of adapting alone.")
    if options.json:
        options.json.write_text(json.dumps({"pair": options.pair, "seeds": options.seeds, "methods": found},
                                           indent=2) + "\n")


if __name__ == "__main__":
    main()
