"""Faults of the embedded engine, and kills: a finished export holds each planned sample once, or names what is missing
and why."""

import json
import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import googleapiclient.http
import numpy as np
import pytest
from click.testing import CliRunner

import cli
from agrispec.errors import EngineError
from exports import manifest, runs, samples, shards
from exports.export import holding, ledger, outcomes, patience, places, window
from gee_scripts.engine.local.operations import feature_files
from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.rest.service import Service

PLANNED = 260


@pytest.fixture(scope="module")
def landscape(tiny, tmp_path_factory):
    """A run of the tiny season with twenty samples a task."""
    path = tmp_path_factory.mktemp("faults") / "run"
    shutil.copytree(tiny.home / "landscape", path / "landscape",
                    ignore=shutil.ignore_patterns("buckets", ".operations"))
    text = (tiny.home / "agrispec.toml").read_text().replace("per_class = 30", "per_class = 30\nper_task = 20")
    (path / "agrispec.toml").write_text(text)
    return path


@pytest.fixture
def run(landscape, tmp_path):
    return Path(shutil.copytree(landscape, tmp_path / "run"))


@pytest.fixture(scope="module")
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


def export(run, *more):
    return CliRunner().invoke(cli.main, ["export", str(run), *more], catch_exceptions=False)


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


@pytest.mark.parametrize(("code", "words"), [(429, "Too many requests."), (503, "The service is unavailable.")])
def test_a_storm_of_refusals_is_weathered(run, unbroken, monkeypatch, code, words):
    answered, draw, refused = Service.answer, random.Random(code), []

    def answer(self, route, call):
        # Nine of ten, so that some outlast the six attempts of Google's client and reach ours.
        if len(refused) < 100 and draw.random() < 0.9:
            refused.append(route.id)
            raise Refusal(code, words)
        return answered(self, route, call)

    # Places are drawn in peace: the storm begins with the tasks.
    monkeypatch.setattr(ledger.Ledger, "create", storm_from(monkeypatch, answer))
    done = export(run)
    assert done.exit_code == 0, done.output
    assert len(refused) == 100
    assert {"projects.table.export", "projects.operations.get"} <= set(refused)
    check_whole(run, unbroken)


def storm_from(monkeypatch, answer):
    created = ledger.Ledger.create

    def create(*arguments):
        monkeypatch.setattr(Service, "answer", answer)
        return created(*arguments)

    return create


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
    told = CliRunner().invoke(cli.main, ["status", str(run)]).output
    assert "2 samples given up: it did not come from 3 tasks that succeeded" in told
    done = export(run, "--resume", "--accept-missing")
    assert done.exit_code == 0, done.output
    found, kept = read(run), ~np.isin(unbroken.rows, list(gone))
    np.testing.assert_array_equal(found.rows, unbroken.rows[kept])
    np.testing.assert_array_equal(found.values, unbroken.values[kept])
    missing = manifest.read(run)["stages"]["export"]["missing"]
    assert missing["samples"] == 2
    assert "tasks that succeeded" in missing["reasons"][0]


def test_a_truncated_shard_is_made_again(run, unbroken, monkeypatch):
    def spoil(number, features, well, progress):
        path = well()
        if number in (0, 6):
            path.write_bytes(path.read_bytes()[:-30])

    injected(monkeypatch, spoil)
    done = export(run)
    assert done.exit_code == 0, done.output
    check_whole(run, unbroken)


def test_an_object_that_disappears_before_it_is_fetched_is_made_again(run, unbroken, monkeypatch):
    from exports.storage.folder import Folder
    downloaded, left = Folder.download, [2]

    def download(self, name, path):
        if left[0]:
            left[0] -= 1
            (self._folder / name).unlink()
        downloaded(self, name, path)

    monkeypatch.setattr(Folder, "download", download)
    done = export(run)
    assert done.exit_code == 0, done.output
    check_whole(run, unbroken)


