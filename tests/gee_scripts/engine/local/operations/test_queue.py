"""The task queue: states, order, cancelling, and what the client reads of it."""

import gc
import threading
import time
import weakref
from datetime import datetime

import pytest

from agrispec.errors import DataError
from gee_scripts.engine.local.limits import Limits
from gee_scripts.engine.local.operations.journal import Journal
from gee_scripts.engine.local.operations.queue import TaskQueue

CONCURRENT_TASKS = Limits().concurrent_tasks


@pytest.fixture
def tasks(tmp_path):
    journal = Journal(tmp_path)
    tasks = TaskQueue("agrispec-local", Limits(), journal)
    yield tasks
    tasks.close()
    journal.close()


def submit(tasks, kind, description, work, request_id="", **options):
    return tasks.submit(kind, description, work, request={"requestId": request_id}, **options)


def until(tasks, name, *states):
    end = time.monotonic() + 10
    while (found := tasks.get(name))["metadata"]["state"] not in states:
        assert time.monotonic() < end, found
        time.sleep(0.002)
    return found


def work(*written, wait=None, raises=None, log=None):
    def run(progress):
        if log is not None:
            log.append(written)
        while wait is not None and not wait.is_set():
            progress.check(0.5)
            time.sleep(0.002)
        if raises:
            raise raises
        return written

    return run


def test_a_task_passes_from_pending_over_running_to_succeeded(tasks):
    go = threading.Event()
    name = submit(tasks, "EXPORT_IMAGE", "a map", work("gs://b/x.tif", wait=go))["name"]
    running = until(tasks, name, "RUNNING")
    assert running["done"] is False
    assert running["metadata"]["progress"] in (0.0, 0.5)
    go.set()
    found = until(tasks, name, "SUCCEEDED")
    assert found["done"] is True
    metadata = found["metadata"]
    assert metadata["destinationUris"] == ["gs://b/x.tif"]
    assert (metadata["type"], metadata["description"], metadata["attempt"]) == ("EXPORT_IMAGE", "a map", 1)
    moments = [datetime.strptime(metadata[key], "%Y-%m-%dT%H:%M:%S.%fZ")  # as the client parses them
               for key in ("createTime", "startTime", "updateTime")]
    assert moments == sorted(moments)
    assert metadata["batchEecuUsageSeconds"] > 0


def test_two_run_at_once_and_the_rest_wait_by_priority(tasks):
    go, log = threading.Event(), []
    first = [submit(tasks, "EXPORT_IMAGE", "", work(wait=go))["name"] for _ in range(CONCURRENT_TASKS)]
    for name in first:
        until(tasks, name, "RUNNING")
    low = submit(tasks, "EXPORT_IMAGE", "", work("low", log=log), priority=1)["name"]
    high = submit(tasks, "EXPORT_IMAGE", "", work("high", log=log), priority=200)["name"]
    time.sleep(0.05)
    assert {tasks.get(name)["metadata"]["state"] for name in (low, high)} == {"PENDING"}
    # One worker stays busy, so that the other one shows the order.
    tasks.cancel(first[0])
    until(tasks, low, "SUCCEEDED")
    assert log == [("high",), ("low",)]
    go.set()


def test_a_running_task_stops_at_its_next_check(tasks):
    name = submit(tasks, "EXPORT_IMAGE", "", work(wait=threading.Event()))["name"]
    until(tasks, name, "RUNNING")
    assert tasks.cancel(name)
    found = until(tasks, name, "CANCELLED")
    assert found["done"]
    assert found["error"]["message"] == "Cancelled."


def test_a_pending_task_never_begins_once_cancelled(tasks):
    log, go = [], threading.Event()
    busy = [submit(tasks, "EXPORT_IMAGE", "", work(wait=go))["name"] for _ in range(CONCURRENT_TASKS)]
    name = submit(tasks, "EXPORT_IMAGE", "", work("x", log=log))["name"]
    tasks.cancel(name)
    assert tasks.get(name)["metadata"]["state"] == "CANCELLED"
    go.set()
    for each in busy:
        until(tasks, each, "SUCCEEDED")
    assert log == []


def test_a_failure_names_what_was_found_and_how_to_mend_it(tasks):
    name = submit(tasks, "INGEST_TABLE", "", work(raises=DataError("line 3 is odd", mend="mend line 3")))["name"]
    found = until(tasks, name, "FAILED")
    assert found["error"]["message"] == "line 3 is odd. Mend line 3."


def test_a_fault_of_ours_fails_the_task_and_not_the_worker(tasks):
    for _ in range(2 * CONCURRENT_TASKS):
        name = submit(tasks, "EXPORT_IMAGE", "", work(raises=ZeroDivisionError("oops")))["name"]
        assert "ZeroDivisionError: oops" in until(tasks, name, "FAILED")["error"]["message"]
    until(tasks, submit(tasks, "EXPORT_IMAGE", "", work())["name"], "SUCCEEDED")


def test_a_request_id_begins_one_task(tasks):
    first = submit(tasks, "EXPORT_IMAGE", "", work(), request_id="r")
    assert submit(tasks, "EXPORT_IMAGE", "", work(), request_id="r")["name"] == first["name"]
    assert submit(tasks, "EXPORT_IMAGE", "", work(), request_id="s")["name"] != first["name"]
    assert len(tasks.list()) == 2


@pytest.mark.parametrize("fails", [False, True])
def test_what_a_task_was_to_do_is_let_go_when_it_is_over(tasks, fails):
    class Body:
        """A request."""

    body = Body()
    held = weakref.ref(body)

    def run(progress, body=body):
        if fails:
            raise DataError("odd", mend="mend it")
        return ()

    over = submit(tasks, "EXPORT_IMAGE", "", run)["name"]
    del body, run
    until(tasks, over, "SUCCEEDED", "FAILED")
    end = time.monotonic() + 10
    while held() is not None:
        assert time.monotonic() < end
        gc.collect()
        time.sleep(0.002)
    assert tasks.get(over)["done"]


def test_closing_leaves_no_thread(tmp_path):
    before, journal = threading.active_count(), Journal(tmp_path)
    tasks = TaskQueue("agrispec-local", Limits(), journal)
    submit(tasks, "EXPORT_IMAGE", "", work(wait=threading.Event()))
    tasks.close()
    journal.close()
    assert threading.active_count() == before
