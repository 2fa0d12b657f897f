"""How far reviewers are with a queue, kept up with verdicts as they come: one costs the same after many others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exports.review.verdicts import UNDO, Tally, Verdict, agreed


class Progress:
    """What one reviewer is told of their own work and that of others; for one thread at a time.

    Args:
        tally: what stands of the verdicts, of none yet; it is kept up here.
        ids: (N,) parcels of the queue, in its order.
        reviewer: who is told.
    """

    def __init__(self, tally: Tally, ids: NDArray[np.object_], reviewer: str) -> None:
        self.tally = tally
        self._reviewer = reviewer
        self._at: Mapping[str, int] = {parcel: position for position, parcel in enumerate(ids)}
        self._judged: Counter[str] = Counter()
        self._disputed = 0
        self._mine = np.zeros(len(ids), np.bool_)
        # Positions that this reviewer has judged, those whose verdict came last at the end.
        self._in_order: dict[int, None] = {}

    def add(self, verdict: Verdict) -> None:
        """Count one more."""
        parcel, position = verdict.parcel, self._at.get(verdict.parcel)
        before = self.tally.stands.get(parcel, {})
        if not self.tally.add(verdict):
            return
        after = self.tally.stands.get(parcel, {})
        self._disputed += _disputed(after) - _disputed(before)
        if position is None:
            return
        self._judged.update(after.keys() - before.keys())
        self._judged.subtract(before.keys() - after.keys())
        if verdict.reviewer == self._reviewer:
            self._mine[position] = self._reviewer in after
            if not self._mine[position] or verdict.verdict != UNDO:
                self._in_order.pop(position, None)
            if self._mine[position]:
                self._in_order.setdefault(position)

    @property
    def latest(self) -> int | None:
        """Position of the parcel that this reviewer has judged last, of those of which a verdict of theirs stands."""
        return next(reversed(self._in_order), None)

    def after(self, position: int) -> dict[str, Any]:
        """As JSON types: how many of the queue each reviewer has judged, how many parcels are disputed, and the next
        after a position that this reviewer has not judged, else the first, else None."""
        judged = {name: count for name, count in self._judged.items() if count}
        left = next((first + int(self._mine[first:].argmin()) for first in (position + 1, 0)
                     if not self._mine[first:].all()), None)
        return {"judged": {self._reviewer: 0, **judged}, "disputed": self._disputed, "next": left}


def _disputed(by: Mapping[str, Verdict]) -> int:
    return len(agreed({"": by})[1])
