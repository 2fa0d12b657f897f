"""Classifiers made of decision trees, and images and features classified by them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms.trees import Forest, forest
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.raster import VALID, Apply, Band, Mask, PixelType, both, seen
from gee_scripts.engine.local.type_names import type_name
from gee_scripts.engine.local.values import SYSTEM_INDEX, Collection, Image, get, put

Array = NDArray[Any]
_ARRAYS = ("MULTIPROBABILITY", "RAW", "RAW_REGRESSION")
_MODES = ("CLASSIFICATION", "REGRESSION", "PROBABILITY", *_ARRAYS)
# Samples that are taken through the trees at once: a value a tree is kept of each.
_BLOCK = 65_536


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Classifier:
    """Trees, and what is made of their votes.

    Attributes:
        forest: the trees.
        mode: one of the service's output modes.
    """

    forest: Forest
    mode: str = "CLASSIFICATION"

    @property
    def type(self) -> PixelType:
        """What a pixel of the output holds."""
        if self.mode != "CLASSIFICATION":
            return PixelType(np.dtype(np.float64), int(self.mode in _ARRAYS))
        classes = self.forest.classes
        whole = bool((classes == np.trunc(classes)).all() and (np.abs(classes) < 2**31).all())
        return PixelType(np.dtype(np.int32 if whole else np.float64))

    def output(self, samples: NDArray[np.float64]) -> Array:
        """Samples (N, inputs) -> (N,), or (N, numbers) in the modes that give arrays."""
        parts = [self._output(samples[start:start + _BLOCK]) for start in range(0, max(len(samples), 1), _BLOCK)]
        return np.concatenate(parts).astype(self.type.dtype, copy=False)

    def _output(self, samples: NDArray[np.float64]) -> Array:
        if self.mode == "REGRESSION":
            return np.asarray(self.forest.predicted(samples).mean(axis=1))
        if self.mode in ("RAW", "RAW_REGRESSION"):
            return self.forest.predicted(samples)
        votes = self.forest.votes(samples)
        if self.mode == "MULTIPROBABILITY":
            return votes / len(self.forest.trees)
        if self.mode == "PROBABILITY":
            return np.asarray(votes.max(axis=1) / len(self.forest.trees))
        return np.asarray(self.forest.classes[votes.argmax(axis=1)])


_DIFFERS = ("each tree has one vote whatever its leaf's probabilities, and of classes with as many votes the lowest "
            "one is taken; the service does not say how it decides")


@algorithm("Classifier.decisionTree", lacks="splits by the levels of a factor",
           source="https://cran.r-project.org/package=rpart")
def decision_tree(text: str) -> Classifier:
    """A classifier of one tree."""
    made = forest([text])
    if len(made.trees) != 1:
        raise AlgorithmError(f"there are {len(made.trees)} trees", mend="use Classifier.decisionTreeEnsemble")
    return Classifier(forest=made)


@algorithm("Classifier.decisionTreeEnsemble", lacks="splits by the levels of a factor", differs=_DIFFERS,
           source="https://geemap.org/ml/")
def decision_tree_ensemble(texts: list[str]) -> Classifier:
    """A classifier of the trees in some texts: the class most of them are for, or the mean of their values."""
    if not texts:
        raise AlgorithmError("there are no trees", mend="give at least one")
    return Classifier(forest=forest([str(text) for text in texts]))


@algorithm("Classifier.setOutputMode",
           differs="PROBABILITY is the share of trees for the class that is taken, MULTIPROBABILITY that of every "
                   "class, lowest first",
           source="https://developers.google.com/earth-engine/apidocs/ee-classifier-setoutputmode")
def set_output_mode(classifier: Any, mode: str) -> Classifier:
    """The classifier with another output."""
    if mode.upper() not in _MODES:
        raise AlgorithmError(f"'{mode}' is no output mode", mend=f"use {', '.join(_MODES)}")
    return replace(_classifier(classifier), mode=mode.upper())


@algorithm("Classifier.mode")
def mode(classifier: Any) -> str:
    """Its output mode."""
    return _classifier(classifier).mode


@algorithm("Classifier.schema")
def schema(classifier: Any) -> list[str]:
    """Names of its inputs."""
    return list(_classifier(classifier).forest.names)


def _classifier(value: Any) -> Classifier:
    if not isinstance(value, Classifier):
        raise AlgorithmError(f"a {type_name(value)} is no classifier", mend="give an ee.Classifier")
    return value


@algorithm("Image.classify",
           differs="classes are 32-bit integers, everything else is double; the service does not say")
def classify_image(image: Image, classifier: Any, name: str) -> Image:
    """The classifier's output for every pixel, masked where one of its inputs is."""
    made = _classifier(classifier)
    known = {band.name: band for band in image.bands}
    missing = [wanted for wanted in made.forest.names if wanted not in known]
    if missing:
        raise AlgorithmError(f"the classifier needs band '{missing[0]}'; the image has {image.names}",
                             mend="rename the bands to the names the trees were grown with")
    bands = [known[wanted] for wanted in made.forest.names]
    if any(band.type.dimensions for band in bands):
        raise AlgorithmError("the classifier needs bands of numbers, not of arrays", mend="use arrayFlatten first")
    mask = VALID
    for band in bands:
        mask = both(mask, band.mask)
    lead = next((band for band in bands if not band.composite), next(iter(bands or image.bands), None))
    values = Apply(partial(_pixels, made), (mask, *(band.values for band in bands)))
    new = Band(name=name, type=made.type, values=values, mask=mask)
    if lead is not None:
        new = replace(new, projection=lead.projection, composite=lead.composite)
    return image.with_bands([new])


def _pixels(classifier: Classifier, mask: Mask, *values: Array) -> Array:
    planes = [np.asarray(plane) for plane in values]
    shape = np.broadcast_shapes(*(plane.shape for plane in planes), () if mask is None else mask.shape)
    valid = seen(mask)
    where = np.broadcast_to(True if valid is None else valid, shape)
    samples = np.empty((int(where.sum()), len(planes)), np.float64)
    for place, plane in enumerate(planes):
        samples[:, place] = np.broadcast_to(plane, shape)[where]
    found = classifier.output(samples)
    whole = np.zeros(shape + found.shape[1:], found.dtype)
    whole[where] = found
    return whole


@algorithm("FeatureCollection.classify")
def classify_features(features: Collection, classifier: Any, name: str) -> Collection:
    """The features with the classifier's output as a property."""
    made = _classifier(classifier)
    samples = np.empty((len(features.items), len(made.forest.names)), np.float64)
    for row, feature in enumerate(features.items):
        for column, wanted in enumerate(made.forest.names):
            value = get(feature, wanted)
            if not isinstance(value, int | float):
                index = get(feature, SYSTEM_INDEX) or row
                raise AlgorithmError(f"Property '{wanted}' of feature '{index}' is missing or no number",
                                     mend="filter by ee.Filter.notNull first")
            samples[row, column] = value
    if not features.items:
        return features
    found = made.output(samples)
    outputs = [row if found.ndim > 1 else row.item() for row in found]
    return features.having(put(feature, {name: output})
                           for feature, output in zip(features.items, outputs, strict=True))
