"""Growing degree days of a season, from the daily temperatures of ERA5-Land."""

from __future__ import annotations

import itertools

import ee

from agrispec.cube import GDD
from agrispec.season import Season, Window
from gee_scripts import catalog, composites


def degree_days(season: Season, window: Window, base: float) -> ee.ImageCollection:
    """One image per step of `window`, oldest first, whatever is known.

    What a day's mean temperature has above `base` counts, and nothing where it is below: max(T - base, 0), summed
    from the first day of the season, whether `window` begins there or not. A step's days are summed by half: a
    composite stands for the middle of its step.

    Args:
        season: says where steps begin and end.
        window: the steps to give.
        base: base temperature, °C.

    Returns:
        `window.steps` images of one float band `gdd`, °C day, on the grid of ERA5-Land: a pixel of 10 m reads the
        pixel of 0.1 degree that it lies in, as neighbours in a field should have one temperature. A step is masked
        where ERA5-Land has not all days up to its end, as in a season that still runs, and at sea.

    Source: McMaster & Wilhelm 1997, https://doi.org/10.1016/S0168-1923(97)00027-0, method 1 with the daily mean.
    """
    daily = ee.ImageCollection(catalog.TEMPERATURES)
    # An empty collection has no bands; a masked day gives it one and changes no sum.
    blank = ee.ImageCollection([ee.Image.constant(0).rename([catalog.TEMPERATURE]).toFloat().updateMask(0)])
    sum_and_count = ee.Reducer.sum().combine(ee.Reducer.count(), sharedInputs=True)

    def counted(day: ee.Image) -> ee.Image:
        return day.select(catalog.TEMPERATURE).subtract(catalog.FREEZING_K + base).max(0)

    def within(bounds: ee.ComputedObject) -> ee.Image:
        span = ee.List(bounds)
        days = daily.filterDate(ee.Date(span.get(0)), ee.Date(span.get(1))).map(counted)
        return days.merge(blank).reduce(sum_and_count).unmask(0, False)

    bounds = [season.bounds(step) for step in range(window.stop)]
    spans = [[composites.millis(day) for day in span] for span in bounds]
    steps = ee.ImageCollection.fromImages(ee.List(spans).map(within)).toArray()
    own = steps.arraySlice(1, 0, 1)
    to_middle = own.arrayAccum(0).subtract(own.multiply(0.5))
    found = steps.arraySlice(1, 1, 2).arrayAccum(0)
    names = [f"{step:02d}" for step in window]
    wanted = list(itertools.accumulate((closed - opened).days for opened, closed in bounds))[window.start:]
    sums, counts = (columns.arraySlice(0, window.start).arrayProject([0]).arrayFlatten([names])
                    for columns in (to_middle, found))
    # A projection of its own: at 10 m every image of a year would be read again for each of a million pixels.
    grid = daily.first().select(catalog.TEMPERATURE).projection()
    known = sums.updateMask(counts.gte(ee.Image.constant(wanted))).toFloat().reproject(grid)
    return ee.ImageCollection.fromImages(ee.List(names).map(lambda name: known.select([name]).rename([GDD])))
