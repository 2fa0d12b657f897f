"""The protocols by name; nothing heavy loads with them."""

from __future__ import annotations

from collections.abc import Mapping

SPATIAL, REGION, SEASON, DATE = "spatial-cv", "leave-one-region-out", "leave-one-season-out", "in-season"

GROUPS: Mapping[str, str] = {SPATIAL: "fold", REGION: "region", SEASON: "season", DATE: "date"}
"""What a group of trials of each is, which is scored as one."""

CALIBRATING = (REGION, SEASON)
"""Those that hold out what a map is made for: temperatures that are found on it are worth taking along."""
