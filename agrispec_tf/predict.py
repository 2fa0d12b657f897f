"""Predictions of pixels and of parcels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from agrispec.taxonomy import NO_CLASS
from agrispec_tf import conformal
from agrispec_tf.data.preparation import seen
from agrispec_tf.data.samples import Series
from agrispec_tf.triage import confident


class Predictor(Protocol):
    """Whatever gives series class probabilities: a trained model, or a file of it on a runtime."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """C names by class number."""

    def probabilities(self, series: Series) -> NDArray[np.float32]:
        """(N, C) of N series.

        Raises:
            SchemaMismatch: they are of another cube.
        """


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
        # Of numbers side by side: NumPy's maximum of a short last axis takes ten times as long.
        of_class: NDArray[np.float32] = np.ascontiguousarray(np.moveaxis(self.probabilities, -1, 0))
        return of_class.max(axis=0)

    @property
    def second(self) -> NDArray[np.uint8]:
        """(...) number of the second likeliest class; `NO_CLASS` where nothing was clearly seen, or there is but one
        class."""
        if self.probabilities.shape[-1] == 1:
            return np.full(self.probabilities.shape[:-1], NO_CLASS, np.uint8)
        rest = self.probabilities.copy()
        np.put_along_axis(rest, self.probabilities.argmax(axis=-1)[..., None], -1, axis=-1)
        return np.where(self.probability > 0, rest.argmax(axis=-1), NO_CLASS).astype(np.uint8)

    @property
    def entropy(self) -> NDArray[np.float32]:
        """(...) entropy in parts of log C, the largest: 0 where one class has all, 1 where all are alike. 0 where
        nothing was clearly seen, or there is but one class."""
        classes = self.probabilities.shape[-1]
        total: NDArray[np.float32] = entr(self.probabilities).sum(axis=-1, dtype=np.float32)
        # Rounded sums of equal shares pass 1 by a hair.
        return np.minimum(total / np.float32(np.log(max(classes, 2))), np.float32(1))

    def confident(self, threshold: float) -> NDArray[np.bool_]:
        """(...) whether the prediction stands without review."""
        return confident(self.probability, threshold)

    def set_size(self, least: float) -> NDArray[np.uint8]:
        """(...) classes in the conformal set, `least` being the model's `conformal.threshold`."""
        return conformal.sets(self.probabilities, least).sum(axis=-1).astype(np.uint8)

    def ranked(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Numbers and probabilities of the `count` likeliest classes, or of all, (..., K) each; of equal ones the first
        comes first."""
        order = np.argsort(-self.probabilities, axis=-1, kind="stable")[..., :count]
        return order, np.take_along_axis(self.probabilities, order, axis=-1)


def series(classifier: Predictor, places: Series) -> Prediction:
    """The prediction of N series. Those without a clear look are not put before the classifier.

    Raises:
        SchemaMismatch: the series are of another cube than the classifier's.
    """
    looked = seen(places)
    if looked.all():
        return Prediction(classifier.probabilities(places))
    found = np.zeros((len(places), len(classifier.class_names)), np.float32)
    found[looked] = classifier.probabilities(places.take(looked))
    return Prediction(found)


@dataclass(frozen=True, slots=True, eq=False)
class ParcelSums:
    """Sums over the pixels of P parcels, to which those of further pixels are added.

    Attributes:
        log_probability: (P, C) float64, sum of the pixels' log-probabilities.
        votes: (P, C) int64, pixels by their own class; only those that were clearly seen at least once.
    """

    log_probability: NDArray[np.float64]
    votes: NDArray[np.int64]

    @classmethod
    def none(cls, parcels: int, classes: int) -> ParcelSums:
        """The sums over no pixels."""
        return cls(np.zeros((parcels, classes)), np.zeros((parcels, classes), np.int64))

    def add(self, pixels: Prediction, parcel: NDArray[np.integer]) -> None:
        """Adds pixels, in place: of a hundred thousand parcels a block of pixels touches few.

        Args:
            pixels: of shape (...).
            parcel: (...) number of each pixel's parcel, or -1 for none.
        """
        used = (parcel >= 0) & (pixels.probability > 0)
        number, probabilities = parcel[used], pixels.probabilities[used]
        # The smallest float stands in for an underflown 0, whose logarithm would rule a class out for the whole parcel.
        logs = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
        touched, place = np.unique(number, return_inverse=True)
        self.log_probability[touched] += np.stack(
            [np.bincount(place, crop, len(touched)) for crop in logs.T], axis=1)
        np.add.at(self.votes, (number, probabilities.argmax(axis=-1)), 1)

    @property
    def pixels(self) -> NDArray[np.int64]:
        """(P,) pixels that were clearly seen at least once."""
        return self.votes.sum(axis=1)

    def prediction(self) -> Prediction:
        """The parcels' prediction: the pixels' mean log-probability, scaled so that classes sum to 1.

        A parcel without pixels is all 0.
        """
        pixels = self.pixels
        mean = self.log_probability / np.maximum(pixels, 1)[:, None]
        power = np.exp(mean - mean.max(axis=1, keepdims=True))
        scaled = power / power.sum(axis=1, keepdims=True)
        return Prediction(np.where(pixels[:, None] > 0, scaled, 0).astype(np.float32))

    def agreement(self) -> NDArray[np.float64]:
        """(P,) share of a parcel's pixels whose own class is the parcel's; 0 without pixels."""
        own = np.take_along_axis(self.votes, self.prediction().probabilities.argmax(axis=1)[:, None], axis=1)[:, 0]
        shares: NDArray[np.float64] = own / np.maximum(self.pixels, 1)
        return shares
