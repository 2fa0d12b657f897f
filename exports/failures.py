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


# The first that is found decides.
_RULES: tuple[tuple[Answer, str], ...] = (
    (Answer.STOP, r"exceeded the custom quota|daily_eecu_usage_time|permission denied|does not have (the )?permission"
                  r"|not registered|not signed up|has not been used in project|credentials|caller does not have access"
                  r"|billing"),
    (Answer.WAIT, r"too many tasks already in the queue"),
    (Answer.SPLIT, r"user memory limit exceeded|out of memory|computation timed out|payload size exceeds"
                   r"|request entity too large|too large|too many pixels|maximum allowed|exceeds the limit"
                   r"|task exceeded (its|the) (time|maximum)"),
    (Answer.RETRY, r"internal (server )?error|an internal|backend|unavailable|try again|capacity exceeded"
                   r"|too many (concurrent )?(requests|aggregations)|deadline|timed out|timeout|temporar"
                   r"|resource exhausted|attempts|operation '.*' not found|was ended|was stopped"),
)

MOST_ATTEMPTS = 5
"""How often a task is begun before it is given up."""


def answer(words: str) -> Answer:
    """What the words of a failed task or refused request call for; of unknown ones, to give up: a graph that is wrong
    stays wrong, and is charged for each time."""
    text = words.lower()
    return next((found for found, rule in _RULES if re.search(rule, text)), Answer.GIVE_UP)

