"""The rung that is chosen without a label of the target, and what that cost, once these are opened. No Keras needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

VALIDATORS = ("source", "information", "density", "weighted")
"""Of `agrispec_tf.adaptation.selection`, by the names that reports and manifests use."""

TRUSTED = "information"
"""The validator whose choice is taken."""

Numbers = Mapping[str, Mapping[str, float]]
"""By rung, the lowest first, the number of each validator; higher speaks for the rung."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a choice came to.

    Attributes:
        by: the validator that chose; "oracle" for the best rung, which nobody can know who has no labels.
        rung: the choice.
        macro_f1: of it, on the target's held-out samples.
        lost: what the best rung has more.
    """

    by: str
    rung: str
    macro_f1: float
    lost: float


def by_validator(numbers: Numbers) -> dict[str, str]:
    """By validator, the rung that it would choose; of equal ones the lower."""
    return {name: max(numbers, key=lambda rung: numbers[rung][name]) for name in next(iter(numbers.values()))}


def taken(numbers: Numbers) -> str:
    """The rung that is chosen."""
    return by_validator(numbers)[TRUSTED]


def stage(network: str) -> str:
    """What the manifest calls the ladder of a network."""
    return f"adapt {network}"


def name_of(network: str, rung: str) -> str:
    """The folder of a rung's network below `model/`."""
    return f"{network}-{rung}"


def ladders(stages: Mapping[str, Mapping[str, Any]]) -> dict[str, Numbers]:
    """By network, the numbers of its ladder, out of a manifest's stages."""
    return {name.removeprefix(stage("")): said["validators"] for name, said in stages.items()
            if name.startswith(stage("")) and "validators" in said}


def costs(numbers: Numbers, macro_f1: Mapping[str, float]) -> list[Cost]:
    """What each validator would have chosen and what it cost against the best rung, which comes last.

    Args:
        numbers: of the ladder.
        macro_f1: by rung, on labels of the target that were opened after the choice.
    """
    best = max(macro_f1, key=lambda rung: macro_f1[rung])
    choices = {**by_validator(numbers), "oracle": best}
    return [Cost(by=name, rung=rung, macro_f1=macro_f1[rung], lost=macro_f1[best] - macro_f1[rung])
            for name, rung in choices.items()]


def in_words(network: str, found: Sequence[Cost]) -> Iterator[str]:
    """The costs as lines of a terminal."""
    yield f"What would have been chosen among the rungs of {network} without a label of the target:"
    for cost in found:
        chosen = " (taken)" if cost.by == TRUSTED else " (nobody can know it)" if cost.by == "oracle" else ""
        yield f"  {cost.by + chosen:<30}{cost.rung:<16}macro-F1 {cost.macro_f1:.3f}, {cost.lost:.3f} below the best"


def told(stages: Mapping[str, Mapping[str, Any]], macro_f1: Mapping[str, float]) -> Iterator[str]:
    """The costs of every ladder all of whose rungs were judged, as lines of a terminal.

    Args:
        stages: of a manifest.
        macro_f1: by model, on the target's held-out samples.
    """
    for network, numbers in ladders(stages).items():
        judged = {rung: macro_f1[name_of(network, rung)] for rung in numbers if name_of(network, rung) in macro_f1}
        if len(judged) == len(numbers):
            yield from in_words(network, costs(numbers, judged))
