"""How long to wait before what failed is tried again."""

from __future__ import annotations

import random

# Of its own: it is drawn from in threads, and whoever seeds the shared one wants the same numbers again.
_random = random.Random()


def pause_s(failures: int, first_s: float, longest_s: float) -> float:
    """Seconds to wait after `failures` ≥ 1 failures in a row: twice as long each time, at most `longest_s`, and of that
    a random share between a half and all, so that many who failed at once do not come back at once.

    Source: https://cloud.google.com/storage/docs/retry-strategy#exponential-backoff
    """
    return min(longest_s, first_s * 2.0 ** min(failures - 1, 60)) * _random.uniform(0.5, 1.0)
