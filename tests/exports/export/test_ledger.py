"""A ledger gives back what was entered, all of a change or nothing, to whoever opens it next."""

import sqlite3
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.errors import CorruptRecord, RunError, StorageError
from agrispec.grid import Cell
from exports.export.holding import held, holder
from exports.export.ledger import Entry, Ledger, State
from exports.planning import Shard


def shard(name, rows):
    return Shard(name=name, season=2023, cell=Cell.parse("E0045N0487"), rows=np.array(rows, np.int64))


def said(entries):
    return [(entry.shard.name, entry.shard.season, entry.shard.cell, entry.shard.rows.tolist(), entry.state,
             entry.attempt, entry.operation, entry.done_eecu, entry.running_eecu, entry.bytes, entry.reason)
            for entry in entries]


ENTRIES = st.builds(
    Entry, shard=st.builds(shard, st.just("2023/x-000"), st.lists(st.integers(0, 2**24), max_size=5)),
    state=st.sampled_from(State), attempt=st.integers(0, 9), operation=st.text(max_size=9),
    done_eecu=st.floats(0, 1e9), running_eecu=st.floats(0, 1e9), bytes=st.integers(0, 2**40),
    reason=st.text(st.characters(codec="utf-8"), max_size=20))


@given(ENTRIES)
def test_what_is_entered_is_what_the_next_one_reads(tmp_path_factory, entry):
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
    with Ledger.create(path, {"token": "x"}, [shard("2023/x-000", [1, 2])]) as ledger:
        ledger.record(entry, lost={7: "gone"})
        ledger.note(elapsed_s=1.5)
    with Ledger(path) as ledger:
        assert said(ledger.entries()) == said([entry])
        assert said(ledger.entries(entry.state)) == said([entry])
        assert ledger.lost == {7: "gone"}
        assert ledger.about == {"token": "x", "elapsed_s": 1.5}


def test_a_change_that_fails_changes_nothing(tmp_path):
    with Ledger.create(tmp_path / "l", {}, [shard("a", [1]), shard("b", [2])]) as ledger:
        before = said(ledger.entries())
        with pytest.raises(sqlite3.IntegrityError):
            ledger.record(replace(ledger.entries()[0], state=State.SPLIT), added=[Entry(shard=shard("b", [3]))])
        assert said(ledger.entries()) == before


def test_shards_stay_in_the_order_of_the_plan(tmp_path):
    names = ["c", "a", "b"]
    with Ledger.create(tmp_path / "l", {}, [shard(name, [1]) for name in names]) as ledger:
        ledger.record(ledger.entries()[1], added=[Entry(shard=shard("0", [2]))])
        assert [entry.shard.name for entry in ledger.entries()] == [*names, "0"]


def test_what_was_given_up_waits_again_when_it_is_reopened(tmp_path):
    with Ledger.create(tmp_path / "l", {}, [shard("a", [1, 2]), shard("b", [3, 4]), shard("c", [5])]) as ledger:
        first, second, third = ledger.entries()
        ledger.record(replace(first, state=State.GIVEN_UP, attempt=3, operation="o", reason="wrong"))
        ledger.record(replace(second, state=State.RECEIVED, shard=shard("b", [3])), lost={4: "never came"})
        ledger.record(replace(third, state=State.RECEIVED))
        ledger.reopen()
        assert ledger.lost == {}
        waiting = ledger.entries(State.WAITING)
        assert [(entry.shard.name, entry.shard.rows.tolist(), entry.attempt) for entry in waiting] == [
            ("a", [1, 2], 3), ("bm", [4], 0)]


def test_a_reader_sees_the_writer_s_last_change_while_it_writes(tmp_path):
    with Ledger.create(tmp_path / "l", {}, [shard("a", [1])]) as writer, Ledger(tmp_path / "l") as reader:
        for state in (State.SUBMITTED, State.EXPORTED, State.RECEIVED):
            writer.record(replace(writer.entries()[0], state=state))
            assert [entry.state for entry in reader.entries()] == [state]


@pytest.mark.parametrize("version", [0, 2])
def test_a_ledger_of_another_format_is_refused(tmp_path, version):
    Ledger.create(tmp_path / "l", {}, []).close()
    base = sqlite3.connect(tmp_path / "l")
    base.execute(f"PRAGMA user_version = {version}")
    base.close()
    with pytest.raises(RunError, match=f"format {version}, this version keeps format 1; go on with the version that"):
        Ledger(tmp_path / "l")


def test_what_is_no_ledger_is_named(tmp_path):
    (tmp_path / "l").write_bytes(b"not a database, though long enough to look like one" * 40)
    with pytest.raises(CorruptRecord, match="is not the ledger of an export"):
        Ledger(tmp_path / "l")


def test_a_ledger_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="could not be written"):
        Ledger.create(tmp_path / "file" / "l", {}, [])


def test_one_process_at_a_time_holds_a_run(tmp_path):
    assert holder(tmp_path) == ""
    with held(tmp_path):
        assert holder(tmp_path).startswith("process ")
        with pytest.raises(RunError, match="is being exported already, by process"), held(tmp_path):
            pass
    assert holder(tmp_path) == ""
    with held(tmp_path):
        pass
