"""CropNet, and the Bi-GRU without and with gradient reversal, on the simulated second season, over five seeds.

Everything is simulated: the landscape of `agrispec-gee demo`, exported through the embedded engine. Settings are
those of the preset `demo`, fixed before this script existed; every model of every seed is trained before the
second season's labels are opened. Whatever the outcome, it is printed.

    python benchmarks/bench_grl.py
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np

from agrispec.formats.asset_tree import AssetTree
from agrispec_tf import evaluate, training
from agrispec_tf.collected import Collected
from exports import collect, runs
from gee_scripts import engine as engines
from gee_scripts import export as graphs
from scenes import demo
from scenes.simulate import Landscape, simulate

SEEDS = range(5)
MODELS = ("cropnet", "bigru", "bigru-grl")


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "grl")
        landscape = Landscape()
        simulate(AssetTree(path / "landscape"), landscape)
        run = runs.create(path, demo.configuration(landscape))
        config = run.config
        engine = engines.open(config.engine, run.path)
        try:
            table = collect.places(config, engine, graphs, lambda done: None)
            collect.cubes(run, config, engine, graphs, table, lambda done: None)
            collected = Collected(run, config)
            print(f"simulated landscape: {len(table)} cubes; held-out cells:"
                  f" {len(collected.labelled('test'))} samples of the first season, {len(collected.target('test'))}"
                  f" of the second; preset demo, seeds {SEEDS.start}-{SEEDS.stop - 1}", flush=True)
            trained = {}
            for seed in SEEDS:
                seeded = replace(config, training=replace(config.training, seed=seed))
                for model in MODELS:
                    started = time.perf_counter()
                    trained[model, seed] = training.fitted(collected, seeded, model,
                                                             training.recipe_of(seeded, model, "demo"))
                    print(f"  trained {model} with seed {seed} in {time.perf_counter() - started:.0f} s", flush=True)
            truth = collect.truth(run, config, engine, graphs)
        finally:
            engine.close()
    report(collected, trained, truth)


def report(collected: Collected, trained: dict, truth) -> None:
    first, second = collected.labelled("test"), collected.judged("test", truth)
    share = np.bincount(second.labels).max() / len(second)
    print(f"\nmajority class of the second season: accuracy {share:.3f}")
    print(f"{'':<12}{'first season':>32}{'second season (simulated shift)':>42}")
    print(f"{'':<12}{'accuracy':>16}{'macro-F1':>16}{'accuracy':>21}{'macro-F1':>16}{'worst F1':>11}")
    reached: dict[str, np.ndarray] = {}
    for model in MODELS:
        rows = []
        for seed in SEEDS:
            found = [evaluate.score(trained[model, seed], samples) for samples in (first, second)]
            rows.append([score for confusion in found for score in (confusion.accuracy, confusion.macro_f1)])
        scores = np.array(rows)
        mean, spread = scores.mean(axis=0), scores.std(axis=0)
        cells = [f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, spread, strict=True)]
        print(f"{model:<12}{cells[0]:>16}{cells[1]:>16}{cells[2]:>21}{cells[3]:>16}{scores[:, 3].min():>11.3f}")
        reached[model] = scores[:, 3]
    gain = reached["bigru-grl"] - reached["bigru"]
    print(f"\nmean ± population standard deviation over {len(SEEDS)} seeds; worst F1 is the lowest of them.")
    print(f"gradient reversal: macro-F1 {gain.mean():+.3f} ± {gain.std():.3f} on the second season,"
          f" better in {int((gain > 0).sum())} of {len(SEEDS)} seeds")


if __name__ == "__main__":
    main()
