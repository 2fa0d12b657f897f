"""Regular expressions of users find what Python's find, and cannot stop the server."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agrispec.errors import EngineError
from gee_scripts.engine.local.language import matching
from gee_scripts.engine.local.rasters.raster import GO_ON

# Each would take years.
ENDLESS = {"(a+)+$": "a" * 60 + "b", "(a|a)*$": "a" * 60 + "b", "(.*a){25}$": "a" * 60 + "b",
           "a*" * 30 + "c": "a" * 300, "(aa|a)" * 40 + "c": "a" * 60}


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "SECONDS", 0.3)


@pytest.mark.parametrize(("regex", "text"), ENDLESS.items())
def test_matching_that_does_not_end_is_refused(short: None, regex: str, text: str) -> None:
    start = time.monotonic()
    with pytest.raises(EngineError, match="takes longer than 0.3 s"):
        matching.matches(regex, [text])
    assert time.monotonic() - start < 5
    assert [found.start for found in matching.matches("b+", ["abba"])[0]] == [1]


def test_in_this_process_it_would_stop_all_threads_past_every_limit() -> None:
    program = ("import re, threading, time; threading.Thread(target=re.search, daemon=True, args=('(a+)+$', 'a' * 60 "
               "+ 'b')).start(); time.sleep(0.1); print('went on', flush=True)")
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as child:
        try:
            with pytest.raises(subprocess.TimeoutExpired):
                child.wait(timeout=2)
        finally:
            child.kill()
        assert child.communicate()[0] == b""


def test_other_threads_go_on_meanwhile(short: None) -> None:
    failed: list[str] = []

    def endless() -> None:
        try:
            matching.matches("(a+)+$", ["a" * 60 + "b"])
        except EngineError as error:
            failed.append(error.message)

    thread = threading.Thread(target=endless)
    thread.start()
    ticks = 0
    while thread.is_alive():
        time.sleep(0.005)
        ticks += 1
    assert ticks > 10
    assert len(failed) == 1


def test_a_request_that_has_no_time_left_ends_its_matching() -> None:
    class Ended(BaseException):
        """No time is left."""

    def end() -> None:
        raise Ended

    token = GO_ON.set(end)
    try:
        start = time.monotonic()
        with pytest.raises(Ended):
            matching.matches("(a+)+$", ["a" * 60 + "b"])
        assert time.monotonic() - start < 3
    finally:
        GO_ON.reset(token)


def test_no_process_outlives_a_server_that_was_killed() -> None:
    program = ("import os, signal; from gee_scripts.engine.local.language import matching; "
               "matching.matches('a+', ['a']); "
               "print(matching._idle[0].pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)")
    pid = int(subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=False).stdout)
    end = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.01)
    state = Path(f"/proc/{pid}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.parametrize("graph", [
    lambda evil, text: ee.String(text).match(evil), lambda evil, text: ee.String(text).replace(evil, ""),
    lambda evil, text: ee.String(text).split(evil), lambda evil, text: ee.Dictionary({text: 1}).select([evil]),
    lambda evil, text: ee.Dictionary({text: 1}).remove([evil]),
    lambda evil, text: ee.Image(1).rename(text).select([evil]),
    lambda evil, text: ee.Image(1).rename(text).regexpRename(evil, "b"),
], ids=["match", "replace", "split", "Dictionary.select", "Dictionary.remove", "Image.select", "Image.regexpRename"])
def test_every_function_of_expressions_is_bounded(short: None, world: Any, graph: Any) -> None:
    with pytest.raises(EngineError, match="takes longer"):
        world.value(graph("(a+)+$", "a" * 60 + "b"))


@settings(max_examples=60, deadline=None)
@given(regex=st.from_regex(r"([ab.]|\(a\|b\)|\[^a\]|a\+|b\?|\(a\*\)|\^|\$){1,5}", fullmatch=True),
       text=st.text("abc\n", max_size=12), ignore_case=st.booleans())
def test_matches_are_those_of_python(regex: str, text: str, ignore_case: bool) -> None:
    try:
        expected = [(found.start(), found.end(), found.groups())
                    for found in re.finditer(regex, text, re.IGNORECASE if ignore_case else 0)]
    except re.error:
        with pytest.raises(EngineError, match="is no regular expression"):
            matching.matches(regex, [text])
        return
    found = matching.matches(regex, [text], ignore_case=ignore_case)[0]
    assert [(one.start, one.end, one.groups) for one in found] == expected
    assert matching.matches(regex, [text], ignore_case=ignore_case, most=1)[0] == found[:1]
    whole = re.fullmatch(regex, text, re.IGNORECASE if ignore_case else 0)
    assert bool(matching.matches(regex, [text], ignore_case=ignore_case, whole=True)[0]) is (whole is not None)
    assert matching.replaced([text], regex, "<$0>", ignore_case=ignore_case, every=True) == [
        re.sub(regex, r"<\g<0>>", text, flags=re.IGNORECASE if ignore_case else 0)]


@pytest.mark.parametrize(("graph", "expected"), [
    (lambda: ee.String("a1b22").split(r"\d+"), ["a", "b", ""]), (lambda: ee.String("a1b").split("(1)"), ["a", "b"]),
    (lambda: ee.String("abc").split(""), ["a", "b", "c"]), (lambda: ee.String("").split(","), [""]),
    (lambda: ee.String("2023-05").replace(r"(\d+)-(\d+)", "$2/$1"), "05/2023"),
    (lambda: ee.String("aaa").replace("a", "b"), "baa"), (lambda: ee.String("aAa").replace("a", "b", "gi"), "bbb"),
    (lambda: ee.String("a").replace("(?<n>a)|(b)", r"\$${n}$2"), None),
    (lambda: ee.String("B4 B8").match(r"B(\d)"), ["B4", "4"]),
    (lambda: ee.String("B4 B8").match("b.", "gi"), ["B4", "B8"]),
    (lambda: ee.String("x").match("y"), []), (lambda: ee.String("").match(""), [""]),
])
def test_texts_are_split_replaced_and_matched(world: Any, graph: Any, expected: Any) -> None:
    if expected is None:  # Java's names of groups are not Python's
        with pytest.raises(EngineError, match="is no regular expression"):
            world.value(graph())
    else:
        assert world.value(graph()) == expected


def test_a_group_that_is_not_there_is_refused() -> None:
    with pytest.raises(EngineError, match=r"there is no group \$3"):
        matching.replaced(["a"], "(a)", "$3", every=True)


def test_long_texts_and_many_matches_pass_through() -> None:
    text = "ab" * 200_000
    found, = matching.matches("b+", [text])
    np.testing.assert_array_equal([one.start for one in found], np.arange(1, len(text), 2))
