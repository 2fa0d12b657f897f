"""The figures that others published on CropGlobe. None of them was computed here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure that others published, in words because some are ranges.

    Attributes:
        source, target: countries.
        model: ours that it belongs beside; empty for none of ours.
        augmented: whether the training samples were varied; None where that is not known.
        accuracy: overall accuracy, percent.
        what: what was measured, where `model` does not say it.
        tag: where we have it from: "seed v1" (a summary of the first paper in this project's founding documents) or
            "3rd v3" (somebody's extraction of the third version's tables, not verified by us).
    """

    source: str
    target: str
    model: str
    augmented: bool | None
    accuracy: str
    what: str
    tag: str


# https://arxiv.org/abs/2509.03497, by the two ways that `Figure.tag` names.
PUBLISHED: tuple[Figure, ...] = tuple(
    Figure(source=source, target=target, model=model, augmented=augmented, accuracy=accuracy, what=what, tag=tag)
    for source, target, model, augmented, accuracy, what, tag in (
        ("FRA", "BEL", "cropnet-v1", True, "97-98", "about", "seed v1"),
        ("FRA", "BEL", "", None, "98.24", "listed for this paper, method not stated", "3rd v3"),
        ("FRA", "USA", "cropnet-v1", False, "70.40", "", "seed v1"),
        ("FRA", "USA", "cropnet-v1", True, "75.19", "", "seed v1"),
        ("FRA", "USA", "", True, "71", "about, CropNet with the time shift alone", "seed v1"),
        ("FRA", "USA", "", False, "63.95", "best of the other models", "seed v1"),
        ("FRA", "USA", "cropnet", None, "73.34", "task-specific model", "3rd v3"),
        ("FRA", "USA", "", None, "43.35", "Presto embeddings", "3rd v3"),
        ("USA", "FRA", "cropnet-v1", False, "86.90", "", "seed v1"),
        ("USA", "FRA", "", False, "83.70", "best of the other models", "seed v1"),
        ("FRA", "ARG", "cropnet-v1", False, "83.91", "", "seed v1"),
        ("FRA", "ARG", "cropnet-v1", True, "91.04", "", "seed v1"),
        ("USA", "AUS", "cropnet-v1", False, "86.58", "", "seed v1"),
        ("USA", "AUS", "", False, "81.62", "best of the other models", "seed v1"),
        ("USA", "AUS", "cropnet", None, "86.7", "", "3rd v3"),
        ("USA", "AUS", "", None, "46.3", "AlphaEarth embeddings", "3rd v3"),
        ("USA", "AUS", "", None, "45.1", "Presto embeddings", "3rd v3"),
    ))

SCENARIOS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "cross-country": (("FRA", "BEL"), ("FRA", "NLD"), ("FRA", "GBR")),
    "cross-continent": (("FRA", "USA"), ("USA", "FRA"), ("FRA", "CHN")),
    "cross-hemisphere": (("FRA", "ARG"), ("USA", "AUS")),
}
"""The transfers that are computed unless others are asked for: (source, target) by kind."""

RANGES: Mapping[str, str] = {"cross-country": "95+", "cross-continent": "70-90", "cross-hemisphere": "85-92"}
"""Overall accuracy, percent, published for the kinds of transfer: 2-D CropNet, augmented; seed v1."""

WINDOWS = (
    "Published, France to Belgium (seed v1, Fig. 10a): 5-day steps do better than 15- and 30-day ones, which lose"
    " about 2-4 points.",
    "Published (seed v1, Fig. 10b): May to November does better than January to December for transfer.",
)
"""Published on steps and windows, in sentences."""
