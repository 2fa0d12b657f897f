"""The view of a season on the device against the preparation that runs on the host."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agrispec.cube import CubeSpec, preset
from agrispec.season import Window
from agrispec_tf.data import augmentation
from agrispec_tf.data.augmentation import Augmentation, Draw
from agrispec_tf.data.preparation import Preparation
from agrispec_tf.data.samples import Series
from agrispec_tf.layers.season_view import SeasonView

COUNT = 6
CUBES = {"cropnet-5d": preset("cropnet-5d"), "agrispec-23": preset("agrispec-23"),
         "one step": CubeSpec(features=("B4",), step_days=30, exported=Window(0, 13), window=Window(4, 5))}


def seen_where(cube: CubeSpec, looks: np.ndarray, seed: int = 0) -> Series:
    """Series with NaN where no look was clear."""
    values = np.random.default_rng(seed).random((*looks.shape, len(cube.features)), np.float32)
    values[looks == 0] = np.nan
    return Series(cube=cube, values=values, counts=looks.astype(np.float32))


def on_device(series: Series, draw: Draw) -> np.ndarray:
    view = SeasonView(series.cube.window.steps)
    return keras.ops.convert_to_numpy(
        view(series.values, series.counts, draw.start, draw.stop, draw.knots, draw.dropped))


@st.composite
def gaps(draw: st.DrawFn, steps: int) -> np.ndarray:
    """(COUNT, steps) looks: alternating runs of seen and unseen steps."""
    rows = []
    for _ in range(COUNT):
        row: list[int] = []
        look = draw(st.integers(0, 1))
        while len(row) < steps:
            row += [look * draw(st.integers(1, 3))] * draw(st.integers(1, steps))
            look = 1 - look
        rows.append(row[:steps])
    return np.array(rows)


@pytest.mark.parametrize("name", CUBES)
@settings(max_examples=25, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1), clouds=st.sampled_from([0.0, 0.5]))
def test_the_view_equals_the_preparation_of_the_same_draw(name, data, seed, clouds):
    cube = CUBES[name]
    series = seen_where(cube, data.draw(gaps(cube.exported.steps)), seed)
    drawn = augmentation.draw(Augmentation(warp_share=0.5, dropped_share=clouds), cube.window, cube.step_days, COUNT,
                              np.random.default_rng(seed))
    np.testing.assert_allclose(on_device(series, drawn), Preparation().apply(series, drawn), rtol=1e-6, atol=1e-6)


def test_a_plain_draw_of_a_series_without_gaps_shows_its_window_to_the_bit():
    cube = CUBES["cropnet-5d"]
    series = seen_where(cube, np.ones((COUNT, 73)))
    found = on_device(series, augmentation.plain(cube.window, COUNT))
    np.testing.assert_array_equal(found, series.values[:, 24:67])


def test_a_window_without_a_look_is_zero():
    cube = CUBES["cropnet-5d"]
    looks = np.ones((COUNT, 73))
    looks[:, 24:67] = 0
    assert (on_device(seen_where(cube, looks), augmentation.plain(cube.window, COUNT)) == 0).all()


def test_a_saved_network_with_a_view_computes_alike_and_in_float32_under_mixed_precision(tmp_path):
    cube = CUBES["cropnet-5d"]
    series = seen_where(cube, np.random.default_rng(1).integers(0, 2, (COUNT, 73)))
    drawn = augmentation.draw(augmentation.V3, cube.window, 5, COUNT, np.random.default_rng(2))
    given = {"series": series.values, "looks": series.counts, "start": drawn.start.astype(np.int32),
             "stop": drawn.stop.astype(np.int32), "knots": drawn.knots.astype(np.float32)}
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        inputs = {name: keras.Input(value.shape[1:], dtype=str(value.dtype), name=name)
                  for name, value in given.items()}
        model = keras.Model(inputs, SeasonView(43)(**inputs))
    finally:
        keras.config.set_dtype_policy(policy)
    assert model.output.shape == (None, 43, 10)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for network in (model, again):
        found = network.predict_on_batch(given)
        np.testing.assert_allclose(found, Preparation().apply(series, drawn), rtol=1e-6, atol=1e-6)
