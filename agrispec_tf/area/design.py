"""How many units to sample, and from which strata, for estimates that are as sure as they need to be.

What is expected of each stratum, the share p_h of its units with some property, comes from a pilot sample or another
map: the user's accuracies where overall accuracy is the aim, the shares that are of a class where its area is.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agrispec.errors import DataError
from agrispec_tf.area.strata import Strata

FEWEST = 2
"""Units sampled of a stratum, at least: one does not tell how units differ."""


def sample_size(strata: Strata, expected: ArrayLike, standard_error: float) -> int:
    """Units to sample for a standard error of a share of the area, such as overall accuracy, under Neyman allocation.

    Other allocations need more; `expected_standard_error` says what they give.

    Args:
        strata: H of them; without units they are taken as endless.
        expected: (H,) share expected in each, 0 to 1: user's accuracies where strata are the map's classes.
        standard_error: to reach, above 0, 0.01 for one percent of the area.

    Raises:
        DataError: an expected share is not 0 to 1, all are 0 or 1, or the standard error is not above 0.

    Source: Cochran 1977, Sampling Techniques, eq. 5.25; Olofsson et al. 2014, eq. 13,
    https://doi.org/10.1016/j.rse.2014.02.015.
    """
    if not standard_error > 0:
        raise DataError(f"a standard error of {standard_error:g} cannot be reached", mend="ask for one above 0")
    weights, deviations = strata.weights, _deviations(strata, expected)
    if not deviations.any():
        raise DataError("all expected shares are 0 or 1, as if nothing were unsure",
                        mend="expect some error in a stratum: a pilot sample tells how much")
    finite = 0.0 if strata.units is None else float(weights @ deviations**2 / strata.units.sum())
    found = (weights @ deviations) ** 2 / (standard_error**2 + finite)
    # Rounded, so that a whole number stays what it is.
    return max(math.ceil(round(float(found), 9)), int(_least(strata, FEWEST).sum()))


def sample_size_for_area(strata: Strata, expected: ArrayLike, cv: float) -> int:
    """Units to sample for a coefficient of variation of a class's area, under Neyman allocation for that class.

    Args:
        strata: H of them.
        expected: (H,) share of each stratum that is expected to be of the class.
        cv: standard error by area to reach, above 0.

    Raises:
        DataError: as `sample_size`; or no stratum is expected to hold the class.
    """
    share = float(strata.weights @ _shares(strata, expected))
    if not share > 0:
        raise DataError("no stratum is expected to hold the class", mend="expect some of it where it may be overlooked")
    return sample_size(strata, expected, cv * share)


def proportional(strata: Strata, count: int) -> NDArray[np.int64]:
    """(H,) units of each stratum, `count` in all, by their areas; at least two of each.

    Raises:
        DataError: `count` is too small for that, or larger than all strata.
    """
    return _allot(strata, strata.weights, count, FEWEST)


def equal(strata: Strata, count: int) -> NDArray[np.int64]:
    """(H,) units of each stratum, `count` in all, as many of each; all units of strata that have no more.

    Raises:
        DataError: as `proportional`.
    """
    return _allot(strata, np.ones(len(strata.names)), count, FEWEST)


def with_floor(strata: Strata, count: int, floor: int) -> NDArray[np.int64]:
    """(H,) units of each stratum, `count` in all: `floor` of rare strata, the rest by the areas of the others.

    It makes user's accuracies of rare classes sure enough at little cost for the rest, where `floor` is 50 to 100.

    Raises:
        DataError: as `proportional`.

    Source: Olofsson et al. 2014, section 5.1, https://doi.org/10.1016/j.rse.2014.02.015.
    """
    return _allot(strata, strata.weights, count, max(floor, FEWEST))


def neyman(strata: Strata, count: int, expected: ArrayLike) -> NDArray[np.int64]:
    """(H,) units of each stratum, `count` in all, for the smallest standard error of a share; at least two of each.

    Args:
        strata: H of them.
        count: of all units to sample.
        expected: (H,) share expected in each, 0 to 1.

    Raises:
        DataError: as `proportional`; or an expected share is not 0 to 1.

    Source: Cochran 1977, Sampling Techniques, eq. 5.26.
    """
    return _allot(strata, strata.weights * _deviations(strata, expected), count, FEWEST)


def expected_standard_error(strata: Strata, allocation: NDArray[np.integer], expected: ArrayLike) -> float:
    """The standard error of a share of the area that so many units of each stratum (H,) will give.

    Args:
        strata: H of them.
        allocation: (H,) units to sample of each.
        expected: (H,) share expected in each, 0 to 1.

    Source: Cochran 1977, Sampling Techniques, theorem 5.3.
    """
    left = 1.0 if strata.units is None else 1 - allocation / strata.units
    return float(np.sqrt(np.sum((strata.weights * _deviations(strata, expected)) ** 2 * left / allocation)))


def _shares(strata: Strata, expected: ArrayLike) -> NDArray[np.float64]:
    shares = np.asarray(expected, np.float64)
    if shares.shape != (len(strata.names),) or not ((shares >= 0) & (shares <= 1)).all():
        raise DataError(f"expected shares {np.array2string(shares)} are not one of 0 to 1 for each of"
                        f" {len(strata.names)} strata", mend="give them in the order of the strata")
    return shares


def _deviations(strata: Strata, expected: ArrayLike) -> NDArray[np.float64]:
    """(H,) standard deviations of indicators, S_h."""
    shares = _shares(strata, expected)
    return np.sqrt(shares * (1 - shares))


def _least(strata: Strata, floor: int) -> NDArray[np.float64]:
    least = np.full(len(strata.names), float(floor))
    return least if strata.units is None else np.minimum(least, np.rint(strata.units))


def _allot(strata: Strata, shares: NDArray[np.float64], count: int, floor: int) -> NDArray[np.int64]:
    """Whole numbers that sum to `count`, by `shares` where neither `floor` nor a stratum's units bound them."""
    least = _least(strata, floor)
    most = np.full(len(least), float(count)) if strata.units is None else np.rint(strata.units)
    if not least.sum() <= count <= most.sum():
        raise DataError(f"{count} units cannot be sampled of {len(least)} strata: they take {least.sum():.0f} at least"
                        f" and {most.sum():.0f} at most", mend="ask for a number between these")
    # A stratum of no share takes units only where nothing else is left.
    shares = np.maximum(shares / max(shares.max(), 1e-300), 1e-9)
    low, high = 0.0, count * 1e9
    # Allotted units grow with the factor of the shares: halving finds the factor at which they are `count`.
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.clip(middle * shares, least, most).sum() < count else (low, middle)
    exact = np.clip(high * shares, least, most)
    allotted = np.floor(exact)
    # The largest remainders are rounded up.
    order = np.argsort(-(exact - allotted), kind="stable")
    allotted[order[:count - int(allotted.sum())]] += 1
    return allotted.astype(np.int64)
