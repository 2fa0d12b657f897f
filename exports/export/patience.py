"""How long an engine that does not answer is borne with."""

from __future__ import annotations

import time

from agrispec.errors import EngineUnreachable
from exports.backoff import pause_s

_PAUSE_S = (1.0, 120.0)
"""First and longest pause before an engine that was silent is asked again."""

_PATIENCE_S = 1800.0
"""How long an engine may not answer: an export runs for hours, and networks come back."""


class Patience:
    """Of one export with its engine.

    Attributes:
        answered: when it last answered, by the monotonic clock.
        until: when it may be asked again.
    """

    def __init__(self) -> None:
        self.answered, self.until = time.monotonic(), 0.0
        self._silences = 0

    def heard(self) -> None:
        """Enter an answer."""
        self.answered, self._silences = time.monotonic(), 0

    def silent(self, error: EngineUnreachable) -> None:
        """Enter that there was none.

        Raises:
            EngineUnreachable: there was none for too long.
        """
        now = time.monotonic()
        if now - self.answered > _PATIENCE_S:
            raise EngineUnreachable(f"{error.message}, for {(now - self.answered) / 60:.0f} minutes",
                                    mend="what was submitted goes on: when the network is back, go on with --resume")
        if now < self.until:
            # Of those that were under way together.
            return
        self._silences += 1
        self.until = now + pause_s(self._silences, *_PAUSE_S)
