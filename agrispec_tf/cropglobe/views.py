"""What a model sees of CropGlobe's series: steps of some length, from some day of the season year to another."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from agrispec.cube import CubeSpec
from agrispec.errors import ConfigError
from agrispec.season import Window, steps_per_year
from agrispec_tf.cropglobe.files import CUBE
from agrispec_tf.data.samples import Samples, Series


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Which steps of the year a model sees.

    Attributes:
        step_days: 5, as the files have them, or a multiple: a longer step is the median of the steps in it, not of
            the looks, which the files do not hold. The year's last step takes what is left.
        first_day, last_day: of the window, days of the season year; every step that they touch is seen.
    """

    step_days: int = CUBE.step_days
    first_day: int = 121
    last_day: int = 334

    def __post_init__(self) -> None:
        if self.step_days % CUBE.step_days:
            raise ConfigError(f"steps of {self.step_days} days are not made of steps of {CUBE.step_days}",
                              mend=f"give a multiple of {CUBE.step_days} days, e.g. 15")

    @property
    def cube(self) -> CubeSpec:
        """The cube of such series, which carry the whole year."""
        return replace(CUBE, step_days=self.step_days, exported=Window(0, steps_per_year(self.step_days)),
                       window=Window.of_days(self.first_day, self.last_day, self.step_days))

    def of(self, samples: Samples) -> Samples:
        """Samples of `CUBE` in this view."""
        cube, joined = self.cube, self.step_days // CUBE.step_days
        values = samples.series.values
        if joined > 1:
            steps = [np.median(values[:, joined * step:joined * (step + 1)], axis=1) for step in cube.exported]
            values = np.stack(steps, axis=1).astype(np.float32)
        series = Series(cube=cube, values=values, counts=np.ones(values.shape[:2], np.float32))
        return replace(samples, series=series)


WINDOWS = (View(), View(step_days=15), View(step_days=30), View(first_day=1, last_day=365))
"""Of the window experiments: steps of 5, 15 and 30 days from May to November, and 5 days all year."""
