"""The drawings of a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from agrispec.cube import CubeSpec
from agrispec.season import YEAR_DAYS, Season
from exports.inspection.series import Curves, Group
from exports.report import svg
from exports.report.svg import Frame

_WIDTH = 920.0
_FEW = 0.1
"""Share of a class's cubes below which those that a step was seen in do not speak for the class."""


def phenology(curves: Curves, season: Season) -> str:
    """A panel a class: the median of each season, the span from the 10 % to the 90 % quantile about it, and in grey the
    other classes' medians of the last season.

    Args:
        curves: groups by season and class; those without a label are left out.
        season: whose months mark the days.
    """
    groups = [group for group in curves.groups if group.name != "no label"]
    names, seasons = list(dict.fromkeys(group.name for group in groups)), sorted({each.season for each in groups})
    quantiles = {(group.name, group.season): _quantiles(group) for group in groups}
    finite = np.concatenate([found[np.isfinite(found)] for found in quantiles.values()])
    low, high = min(0.0, float(finite.min(initial=0))), max(1.0, float(finite.max(initial=1)))
    days = (np.array(list(curves.spec.exported)) + 0.5) * curves.spec.step_days
    across, gap, top, height = 3, 34.0, 62.0, 130.0
    width = (_WIDTH - 34 - gap * (across - 1)) / across
    parts = list(_legend(seasons, curves.name))
    for number, name in enumerate(names):
        row, column = divmod(number, across)
        frame = Frame(left=34 + column * (width + gap), top=top + row * (height + 66), width=width, height=height,
                      across=(0, YEAR_DAYS), up=(low, high))
        parts += _months(frame, season, curves.spec)
        parts += _levels(frame, column == 0)
        count = sum(len(group.values) for group in groups if group.name == name)
        parts.append(svg.text(frame.left, frame.top - 10, name, weight=600))
        parts.append(svg.text(frame.left + width, frame.top - 10, f"{count:,} places", anchor="end", soft=True))
        for other in names:
            if other != name and (other, seasons[-1]) in quantiles:
                parts.append(svg.path(_seen(frame, days, quantiles[other, seasons[-1]][1]), colour="currentColor",
                                      width=1, opacity=0.25))
        for place, year in enumerate(seasons):
            if (name, year) in quantiles:
                parts += _spread(frame, days, quantiles[name, year], place)
    rows = -(-len(names) // across)
    return svg.drawing(_WIDTH, top + rows * (height + 66) - 24, parts)


def gaps(shares: Mapping[int, NDArray[np.float64]], spec: CubeSpec, season: Season) -> str:
    """A panel a season: at each step the share of cubes that have no clear look.

    Args:
        shares: by season, (T,) 0 to 1.
        spec: the cube, whose window is shaded.
        season: whose months mark the days.
    """
    height, parts = 56.0, list[str]()
    for number, (year, found) in enumerate(shares.items()):
        frame = Frame(left=64, top=24 + number * (height + 46), width=_WIDTH - 64, height=height,
                      across=(0, YEAR_DAYS), up=(0, 1))
        parts += _months(frame, season, spec)
        parts.append(svg.text(frame.left - 12, frame.top + height / 2 + 5, str(year), anchor="end", weight=600))
        for step, share in zip(spec.exported, found, strict=True):
            left, right = frame.x(step * spec.step_days), frame.x(min((step + 1) * spec.step_days, YEAR_DAYS))
            if np.isfinite(share):
                parts.append(svg.box(left + 0.6, frame.y(share), max(right - left - 1.2, 0.6), height * share,
                                     colour=svg.BLUE))
        for level in (0.5, 1.0):
            parts.append(svg.line(frame.at(0, level), frame.at(YEAR_DAYS, level), opacity=0.15))
    return svg.drawing(_WIDTH, 24 + len(shares) * (height + 46) - 18, parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliable:
    """How right a model is by how sure it is.

    Attributes:
        name: of the model.
        kept: (confidence, accuracy, samples) of bins, of the probabilities that it gives.
        trained: the same before a temperature was found; empty where none is known.
    """

    name: str
    kept: tuple[tuple[float, float, int], ...]
    trained: tuple[tuple[float, float, int], ...]


def reliability(models: Sequence[Reliable]) -> str:
    """A panel a model: the share that is right by the probability, beside the line where both are the same."""
    side, gap, across = 190.0, 40.0, 4
    parts = [svg.dot((50, 14), colour=svg.BLUE), svg.text(60, 18.5, "as kept")]
    trained = any(model.trained for model in models)
    if trained:
        parts += [svg.dot((132, 14), colour=svg.VERMILLION, hollow=True), svg.text(142, 18.5, "as trained")]
    parts.append(svg.text(232 if trained else 132, 18.5, "the larger a dot, the more samples", soft=True))
    for number, model in enumerate(models):
        row, column = divmod(number, across)
        frame = Frame(left=44 + column * (side + gap - 8), top=62 + row * (side + 84), width=side, height=side,
                      across=(0, 1), up=(0, 1))
        parts.append(svg.text(frame.left, frame.top - 10, model.name, weight=600))
        for level in (0.0, 0.5, 1.0):
            parts.append(svg.line(frame.at(0, level), frame.at(1, level), opacity=0.15))
            if column == 0:
                parts.append(svg.text(frame.left - 8, frame.y(level) + 4.5, f"{level:.1f}", anchor="end", soft=True))
            parts.append(svg.text(frame.x(level), frame.top + side + 18, f"{level:.1f}", anchor="middle", soft=True))
        parts.append(svg.line(frame.at(0, 0), frame.at(1, 1), opacity=0.5, dash="4 4"))
        parts.append(svg.text(frame.left, frame.top + side + 38, "probability; up: share right", soft=True))
        most = max((samples for *_, samples in (*model.kept, *model.trained)), default=1)
        for bins, colour, hollow in ((model.trained, svg.VERMILLION, True), (model.kept, svg.BLUE, False)):
            parts += [svg.dot(frame.at(sure, right), colour=colour, radius=2.5 + 6 * (samples / most) ** 0.5,
                              hollow=hollow) for sure, right, samples in bins]
    rows = -(-len(models) // across)
    return svg.drawing(_WIDTH, 62 + rows * (side + 84) - 34, parts)


def intervals(names: Sequence[str], value: Sequence[float], ends: Sequence[tuple[float, float]],
              counted: Sequence[float], unit: str) -> str:
    """A row a class: its estimated area with its interval, and what the map's pixels add up to."""
    most = max([*(high for _, high in ends), *counted]) or 1.0
    ticks = _ticks(most)
    left = 24 + 7.6 * max(map(len, names))
    frame = Frame(left=left, top=46, width=_WIDTH - left - 30, height=34.0 * len(names), across=(0, ticks[-1]),
                  up=(0, 1))
    parts = [svg.dot((left + 6, 14), colour=svg.BLUE), svg.text(left + 16, 18.5, "estimate, 95 % interval"),
             svg.line((left + 190, 6), (left + 190, 22), colour=svg.VERMILLION, width=3),
             svg.text(left + 200, 18.5, "pixels counted")]
    for tick in ticks:
        parts.append(svg.line((frame.x(tick), frame.top), (frame.x(tick), frame.top + frame.height), opacity=0.15))
        parts.append(svg.text(frame.x(tick), frame.top + frame.height + 20, f"{tick:,.6g}", anchor="middle", soft=True))
    parts.append(svg.text(frame.left + frame.width, frame.top + frame.height + 40, unit, anchor="end", soft=True))
    for number, name in enumerate(names):
        y = frame.top + 34.0 * (number + 0.5)
        low, high = ends[number]
        parts += [svg.text(left - 14, y + 4.5, name, anchor="end"),
                  svg.line((frame.x(counted[number]), y - 9), (frame.x(counted[number]), y + 9),
                           colour=svg.VERMILLION, width=3),
                  svg.line((frame.x(low), y), (frame.x(high), y), colour=svg.BLUE, width=2.4),
                  svg.dot((frame.x(value[number]), y), colour=svg.BLUE, radius=5)]
    return svg.drawing(_WIDTH, frame.top + frame.height + 48, parts)


def _ticks(most: float) -> list[float]:
    """Round numbers from 0 to the first at or above `most`, four to seven of them."""
    unit = 10.0 ** np.floor(np.log10(most / 3))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if most <= 6 * unit * factor)
    return [step * number for number in range(int(np.ceil(most / step - 1e-9)) + 1)]


def _legend(seasons: Sequence[int], curve: str) -> Iterator[str]:
    x = 34.0
    for place, year in enumerate(seasons):
        colour = svg.SERIES[place % len(svg.SERIES)]
        yield svg.box(x, 6, 26, 16, colour=colour, opacity=0.18)
        yield svg.path([(x, 14), (x + 26, 14)], colour=colour, dash=svg.DASHES[place % len(svg.DASHES)])
        words = f"median {curve} {year}, 10 to 90 %"
        yield svg.text(x + 34, 18.5, words)
        x += 58 + 7.0 * len(words)
    yield svg.path([(x, 14), (x + 26, 14)], colour="currentColor", width=1, opacity=0.45)
    yield svg.text(x + 34, 18.5, "other classes")


def _months(frame: Frame, season: Season, spec: CubeSpec) -> Iterator[str]:
    """The days that models see, shaded, and the beginning of every third month."""
    first, last = spec.window.start * spec.step_days, min(spec.window.stop * spec.step_days, YEAR_DAYS)
    if (first, last) != (0, YEAR_DAYS):
        yield svg.box(frame.x(first), frame.top, frame.x(last) - frame.x(first), frame.height, opacity=0.05)
    bottom = frame.top + frame.height
    yield svg.line((frame.left, bottom), (frame.left + frame.width, bottom), opacity=0.5)
    for day in range(YEAR_DAYS):
        at = season.start + timedelta(days=day)
        if at.day == 1 and (at.month - season.start.month) % 3 == 0:
            yield svg.line((frame.x(day), bottom), (frame.x(day), bottom + 5), opacity=0.5)
            yield svg.text(frame.x(day), bottom + 19, f"{at:%b}", soft=True)


def _levels(frame: Frame, named: bool) -> Iterator[str]:
    for level in (0.0, 0.5, 1.0):
        yield svg.line((frame.left, frame.y(level)), (frame.left + frame.width, frame.y(level)), opacity=0.15)
        if named:
            yield svg.text(frame.left - 8, frame.y(level) + 4.5, f"{level:.1f}", anchor="end", soft=True)


def _spread(frame: Frame, days: NDArray[np.float64], found: NDArray[np.float64], place: int) -> Iterator[str]:
    """Median and span of one class and season."""
    colour = svg.SERIES[place % len(svg.SERIES)]
    low, high = (_runs(frame, days, found[quantile]) for quantile in (0, 2))
    yield from (svg.band(lower, upper, colour=colour) for lower, upper in zip(low, high, strict=True))
    # A thin line carries the eye over steps that were hardly seen; it is no observation.
    yield svg.path(_seen(frame, days, found[1]), colour=colour, width=1, opacity=0.55)
    for points in _runs(frame, days, found[1]):
        yield svg.path(points, colour=colour, width=2.4, dash=svg.DASHES[place % len(svg.DASHES)])


def _seen(frame: Frame, days: NDArray[np.float64], values: NDArray[np.float64]) -> list[svg.Point]:
    return [frame.at(float(day), float(value)) for day, value in zip(days, values, strict=True) if np.isfinite(value)]


def _runs(frame: Frame, days: NDArray[np.float64], values: NDArray[np.float64]) -> list[list[svg.Point]]:
    """The points of steps that follow each other, gaps between them left open."""
    seen = np.flatnonzero(np.isfinite(values))
    if not len(seen):
        return []
    cuts = [0, *(np.flatnonzero(np.diff(seen) > 1) + 1).tolist(), len(seen)]
    return [[frame.at(float(days[step]), float(values[step])) for step in seen[start:stop]]
            for start, stop in pairwise(cuts)]


def _quantiles(group: Group) -> NDArray[np.float64]:
    """(3, T) the 10 %, 50 % and 90 % quantiles, NaN where too few cubes were seen."""
    seen = np.isfinite(group.values)
    found = np.full((3, group.values.shape[1]), np.nan)
    enough = seen.any(axis=0) & (seen.mean(axis=0) >= _FEW)
    found[:, enough] = np.nanquantile(group.values[:, enough], (0.1, 0.5, 0.9), axis=0)
    return found
