"""As many requests as the engine bears: never more than the window is wide, each answered once, also in a storm."""

import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agrispec.engine import CONCURRENT_REQUESTS, REQUESTS_PER_S
from agrispec.errors import EngineBusy, EngineError, EngineUnreachable
from exports.export import window as windows
from exports.export.window import Width, Window

BUSY = EngineBusy("Earth Engine answered: Too many concurrent aggregations", mend="ask for less at once")
AWAY = EngineUnreachable("Earth Engine cannot be reached", mend="check the network")


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(windows, "_PAUSE_S", (0.0005, 0.002))
    monkeypatch.setattr(windows, "REQUESTS_PER_S", 10**6)


# The arithmetic

widths = st.builds(Width, st.floats(1, CONCURRENT_REQUESTS), st.integers(0, 9))


@example(Width(float(CONCURRENT_REQUESTS)), ["answered"])
@given(widths, st.lists(st.one_of(st.just("answered"), st.integers(0, 9))))
def test_the_width_stays_between_one_and_the_services_limit(width, events):
    for event in events:
        width = width.grown() if event == "answered" else width.cut(max(width.cuts - event, 0))
        assert 1 <= width.value <= CONCURRENT_REQUESTS


@given(widths)
def test_as_many_answers_as_it_is_wide_make_it_wider_by_about_one(width):
    grown = width
    for _ in range(int(width.value)):
        grown = grown.grown()
    assert min(width.value + 0.5, CONCURRENT_REQUESTS) <= grown.value <= min(width.value + 1, CONCURRENT_REQUESTS)
    assert grown.cuts == width.cuts


@given(widths, st.integers(1, 40))
def test_a_refusal_halves_it_and_those_that_were_under_way_with_it_do_not(width, others):
    cut = width.cut(width.cuts)
    assert cut.value == max(width.value / 2, 1)
    for _ in range(others):
        assert cut.cut(width.cuts) == cut
    assert cut.cut(cut.cuts).value == max(cut.value / 2, 1)


# Threads

class Service:
    """Answers `capacity` requests at once and refuses those beyond; the first requests get what `storm` says."""

    def __init__(self, capacity=CONCURRENT_REQUESTS, storm=(), takes_s=0.0):
        self.capacity, self.storm, self.takes_s = capacity, list(storm), takes_s
        self.lock = threading.Lock()
        self.inside = self.refused = 0
        self.answered, self.seen = [], []

    def request(self, number, window):
        with self.lock:
            self.inside += 1
            self.seen.append((self.inside, window.width))
            failure = self.storm.pop(0) if self.storm else BUSY if self.inside > self.capacity else None
        time.sleep(self.takes_s)
        with self.lock:
            self.inside -= 1
            if failure is None:
                self.answered.append(number)
            else:
                self.refused += 1
        if failure is not None:
            raise failure
        return number


def ask_all(service, count, threads):
    with Window() as window, ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(lambda number: window.ask(lambda: service.request(number, window)), range(count)))
    assert found == list(range(count))
    assert sorted(service.answered) == found, "each is answered exactly once"
    return window


def test_never_are_more_under_way_than_the_window_is_wide():
    service = Service(takes_s=0.002)
    window = ask_all(service, 400, 60)
    # It only grows here, so it was no wider when they began.
    assert all(inside <= width for inside, width in service.seen)
    assert max(inside for inside, _ in service.seen) >= CONCURRENT_REQUESTS / 2
    assert CONCURRENT_REQUESTS / 2 < window.width <= CONCURRENT_REQUESTS


@settings(max_examples=20)
@given(st.lists(st.sampled_from([BUSY, AWAY]), max_size=60), st.integers(1, 50), st.integers(1, 40))
def test_a_storm_that_ends_leaves_every_request_done_exactly_once(storm, count, threads):
    service = Service(storm=storm)
    ask_all(service, count, threads)
    assert service.refused <= len(storm)


@pytest.mark.parametrize("capacity", [1, 3, 10])
def test_an_engine_that_bears_less_is_asked_for_less(capacity):
    service = Service(capacity=capacity, takes_s=0.002)
    window = ask_all(service, 200, 40)
    assert window.width <= 2 * capacity + 2
    # The last requests were hardly ever beyond what it bears.
    assert max(inside for inside, _ in service.seen[-100:]) <= 2 * capacity + 2


