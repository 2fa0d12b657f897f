"""Placeholder until the kernels helper commits the table: FORMULAS maps a feature name to its Formula, in order."""

from __future__ import annotations

FORMULAS: dict[str, object] = dict.fromkeys(
    ("NDVI", "EVI", "NDWI", "GCVI", "LAI", "wetness", "greenness", "brightness"))
