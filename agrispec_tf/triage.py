"""Which predictions a person should look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def confident(probability: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """Whether a prediction stands without review: its probability is at least `threshold`. Any shape."""
    return probability >= threshold
