"""A small simulated landscape: fields, crops, clouds, two seasons, as arrays.

The seasons after the first are warm and dry years. Their weather was set from agronomy before any model was
trained, and never against a score: 2 °C more than the average spring of 10 °C gives the thermal time of 70
days (March to mid-May) in 58, so stages come 12 days earlier (thermal time with base 0 °C: McMaster & Wilhelm
1997, https://doi.org/10.1016/S0168-1923(97)00027-0; observed: 2.5 days per °C and more for early stages, Menzel
et al. 2006, https://doi.org/10.1111/j.1365-2486.2006.01193.x); later stages follow faster by 5 %, less
than thermal time says, since sowing follows the calendar too, so that maize is cut 20 days early (18 days in the
hot and dry 2022: FranceAgriMer, 14 October 2022); and leaf area loses 12 %, 6 % per °C as wheat yields do (Asseng
et al. 2015, https://doi.org/10.1038/nclimate2470). How hard the crops are to tell apart
was set against a random forest on the first season alone (benchmarks/bench_landscape.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.stats import norm

from agrispec.bands import SENTINEL2
from agrispec.errors import ConfigError
from agrispec.grid import Bounds, Cell, Grid, cell_of
from scenes.canopy import CanopyTable
from scenes.fields import Parcels, draw_parcels, rotate
from scenes.phenology import CROPS, Growth, Year, grow
from scenes.weather import (
    Passes,
    Regional,
    cloud_score,
    doubled,
    halved,
    passes,
    regional,
    scene_classes,
    sky_over,
    smooth_noise,
    through,
)

_ORIGIN_LON, _ORIGIN_LAT, _COLUMNS = 4.0, 48.4, 4  # south-west cell, and cells in a row: Champagne, UTM zone 31
_TILE_COLUMNS, _TILE_ROWS = "EFGH", "PQRSTU"
_PETALS = np.array([0.06, 0.22, 0.27, 0.32, 0.40, 0.44, 0.46, 0.47, 0.30, 0.20], np.float32)
_FERTILITY = 0.30  # leaf area of a field's best and poorest ground against its mean
_COARSE = np.array([band.native_scale_m == 20 for band in SENTINEL2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscape:
    """What landscape to simulate.

    Attributes:
        seed: everything drawn follows from it.
        windows: number of windows, each in a 0.1 degree cell of its own; at most 24.
        size: rows and columns of a window, pixels of 10 m; even, 32 … 128.
        seasons: calendar years, consecutive; the first is an average year.
        project: the project whose assets hold the labels and parcels.
        later: weather of the seasons after the first.
    """

    seed: int = 7
    windows: int = 12
    size: int = 96
    seasons: tuple[int, ...] = (2023, 2024)
    project: str = "agrispec-local"
    later: Year = field(default_factory=lambda: Year(shift_days=-12.0, length=0.95, vigour=0.88))

    def __post_init__(self) -> None:
        most = len(_TILE_COLUMNS) * len(_TILE_ROWS)
        if not 1 <= self.windows <= most:
            raise ConfigError(f"a landscape of {self.windows} windows cannot be simulated", mend=f"give 1 to {most}")
        if self.size % 2 or not 32 <= self.size <= 128:
            raise ConfigError(f"a window of {self.size} pixels a side cannot be simulated",
                              mend="give an even number from 32 to 128")
        if not self.seasons or any(b - a != 1 for a, b in zip(self.seasons, self.seasons[1:], strict=False)):
            raise ConfigError(f"the seasons {self.seasons} are not consecutive years", mend="give e.g. 2023, 2024")

    def year(self, season: int) -> Year:
        """The weather of a season."""
        return Year() if season == self.seasons[0] else self.later

    @property
    def labels(self) -> str:
        """Id of the collection of label images."""
        return f"projects/{self.project}/assets/labels"

    def parcels(self, season: int) -> str:
        """Id of the table of parcels of a season."""
        return f"projects/{self.project}/assets/parcels_{season}"

    def passes(self, season: int) -> Passes:
        """When the satellites pass in a season, over every window alike."""
        return passes(season, _ORIGIN_LAT, _ORIGIN_LON)

    def random(self, *stream: int) -> np.random.Generator:
        """The generator of one purpose, independent of all others."""
        return np.random.default_rng([self.seed, *stream])


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One window of the landscape.

    Attributes:
        number: 0 … windows-1.
        cell: the 0.1 degree cell that it lies in.
        tile: its stand-in for a Sentinel-2 tile, e.g. "31UEP".
        grid: its pixels, in UTM, aligned to 20 m.
        parcels: its fields.
        crops: (seasons + 1, parcels) crop numbers; the last row is what follows the last season.
    """

    number: int
    cell: Cell
    tile: str
    grid: Grid
    parcels: Parcels
    crops: NDArray[np.intp]

    @property
    def bounds(self) -> Bounds:
        """west, south, east, north in degrees."""
        bounds: Bounds = Transformer.from_crs(self.grid.crs, "EPSG:4326", always_xy=True).transform_bounds(
            *self.grid.bounds)
        return bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenes:
    """All scenes of one window in one season, oldest first.

    Attributes:
        overhead: when which satellite passed.
        dn: uint16 (T, 10, row, column), reflectance × 10 000, bands as `agrispec.bands.SENTINEL2`.
        scl: uint8 (T, row, column), Sen2Cor's classes.
        cs, cs_cdf: float32 (T, row, column), Cloud Score+.
    """

    overhead: Passes
    dn: NDArray[np.uint16]
    scl: NDArray[np.uint8]
    cs: NDArray[np.float32]
    cs_cdf: NDArray[np.float32]

    @property
    def cloudy_percent(self) -> NDArray[np.floating]:
        """Share of each scene that Sen2Cor calls cloud or cirrus, percent, (T,)."""
        percent: NDArray[np.floating] = 100 * np.isin(self.scl, (8, 9, 10)).mean(axis=(1, 2))
        return percent


