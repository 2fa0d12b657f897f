"""Spectral indices of reflectance arrays, interpreted from the table in `agrispec.indices`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import DataError
from agrispec.indices import FORMULAS, LinearForm


def compute(reflectance: NDArray[np.floating], bands: Sequence[str], names: Sequence[str]) -> NDArray[np.float32]:
    """Index values of every pixel.

    reflectance (..., B) between 0 and 1, bands the B ids of its last axis -> (..., F) float32, one value for each
    of the F names; 0 where a denominator is 0. Sums and quotients are taken in double precision, as Earth Engine
    takes them (a float band times a number is a double there), and rounded once.

    Raises:
        KeyError: there is no index of such a name.
        DataError: a band that an index reads is not among `bands`.
    """
    indices = np.empty((*reflectance.shape[:-1], len(names)), np.float32)
    for column, name in enumerate(names):
        entry = FORMULAS[name]
        lost = sorted(entry.bands - set(bands))
        if lost:
            raise DataError(f"{name} reads the bands {', '.join(lost)}, which are not there",
                            mend=f"give reflectance with the bands {', '.join(sorted(entry.bands))}")
        below = np.asarray(_evaluate(entry.denominator, reflectance, bands))
        quotient = np.zeros(reflectance.shape[:-1])
        np.divide(_evaluate(entry.numerator, reflectance, bands), below, out=quotient, where=below != 0)
        indices[..., column] = quotient
    return indices


def _evaluate(form: LinearForm, reflectance: NDArray[np.floating], bands: Sequence[str]) -> NDArray[np.float64]:
    total = np.full(reflectance.shape[:-1], form.constant)
    for band, coefficient in form.terms:
        total += coefficient * reflectance[..., bands.index(band)].astype(np.float64)
    return total
