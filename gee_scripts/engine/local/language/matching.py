"""Regular expressions of users, bounded in time.

Backtracking may take time that grows exponentially with a text, and Python matches without letting any other thread
run: (a+)+$ on thirty letters would stop the whole server. An expression that can backtrack is therefore matched by
a process of its own, which ends itself in time.
"""

from __future__ import annotations

import atexit
import json
import re
import select
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any, cast

from gee_scripts.engine.local.language import matcher
from gee_scripts.engine.local.language.registry import MOST_ITEMS, AlgorithmError
from gee_scripts.engine.local.rasters.raster import GO_ON

SECONDS = 10.0
"""The longest time that matching may take."""

# Without one of these signs there is one way to match at a place.
_CHOICES = re.compile(r"[*+?{|]")


@dataclass(frozen=True, slots=True)
class Found:
    """One match: `[start, end)` in the text, the text of each group (None where it took no part), and the numbers
    of groups, from 1, by name."""

    start: int
    end: int
    groups: tuple[str | None, ...]
    names: dict[str, int]


def matches(regex: str, texts: Sequence[str], *, ignore_case: bool = False, whole: bool = False,
            most: int = 0) -> list[list[Found]]:
    """The matches in each text, from the left; at most `most` of them unless that is 0.

    Raises:
        AlgorithmError: it is no regular expression, or takes longer than `SECONDS`.
    """
    request = list(texts), regex, ignore_case, whole, most
    answer = _asked(request) if _CHOICES.search(regex) else matcher.found_in(*request)
    if "error" in answer:
        raise AlgorithmError(f"'{regex[:80]}' is no regular expression{answer['error']}",
                             mend="close what is opened, and escape special signs by a backslash")
    if "matches" in answer:
        raise AlgorithmError(f"User memory limit exceeded. '{regex[:80]}' matches more than {matcher.MOST} times",
                             mend="give shorter strings, or fewer")
    return [[Found(start, end, tuple(groups), answer["names"]) for start, end, groups in found]
            for found in answer["found"]]


def replaced(texts: Sequence[str], regex: str, replacement: str, *, ignore_case: bool = False,
             every: bool = False) -> list[str]:
    """The texts with their first match, or each, replaced; $1, ${name} stand for groups, and a backslash makes the
    next sign an ordinary one, as in Java.

    Raises:
        AlgorithmError: as `matches`, or there is no such group.
    """

    def filled(text: str, found: Found) -> str:
        def part(sign: re.Match[str]) -> str:
            if sign[1] is not None:
                return sign[1]
            group = int(sign[2]) if sign[2] else found.names.get(sign[3], len(found.groups) + 1)
            if group > len(found.groups):
                raise AlgorithmError(f"there is no group {sign[0]} in '{regex}'", mend="put it in parentheses")
            return (found.groups[group - 1] if group else text[found.start:found.end]) or ""

        return re.sub(r"\\(.)|\$(?:(\d)|\{(\w+)\})", part, replacement)

    results, length = [], 0
    for text, all_found in zip(texts, matches(regex, texts, ignore_case=ignore_case, most=0 if every else 1),
                               strict=True):
        pieces, place = [], 0
        for found in all_found:
            pieces += [text[place:found.start], filled(text, found)]
            place = found.end
            length += len(pieces[-1])
            if length > MOST_ITEMS:
                raise AlgorithmError(f"User memory limit exceeded. '{replacement[:80]}' is put in too often",
                                     mend="give shorter strings")
        results.append("".join([*pieces, text[place:]]))
    return results


# Processes that wait for a question; a thread takes one, or starts one.
_idle: list[subprocess.Popen[bytes]] = []


def _asked(request: Any) -> Any:
    try:
        child = _idle.pop()
        alive = child.poll() is None
    except IndexError:
        alive = False
    if not alive:
        child = subprocess.Popen([sys.executable, "-I", "-S", matcher.__file__], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE)
    answer = b""
    try:
        answer = _line(child, json.dumps([SECONDS, request]).encode() + b"\n")
    finally:
        if answer.endswith(b"\n"):
            _idle.append(child)
        else:
            child.kill()
            child.communicate()
    if not answer.endswith(b"\n"):
        raise AlgorithmError(f"The regular expression '{request[1][:80]}' takes longer than {SECONDS:g} s to match",
                             mend="write it without repetitions in repetitions, such as (a+)+")
    return json.loads(answer)


def _line(child: subprocess.Popen[bytes], request: bytes) -> bytes:
    """What a process answers; nothing where it has ended."""
    asked, answers = cast(IO[bytes], child.stdin), cast(IO[bytes], child.stdout)
    try:
        asked.write(request)
        asked.flush()
    except BrokenPipeError:
        return b""
    while not select.select([answers], [], [], 0.05)[0]:
        GO_ON.get()()
    return answers.readline()


@atexit.register
def _end() -> None:
    while _idle:
        _idle.pop().communicate()
