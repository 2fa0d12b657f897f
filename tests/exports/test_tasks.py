"""Tasks are followed together: the first that fails ends the others, and a silent engine is borne with."""

from dataclasses import replace
from pathlib import Path

import ee
import pytest

from agrispec.engine import Operation, State, TableExport
from agrispec.errors import EngineError, EngineUnreachable, TaskFailed
from exports import runs, tasks
from gee_scripts import engine as engines
from gee_scripts import export

SILENT = EngineUnreachable("Earth Engine cannot be reached (no route)", mend="check the network")


class Planned:
    """An engine in memory whose tasks end after so many looks at them, as planned by their description.

    `plan` maps a description to (looks, state, error); a description that is not planned never ends.
    """

    name, project, buckets, credentials = "planned", "nobody", Path(), None

    def __init__(self, plan):
        self.plan = plan
        self.tasks = {}
        self.looks = []
        self.asked_to_stop = []
        self.unreachable = iter(())
        self.deaf = ()

    def export(self, task):
        name = f"operations/{task.request_id}"
        self.tasks.setdefault(name, Operation(name=name, state=State.PENDING, description=task.description, error="",
                                              eecu_seconds=0.0))
        return self.tasks[name]

    def operation(self, name):
        if next(self.unreachable, False):
            raise SILENT
        self.looks.append(name)
        found = self.tasks[name]
        looks, state, error = self.plan.get(found.description, (10**9, State.RUNNING, ""))
        if self.looks.count(name) >= looks:
            self.tasks[name] = replace(found, state=state, error=error)
        return self.tasks[name]

    def cancel(self, name):
        if name in self.deaf:
            raise SILENT
        if self.tasks[name].done:
            raise EngineError("Earth Engine answered: the operation has ended", mend="")
        self.asked_to_stop.append(name)


def requests(*descriptions):
    return [TableExport(description=text, expression="", bucket="b", prefix=text, selectors=(), request_id=text)
            for text in descriptions]


def done(looks):
    return (looks, State.SUCCEEDED, "")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(tasks, "_POLL_S", (0.001, 0.002))


def test_operations_come_back_in_the_order_of_the_requests_and_are_told_as_they_end():
    told = []
    engine = Planned({"slow": done(9), "quick": done(1), "middling": done(4)})
    found = tasks.export(engine, requests("slow", "quick", "middling"),
                         lambda operation: told.append(operation.description))
    assert [operation.description for operation in found] == ["slow", "quick", "middling"]
    assert told == ["quick", "middling", "slow"]
    assert all(operation.state is State.SUCCEEDED for operation in found)


def test_the_first_failure_ends_the_others_whatever_their_order():
    engine = Planned({"well": done(1), "broken": (3, State.FAILED, "Too many pixels.")})
    with pytest.raises(TaskFailed, match="the task 'broken' did not succeed: Too many pixels; "):
        tasks.export(engine, requests("endless", "well", "broken", "endless too"), lambda operation: None)
    assert engine.looks.count("operations/endless") == 3
    assert engine.asked_to_stop == ["operations/endless", "operations/endless too"]


def test_a_cancelled_task_is_a_failure_without_words():
    engine = Planned({"stopped": (2, State.CANCELLED, "")})
    with pytest.raises(TaskFailed, match="it was cancelled"):
        tasks.wait(engine, engine.export(*requests("stopped")), lambda operation: None)


def test_an_interruption_asks_every_unfinished_task_to_stop_and_stays_an_interruption():
    engine = Planned({"well": done(1)})

    def interrupt(operation):
        engine.tasks["operations/ended meanwhile"] = replace(engine.tasks["operations/ended meanwhile"],
                                                             state=State.SUCCEEDED)
        raise KeyboardInterrupt

    engine.deaf = ("operations/first",)
    with pytest.raises(KeyboardInterrupt) as interrupted:
        tasks.export(engine, requests("first", "ended meanwhile", "well", "last"), interrupt)
    assert engine.asked_to_stop == ["operations/last"]
    assert interrupted.value.__notes__ == ["1 tasks could not be asked to stop and may be running: operations/first"]


def test_a_request_that_is_refused_ends_those_submitted_before_it():
    engine = Planned({})

    def asked():
        yield from requests("one", "two")
        raise EngineError("the graph is too large", mend="ask for less")

    with pytest.raises(EngineError, match="too large"):
        tasks.export(engine, asked(), lambda operation: None)
    assert engine.asked_to_stop == ["operations/one", "operations/two"]


def test_a_network_that_comes_back_is_no_failure():
    engine = Planned({"one": done(3), "two": done(5)})
    engine.unreachable = iter([False, True, True, True, False, True])
    assert len(tasks.export(engine, requests("one", "two"), lambda operation: None)) == 2
    assert not engine.asked_to_stop


def test_a_network_that_stays_away_is_given_up_with_the_task_to_look_up(monkeypatch):
    monkeypatch.setattr(tasks, "_PATIENCE_S", 0.05)
    engine = Planned({})
    engine.unreachable = iter(lambda: True, False)
    with pytest.raises(EngineUnreachable, match=r"no route.*'one' \(operations/one\) and 1 more had not") as given:
        tasks.export(engine, requests("one", "two"), lambda operation: None)
    assert "https://code.earthengine.google.com/tasks" in given.value.mend


def test_a_refusal_to_tell_is_not_borne_with():
    engine = Planned({})
    operation = engine.export(*requests("one"))
    engine.tasks.clear()
    engine.operation = lambda name: (_ for _ in ()).throw(EngineError("not found", mend="look"))
    with pytest.raises(EngineError, match="not found"):
        tasks.wait(engine, operation, lambda operation: None)


def test_the_embedded_engine_runs_what_is_asked_of_it(tiny):
    engine = engines.open(runs.open(tiny.home).config.engine, tiny.home)
    try:
        table = export.expression(ee.FeatureCollection([ee.Feature(None, {"row": 1.0})]))
        asked = [TableExport(description=f"table {n}", expression=table, bucket="agrispec-local", prefix=f"tasks/{n}",
                             selectors=("row",), request_id=f"tasks-{n}") for n in range(3)]
        told = []
        found = tasks.export(engine, asked, lambda operation: told.append(operation.description))
        assert [operation.description for operation in found] == ["table 0", "table 1", "table 2"]
        assert sorted(told) == ["table 0", "table 1", "table 2"]
        assert len(list((engine.buckets / "agrispec-local" / "tasks").iterdir())) == 3
        nonsense = export.expression(ee.FeatureCollection("projects/agrispec-local/assets/nothing"))
        with pytest.raises(TaskFailed, match="'broken' did not succeed: .*nothing"):
            tasks.export(engine, [replace(asked[0], expression=nonsense, request_id="tasks-x", description="broken")],
                         lambda operation: None)
    finally:
        engine.close()
