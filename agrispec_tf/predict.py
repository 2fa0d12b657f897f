"""Predictions of pixels and of parcels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agrispec.taxonomy import NO_CLASS
from agrispec_tf.data.preparation import seen
from agrispec_tf.data.samples import Series
from agrispec_tf.model_folder import Trained
from agrispec_tf.triage import confident


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Class probabilities of places, pixels or parcels.

    Attributes:
        probabilities: (..., C) float32 that sum to 1, or are all 0 where nothing was clearly seen.
    """

    probabilities: NDArray[np.float32]

    @property
    def classes(self) -> NDArray[np.uint8]:
        """(...) number of the likeliest class, or `NO_CLASS` where nothing was clearly seen."""
        found = self.probabilities.argmax(axis=-1).astype(np.uint8)
        return np.where(self.probability > 0, found, np.uint8(NO_CLASS))

    @property
    def probability(self) -> NDArray[np.float32]:
        """(...) probability of the likeliest class, 0 where nothing was clearly seen."""
        return self.probabilities.max(axis=-1)

    def confident(self, threshold: float) -> NDArray[np.bool_]:
        """(...) whether the prediction stands without review."""
        return confident(self.probability, threshold)


def series(classifier: Trained, places: Series, batch: int = 512) -> Prediction:
    """The prediction of N series, `batch` of them at a time.

    Raises:
        SchemaMismatch: the series are of another cube than the classifier's.
    """
    return Prediction(np.where(seen(places)[:, None], classifier.probabilities(places, batch), np.float32(0)))


@dataclass(frozen=True, slots=True, eq=False)
class ParcelSums:
    """Sums over the pixels of P parcels; those of two patches add up: `a + b`.

    Attributes:
        log_probability: (P, C) float64, sum of the pixels' log-probabilities.
        pixels: (P,) int64, pixels that were clearly seen at least once.
    """

    log_probability: NDArray[np.float64]
    pixels: NDArray[np.int64]

    @classmethod
    def none(cls, parcels: int, classes: int) -> ParcelSums:
        """The sums over no pixels."""
        return cls(np.zeros((parcels, classes)), np.zeros(parcels, np.int64))

    def __add__(self, other: ParcelSums) -> ParcelSums:
        return ParcelSums(self.log_probability + other.log_probability, self.pixels + other.pixels)

    def prediction(self) -> Prediction:
        """The parcels' prediction: the pixels' mean log-probability, scaled so that classes sum to 1.

        A parcel without pixels is all 0.
        """
        mean = self.log_probability / np.maximum(self.pixels, 1)[:, None]
        power = np.exp(mean - mean.max(axis=1, keepdims=True))
        scaled = power / power.sum(axis=1, keepdims=True)
        return Prediction(np.where(self.pixels[:, None] > 0, scaled, 0).astype(np.float32))


def parcels(prediction: Prediction, parcel: NDArray[np.integer], count: int) -> ParcelSums:
    """Sums of a patch's prediction by parcel.

    Args:
        prediction: of pixels, shape (...).
        parcel: (...) number of each pixel's parcel, 0 ... `count` - 1, or -1 for none.
        count: P.
    """
    used = (parcel >= 0) & (prediction.probability > 0)
    number = parcel[used]
    # The smallest float stands in for an underflown 0, whose logarithm would rule a class out for the whole parcel.
    logs = np.log(np.maximum(prediction.probabilities[used], np.finfo(np.float32).tiny))
    sums = np.stack([np.bincount(number, logs[:, crop], count) for crop in range(logs.shape[1])], axis=1)
    return ParcelSums(sums, np.bincount(number, minlength=count))
