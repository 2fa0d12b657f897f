"""Operations on disk: what the next server of a folder makes of those it finds, and who may serve the folder."""

import json
import os
import re

import numpy as np
import pytest

from agrispec.errors import EngineError, StorageError
from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Grid
from gee_scripts.engine.local.limits import Limits
from gee_scripts.engine.local.operations.journal import Journal
from gee_scripts.engine.local.server import LocalServer

PROJECT = "agrispec-local"
HOME = f"projects/{PROJECT}/assets"
EXPORT = {"expression": {"result": "0", "values": {"0": {"functionInvocationValue": {
    "functionName": "Feature", "arguments": {}}}}}, "fileExportOptions": {
        "fileFormat": "CSV", "cloudStorageDestination": {"bucket": "bucket", "filenamePrefix": "out/table"}}}
INGESTION = {"imageManifest": {"name": f"{HOME}/ingested", "tilesets": [{"sources": [{"uris": ["gs://bucket/in.tif"]}]}]}}


@pytest.fixture
def root(tmp_path):
    """A folder with an image and a bucket."""
    grid = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 500000.0, 0.0, -10.0, 5400000.0), width=4, height=3)
    tree = AssetTree(tmp_path)
    tree.write_image(f"{HOME}/scene", arrays={"b": np.ones(grid.shape, np.uint8)}, grid=grid)
    (tree.buckets / "bucket").mkdir(parents=True)
    return tmp_path


def left(root, state, attempt, request):
    """A journal as a killed server leaves it."""
    journal = Journal(root)
    record = {"name": f"projects/{PROJECT}/operations/X", "kind": "EXPORT_FEATURES", "description": "", "priority": 100,
              "requestId": "r", "state": state, "created": "2024-05-01T00:00:00+00:00",
              "started": "2024-05-01T00:00:00+00:00", "updated": "2024-05-01T00:00:00+00:00", "attempt": attempt,
              "cpuSeconds": 3.0, "error": "", "written": []}
    journal.accept("X", request, record)
    os.close(journal._lock)


@pytest.mark.parametrize(("state", "attempt", "request_body", "ends", "words"), [
    ("RUNNING", 5, EXPORT, "FAILED", "the server was ended 5 times during this operation; look"),
    ("CANCELLING", 1, EXPORT, "CANCELLED", "Cancelled."),
    ("RUNNING", 1, {}, "FAILED", "exports to Cloud Storage and to assets only"),
    ("RUNNING", 1, {"assetExportOptions": {"earthEngineDestination": {"name": f"{HOME}/scene"}}, "expression": {}},
     "FAILED", "Expression: "),  # the asset may be overwritten: it was written since the operation began
    ("RUNNING", 1, {"fileExportOptions": 5}, "FAILED", "'fileExportOptions'"),
    ("PENDING", 0, {"assetExportOptions": {"earthEngineDestination": {"name": f"{HOME}/missing/x"}}},
     "FAILED", "Parent asset")])
def test_what_cannot_be_resumed_has_failed_with_a_sentence(root, state, attempt, request_body, ends, words, finished):
    left(root, state, attempt, request_body)
    with LocalServer(root, PROJECT) as server:
        operation, = finished(server.url)
    assert operation["metadata"]["state"] == ends
    assert operation["metadata"]["batchEecuUsageSeconds"] >= 3
    assert re.search(words, operation["error"]["message"]), operation


def test_the_next_attempt_is_counted_and_its_time_added(root, ask, finished):
    left(root, "RUNNING", 2, EXPORT)
    with LocalServer(root, PROJECT) as server:
        operation, = finished(server.url)
        known = ask(server.url, "/table:export", EXPORT | {"requestId": "r"})
    assert operation["metadata"]["state"] == "SUCCEEDED"
    assert operation["metadata"]["attempt"] == 3
    # What the first attempt wrote is the operation's own in every later one: they all began when it did.
    assert operation["metadata"]["startTime"].startswith("2024-05-01T00:00:00")
    assert operation["metadata"]["batchEecuUsageSeconds"] > 3
    assert known["name"] == operation["name"]


def test_leftovers_of_a_killed_server_are_removed_and_nothing_else(root):
    os.close(Journal(root)._lock)  # never closed
    rubbish = [root / "buckets" / f".{'0a' * 16}.part", root / "assets" / "projects" / f".x.tif.{'0a' * 6}.part"]
    rubbish[0].mkdir()
    (rubbish[0] / "00000").write_bytes(b"half")
    rubbish[1].write_bytes(b"half")
    for name in ("a.part", ".a.part"):
        (root / "buckets" / "bucket" / name).write_bytes(b"an object of that name")
    before = {path for path in root.rglob("*") if ".operations" not in str(path)} - set(rubbish)
    with LocalServer(root, PROJECT):
        pass
    assert {path for path in root.rglob("*") if ".operations" not in str(path)} == before - {rubbish[0] / "00000"}


