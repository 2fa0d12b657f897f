"""What an error of the service calls for: to ask again, to cut the task, to wait, to give up, or to stop it all.

Earth Engine tells errors apart by their words alone; the rules below are its documented ones.
https://developers.google.com/earth-engine/guides/debugging and …/guides/usage, …/guides/cost_controls
"""

from __future__ import annotations

import random
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

# Pauses, seconds.
_FIRST_S, _LONGEST_S = 1.0, 120.0


def answer(words: str) -> Answer:
    """What the words of a failed task or refused request call for; of unknown ones, to give up: a graph that is wrong
    stays wrong, and is charged for each time."""
    text = words.lower()
    return next((found for found, rule in _RULES if re.search(rule, text)), Answer.GIVE_UP)


def pause_s(attempt: int, draw: random.Random) -> float:
    """Seconds to wait after the `attempt`-th failure in a row, from 1: random up to a bound that doubles, so that many
    clients do not come back at once.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ ("full jitter")
    """
    return draw.uniform(0.0, min(_LONGEST_S, _FIRST_S * 2.0 ** (attempt - 1)))
