"""What a stratified random sample says of the area of each class and of the map's accuracy.

There is one estimator. Overall accuracy, the area of a class and a cell of the error matrix are means of indicators,
user's and producer's accuracy are ratios of two such means (Stehman 2014, https://doi.org/10.1080/01431161.2014.930207,
eqs. 2, 25, 27 and 28), and a mean is a ratio over an indicator that is always 1. Strata may be other than the map's
classes. Where they are these classes, the same formulas become those of Olofsson et al. 2014 (eqs. 4 to 7 and 9 to 11,
https://doi.org/10.1016/j.rse.2014.02.015), which have no finite population correction: `Strata.units` = None.

**Where all sampled units agree** the formulas give a standard error of 0 and an interval without width, as if 20 units
without an error proved that a map has none. Such estimates are marked (`agree`), keep their 0, and get instead an
interval from what a sample may fail to show: a share of the area, of which each stratum's n_h units held nothing, is
at most 3.7 times the share that one sampled unit stands for, W_h / n_h, where that is largest, with 97.5 % confidence.
Proof: p_h in stratum h stays unseen with probability (1 - p_h)^n_h <= exp(-n_h p_h), hence altogether with at most
exp(-sum n_h p_h) <= exp(-sum W_h p_h / max(W_h / n_h)), which is 0.025 where the exponent is ln 0.025 = -3.7. For one
stratum this is the rule of three (https://doi.org/10.1001/jama.1983.03330370053031) for two-sided 95 %. For ratios it
takes the denominator as estimated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agrispec_tf.area.reference_sample import ReferenceSample

Z_95 = 1.96
"""Standard errors on each side of an estimate in its 95 % interval, rounded as Olofsson et al. 2014 have it."""
UNSEEN = -np.log(0.025)
"""Sampled units that may stand for what a sample does not show, 97.5 % confidence; above."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimates:
    """Estimates of one kind, all arrays of one shape; NaN where the sample holds none of a ratio's denominator.

    Attributes:
        value: float64.
        standard_error: float64; 0 where `agree`, which is no certainty.
        low: lower end of the 95 % interval, normal except where `agree`; never below 0.
        high: its upper end, never above the whole.
        agree: bool, all sampled units that the estimate rests on agree, or every unit was looked up: only then an
            interval may have no width.
    """

    value: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    agree: NDArray[np.bool_]

    @property
    def coefficient_of_variation(self) -> NDArray[np.float64]:
        """Standard error by value; NaN where the value is 0 or all units agree."""
        known = ~self.agree & (self.value > 0)
        unknown = np.full(self.value.shape, np.nan)
        found: NDArray[np.float64] = np.divide(self.standard_error, self.value, out=unknown, where=known)
        return found

    def times(self, size: float) -> Estimates:
        """The same as shares of `size`, such as an area of shares of the area."""
        return Estimates(value=self.value * size, standard_error=self.standard_error * size, low=self.low * size,
                         high=self.high * size, agree=self.agree)

    def reshaped(self, *shape: int) -> Estimates:
        """The same, as arrays of another shape."""
        return Estimates(**{name: getattr(self, name).reshape(shape) for name in self.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assessment:
    """What a sample says of a map and of what is there.

    Attributes:
        classes: (C,) names.
        matrix: (C, C) error matrix in shares of the area, rows the map, columns the reference.
        area: (C,) of the reference classes, in the unit of the strata's areas; they sum to the whole area.
        overall: () overall accuracy.
        users: (C,) user's accuracy: share of a map class that is of it; NaN for a class that no sampled unit was mapped
            as.
        producers: (C,) producer's accuracy: share of a reference class that the map has so; NaN for a class that no
            sampled unit is of.
        sampled: units.
    """

    classes: tuple[int | str, ...]
    matrix: Estimates
    area: Estimates
    overall: Estimates
    users: Estimates
    producers: Estimates
    sampled: int

    @property
    def table(self) -> pd.DataFrame:
        """One row an estimate: `measure`, `class`, `estimate`, `standard_error`, `low`, `high`, `cv`, `agree`.

        Measures are `overall accuracy`, whose class is empty, and of each class `area`, `user's accuracy` and
        `producer's accuracy`.
        """
        parts = [pd.DataFrame({
            "measure": measure, "class": names, "estimate": np.atleast_1d(found.value),
            "standard_error": np.atleast_1d(found.standard_error), "low": np.atleast_1d(found.low),
            "high": np.atleast_1d(found.high), "cv": np.atleast_1d(found.coefficient_of_variation),
            "agree": np.atleast_1d(found.agree)}) for measure, names, found in (
                ("overall accuracy", [""], self.overall), ("area", list(self.classes), self.area),
                ("user's accuracy", list(self.classes), self.users),
                ("producer's accuracy", list(self.classes), self.producers))]
        return pd.concat(parts, ignore_index=True)


def assess(sample: ReferenceSample) -> Assessment:
    """Areas and accuracies with standard errors and 95 % intervals; the cost does not depend on the sample's size.

    Areas and shares of the area are unbiased; ratios are so in large samples. A stratum whose units all agree adds
    nothing to the standard error of an estimate to which other strata add, so that intervals of rare classes are rather
    too narrow.

    Source: this module's docstring.
    """
    counts = sample.counts
    count, size = counts.shape[:2]
    right = np.einsum("hkk->hk", counts)
    mapped, reference = counts.sum(axis=2), counts.sum(axis=1)
    everywhere = np.ones((count, 1), bool)

    def shares(part: NDArray[np.int64]) -> Estimates:
        return _ratio(sample, part, np.broadcast_to(sample.sampled[:, None], part.shape), everywhere)

    return Assessment(
        classes=sample.classes, sampled=int(sample.sampled.sum()),
        matrix=shares(counts.reshape(count, -1)).reshaped(size, size),
        area=shares(reference).times(float(sample.strata.areas.sum())),
        overall=shares(right.sum(axis=1, keepdims=True)).reshaped(),
        # Where no unit of a map class was drawn there is, as far as anybody knows, none that could be wrong; but units
        # of a reference class may be overlooked in every stratum.
        users=_ratio(sample, right, mapped, mapped > 0), producers=_ratio(sample, right, reference, everywhere))


def _ratio(sample: ReferenceSample, part: NDArray[np.int64], whole: NDArray[np.int64],
           hiding: NDArray[np.bool_]) -> Estimates:
    """Estimated totals of `part` by those of `whole`, of which it is a part.

    Args:
        part: (H, K) sampled units of each stratum with y = 1.
        whole: (H, K) those with x = 1, y among them.
        hiding: (H, K) or (H, 1), strata in which units other than all that were seen may be.
    """
    n = sample.sampled[:, None].astype(np.float64)
    weight = sample.strata.weights[:, None]
    fraction = np.zeros_like(n) if sample.strata.units is None else np.minimum(n / sample.strata.units[:, None], 1)
    fraction[sample.complete] = 1
    defined = whole.sum(axis=0) > 0
    total = np.where(defined, (weight * whole / n).sum(axis=0), np.nan)
    ratio = (weight * part / n).sum(axis=0) / total

    y, x = part / n, whole / n
    # Of y - R x in a stratum, with y x = y; n / (n - 1) is below.
    spread = y * (1 - y) + ratio**2 * x * (1 - x) - 2 * ratio * y * (1 - x)
    variance = (weight**2 * (1 - fraction) * spread / np.maximum(n - 1, 1)).sum(axis=0) / total**2

    alike = ((part == 0) | (part == n)) & ((whole == 0) | (whole == n)) | sample.complete[:, None]
    none, all_of_it = part.sum(axis=0) == 0, part.sum(axis=0) == whole.sum(axis=0)
    agree = defined & (alike.all(axis=0) | none | all_of_it)
    # Rounding leaves a little of a variance that is 0, and may leave it below.
    error = np.sqrt(np.where(agree, 0, np.maximum(variance, 0)))
    unseen = UNSEEN * np.where(hiding & ~sample.complete[:, None], weight / n, 0).max(axis=0) / total
    reach = np.where(agree, unseen, Z_95 * error)
    return Estimates(value=ratio, standard_error=error, low=np.clip(ratio - reach, 0, 1),
                     high=np.clip(ratio + reach, 0, 1), agree=agree)
