"""Windows, warps and clouds: the published settings, their golden values and their mix."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline
from scipy.stats import binom

from agrispec.errors import ConfigError
from agrispec.season import Window
from agrispec_tf.data import augmentation
from agrispec_tf.data.augmentation import V1, V3, Augmentation

CROPNET = Window(24, 67)
SETTINGS = {"v1": V1, "v3": V3}


def draw(settings: Augmentation, count: int, seed: int) -> augmentation.Draw:
    return augmentation.draw(settings, CROPNET, 5, count, np.random.default_rng(seed))


def assert_likely(found: int, count: int, share: float) -> None:
    """A number of events that a share explains; of 100,000 true shares one would fail."""
    assert binom.ppf(5e-6, count, share) <= found <= binom.ppf(1 - 5e-6, count, share)


def test_settings_are_the_published_ones():
    assert Augmentation() == V3
    assert (V3.shift_days, V3.scale_days, V3.warp_deviation) == (50, (-50, 50), 0.1)
    assert (V3.shift_share, V3.scale_share, V3.warp_share) == (1.0, 0.5, 0.25)
    assert (V3.copies, V3.redrawn, augmentation.KNOTS) == (2, False, 5)
    assert (V1.shift_days, V1.scale_days, V1.warp_deviation) == (10, (-30, 10), 0.2)
    assert (V1.shift_share, V1.scale_share, V1.warp_share) == (0.5, 0.5, 0.5)
    assert V1.dropped_share == V3.dropped_share == 0


@pytest.mark.parametrize(("shift", "first", "last"), [
    (-50, 14, 56), (-31, 17, 60), (-10, 22, 64), (-3, 23, 66), (0, 24, 66), (31, 30, 72), (50, 34, 72)])
def test_a_shifted_window_covers_the_published_steps(shift, first, last):
    start, stop = augmentation.steps_of(np.array([121 + shift]), np.array([334 + shift]), 5)
    assert (start[0], stop[0] - 1) == (first, last)


def test_every_shift_of_the_published_days_is_as_likely():
    drawn = draw(replace(V3, scale_share=0, warp_share=0), 50_000, 0)
    expected = Counter(((max(121 + d, 1) - 1) // 5, (min(334 + d, 365) - 1) // 5 + 1) for d in range(-50, 51))
    found = Counter(zip(drawn.start.tolist(), drawn.stop.tolist(), strict=True))
    assert found.keys() == expected.keys()
    for window, count in expected.items():
        assert_likely(found[window], 50_000, count / 101)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_pair_of_ends_in_the_range_of_days_is_as_likely(name):
    settings = replace(SETTINGS[name], scale_share=1)
    drawn = draw(settings, 200_000, 1)
    least, most = settings.scale_days
    days = range(least, most + 1)
    for ends, expected in ((drawn.start, Counter((121 + d - 1) // 5 for d in days)),
                           (drawn.stop, Counter((min(334 + d, 365) - 1) // 5 + 1 for d in days))):
        found = Counter(ends.tolist())
        assert found.keys() == expected.keys()
        for step, count in expected.items():
            assert_likely(found[step], 200_000, count / len(days))
    # Independent ends: whether one is below its median tells nothing of the other.
    early, short = drawn.start < np.median(drawn.start), drawn.stop < np.median(drawn.stop)
    assert abs((early & short).mean() - early.mean() * short.mean()) < 0.005


@pytest.mark.parametrize(("name", "shortest", "longest"), [("v3", 23, 59), ("v1", 35, 51)])
def test_scaled_windows_have_the_published_lengths_and_stay_in_the_year(name, shortest, longest):
    drawn = draw(replace(SETTINGS[name], scale_share=1), 50_000, 2)
    length = drawn.stop - drawn.start
    assert (length.min(), length.max()) == (shortest, longest)
    assert drawn.start.min() >= 0
    assert drawn.stop.max() <= 73


def test_a_window_whose_end_would_come_first_ends_five_days_after_its_start():
    start, stop = augmentation.steps_of(np.array([200, 200, 200, 364]), np.array([180, 200, 201, 300]), 1)
    assert (start.tolist(), stop.tolist()) == ([199, 199, 199, 363], [205, 205, 201, 365])


@pytest.mark.parametrize(("name", "mix"), [
    ("v3", {"shifted": 0.375, "scaled": 0.375, "shifted, warped": 0.125, "scaled, warped": 0.125}),
    ("v1", {"plain": 0.125, "shifted": 0.125, "scaled": 0.25,
            "plain, warped": 0.125, "shifted, warped": 0.125, "scaled, warped": 0.25})])
def test_effects_come_in_the_published_mix(name, mix):
    # Days that tell what moved a window: scaled ones by 60 exactly, shifted ones almost surely to an end of the year.
    settings = replace(SETTINGS[name], shift_days=10**7, scale_days=(60, 60))
    drawn = augmentation.draw(settings, Window(100, 200), 1, 40_000, np.random.default_rng(4))
    moved = {100: "plain", 160: "scaled"}
    warped = (drawn.knots != 1).any(axis=1)
    found = Counter(moved.get(int(start), "shifted") + ", warped" * int(warp)
                    for start, warp in zip(drawn.start, warped, strict=True))
    assert found.keys() == mix.keys()
    for effect, share in mix.items():
        assert_likely(found[effect], 40_000, share)


@pytest.mark.parametrize("name", SETTINGS)
def test_warp_factors_are_normal_around_one_with_the_published_deviation(name):
    settings = replace(SETTINGS[name], warp_share=1)
    knots = draw(settings, 40_000, 3).knots
    assert abs(knots.mean() - 1) < 4 * settings.warp_deviation / np.sqrt(knots.size)
    assert knots.std() == pytest.approx(settings.warp_deviation, rel=0.01)
    curves = augmentation.warped(np.ones((40_000, 43, 1), np.float32), knots)
    np.testing.assert_allclose(curves.mean(axis=0), 1, atol=0.01)


@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(6, 80), features=st.integers(1, 4))
def test_a_warp_is_scipys_not_a_knot_spline_and_the_same_for_all_features(seed, steps, features):
    generator = np.random.default_rng(seed)
    series = generator.random((3, steps, features), np.float32) + 1
    knots = generator.normal(1, 0.1, (3, 5))
    curve = CubicSpline(np.linspace(0, steps - 1, 5), knots, axis=1, bc_type="not-a-knot")(np.arange(steps))
    np.testing.assert_allclose(augmentation.warped(series, knots), series * curve[..., None], rtol=1e-5)


def test_an_unwarped_series_is_unchanged_to_the_bit():
    series = np.random.default_rng(4).random((7, 43, 10), np.float32)
    np.testing.assert_array_equal(augmentation.warped(series, np.ones((7, 5))), series)


def test_clouds_take_half_of_their_greatest_share_on_average_in_runs_of_the_mean_length():
    dropped = draw(Augmentation(dropped_share=0.4, dropped_days=15), 20_000, 5).dropped
    assert dropped.shape == (20_000, 73)
    # In equilibrium from the first step to the last.
    np.testing.assert_allclose(dropped.mean(axis=0), 0.2, atol=0.015)
    # A run ends with the same chance after each of its steps, one in three: lengths are geometric.
    for age in range(1, 5):
        old = ~dropped[:, :-1 - age] & np.all([dropped[:, n:n - 1 - age] for n in range(1, age + 1)], axis=0)
        assert abs((old & ~dropped[:, age + 1:]).sum() / old.sum() - 1 / 3) < 0.01


def test_a_samples_share_of_clouds_is_uniform_up_to_the_greatest():
    # Runs of a step each, over many steps: the share lost tells the share drawn.
    dropped = augmentation.draw(Augmentation(dropped_share=0.4, dropped_days=1), Window(0, 365), 1, 4_000,
                                np.random.default_rng(6)).dropped
    share = dropped.mean(axis=1)
    np.testing.assert_allclose(np.quantile(share, [0.1, 0.3, 0.5, 0.7, 0.9]), [0.04, 0.12, 0.2, 0.28, 0.36], atol=0.015)


def test_clouds_leave_windows_and_warps_as_they_are_drawn_without_and_come_with_the_seed():
    clear, cloudy, again = draw(V3, 500, 7), *(draw(replace(V3, dropped_share=0.3), 500, 7) for _ in range(2))
    for name in ("start", "stop", "knots"):
        np.testing.assert_array_equal(getattr(clear, name), getattr(cloudy, name))
    assert clear.dropped is None
    np.testing.assert_array_equal(cloudy.dropped, again.dropped)
    np.testing.assert_array_equal(cloudy.take(np.array([4, 2])).dropped, cloudy.dropped[[4, 2]])


@pytest.mark.parametrize("wrong", [
    {"shift_share": 1.5}, {"warp_share": -0.1}, {"dropped_share": 0.6}, {"scale_days": (10, -30)}, {"shift_days": -1},
    {"dropped_days": 0.0}, {"copies": -1}])
def test_settings_that_cannot_be_drawn_are_refused(wrong):
    with pytest.raises(ConfigError):
        Augmentation(**wrong)


def test_copies_come_after_the_originals_and_originals_show_the_models_window():
    drawn = augmentation.with_copies(V3, CROPNET, 5, 100, np.random.default_rng(5))
    assert len(drawn.start) == 300
    assert set(drawn.start[:100]) == {24}
    assert set(drawn.stop[:100]) == {67}
    assert (drawn.knots[:100] == 1).all()
    assert len(set(drawn.start[100:])) > 5


def test_a_redrawn_epoch_holds_a_third_of_originals():
    drawn = augmentation.of_epoch(replace(V3, redrawn=True, warp_share=1), CROPNET, 5, 30_000,
                                  np.random.default_rng(6))
    assert_likely(int((drawn.knots == 1).all(axis=1).sum()), 30_000, 1 / 3)


def test_originals_lose_no_steps():
    cloudy = replace(V3, dropped_share=0.5, warp_share=1)
    copies = augmentation.with_copies(cloudy, CROPNET, 5, 100, np.random.default_rng(7))
    assert copies.dropped.shape == (300, 73)
    assert not copies.dropped[:100].any()
    assert copies.dropped[100:].any()
    mixed = augmentation.of_epoch(cloudy, CROPNET, 5, 300, np.random.default_rng(8))
    original = (mixed.knots == 1).all(axis=1)
    assert not mixed.dropped[original].any()
    assert mixed.dropped[~original].any()


# Benchmarks were recorded with these draws: a change of their order would change every trained network.
def test_a_seed_draws_what_it_always_drew():
    drawn = draw(V3, 8, 0)
    assert drawn.start.tolist() == [17, 30, 24, 19, 20, 26, 15, 14]
    assert drawn.stop.tolist() == [70, 68, 67, 63, 63, 73, 59, 57]
    np.testing.assert_allclose(drawn.knots[:, 0], [1, 1, 1, 1, 1.042986369482223, 1, 1, 1], rtol=1e-12)
