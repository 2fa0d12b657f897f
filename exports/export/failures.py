"""What an error of the service calls for: to ask again, to cut the task, to wait, to give up, or to stop it all.

Earth Engine tells errors apart by their words alone; the rules below are its documented ones.
https://developers.google.com/earth-engine/guides/debugging and …/guides/usage, …/guides/cost_controls
"""

from __future__ import annotations

import re
from enum import StrEnum


class Answer(StrEnum):
    """What to do about a failure."""

    RETRY = "retry"
    """It may pass: ask again after a pause."""
    SPLIT = "split"
    """The task is too large: ask for each half."""
    WAIT = "wait"
    """The queue is full: ask again when a task has ended."""
    GIVE_UP = "give up"
    """This task cannot succeed; others may."""
    STOP = "stop"
    """No task can succeed until a person has mended it."""


# The first that is found decides. Names that users give stand in quotes, and are not looked at.
_RULES: tuple[tuple[Answer, str], ...] = (
    (Answer.STOP, r"exceeded the custom quota|quota exceeded|permission denied|permission '' denied"
                  r"|does not have (the )?(required )?permission|does not have storage\.|bucket does not exist"
                  r"|not registered|not signed up|has not been used in project"),
    (Answer.WAIT, r"too many tasks already in the queue"),
    (Answer.SPLIT, r"user memory limit exceeded|out of memory|computation timed out|payload size exceeds"
                   r"|request entity too large"),
    (Answer.RETRY, r"internal (server )?error|an internal|backend error|unavailable|try again|capacity exceeded"
                   r"|too many (concurrent )?(requests|aggregations)|deadline|timed out|timeout|temporar"
                   r"|resource.exhausted|the server was ended"),
)

MOST_ATTEMPTS = 5
"""How often a task is begun before it is given up."""


def answer(words: str) -> Answer:
    """What the words of a failed task or refused request call for; of unknown ones, to give up: a graph that is wrong
    stays wrong, and is charged for each time."""
    text = re.sub("'[^']*'", "''", words.lower())
    return next((found for found, rule in _RULES if re.search(rule, text)), Answer.GIVE_UP)

