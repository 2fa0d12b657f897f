"""The images that a map is made of: what each holds, and what stands for nothing in it."""

from __future__ import annotations

from dataclasses import dataclass

from agrispec.taxonomy import NO_CLASS

MASKED = 255
"""Looks of a pixel that was not to be mapped; its class is `NO_CLASS`."""

MOST_LOOKS = 254
"""More clear looks than a byte has room for count as these."""

NO_QUANTITY = -1.0
"""What a quantity holds where nothing was clearly seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """An image of one band.

    Attributes:
        name: of its band, and of its file without ".tif".
        dtype: NumPy type of its pixels.
        missing: what stands for nothing.
        pyramiding: how coarser pixels are made, "MODE" for classes, "MEAN" for quantities.
    """

    name: str
    dtype: str
    missing: float
    pyramiding: str

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{self.name}.tif"


def _of_classes(name: str) -> Product:
    return Product(name=name, dtype="uint8", missing=NO_CLASS, pyramiding="MODE")


def _quantity(name: str) -> Product:
    return Product(name=name, dtype="float32", missing=NO_QUANTITY, pyramiding="MEAN")


CLASS = _of_classes("class")
"""Number of the likeliest class."""
PROBABILITY = _quantity("probability")
"""Its probability, as the model was calibrated."""
CONFIDENT = _of_classes("confident")
"""1 where that stands without review, else 0."""
SECOND = _of_classes("second")
"""Number of the second likeliest class."""
ENTROPY = _quantity("entropy")
"""Entropy of the probabilities in parts of the largest one, log C: 0 where one class has all, 1 where all are alike."""
SET_SIZE = Product(name="set_size", dtype="uint8", missing=NO_CLASS, pyramiding="MEAN")
"""Classes in the conformal set."""
LOOKS = Product(name="looks", dtype="uint8", missing=MASKED, pyramiding="MEAN")
"""Clear looks in the model's window; `MASKED` where nothing was to be mapped."""
SMOOTHED = _of_classes("smoothed")
"""Number of the class that the neighbourhood leaves."""

OF_CLASSES = (CLASS, SECOND, SMOOTHED)
"""What holds numbers of classes."""

RAW = (CLASS, PROBABILITY, CONFIDENT, SECOND, ENTROPY, SET_SIZE, LOOKS)
"""What every map has."""
