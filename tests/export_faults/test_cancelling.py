"""An export is asked how it stands, and to stop."""

import os
from dataclasses import replace

import pytest

from exports.export import holding, ledger
from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.rest.service import Service

from .conftest import Interrupted, check_whole, command, export


def interrupted_after(patch, changes):
    """Let the export be interrupted when it has entered so many changes."""
    recorded, left = ledger.Ledger.record, [changes]

    def record(self, *changed, **more):
        recorded(self, *changed, **more)
        left[0] -= 1
        if left[0] == 0:
            raise Interrupted

    patch.setattr(ledger.Ledger, "record", record)


def test_status_says_what_is_going_on(run, monkeypatch):
    def status():
        done = command("status", run)
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
    cancelled = command("cancel", run)
    assert cancelled.exit_code == 1
    assert "has no unfinished export; there is nothing to cancel" in cancelled.stderr


def test_what_was_cancelled_is_gone_on_with(run, unbroken, monkeypatch):
    with monkeypatch.context() as patch:
        interrupted_after(patch, 8)
        with pytest.raises(Interrupted):
            export(run)
    done = command("cancel", run)
    assert done.exit_code == 0, done.output
    assert "asked to stop" in done.output
    done = export(run, "--resume")
    assert done.exit_code == 0, done.output
    check_whole(run, unbroken)


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
        done = command("cancel", run, "--drop")
    assert done.exit_code == 1
    assert (run / "exporting" / "ledger.sqlite").exists()
    path = run / "agrispec.toml"
    text = path.read_text()
    path.write_text(text.replace("[area]", '[engine]\nproject = "another-one"\n[area]'))
    done = command("cancel", run, "--drop")
    assert done.exit_code == 1
    assert "is of project 'agrispec-local', the configuration names 'another-one'" in done.stderr
