"""Verdicts are only ever added, whoever else adds, and who follows the file is told of every line once."""

import json
import os
import resource
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agrispec.errors import CorruptRecord, DataError, StorageError
from agrispec.formats import lock
from exports.review import log as log_module
from exports.review import verdicts
from exports.review.log import FILE, Follower, Log
from exports.review.verdicts import Verdict

NAMES = ("wheat", "maize")


def said(parcel, word, name=None, reviewer="anna", season=2024, shape=None):
    return Verdict(parcel=parcel, verdict=word, class_name=name, reviewer=reviewer, time=verdicts.now(), season=season,
                   model="m", prediction="p", shape=shape)


def test_what_is_added_is_read_back_by_another(tmp_path):
    given = [said("1", "accept", "wheat"), said("é\u2028\n2", "skip"), said("1", "undo")]
    one, other = Log(tmp_path, NAMES), Log(tmp_path, NAMES)
    assert one.read() == ()
    one.append(given[:1])
    assert other.read() == tuple(given[:1])
    other.append(given[1:])
    assert one.read() == other.read() == Log(tmp_path, NAMES).read() == tuple(given)


def test_processes_that_add_at_once_lose_nothing_and_who_follows_sees_each_line_once(tmp_path):
    program = ("import sys; from pathlib import Path; from exports.review.log import Log\n"
               "from exports.review.verdicts import Verdict, now\n"
               "log = Log(Path(sys.argv[1]), ('wheat',))\n"
               "for n in range(40):\n"
               "    log.append([Verdict(parcel=str(n), verdict='accept', class_name='wheat', reviewer=sys.argv[2],"
               " time=now(), season=2024, model='m' * 500, prediction='p')])\n")
    started = [subprocess.Popen([sys.executable, "-c", program, tmp_path, name]) for name in "abc"]
    follower, known, ended = Follower(Log(tmp_path, NAMES)), [], False
    while not ended:
        ended = all(process.poll() is not None for process in started)
        void, new = follower.news()
        known = [*([] if void else known), *new]
    assert [process.wait() for process in started] == [0, 0, 0]
    found = Log(tmp_path, NAMES).read()
    assert known == list(found)
    assert len(found) == 120
    for name in "abc":
        assert [each.parcel for each in found if each.reviewer == name] == [str(n) for n in range(40)]


def test_who_adds_waits_for_another_and_gives_up_on_one_that_never_ends(tmp_path, monkeypatch):
    log = Log(tmp_path, NAMES)
    log.append([said("1", "skip")])
    descriptor = os.open(tmp_path / ".verdicts.lock", os.O_RDWR)
    lock.take(descriptor)
    waiting = threading.Thread(target=log.append, args=([said("2", "skip")],))
    waiting.start()
    waiting.join(0.2)
    assert len(Log(tmp_path, NAMES).read()) == 1
    monkeypatch.setattr(log_module, "_PATIENCE_S", 0.1)
    with pytest.raises(StorageError, match="cannot be locked"):
        Log(tmp_path, NAMES).append([said("3", "skip")])
    os.close(descriptor)
    waiting.join()
    assert [each.parcel for each in log.read()] == ["1", "2"]


@pytest.mark.parametrize(("spoil", "words"), [
    (lambda line: line[:-9], "it is not JSON"),
    (lambda line: "", "it is not JSON"),
    (lambda line: line.replace('"parcel"', '"field"'), "other keys"),
    (lambda line: line.replace('"2024', '"in 2024', 1).replace('"time": "2', '"time": "x2'), "its time is"),
    (lambda line: line.replace("wheat", "rye"), "'rye' is none of the classes"),
    (lambda line: line.replace('"accept"', '"agree"'), "'agree' is no verdict"),
    (lambda line: line.replace('"anna"', '7'), "its reviewer is 7"),
    (lambda line: line.replace('"wheat"', "null"), "comes without a class"),
])
def test_a_line_edited_into_nonsense_is_named_and_nothing_is_lost(tmp_path, spoil, words):
    log = Log(tmp_path, NAMES)
    log.append(said(str(n), "accept", "wheat") for n in range(3))
    lines = log.path.read_text().splitlines()
    lines[1] = spoil(lines[1])
    edited = "\n".join(lines)  # and the last line is left open
    log.path.write_text(edited)
    with pytest.raises(CorruptRecord, match="line 2 of .*is no verdict") as refused:
        log.read()
    assert words in str(refused.value)
    log.append([said("9", "skip")])
    assert log.path.read_text().startswith(edited + "\n")
    assert json.loads(log.path.read_text().splitlines()[-1])["parcel"] == "9"
    with pytest.raises(CorruptRecord, match="line 2"):
        log.read()


def test_a_class_that_is_none_is_not_written(tmp_path):
    log = Log(tmp_path, NAMES)
    with pytest.raises(DataError, match="'rye'"):
        log.append([said("1", "accept", "wheat"), said("2", "correct", "rye")])
    assert not log.path.exists()


