"""`--gaps` asks for what a finished export lacks."""

import shutil

import pytest

from exports import manifest
from exports.export import ledger

from .conftest import Interrupted, check_whole, export, injected, interrupted


def test_only_what_a_finished_export_lacks_is_asked_for_again(run, unbroken, monkeypatch):
    done = export(run, "--gaps")
    assert done.exit_code == 1
    assert "has no samples.parquet yet" in done.stderr
    assert export(run).exit_code == 0
    done = export(run, "--gaps")
    assert done.exit_code == 1
    assert "lacks no cube" in done.stderr
    files = sorted((run / "shards").rglob("*.gz"))
    files[1].unlink()
    files[4].write_bytes(files[4].read_bytes()[:-9])
    shutil.copy(files[7], files[7].with_name("again.tfrecord.gz"))
    before = {path: path.stat().st_mtime_ns for path in files if path not in (files[1], files[4])}
    assert "2 tasks, 40 records" in export(run, "--gaps", "--dry-run").output
    written = []
    injected(monkeypatch, lambda number, features, well, progress: written.append(len(features)) or well())
    done = export(run, "--gaps")
    assert done.exit_code == 0, done.output
    assert written == [20, 20]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    check_whole(run, unbroken)
    # What the cubes have cost in all is told.
    assert manifest.read(run)["stages"]["export"]["tasks"] == 13 + 2
    # A shard that is there twice is only removed.
    shutil.copy(files[7], files[7].with_name("again.tfrecord.gz"))
    done = export(run, "--gaps")
    assert done.exit_code == 0, done.output
    assert written == [20, 20]
    check_whole(run, unbroken)
    # Without the run's memory it counts its scenes again.
    (run / "manifest.json").unlink()
    next((run / "shards").rglob("*-g1.tfrecord.gz")).unlink()
    done = export(run, "--gaps")
    assert done.exit_code == 0, done.output
    check_whole(run, unbroken)


def test_gaps_that_were_killed_before_they_were_planned_are_gone_on_with(run, unbroken, monkeypatch):
    assert export(run).exit_code == 0
    sorted((run / "shards").rglob("*.gz"))[2].unlink()
    with monkeypatch.context() as patch:
        patch.setattr(ledger.Ledger, "create", interrupted)
        with pytest.raises(Interrupted):
            export(run, "--gaps")
    assert export(run, "--resume").exit_code == 0
    check_whole(run, unbroken)
