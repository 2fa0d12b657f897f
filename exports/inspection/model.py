"""Trained models, by the card in their folder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from agrispec.cube import CubeSpec
from agrispec.errors import AgrispecError, CorruptRecord
from exports import manifest, runs
from exports.amounts import counted, size
from exports.inspection import cube
from exports.inspection.text import entry, listed

_CARD_IN_WORDS = "card.md"
_NETWORK, _TREES = "model.keras", "trees.npz"


def card(folder: Path) -> dict[str, Any]:
    """The card of a model's folder.

    Raises:
        CorruptRecord: it is no card, or its cube was edited.
    """
    path = folder / runs.MODEL_CARD
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found["architecture"], found["cube_digest"], found["training"]["training_samples"]
        ", ".join(found["classes"])
        # What is no cube is vectors, whose maker alone knows what they mean.
        if "features" in found["cube"] and CubeSpec.from_table(found["cube"]).digest != found["cube_digest"]:
            raise ValueError("its cube was edited")
    except (OSError, ValueError, KeyError, TypeError, AgrispecError) as error:
        raise CorruptRecord(f"{path} does not describe a model ({error})",
                            mend="train it again, or restore the folder") from error
    return found


def describe(folder: Path) -> Iterator[str]:
    """Architecture, classes, cube, training, calibration, versions and origin of a model.

    Raises:
        CorruptRecord: its card is damaged.
    """
    found = card(folder)
    try:
        lines = list(_described(folder, found))
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptRecord(f"{folder / runs.MODEL_CARD} does not describe a model ({error})",
                            mend="train it again, or restore the folder") from error
    yield from lines


def _described(folder: Path, found: Mapping[str, Any]) -> Iterator[str]:
    training = found["training"]
    yield from entry("model", f"{folder}, {found['architecture']} on cube {found['cube_digest']}"
                              f"{', trained on simulated scenes' if training.get('simulated') else ''}")
    weights = next((folder / name for name in (_NETWORK, _TREES) if (folder / name).is_file()), None)
    yield from entry("weights", "missing: the folder holds neither model.keras nor trees.npz" if weights is None else
                     f"{_how_large(folder, training)}{weights.name} of {size(weights.stat().st_size)},"
                     f" SHA-256 {manifest.digest(weights)}")
    yield from entry("classes", *listed(found["classes"]))
    if "features" in found["cube"]:
        yield from cube.describe(CubeSpec.from_table(found["cube"]))
    else:
        yield from entry("reads", f"vectors: {', '.join(f'{key} {value}' for key, value in found['cube'].items())}")
    yield from entry("training", *_taught(training))
    yield from entry("calibration", _calibration(found))
    versions = training.get("versions", {})
    yield from entry("versions", *listed(f"{name} {version}" for name, version in versions.items()))
    if origin := training.get("from"):
        yield from entry("origin", f"fine-tuned from {origin['model']} ({origin['digest']}),"
                                   f" classes {', '.join(origin['classes'])}")


def _how_large(folder: Path, training: Mapping[str, Any]) -> str:
    if "trees" in training:
        return f"{training['trees']:,} trees of {training['nodes']:,} nodes, "
    # A network's card in words is the one place that counts them.
    words = folder / _CARD_IN_WORDS
    counted_there = re.search(r"([\d,]+) parameters", words.read_text(encoding="utf-8")) if words.is_file() else None
    return f"{counted_there[1]} parameters, " if counted_there else ""


def _taught(training: Mapping[str, Any]) -> Iterator[str]:
    validating = f", {counted(training['validation_samples'], 'validation sample')}" \
        if "validation_samples" in training else ""
    seasons = f" of {', '.join(map(str, training['seasons']))}" if "seasons" in training else ""
    yield f"{counted(training['training_samples'], 'training sample')}{seasons}{validating}, seed {training['seed']}"
    if "samples" in training:
        yield f"of the table of digest {training['samples']}"
    if "best_epoch" in training:
        yield f"best epoch {training['best_epoch']}"
    for method in training.get("adaptation", {}):
        yield f"then adapted: {method}"


def _calibration(found: Mapping[str, Any]) -> str:
    made = found["training"].get("calibration")
    # Folders from before the temperature stood there have that of their calibration.
    temperature = found.get("temperature", (made or {}).get("temperature"))
    if temperature is None or not made:
        return "none"
    if "held_out" in made:
        return (f"temperature {temperature:.3f}, from {counted(made['held_out']['samples'], 'sample')} of held-out"
                f" {made['held_out']['group_is']}s")
    return f"temperature {temperature:.3f}, from {counted(made['samples'], 'validation sample')}"
