"""A run to export while something fails, and the failures: of the embedded engine, of files, of the process."""

import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import googleapiclient.http
import numpy as np
import pytest
from click.testing import CliRunner

import cli
from exports import manifest, runs, samples, shards
from exports.export import outcomes, patience
from gee_scripts.engine.local.operations import feature_files

PLANNED = 260


@pytest.fixture(scope="session")
def landscape(tiny, tmp_path_factory):
    """A run of the tiny season with twenty samples a task."""
    path = tiny.copy(tmp_path_factory.mktemp("faults") / "run")
    text = (path / "agrispec.toml").read_text()
    (path / "agrispec.toml").write_text(text.replace("per_class = 30", "per_class = 30\nper_task = 20"))
    return path


@pytest.fixture
def run(landscape, tmp_path):
    return Path(shutil.copytree(landscape, tmp_path / "run"))


@pytest.fixture(scope="session")
def unbroken(landscape, tmp_path_factory):
    """Cubes of an export that nothing happened to."""
    path = Path(shutil.copytree(landscape, tmp_path_factory.mktemp("unbroken") / "run"))
    assert export(path).exit_code == 0
    return read(path)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The same pauses, a hundred times shorter: ours, and those of Google's client."""
    monkeypatch.setattr(outcomes, "_PAUSE_S", (0.01, 1.0))
    monkeypatch.setattr(outcomes, "_QUEUE_S", 0.05)
    monkeypatch.setattr(patience, "_PAUSE_S", (0.01, 1.0))
    monkeypatch.setattr(googleapiclient.http, "time", SimpleNamespace(sleep=lambda s: time.sleep(s / 100),
                                                                      time=time.time))


def command(name, run, *more):
    return CliRunner().invoke(cli.main, [name, str(run), *more], catch_exceptions=False)


def export(run, *more):
    return command("export", run, *more)


def read(path):
    opened = runs.open(path)
    return shards.read(opened.shards, opened.config.spec)


def check_whole(run, unbroken):
    """The run holds each planned sample once, with the values of an export that nothing happened to."""
    found, table = read(run), samples.read(run / "samples.parquet")
    assert len(table) == PLANNED
    np.testing.assert_array_equal(found.rows, table["row"])
    np.testing.assert_array_equal(found.rows, unbroken.rows)
    np.testing.assert_array_equal(found.values, unbroken.values)
    np.testing.assert_array_equal(found.counts, unbroken.counts)
    did = manifest.read(run)["stages"]["export"]
    assert did["missing"]["samples"] == 0
    assert not (run / "exporting").exists()
    assert not [path for path in (run / "landscape" / "buckets").rglob("*") if path.is_file()]


def injected(monkeypatch, spoil):
    """Let `spoil(number, features, write)` stand for the writing of the number-th shard of a table export."""
    written, count = feature_files.write_tfrecord, iter(range(10**6))

    def write(features, selectors, staging, prefix, progress):
        def well(features=features):
            paths = []

            def path(name):
                paths.append(staging.path(name))
                return paths[-1]

            written(features, selectors, SimpleNamespace(path=path), prefix, progress)
            return paths[0]

        spoil(next(count), features, well, progress)

    monkeypatch.setattr(feature_files, "write_tfrecord", write)


class Interrupted(BaseException):
    """The process ends: nothing that catches errors catches it."""


def interrupted(*arguments, **named):
    raise Interrupted
