"""Preparation: windows, gaps, smoothing and length, against plain NumPy; nothing leaks into a window."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline

from agrispec.cube import preset
from agrispec.errors import DataError
from agrispec.season import Window
from agrispec_tf.data import augmentation
from agrispec_tf.data.augmentation import V1, V3, Augmentation, Draw
from agrispec_tf.data.normalisation import Normalisation
from agrispec_tf.data.preparation import Preparation, seen
from agrispec_tf.data.samples import Series

CROPNET = preset("cropnet-5d")
seeds = st.integers(0, 2**32 - 1)


def year(seed: int, count: int = 4, clear: float = 0.4) -> Series:
    generator = np.random.default_rng(seed)
    counts = (generator.random((count, 73)) < clear).astype(np.float32) * generator.integers(1, 4, (count, 73))
    values = generator.random((count, 73, 10), np.float32)
    values[counts == 0] = CROPNET.fill
    return Series(cube=CROPNET, values=values, counts=counts.astype(np.float32))


def view(series: Series) -> Series:
    window = series.cube.window
    return Series(cube=series.cube.view(), values=series.values[:, window.start:window.stop],
                  counts=series.counts[:, window.start:window.stop])


@pytest.mark.parametrize("smoothing", [0.0, 2.0])
@given(seed=seeds, clear=st.sampled_from([0.05, 0.4, 1.0]))
def test_a_full_year_and_its_window_give_the_same_input_to_the_bit(smoothing, seed, clear):
    whole = year(seed, clear=clear)
    prepared = Preparation(smoothing=smoothing).apply(whole)
    np.testing.assert_array_equal(prepared, Preparation(smoothing=smoothing).apply(view(whole)))


@pytest.mark.parametrize("smoothing", [0.0, 2.0])
@given(seed=seeds)
def test_nothing_outside_of_a_drawn_window_reaches_the_input(smoothing, seed):
    whole = year(seed, count=6)
    drawn = augmentation.draw(Augmentation(), CROPNET.window, 5, 6, np.random.default_rng(seed))
    step = np.arange(73)
    outside = (step < drawn.start[:, None]) | (step >= drawn.stop[:, None])
    other = replace(whole, values=np.where(outside[..., None], np.float32(7), whole.values),
                    counts=np.where(outside, np.float32(9), whole.counts))
    prepared = Preparation(smoothing=smoothing)
    np.testing.assert_array_equal(prepared.apply(whole, drawn), prepared.apply(other, drawn))


@given(seed=seeds)
def test_gaps_are_interpolated_linearly_inside_the_window_as_numpy_does(seed):
    whole = year(seed)
    prepared = Preparation().apply(whole)
    steps = np.arange(24, 67)
    for n in range(len(whole)):
        known = steps[whole.counts[n, steps] > 0]
        for band in range(10):
            expected = np.interp(steps, known, whole.values[n, known, band]) if len(known) else np.zeros(43)
            np.testing.assert_allclose(prepared[n, :, band], expected, atol=1e-6)


@pytest.mark.parametrize("settings", [V1, V3, replace(V3, dropped_share=0.5)], ids=["v1", "v3", "clouds"])
@given(seed=seeds, clear=st.sampled_from([0.05, 0.4, 1.0]))
def test_drawn_series_are_what_numpy_and_scipy_make_of_them_one_by_one(settings, seed, clear):
    whole = year(seed, clear=clear)
    drawn = augmentation.draw(settings, CROPNET.window, 5, len(whole), np.random.default_rng(seed))
    prepared = Preparation().apply(whole, drawn)
    for n in range(len(whole)):
        window = np.arange(drawn.start[n], drawn.stop[n])
        known = window[whole.counts[n, window] > 0]
        if drawn.dropped is not None:
            left = known[~drawn.dropped[n, known]]
            known = left if len(left) else known
        centres = np.clip((np.arange(43) + 0.5) * len(window) / 43 - 0.5, 0, len(window) - 1)
        curve = CubicSpline(np.linspace(0, 42, 5), drawn.knots[n])(np.arange(43))
        for band in range(10):
            filled = np.interp(window, known, whole.values[n, known, band]) if len(known) else np.zeros(len(window))
            expected = np.interp(centres, np.arange(len(window)), filled) * curve
            np.testing.assert_allclose(prepared[n, :, band], expected, atol=2e-6)


@pytest.mark.parametrize("smoothing", [0.0, 2.0])
@given(seed=seeds)
def test_a_lost_step_counts_as_one_that_was_never_seen(smoothing, seed):
    whole = year(seed, count=6, clear=1.0)
    drawn = augmentation.draw(replace(V3, dropped_share=0.5), CROPNET.window, 5, 6, np.random.default_rng(seed))
    step = np.arange(73)
    inside = (step >= drawn.start[:, None]) & (step < drawn.stop[:, None])
    lost = drawn.dropped & (inside & ~drawn.dropped).any(axis=1, keepdims=True)
    other = replace(whole, values=np.where(lost[..., None], np.float32(np.nan), whole.values),
                    counts=np.where(lost, np.float32(0), whole.counts))
    prepared = Preparation(smoothing=smoothing)
    np.testing.assert_array_equal(prepared.apply(whole, drawn), prepared.apply(other, replace(drawn, dropped=None)))


@pytest.mark.parametrize("smoothing", [0.0, 2.0])
def test_a_series_that_would_lose_its_last_look_in_the_window_loses_none(smoothing):
    whole = year(4)
    everything = replace(augmentation.plain(CROPNET.window, 4), dropped=np.ones((4, 73), np.bool_))
    prepared = Preparation(smoothing=smoothing)
    np.testing.assert_array_equal(prepared.apply(whole, everything), prepared.apply(whole))
    # A look outside of the window is no consolation.
    window = everything.dropped.copy()
    window[:, :24] = window[:, 67:] = False
    np.testing.assert_array_equal(prepared.apply(whole, replace(everything, dropped=window)), prepared.apply(whole))


def test_lost_steps_are_counted_from_the_years_first_step_where_records_begin_later():
    part = Series(cube=replace(CROPNET, exported=Window(20, 70)), values=year(5).values[:, 20:70],
                  counts=year(5).counts[:, 20:70])
    drawn = replace(augmentation.plain(CROPNET.window, 4),
                    dropped=augmentation.draw(replace(V3, dropped_share=0.5), CROPNET.window, 5, 4,
                                              np.random.default_rng(5)).dropped)
    np.testing.assert_array_equal(Preparation().apply(part, drawn), Preparation().apply(year(5), drawn))


@pytest.mark.parametrize("smoothing", [0.0, 2.0])
def test_a_series_is_prepared_alike_in_any_company(smoothing):
    whole = year(6, count=8)
    drawn = augmentation.draw(V3, CROPNET.window, 5, 8, np.random.default_rng(6))
    together = Preparation(smoothing=smoothing).apply(whole, drawn)
    for n in range(8):
        row = np.array([n])
        alone = Preparation(smoothing=smoothing).apply(whole.take(row), drawn.take(row))
        np.testing.assert_allclose(alone[0], together[n], atol=1e-6)


@pytest.mark.parametrize(("start", "stop", "first", "last"), [
    (20, 64, (0.0116, 1.0349, 2.0581), 42.9884),
    (20, 57, (0.0, 0.7907, 1.6512), 36.0),
    (14, 73, (0.1860, 1.5581, 2.9302), 57.8140)])
def test_a_drawn_window_is_resized_with_half_pixel_centres(start, stop, first, last):
    ramp = np.broadcast_to((np.arange(73, dtype=np.float32) - start)[None, :, None], (1, 73, 10))
    series = Series(cube=CROPNET, values=ramp, counts=np.ones((1, 73), np.float32))
    drawn = Draw(start=np.array([start]), stop=np.array([stop]), knots=np.ones((1, 5)))
    resized = Preparation().apply(series, drawn)[0, :, 0]
    assert len(resized) == 43
    np.testing.assert_allclose([*resized[:3], resized[-1]], [*first, last], atol=5e-5)


@pytest.mark.parametrize("smoothing", [0.0, 2.0])
@given(seed=seeds, ends=st.lists(st.integers(0, 43), min_size=2, max_size=2, unique=True))
def test_only_the_steps_that_are_shown_tell_anything_and_beyond_them_values_are_held(smoothing, seed, ends):
    first, stop = sorted(ends)
    drawn = augmentation.draw(V3, CROPNET.window, 5, 4, np.random.default_rng(seed))
    whole = year(seed)
    prepared, everything = (Preparation(smoothing=smoothing, shown=shown).apply(whole, drawn)
                            for shown in ((first, stop), None))
    np.testing.assert_array_equal(prepared[:, first:stop], everything[:, first:stop])
    np.testing.assert_array_equal(prepared[:, :first], np.repeat(everything[:, first:first + 1], first, axis=1))
    np.testing.assert_array_equal(prepared[:, stop:], np.repeat(everything[:, stop - 1:stop], 43 - stop, axis=1))


@pytest.mark.parametrize("shown", [None, (3, 40)])
def test_a_preparation_comes_back_from_its_card(shown):
    made = Preparation(smoothing=1.0, shown=shown, normalisation=Normalisation.fitted(Preparation().apply(year(0))))
    assert Preparation.from_table(json.loads(json.dumps(asdict(made)))) == made


def test_statistics_standardise_what_they_were_fitted_on():
    whole = year(1, count=50)
    plain = Preparation().apply(whole)
    standard = Preparation(normalisation=Normalisation.fitted(plain)).apply(whole)
    np.testing.assert_allclose(standard.mean(axis=(0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(standard.std(axis=(0, 1)), 1, atol=1e-5)


def test_a_series_without_a_clear_look_is_told_apart():
    whole = year(2)
    counts = whole.counts.copy()
    counts[1, 24:67] = 0
    np.testing.assert_array_equal(seen(replace(whole, counts=counts)), [True, False, True, True])


def test_a_window_that_the_records_do_not_carry_is_refused():
    drawn = augmentation.draw(Augmentation(), CROPNET.window, 5, 4, np.random.default_rng(0))
    with pytest.raises(DataError, match="whole season year"):
        Preparation().apply(view(year(0)), drawn)


def test_series_of_another_shape_than_their_cube_are_refused():
    with pytest.raises(DataError, match=r"\(N, 73, 10\)"):
        Series(cube=CROPNET, values=np.zeros((2, 43, 10), np.float32), counts=np.zeros((2, 43), np.float32))


def test_the_model_window_may_be_any_part_of_the_year():
    cube = replace(CROPNET, window=Window(0, 73))
    whole = replace(year(3), cube=cube)
    assert Preparation().apply(whole).shape == (4, 73, 10)


@pytest.mark.parametrize("smoothing", [0.0, 2.0])
@given(seed=seeds, steps=st.integers(-20, 6))
def test_what_is_moved_by_whole_steps_is_a_window_that_many_steps_later(smoothing, seed, steps):
    series, window, preparation = year(seed), CROPNET.window, Preparation(smoothing=smoothing)
    moved = preparation.apply(series, augmentation.plain(window, 4).later(steps))
    there = augmentation.plain(Window(window.start + steps, window.stop + steps), 4)
    np.testing.assert_allclose(moved, preparation.apply(series, there), atol=1e-6)


@given(seed=seeds, steps=st.floats(-100, 100))
def test_what_is_moved_by_a_fraction_is_read_between_steps_and_held_at_the_ends_as_numpy_does(seed, steps):
    series, window = year(seed, clear=1.0), CROPNET.window
    moved = Preparation().apply(series, augmentation.plain(window, 4).later(steps))
    place = np.arange(window.start, window.stop) + steps
    for one, values in zip(moved, series.values, strict=True):
        expected = np.stack([np.interp(place, np.arange(73), values[:, band]) for band in range(10)], axis=1)
        np.testing.assert_allclose(one, expected, atol=1e-4)


@given(seed=seeds, steps=st.floats(-50, 50))
def test_a_record_of_the_window_alone_can_be_moved_too(seed, steps):
    shown = Preparation().apply(view(year(seed, clear=1.0)), augmentation.plain(CROPNET.window, 4).later(steps))
    assert np.isfinite(shown).all()
    if steps > 45:
        np.testing.assert_array_equal(shown, np.repeat(shown[:, -1:], 43, axis=1))


def test_moved_days_are_even_over_their_range_and_leave_originals_alone():
    how = Augmentation(moved_days=16.0, shift_share=0.0, scale_share=0.0, copies=3, redrawn=True)
    drawn = augmentation.of_epoch(how, CROPNET.window, 5, 20_000, np.random.default_rng(0))
    assert (drawn.start == CROPNET.window.start).all()
    assert np.mean(drawn.moved == 0) == pytest.approx(0.25, abs=0.02)
    days = 5 * drawn.moved[drawn.moved != 0]
    assert np.abs(days).max() < 16
    np.testing.assert_allclose(np.quantile(days, [0.25, 0.5, 0.75]), [-8, 0, 8], atol=0.6)
    assert augmentation.draw(replace(how, moved_days=0.0), CROPNET.window, 5, 3, np.random.default_rng(0)).moved is None
