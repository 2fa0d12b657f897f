"""What goes on around an export, refusals or a clock that jumps, changes nothing in it."""

import random
import time

import pytest

from exports import manifest
from exports.export import ledger, window
from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.rest.service import Service

from .conftest import check_whole, export


def storm_from(monkeypatch, answer):
    created = ledger.Ledger.create

    def create(*arguments):
        monkeypatch.setattr(Service, "answer", answer)
        return created(*arguments)

    return create


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


def test_a_clock_that_jumps_changes_nothing(run, unbroken, monkeypatch):
    told, draw = time.time, random.Random(5)
    monkeypatch.setattr(time, "time", lambda: told() + draw.choice((-1, 1)) * 1e6)
    done = export(run)
    assert done.exit_code == 0, done.output
    check_whole(run, unbroken)
    assert 0 < manifest.read(run)["stages"]["export"]["elapsed_s"] < 600