def test_a_ledger_of_another_format_is_refused_and_left_as_it_is(run):
    assert export(run, "--probe", "1").exit_code == 0
    path = run / "exporting" / "ledger.sqlite"
    base = sqlite3.connect(path)
    base.execute("PRAGMA user_version = 0")
    base.close()
    content = path.read_bytes()
    done = export(run, "--resume")
    assert done.exit_code == 1
    assert "is a ledger of format 0, this version keeps format 1; go on with the version that began" in done.stderr
    assert path.read_bytes() == content


def test_a_second_export_of_a_run_refuses_while_the_first_is_at_it(run):
    with holding.held(run):
        done = export(run)
        assert done.exit_code == 1
        assert f"is being exported already, by process {os.getpid()}" in done.stderr
        assert "at it" in holding.holder(run) + " at it"
    assert holding.holder(run) == ""
    assert export(run, "--probe", "1").exit_code == 0


def test_an_unfinished_export_is_not_begun_anew_by_accident(run, unbroken):
    assert export(run, "--probe", "2").exit_code == 0
    done = export(run)
    assert done.exit_code == 1
    assert "has an unfinished export" in done.stderr
    assert export(run, "--resume").exit_code == 0
    check_whole(run, unbroken)
    done = export(run, "--resume")
    assert done.exit_code == 0
    assert "nothing to go on with" in done.output


def test_a_probe_is_a_part_of_the_export_and_its_estimate_is_kept(run, unbroken):
    done = export(run, "--probe", "3")
    assert done.exit_code == 0, done.output
    assert "3 shards took" in done.output
    assert "90% interval" in done.output
    assert export(run, "--resume").exit_code == 0
    check_whole(run, unbroken)
    did = manifest.read(run)["stages"]["export"]
    [estimate] = did["estimates"]
    assert estimate["shards"] == 3
    assert 0 < estimate["used"] < estimate["total"] <= estimate["high"]
    assert did["tasks"] == PLANNED / 20
    assert did["eecu_seconds"] > estimate["used"]


def test_a_budget_stops_the_export_and_a_larger_one_goes_on(run, unbroken):
    done = export(run, "--budget-eecu-h", "0")
    assert done.exit_code == 2
    assert "a budget of 0 EECU-hours pays for nothing; give --budget-eecu-h more than 0" in done.stderr
    assert export(run, "--probe", "3").exit_code == 0
    done = export(run, "--resume", "--budget-eecu-h", "0.00001")
    assert done.exit_code == 1
    assert "more than the budget of" in done.stderr
    assert export(run, "--resume", "--budget-eecu-h", "1").exit_code == 0
    check_whole(run, unbroken)


def test_a_budget_that_runs_out_on_the_way_keeps_what_came(run, unbroken):
    done = export(run, "--budget-eecu-h", "0.00001")
    assert done.exit_code == 1
    assert "of the budget of" in done.stderr
    with ledger.Ledger(run / "exporting" / "ledger.sqlite") as kept:
        states = [entry.state for entry in kept.entries()]
    assert 1 <= states.count(ledger.State.RECEIVED) <= 3
    assert export(run, "--resume").exit_code == 0
    check_whole(run, unbroken)


def test_what_a_budget_does_not_reach_is_left_out_only_when_told_to(run, unbroken):
    assert export(run, "--probe", "3").exit_code == 0
    done = export(run, "--resume", "--accept-missing", "--budget-eecu-h", "0.00001")
    assert done.exit_code == 0, done.output
    assert "200 samples are left out" in done.stderr
    assert "of the budget of 0.036 EECU-s are used" in done.stderr
    found = read(run)
    kept = np.isin(unbroken.rows, found.rows)
    assert kept.sum() == 60
    np.testing.assert_array_equal(found.rows, samples.read(run / "samples.parquet")["row"])
    np.testing.assert_array_equal(found.values, unbroken.values[kept])
    assert manifest.read(run)["stages"]["export"]["missing"]["samples"] == 200


