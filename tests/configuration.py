"""The text of an `agrispec.toml` that says no more than a test cares about."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

WHEAT = {"name": "wheat", "codes": [1], "colour": "#e6c229"}
MAIZE = {"name": "maize", "codes": [2], "colour": "#1a8fe3"}
BEET = {"name": "beet", "codes": [3], "colour": "#d11149"}

_LEAST: dict[str, dict[str, Any]] = {
    "area": {"cells": ["E0045N0487"]},
    "season": {"source": [2023], "target": 2024},
    "labels": {"images": "projects/agrispec-local/assets/labels", "band": "crop"},
    "map": {"bounds": [613000, 5401800, 613240, 5402000], "crs": "EPSG:32631"},
}


def configuration(classes: Sequence[Mapping[str, Any]] = (WHEAT, MAIZE), regions: Sequence[Mapping[str, Any]] = (),
                  **tables: Mapping[str, Any]) -> str:
    """The least configuration with more `tables`, or other keys of those it has."""
    sections = [(f"[{name}]", {**_LEAST.get(name, {}), **tables.get(name, {})}) for name in _LEAST | tables]
    sections += [("[[regions]]", region) for region in regions] + [("[[classes]]", each) for each in classes]
    # A value of JSON is one of TOML, too.
    return "".join("\n".join([head, *(f"{key} = {json.dumps(value)}" for key, value in keys.items()), ""])
                   for head, keys in sections)
