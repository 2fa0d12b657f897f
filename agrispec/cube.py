"""The feature cube: the contract between export, training and prediction.

A cube is features by steps at one place. `CubeSpec` alone knows its order, its shape and what its numbers
mean; the graph names bands from it, records are read by it, models are built from it. Its digest travels
with every shard and model, so numbers of different meaning never meet.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from agrispec.bands import SENTINEL2_IDS
from agrispec.errors import ConfigError, SchemaMismatch
from agrispec.indices import FORMULAS
from agrispec.season import Window, steps_per_year

GDD = "gdd"
"""The column before the last of a cube that carries temperatures: growing degree days, °C day."""

COUNT = "count"
"""The last column of every cube: how many clear looks a step had."""

FILL = -9999.0
"""What the features hold where a step had no clear look, whose count is 0, and `gdd` where a day is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearLook:
    """Which looks of the satellite count as clear.

    Attributes:
        score: Cloud Score+ band, "cs" (distance from a clear reference) or "cs_cdf" (likelihood at the place).
        threshold: least score of a clear look, 0 (occluded) to 1 (clear).
        unmatched: scenes without Cloud Score+ are masked by their scene classification ("scl") or left out ("drop").
        max_cloud_cover: scenes with a higher CLOUDY_PIXEL_PERCENTAGE are left out; 100 keeps all.

    Source: https://developers.google.com/earth-engine/datasets/catalog/GOOGLE_CLOUD_SCORE_PLUS_V1_S2_HARMONIZED
    """

    score: str = "cs"
    threshold: float = 0.75
    unmatched: str = "scl"
    max_cloud_cover: float = 100.0

    def __post_init__(self) -> None:
        if self.score not in ("cs", "cs_cdf"):
            raise ConfigError(f"Cloud Score+ has no band {self.score!r}", mend='use "cs" or "cs_cdf"')
        if not 0 < self.threshold <= 1:
            raise ConfigError(f"a Cloud Score+ threshold of {self.threshold} keeps everything or nothing",
                              mend="give a number above 0 and up to 1, e.g. 0.75")
        if self.unmatched not in ("scl", "drop"):
            raise ConfigError(f"scenes without Cloud Score+ cannot be treated as {self.unmatched!r}",
                              mend='use "scl" to mask them by scene classification or "drop" to leave them out')
        if not 0 < self.max_cloud_cover <= 100:
            raise ConfigError(f"a cloud cover limit of {self.max_cloud_cover} % leaves no scene or is no percentage",
                              mend="give a percentage above 0 and up to 100")


