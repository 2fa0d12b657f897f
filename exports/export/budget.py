"""What an export will cost, from what its first shards cost; and how much of it may be under way.

The unit is Earth Engine's, seconds of a compute unit (EECU-seconds), as its tasks report them.
https://developers.google.com/earth-engine/reference/rest/Shared.Types/OperationMetadata (batchEecuUsageSeconds)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from agrispec.errors import BudgetExceeded, ConfigError

LEVEL = 0.9
"""Probability of the intervals."""

FIRST = 3
"""Shards that are measured before more are begun, where there is a budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Compute of a whole export, EECU-seconds.

    Attributes:
        shards: how many were measured.
        used: what they cost.
        total: what all will cost, the measured ones among them.
        low, high: its interval at `LEVEL`; equal to `total` where everything was measured, 0 … infinity after one.
    """

    shards: int
    used: float
    total: float
    low: float
    high: float


def estimate(records: Sequence[int], eecu_seconds: Sequence[float], left: int) -> Estimate:
    """The cost of an export whose first shards are done.

    A ratio estimator with Student's t over the measured shards (Cochran 1977, Sampling Techniques, 6.3): cost is in
    proportion to records, shards differ, and what is measured is not uncertain any more.

    Args:
        records: of each measured shard, 1 or more shards.
        eecu_seconds: of each of them.
        left: records of the shards that are not measured.
    """
    sizes, costs = np.asarray(records, float), np.asarray(eecu_seconds, float)
    used, rate = float(costs.sum()), float(costs.sum() / sizes.sum())
    total = used + rate * left
    if not left:
        return Estimate(shards=len(sizes), used=used, total=total, low=total, high=total)
    if len(sizes) < 2:
        return Estimate(shards=len(sizes), used=used, total=total, low=used, high=math.inf)
    residuals = costs - rate * sizes
    # Of the rate, and of the shards that are left, which scatter as the measured ones do. Large shards pull the rate
    # towards themselves: their residuals count for more (HC3 of MacKinnon and White 1985).
    of_rate = float(((residuals / (1 - sizes / sizes.sum())) ** 2).sum()) / float(sizes.sum()) ** 2
    of_others = float((residuals**2).sum()) / (len(sizes) - 1) * left / float(sizes.mean())
    error = math.sqrt(of_rate * left**2 + of_others)
    margin = float(student.ppf((1 + LEVEL) / 2, len(sizes) - 1)) * error
    return Estimate(shards=len(sizes), used=used, total=total, low=max(used, total - margin), high=total + margin)


@dataclass(frozen=True, slots=True)
class Budget:
    """What an export may cost.

    Attributes:
        eecu_hours: more than 0; infinite where nobody counts.
    """

    eecu_hours: float

    def __post_init__(self) -> None:
        if not self.eecu_hours > 0:
            raise ConfigError(f"a budget of {self.eecu_hours:g} EECU-hours pays for nothing",
                              mend="give --budget-eecu-h more than 0")

    @property
    def seconds(self) -> float:
        """The same, EECU-seconds."""
        return self.eecu_hours * 3600

    @property
    def limited(self) -> bool:
        """Whether there is one."""
        return math.isfinite(self.eecu_hours)

    def check(self, found: Estimate) -> None:
        """Nothing, if what is estimated can be paid for.

        Raises:
            BudgetExceeded: it cannot.
        """
        if found.total > self.seconds:
            raise BudgetExceeded(
                f"this export will take about {hours(found.total)} ({reach(found)}, from {found.shards} shards), more"
                f" than the budget of {hours(self.seconds)}",
                mend="give --budget-eecu-h more, or ask for less: fewer cells, [samples] or steps")

    def room(self, done: Sequence[tuple[int, float]], lost: float, under_way: Sequence[tuple[int, float]],
             size: int) -> bool:
        """Whether a shard may be begun.

        Whatever is not done may cost as much a record as the dearest shard so far; until `FIRST` shards are done, no
        more than these are under way.

        Args:
            done: (records, EECU-seconds) of the shards that came.
            lost: EECU-seconds of tasks that failed.
            under_way: as `done`, of tasks that have not ended, as far as they say.
            size: records of the next one.
        """
        if not self.limited:
            return True
        spent = lost + sum(cost for _, cost in done)
        if len(done) < FIRST:
            return len(done) + len(under_way) < FIRST and spent + sum(cost for _, cost in under_way) < self.seconds
        dearest = max(cost / records for records, cost in done)
        promised = sum(max(cost, dearest * records) for records, cost in under_way)
        return spent + promised + dearest * size <= self.seconds


def hours(seconds: float) -> str:
    """EECU-seconds in words."""
    if not math.isfinite(seconds):
        return "no bound"
    unit, name = _unit(seconds)
    return f"{seconds / unit:.3g} {name}"


def reach(found: Estimate) -> str:
    """The interval of an estimate in words, in the unit that `hours` says its total in."""
    unit, _ = _unit(found.total)
    high = f"{found.high / unit:.3g}" if math.isfinite(found.high) else "no bound"
    return f"{found.low / unit:.3g} to {high}"


def _unit(seconds: float) -> tuple[float, str]:
    return (3600, "EECU-h") if seconds >= 36 else (1, "EECU-s")
