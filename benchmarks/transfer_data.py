"""Pairs of a labelled source and a target: seasons and regions of Central Asia, France's halves, simulated seasons.

Classes are matched by a written rule: a class counts where either side has at least 25 parcels of it in at least 3
blocks of 0.1 degrees (France: 5 points). In Central Asia "wheat, then anything but rice" is one class: the survey of
2017 says what followed the wheat, those of 2015 and 2016 mostly that something did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from fields_data import asian_seasons, central_asia, warmed_france

from agrispec.bands import SENTINEL2_IDS
from agrispec.cube import FILL, CubeSpec
from agrispec.grid import Cell
from agrispec.season import Season, Window
from agrispec_tf.adaptation.thermal_time import warmed
from agrispec_tf.data.preparation import seen
from agrispec_tf.data.samples import Samples, Series
from scenes import temperature
from scenes.canopy import CanopyTable
from scenes.landscape import Landscape, label_image, landscape_window, scenes_of
from scenes.phenology import CROPS, Year

FEWEST_PARCELS, FEWEST_POINTS, FEWEST_BLOCKS = 25, 5, 3
COMMON, WHOLE = (161, 273), (1, 365)
"""Days: what both regions of Central Asia were seen in, and the year."""
BASE = 0.0
"""Of growing degree days, °C."""
CLEAR, PLACES = 0.75, 13


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pair:
    """A source and a target.

    Attributes:
        name: what tables call it.
        source: labelled samples of its latest season.
        earlier: of its other seasons, None where there are none.
        target: samples of the target. Their labels judge, and do nothing else.
        class_names: of all of them.
        simulated: whether it is.
    """

    name: str
    source: Samples
    target: Samples
    class_names: tuple[str, ...]
    earlier: Samples | None = None
    simulated: bool = False


def asian(source: tuple[str, int], target: tuple[str, int], days: tuple[int, int]) -> Callable[[Path], Pair]:
    """A pair of (region, year); the source region's other years are its other seasons, but for the target's."""
    def read(home: Path) -> Pair:
        fields = central_asia(home, days, fewest=1)
        where = asian_seasons(home)
        of = np.array([f"{where[parcel][0]} {where[parcel][1]}" for parcel in fields.samples.ids])
        region = np.array([where[parcel][0] for parcel in fields.samples.ids])
        here, there = (f"{place} {year}" for place, year in (source, target))
        names = np.array(["wheat, other" if name.startswith("wheat-") and name != "wheat-rice" else name
                          for name in fields.class_names])[fields.samples.labels]
        others = (region == source[0]) & (of != here) & (of != there)
        samples, looked = fields.samples, seen(fields.samples.series)
        kept = [name for name in np.unique(names)
                if all(_enough(samples, looked & (of == side) & (names == name), FEWEST_PARCELS)
                       for side in (here, there))]
        sides = [_numbered(samples, names, kept, looked & mask) for mask in (of == here, of == there, others)]
        window = "" if days == COMMON else ", year"
        return Pair(name=f"{_short(source)} -> {_short(target)}{window}", source=sides[0], target=sides[1],
                    earlier=sides[2] if len(sides[2]) else None, class_names=tuple(map(str, kept)))
    return read


def french(north_to_south: bool) -> Callable[[Path], Pair]:
    """France 2023, divided at the middle point's latitude."""
    def read(home: Path) -> Pair:
        fields = warmed_france(home, BASE)
        samples = fields.samples
        latitude = np.array([Cell.parse(cell).bounds[1] for cell in samples.cells])
        north = latitude > np.median(latitude)
        names = np.array(fields.class_names)[samples.labels]
        kept = [name for name in fields.class_names if all(_enough(samples, side & (names == name), FEWEST_POINTS)
                                                           for side in (north, ~north))]
        above, below = (_numbered(samples, names, kept, side) for side in (north, ~north))
        one, other = (above, below) if north_to_south else (below, above)
        name = "France N -> S" if north_to_south else "France S -> N"
        return Pair(name=name, source=one, target=other, class_names=tuple(kept))
    return read


def simulated(shift_days: float, seed: int = 31) -> Callable[[Path], Pair]:
    """Two seasons of a simulated landscape, the second `shift_days` ahead, its weather otherwise that of the first."""
    def read(home: Path) -> Pair:
        landscape = Landscape(seed=seed, size=64, later=Year(shift_days=-shift_days))
        source, target = (_season(landscape, year) for year in landscape.seasons)
        return Pair(name=f"simulated, {shift_days:g} days", source=source, target=target, class_names=CROPS.names,
                    simulated=True)
    return read


