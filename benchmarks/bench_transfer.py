"""Every rung of the ladder on every pair of source and target, and what would be chosen without the target's labels.

A network (TempCNN) learns the source's training blocks; a fifth of the source's blocks, drawn by the seed, chooses its
epoch. Rungs above see the target's series without a label. The series that judge are those that are adapted to, as when
a season is mapped; their labels are opened by the report alone. The target's own cross-validation is a forest's, five
folds of whole blocks, which learns as many samples as the source's forest does, or all there are.

What to know of the table: docs/transfer.md, which also tells what was seen of the pairs before the code was as it is.

Outcomes are kept in a folder: the same command goes on after an interruption. Other code, data or versions begin anew.

    AGRISPEC_TEST_DATA=../shared/data python benchmarks/bench_transfer.py [--pairs NAME ...] [--seeds 5] [--trials]
        [--into transfer-bench] [--processes 2]
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Hundreds of small trainings of few shapes: what JAX has compiled is kept, and a process computes on one core.
os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
import numpy as np
import transfer_scores
from transfer_data import PAIRS, TRIALS, Pair
from transfer_scores import Outcome

from agrispec.formats.atomic import write_files
from agrispec_tf import recipes, train
from agrispec_tf.adaptation import diagnostics, ladder
from agrispec_tf.adaptation.domains import Domains
from agrispec_tf.adaptation.ladder import Settings
from agrispec_tf.baselines import baseline
from agrispec_tf.baselines.features import Medians
from agrispec_tf.data.samples import Samples
from agrispec_tf.model_folder import Trained
from agrispec_tf.models.tempcnn import TempCNNOptions
from agrispec_tf.protocols import folds
from agrispec_tf.protocols import kept as kept_files

FOREST = "forest"
RECIPE = replace(recipes.recipe("small", "tempcnn"), epochs=40, patience=10)


def settings_of(pair: Pair) -> Settings:
    cube = pair.source.series.cube
    return Settings(options=TempCNNOptions.for_cube(cube, len(pair.class_names)), recipe=RECIPE)


def outcome(pair: Pair, seed: int) -> Outcome:
    """One seed on one pair."""
    learning, held_out = divided(pair.source, pair.class_names, seed)
    training, validation = pair.source.take(learning), pair.source.take(held_out)
    earlier = pair.earlier and pair.earlier.take(~np.isin(pair.earlier.cells, validation.cells))
    domains = Domains(training=training, validation=validation, target=pair.target.series,
                      class_names=pair.class_names, earlier=earlier)
    weights = ladder.importance(domains)
    target, source, validators, seconds = {}, {}, {}, {}
    started, shift_days = time.process_time(), np.nan

    heat: dict[str, float] = {}

    def take(name: str, trained: Trained) -> None:
        nonlocal started
        target[name], source[name] = (trained.probabilities(series) for series in (domains.target,
                                                                                   validation.series))
        heat[name] = ladder.temperature(name, trained, domains, heat)
        validators[name] = ladder.validated(trained, domains, weights, heat[name])
        seconds[name] = time.process_time() - started
        started = time.process_time()

    take(FOREST, _forest(training, pair.class_names, seed))
    for name, classifier in ladder.climbed(settings_of(pair), domains, ladder.rungs(domains), seed):
        take(name, classifier)
        if name == ladder.SELF_TRAINING:
            shift_days = classifier.training["adaptation"][name]["shift_days"]
    return Outcome(target=target, source=source, held_out=held_out, validators=validators, seconds=seconds,
                   own=own(pair.target, pair.class_names, len(training), seed), shift_days=shift_days,
                   distance=asdict(diagnostics.distance(training.series, domains.target, seed=seed)))


def divided(source: Samples, class_names: tuple[str, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(training rows, validation rows) by whole blocks, a fifth of them; every class is left to learn from."""
    for learning, judging in folds.of_cells(source.labels, source.cells, seed=seed):
        if len(np.unique(source.labels[learning])) == len(class_names):
            return learning, judging
    raise SystemExit("no division of the blocks leaves every class to learn from")


def own(target: Samples, class_names: tuple[str, ...], size: int, seed: int) -> np.ndarray:
    """(N,) classes that forests give which learnt other blocks of the target, `size` samples at most."""
    found = np.full(len(target), -1)
    for learning, judging in folds.of_cells(target.labels, target.cells, seed=seed):
        known = target.take(learning).thinned(size, np.random.default_rng(seed))
        classes = np.unique(known.labels)
        numbered = replace(known, labels=np.searchsorted(classes, known.labels))
        grown = _forest(numbered, tuple(class_names[label] for label in classes), seed)
        found[judging] = classes[grown.probabilities(target.take(judging).series).argmax(axis=1)]
    return found


