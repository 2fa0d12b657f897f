"""An export that is killed, at whatever moment, goes on and repeats nothing."""

import json
import multiprocessing
import os
import random
import shutil
import signal
from pathlib import Path

import pytest

from exports import manifest
from exports.export import cubes, places

from .conftest import PLANNED, Interrupted, check_whole, command, export, interrupted


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


@pytest.mark.parametrize("moment", ["shards", "samples", "manifest", "clear"])
def test_a_finished_export_that_was_killed_before_it_was_in_place_is_put_there(run, unbroken, monkeypatch, moment):
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
    refused = command("cancel", run, "--drop")
    assert (run / "shards").exists()  # those of before, until the new ones are put in place
    assert refused.exit_code == 1
    assert "is finished and only to be put in place" in refused.stderr
    done = export(run, "--resume", "--budget-eecu-h", "1e-9")
    assert done.exit_code == 0, done.output
    check_whole(run, unbroken)


def test_twenty_kills_at_random_moments_lose_nothing_and_repeat_nothing(run, unbroken):
    """The process and the embedded engine in it are killed; `SIGKILL` leaves no time for anything."""
    processes, draw, kills = multiprocessing.get_context("forkserver"), random.Random(20), 0
    processes.set_forkserver_preload(["cli", "exports.export.commands", "gee_scripts.export",
                                     "gee_scripts.engine.embedded"])
    while kills < 20:
        # Text, for a process of its own cannot import this file.
        program = f"import cli; cli.main(['export', {str(run)!r}, '--resume'], standalone_mode=False)"
        exporting = processes.Process(target=exec, args=(program, {}))
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
