"""What a task does not bring is asked for again; what never comes is named, with why."""

import numpy as np

from agrispec.errors import EngineError
from exports import manifest

from .conftest import PLANNED, check_whole, command, export, injected, read


def test_a_task_that_fails_at_its_end_is_begun_again(run, unbroken, monkeypatch):
    def spoil(number, features, well, progress):
        well()
        if number in (2, 5):
            progress.check(0.9)
            raise RuntimeError("a machine died")

    injected(monkeypatch, spoil)
    done = export(run)
    assert done.exit_code == 0, done.output
    check_whole(run, unbroken)
    did = manifest.read(run)["stages"]["export"]
    assert did["tasks"] == PLANNED / 20 + 2


def test_a_task_that_is_too_large_is_cut(run, unbroken, monkeypatch):
    def spoil(number, features, well, progress):
        if len(features) > 9:
            raise MemoryError
        well()

    injected(monkeypatch, spoil)
    done = export(run)
    assert done.exit_code == 0, done.output
    check_whole(run, unbroken)


def test_records_that_a_task_leaves_out_are_asked_for_again(run, unbroken, monkeypatch):
    injected(monkeypatch, lambda number, features, well, progress: well(features[3:] if number in (1, 4) else features))
    done = export(run)
    assert done.exit_code == 0, done.output
    check_whole(run, unbroken)


def test_a_record_that_never_comes_is_named_and_left_out_only_when_told_to(run, unbroken, monkeypatch):
    gone = {7, 200}
    injected(monkeypatch, lambda number, features, well, progress: well(
        [feature for feature in features if feature.properties["row"] not in gone]))
    done = export(run)
    assert done.exit_code == 1
    assert "2 of 260 samples are missing" in done.stderr
    assert "--accept-missing" in done.stderr
    assert not (run / "samples.parquet").exists()
    told = command("status", run).output
    assert "2 samples given up: it did not come from 3 tasks that succeeded" in told
    done = export(run, "--resume", "--accept-missing")
    assert done.exit_code == 0, done.output
    found, kept = read(run), ~np.isin(unbroken.rows, list(gone))
    np.testing.assert_array_equal(found.rows, unbroken.rows[kept])
    np.testing.assert_array_equal(found.values, unbroken.values[kept])
    missing = manifest.read(run)["stages"]["export"]["missing"]
    assert missing["samples"] == 2
    assert "tasks that succeeded" in missing["reasons"][0]


def test_accepting_what_is_missing_asks_for_nothing_more(run, monkeypatch):
    def spoil(number, features, well, progress):
        if features[0].properties["row"] < 20:
            raise EngineError("Image.select: no band 'B99'", mend="")
        well()

    injected(monkeypatch, spoil)
    assert export(run).exit_code == 1
    asked = []
    injected(monkeypatch, lambda *told: asked.append(told))
    done = export(run, "--resume", "--accept-missing")
    assert done.exit_code == 0, done.output
    assert asked == []
    assert manifest.read(run)["stages"]["export"]["missing"]["samples"] == 20
