"""A cube in words."""

from __future__ import annotations

from collections.abc import Iterator

from agrispec.cube import CubeSpec
from exports import days
from exports.inspection.text import entry

_UNMATCHED = {"scl": "scenes without Cloud Score+ by scene classification",
              "drop": "scenes without Cloud Score+ left out"}


def describe(spec: CubeSpec) -> Iterator[str]:
    """Features, steps, the models' window, the rule for clear looks and the digest."""
    clear, heat = spec.clear, "" if spec.gdd_base is None else f", growing degree days above {spec.gdd_base:g} °C"
    cover = "" if clear.max_cloud_cover == 100 else f", of scenes up to {clear.max_cloud_cover:g} % cloudy"
    yield from entry(
        "cube", f"{len(spec.features)} features by {spec.exported.steps} steps of {spec.step_days} days{heat};"
        f" models see steps {spec.window.start}-{spec.window.stop - 1}, days {days.spans(spec.window, spec)}",
        f"{' '.join(spec.features)}, pixels of {spec.scale_m:g} m",
        f"{spec.collection}, clear: {clear.score} >= {clear.threshold:g}{cover}; {_UNMATCHED[clear.unmatched]}",
        f"digest {spec.digest}")
