"""CropGlobe's classes, and which of them a country's labels tell apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agrispec.class_sets import merged

# Codes: https://github.com/x-ytong/CropNet
CLASSES = ("corn", "soybeans", "rice", "wheat", "sugarcane", "cotton", "other")
"""Class names by label code."""


def expressed(codes: NDArray[np.int64], country: str) -> NDArray[np.int64]:
    """Codes as a country's labels can express them: crops that they do not tell apart become `other`."""
    return np.array(merged(country), np.int64)[codes]
