"""What a regular expression finds: the one function that `matching` calls, here or in a process of its own.

Run as a program it answers a line of JSON with another one, until its input ends; it imports the standard library
alone, so that it starts in a hundredth of a second.
"""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Sequence
from typing import Any

MOST = 1_000_000
"""Matches that are looked for at once."""


def found_in(texts: Sequence[str], regex: str, ignore_case: bool, whole: bool, most: int) -> dict[str, Any]:
    """Matches of a regular expression.

    Args:
        whole: it must match all of a text; otherwise its matches within, from the left.
        most: matches of each text; 0 for all.

    Returns:
        {"found": of each text [[start, end, [group, …]], …], "names": name of a group -> its number},
        or {"error": where the expression is none}, or {"matches": how many there are at least, too many}.
    """
    try:
        pattern = re.compile(regex, re.IGNORECASE if ignore_case else 0)
    except (re.error, OverflowError, RecursionError) as error:
        place = getattr(error, "pos", None)
        return {"error": "" if place is None else f" from its character {place + 1} on"}
    answers, number = [], 0
    for text in texts:
        matches = filter(None, [pattern.fullmatch(text)]) if whole else pattern.finditer(text)
        kept: list[Any] = []
        for match in matches:
            kept.append([match.start(), match.end(), match.groups()])
            number += 1
            if number > MOST:
                return {"matches": number}
            if len(kept) == most:
                break
        answers.append(kept)
    return {"found": answers, "names": dict(pattern.groupindex)}


def main() -> None:
    """Answer lines of [seconds, arguments] until the input ends; what takes longer ends the process."""
    for line in sys.stdin:
        seconds, arguments = json.loads(line)
        # Without a handler, the kernel ends the process, also inside of the matching.
        signal.setitimer(signal.ITIMER_REAL, seconds)
        answer = json.dumps(found_in(*arguments))
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(answer, flush=True)


if __name__ == "__main__":
    main()
