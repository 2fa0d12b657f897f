"""What does a map cost beside its model, and does what feeds a fast one keep up with inflating the shards?

Two sides of `predict` on one machine, on simulated patches of CropNet's cube (43 steps of 10 bands and the count, 64 x
64 pixels each, GZIP):

model: 65,536 pixels with an untrained CropNet on OpenVINO, from shards to a finished folder, against that model alone
    on the same series in memory, half of them before and half after. Goal: 1.15 times its time at most. Nothing here
    speaks of accuracy.
feed: a model that costs nothing, 1, 4 and 16 million pixels, each in a process of its own, against a bare inflate of
    the same shards (isal, one thread). Goal: 0.8 of its rate at least, and memory that does not grow with the map.

    python benchmarks/bench_predict_map.py [--only model|feed]
"""

from __future__ import annotations

import os

# Before any import that starts threads.
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3")

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from isal import igzip_lib
from numpy.typing import NDArray

from agrispec.cube import CubeSpec, preset
from agrispec.formats import example, mixer
from agrispec.grid import Grid
from agrispec_tf import crop_map
from agrispec_tf.data.samples import Series
from agrispec_tf.deployment import runtimes
from agrispec_tf.deployment.runtimes import Chosen
from exports import mapping, runs, shards
from exports.runs import Run

SIDE, SHARD = 64, 64
"""Pixels of a patch's side, and patches in a shard."""

FEED = {1: 1024, 4: 2048, 16: 4096}
"""Million pixels -> side of the map."""

CLASSES = 8

CONFIGURATION = """
[area]
cells = ["E0045N0487"]
[season]
source = [2022]
target = 2023
[labels]
images = "projects/agrispec-local/assets/labels"
band = "crop"
[map]
bounds = [600000, {south}, {east}, 5400000]
crs = "EPSG:32631"
patch = 64
"""


class Free:
    """A model that has the answers: whatever it is asked, as many of them."""

    class_names = tuple(f"class {number}" for number in range(CLASSES))
    training: Mapping[str, Any] = {}

    def __init__(self, cube: CubeSpec) -> None:
        self.cube = cube
        self._answers = np.random.default_rng(0).dirichlet([0.3] * CLASSES, 2 * 16384).astype(np.float32)

    def probabilities(self, series: Series) -> NDArray[np.float32]:
        return self._answers[:len(series)]


def write_shard(path: Path, spec: CubeSpec) -> None:
    """A shard of simulated patches: a third of the steps unseen, reflectance in steps of 1/10,000."""
    generator = np.random.default_rng(0)
    steps, columns = spec.shape
    shape = (SHARD, steps, SIDE * SIDE)
    counts = generator.integers(0, 3, shape).astype(np.float32)
    bands = {}
    for number, name in enumerate(spec.patch_bands()):
        step, column = divmod(number, columns)
        values = generator.normal(0.2, 0.05, (SHARD, SIDE * SIDE)).round(4)
        bands[name] = counts[:, step] if column == columns - 1 else np.where(
            counts[:, step] > 0, values, spec.fill).astype(np.float32)
    example.write(path, bands)


