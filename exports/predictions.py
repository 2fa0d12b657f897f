"""What a folder of predictions says of itself: `prediction.json`, which is true only of the image beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agrispec.errors import CorruptRecord
from exports import manifest
from exports.runs import PREDICTION_CARD

CLASSES = "class.tif"
"""The image of classes among the predictions."""

_KEYS = ("season", "model", "model_digest", "cube", "simulated", "threshold", "confident", "parcels", "class_digest")


def card(folder: Path) -> dict[str, Any]:
    """The card of a folder of predictions.

    Raises:
        CorruptRecord: it is no card, or the image of classes is not the one that it describes.
    """
    path, image = folder / PREDICTION_CARD, folder / CLASSES
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        lost = [key for key in _KEYS if key not in found]
        if lost:
            raise ValueError(f"it lacks {', '.join(lost)}")
        whole = found["class_digest"] == manifest.digest(image)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptRecord(f"{path} does not say what the predictions are ({error})", mend="predict again") from error
    if not whole:
        raise CorruptRecord(f"{image} is not the image that {path.name} describes", mend="predict again")
    return found
