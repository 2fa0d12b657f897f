"""Real fields as samples: Central Asia's NDVI series, France's points of 2023 and Flanders' of 2021.

Where they come from and under which licence stands beside them, in the folder AGRISPEC_TEST_DATA names.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from pyproj import Transformer

from agrispec.cube import FILL, CubeSpec
from agrispec.grid import cell_of
from agrispec.season import Season, Window, steps_per_year
from agrispec_tf.adaptation.thermal_time import warmed
from agrispec_tf.data.samples import Samples, Series

FEWEST_PARCELS = 40
"""Ten of Central Asia's crops have as many parcels; six of them have a hundred."""
FEWEST_POINTS = 10
"""Points of a class that is kept."""

# The table does not say what its x and y are, and they differ: these put every season where its region is, Fergana
# at 70.5-72.4 E, 40.3-41.2 N and Samarkand with Bukhara at 64.2-67.4 E, 38.7-40.2 N, and no other of them does.
_SINUSOIDAL = "+proj=sinu +R=6371007.181 +units=m"
_ASIAN_CRS = {"2011": _SINUSOIDAL, "2015": "EPSG:32642", "2016": "EPSG:32642", "2017": "EPSG:32642",
              "2018": "EPSG:32641"}
# B8A is a constant there.
_POINT_BANDS = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B11", "B12")
_NO_LOOK, _SCALE = 65_535, 1e4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fields:
    """Samples whose crop is known, in blocks of space.

    Attributes:
        name: what tables call them.
        samples: their `cells`, of 0.1 degrees, are the blocks that are never divided between folds.
        class_names: names by class number, the most frequent first.
    """

    name: str
    samples: Samples
    class_names: tuple[str, ...]


def central_asia(folder: Path, window_days: tuple[int, int] = (1, 365), fewest: int = FEWEST_PARCELS) -> Fields:
    """NDVI of parcels in Fergana (2011, 2015-2018) and Samarkand (2016) at 23 steps of 16 days.

    A 0.1 degree cell is a block, whatever the year. Samarkand has nothing before day 145, so the year's gaps tell the
    regions apart; within `window_days` 161 to 273 they tell less.
    """
    rows = _asian_rows(folder)
    days = range(1, 366, 16)
    ndvi = np.array([[float(row[f"ndvi_doy{day}"] or "nan") for day in days] for row in rows], np.float32)
    cells = np.array([cell_of(*_asian_place(row)).id for row in rows])
    cube = CubeSpec(features=("NDVI",), step_days=16, exported=Window(0, len(days)),
                    window=Window.of_days(*window_days, 16))
    seen = ~np.isnan(ndvi)
    series = Series(cube=cube, values=np.where(seen, ndvi, FILL)[..., None].astype(np.float32),
                    counts=seen.astype(np.float32))
    crops = np.array([row["label_1"] for row in rows])
    return _fields(f"Central Asia, days {window_days[0]}-{window_days[1]}", series, crops, cells,
                   np.array([row["row"] for row in rows]), fewest)


def asian_seasons(folder: Path) -> Mapping[str, tuple[str, int]]:
    """(region, year) of Central Asia's parcels, by their ids."""
    return {row["row"]: (row["region"], int(row["year"])) for row in _asian_rows(folder)}


def france(folder: Path) -> Fields:
    """Nine Sentinel-2 bands of points in France at the dekads of 2023, each in the 10-day step of its middle."""
    return _points("France 2023, dekads", folder, "2023_FRA_LPIS_POLY_110_dekad.geoparquet", 2023, 10, "CROPTYPE28")


def warmed_france(folder: Path, base: float) -> Fields:
    """`france` with growing degree days above `base` °C from the dekads' mean temperatures (AgERA5, 0.01 kelvin)."""
    fields, season = france(folder), Season.of(2023, step_days=10)
    table = pq.read_table(folder / "points" / "2023_FRA_LPIS_POLY_110_dekad.geoparquet",
                          columns=["sample_id", "timestamp", "AGERA5-TMEAN"]).to_pandas()
    kelvin = table[table["timestamp"].dt.year == 2023].pivot_table(index="sample_id", columns="timestamp",
                                                                   values="AGERA5-TMEAN") / 100
    days = [(when.date() - season.start).days for when in kelvin.columns] + [365]
    celsius = kelvin.reindex(fields.samples.ids).to_numpy() - 273.15
    return replace(fields, samples=replace(fields.samples, series=warmed(fields.samples.series, celsius, days, season,
                                                                         base)))


