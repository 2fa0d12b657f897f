"""Steps as days of the season, of which the first is day 1."""

from __future__ import annotations

from collections.abc import Iterable

from agrispec.cube import CubeSpec
from agrispec.season import YEAR_DAYS, Window, steps_per_year


def spans(steps: Iterable[int], spec: CubeSpec) -> str:
    """The days of ascending steps in words, those that follow each other together: "1-15, 21-25"."""
    runs: list[list[int]] = []
    for step in steps:
        if runs and step == runs[-1][1] + 1:
            runs[-1][1] = step
        else:
            runs.append([step, step])
    return ", ".join(f"{_first(start, spec)}-{_last(stop, spec)}" for start, stop in runs)


def edges(window: Window, spec: CubeSpec) -> list[int]:
    """Where T steps stand on an axis of days, on which day d reaches from d to d + 1: T first days, and the day after
    the last one."""
    return [*(_first(step, spec) for step in window), _last(window.stop - 1, spec) + 1]


def _first(step: int, spec: CubeSpec) -> int:
    """First day of a step of the season year."""
    return step * spec.step_days + 1


def _last(step: int, spec: CubeSpec) -> int:
    """Last day of a step of the season year; that of the last step is 365, also in a leap year."""
    return YEAR_DAYS if step == steps_per_year(spec.step_days) - 1 else _first(step + 1, spec) - 1
