"""Seasons: a year from its first day, cut into equal steps, and windows of steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from agrispec.errors import ConfigError

YEAR_DAYS = 365


def steps_per_year(step_days: int) -> int:
    """T, the number of steps of `step_days` days in a season year: 73 for 5 days, 23 for 16.

    The last step takes what is left: with 5 days it is 361-365, or 361-366 in a leap year.
    """
    if not 1 <= step_days <= YEAR_DAYS:
        raise ConfigError(f"a step of {step_days} days does not fit a year", mend="give 1 to 365 days, e.g. 5")
    return -(-YEAR_DAYS // step_days)


@dataclass(frozen=True, slots=True)
class Window:
    """A slice of steps, `[start, stop)`."""

    start: int
    stop: int

    def __post_init__(self) -> None:
        if self.start < 0 or self.stop <= self.start:
            raise ConfigError(f"the window of steps [{self.start}, {self.stop}) is empty",
                              mend="the end must come after the start, and the start must not be negative")

    @classmethod
    def of_days(cls, first_day: int, last_day: int, step_days: int) -> Window:
        """The steps that days `first_day` … `last_day` of the season touch (day 1 opens the season).

        Days 121 … 334 (1 May - 30 November in the north) at 5 days are steps 24 … 66, 43 of them.
        """
        if not 1 <= first_day <= last_day <= YEAR_DAYS + 1:
            raise ConfigError(f"the window of days {first_day}-{last_day} is not part of a season",
                              mend="give the first and the last day of the season, 1 to 366, first day first")
        last = steps_per_year(step_days) - 1
        return cls(min((first_day - 1) // step_days, last), min((last_day - 1) // step_days, last) + 1)

    @property
    def steps(self) -> int:
        """Number of steps."""
        return self.stop - self.start

    def __contains__(self, other: Window) -> bool:
        return self.start <= other.start and other.stop <= self.stop

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.stop))


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """A season year cut into steps, oldest first.

    Attributes:
        start: day 1 of the season.
        step_days: length of a step in days; the last step takes what is left of the year.
    """

    start: date
    step_days: int = 5

    def __post_init__(self) -> None:
        steps_per_year(self.step_days)
        if (self.start.month, self.start.day) == (2, 29):
            raise ConfigError("a season cannot start on 29 February", mend="start it on 28 February or 1 March")

    @classmethod
    def of(cls, year: int, first_day: str = "01-01", step_days: int = 5) -> Season:
        """The season that *ends* in `year`: 2023 is January-December 2023 in the north (first day 01-01)
        and July 2022 - June 2023 in the south (first day 07-01).

        Raises:
            ConfigError: `first_day` is not a month and a day, `MM-DD`.
        """
        try:
            month, day = (int(part) for part in first_day.split("-"))
            opened = date(year if (month, day) == (1, 1) else year - 1, month, day)
        except ValueError as error:
            raise ConfigError(f"the season's first day {first_day!r} is not a day of the year",
                              mend="write it as MM-DD: 01-01 for the north, 07-01 for the south") from error
        return cls(start=opened, step_days=step_days)

    @property
    def end(self) -> date:
        """The day after the last one, one year after `start`."""
        return self.start.replace(year=self.start.year + 1)

    @property
    def steps(self) -> int:
        """T, the number of steps."""
        return steps_per_year(self.step_days)

    def bounds(self, step: int) -> tuple[date, date]:
        """First day of a step and the day after its last one."""
        if not 0 <= step < self.steps:
            raise IndexError(f"step {step} of a season of {self.steps} steps")
        opened = self.start + timedelta(days=step * self.step_days)
        return opened, self.end if step == self.steps - 1 else opened + timedelta(days=self.step_days)

    def step_of(self, day: date) -> int:
        """The step that holds `day`.

        Raises:
            ValueError: `day` is outside of the season.
        """
        if not self.start <= day < self.end:
            raise ValueError(f"{day} is not in the season {self.start} - {self.end}")
        return min((day - self.start).days // self.step_days, self.steps - 1)
