"""CropGlobe's classes, and which of them a country's labels tell apart."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

# Codes and rules: https://github.com/x-ytong/CropNet
CLASSES = ("corn", "soybeans", "rice", "wheat", "sugarcane", "cotton", "other")
"""Class names by label code."""

_OTHER = CLASSES.index("other")

_KEPT: Mapping[str, tuple[str, ...]] = {
    "AUS": ("sugarcane", "cotton"),
    "CHN": ("corn", "soybeans", "rice"),
    "ARG": ("corn", "soybeans", "rice", "sugarcane", "cotton"),
}
"""The crops that a country's labels tell apart, where they do not tell all; the rest of them is `other` there."""


def expressed(codes: NDArray[np.int64], country: str) -> NDArray[np.int64]:
    """Codes as a country's labels can express them: crops that they do not tell apart become `other`."""
    if country not in _KEPT:
        return codes
    kept = [CLASSES.index(name) for name in _KEPT[country]]
    return np.where(np.isin(codes, kept), codes, _OTHER)
