"""Predictions of pixels and parcels, against sums over single pixels."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.taxonomy import NO_CLASS
from agrispec_tf import classifier as classifiers
from agrispec_tf import predict
from agrispec_tf.classifier import Classifier
from agrispec_tf.data.preparation import Preparation
from agrispec_tf.models.cropnet import CropNetOptions
from agrispec_tf.predict import ParcelSums, Prediction


def drawn(seed: int, pixels: int = 40) -> tuple[Prediction, np.ndarray]:
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet([0.4] * 4, pixels).astype(np.float32)
    probabilities[generator.random(pixels) < 0.1] = 0
    return Prediction(probabilities), generator.integers(-1, 6, pixels)


def summed(pixels: Prediction, parcel: np.ndarray, count: int = 6) -> ParcelSums:
    found = ParcelSums.none(count, pixels.probabilities.shape[-1])
    found.add(pixels, parcel)
    return found


seeds = st.integers(0, 2**32 - 1)


@given(seed=seeds)
def test_a_parcel_has_the_mean_log_probability_of_its_seen_pixels(seed):
    pixels, parcel = drawn(seed)
    found = summed(pixels, parcel)
    result, agreement = found.prediction(), found.agreement()
    for number in range(6):
        own = [p for p, n in zip(pixels.probabilities, parcel, strict=True) if n == number and p.any()]
        assert found.pixels[number] == len(own)
        if own:
            mean = np.exp(np.mean(np.log(np.maximum(own, np.finfo(np.float32).tiny), dtype=np.float64), axis=0))
            np.testing.assert_allclose(result.probabilities[number], mean / mean.sum(), rtol=1e-4, atol=1e-30)
            alike = [p.argmax() == result.classes[number] for p in own]
            assert agreement[number] == pytest.approx(np.mean(alike))
        else:
            assert (result.classes[number], result.probability[number]) == (NO_CLASS, 0)


@given(seed=seeds, cut=st.integers(0, 40))
def test_sums_of_two_patches_are_those_of_both(seed, cut):
    pixels, parcel = drawn(seed)
    added = ParcelSums.none(6, 4)
    for part in (slice(None, cut), slice(cut, None)):
        added.add(Prediction(pixels.probabilities[part]), parcel[part])
    together = summed(pixels, parcel)
    np.testing.assert_allclose(added.log_probability, together.log_probability, rtol=1e-12)
    np.testing.assert_array_equal(added.votes, together.votes)


def test_one_pixel_is_its_own_parcel():
    pixels = Prediction(np.array([[0.7, 0.2, 0.1]], np.float32))
    result = summed(pixels, np.array([0]), 1).prediction()
    np.testing.assert_allclose(result.probabilities, pixels.probabilities, rtol=1e-6)
    assert result.confident(0.65)[0]


def test_predictions_have_their_types_and_unseen_places_have_no_class():
    found = Prediction(np.array([[0.1, 0.65, 0.25], [0.5, 0.3, 0.2], [0, 0, 0]], np.float32))
    assert found.classes.dtype == np.uint8
    assert found.probability.dtype == np.float32
    np.testing.assert_array_equal(found.classes, [1, 0, NO_CLASS])
    np.testing.assert_array_equal(found.confident(0.65), [True, False, False])


def test_what_is_unsure_of_a_place_by_hand():
    found = Prediction(np.array([[0.1, 0.65, 0.25], [0.5, 0.5, 0], [0, 0, 1], [1 / 3] * 3, [0, 0, 0]], np.float32))
    np.testing.assert_array_equal(found.second, [2, 1, 0, 1, NO_CLASS])
    np.testing.assert_allclose(found.entropy, [0.779930, np.log(2) / np.log(3), 0, 1, 0], atol=1e-6)
    assert found.entropy.max() <= 1
    np.testing.assert_array_equal(found.set_size(0.25), [2, 2, 1, 3, 0])
    numbers, probabilities = found.ranked(2)
    np.testing.assert_array_equal(numbers[:2], [[1, 2], [0, 1]])
    np.testing.assert_allclose(probabilities[0], [0.65, 0.25])
    alone = Prediction(np.ones((2, 1), np.float32))
    assert (alone.second == NO_CLASS).all()
    assert (alone.entropy == 0).all()
    assert alone.ranked(3)[0].shape == (2, 1)


@pytest.fixture(scope="module")
def classifier(small_cube, class_names) -> Classifier:
    options = CropNetOptions.for_cube(small_cube, 3)
    return Classifier(model=classifiers.compiled_for_inference(options.build()), options=options,
                      cube=small_cube, class_names=class_names, preparation=Preparation(), training={})


def test_a_series_without_a_clear_look_in_the_window_is_not_classified(classifier, grown):
    series = grown(30).series
    counts = series.counts.copy()
    counts[7, 6:20] = 0
    found = predict.series(classifier, replace(series, counts=counts))
    assert found.classes[7] == NO_CLASS
    assert (np.delete(found.classes, 7) < 3).all()
    np.testing.assert_allclose(np.delete(found.probabilities, 7, axis=0).sum(axis=1), 1, rtol=1e-5)
