"""What people said of parcels, and what of it stands.

What stands follows from all verdicts: an `undo` takes back the latest one of its reviewer on its parcel, and of what is
left the latest of each reviewer stands.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agrispec.errors import DataError

ACCEPT, CORRECT, SKIP, UNDO = "accept", "correct", "skip", "undo"
WORDS = (ACCEPT, CORRECT, SKIP, UNDO)

LONGEST_NAME = 80
"""Characters of a reviewer's name at most."""

_KEYS = ("parcel", "verdict", "class", "reviewer", "time", "season", "model", "prediction", "shape")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One line of the file.

    Attributes:
        parcel: its id, as text.
        verdict: one of `WORDS`.
        class_name: the class that the parcel has, in the reviewer's eyes; None with skip and undo.
        reviewer: who says so.
        time: when, UTC, ISO 8601.
        season: year in which the predicted season ends.
        model, prediction: digests of the model, and of the image of classes, that the reviewer looked at.
        shape: digest of the parcel's outline that they looked at, as `queue.shapes_of` has it; None in a line from
            before it was kept.
    """

    parcel: str
    verdict: str
    class_name: str | None
    reviewer: str
    time: str
    season: int
    model: str
    prediction: str
    shape: str | None = None

    def __post_init__(self) -> None:
        if self.verdict not in WORDS:
            raise DataError(f"{self.verdict!r} is no verdict", mend=f"write one of {', '.join(WORDS)}")
        if (self.class_name is not None) != (self.verdict in (ACCEPT, CORRECT)):
            raise DataError(f"the verdict {self.verdict} comes {'with' if self.class_name else 'without'} a class",
                            mend=f"give a class with {ACCEPT} and {CORRECT}, and with no other")
        if not self.reviewer.strip() or len(self.reviewer) > LONGEST_NAME or not self.reviewer.isprintable():
            raise DataError(f"{self.reviewer!r} is no reviewer's name",
                            mend=f"give a name of 1 to {LONGEST_NAME} printable characters")

    @property
    def line(self) -> str:
        """The verdict as JSON, without a line break."""
        values = (self.parcel, self.verdict, self.class_name, self.reviewer, self.time, self.season, self.model,
                  self.prediction, self.shape)
        return json.dumps(dict(zip(_KEYS, values, strict=True)), ensure_ascii=False)


def now() -> str:
    """The time of a verdict that is given now."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def parse(line: str) -> Verdict:
    """The verdict of a line.

    Raises:
        DataError: it is none.
    """
    mend = f"a line has {', '.join(_KEYS)}"
    try:
        found = json.loads(line)
    except ValueError as error:
        raise DataError(f"it is not JSON ({error})", mend=mend) from error
    if not isinstance(found, dict) or {*found, "shape"} != set(_KEYS):
        raise DataError("it has other keys than a verdict", mend=mend)
    found.setdefault("shape", None)
    kinds: Mapping[str, Any] = {key: str for key in _KEYS} | {"class": str | None, "season": int, "shape": str | None}
    wrong = [key for key in _KEYS if not isinstance(found[key], kinds[key]) or isinstance(found[key], bool)]
    try:
        aware = "time" not in wrong and datetime.fromisoformat(found["time"]).tzinfo is not None
    except ValueError:
        aware = False
    if wrong or not aware:
        raise DataError(f"its {wrong[0] if wrong else 'time'} is {found[wrong[0] if wrong else 'time']!r}", mend=mend)
    return Verdict(parcel=found["parcel"], verdict=found["verdict"], class_name=found["class"],
                   reviewer=found["reviewer"], time=found["time"], season=found["season"], model=found["model"],
                   prediction=found["prediction"], shape=found["shape"])


Standing = Mapping[str, Mapping[str, Verdict]]
"""Parcel -> reviewer -> the verdict of theirs that stands."""


class Tally:
    """What stands of the verdicts on a season's parcels, kept up with those that come.

    Args:
        season: year in which it ends.
        shapes: parcel -> digest of its outline: a verdict on another parcel or outline does not count. None: all do.

    Attributes:
        stands: a parcel of which nothing stands is left out; what it holds of a parcel is replaced, never changed.
    """

    def __init__(self, season: int, shapes: Mapping[str, str] | None = None) -> None:
        self.stands: dict[str, dict[str, Verdict]] = {}
        self._season, self._shapes = season, shapes
        self._given: dict[tuple[str, str], list[Verdict]] = {}

    def add(self, verdict: Verdict) -> bool:
        """Count one more; whether it is of this season, and of a parcel and outline that count."""
        parcel, reviewer = verdict.parcel, verdict.reviewer
        if verdict.season != self._season or (self._shapes is not None and (
                parcel not in self._shapes or verdict.shape not in (None, self._shapes[parcel]))):
            return False
        given = self._given.setdefault((parcel, reviewer), [])
        if verdict.verdict != UNDO:
            given.append(verdict)
        elif given:
            given.pop()
        by = {name: other for name, other in self.stands.get(parcel, {}).items() if name != reviewer}
        if given:
            by[reviewer] = given[-1]
        if by:
            self.stands[parcel] = by
        else:
            self.stands.pop(parcel, None)
        return True


def standing(known: Iterable[Verdict], season: int,
             shapes: Mapping[str, str] | None = None) -> dict[str, dict[str, Verdict]]:
    """What stands of verdicts, see `Tally`."""
    tally = Tally(season, shapes)
    for verdict in known:
        tally.add(verdict)
    return tally.stands


def gone(known: Sequence[Verdict], season: int, shapes: Mapping[str, str]) -> list[Verdict]:
    """The verdicts that stand of parcels, or outlines of them, that are not there any more."""
    here = {verdict for by in standing(known, season, shapes).values() for verdict in by.values()}
    return [verdict for by in standing(known, season).values() for verdict in by.values() if verdict not in here]


def agreed(stands: Standing) -> tuple[dict[str, str], list[str]]:
    """(parcel -> class, parcels that reviewers disagree about); who skipped a parcel said nothing of its class."""
    classes = {parcel: {verdict.class_name for verdict in by.values() if verdict.class_name is not None}
               for parcel, by in stands.items()}
    return ({parcel: next(iter(named)) for parcel, named in classes.items() if len(named) == 1},
            sorted(parcel for parcel, named in classes.items() if len(named) > 1))
