"""What people said of parcels: `review/verdicts.jsonl`, one JSON line a verdict, only ever added to.

Several processes may add to one file. What stands follows from all lines: an `undo` takes back the latest verdict of
its reviewer on its parcel, and of what is left the latest of each reviewer stands.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agrispec.errors import CorruptRecord, DataError, StorageError
from agrispec.formats import lock
from agrispec.formats.atomic import storage_error

FILE = "verdicts.jsonl"

ACCEPT, CORRECT, SKIP, UNDO = "accept", "correct", "skip", "undo"
WORDS = (ACCEPT, CORRECT, SKIP, UNDO)

LONGEST_NAME = 80
"""Characters of a reviewer's name at most."""

_KEYS = ("parcel", "verdict", "class", "reviewer", "time", "season", "model", "prediction")
_PATIENCE_S = 10.0
_HELD = (errno.EWOULDBLOCK, errno.EACCES)


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
    """

    parcel: str
    verdict: str
    class_name: str | None
    reviewer: str
    time: str
    season: int
    model: str
    prediction: str

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
                  self.prediction)
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
    if not isinstance(found, dict) or set(found) != set(_KEYS):
        raise DataError("it has other keys than a verdict", mend=mend)
    kinds: Mapping[str, Any] = {key: str for key in _KEYS} | {"class": str | None, "season": int}
    wrong = [key for key in _KEYS if not isinstance(found[key], kinds[key]) or isinstance(found[key], bool)]
    try:
        aware = "time" not in wrong and datetime.fromisoformat(found["time"]).tzinfo is not None
    except ValueError:
        aware = False
    if wrong or not aware:
        raise DataError(f"its {wrong[0] if wrong else 'time'} is {found[wrong[0] if wrong else 'time']!r}", mend=mend)
    return Verdict(parcel=found["parcel"], verdict=found["verdict"], class_name=found["class"],
                   reviewer=found["reviewer"], time=found["time"], season=found["season"], model=found["model"],
                   prediction=found["prediction"])


class Log:
    """The file of verdicts; several processes may have it open.

    Args:
        folder: the `review/` of a run.
        class_names: the classes that verdicts may name.
    """

    def __init__(self, folder: Path, class_names: Sequence[str]) -> None:
        self.path = folder / FILE
        self._classes = frozenset(class_names)
        self._state: tuple[int, int] | None = None
        self._known: tuple[Verdict, ...] = ()

    def read(self) -> tuple[Verdict, ...]:
        """All verdicts, oldest first; the file is read again where it changed.

        Raises:
            CorruptRecord: a line is no verdict, or names a class that is none; it is named by its number. The file
                stays as it is.
        """
        state = self._on_disk()
        if state != self._state:
            self._known, self._state = tuple(self._parsed()), state
        return self._known

    def append(self, verdicts: Iterable[Verdict]) -> None:
        """Add verdicts at the end; they have reached the disk when this returns.

        Raises:
            DataError: a class is none of the configuration's; nothing is added.
            StorageError: the file cannot be written or locked.
        """
        added = tuple(verdicts)
        for verdict in added:
            self._check(verdict)
        content = "".join(f"{verdict.line}\n" for verdict in added).encode()
        with self._alone():
            known = self._on_disk() == self._state
            try:
                with self.path.open("ab+") as file:
                    if file.tell():
                        file.seek(-1, os.SEEK_END)
                        # Who edited the file by hand may have left its last line open.
                        content = content if file.read(1) == b"\n" else b"\n" + content
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise storage_error(self.path, error) from error
            if known:
                self._known, self._state = (*self._known, *added), self._on_disk()

    def _parsed(self) -> Iterator[Verdict]:
        if not self.path.exists():
            return
        for number, line in enumerate(self.path.read_bytes().splitlines(), 1):
            try:
                verdict = parse(line.decode())
                self._check(verdict)
            except (DataError, UnicodeDecodeError) as error:
                said = error.message if isinstance(error, DataError) else "it is not UTF-8"
                raise CorruptRecord(f"line {number} of {self.path} is no verdict: {said}",
                                    mend="mend or delete that line; nothing else of the file is touched") from error
            yield verdict

    def _check(self, verdict: Verdict) -> None:
        if verdict.class_name is not None and verdict.class_name not in self._classes:
            raise DataError(f"{verdict.class_name!r} is none of the classes {', '.join(sorted(self._classes))}",
                            mend="name one of them, as [[classes]] writes it")

    def _on_disk(self) -> tuple[int, int]:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return 0, 0
        return found.st_size, found.st_mtime_ns

    @contextmanager
    def _alone(self) -> Iterator[None]:
        path = self.path.with_name(".verdicts.lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise storage_error(path, error) from error
        try:
            until = time.monotonic() + _PATIENCE_S
            while True:
                try:
                    lock.take(descriptor)
                    break
                except OSError as error:
                    if error.errno not in _HELD or time.monotonic() > until:
                        raise StorageError(f"{path} cannot be locked: {error.strerror}",
                                           mend="end the other process that holds it, or keep runs on a disk of this"
                                                " machine") from error
                    time.sleep(0.005)
            yield
        finally:
            os.close(descriptor)


Standing = Mapping[str, Mapping[str, Verdict]]
"""Parcel -> reviewer -> the verdict of theirs that stands."""


def standing(verdicts: Iterable[Verdict], season: int) -> dict[str, dict[str, Verdict]]:
    """What stands of the verdicts on a season's parcels; a parcel of which nothing stands is left out."""
    kept: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.season != season:
            continue
        given = kept.setdefault((verdict.parcel, verdict.reviewer), [])
        if verdict.verdict != UNDO:
            given.append(verdict)
        elif given:
            given.pop()
    found: dict[str, dict[str, Verdict]] = {}
    for (parcel, reviewer), given in kept.items():
        if given:
            found.setdefault(parcel, {})[reviewer] = given[-1]
    return found


def agreed(stands: Standing) -> tuple[dict[str, str], list[str]]:
    """(parcel -> class, parcels that reviewers disagree about); who skipped a parcel said nothing of its class."""
    classes = {parcel: {verdict.class_name for verdict in by.values() if verdict.class_name is not None}
               for parcel, by in stands.items()}
    return ({parcel: next(iter(named)) for parcel, named in classes.items() if len(named) == 1},
            sorted(parcel for parcel, named in classes.items() if len(named) > 1))