def run_of(home: Path, shard: Path, side: int) -> Run:
    """A run whose map of `side` pixels is made of links to one shard."""
    classes = "".join(f'[[classes]]\nname = "class {number}"\ncodes = [{number}]\ncolour = "#{number}00000"\n'
                      for number in range(CLASSES))
    run = runs.create(home, CONFIGURATION.format(south=5400000 - 10 * side, east=600000 + 10 * side) + classes)
    run.patches.mkdir()
    total = (side // SIDE) ** 2
    for number in range(-(-total // SHARD)):
        os.link(shard, run.patches / f"map-{number:05d}.tfrecord.gz")
    grid = mapping.grid_of(run.config)
    mixer.write(run.patches / "map-mixer.json", mixer.Mixer(
        crs=grid.crs, transform=grid.transform, patch_width=SIDE, patch_height=SIDE, patches_per_row=side // SIDE,
        total_patches=total))
    layout = shards.PatchLayout(grid=Grid(crs=grid.crs, transform=grid.transform, width=side, height=side), patch=SIDE,
                                season=2023)
    shards.describe(run.patches, run.config.spec.view(), layout=layout)
    return run


def predicted(run: Run, trained: Any, predictor: Any) -> float:
    """Seconds of the whole path with a model that is loaded already."""
    chosen = Chosen(name="benchmark", predictor=predictor)
    with (patch("agrispec_tf.run_models.load", return_value=trained),
          patch("agrispec_tf.model_folder.digest", return_value="0" * 16),
          patch.object(runtimes, "check"), patch.object(runtimes, "choose", return_value=chosen)):
        began = time.perf_counter()
        crop_map.run_predict(run, run.config, "benchmark", mapping.patches_of(run, run.config, None),
                             crop_map.Parcels.of((), run.config), lambda share: None, print)
        return time.perf_counter() - began


def inflate(files: list[Path]) -> float:
    """Seconds to inflate files, one after another."""
    began = time.perf_counter()
    for path in files:
        inflater = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP)
        with open(path, "rb") as file:
            while not inflater.eof:
                inflater.decompress(file.read(1 << 20) if inflater.needs_input else b"", 1 << 20)
    return time.perf_counter() - began


def model(home: Path, shard: Path) -> None:
    """CropNet on 65,536 pixels: the whole path against the model alone."""
    import keras

    from agrispec_tf import classifier as classifiers
    from agrispec_tf.classifier import Classifier
    from agrispec_tf.data.preparation import Preparation
    from agrispec_tf.deployment import network
    from agrispec_tf.models.cropnet import CropNetOptions
    few = home / "few.tfrecord.gz"
    example.write(few, next(iter(example.iterate(shard, None, 16))))
    run = run_of(home / "model", few, 256)
    spec = run.config.spec.view()
    keras.utils.set_random_seed(0)
    options = CropNetOptions.for_cube(spec, CLASSES)
    trained = Classifier(model=classifiers.compiled_for_inference(options.build()), options=options, cube=spec,
                         class_names=Free.class_names, preparation=Preparation(), training={})
    predictor = network.OnnxClassifier.of(network.written(trained), "openvino")
    parts = [Series(cube=spec, values=block.values, counts=block.counts)
             for block in mapping.patches_of(run, run.config, None).blocks(0)]
    pixels = sum(map(len, parts))
    predictor.probabilities(parts[0].take(np.arange(64)))  # what begins slowly has begun
    half = len(parts) // 2
    alone = asked(predictor, parts[:half])
    path = predicted(run, trained, predictor)
    alone += asked(predictor, parts[half:])
    print(f"{pixels:,} pixels: CropNet alone {alone:.1f} s ({pixels / alone:,.0f} pixels/s), whole path {path:.1f} s")
    print(f"  path / model alone: {path / alone:.2f}; goal 1.15 or less")


def asked(predictor: Any, parts: list[Series]) -> float:
    """Seconds that a predictor takes."""
    began = time.perf_counter()
    for part in parts:
        predictor.probabilities(part)
    return time.perf_counter() - began


def feed(home: Path, shard: Path) -> None:
    """A model that costs nothing: the rate of the path against that of a bare inflate, and its memory."""
    peaks = {}
    for millions, side in FEED.items():
        run = run_of(home / f"feed-{millions}", shard, side)
        files = sorted(run.patches.glob("*.tfrecord.gz"))
        before = inflate(files[:4])
        done = subprocess.run([sys.executable, __file__, "--child", str(run.path)], capture_output=True, text=True,
                              check=True)
        after = inflate(files[:4])
        bare = min(before, after) * len(files) / min(len(files), 4)
        told = json.loads(done.stdout.splitlines()[-1])
        peaks[millions] = told["peak_mb"]
        print(f"{millions:2} M pixels: bare inflate {bare:.1f} s, whole path {told['seconds']:.1f} s; rate"
              f" {bare / told['seconds']:.2f} of it (goal 0.8 or more), peak {told['peak_mb']:,.0f} MB,"
              f" {told['seconds'] / side**2 * 1e6:.2f} us a pixel, {told['cpu_s'] / told['seconds']:.1f} cores had")
    print(f"  peak at 16 M / at 1 M pixels: {peaks[16] / peaks[1]:.2f}")


def child(path: Path) -> None:
    """One map with a model that costs nothing, in this process alone."""
    run = runs.open(path)
    free = Free(run.config.spec.view())
    seconds = predicted(run, free, free)
    used = resource.getrusage(resource.RUSAGE_SELF)
    # A process that another one started counts that one's memory in its ru_maxrss; not in this.
    peak_kb = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
    print(json.dumps({"seconds": seconds, "peak_mb": peak_kb / 1e3, "cpu_s": used.ru_utime + used.ru_stime}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["model", "feed"])
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child)
        return
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        write_shard(home / "shard.tfrecord.gz", preset("cropnet-5d").view())
        for section in (model, feed):
            if given.only in (None, section.__name__):
                section(home, home / "shard.tfrecord.gz")


if __name__ == "__main__":
    main()