class Described(Protocol):
    """Whatever says what numbers mean: a cube, or the maker of vectors that are none."""

    @property
    def digest(self) -> str:
        """Changes with any attribute."""

    def view(self) -> Described:
        """What a model sees."""

    def to_table(self) -> dict[str, Any]:
        """The attributes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CubeSpec:
    """Features by steps at one place.

    Attributes:
        features: F feature names in order: Sentinel-2 bands (surface reflectance, 0 … 1) or names of
            `agrispec.indices.FORMULAS`, computed from the step's median reflectance.
        step_days: length of a step; a season year has `steps_per_year(step_days)` of them.
        exported: the steps that records carry.
        window: the steps a model sees, part of `exported`.
        clear: which looks enter a step's median.
        scale_m: pixel size, metres.
        collection: Earth Engine id of the scenes.
        fill: value of a feature where its step had no clear look.
        gdd_base: base temperature, °C, of the growing degree days in column `gdd`: what each day's mean temperature
            has above it, summed from the season's first day to the middle of each step. None for no such column.
    """

    features: tuple[str, ...]
    step_days: int
    exported: Window
    window: Window
    clear: ClearLook = ClearLook()
    scale_m: float = 10.0
    collection: str = "COPERNICUS/S2_SR_HARMONIZED"
    fill: float = FILL
    gdd_base: float | None = None

    def __post_init__(self) -> None:
        known = (*SENTINEL2_IDS, *FORMULAS)
        strange = [name for name in self.features if name not in known]
        if strange or not self.features or len(set(self.features)) < len(self.features):
            raise ConfigError(f"the cube's features are {', '.join(self.features) or 'none'}",
                              mend=f"list each of them once, out of {', '.join(known)}")
        steps = steps_per_year(self.step_days)
        if self.exported.stop > steps or self.window not in self.exported:
            raise ConfigError(f"the window of steps [{self.window.start}, {self.window.stop}) is not part of the"
                              f" exported steps [{self.exported.start}, {self.exported.stop}) of {steps} in a year",
                              mend="choose a window inside the season and export at least the window")
        if self.scale_m <= 0:
            raise ConfigError(f"a pixel size of {self.scale_m} m is none", mend="give metres above 0, e.g. 10")
        if self.gdd_base is not None and not -20 <= self.gdd_base <= 30:
            raise ConfigError(f"no crop begins to grow at {self.gdd_base:g} °C",
                              mend="give a base temperature in °C, e.g. 0 for wheat or 8 for maize")

    @property
    def columns(self) -> tuple[str, ...]:
        """The names along a record's last axis: the features, growing degree days if any, the clear-look count."""
        return (*self.features, COUNT) if self.gdd_base is None else (*self.features, GDD, COUNT)

    @property
    def shape(self) -> tuple[int, int]:
        """(T, columns) of a record, row-major, oldest step first."""
        return self.exported.steps, len(self.columns)

    @property
    def inside(self) -> slice:
        """The places of the model's window among a record's T steps."""
        first = self.window.start - self.exported.start
        return slice(first, first + self.window.steps)

    def patch_bands(self) -> tuple[str, ...]:
        """The names of a patch's scalar bands, T × columns of them, step by step: `24_B2` … `24_count`, `25_B2` …"""
        return tuple(f"{step:02d}_{column}" for step in self.exported for column in self.columns)

    def view(self) -> CubeSpec:
        """The cube that prediction exports carry: this one, reduced to the model's window."""
        return replace(self, exported=self.window)

    def is_view_of(self, other: CubeSpec) -> bool:
        """Whether a record of `other` holds all that a record of this cube holds, with the same meaning."""
        return self.exported in other.exported and replace(self, exported=other.exported) == other

    def check_read(self, other: Described) -> None:
        """Checks that series of `other` mean what a model trained on this cube saw.

        Raises:
            SchemaMismatch: they do not. How many of the year's steps they carry may differ, and whether they carry
                growing degree days: a model whose preparation needs those asks for them itself.
        """
        ours, theirs = self.view().to_table(), other.view().to_table()
        differing = [f"{key} {theirs.get(key)} instead of {ours[key]}" for key in ours
                     if key != "gdd_base" and ours[key] != theirs.get(key)]
        if differing:
            raise SchemaMismatch(f"the model was trained on another cube than {other.digest}: {'; '.join(differing)}",
                                 mend="export with the cube of the model's run, or train a model on this cube")

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that change with any attribute."""
        text = json.dumps(self.to_table(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_table(self) -> dict[str, Any]:
        """The attributes as a TOML table; no `gdd_base` where there is none, so such cubes keep their digests."""
        table = {**asdict(self), "features": list(self.features), "exported": [self.exported.start, self.exported.stop],
                 "window": [self.window.start, self.window.stop]}
        return {key: value for key, value in table.items() if value is not None}

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> CubeSpec:
        """The cube of a table that `to_table` made.

        Raises:
            ConfigError: a key is missing, unknown or impossible.
        """
        try:
            return cls(**{**table, "features": tuple(table["features"]), "exported": Window(*table["exported"]),
                          "window": Window(*table["window"]), "clear": ClearLook(**table["clear"])})
        except (KeyError, TypeError) as error:
            raise ConfigError(f"the cube's description is not complete ({error})",
                              mend="export it again, or restore the cube.toml that came with it") from error


def preset(name: str, *, window_days: tuple[int, int] | None = None, clear: ClearLook | None = None,
           gdd_base: float | None = None) -> CubeSpec:
    """A named cube; it exports the whole season year.

    Args:
        name: "cropnet-5d" (10 bands by 73 steps of 5 days, models see days 121-334: arXiv 2509.03497) or
            "agrispec-23" (8 features by 23 steps of 16 days, models see all of them).
        window_days: other first and last day of the season for the model's window.
        clear: another rule for clear looks.
        gdd_base: base temperature of growing degree days, °C; None for a cube without them.

    Raises:
        ConfigError: no preset of that name.
    """
    presets: dict[str, tuple[tuple[str, ...], int, tuple[int, int]]] = {
        "cropnet-5d": (SENTINEL2_IDS, 5, (121, 334)),
        "agrispec-23": (tuple(FORMULAS), 16, (1, 365)),
    }
    if name not in presets:
        raise ConfigError(f"there is no cube preset {name!r}", mend=f"use one of {', '.join(presets)}")
    features, step_days, days = presets[name]
    return CubeSpec(features=features, step_days=step_days, exported=Window(0, steps_per_year(step_days)),
                    window=Window.of_days(*(window_days or days), step_days), clear=clear or ClearLook(),
                    gdd_base=gdd_base)
