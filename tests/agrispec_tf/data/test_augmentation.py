"""Windows and warps: the published settings, their golden values and their mix."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline

from agrispec.season import Window
from agrispec_tf.data import augmentation
from agrispec_tf.data.augmentation import Augmentation

CROPNET = Window(24, 67)
PUBLISHED = Augmentation()


@pytest.mark.parametrize(("shift", "first", "last"), [
    (-50, 14, 56), (-31, 17, 60), (-10, 22, 64), (-3, 23, 66), (0, 24, 66), (31, 30, 72), (50, 34, 72)])
def test_a_shifted_window_covers_the_published_steps(shift, first, last):
    start, stop = augmentation.steps_of(np.array([121 + shift]), np.array([334 + shift]), 5)
    assert (start[0], stop[0] - 1) == (first, last)


def test_every_shift_of_the_published_days_is_as_likely():
    only_shift = Augmentation(scale_share=0, warp_share=0)
    drawn = augmentation.draw(only_shift, CROPNET, 5, 50_000, np.random.default_rng(0))
    expected = Counter(((max(121 + d, 1) - 1) // 5, (min(334 + d, 365) - 1) // 5 + 1) for d in range(-50, 51))
    found = Counter(zip(drawn.start.tolist(), drawn.stop.tolist(), strict=True))
    assert found.keys() == expected.keys()
    for window, count in expected.items():
        assert abs(found[window] / 50_000 - count / 101) < 0.005


def test_scaled_windows_have_23_to_59_steps_and_stay_in_the_year():
    only_scale = Augmentation(shift_share=0, scale_share=1, warp_share=0)
    drawn = augmentation.draw(only_scale, CROPNET, 5, 50_000, np.random.default_rng(1))
    length = drawn.stop - drawn.start
    assert (length.min(), length.max()) == (23, 59)
    assert drawn.start.min() >= 0
    assert drawn.stop.max() <= 73


def test_half_of_the_samples_are_scaled_and_a_quarter_warped():
    drawn = augmentation.draw(PUBLISHED, CROPNET, 5, 40_000, np.random.default_rng(2))
    # Among unclipped shifts only 43 and 44 steps occur, which scaling gives too: compare with a run without it.
    unscaled = augmentation.draw(Augmentation(scale_share=0), CROPNET, 5, 40_000, np.random.default_rng(2))
    scaled = (drawn.start != unscaled.start) | (drawn.stop != unscaled.stop)
    warped = (drawn.knots != 1).any(axis=1)
    # 2 % of scaled windows equal the shifted one by chance.
    assert abs(scaled.mean() - 0.5) < 0.02
    assert abs(warped.mean() - 0.25) < 0.01
    assert abs((scaled & warped).mean() - 0.125) < 0.01
    assert abs((~scaled & ~warped).mean() - 0.375) < 0.02


def test_warp_factors_are_normal_around_one_with_the_published_deviation():
    knots = augmentation.draw(Augmentation(warp_share=1), CROPNET, 5, 40_000, np.random.default_rng(3)).knots
    assert abs(knots.mean() - 1) < 1e-3
    assert abs(knots.std() - 0.1) < 1e-3


@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(6, 80), features=st.integers(1, 4))
def test_a_warp_is_scipys_not_a_knot_spline_and_the_same_for_all_features(seed, steps, features):
    generator = np.random.default_rng(seed)
    series = generator.random((3, steps, features), np.float32) + 1
    knots = generator.normal(1, 0.1, (3, 5))
    curve = CubicSpline(np.linspace(0, steps - 1, 5), knots, axis=1)(np.arange(steps))
    np.testing.assert_allclose(augmentation.warped(series, knots), series * curve[..., None], rtol=1e-5)


def test_an_unwarped_series_is_unchanged_to_the_bit():
    series = np.random.default_rng(4).random((7, 43, 10), np.float32)
    np.testing.assert_array_equal(augmentation.warped(series, np.ones((7, 5))), series)


def test_copies_come_after_the_originals_and_originals_show_the_models_window():
    drawn = augmentation.with_copies(PUBLISHED, CROPNET, 5, 100, np.random.default_rng(5))
    assert len(drawn.start) == 300
    assert set(drawn.start[:100]) == {24}
    assert set(drawn.stop[:100]) == {67}
    assert (drawn.knots[:100] == 1).all()
    assert len(set(drawn.start[100:])) > 5


def test_a_redrawn_epoch_holds_a_third_of_originals():
    drawn = augmentation.of_epoch(Augmentation(redrawn=True, warp_share=1), CROPNET, 5, 30_000,
                                  np.random.default_rng(6))
    assert abs((drawn.knots == 1).all(axis=1).mean() - 1 / 3) < 0.01
