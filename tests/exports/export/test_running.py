"""Whatever tasks do and wherever the process dies: each planned sample is here once, or named with the reason."""

import contextlib
import gzip
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agrispec.cube import preset
from agrispec.engine import Operation, State
from agrispec.errors import BudgetExceeded, EngineError, EngineUnreachable, ObjectMissing, StorageError, TaskFailed
from agrispec.formats import example
from exports import planning, schema
from exports.export import ledger, outcomes, patience, running
from exports.export.budget import Budget
from exports.export.ledger import Ledger

SPEC = replace(preset("agrispec-23"), features=("NDVI",))
EECU_A_RECORD = 2.0


class Killed(BaseException):
    """As much of a kill -9 as one process can play: nothing after it is done."""


@dataclass
class Service:
    """An engine and its route in memory, whose tasks end as `fates` say, in the order they are begun."""

    fates: list[str] = field(default_factory=list)
    width: int = 100
    threads: int = 3
    begun: list[str] = field(default_factory=list)
    operations_: dict[str, Operation] = field(default_factory=dict)
    made: dict[tuple[str, int], tuple[np.ndarray, str]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, shard, attempt, path):
        with self.lock:
            name = f"operations/{shard.name}.{attempt}"
            if name in self.operations_:
                return self.operations_[name]
            fate = self.fates.pop(0) if self.fates else "well"
            if fate == "unreachable":
                raise EngineUnreachable("Earth Engine answered: 503", mend="")
            if fate == "full":
                raise EngineError("Earth Engine answered: Too many tasks already in the queue (3000)", mend="")
            if fate == "refused":
                raise EngineError("Earth Engine answered: Image.select: no band 'B99'", mend="")
            words = {"memory": "User memory limit exceeded.", "internal": "An internal error has occurred.",
                     "wrong": "Image.select: no band 'B99'."}.get(fate, "")
            state = State.FAILED if words else State.CANCELLED if fate == "cancelled" else State.SUCCEEDED
            self.begun.append(shard.name)
            operation = Operation(name=name, state=state, description="", error=words,
                                  eecu_seconds=EECU_A_RECORD * len(shard.rows))
            if fate != "forgotten":
                self.operations_[name] = operation
            self.made[shard.name, attempt] = shard.rows, fate
            return replace(operation, state=State.PENDING, eecu_seconds=0.0)

    def operations(self, names):
        return {name: self.operations_[name] for name in names if name in self.operations_}

    def stop(self):
        pass

    def cancel(self, name):
        pass

    def fetch(self, shard, attempt, path):
        rows, fate = self.made[shard.name, attempt]
        if fate == "nothing there":
            self.made[shard.name, attempt] = rows, "well"
            raise ObjectMissing("gs://b/x is not there", mend="")
        if fate == "one missing":
            rows = rows[1:]
        if fate == "nothing":
            rows = rows[:0]
        if fate == "one twice":
            rows = np.append(rows, rows[-1])
        if fate == "a stranger":
            rows = np.append(rows, 2**20)
        example.write(path, {schema.ROW: rows.astype(np.float32),
                             schema.CUBE: np.zeros((len(rows), SPEC.shape[0] * SPEC.shape[1]), np.float32)})
        if fate == "truncated":
            path.write_bytes(path.read_bytes()[:-20])


FATES = ("well", "unreachable", "full", "memory", "internal", "forgotten", "nothing there", "one missing", "one twice",
         "a stranger", "truncated", "cancelled", "wrong", "refused")


@pytest.fixture(autouse=True, scope="module")
def quick():
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in ((running, "_POLL_S", (0.0001, 0.001)), (outcomes, "_QUEUE_S", 0.001),
                                    (outcomes, "_PAUSE_S", (0.0001, 0.001)), (patience, "_PAUSE_S", (0.0001, 0.001)),
                                    (running, "_ABSENT_S", 0.0)):
            patch.setattr(module, name, value)
        yield


def planned(count, per_task):
    cells = ["E0045N0487", "E0046N0487"]
    table = pd.DataFrame({"row": np.arange(count), "season": 2023, "cell": [cells[row % 2] for row in range(count)]})
    return planning.shards(table, per_task)


def run(folder, service, budget=Budget(np.inf), only=(), fresh=None):  # noqa: B008
    path = folder / "ledger.sqlite"
    kept = Ledger.create(path, {}, fresh) if fresh is not None else Ledger(path)
    with kept:
        if fresh is None:
            kept.reopen()
        (folder / "shards").mkdir(exist_ok=True, parents=True)
        running.Runner(kept, service, service, folder / "shards", SPEC, budget, lambda told: None).run(only)


