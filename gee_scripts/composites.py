"""One median per step of a season, and how often each step was clearly seen."""

from __future__ import annotations

from datetime import UTC, date, datetime

import ee

from agrispec.cube import COUNT
from agrispec.season import Season, Window

_PICTURED = ("B2", "B3", "B4", "B8", "B11")


def step_medians(clear: ee.ImageCollection, season: Season, window: Window,
                 bands: tuple[str, ...]) -> ee.ImageCollection:
    """One image per step of `window`, oldest first, whatever was observed.

    Args:
        clear: scenes with `bands`, cloudy pixels masked.
        season: says where steps begin and end.
        window: the steps to compute.
        bands: kept bands, in this order.

    Returns:
        `window.steps` images of `bands` (median of the clear looks, unit as in `clear`, masked where there was
        none) and `count` (number of clear looks, 0 where there was none). Composites carry no pixel grid of
        their own: give `crs` and `scale` where pixels are asked for.
    """
    blank = _blank(bands)

    def composite(bounds: ee.ComputedObject) -> ee.Image:
        span = ee.List(bounds)
        looks = clear.filterDate(ee.Date(span.get(0)), ee.Date(span.get(1))).select(list(bands)).merge(blank)
        seen = looks.select([bands[0]], [COUNT]).count().unmask(0, False)
        return looks.median().addBands(seen)

    spans = [[millis(day) for day in season.bounds(step)] for step in window]
    return ee.ImageCollection.fromImages(ee.List(spans).map(composite))


def look(clear: ee.ImageCollection, season: Season, steps: Window) -> ee.Image:
    """One median over all of some steps, of the bands that pictures are made of: B2, B3, B4, B8, B11.

    Args:
        clear: scenes with these bands, cloudy pixels masked.
        season: says where steps begin and end.
        steps: the steps that are looked at.

    Returns:
        unit as in `clear`, masked where nothing was clear.
    """
    first, last = season.bounds(steps.start)[0], season.bounds(steps.stop - 1)[1]
    seen = clear.filterDate(millis(first), millis(last)).select(list(_PICTURED))
    return seen.merge(_blank(_PICTURED)).median()


def _blank(bands: tuple[str, ...]) -> ee.ImageCollection:
    """A fully masked look: an empty collection's median has no bands; this gives it some and changes no value."""
    return ee.ImageCollection([ee.Image.constant([0.0] * len(bands)).rename(list(bands)).toFloat().updateMask(0)])


def millis(day: date) -> int:
    """Milliseconds since 1970-01-01 UTC of a day's beginning."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
