"""Numbers and lists as a report writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def listed(words: Iterable[object]) -> str:
    """As in "1, 2 and 3"."""
    found = [str(word) for word in words]
    return " and ".join(filter(None, (", ".join(found[:-1]), *found[-1:])))


def counted(count: int, noun: str) -> str:
    """As in "1 cell", "2,000 cells"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def percent(part: float | None, places: int = 1) -> str:
    """A share, 0 to 1, in percent; "-" where there is none."""
    return "-" if part is None else f"{part:.{places}%}"


def interval(ends: Sequence[float], places: int = 1) -> str:
    """The ends of an interval of shares, in percent."""
    return f"{ends[0]:.{places}%} to {ends[1]:.{places}%}"


def score(value: float | None) -> str:
    """A score, 0 to 1; "-" where there is none."""
    return "-" if value is None else f"{value:.3f}"