def told(folder):
    """(rows in the files of received shards, rows named as missing with a reason, what the ledger holds)."""
    with Ledger(folder / "ledger.sqlite") as kept:
        entries, lost = kept.entries(), kept.lost
    rows = []
    for entry in entries:
        if entry.state is ledger.State.RECEIVED and len(entry.shard.rows):
            found = example.read(folder / "shards" / f"{entry.shard.name}.tfrecord.gz", schema.table_features(SPEC))
            rows += found[schema.ROW][:, 0].astype(int).tolist()
    missing = list(lost)
    for entry in entries:
        if entry.state is ledger.State.GIVEN_UP:
            assert entry.reason
            missing += entry.shard.rows.tolist()
    assert all(lost.values())
    return rows, missing, entries


@given(fates=st.lists(st.sampled_from(FATES), max_size=25), count=st.integers(1, 40), per_task=st.integers(1, 12))
def test_whatever_tasks_do_each_sample_is_here_once_or_named(tmp_path_factory, fates, count, per_task):
    folder = tmp_path_factory.mktemp("run")
    service = Service(list(fates))
    with contextlib.suppress(TaskFailed):
        run(folder, service, fresh=planned(count, per_task))
    rows, missing, entries = told(folder)
    waiting = [row for entry in entries if entry.state is ledger.State.WAITING for row in entry.shard.rows.tolist()]
    assert sorted(rows + missing + waiting) == list(range(count))
    # What is asked for again, of a service that does well now, comes.
    for _ in range(6):
        with contextlib.suppress(TaskFailed):
            run(folder, service)
    assert sorted(told(folder)[0]) == list(range(count))


@settings(max_examples=60)
@given(fates=st.lists(st.sampled_from(FATES), max_size=15),
       deaths=st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=6))
def test_wherever_it_dies_the_next_run_goes_on(tmp_path_factory, fates, deaths):
    folder = tmp_path_factory.mktemp("run")
    service, count = Service(list(fates)), 30
    Ledger.create(folder / "ledger.sqlite", {}, planned(count, 7)).close()
    entered = Ledger.record
    for after, written in deaths:
        left = [after]

        def record(self, *changed, left=left, written=written, **more):
            if left[0] == 0:
                if written:
                    entered(self, *changed, **more)
                raise Killed
            left[0] -= 1
            entered(self, *changed, **more)

        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Killed, TaskFailed):
            patch.setattr(Ledger, "record", record)
            run(folder, service)
    for _ in range(6):
        with contextlib.suppress(TaskFailed):
            run(folder, service)
    assert sorted(told(folder)[0]) == list(range(count))


def test_a_submission_that_was_not_recorded_is_repeated_without_a_second_task(tmp_path):
    service = Service()
    Ledger.create(tmp_path / "ledger.sqlite", {}, planned(10, 5)).close()

    def unrecorded(self, *changed, **more):
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ledger, "record", unrecorded)
        with pytest.raises(Killed):
            run(tmp_path, service)
    assert service.begun
    run(tmp_path, service)
    assert sorted(service.begun) == ["2023/E0045N0487-000", "2023/E0046N0487-000"]
    assert sorted(told(tmp_path)[0]) == list(range(10))


def test_a_task_that_is_too_large_is_cut_until_it_fits(tmp_path):
    service = Service(["memory"] * 3)
    run(tmp_path, service, fresh=planned(8, 8)[:1])
    rows, missing, entries = told(tmp_path)
    assert missing == []
    assert len(rows) == 4
    assert {entry.shard.name for entry in entries if entry.state is ledger.State.SPLIT} > {"2023/E0045N0487-000"}


def test_one_sample_that_is_too_large_is_given_up_with_the_words(tmp_path):
    run(tmp_path, Service(["memory"]), fresh=planned(1, 1))
    rows, missing, [entry] = told(tmp_path)
    assert (rows, missing, entry.reason) == ([], [0], "User memory limit exceeded.")


def test_samples_that_never_come_are_asked_for_thrice_and_named(tmp_path):
    service = Service(["one missing"] * 3)
    run(tmp_path, service, fresh=planned(4, 9)[:1])
    rows, missing, _ = told(tmp_path)
    # Of rows 0 and 2 the first is missing each time.
    assert (sorted(rows), missing, len(service.begun)) == ([2], [0], 3)