def test_one_server_serves_a_folder_and_the_second_is_told_where(root, ask):
    with LocalServer(root, PROJECT) as first, \
            pytest.raises(EngineError, match=f"is served already, by process {os.getpid()} at {first.url}; use that"):
        LocalServer(root, PROJECT).start()
    with LocalServer(root, PROJECT) as again:
        assert ask(again.url, ":listAssets")["assets"]


RECORD = {"name": f"projects/{PROJECT}/operations/X", "kind": "EXPORT_FEATURES", "description": "", "priority": 100,
          "requestId": "", "state": "SUCCEEDED", "created": "2024-05-01T00:00:00+00:00", "started": None,
          "updated": "2024-05-01T00:00:00+00:00", "attempt": 1, "cpuSeconds": 3.0, "error": "", "written": []}


@pytest.mark.parametrize("content", [
    "", "{", "{}", "[]", "5", "null", '{"created": "2024"}', '{"created": 5}', "\0", "[" * 100_000,
    *(json.dumps(RECORD | change) for change in (
        {"created": None}, {"name": 5}, {"state": "?"}, {"updated": "2024-05-01T00:00:00"}, {"priority": "high"},
        {"cpuSeconds": "3"}, {"written": 5}, {"attempt": None}))])
def test_an_operation_that_cannot_be_read_is_told_and_left_alone_and_stops_nobody(root, ask, finished, content, caplog):
    left(root, "PENDING", 0, EXPORT)
    damaged = root / ".operations" / "A.json"
    damaged.write_text(content)
    with LocalServer(root, PROJECT) as server:
        operation, = finished(server.url)
    assert operation["metadata"]["state"] == "SUCCEEDED"
    assert damaged.read_text() == content
    assert "operation A cannot be read and is left alone" in caplog.text


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000])
def test_an_operation_whose_request_cannot_be_read_has_failed(root, finished, content):
    left(root, "PENDING", 0, EXPORT)
    (root / ".operations" / "X.request").write_text(content)
    with LocalServer(root, PROJECT) as server:
        operation, = finished(server.url)
    assert "the request of this operation is lost; start it again" in operation["error"]["message"]


@pytest.mark.parametrize("content", ["[]", "{", '{"maxConcurrentExports": "x"}', '{"maxConcurrentExports": 0}'])
def test_settings_that_cannot_be_read_are_the_usual_ones(root, ask, content):
    (root / ".operations").mkdir()
    (root / ".operations" / "config.json").write_text(content)
    with LocalServer(root, PROJECT) as server:
        assert ask(server.url, "/config")["maxConcurrentExports"] == Limits().concurrent_tasks


def test_a_request_without_an_operation_goes_with_what_a_killed_server_left(root, ask):
    os.close(Journal(root)._lock)  # never closed
    (root / ".operations" / "C.request").write_text("{}")
    with LocalServer(root, PROJECT) as server:
        assert ask(server.url, "/operations") == {"operations": []}
    assert not (root / ".operations" / "C.request").exists()


def test_a_journal_that_cannot_be_opened_lets_its_lock_go(root):
    opened = root / ".operations" / "open"
    opened.parent.mkdir()
    opened.symlink_to(root / "nowhere" / "open")
    with pytest.raises(StorageError, match="could not be written"):
        Journal(root)
    opened.unlink()
    Journal(root).close()


def test_settings_of_a_project_outlive_the_server(root, ask, asked):
    with LocalServer(root, PROJECT) as server:
        assert ask(server.url, "/config")["maxConcurrentExports"] == Limits().concurrent_tasks
        ask(server.url, "/config?updateMask=max_concurrent_exports", {"maxConcurrentExports": 1}, "PATCH")
        for wrong in (0, 9):
            status, answer = asked(server.url, f"/v1/projects/{PROJECT}/config?updateMask=max_concurrent_exports",
                                   {"maxConcurrentExports": wrong}, "PATCH")
            assert status == 400
            assert "between 1 and 2" in answer["error"]["message"]
    with LocalServer(root, PROJECT) as server:
        assert ask(server.url, "/config")["maxConcurrentExports"] == 1


def test_a_deleted_operation_is_forgotten(root, ask, finished):
    with LocalServer(root, PROJECT) as server:
        name = ask(server.url, "/image:import", INGESTION)["name"]
        finished(server.url)
        ask(server.url, name.removeprefix(f"projects/{PROJECT}"), method="DELETE")
        assert ask(server.url, "/operations") == {"operations": []}
    with LocalServer(root, PROJECT) as server:
        assert ask(server.url, "/operations") == {"operations": []}
