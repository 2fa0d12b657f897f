"""Verdicts are only ever added, whoever else adds, and what stands follows from all of them."""

import json
import os
import resource
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.errors import CorruptRecord, DataError, StorageError
from agrispec.formats import lock
from exports.review import verdicts
from exports.review.verdicts import Log, Verdict

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


def test_processes_that_add_at_once_lose_nothing(tmp_path):
    program = ("import sys; from pathlib import Path; from exports.review.verdicts import Log, Verdict, now\n"
               "log = Log(Path(sys.argv[1]), ('wheat',))\n"
               "for n in range(40):\n"
               "    log.append([Verdict(parcel=str(n), verdict='accept', class_name='wheat', reviewer=sys.argv[2],"
               " time=now(), season=2024, model='m' * 500, prediction='p')])\n")
    started = [subprocess.Popen([sys.executable, "-c", program, tmp_path, name]) for name in "abc"]
    assert [process.wait() for process in started] == [0, 0, 0]
    found = Log(tmp_path, NAMES).read()
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
    monkeypatch.setattr(verdicts, "_PATIENCE_S", 0.1)
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


@pytest.mark.parametrize("wrong", [{"verdict": "perhaps"}, {"class_name": None}, {"reviewer": " "},
                                   {"reviewer": "a\nb"}, {"reviewer": "x" * 81}])
def test_a_verdict_that_cannot_be_is_refused(wrong):
    with pytest.raises(DataError):
        Verdict(**{"parcel": "1", "verdict": "accept", "class_name": "wheat", "reviewer": "anna", "time": "",
                   "model": "", "season": 2024, "prediction": "", **wrong})


def test_a_class_that_is_none_is_not_written(tmp_path):
    log = Log(tmp_path, NAMES)
    with pytest.raises(DataError, match="'rye'"):
        log.append([said("1", "accept", "wheat"), said("2", "correct", "rye")])
    assert not log.path.exists()


def test_the_latest_of_each_reviewer_stands_and_an_undo_brings_back_the_one_before():
    given = [said("1", "accept", "wheat"), said("1", "correct", "maize"), said("1", "accept", "wheat", "ben")]
    stands = verdicts.standing(given, 2024)
    assert stands["1"]["anna"].class_name == "maize"
    assert verdicts.agreed(stands) == ({}, ["1"])
    stands = verdicts.standing([*given, said("1", "undo")], 2024)
    assert stands["1"]["anna"].class_name == "wheat"
    assert verdicts.agreed(stands) == ({"1": "wheat"}, [])
    assert set(verdicts.standing([*given, said("1", "undo"), said("1", "undo")], 2024)["1"]) == {"ben"}


def test_who_skips_does_not_disagree_and_other_seasons_are_other_parcels():
    given = [said("1", "accept", "wheat"), said("1", "skip", reviewer="ben"),
             said("1", "correct", "maize", season=2023)]
    assert verdicts.agreed(verdicts.standing(given, 2024)) == ({"1": "wheat"}, [])


@given(st.lists(st.tuples(st.sampled_from("12"), st.sampled_from("ab"), st.sampled_from(["wheat", "maize", None]))))
def test_undoing_everything_leaves_nothing(drawn):
    given = [said(parcel, "skip" if name is None else "correct", name, reviewer) for parcel, reviewer, name in drawn]
    undone = [said(each.parcel, "undo", reviewer=each.reviewer) for each in given]
    assert verdicts.standing(given + undone, 2024) == {}


@given(st.lists(st.tuples(st.sampled_from("12"), st.sampled_from("ab"), st.sampled_from(["wheat", "maize", "undo"]),
                          st.sampled_from(["old", "new", None]))), st.data())
def test_a_tally_that_keeps_up_says_what_one_from_the_start_says(drawn, data):
    lines = tuple(said(parcel, "undo" if name == "undo" else "correct", None if name == "undo" else name, reviewer,
                       shape=shape) for parcel, reviewer, name, shape in drawn)
    kept = verdicts.Tally(2024, {"1": "new", "2": "old"})
    for end in sorted(data.draw(st.lists(st.integers(0, len(lines)), max_size=3))):
        kept.keep_up(lines[:end])
    shown = dict(kept.stands)
    before = {parcel: dict(by) for parcel, by in shown.items()}
    kept.keep_up(lines)
    assert kept.stands == verdicts.standing(lines, 2024, {"1": "new", "2": "old"})
    assert shown == before
    # What was edited by hand counts from the start.
    kept.keep_up(lines[1:])
    assert kept.stands == verdicts.standing(lines[1:], 2024, {"1": "new", "2": "old"})


def test_a_verdict_counts_for_the_outline_that_was_looked_at():
    given = (said("1", "correct", "wheat", shape="old"), said("2", "correct", "wheat", shape="old"),
             said("3", "correct", "wheat"), said("4", "skip"))
    shapes = {"1": "new", "2": "old", "3": "old"}
    assert set(verdicts.standing(given, 2024, shapes)) == {"2", "3"}
    assert [each.parcel for each in verdicts.gone(given, 2024, shapes)] == ["1", "4"]


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