def test_what_fails_for_every_task_is_not_paid_for_by_all(tmp_path):
    service = Service(["wrong"] * 100, threads=8)
    with pytest.raises(TaskFailed, match="shard after shard failed, and none came meanwhile: Image.select: no band"):
        run(tmp_path, service, fresh=planned(60, 2))
    assert len(service.begun) <= 3 + 3
    service.fates.clear()
    run(tmp_path, service)
    assert sorted(told(tmp_path)[0]) == list(range(60))


@pytest.mark.parametrize("fate", ["memory", "nothing"])
def test_what_is_too_large_or_empty_for_every_task_is_not_paid_for_by_all(tmp_path, fate):
    service = Service(["well", *[fate] * 1000], threads=8)
    with pytest.raises(TaskFailed, match="shard after shard failed"):
        run(tmp_path, service, fresh=planned(4000, 100))
    assert len(service.begun) < 60


def test_tasks_that_are_under_way_when_all_fail_are_called_off(tmp_path):
    class Endless(Service):
        def operations(self, names):
            found = super().operations(names)
            return {name: replace(each, state=State.RUNNING) if "N0487-02" in name and name not in self.stopped else
                    replace(each, state=State.CANCELLED, error="") if name in self.stopped else each
                    for name, each in found.items()}

        def cancel(self, name):
            self.stopped.add(name)

    service = Endless(["well"] * 30 + ["wrong"] * 100, threads=3)
    service.stopped = set()
    with pytest.raises(TaskFailed, match="shard after shard failed"):
        run(tmp_path, service, fresh=planned(200, 2))
    assert service.stopped
    assert not [entry for entry in told(tmp_path)[2] if entry.state is ledger.State.SUBMITTED]
    assert not set(told(tmp_path)[1]) & {row for entry in told(tmp_path)[2] if "N0487-02" in entry.shard.name
                                         for row in entry.shard.rows.tolist()}


def test_a_task_that_the_list_lacks_for_a_while_is_not_begun_again(tmp_path, monkeypatch):
    class Lagging(Service):
        looks = 0

        def operations(self, names):
            Lagging.looks += 1
            return {} if Lagging.looks < 20 else super().operations(names)

    monkeypatch.setattr(running, "_ABSENT_S", 60.0)
    service = Lagging()
    run(tmp_path, service, fresh=planned(20, 2))
    assert len(service.begun) == len(set(service.begun)) == 10
    assert sorted(told(tmp_path)[0]) == list(range(20))


def test_kept_shards_that_cost_nothing_do_not_lift_a_budget(tmp_path):
    service, shards = Service(), planned(600, 2)
    path = tmp_path / "ledger.sqlite"
    done = [ledger.Entry(shard=shard, state=ledger.State.RECEIVED) for shard in shards[:10]]
    Ledger.create(path, {}, shards[10:], done).close()
    with pytest.raises(BudgetExceeded):
        run(tmp_path, service, Budget(20 / 3600))
    assert len(service.begun) == 5


def test_a_file_that_cannot_be_kept_ends_the_run(tmp_path):
    class Full(Service):
        def fetch(self, shard, attempt, path):
            raise StorageError("no space left", mend="free space")

    service = Full()
    with pytest.raises(StorageError, match="no space left"):
        run(tmp_path, service, fresh=planned(40, 2))
    service.__class__ = Service
    begun = len(service.begun)
    run(tmp_path, service)
    assert sorted(told(tmp_path)[0]) == list(range(40))
    assert len(service.begun) == len(set(service.begun)) >= begun


def test_a_shard_that_is_never_answered_is_given_up_while_others_come(tmp_path):
    class Deaf(Service):
        def begin(self, shard, attempt, path):
            if shard.name.endswith("N0487-003"):
                raise EngineUnreachable("Earth Engine answered: 500", mend="")
            return super().begin(shard, attempt, path)

    run(tmp_path, Deaf(), fresh=planned(40, 2))
    rows, missing, entries = told(tmp_path)
    assert sorted(rows + missing) == list(range(40))
    assert [entry.shard.name[-8:] for entry in entries if entry.state is ledger.State.GIVEN_UP] == ["0487-003"] * 2


def test_a_silence_of_thousands_of_refusals_is_borne(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "_MOST_UNANSWERED", 10**6)
    service = Service(["unreachable"] * 5000, threads=40)
    run(tmp_path, service, fresh=planned(2, 1))
    assert sorted(told(tmp_path)[0]) == [0, 1]