def test_a_line_from_before_outlines_were_kept_is_read(tmp_path):
    log = Log(tmp_path, NAMES)
    log.append([said("1", "skip")])
    found = json.loads(log.path.read_text())
    del found["shape"]
    log.path.write_text(json.dumps(found) + "\n")
    assert [each.shape for each in log.read()] == [None]


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path):
    log = Log(tmp_path, NAMES)
    log.append([said("1", "skip")])
    before = log.path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 40, hard))
    try:
        with pytest.raises(StorageError, match="could not be written"):
            log.append([said("2", "skip")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert log.path.read_bytes() == before
    log.append([said("3", "skip")])
    assert [each.parcel for each in Log(tmp_path, NAMES).read()] == [each.parcel for each in log.read()] == ["1", "3"]


@pytest.mark.parametrize("left", [1, 9, -1])
def test_a_last_line_that_is_torn_is_left_out_said_and_replaced(tmp_path, caplog, left):
    log = Log(tmp_path, NAMES)
    log.append([said("1", "skip"), said("é", "skip")])
    whole, torn = log.path.read_bytes().splitlines(keepends=True)
    log.path.write_bytes(whole + torn.rstrip()[:left])
    assert [each.parcel for each in log.read()] == ["1"]
    assert "the last line of" in caplog.text
    log.append([said("3", "skip")])
    assert [each.parcel for each in log.read()] == [each.parcel for each in Log(tmp_path, NAMES).read()] == ["1", "3"]
    assert log.path.read_bytes().startswith(whole + b"{")


def edited(content, how, at):
    """The file after somebody was at it: a line of it changed, lengthened or deleted, its end cut or left open."""
    lines = content.splitlines(keepends=True)
    if how == "left open":
        return content.rstrip()
    if how == "torn":
        return content + b'{"parcel": "9", "ver'
    if lines and how == "of the same length":
        lines[at % len(lines)] = lines[at % len(lines)].replace(b'"anna"', b'"emma"')
    elif lines and how == "longer":
        lines[at % len(lines)] = lines[at % len(lines)].replace(b'"anna"', b'"annabella"')
    elif lines and how == "deleted":
        del lines[at % len(lines)]
    elif how == "cut":
        del lines[at:]
    return b"".join(lines)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.one_of(st.tuples(st.just("added"), st.integers(1, 3)), st.tuples(
    st.sampled_from(["of the same length", "longer", "deleted", "cut", "left open", "torn"]), st.integers(0, 4))),
    max_size=8))
def test_who_follows_a_file_knows_what_is_in_it_whatever_was_done_to_it(tmp_path, done):
    folder = tmp_path / str(time.monotonic_ns())
    log, known, number = Log(folder, NAMES), [], 0
    follower = Follower(log)
    for how, count in done:
        if how == "added":
            log.append(said(str(number + each), "skip") for each in range(count))
            number += count
        elif log.path.exists():
            log.path.write_bytes(edited(log.path.read_bytes(), how, count))
            # Two changes within one tick of the file system's clock, of one length, would be one.
            os.utime(log.path, ns=(number, time.monotonic_ns()))
        void, new = follower.news()
        known = [*([] if void else known), *new]
        assert known == list(log.read())
        assert follower.news() == (False, [])


@pytest.fixture
def parsed(monkeypatch):
    """The lines that are parsed from now on."""
    lines = []

    def parse(line):
        lines.append(line)
        return verdicts.parse(line)

    monkeypatch.setattr(log_module, "parse", parse)
    return lines


def test_lines_that_were_told_of_are_not_read_again_whoever_adds_to_them(tmp_path, parsed):
    log = Log(tmp_path, NAMES)
    log.append(said(str(number), "skip") for number in range(50))
    follower = Follower(log)
    follower.news()
    for number in range(50, 60):
        parsed.clear()
        (log if number % 2 else Log(tmp_path, NAMES)).append([said(str(number), "skip")])
        void, [new] = follower.news()
        assert (void, new.parcel, len(parsed)) == (False, str(number), 1)


def test_a_line_that_is_none_is_named_each_time_until_it_is_mended(tmp_path):
    log = Log(tmp_path, NAMES)
    log.append([said("1", "skip")])
    follower = Follower(log)
    follower.news()
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + b"nonsense\n")
    for _ in range(2):
        with pytest.raises(CorruptRecord, match="line 2"):
            follower.news()
    log.path.write_bytes(whole)
    log.append([said("2", "skip")])
    assert [each.parcel for each in follower.news()[1]][-1] == "2"
    # As long as before, and a verdict after it: still none.
    log.path.write_bytes(log.path.read_bytes().replace(b'"skip"', b'"skyp"', 1))
    os.utime(log.path, ns=(1, 2))
    for _ in range(2):
        with pytest.raises(CorruptRecord, match="line 1"):
            follower.news()
        log.append([said("3", "skip")])


def test_a_file_that_is_replaced_or_removed_is_read_anew(tmp_path):
    log = Log(tmp_path, NAMES)
    log.append([said("1", "skip"), said("2", "skip")])
    follower = Follower(log)
    follower.news()
    # Editors write another file and put it in the place of this one.
    other = tmp_path / "other"
    other.write_bytes(log.path.read_bytes().replace(b'"anna"', b'"emma"', 1) + (said("3", "skip").line + "\n").encode())
    other.replace(log.path)
    void, new = follower.news()
    assert (void, [each.reviewer for each in new]) == (True, ["emma", "anna", "anna"])
    (tmp_path / FILE).unlink()
    assert follower.news() == (True, [])
    assert follower.news() == (False, [])
