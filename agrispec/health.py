"""What was found where everything that a run needs is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from agrispec.errors import AgrispecError


class State(StrEnum):
    """How a thing stands."""

    PASS = "pass"
    WARNING = "warning"  # some of it will not work, or could not be looked at
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How one thing stands that exporting, training or publishing needs.

    Attributes:
        name: what was looked at, e.g. "bucket".
        state: how it stands.
        said: what was found, as one clause without a final stop.
        mend: how to mend it, as one clause without a final stop; "" where there is nothing to mend.
    """

    name: str
    state: State
    said: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.said}; {self.mend}" if self.mend else self.said


def passed(name: str, said: str) -> Finding:
    """It works."""
    return Finding(name=name, state=State.PASS, said=said)


def doubtful(name: str, error: AgrispecError) -> Finding:
    """What is needed for a part only does not work, or its look failed."""
    return Finding(name=name, state=State.WARNING, said=error.message, mend=error.mend)


def failed(name: str, error: AgrispecError) -> Finding:
    """It does not work."""
    return Finding(name=name, state=State.FAIL, said=error.message, mend=error.mend)


def unseen(name: str, why: str) -> Finding:
    """It could not be looked at, because of something else that fails."""
    return Finding(name=name, state=State.WARNING, said=f"not looked at: {why}")
