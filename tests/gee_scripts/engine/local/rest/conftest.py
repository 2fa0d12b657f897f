"""An image asset of the running engine, for the routes that show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ee
import numpy as np
import pytest


@dataclass(frozen=True)
class Crops:
    """An image of two bands on `running.grid`; 0 is no data.

    Attributes:
        classes: band `crop`, uint8.
        share: band `share`, float32.
    """

    name: str
    image: ee.Image
    classes: np.ndarray
    share: np.ndarray


@pytest.fixture(scope="module")
def crops(running: Any) -> Crops:
    """Of the tile 31UFQ."""
    random = np.random.default_rng(3)
    classes = random.integers(0, 9, running.grid.shape).astype(np.uint8)
    share = random.random(running.grid.shape, dtype=np.float32)
    name = f"{running.home}/image"
    running.tree.write_image(name, arrays={"crop": classes, "share": share}, grid=running.grid, nodata=0,
                             properties={"tile": "31UFQ"})
    return Crops(name=name, image=ee.Image(name), classes=classes, share=share)