def test_an_engine_that_is_away_for_a_while_does_not_narrow_the_window():
    service = Service(storm=[AWAY] * 30)
    assert ask_all(service, 20, 20).width >= CONCURRENT_REQUESTS // 2


def test_after_a_refusal_nothing_begins_until_there_is_room(monkeypatch):
    monkeypatch.setattr(windows, "_PAUSE_S", (600.0, 600.0))
    first = int(Width().value)
    numbers, begun = iter(range(first + 1)), threading.Semaphore(0)
    gates = [threading.Event() for _ in range(first + 1)]

    def request():
        number = next(numbers)  # in the order in which they begin
        begun.release()
        gates[number].wait()
        if number == 0:
            raise BUSY

    def begin(count):
        return all(begun.acquire(timeout=10) for _ in range(count)) and not begun.acquire(timeout=0.1)

    with ThreadPoolExecutor(first + 1) as pool, Window() as window:
        futures = [pool.submit(window.ask, request) for _ in range(first + 1)]
        assert begin(first), "one waits for a turn"
        gates[0].set()
        while window.width != first // 2:
            time.sleep(0.001)
        for gate in gates[1:first // 2]:
            gate.set()
        assert begin(0), "half of those that were under way still are"
        gates[first // 2].set()
        assert begin(1), "now there is room for one"
        for gate in gates:
            gate.set()
    assert [type(future.exception()) for future in futures].count(EngineBusy) == 1
    assert [future.exception() for future in futures].count(None) == first


def test_requests_begin_no_faster_than_the_service_allows(monkeypatch):
    monkeypatch.setattr(windows, "REQUESTS_PER_S", REQUESTS_PER_S)
    began = time.monotonic()
    ask_all(Service(), 41, 20)
    assert time.monotonic() - began >= 40 / REQUESTS_PER_S


def test_an_engine_that_answers_nothing_for_long_is_given_up(monkeypatch):
    monkeypatch.setattr(windows, "_PATIENCE_S", 0.05)
    service = Service(storm=[AWAY] * 10**5)
    with Window() as window, pytest.raises(EngineUnreachable, match="cannot be reached"):
        window.ask(lambda: service.request(0, window))
    assert service.refused > 5


def test_who_is_refused_while_others_are_answered_is_not_given_up(monkeypatch):
    monkeypatch.setattr(windows, "_PATIENCE_S", 0.1)
    others, until = Service(), time.monotonic() + 0.4

    def unlucky():
        if time.monotonic() < until:
            raise BUSY
        return "at last"

    def lucky():
        while time.monotonic() < until:
            window.ask(lambda: others.request(0, window))
            time.sleep(0.005)

    with ThreadPoolExecutor(2) as pool, Window() as window:
        pool.submit(lucky)
        assert window.ask(unlucky) == "at last"


def test_a_refusal_that_no_waiting_mends_is_raised_at_once_and_gives_its_turn_back():
    calls = []

    def wrong():
        calls.append(1)
        raise EngineError("Earth Engine answered: no band B99", mend="mend the graph")

    with Window() as window:
        for count in range(1, 3 * CONCURRENT_REQUESTS):
            with pytest.raises(EngineError, match="B99"):
                window.ask(wrong)
            assert len(calls) == count
        assert window.ask(lambda: 7) == 7
        assert window.width == CONCURRENT_REQUESTS // 2


def test_with_the_end_of_the_block_nobody_waits_any_more(monkeypatch):
    monkeypatch.setattr(windows, "_PAUSE_S", (600.0, 600.0))
    refused, gate, inside = threading.Event(), threading.Event(), threading.Semaphore(0)

    def busy():
        refused.set()
        raise BUSY

    def slow():
        inside.release()
        gate.wait()

    with ThreadPoolExecutor(40) as pool:
        with Window() as window:
            pausing = pool.submit(window.ask, busy)
            refused.wait()
            while window.width == CONCURRENT_REQUESTS // 2:
                time.sleep(0.001)
            under_way = [pool.submit(window.ask, slow) for _ in range(window.width)]
            for _ in under_way:
                inside.acquire()
            waiting = [pool.submit(window.ask, slow) for _ in range(5)]
            time.sleep(0.05)
        assert isinstance(pausing.exception(timeout=10), EngineBusy)
        assert all(isinstance(future.exception(timeout=10), CancelledError) for future in waiting)
        assert not any(future.done() for future in under_way), "what was asked is waited for"
        gate.set()
    with pytest.raises(CancelledError):
        window.ask(lambda: 1)