def _forest(samples: Samples, names: tuple[str, ...], seed: int):
    return baseline.fit("random-forest", samples, class_names=names, features=Medians(), seed=seed)


@cache
def read(name: str) -> Pair:
    return {**PAIRS, **TRIALS}[name](Path(os.environ["AGRISPEC_TEST_DATA"]))


def kept(task: tuple[str, int, Path]) -> tuple[str, int, Outcome]:
    """An outcome, computed if it is not kept yet."""
    name, seed, into = task
    pair = read(name)
    path = into / f"{name}-seed{seed}-{_digest(pair)}.npz"
    if not path.exists():
        import keras
        keras.backend.clear_session()
        _write(path, outcome(pair, seed))
        print(f"  {name}, seed {seed}", flush=True)
    with np.load(path) as file:
        told = json.loads(str(file["told"]))
        sides = {side: {rung: file[f"{side} {rung}"] for rung in told["validators"]} for side in ("target", "source")}
        return name, seed, Outcome(own=file["own"], held_out=file["held_out"], **sides, **told)


def _digest(pair: Pair) -> str:
    """Whatever an outcome follows from: data, settings, versions, and the code that makes it."""
    sides = [side for side in (pair.source, pair.earlier, pair.target) if side is not None]
    arrays = [array for side in sides for array in (side.series.values, side.series.counts, side.series.heat,
                                                    side.labels, side.cells) if array is not None]
    package = Path(train.__file__).parent
    code = [*(path for part in ("adaptation", "baselines", "data", "layers", "models") for path in
              sorted((package / part).glob("*.py"))),
            *(package / name for name in ("train.py", "classifier.py", "calibration.py", "protocols/folds.py"))]
    made = {"data": kept_files.digest_of(*arrays), "settings": asdict(settings_of(pair)),
            "code": hashlib.sha256(b"".join(path.read_bytes() for path in code)).hexdigest(),
            "backend": os.environ["KERAS_BACKEND"],
            "versions": {name: version(name) for name in ("keras", "numpy", "scikit-learn")}}
    return hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()[:8]


def _write(path: Path, found: Outcome) -> None:
    content = io.BytesIO()
    told = json.dumps({name: getattr(found, name) for name in ("validators", "seconds", "distance", "shift_days")})
    arrays = {f"{side} {rung}": values for side in ("target", "source") for rung, values in
              getattr(found, side).items()}
    np.savez_compressed(content, told=told, own=found.own, held_out=found.held_out, **arrays)
    write_files({path: content.getvalue()})


def all_of(names: list[str], seeds: int, into: Path, processes: int) -> Iterator[tuple[str, int, Outcome]]:
    tasks = [(name, seed, into) for seed in range(seeds) for name in names]
    if processes == 1:
        yield from map(kept, tasks)
        return
    # Not forked: TensorFlow's threads would not come along. A process is begun anew before it grows large.
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(into.resolve() / "compiled"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    with multiprocessing.get_context("spawn").Pool(processes, maxtasksperchild=16) as pool:
        yield from pool.imap_unordered(kept, tasks)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--pairs", nargs="+", choices=[*PAIRS, *TRIALS], metavar="NAME")
    asked.add_argument("--trials", action="store_true", help="the pairs on which settings were tried")
    asked.add_argument("--seeds", type=int, default=5)
    asked.add_argument("--into", type=Path, default=Path("transfer-bench"), help="folder of the outcomes")
    asked.add_argument("--processes", type=int, default=2)
    options = asked.parse_args()
    if not os.environ.get("AGRISPEC_TEST_DATA"):
        raise SystemExit("AGRISPEC_TEST_DATA is not set: it names the folder of real data")
    names = options.pairs or list(TRIALS if options.trials else PAIRS)
    started = time.time()
    found: dict[str, dict[int, Outcome]] = {name: {} for name in names}
    for name, seed, one in all_of(names, options.seeds, options.into, options.processes):
        found[name][seed] = one
    rows = [transfer_scores.of_pair(read(name), [found[name][seed] for seed in sorted(found[name])])
            for name in names]
    print("\n".join(transfer_scores.page(rows)))
    print(f"\n{options.seeds} seeds, {time.time() - started:.0f} s with what was kept before.")


if __name__ == "__main__":
    main()
