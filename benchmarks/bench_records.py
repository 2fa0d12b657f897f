"""How fast are records read, every checksum compared, against tf.data's batched `parse_example`?

Both sides give batches of 256 from the same files with one thread each, taking turns in one run. Apart from the
ratios with a goal: all records kept as one array each, and GZIP against a bare inflate.

    python benchmarks/bench_records.py
"""

from __future__ import annotations

import os

# Before any import that starts threads.
os.environ.update(NUMBA_NUM_THREADS="1", OMP_NUM_THREADS="1", TF_CPP_MIN_LOG_LEVEL="3")

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from isal import igzip_lib

from agrispec.formats import example

RECORDS, FLOATS, REPEATS, BATCH = 40_000, 430, 7, 256
FEATURES = {"x": example.Feature(kind="float", length=FLOATS), "label": example.Feature(kind="int64")}


def in_batches(path: Path) -> int:
    return sum(len(batch["x"]) for batch in example.iterate(path, FEATURES, BATCH))


def at_once(path: Path) -> int:
    return len(example.read(path, FEATURES)["x"])


def tf_data(path: Path, compression: str) -> int:
    spec = {"x": tf.io.FixedLenFeature([FLOATS], tf.float32), "label": tf.io.FixedLenFeature([1], tf.int64)}
    records = tf.data.TFRecordDataset(str(path), compression_type=compression, buffer_size=8 << 20)
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    options.threading.max_intra_op_parallelism = 1
    options.autotune.enabled = False
    batches = records.batch(BATCH).map(lambda serialized: tf.io.parse_example(serialized, spec))
    return sum(len(batch["x"]) for batch in batches.with_options(options))


def bare_inflate(path: Path) -> int:
    inflater = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP)
    size = 0
    with open(path, "rb") as file:
        while not inflater.eof:
            size += len(inflater.decompress(file.read(1 << 20) if inflater.needs_input else b"", 1 << 20))
    return size


def medians(contestants: dict[str, Callable[[], int]]) -> dict[str, float]:
    """Median wall seconds of each, taken in turns so that a slow moment of the machine hits all."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for repeat in range(REPEATS + 1):
        for name, run in contestants.items():
            start = time.perf_counter()
            answer = run()
            if repeat:  # the first round warms the page cache, the compiled kernels and TensorFlow's graph
                seconds[name].append(time.perf_counter() - start)
            assert "inflate" in name or answer == RECORDS, (name, answer)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def main() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    rng = np.random.default_rng(0)
    columns = {"x": rng.random((RECORDS, FLOATS), np.float32), "label": rng.integers(0, 17, RECORDS)}
    with tempfile.TemporaryDirectory() as folder:
        plain, packed = Path(folder, "plain.tfrecord"), Path(folder, "packed.tfrecord.gz")
        for path in (plain, packed):
            start = time.perf_counter()
            example.write(path, columns, gzip=path is packed)
            print(f"write {path.name:24s} {RECORDS / (time.perf_counter() - start):12,.0f} records/s"
                  f" {path.stat().st_size / 1e6:8.1f} MB")
        read = example.read(packed, FEATURES)
        assert np.array_equal(read["x"], columns["x"])
        assert np.array_equal(read["label"][:, 0], columns["label"])
        seconds = medians({
            "plain, ours": lambda: in_batches(plain),
            "plain, tf.data": lambda: tf_data(plain, ""),
            "plain, ours, all at once": lambda: at_once(plain),
            "gzip, ours": lambda: in_batches(packed),
            "gzip, tf.data": lambda: tf_data(packed, "GZIP"),
            "gzip, ours, all at once": lambda: at_once(packed),
            "gzip, bare isal inflate": lambda: bare_inflate(packed),
        })
    for name, taken in seconds.items():
        print(f"{name:30s} {RECORDS / taken:12,.0f} records/s {taken:8.3f} s")
    for name, mine, peer, goal in (
            ("records_plain_at_once", "plain, ours, all at once", "plain, tf.data", ""),
            ("records_gzip_to_inflate", "gzip, ours", "gzip, bare isal inflate", ""),
            ("records_plain", "plain, ours", "plain, tf.data", " goal=>=1.5"),
            ("records_gzip", "gzip, ours", "gzip, tf.data", " goal=>=1.0")):
        print(f"{name} ratio={seconds[peer] / seconds[mine]:.2f}{goal}")


if __name__ == "__main__":
    main()
