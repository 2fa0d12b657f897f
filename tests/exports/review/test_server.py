"""The page answers its own page alone, to whoever has the token, and gives nothing else of the disk."""

import getpass
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from urllib.request import url2pathname

import pytest
from click.testing import CliRunner

import cli
from agrispec.errors import ConfigError, EngineError
from exports.review import desk, log, verdicts
from exports.review.server import ReviewServer

from .conftest import EVIL, slow_desk


@pytest.fixture
def server(desk_of):
    with desk_of("anna") as desk, ReviewServer(desk) as running:
        yield running


def ask(server, path, *, method="GET", body=None, token=None, host=None, **headers):
    """(status, headers, body) of a request as it is written, and no other."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    sent = {"Host": host or f"127.0.0.1:{server.port}", "Authorization": f"Bearer {token or server.token}",
            **{name.replace("_", "-"): value for name, value in headers.items()}}
    if body is not None:
        sent.setdefault("Content-Type", "application/json")
    connection.request(method, path, body if body is None or isinstance(body, str) else json.dumps(body), sent)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, content


def told(server, path, **options):
    status, _, content = ask(server, path, **options)
    assert status == 200, content
    return json.loads(content)


def test_the_page_and_what_it_loads_are_there_with_a_strict_policy(server):
    status, headers, page = ask(server, "/", token="none")
    assert status == 200
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "server" not in {name.lower() for name in headers}
    loaded = re.findall(rb'(?:src|href)="(/[^"]+)"', page)
    assert len(loaded) == 7
    for path in loaded:
        assert ask(server, path.decode())[0] == 200
    # Neither a script nor a style stands in the page itself, and nothing is loaded from elsewhere.
    assert not re.search(rb"<script(?![^>]*src=)|<style|style=|\son\w+=|https?:", page)


@pytest.mark.parametrize("path", ["/api/state", "/api/classes", "/api/parcels/0", "/api/outlines?west=1"])
def test_without_the_token_nothing_of_the_run_is_told(server, path):
    status, headers, content = ask(server, path, token="x" * len(server.token))
    assert status == 401
    assert "parcel" not in content.decode().replace("review", "")
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "evil.example:{port}"])
def test_a_name_that_only_resolves_to_this_machine_is_refused(server, host):
    assert ask(server, "/", host=host.format(port=server.port))[0] == 421
    assert ask(server, "/api/state", host=host.format(port=server.port))[0] == 421


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Origin": "null"},
                                     {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}])
def test_other_pages_are_refused_even_with_the_token(server, run, headers):
    status, answer, _ = ask(server, "/api/parcels/0/verdict", method="POST", body={"verdict": "skip"}, **headers)
    assert status == 403
    assert "Access-Control-Allow-Origin" not in answer
    assert not (run.review / "verdicts.jsonl").exists()


def test_another_page_may_lead_to_the_page_itself(server):
    assert ask(server, "/", token="none", Sec_Fetch_Site="cross-site")[0] == 200


def test_the_page_itself_is_let_in_by_either_name(server):
    for name in ("127.0.0.1", "localhost"):
        host = f"{name}:{server.port}"
        assert told(server, "/api/state", host=host, Origin=f"http://{host}")["total"] == 28


@pytest.mark.parametrize("path", ["/../agrispec.toml", "/vendor/../../server.py", "/%2e%2e/queue.py", "//etc/passwd",
                                  "/vendor/leaflet/%2e%2e/%2e%2e/index.html", "/server.py", "/vendor/leaflet/"])
def test_nothing_else_of_the_disk_has_an_address(server, path):
    assert ask(server, path)[0] == 404


def test_a_verdict_is_json_and_short(server, run):
    path = "/api/parcels/0/verdict"
    assert ask(server, path)[0] == 405
    assert ask(server, path, method="POST", body={"verdict": "skip"}, Content_Type="text/plain")[0] == 400
    assert ask(server, path, method="POST", body={"verdict": "skip", "class": "x" * 20_000})[0] == 400
    assert ask(server, path, method="POST", body=["skip"])[0] == 400
    assert ask(server, path, method="POST", body="[" * 9000)[0] == 400
    assert ask(server, path, method="POST", body={"verdict": 7})[0] == 400
    assert ask(server, path, method="POST", body={"verdict": "correct", "class": "rye"})[0] == 400
    assert ask(server, path, method="POST", body={"verdict": "undo"})[0] == 400
    assert ask(server, "/api/parcels/99/verdict", method="POST", body={"verdict": "skip"})[0] == 400
    assert ask(server, "/api/parcels/-1")[0] == 404
    assert not (run.review / "verdicts.jsonl").exists()


def test_markup_in_names_leaves_as_json_and_as_nothing_else(server):
    _, headers, content = ask(server, "/api/state")
    assert headers["Content-Type"] == "application/json"
    assert EVIL in [crop["name"] for crop in json.loads(content)["classes"]]


def test_verdicts_move_the_progress_and_undo_takes_them_back(server):
    before = told(server, "/api/state")
    assert (before["judged"], before["next"]) == ({"anna": 0}, 0)
    predicted = told(server, "/api/parcels/0")["top"][0]["class"]
    name = before["classes"][predicted]["name"]
    # Who names the predicted class accepts it.
    after = told(server, "/api/parcels/0/verdict", method="POST", body={"verdict": "correct", "class": name})
    assert (after["judged"], after["next"]) == ({"anna": 1}, 1)
    assert [(each["verdict"], each["class"]) for each in after["verdicts"]] == [("accept", name)]
    skipped = told(server, "/api/parcels/4/verdict", method="POST", body={"verdict": "skip"})
    assert skipped["next"] == 5
    # A parcel without a verdict of theirs: the latest goes.
    assert told(server, "/api/parcels/9/undo", method="POST", body={})["position"] == 4
    assert told(server, "/api/parcels/0/undo", method="POST", body={})["judged"] == {"anna": 0}
    status, _, content = ask(server, "/api/parcels/0/undo", method="POST", body={})
    assert status == 400
    assert "no verdict of yours" in content.decode()


def test_two_reviewers_see_each_other(desk_of):
    with desk_of("anna") as one, desk_of("ben") as other:
        one.judge(0, "accept", None)
        other.judge(0, "skip", None)
        assert one.state()["judged"] == other.state()["judged"] == {"anna": 1, "ben": 1}
        assert [each["reviewer"] for each in one.parcel(0)["verdicts"]] == ["anna", "ben"]


def test_a_verdict_reads_no_verdict_again(desk_of, monkeypatch):
    read = []
    monkeypatch.setattr(log, "parse", lambda line: read.append(line) or verdicts.parse(line))
    with desk_of("anna") as one, desk_of("ben") as other:
        for position in range(9):
            one.judge(position, "skip", None)
        other.state()
        read.clear()
        one.judge(9, "skip", None)
        assert other.state()["judged"] == {"anna": 10, "ben": 0}
        other.judge(0, "skip", None)
        # Anna's by both desks, ben's by his own.
        assert len(read) == 3


def test_only_what_is_in_view_is_told_of(server):
    west, south, east, north = told(server, "/api/parcels/0")["bounds"]
    found = told(server, f"/api/outlines?west={west}&south={south}&east={east}&north={north}")
    assert 1 <= len(found["parcels"]) <= 9
    assert 0 in [each["position"] for each in found["parcels"]]
    other = 1 - told(server, "/api/parcels/0")["top"][0]["class"]
    name = told(server, "/api/state")["classes"][other]["name"]
    told(server, "/api/parcels/0/verdict", method="POST", body={"verdict": "correct", "class": name})
    whole = told(server, "/api/outlines?west=-180&south=-90&east=180&north=90")
    assert len(whole["parcels"]) == 30
    assert sum(each["position"] is None for each in whole["parcels"]) == 2
    assert [(each["position"], each["class"]) for each in whole["parcels"] if each["judged"]] == [(0, other)]
    assert ask(server, "/api/outlines?west=a&south=0&east=1&north=1")[0] == 400


def test_series_examples_and_pictures_are_told(server):
    state, found = told(server, "/api/state"), told(server, "/api/parcels/1/series")
    assert found["source"] == "engine"
    assert len(found["values"]) == len(state["curves"]) == 2
    assert {len(curve) for curve in found["values"]} == {len(state["days"])} == {43}
    assert len(found["nearest"]) == 6
    spread = told(server, "/api/classes")["classes"]
    assert [each["samples"] for each in spread] == [30, 30]
    assert told(server, "/api/parcels/1/pictures")["true"].startswith("data:image/png;base64,")


def test_a_log_that_was_broken_meanwhile_is_told_of_and_kept(server, run):
    told(server, "/api/parcels/0/verdict", method="POST", body={"verdict": "skip"})
    path = run.review / "verdicts.jsonl"
    path.write_text("nonsense\n" + path.read_text())
    status, _, content = ask(server, "/api/parcels/0")
    assert status == 400
    assert "line 1 of" in content.decode()
    assert path.read_text().startswith("nonsense\n")


def test_a_port_that_is_taken_is_told_of(desk_of, server):
    with desk_of("ben") as desk, pytest.raises(ConfigError, match="choose another --port"), \
            ReviewServer(desk, server.port):
        pass


def test_the_command_prints_its_address_and_ends_cleanly_when_interrupted(run, waiting):
    started = subprocess.Popen([sys.executable, "-m", "cli", "review", "serve", str(run.path), "--no-browser",
                                "--reviewer", "anna"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               cwd=Path(__file__).parents[3])
    port, token = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/#(\S+)\n", started.stdout.readline()).groups()
    answering = SimpleNamespace(port=int(port), token=token)
    assert told(answering, "/api/state")["reviewer"] == "anna"
    assert token not in str(ask(answering, "/", token="none"))
    started.send_signal(signal.SIGINT)
    _, errors = started.communicate(timeout=60)
    assert started.returncode == 0
    assert "Traceback" not in errors


def test_who_is_left_waiting_when_the_server_ends_is_told_so(run, waiting, caplog):
    answers = []
    with slow_desk(run, waiting) as (desk, answering):
        with ReviewServer(desk) as server:
            asking = [threading.Thread(target=lambda path=path: answers.append(ask(server, path)[0]))
                      for path in ("/api/parcels/0/series", "/api/parcels/0/pictures", "/api/parcels/8/series")]
            for thread in asking:
                thread.start()
                time.sleep(0.3)
            threading.Timer(3, answering.set).start()
        for thread in asking:
            thread.join()
    assert answers == [503] * 3
    assert "Traceback" not in caplog.text


def test_what_was_asked_of_a_parcel_that_was_left_is_not_computed(run, waiting):
    with slow_desk(run, waiting) as (desk, answering):
        found = {}

        def ask_series(position):
            try:
                desk.series(position, "a")
            except (CancelledError, EngineError) as error:
                found[position] = type(error)

        asking = [threading.Thread(target=ask_series, args=(position,)) for position in (0, 8, 16)]
        for thread in asking:
            thread.start()
            time.sleep(0.2)
        # Two threads compute 0 and 1; 8 waited for one, and is given up.
        asking[1].join(5)
        assert found == {8: CancelledError}
        answering.set()
        for thread in asking:
            thread.join()
        assert found == {0: EngineError, 8: CancelledError, 16: EngineError}


@pytest.mark.parametrize("kind", ["series", "pictures"])
def test_what_one_tab_waits_for_is_not_given_up_when_another_moves_on(run, waiting, kind):
    with slow_desk(run, waiting) as (desk, answering):
        found = {}

        def wait(position, tab):
            try:
                getattr(desk, kind)(position, tab)
            except (CancelledError, EngineError) as error:
                found[tab, position] = type(error)

        asking = [threading.Thread(target=wait, args=asked) for asked in ((0, "a"), (8, "a"), (16, "b"), (20, "b"))]
        for thread in asking:
            thread.start()
            time.sleep(0.2)
        # Two threads compute 0 and 1. The second tab moved from 16 on to 20; the first one still waits for 8.
        asking[2].join(5)
        assert found == {("b", 16): CancelledError}
        answering.set()
        for thread in asking:
            thread.join()
        assert found == {("b", 16): CancelledError, ("a", 0): EngineError, ("a", 8): EngineError,
                         ("b", 20): EngineError}


def test_the_token_is_no_argument_of_the_browser_that_is_opened(run, waiting, tmp_path):
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(f'#!/bin/sh\necho "$@" > {seen}.part && mv {seen}.part {seen}\n')
    browser.chmod(0o700)
    started = subprocess.Popen([sys.executable, "-m", "cli", "review", "serve", str(run.path), "--reviewer", "anna"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               cwd=Path(__file__).parents[3], env=os.environ | {"BROWSER": f"{browser} %s"})
    address = started.stdout.readline().strip()
    until = time.monotonic() + 30
    while not seen.exists() and time.monotonic() < until:
        time.sleep(0.05)
    given = seen.read_text().strip()
    assert address.split("#")[1] not in given
    door = Path(url2pathname(given.removeprefix("file://")))
    assert address in door.read_text()
    assert door.stat().st_mode & 0o777 == 0o600
    started.send_signal(signal.SIGINT)
    started.communicate(timeout=60)
    assert not door.exists()


def test_an_account_without_a_name_is_asked_for_one(run, waiting, monkeypatch):
    def nameless():
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", nameless)
    done = CliRunner().invoke(cli.main, ["review", "serve", str(run.path), "--no-browser"])
    assert done.exit_code == 2
    assert "give --reviewer NAME" in done.stderr


def test_a_reviewer_without_a_name_is_refused_before_the_page_is_served(run, waiting):
    done = CliRunner().invoke(cli.main, ["review", "serve", str(run.path), "--no-browser", "--reviewer", "\n"])
    assert done.exit_code == 1
    assert "is no reviewer's name" in done.stderr


def test_tabs_that_nobody_looks_at_any_more_keep_nothing_waiting():
    """Nobody tells the server that a tab is closed."""
    gate, made = threading.Event(), []
    with ThreadPoolExecutor(1) as pool:
        ready = desk._Ready(pool, lambda position: (gate.wait(), made.append(position)))
        for load in range(20):
            ready.show(f"tab {load}", range(4 * load, 4 * load + 4))
        shown = ready.show("the last", range(100, 104))
        gate.set()
        shown.result()
    assert len(made) <= 1 + 4 * desk._TABS
    assert made[-4:] == [100, 101, 102, 103]
