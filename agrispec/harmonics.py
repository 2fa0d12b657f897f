"""Harmonic coefficients of a season: what the terms are, for the graph and for NumPy alike.

Every feature of a cube is described by a constant and by cosines and sines of the year's first orders, fitted by
least squares to the steps that were clearly seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from agrispec.cube import CubeSpec
from agrispec.errors import ConfigError
from agrispec.season import YEAR_DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Harmonics:
    """constant + Σ cosine_k · cos(2πk·t) + sine_k · sin(2πk·t), k = 1 … `orders`, t the share of the year.

    The time of a step is the middle of its nominal days, so that t depends on the step's number alone; every
    clearly seen step weighs the same, whatever its count. Published harmonic features of this kind number 35 a
    sample without saying how (docs/cropnet.md); three orders, seven coefficients a feature, are this project's
    choice: five features make 35.

    A window shorter than the year, or few looks, would leave some coefficients free: each cosine and sine is
    drawn to 0 by `ridge`. A feature never clearly seen has coefficients of 0.

    Attributes:
        orders: highest order, at least 1.
        ridge: penalty on squared cosines and sines, in looks. The default is that of
            `ee.Reducer.ridgeRegression`.
            https://developers.google.com/earth-engine/apidocs/ee-reducer-ridgeregression
    """

    orders: int = 3
    ridge: float = 0.1

    def __post_init__(self) -> None:
        if self.orders < 1 or not 0 < self.ridge < math.inf:
            raise ConfigError(f"harmonics of {self.orders} orders with a ridge of {self.ridge} cannot be fitted",
                              mend="give at least 1 order and a ridge above 0, e.g. 3 and 0.1")

    @property
    def terms(self) -> tuple[str, ...]:
        """The names of the P = 2 · orders + 1 terms: constant, cos1, sin1, cos2 …"""
        return ("constant", *(f"{wave}{order}" for order in range(1, self.orders + 1) for wave in ("cos", "sin")))

    @property
    def penalties(self) -> tuple[float, ...]:
        """What is added to the diagonal of the P normal equations.

        The constant's is a millionth of a look: it moves no constant by more than 1e-6 of itself, and lets a
        pixel without any look be solved, to 0.
        """
        return (1e-6, *(self.ridge,) * (2 * self.orders))

    def design(self, cube: CubeSpec) -> tuple[tuple[float, ...], ...]:
        """The terms at each step of the cube's window, T rows of P."""
        rows = []
        for step in cube.window:
            angle = 2 * math.pi * (step + 0.5) * cube.step_days / YEAR_DAYS
            waves = (wave(order * angle) for order in range(1, self.orders + 1) for wave in (math.cos, math.sin))
            rows.append((1.0, *waves))
        return tuple(rows)

    def names(self, cube: CubeSpec) -> tuple[str, ...]:
        """The names of the F · P coefficients, feature by feature: B2_constant, B2_cos1 … B3_constant …"""
        return tuple(f"{feature}_{term}" for feature in cube.features for term in self.terms)
