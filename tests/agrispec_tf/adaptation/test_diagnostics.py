"""Distances are none between draws of one season and largest between seasons that share nothing."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel

from agrispec_tf.adaptation import diagnostics


def test_two_draws_of_a_season_are_close_and_nothing_is_to_be_won(grown):
    found = diagnostics.distance(grown(300, seed=1).series, grown(300, seed=2).series)
    assert found.a_distance < 0.5
    assert abs(found.mmd) < 0.01
    assert found.gaps_auc < 0.6
    assert any("nothing to win" in doubt for doubt in found.doubts())


def test_a_later_season_is_far(grown):
    found = diagnostics.distance(grown(200, seed=1).series, grown(200, seed=2, delay=0.15).series)
    assert found.a_distance > 1.5
    assert found.mmd > 0.05
    assert not list(found.doubts())


def test_a_season_that_is_seen_at_other_steps_is_told_apart_by_its_gaps_alone(grown):
    series = grown(200, seed=2).series
    hidden = series.counts.copy()
    hidden[:, :12] = 0
    found = diagnostics.distance(grown(200, seed=1).series, replace(series, counts=hidden))
    assert found.gaps_auc > 0.9
    assert found.missing_target > found.missing_source + 0.2
    assert any("alone tell" in doubt for doubt in found.doubts())


def test_seasons_without_gaps_cannot_be_told_apart_by_them(grown):
    one, other = (replace(grown(60, seed=seed).series, values=np.abs(grown(60, seed=seed).series.values) % 1,
                          counts=np.ones((60, 23), np.float32)) for seed in (1, 2))
    found = diagnostics.distance(one, other)
    assert (found.gaps_auc, found.missing_source, found.missing_target) == (0.5, 0, 0)


def test_the_discrepancy_is_the_unbiased_one():
    generator = np.random.default_rng(3)
    one, other = generator.normal(0, 1, (30, 4)), generator.normal(0.5, 1, (20, 4))
    both = np.concatenate([one, other])
    scaled = (both - both.mean(axis=0)) / both.std(axis=0)
    squared = ((scaled[:, None] - scaled) ** 2).sum(axis=2)
    kernel = rbf_kernel(scaled, gamma=1 / np.median(squared))
    within = [block[~np.eye(len(block), dtype=bool)].mean() for block in (kernel[:30, :30], kernel[30:, 30:])]
    assert diagnostics._mmd(one, other) == pytest.approx(sum(within) - 2 * kernel[:30, 30:].mean())