def test_a_submission_under_way_when_the_run_ends_is_entered(tmp_path):
    class Slow(Service):
        def begin(self, shard, attempt, path):
            if shard.name.endswith("N0488-000"):
                time.sleep(0.2)
            return super().begin(shard, attempt, path)

        def operations(self, names):
            raise Killed

    with pytest.raises(Killed):
        run(tmp_path, Slow(), fresh=[replace(each, name=f"2023/N0488-{n:03d}") for n, each in enumerate(planned(4, 2))])
    assert [entry.state for entry in told(tmp_path)[2]] == [ledger.State.SUBMITTED] * 2


def test_a_quota_that_is_used_up_stops_the_export_and_loses_nothing(tmp_path):
    class Used(Service):
        def begin(self, shard, attempt, path):
            if len(self.begun) == 3:
                raise EngineError("Earth Engine answered: Your usage exceeded the custom quota for"
                                  " 'earthengine.googleapis.com/daily_eecu_usage_time'", mend="")
            return super().begin(shard, attempt, path)

    service = Used()
    with pytest.raises(TaskFailed, match="exceeded the custom quota"):
        run(tmp_path, service, fresh=planned(20, 2))
    rows, missing, _ = told(tmp_path)
    assert (len(rows), missing) == (6, [])
    service.begun.clear()
    service.__class__ = Service
    run(tmp_path, service)
    assert sorted(told(tmp_path)[0]) == list(range(20))


def test_an_engine_that_stays_silent_ends_the_run_and_not_the_tasks(tmp_path, monkeypatch):
    monkeypatch.setattr(patience, "_PATIENCE_S", 0.05)
    service = Service(["unreachable"] * 10**4)
    with pytest.raises(EngineUnreachable, match="go on with --resume"):
        run(tmp_path, service, fresh=planned(4, 2))
    service.fates.clear()
    run(tmp_path, service)
    assert sorted(told(tmp_path)[0]) == list(range(4))


@given(hours=st.floats(1e-4, 0.2), count=st.integers(1, 60), per_task=st.integers(1, 9))
def test_a_budget_is_never_exceeded_by_shards_of_equal_cost(tmp_path_factory, hours, count, per_task):
    folder, service, budget = tmp_path_factory.mktemp("run"), Service(), Budget(hours)
    cost = EECU_A_RECORD * count
    first = 3 * EECU_A_RECORD * per_task
    said = ""
    try:
        run(folder, service, budget, fresh=planned(count, per_task))
    except BudgetExceeded as error:
        said = str(error)
    if said:
        assert cost > budget.seconds - EECU_A_RECORD * per_task
    else:
        assert cost <= max(budget.seconds, first)
    _, missing, entries = told(folder)
    used = sum(entry.done_eecu for entry in entries)
    # Nothing is known of the cost before the first three are done.
    assert used <= max(budget.seconds, first)
    assert missing == []
    assert not said or "go on with --resume and a larger --budget-eecu-h" in said
    run(folder, service, Budget(np.inf))
    assert sorted(told(folder)[0]) == list(range(count))


def test_only_the_shards_that_are_named_are_begun_with_what_they_become(tmp_path):
    service = Service(["memory"])
    shards = planned(40, 5)
    run(tmp_path, service, only={shards[2].name}, fresh=shards)
    assert service.begun == [shards[2].name, f"{shards[2].name}a", f"{shards[2].name}b"]
    assert sorted(told(tmp_path)[0]) == shards[2].rows.tolist()


def test_the_queue_is_never_longer_than_the_route_is_wide(tmp_path):
    class Watched(Service):
        most = 0

        def operations(self, names):
            Watched.most = max(Watched.most, len(names))
            return super().operations(names)

    service = Watched(width=4)
    run(tmp_path, service, fresh=planned(60, 2))
    assert 1 <= Watched.most <= 4


def test_every_file_is_read_before_it_counts(tmp_path):
    run(tmp_path, Service(["truncated"]), fresh=planned(6, 9)[:1])
    [path] = Path(tmp_path, "shards").rglob("*.gz")
    gzip.decompress(path.read_bytes())
    _, _, [entry] = told(tmp_path)
    assert entry.attempt == 2
    assert entry.bytes == path.stat().st_size
    assert entry.done_eecu == 2 * 3 * EECU_A_RECORD
