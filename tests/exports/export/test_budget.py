"""What is estimated from some shards is, as often as promised, what all cost; and a budget is what it says."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.errors import BudgetExceeded, ConfigError
from exports.export import budget
from exports.export.budget import FIRST, Budget, Estimate


def test_everything_measured_is_certain():
    found = budget.estimate([10, 20], [1.0, 3.0], 0)
    assert found == Estimate(shards=2, used=4.0, total=4.0, low=4.0, high=4.0)


def test_cost_is_in_proportion_to_records():
    found = budget.estimate([10, 20, 30], [5.0, 10.0, 15.0], 140)
    assert found.total == found.low == found.high == pytest.approx(100.0)


def test_one_shard_tells_no_upper_bound():
    found = budget.estimate([10], [5.0], 10)
    assert (found.total, found.low, found.high) == (10.0, 5.0, math.inf)


@pytest.mark.parametrize("measured", [3, 5, 20])
def test_intervals_hold_the_true_cost_as_often_as_they_promise(measured):
    random, held = np.random.default_rng(measured), 0
    repeats = 2000
    for _ in range(repeats):
        sizes = random.integers(50, 1000, 60)
        costs = sizes * random.gamma(8.0, 0.1, 60)
        # In the order of a shuffle, as good as any.
        found = budget.estimate(sizes[:measured].tolist(), costs[:measured].tolist(), int(sizes[measured:].sum()))
        held += found.low <= costs.sum() <= found.high
    assert held / repeats == pytest.approx(budget.LEVEL, abs=0.05)


@given(st.lists(st.tuples(st.integers(1, 1000), st.floats(0, 1e4)), min_size=1, max_size=8), st.integers(0, 10**6))
def test_an_estimate_lies_in_its_interval_and_never_below_what_was_used(done, left):
    found = budget.estimate([records for records, _ in done], [cost for _, cost in done], left)
    assert found.used <= found.low <= found.total * (1 + 1e-12)
    assert found.total <= found.high * (1 + 1e-12)


@pytest.mark.parametrize("hours", [0, -1, math.nan])
def test_a_budget_that_pays_for_nothing_is_refused(hours):
    with pytest.raises(ConfigError, match="pays for nothing; give --budget-eecu-h more than 0"):
        Budget(hours)


def test_an_export_that_is_estimated_beyond_its_budget_is_refused_with_the_figures():
    found = budget.estimate([10, 10, 10], [100.0, 110.0, 120.0], 3000)
    Budget(10).check(found)
    with pytest.raises(BudgetExceeded, match=r"will take about 9\.26 EECU-h \(.* to .*, from 3 shards\), more than the"
                                             r" budget of 9 EECU-h"):
        Budget(9).check(found)


def test_the_first_shards_are_measured_before_more_are_begun():
    limit = Budget(1)
    assert limit.room([], 0.0, [(10, 0.0)] * (FIRST - 1), 10)
    assert not limit.room([], 0.0, [(10, 0.0)] * FIRST, 10)
    assert not limit.room([(10, 1.0)], 0.0, [(10, 0.0)] * (FIRST - 1), 10)
    assert Budget(math.inf).room([], 0.0, [(10, 0.0)] * 1000, 10)


def test_what_failed_and_what_is_under_way_counts():
    done, limit = [(10, 100.0), (10, 50.0), (10, 50.0)], Budget(1)
    assert limit.room(done, 0.0, [], 340)
    assert not limit.room(done, 0.0, [], 341)
    assert limit.room(done, 1000.0, [(40, 0.0)], 200)
    assert not limit.room(done, 1000.0, [(40, 0.0)], 201)
    assert not limit.room(done, 1000.0, [(40, 410.0)], 200)


def test_compute_is_told_in_words():
    assert [budget.hours(value) for value in (0.5, 36, 540_000, math.inf)] == [
        "0.5 EECU-s", "0.01 EECU-h", "150 EECU-h", "no bound"]
