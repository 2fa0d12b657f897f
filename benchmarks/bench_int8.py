"""What integers of 8 bits cost CropNet in accuracy, on real fields.

The folds are those of bench_fields.py: whole blocks, five of them, each held out once. CropNet v3 learns from four
fifths of the other blocks; the last fifth chooses its epoch. Its scales come from training samples alone. Scores are of
the held-out samples of all folds together, in 32 and in 8 bits, with 95 % intervals over blocks. Epochs are few, fixed
before the first run: the two forms are compared here, not CropNet with other methods.

    AGRISPEC_TEST_DATA=../shared/data python benchmarks/bench_int8.py [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
from fields_data import Fields, central_asia, france

from agrispec_tf import train
from agrispec_tf.deployment import cost, int8, network
from agrispec_tf.deployment.network import OnnxClassifier
from agrispec_tf.models.cropnet import CropNetOptions
from agrispec_tf.protocols import folds
from agrispec_tf.recipes import Recipe

FIELDS: tuple[tuple[Callable[[Path], Fields], int], ...] = ((france, 30), (central_asia, 8))
CALIBRATION = 512
"""Training samples at most that the scales come from."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path, help="where to write the figures")
    chosen = parser.parse_args()
    found = {}
    for read, epochs in FIELDS:
        fields = read(Path(os.environ["AGRISPEC_TEST_DATA"]))
        paid = compared(fields, epochs)
        found[fields.name] = {"epochs": epochs, **asdict(paid)}
        print(f"{fields.name}: CropNet v3, {epochs} epochs, {paid.samples} held-out samples in {paid.blocks} blocks\n"
              f"  accuracy, 32 to 8 bits {paid.accuracy}\n  macro-F1, 32 to 8 bits {paid.macro_f1}\n"
              f"  same class {paid.agreement:.4f}", flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=2) + "\n")


def compared(fields: Fields, epochs: int) -> cost.Cost:
    """What all held-out samples say."""
    samples, classes = fields.samples, len(fields.class_names)
    before, after = np.zeros(len(samples), np.int64), np.zeros(len(samples), np.int64)
    for rest, held_out in folds.of_cells(samples.labels, samples.cells):
        learning, choosing = next(folds.of_cells(samples.labels[rest], samples.cells[rest], seed=1))
        training = samples.take(rest).take(learning)
        trained = train.fit(CropNetOptions.for_cube(samples.series.cube, classes), training,
                            samples.take(rest).take(choosing), class_names=fields.class_names,
                            how=Recipe(epochs=epochs, batch=64, learning_rate=1e-3, standardised=True), seed=0)
        some = training.thinned(CALIBRATION, np.random.default_rng(0)).series
        small = int8.quantised(network.written(trained), trained.preparation.apply(some))
        there = samples.series.take(held_out)
        before[held_out] = trained.probabilities(there).argmax(axis=1)
        after[held_out] = OnnxClassifier.of(small).probabilities(there).argmax(axis=1)
    return cost.between(before, after, samples.labels, samples.cells, classes)


if __name__ == "__main__":
    main()