def test_an_export_of_another_cube_or_other_classes_is_not_gone_on_with(run):
    assert export(run, "--probe", "1").exit_code == 0
    path = run / "agrispec.toml"
    text = path.read_text()
    path.write_text(text.replace("[season]", "[clear]\nthreshold = 0.5\n[season]"))
    assert "the unfinished export" in export(run, "--resume").stderr
    path.write_text(text.replace("codes = [1]", "codes = [4]"))
    assert "is of classes another one than the configuration has" in export(run, "--resume").stderr
    path.write_text(text.replace("[area]", '[engine]\nbucket = "another"\n[area]'))
    assert "is of bucket 'agrispec-local', the configuration names 'another'" in export(run, "--resume").stderr
    done = CliRunner().invoke(cli.main, ["cancel", str(run), "--drop"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert not (run / "exporting").exists()
    assert not [found for found in (run / "landscape" / "buckets").rglob("*") if found.is_file()]
    path.write_text(text)
    assert export(run).exit_code == 0


def test_what_was_cancelled_is_gone_on_with(run, unbroken, monkeypatch):
    with monkeypatch.context() as patch:
        interrupted_after(patch, 8)
        with pytest.raises(Interrupted):
            export(run)
    done = CliRunner().invoke(cli.main, ["cancel", str(run)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "asked to stop" in done.output
    done = export(run, "--resume")
    assert done.exit_code == 0, done.output
    check_whole(run, unbroken)


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


def test_the_interactive_route_brings_the_same_cubes_through_a_storm(run, unbroken, monkeypatch):
    answered, draw, refused = Service.answer, random.Random(3), []

    def answer(self, route, call):
        if route.id == "projects.table.computeFeatures" and draw.random() < 0.6:
            refused.append(route.id)
            raise Refusal(429, "Too many requests.")
        return answered(self, route, call)

    monkeypatch.setattr(window, "_PAUSE_S", (0.01, 0.05))
    monkeypatch.setattr(ledger.Ledger, "create", storm_from(monkeypatch, answer))
    done = export(run, "--route", "interactive")
    assert done.exit_code == 0, done.output
    assert len(refused) > 5
    check_whole(run, unbroken)
    assert not (run / "landscape" / ".operations").exists() or not list(
        (run / "landscape" / ".operations").glob("*.json"))


def test_an_export_begun_by_tasks_ends_by_requests(run, unbroken):
    assert export(run, "--probe", "3").exit_code == 0
    assert export(run, "--resume", "--route", "interactive").exit_code == 0
    check_whole(run, unbroken)


def test_what_interactive_requests_cost_cannot_be_probed_or_bounded(run):
    for more in (["--probe", "1"], ["--budget-eecu-h", "1"]):
        done = export(run, "--route", "interactive", *more)
        assert done.exit_code == 2
        assert "does not tell what interactive requests cost" in done.stderr
    done = export(run, "--route", "interactive", "--priority", "7")
    assert done.exit_code == 2
    assert "interactive requests have no priority" in done.stderr


def test_gaps_that_were_killed_before_they_were_planned_are_gone_on_with(run, unbroken, monkeypatch):
    assert export(run).exit_code == 0
    sorted((run / "shards").rglob("*.gz"))[2].unlink()
    with monkeypatch.context() as patch:
        patch.setattr(ledger.Ledger, "create", interrupted)
        with pytest.raises(Interrupted):
            export(run, "--gaps")
    assert export(run, "--resume").exit_code == 0
    check_whole(run, unbroken)


def test_an_export_that_was_killed_while_places_were_drawn_is_not_taken_for_the_last_one(run, unbroken, monkeypatch):
    assert export(run).exit_code == 0
    before = (run / "samples.parquet").stat().st_mtime_ns
    with monkeypatch.context() as patch:
        patch.setattr(places, "draw", interrupted)
        with pytest.raises(Interrupted):
            export(run)
    done = export(run, "--resume")
    assert done.exit_code == 0
    assert "by 13 tasks" in done.output
    assert (run / "samples.parquet").stat().st_mtime_ns != before
    check_whole(run, unbroken)


class Interrupted(BaseException):
    pass


def interrupted(*arguments, **named):
    raise Interrupted


def interrupted_after(patch, changes):
    """Let the export be interrupted when it has entered so many changes."""
    recorded, left = ledger.Ledger.record, [changes]

    def record(self, *changed, **more):
        recorded(self, *changed, **more)
        left[0] -= 1
        if left[0] == 0:
            raise Interrupted

    patch.setattr(ledger.Ledger, "record", record)


@pytest.mark.parametrize("moment", ["shards", "samples", "manifest", "clear"])
def test_a_finished_export_that_was_killed_before_it_was_in_place_is_put_there(run, unbroken, monkeypatch, moment):
    from exports.export import cubes
    assert export(run).exit_code == 0
    assert export(run, "--probe", "1").exit_code == 0
    with monkeypatch.context() as patch:
        if moment == "shards":
            patch.setattr(os, "rename", lambda source, target, rename=os.rename: interrupted()
                          if Path(target) == run / "shards" else rename(source, target))
        elif moment == "samples":
            patch.setattr(cubes, "write_files", interrupted)
        elif moment == "manifest":
            patch.setattr(manifest, "record", interrupted)
        else:
            patch.setattr(cubes, "clear", interrupted)
        with pytest.raises(Interrupted):
            export(run, "--resume")
    assert (run / "shards").exists() == (moment != "shards")
    refused = CliRunner().invoke(cli.main, ["cancel", str(run), "--drop"], catch_exceptions=False)
    assert (run / "shards").exists()  # those of before, until the new ones are put in place
    assert refused.exit_code == 1
    assert "is finished and only to be put in place" in refused.stderr
    done = export(run, "--resume", "--budget-eecu-h", "1e-9")
    assert done.exit_code == 0, done.output
    check_whole(run, unbroken)


def test_files_that_had_come_and_are_gone_come_again(run, unbroken):
    assert export(run, "--probe", "4").exit_code == 0
    first, second, *_ = sorted((run / "exporting" / "shards").rglob("*.gz"))
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1])
    done = export(run, "--resume")
    assert done.exit_code == 0, done.output
    check_whole(run, unbroken)


def test_objects_that_cannot_be_deleted_are_told_and_hinder_nothing(run, monkeypatch):
    from agrispec.errors import StorageError
    from exports.storage.folder import Folder

    def refused(self, prefix):
        raise StorageError("the objects cannot be deleted", mend="delete them by hand")

    monkeypatch.setattr(Folder, "delete", refused)
    done = export(run)
    assert done.exit_code == 0
    assert "is left over: the objects cannot be deleted; delete them by hand" in done.stderr
    assert not (run / "exporting").exists()


def test_tasks_that_cannot_be_asked_to_stop_are_not_forgotten(run, monkeypatch):
    with monkeypatch.context() as patch:
        interrupted_after(patch, 6)
        with pytest.raises(Interrupted):
            export(run)
        answered = Service.answer

        def answer(self, route, call):
            if route.id.startswith("projects.operations"):
                raise Refusal(503, "The service is unavailable.")
            return answered(self, route, call)

        patch.setattr(Service, "answer", answer)
        done = CliRunner().invoke(cli.main, ["cancel", str(run), "--drop"], catch_exceptions=False)
    assert done.exit_code == 1
    assert (run / "exporting" / "ledger.sqlite").exists()
    path = run / "agrispec.toml"
    text = path.read_text()
    path.write_text(text.replace("[area]", '[engine]\nproject = "another-one"\n[area]'))
    done = CliRunner().invoke(cli.main, ["cancel", str(run), "--drop"], catch_exceptions=False)
    assert done.exit_code == 1
    assert "is of project 'agrispec-local', the configuration names 'another-one'" in done.stderr


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


def test_a_copy_of_an_unfinished_run_is_not_exported_beside_it(run, unbroken, tmp_path):
    assert export(run, "--probe", "1").exit_code == 0
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    done = export(copy, "--resume")
    assert done.exit_code == 1
    assert f"is a copy of {run}, whose export is not finished" in done.stderr
    shutil.rmtree(run)
    assert export(copy, "--resume").exit_code == 0
    check_whole(copy, unbroken)


def test_status_says_what_is_going_on(run, monkeypatch):
    def status():
        done = CliRunner().invoke(cli.main, ["status", str(run)], catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    assert "has no export yet" in status()
    with holding.held(run):
        assert f"process {os.getpid()} draws places" in status()
    assert export(run, "--probe", "1").exit_code == 0
    with ledger.Ledger(run / "exporting" / "ledger.sqlite") as kept:
        [first, *_] = kept.entries(ledger.State.WAITING)
        kept.record(replace(first, state=ledger.State.GIVEN_UP, reason="no band [nodata]; bands are [b1, b2] [/x]"))
    assert "20 samples given up: no band [nodata]; bands are [b1, b2] [/x]" in status()
    assert export(run, "--resume").exit_code == 0
    assert "is exported" in status()
    cancelled = CliRunner().invoke(cli.main, ["cancel", str(run)], catch_exceptions=False)
    assert cancelled.exit_code == 1
    assert "has no unfinished export; there is nothing to cancel" in cancelled.stderr


def test_a_ledger_that_is_damaged_inside_is_named(run):
    assert export(run, "--probe", "1").exit_code == 0
    path = run / "exporting" / "ledger.sqlite"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    for command in (["status"], ["export", "--resume"], ["cancel"]):
        done = CliRunner().invoke(cli.main, [command[0], str(run), *command[1:]], catch_exceptions=False)
        assert done.exit_code == 1
        assert "ledger.sqlite" in done.stderr
        assert "to begin anew: shards that have come are lost" in done.stderr


def test_seasons_of_another_first_day_are_not_mixed(run):
    assert export(run, "--probe", "1").exit_code == 0
    path = run / "agrispec.toml"
    text = path.read_text()
    path.write_text(text.replace("target = 2024", 'target = 2024\nfirst_day = "07-01"'))
    done = export(run, "--resume")
    assert done.exit_code == 1
    assert "is of first day 01-01, the configuration asks for 07-01" in done.stderr


def test_the_interactive_route_needs_no_bucket(run, unbroken):
    (run / "landscape" / "buckets").write_text("no folder")
    assert export(run).exit_code == 1
    assert export(run, "--route", "interactive").exit_code == 0
    (run / "landscape" / "buckets").unlink()
    check_whole(run, unbroken)


def test_a_clock_that_jumps_changes_nothing(run, unbroken, monkeypatch):
    told, draw = time.time, random.Random(5)
    monkeypatch.setattr(time, "time", lambda: told() + draw.choice((-1, 1)) * 1e6)
    done = export(run)
    assert done.exit_code == 0, done.output
    check_whole(run, unbroken)
    assert 0 < manifest.read(run)["stages"]["export"]["elapsed_s"] < 600


def test_twenty_kills_at_random_moments_lose_nothing_and_repeat_nothing(run, unbroken):
    """The process and the embedded engine in it are killed; `SIGKILL` leaves no time for anything."""
    processes, draw, kills = multiprocessing.get_context("forkserver"), random.Random(20), 0
    processes.set_forkserver_preload(["cli", "exports.export.commands", "gee_scripts.export",
                                     "gee_scripts.engine.embedded"])
    while kills < 20:
        # Text, for a process of its own cannot import this file.
        command = f"import cli; cli.main(['export', {str(run)!r}, '--resume'], standalone_mode=False)"
        exporting = processes.Process(target=exec, args=(command, {}))
        exporting.start()
        exporting.join(draw.uniform(0.3, 1.6))
        if exporting.exitcode is not None:
            # It has ended before: begin another one, in place of the first.
            assert exporting.exitcode == 0
            check_whole(run, unbroken)
            for part in ("shards", "samples.parquet", "manifest.json"):
                path = run / part
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            continue
        os.kill(exporting.pid, signal.SIGKILL)
        exporting.join()
        kills += 1
    done = export(run, "--resume")
    assert done.exit_code == 0, done.output
    check_whole(run, unbroken)
    assert json.loads((run / "manifest.json").read_text())["stages"]["export"]["records"] == PLANNED