_ASIAN = ((("Samarkand", 2016), ("Fergana", 2016)), (("Fergana", 2016), ("Samarkand", 2016)),
          (("Fergana", 2016), ("Fergana", 2017)), (("Fergana", 2015), ("Fergana", 2016)),
          (("Fergana", 2016), ("Fergana", 2015)))
PAIRS: Mapping[str, Callable[[Path], Pair]] = {
    **{f"{_s[0][0]}{_s[1] % 100}-{_t[0][0]}{_t[1] % 100}{ending}": asian(_s, _t, days)
       for ending, days in (("", COMMON), ("-year", WHOLE)) for _s, _t in _ASIAN},
    "france-n-s": french(True), "france-s-n": french(False),
    **{f"simulated-{days}": simulated(days) for days in (0, 10, 20, 30)}}
"""By the names that the command line takes."""

TRIALS: Mapping[str, Callable[[Path], Pair]] = {
    **{f"{_s[0][0]}{_s[1] % 100}-F{_year % 100}{ending}": asian(_s, ("Fergana", _year), days)
       for ending, days in (("", COMMON), ("-year", WHOLE)) for _year in (2011, 2018)
       for _s in (("Samarkand", 2016), ("Fergana", 2016), ("Fergana", 2015), ("Fergana", 2017))},
    "simulated-trial-early": simulated(15, seed=47), "simulated-trial-late": simulated(-25, seed=53)}
"""On which settings were tried: targets that none of `PAIRS` has."""


def _enough(samples: Samples, rows: np.ndarray, fewest: int) -> bool:
    return int(rows.sum()) >= fewest and len(np.unique(samples.cells[rows])) >= FEWEST_BLOCKS


def _numbered(samples: Samples, names: np.ndarray, kept: list[str], rows: np.ndarray) -> Samples:
    chosen = rows & np.isin(names, kept)
    return replace(samples.take(chosen), labels=np.array([kept.index(name) for name in names[chosen]], np.int64))


def _short(season: tuple[str, int]) -> str:
    return f"{season[0]} {season[1] % 100}"


def _season(landscape: Landscape, year: int) -> Samples:
    """At most 13 places a class and window, in the middle of fields, with 5-day medians of May to November."""
    cube = CubeSpec(features=SENTINEL2_IDS, step_days=5, exported=Window(0, 73), window=Window.of_days(121, 334, 5),
                    gdd_base=BASE)
    table, season = CanopyTable.computed(), Season.of(year)
    days, kelvin = temperature.daily_means(landscape, year)
    values, counts, labels, cells, warmth = [], [], [], [], []
    for number in range(landscape.windows):
        window = landscape_window(landscape, number)
        crops, generator = label_image(window, year, landscape), np.random.default_rng([landscape.seed, number, year])
        places = np.concatenate([generator.permutation(np.flatnonzero(crops == code))[:PLACES]
                                 for code in range(1, len(CROPS) + 1)])
        scenes = scenes_of(landscape, window, year, table)
        dn = scenes.dn.reshape(len(scenes.dn), 10, -1)[:, :, places].transpose(0, 2, 1) / 1e4
        clear = scenes.cs.reshape(len(scenes.cs), -1)[:, places] >= CLEAR
        step = np.array([season.step_of(time.date()) for time in scenes.overhead.times])
        medians, looks = np.full((len(places), 73, 10), FILL, np.float32), np.zeros((len(places), 73), np.float32)
        for one in np.unique(step):
            seen_then = clear[step == one]
            looks[:, one] = seen_then.sum(axis=0)
            some = seen_then.any(axis=0)
            stack = np.where(seen_then[..., None], dn[step == one], np.nan)[:, some]
            medians[some, one] = np.nanmedian(stack, axis=0)
        values.append(medians)
        counts.append(looks)
        labels.append(crops.ravel()[places].astype(np.int64) - 1)
        cells.append(np.full(len(places), window.cell.id))
        west, south, east, north = window.cell.bounds
        column, row = (round(offset / 0.1) for offset in ((west + east) / 2 - 4.0, 49.0 - (south + north) / 2))
        near = kelvin[:, min(max(row, 0), temperature.GRID.height - 1), min(max(column, 0), temperature.GRID.width - 1)]
        warmth.append(np.tile(near - 273.15, (len(places), 1)))
    series = Series(cube=replace(cube, gdd_base=None), values=np.concatenate(values), counts=np.concatenate(counts))
    series = warmed(series, np.concatenate(warmth), np.arange(len(days) + 1), season, BASE)
    return Samples(series=series, labels=np.concatenate(labels), cells=np.concatenate(cells),
                   ids=np.arange(len(series)))
