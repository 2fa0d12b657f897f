"""What does the export side cost, beside the means at hand?

Each section prints its own lines. Downloads come from the embedded engine's Cloud Storage, a process of its own on
loopback: nothing here says what a network would give, only what the receiving side costs.

    python benchmarks/bench_exports.py [--only SECTION ...]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage import transfer_manager

from exports.receiving import WORKERS, Receiver
from exports.storage import CloudStorage

PROJECT, BUCKET = "agrispec-local", "bench-exports"
MB = 1e6
# Table shards are of about 1 MB; patches come in files of up to 1 GiB.
LOADS = {"200 objects of 1 MB": [1_000_000] * 200, "4 objects of 64 MB": [64_000_000] * 4}
ROUNDS = 7


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of the embedded engine over a folder, in a process of its own."""
    command = [sys.executable, "-m", "cli", "engine", "serve", "--data", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait()


def downloads() -> None:
    """MB a second through `Receiver`, beside the client's own `transfer_manager`, threads and processes."""
    # The client asks once a bucket what it is, in a thread, for telemetry.
    os.environ["DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"] = "true"
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        source = home / "served" / "buckets" / BUCKET
        for number, sizes in enumerate(LOADS.values()):
            (source / str(number)).mkdir(parents=True)
            for index, size in enumerate(sizes):
                (source / str(number) / f"{index:03d}").write_bytes(np.random.default_rng(index).bytes(size))
        with served(home / "served") as url:
            os.environ["STORAGE_EMULATOR_HOST"] = url
            for number, (load, sizes) in enumerate(LOADS.items()):
                _compare(load, sum(sizes), [f"{number}/{index:03d}" for index in range(len(sizes))], source, home)
            del os.environ["STORAGE_EMULATOR_HOST"]


def _compare(load: str, size: int, names: list[str], source: Path, home: Path) -> None:
    ours = CloudStorage(PROJECT, BUCKET, AnonymousCredentials())
    theirs = storage.Client(PROJECT, AnonymousCredentials()).bucket(BUCKET)

    def receiver(folder: Path) -> None:
        with Receiver(ours, WORKERS) as receiving:
            for future in [receiving.fetch(name, folder / name) for name in names]:
                future.result()

    def manager(kind: str) -> Callable[[Path], None]:
        def run(folder: Path) -> None:
            pairs = [(theirs.blob(name), str(folder / name)) for name in names]
            (folder / names[0]).parent.mkdir(parents=True)
            transfer_manager.download_many(pairs, worker_type=kind, max_workers=WORKERS, raise_exception=True)
        return run

    sides = {"ours": receiver, "threads": manager(transfer_manager.THREAD),
             "processes": manager(transfer_manager.PROCESS)}
    rates: dict[str, list[float]] = {side: [] for side in sides}
    for turn in range(ROUNDS + 1):
        for side in (list(sides) if turn % 2 else reversed(list(sides))):
            folder = home / "received"
            began = time.perf_counter()
            sides[side](folder)
            elapsed = time.perf_counter() - began
            if turn == 0 and any((folder / name).read_bytes() != (source / name).read_bytes() for name in names):
                raise SystemExit(f"what came by {side} differs")
            if turn:  # in the first one the engine sums its files, and everybody warms up
                rates[side].append(size / MB / elapsed)
            shutil.rmtree(folder)
    print(f"{load}, {WORKERS} workers, median of {ROUNDS} rounds: "
          + ", ".join(f"{side} {statistics.median(found):.0f} MB/s" for side, found in rates.items()))
    peer = zip(rates["threads"], rates["processes"], strict=True)
    ratios = [mine / max(other) for mine, other in zip(rates["ours"], peer, strict=True)]
    print(f"  ours / the better of theirs: {statistics.median(ratios):.2f}"
          f" ({min(ratios):.2f} - {max(ratios):.2f}; goal 0.8)")


SECTIONS: tuple[Callable[[], None], ...] = (downloads,)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [section.__name__ for section in SECTIONS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="SECTION", help=", ".join(names))
    chosen = parser.parse_args().only
    for section in SECTIONS:
        if section.__name__ in chosen:
            print(f"-- {section.__name__}")
            section()


if __name__ == "__main__":
    main()