def flanders(folder: Path) -> Fields:
    """The same bands of points in Flanders at the months of 2021, each in the 30-day step of its middle.

    Of its hundred points no two crops have ten: what is told apart is land cover.
    """
    return _points("Flanders 2021, months", folder, "2021_BEL_LPIS-Flanders_month.parquet", 2021, 30, "LANDCOVER10")


def _points(name: str, folder: Path, file: str, year: int, step_days: int, legend: str) -> Fields:
    columns = [f"S2-L2A-{_padded(band)}" for band in _POINT_BANDS]
    table = pq.read_table(folder / "points" / file,
                          columns=["sample_id", "timestamp", "lon", "lat", "ewoc_code", *columns]).to_pandas()
    season = Season.of(year, step_days=step_days)
    table = table[table["timestamp"].dt.year == year]
    names, first, place = np.unique(table["sample_id"].to_numpy(str), return_index=True, return_inverse=True)
    middle = _middle_of_dekad if step_days == 10 else _middle_of_month
    step = np.array([season.step_of(middle(when.date())) for when in table["timestamp"]])
    looks = table[columns].to_numpy(np.float32)
    clear = (looks != _NO_LOOK).all(axis=1)
    steps = steps_per_year(step_days)
    values = np.full((len(names), steps, len(columns)), FILL, np.float32)
    counts = np.zeros((len(names), steps), np.float32)
    values[place[clear], step[clear]] = looks[clear] / _SCALE
    counts[place[clear], step[clear]] = 1
    cube = CubeSpec(features=_POINT_BANDS, step_days=step_days, exported=Window(0, steps), window=Window(0, steps))
    points = table.iloc[first]
    with open(folder / "legend" / "class_mappings.json", encoding="utf-8") as opened:
        classes = json.load(opened)[legend]
    crops = np.array([classes.get(str(code), "").replace("ignore", "") for code in points["ewoc_code"]])
    cells = np.array([cell_of(lon, lat).id for lon, lat in zip(points["lon"], points["lat"], strict=True)])
    return _fields(name, Series(cube=cube, values=values, counts=counts), crops, cells, names, FEWEST_POINTS)


def _fields(name: str, series: Series, crops: np.ndarray, cells: np.ndarray, ids: np.ndarray, fewest: int) -> Fields:
    found, counts = np.unique(crops, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    kept = [crop for crop, count in zip(found[order], counts[order], strict=True) if count >= fewest and crop]
    number = {crop: label for label, crop in enumerate(kept)}
    rows = np.flatnonzero(np.isin(crops, kept))
    samples = Samples(series=series.take(rows), labels=np.array([number[crop] for crop in crops[rows]], np.int64),
                      cells=cells[rows], ids=ids[rows])
    return Fields(name=name, samples=samples, class_names=tuple(map(str, kept)))


def _asian_rows(folder: Path) -> list[dict[str, str]]:
    with gzip.open(folder / "cawa" / "central_asia_ndvi.csv.gz", "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def _to_degrees(year: str) -> Transformer:
    return Transformer.from_crs(_ASIAN_CRS[year], "EPSG:4326", always_xy=True)


def _asian_place(row: dict[str, str]) -> tuple[float, float]:
    return _to_degrees(row["year"]).transform(float(row["x"]), float(row["y"]))


def _padded(band: str) -> str:
    return f"B{int(band[1:]):02d}"


def _middle_of_month(first: date) -> date:
    """The middle day of the month that begins on `first`."""
    following = (first + timedelta(days=32)).replace(day=1)
    return first + (following - first - timedelta(days=1)) / 2


def _middle_of_dekad(first: date) -> date:
    """The middle day of the dekad that begins on `first`: a month's days 1-10, 11-20 or 21-end."""
    following = first + timedelta(days=10) if first.day < 21 else (first.replace(day=1) + timedelta(days=32)).replace(
        day=1)
    return first + (following - first - timedelta(days=1)) / 2
