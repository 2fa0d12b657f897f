"""What another form of a classifier costs in accuracy, with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import DataError
from agrispec_tf import intervals
from agrispec_tf.data.samples import Samples, Series
from agrispec_tf.metrics import Confusion


class Classifies(Protocol):
    """Whatever gives series class probabilities."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """C names by class number."""

    def probabilities(self, series: Series) -> NDArray[np.float32]:
        """(N, C) of N series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A score before and after, 0 to 1.

    Attributes:
        before: of the reference.
        after: of the other form.
        low: lower end of the 95 % interval of `after - before`.
        high: its upper end.
    """

    before: float
    after: float
    low: float
    high: float

    def __str__(self) -> str:
        return (f"{self.before:.4f} -> {self.after:.4f}, change {self.after - self.before:+.4f}"
                f" [{self.low:+.4f}, {self.high:+.4f}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What samples show about two forms of one classifier.

    Attributes:
        samples: N.
        blocks: cells that the samples lie in.
        agreement: share of the samples that both forms give one class.
        accuracy: overall accuracy.
        macro_f1: mean F1 of the classes that the truth holds.
    """

    samples: int
    blocks: int
    agreement: float
    accuracy: Change
    macro_f1: Change


def cost(reference: Classifies, other: Classifies, held_out: Samples) -> Cost:
    """The change of scores from `reference` to `other` on samples that neither was trained or calibrated on.

    Raises:
        DataError: there are no samples.
    """
    first, second = (form.probabilities(held_out.series).argmax(axis=1) for form in (reference, other))
    return between(first, second, held_out.labels, held_out.cells, len(reference.class_names))


def between(before: NDArray[np.integer], after: NDArray[np.integer], truth: NDArray[np.integer],
            blocks: NDArray[np.generic], classes: int) -> Cost:
    """The same from class numbers (N,) that two forms gave samples, of known truth (N,) and block (N,).

    The interval is that of `intervals.differences`, of whole blocks drawn anew, the same ones for both forms.

    Raises:
        DataError: there are no samples.
    """
    if not len(truth):
        raise DataError("there are no held-out samples to score", mend="add cells, or raise the test fold's share")
    counts = [intervals.by_cell(truth, blocks, form, classes) for form in (before, after)]
    first, second = (Confusion(form.sum(axis=0)) for form in counts)
    changes = {score: Change(before=getattr(first, score), after=getattr(second, score), low=low, high=high)
               for score, (_, low, high) in intervals.differences(counts[1:], counts[:1]).items()}
    return Cost(samples=len(truth), blocks=len(counts[0]), agreement=float((before == after).mean()), **changes)
