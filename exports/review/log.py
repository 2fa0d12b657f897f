"""The file of verdicts, `review/verdicts.jsonl`: one JSON line a verdict, only ever added to.

Several processes may add to one file. Who follows it reads what is new alone.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from agrispec.errors import CorruptRecord, DataError, StorageError
from agrispec.formats import lock
from agrispec.formats.atomic import storage_error
from exports.review.verdicts import Verdict, parse

_log = logging.getLogger(__name__)

FILE = "verdicts.jsonl"

_PATIENCE_S = 10.0
_HELD = (errno.EWOULDBLOCK, errno.EACCES)


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

    def read(self) -> tuple[Verdict, ...]:
        """All verdicts, oldest first. A last line that is torn is left out.

        Raises:
            CorruptRecord: a line is no verdict, or names a class that is none; it is named by its number. The file
                stays as it is.
        """
        return tuple(Follower(self).news()[1])

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

    def parsed(self, content: bytes, first: int) -> Iterator[Verdict]:
        """The verdicts of whole lines, the first of which has number `first`. Raises as `read`."""
        for number, line in enumerate(content.splitlines(), first):
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


class Follower:
    """Tells what is new in a file of verdicts, and reads no more than that; for one thread at a time.

    What was read is known again by the file's identity, its length and the last line that was read. One case goes
    unnoticed until the next start: a line edited in place without a change of the file's length, where a line is added
    before the edited one is looked at.

    Args:
        log: the file.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._state: tuple[int, int, int] | None = None
        self._told = 0
        self._end = 0
        self._last = b""

    def news(self) -> tuple[bool, list[Verdict]]:
        """Whether what was told before is void, and the verdicts since then, or, where it is, all of them.

        Raises:
            as `Log.read`; what is new is told when the line is mended.
        """
        path = self._log.path
        try:
            with path.open("rb") as file:
                found = os.fstat(file.fileno())
                state = found.st_ino, found.st_size, found.st_mtime_ns
                if state == self._state:
                    return False, []
                start = self._end if self._goes_on(file, state) else 0
                file.seek(start)
                content = file.read()
        except FileNotFoundError:
            state, start, content = None, 0, b""
        if torn := _torn(content):
            _log.warning("the last line of %s is not whole, as a write that failed leaves it; it is left out, and the"
                         " next verdict takes its place", path)
        content = content[:len(content) - torn]
        told = self._told if start else 0
        # Where a line is none, all is read again until it is mended.
        self._state = None
        verdicts = list(self._log.parsed(content, told + 1))
        void = not start and self._told > 0
        self._state, self._told, self._end = state, told + len(verdicts), start + len(content)
        if content or not start:
            self._last = content[content.rfind(b"\n", 0, -1) + 1:]
        return void, verdicts

    def _goes_on(self, file: BinaryIO, state: tuple[int, int, int]) -> bool:
        """Whether the file has grown behind what was read of it, which ends with a whole line."""
        if self._state is None or state[0] != self._state[0] or state[1] <= self._state[1] \
                or not self._last.endswith(b"\n"):
            return False
        file.seek(self._end - len(self._last))
        return file.read(len(self._last)) == self._last
