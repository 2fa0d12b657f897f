"""The cost of another form: scikit-learn's scores, and a bootstrap that draws whole blocks for both."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from agrispec.errors import DataError
from agrispec_tf import intervals
from agrispec_tf.deployment import cost


def noisy(count: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """True class numbers of 4 classes, and called ones of which a share is drawn anew."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 4, count)
    return truth, np.where(generator.random(count) < share, generator.integers(0, 4, count), truth)


@given(seed=st.integers(0, 50), count=st.integers(1, 60), blocks=st.integers(1, 9))
def test_equal_answers_cost_nothing(seed, count, blocks):
    truth, found = noisy(count, 0.4, seed)
    same = cost.between(found, found.copy(), truth, np.arange(count) % blocks, 4)
    assert (same.agreement, same.samples, same.blocks) == (1, count, min(count, blocks))
    for change in (same.accuracy, same.macro_f1):
        assert (change.after - change.before, change.low, change.high) == (0, 0, 0)


def test_scores_and_interval_are_those_of_blocks_drawn_by_hand(monkeypatch):
    monkeypatch.setattr(intervals, "DRAWS", 60)
    truth, before = noisy(200, 0.2, 0)
    after = np.where(np.random.default_rng(5).random(200) < 0.15, 0, before)
    blocks = np.array([f"E{number}" for number in np.random.default_rng(6).integers(0, 12, 200)])
    found = cost.between(before, after, truth, blocks, 4)
    names = np.unique(blocks)
    weights = np.random.default_rng(0).multinomial(12, np.full(12, 1 / 12), 60)

    def scored(score, called, rows):
        if score == "accuracy":
            return accuracy_score(truth[rows], called[rows])
        return f1_score(truth[rows], called[rows], average="macro", labels=np.unique(truth[rows]), zero_division=0)

    for score in ("accuracy", "macro_f1"):
        change = getattr(found, score)
        everything = np.arange(200)
        assert change.before == pytest.approx(scored(score, before, everything))
        assert change.after == pytest.approx(scored(score, after, everything))
        differences = []
        for weight in weights:
            rows = np.concatenate([np.repeat(np.flatnonzero(blocks == name), times)
                                   for name, times in zip(names, weight, strict=True)])
            differences.append(scored(score, after, rows) - scored(score, before, rows))
        np.testing.assert_allclose((change.low, change.high), np.quantile(differences, (0.025, 0.975)), atol=1e-12)
        assert change.low < change.after - change.before < change.high
    assert found.agreement == pytest.approx(np.mean(before == after))


def test_a_change_reads_with_its_interval():
    assert str(cost.Change(before=0.9, after=0.8951, low=-0.0101, high=0.0004)) == (
        "0.9000 -> 0.8951, change -0.0049 [-0.0101, +0.0004]")


def test_no_samples_are_refused():
    none = np.zeros(0, np.int64)
    with pytest.raises(DataError, match="no held-out samples"):
        cost.between(none, none, none, none, 4)
