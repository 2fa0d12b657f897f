"""What people said of parcels: `review/verdicts.jsonl`, one JSON line a verdict, only ever added to.

Several processes may add to one file. What stands follows from all lines: an `undo` takes back the latest verdict of
its reviewer on its parcel, and of what is left the latest of each reviewer stands.
"""

from __future__ import annotations

import errno
import json
import logging
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

_log = logging.getLogger(__name__)

FILE = "verdicts.jsonl"

ACCEPT, CORRECT, SKIP, UNDO = "accept", "correct", "skip", "undo"
WORDS = (ACCEPT, CORRECT, SKIP, UNDO)

LONGEST_NAME = 80
"""Characters of a reviewer's name at most."""

_KEYS = ("parcel", "verdict", "class", "reviewer", "time", "season", "model", "prediction", "shape")
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


def _torn(content: bytes) -> int:
    """Bytes at the end of the file that a write which failed has left: a line without a break that is no JSON."""
    last = content[content.rfind(b"\n") + 1:]
    try:
        json.loads(last)
    except ValueError:
        return len(last)
    return 0


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
        """All verdicts, oldest first; the file is read again where it changed. A last line that is torn is left out.

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
            StorageError: the file cannot be written or locked; nothing is added.
        """
        added = tuple(verdicts)
        for verdict in added:
            self._check(verdict)
        content = "".join(f"{verdict.line}\n" for verdict in added).encode()
        with self._alone():
            known = self._on_disk() == self._state
            try:
                # Without a buffer, which would be written once more when the file is closed after an error.
                with self.path.open("ab+", buffering=0) as file:
                    size = file.seek(0, os.SEEK_END)
                    if size:
                        file.seek(-1, os.SEEK_END)
                        if file.read(1) != b"\n":
                            # Who edited the file by hand may have left its last line open.
                            torn = _torn(self.path.read_bytes())
                            content = content if torn else b"\n" + content
                            size = file.truncate(size - torn)
                    try:
                        left = memoryview(content)
                        while left:
                            left = left[file.write(left):]
                        os.fsync(file.fileno())
                    except OSError:
                        file.truncate(size)
                        raise
            except OSError as error:
                raise storage_error(self.path, error) from error
            if known:
                self._known, self._state = (*self._known, *added), self._on_disk()

    def _parsed(self) -> Iterator[Verdict]:
        if not self.path.exists():
            return
        content = self.path.read_bytes()
        if torn := _torn(content):
            _log.warning("the last line of %s is not whole, as a write that failed leaves it; it is left out, and the"
                         " next verdict takes its place", self.path)
        for number, line in enumerate(content[:len(content) - torn].splitlines(), 1):
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
        self._known: tuple[Verdict, ...] = ()
        self._given: dict[tuple[str, str], list[Verdict]] = {}

    def keep_up(self, known: tuple[Verdict, ...]) -> None:
        """Count what is new among all verdicts, or all of them where the former ones are not what they were."""
        if known[:len(self._known)] != self._known:
            self.stands, self._given, self._known = {}, {}, ()
        for verdict in known[len(self._known):]:
            self.add(verdict)
        self._known = known

    def add(self, verdict: Verdict) -> None:
        """Count one more."""
        parcel, reviewer = verdict.parcel, verdict.reviewer
        if verdict.season != self._season or (self._shapes is not None and (
                parcel not in self._shapes or verdict.shape not in (None, self._shapes[parcel]))):
            return
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


def standing(known: Iterable[Verdict], season: int,
             shapes: Mapping[str, str] | None = None) -> dict[str, dict[str, Verdict]]:
    """What stands of verdicts, see `Tally`."""
    tally = Tally(season, shapes)
    tally.keep_up(tuple(known))
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
