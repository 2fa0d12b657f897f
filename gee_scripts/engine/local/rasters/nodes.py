"""Nodes that say what they do, so that `rewriting` can put several of them into one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gee_scripts.engine.local.rasters.raster import Apply


@dataclass(frozen=True, slots=True, eq=False)
class Pixelwise(Apply):
    """A function of numbers: every pixel's value comes from its own inputs, whatever the shape of the arrays.

    Two nodes do the same where their functions are equal; those of `functools.partial` are where their parts are.
    """


@dataclass(frozen=True, slots=True, eq=False)
class StackMedian(Apply):
    """The median over images. Inputs: their masks, (N, …), and the values of each of the N.

    Attributes:
        dtype: of the result.
    """

    dtype: np.dtype[Any]


@dataclass(frozen=True, slots=True, eq=False)
class AnyValid(Apply):
    """Where one image at least is valid. Input: which are, as for `StackMedian`."""


@dataclass(frozen=True, slots=True, eq=False)
class Filled(Apply):
    """Values with masked pixels replaced. Inputs: the values, their mask, and what stands there instead.

    Attributes:
        dtype: of the result.
    """

    dtype: np.dtype[Any]
