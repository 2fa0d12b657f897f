"""What does the export side cost, beside the means at hand?

Each section prints its own lines. The embedded engine stands for Earth Engine and Cloud Storage, a process of its own
on loopback: nothing here says what a network or the service would take, only what this side of it costs.

    python benchmarks/bench_exports.py [--only SECTION ...]
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import ee
import numpy as np
import pandas as pd
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage import transfer_manager

from agrispec.cube import preset
from agrispec.engine import Operation, State, TableExport
from agrispec.season import Season
from exports import planning, runs
from exports.export import cubes, places
from exports.export.budget import Budget
from exports.export.ledger import Entry, Ledger
from exports.export.ledger import State as Standing
from exports.export.running import Runner
from exports.storage.cloud import CloudStorage
from exports.storage.receiving import WORKERS, Receiver
from gee_scripts import engine as engines
from gee_scripts import export as graphs
from gee_scripts.engine.client import Client
from scenes import demo

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
    print(f"  ours / the better of theirs: {_spread(ratios)}; goal 0.8 or more")


def _spread(ratios: Sequence[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} - {max(ratios):.2f})"


def plans() -> None:
    """Cut a million samples into shards, beside pandas' groupby of the same columns; time and memory."""
    random, count = np.random.default_rng(0), 10**6
    cells = np.array([f"E{column:04d}N{row:04d}" for row in range(400, 430) for column in range(100)])
    table = pd.DataFrame({"row": np.arange(count), "lon": random.uniform(0, 10, count),
                          "lat": random.uniform(40, 43, count), "cell": np.sort(random.choice(cells, count)),
                          "season": random.choice([2022, 2023, 2024], count)})
    ratios, seconds = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        table.groupby(["season", "cell"]).size()
        grouped = time.perf_counter()
        shards = planning.shards(table, 1000)
        seconds.append(time.perf_counter() - grouped)
        ratios.append(seconds[-1] / (grouped - began))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
    print(f"{count:,} samples into {len(shards):,} shards: {statistics.median(seconds):.2f} s; the process has taken"
          f" {peak:.2f} GB at most (goal 1)")
    print(f"  ours / pandas' groupby: {_spread(ratios)}; goal 3 or less")


class _Submitted(Exception):
    """All tasks are submitted."""


@dataclass(frozen=True)
class _Endless:
    """An engine whose tasks do not end; it ends the run once all are submitted."""

    tasks: int

    def operations(self, names: Collection[str]) -> dict[str, Operation]:
        if len(names) == self.tasks:
            raise _Submitted
        return {name: Operation(name=name, state=State.PENDING, description="", error="", eecu_seconds=0.0)
                for name in names}


# A server that begins no task: what is measured is asking for them.
_IDLE = """
import sys
from pathlib import Path
from gee_scripts.engine.local.limits import Limits
from gee_scripts.engine.local.server import LocalServer
with LocalServer(Path(sys.argv[1]), sys.argv[2], limits=Limits(concurrent_tasks=0, queued_tasks=10**6)) as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""


def submissions() -> None:
    """Submit 3,000 tasks of five places through the runner and its ledger, beside the requests alone."""
    count, sampled = 3000, 5
    cells = [f"E{column:04d}N{row:04d}" for row in (487, 488) for column in range(count // 2)]
    table = pd.DataFrame({"row": np.arange(count * sampled), "lon": 4.5, "lat": 48.7, "season": 2023,
                          "cell": np.repeat(cells, sampled)})
    shards, spec, season = planning.shards(table, sampled), preset("cropnet-5d"), Season.of(2023)
    taken: dict[str, list[float]] = {"alone": [], "ours": []}
    with tempfile.TemporaryDirectory() as temporary, subprocess.Popen(
            [sys.executable, "-c", _IDLE, temporary, PROJECT], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True) as serving:
        home = Path(temporary)
        ee.Initialize(credentials=AnonymousCredentials(), url=serving.stdout.readline().strip(), project=PROJECT)
        client = Client(name="local", project=PROJECT, buckets=home / "buckets")

        def task(turn: str, shard: planning.Shard) -> TableExport:
            return graphs.cubes(spec, season, shard.cell, planning.at(table, shard.rows), bucket=BUCKET,
                                prefix=f"{turn}/{shard.name}", description="cubes",
                                request_id=planning.request_id(turn, shard.name))

        def alone(turn: str) -> None:
            with ThreadPoolExecutor(WORKERS) as pool:
                list(pool.map(lambda shard: client.export(task(turn, shard)), shards))

        def ours(turn: str) -> None:
            route = SimpleNamespace(width=count, threads=WORKERS, stop=lambda: None,
                                    begin=lambda shard, attempt, path: client.export(task(turn, shard)))
            # One is here already: before any is, no more than three are asked for at once.
            here = Entry(shard=replace(shards[0], name="here"), state=Standing.RECEIVED)
            with Ledger.create(home / f"{turn}.sqlite", {}, shards, [here]) as ledger, suppress(_Submitted):
                Runner(ledger, _Endless(count), route, home, spec, Budget(math.inf), lambda told: None).run()

        for turn in range(3):
            for side, submit in (("alone", alone), ("ours", ours))[::(-1) ** turn]:
                began = time.perf_counter()
                submit(f"{side}{turn}")
                taken[side].append(time.perf_counter() - began)
        ee.Reset()
        serving.stdin.close()
    ratios = [mine / other for mine, other in zip(taken["ours"], taken["alone"], strict=True)]
    alone_s, ours_s = (statistics.median(taken[side]) for side in ("alone", "ours"))
    print(f"{count:,} tasks, {WORKERS} threads, median of {len(ratios)}: requests alone {alone_s:.0f} s, with runner"
          f" and ledger {ours_s:.0f} s")
    print(f"  ours / requests alone: {_spread(ratios)}; goal 1.2 or less")


def routes() -> None:
    """The same samples of the simulated landscape by tasks and by interactive requests, few to many."""
    taken: dict[int, list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary) / "run"
        demo.create(home)
        run = runs.open(home)
        with served(home / "landscape"):
            engine = engines.open(run.config.engine, home)
            try:
                drawn = places.draw(run.config, engine, graphs, lambda done: None)
                by_cell = [group for _, group in drawn.groupby(["season", "cell"])]
                for cells in (1, 2, 4, 8, len(by_cell)):
                    table = pd.concat(by_cell[:cells]).sort_values("row", ignore_index=True)
                    taken[len(table)] = []
                    for interactive in (False, True):
                        with cubes.begin(run, run.config, engine, graphs, table, lambda done: None) as ledger:
                            began = time.perf_counter()
                            cubes.fill(run, run.config, engine, graphs, ledger, limit=Budget(math.inf),
                                       interactive=interactive, progress=lambda told: None)
                            taken[len(table)].append(time.perf_counter() - began)
            finally:
                engine.close()
    for count, (batch, asked) in taken.items():
        print(f"{count:5,} samples: tasks {batch:5.1f} s, interactive {asked:5.1f} s; tasks / interactive"
              f" {batch / asked:.2f}")
    won = [count for count, (batch, asked) in taken.items() if asked < batch]
    print(f"  the interactive route is faster up to {max(won, default=0):,} samples of these (simulated; Earth Engine"
          " lets tasks wait for minutes, and computes interactive requests for five at most)")


SECTIONS: tuple[Callable[[], None], ...] = (plans, submissions, downloads, routes)


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