def landscape_window(landscape: Landscape, number: int) -> Window:
    """Window `number`: its place, its fields and what is sown on them."""
    random = landscape.random(0, number)
    # A hundredth of a degree inwards, so that no rounding moves the place to the cell beside it.
    cell = cell_of(_ORIGIN_LON + number % _COLUMNS / 10 + 0.01, _ORIGIN_LAT + number // _COLUMNS / 10 + 0.01)
    west, south, east, north = cell.bounds
    to_utm = Transformer.from_crs("EPSG:4326", cell.crs, always_xy=True)
    x, y = to_utm.transform((west + east) / 2, (south + north) / 2)
    x, y = (round((value + random.uniform(-1500, 1500)) / 20) * 20 for value in (x, y))
    half = landscape.size // 2 * 10
    grid = Grid(crs=cell.crs, transform=(10.0, 0.0, float(x - half), 0.0, -10.0, float(y + half)),
                width=landscape.size, height=landscape.size)
    parcels = draw_parcels(grid, random)
    return Window(number=number, cell=cell, grid=grid, parcels=parcels,
                  tile=f"31U{_TILE_COLUMNS[number % 4]}{_TILE_ROWS[number // 4]}",
                  crops=rotate(len(parcels.polygons), len(landscape.seasons) + 1, random))


def label_image(window: Window, season: int, landscape: Landscape) -> NDArray[np.uint8]:
    """Crop codes, (row, column); 0 where there is no field or no label."""
    crops = window.crops[landscape.seasons.index(season)]
    codes = np.array([crop.codes[0] for crop in CROPS])[crops]
    codes = np.append(np.where(window.parcels.wood, 0, codes), 0)  # number -1 is the last: between fields
    image: NDArray[np.uint8] = codes.astype(np.uint8)[window.parcels.number]
    return image


def scenes_of(landscape: Landscape, window: Window, season: int, table: CanopyTable) -> Scenes:
    """All scenes of a window in a season, computed from the seed alone."""
    overhead = landscape.passes(season)
    weather = regional(overhead, landscape.random(1, season))
    random = landscape.random(2, season, window.number)
    ground = _ground(landscape, window, season, overhead, weather, table, random)
    sky = sky_over(landscape.size, overhead, weather, random)
    observed = through(ground, sky, random)
    observed[:, _COARSE] = doubled(halved(observed[:, _COARSE]))
    scl = scene_classes(observed, sky, random)
    cs, cs_cdf = cloud_score(sky, random)
    observed *= 1e4
    # 0 is no data in Sentinel-2 products, so the darkest reflectance is 1.
    dn = np.clip(np.rint(observed, out=observed), 1, 65535, out=observed).astype(np.uint16)
    return Scenes(overhead=overhead, dn=dn, scl=scl, cs=cs, cs_cdf=cs_cdf)


def _ground(landscape: Landscape, window: Window, season: int, overhead: Passes, weather: Regional,
            table: CanopyTable, random: np.random.Generator) -> NDArray[np.float32]:
    """Reflectance below the clouds, float32 (T, 10, row, column)."""
    lasting = landscape.random(3, window.number)  # soils stay from year to year
    count, size = len(window.parcels.polygons), landscape.size
    loam = np.clip(lasting.normal(0.9, 0.12) + lasting.normal(0, 0.12, count + 1), 0.5, 1.3)
    pattern, ground = smooth_noise(2, size, 2.4, lasting)
    index = landscape.seasons.index(season)
    growth = _with_tracks(grow(overhead.days, window.crops[index], window.crops[index + 1], landscape.year(season),
                               random), window.parcels.wood, overhead.days)

    # Every parcel on its poorest and on its best ground: (T, N + 1, fertility).
    poor_rich = np.array([-1.0, 1.0])
    lai = growth.lai[..., None] * (1 + _FERTILITY * poor_rich)
    chlorophyll = growth.chlorophyll[..., None] * (1 + 0.1 * poor_rich)
    brown, water = (np.repeat(values, 2, axis=1) for values in (growth.brown, growth.water))
    corners = table.at(zenith=overhead.zenith, wetness=weather.wetness, lai=lai.reshape(brown.shape),
                       chlorophyll=chlorophyll.reshape(brown.shape), brown=brown, water=water)
    corners = corners.reshape(*lai.shape, 2, 10)  # (T, N + 1, fertility, soil, band)
    petals = growth.flowers[:, :, None, None, None].astype(np.float32)
    corners = (1 - petals) * corners + petals * _PETALS

    fertile = norm.cdf(1.0 * pattern).astype(np.float32)
    dark, bright = CanopyTable.BRIGHTNESS
    soil = (loam[:, None, None] + 0.08 * ground - dark) / (bright - dark)
    soil = np.clip(soil, 0, 1).astype(np.float32)
    cover = window.parcels.cover
    # Every pixel is a mixture of the parcels it touches and of their four corners: one matrix product.
    weights = np.stack([share * light * cover for share in (1 - fertile, fertile) for light in (1 - soil, soil)])
    parts = corners.transpose(0, 4, 2, 3, 1).reshape(len(overhead.times) * 10, -1)
    mixed: NDArray[np.float32] = parts @ weights.reshape(-1, size * size)
    return mixed.reshape(len(overhead.times), 10, size, size)


def _with_tracks(growth: Growth, wood: NDArray[np.bool_], days: NDArray[np.floating]) -> Growth:
    """The parcels' growth with woods in leaf from April to October, and grassy tracks as one parcel more."""
    leaves = 0.5 * (np.tanh((days - 112) / 8) - np.tanh((days - 300) / 10))[:, None]

    def extended(values: NDArray[np.floating], woodland: NDArray[np.floating], track: float) -> NDArray[np.floating]:
        both = np.where(wood, woodland, values)
        return np.concatenate([both, np.full((len(days), 1), track)], axis=1)

    return Growth(lai=extended(growth.lai, 1.0 + 4.2 * leaves, 1.2),
                  brown=extended(growth.brown, 0.9 - 0.85 * leaves, 0.35),
                  chlorophyll=extended(growth.chlorophyll, 40 + 5 * leaves, 32.0),
                  water=extended(growth.water, 0.012 + 0 * leaves, 0.011),
                  flowers=extended(growth.flowers, 0 * leaves, 0.0))
