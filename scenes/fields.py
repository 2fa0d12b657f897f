"""The parcels of a landscape: irregular quadrilaterals between tracks, and what is sown on them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio import features
from rasterio.transform import Affine
from shapely import affinity
from shapely.geometry import LineString, Polygon, box
from shapely.ops import split

from agrispec.grid import Grid
from scenes.phenology import BEET, CROP_TABLE, MAIZE, OTHER, RAPESEED, SUNFLOWER

TRACK_M = 8.0
SMALLEST_HA = 0.15
WOOD_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcels:
    """The parcels of one window.

    Attributes:
        polygons: N outlines in the window's CRS, counter-clockwise.
        number: int16 (row, column), the parcel whose outline holds the pixel's centre; -1 between parcels.
        cover: float32 (N + 1, row, column), share of each pixel that each parcel covers; the last is the tracks.
        wood: bool (N,), parcels that are woodland and carry no label.
    """

    polygons: tuple[Polygon, ...]
    number: NDArray[np.int16]
    cover: NDArray[np.float32]
    wood: NDArray[np.bool_]


def draw_parcels(grid: Grid, random: np.random.Generator) -> Parcels:
    """Divides a window into parcels of 0.15 to about 10 ha.

    A square larger than the window, turned at random, is cut in two again and again across its longer side, with
    cuts a little off the middle and a little askew, until each part is below a size of its own.
    """
    west, south, east, north = grid.bounds
    frame, side = box(west, south, east, north), 1.5 * max(east - west, north - south)
    centre = frame.centroid
    whole = affinity.rotate(box(centre.x - side / 2, centre.y - side / 2, centre.x + side / 2, centre.y + side / 2),
                            random.uniform(0, 90))
    waiting, polygons = [whole], []
    while waiting:
        part = waiting.pop()
        if not part.intersects(frame):
            continue
        enough_ha = float(np.clip(random.lognormal(math.log(3.6), 0.85), 0.5, 12.0))
        if part.area / 1e4 > enough_ha:
            waiting.extend(_cut(part, random))
            continue
        field = part.buffer(-TRACK_M / 2, join_style="mitre").intersection(frame)
        if isinstance(field, Polygon) and field.area / 1e4 >= SMALLEST_HA:
            polygons.append(field.normalize())
    return Parcels(polygons=tuple(polygons), number=_painted(polygons, grid, 1), cover=_cover(polygons, grid),
                   wood=random.random(len(polygons)) < WOOD_SHARE)


def _painted(polygons: list[Polygon], grid: Grid, finer: int) -> NDArray[np.int16]:
    """The polygon at each pixel's centre, -1 for none, on pixels `finer` times smaller than the grid's."""
    transform = Affine(*grid.transform) @ Affine.scale(1 / finer)
    painted: NDArray[np.int16] = features.rasterize(
        ((polygon, i) for i, polygon in enumerate(polygons)), transform=transform, fill=-1, dtype="int16",
        out_shape=(grid.height * finer, grid.width * finer))
    return painted


def _cover(polygons: list[Polygon], grid: Grid, finer: int = 4) -> NDArray[np.float32]:
    parts = _painted(polygons, grid, finer).reshape(grid.height, finer, grid.width, finer)
    cover = np.empty((len(polygons) + 1, *grid.shape), np.float32)
    for i in range(len(polygons)):
        cover[i] = (parts == i).mean(axis=(1, 3))
    cover[-1] = 1 - cover[:-1].sum(axis=0)
    return cover


def _cut(part: Polygon, random: np.random.Generator) -> list[Polygon]:
    """Two parts of a convex polygon, cut across its longer side."""
    corners = np.array(part.minimum_rotated_rectangle.exterior.coords)
    sides = np.diff(corners, axis=0)[:2]
    lengths = np.hypot(*sides.T)
    along = sides[np.argmax(lengths)] / lengths.max()
    place = corners[:4].mean(axis=0) + along * lengths.max() * random.uniform(-0.18, 0.18)
    angle = math.radians(90 + random.normal(0, 5))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    reach = (turn @ along) * 2 * lengths.max()
    return [piece for piece in split(part, LineString([place - reach, place + reach])).geoms
            if isinstance(piece, Polygon)]


def rotate(parcels: int, seasons: int, random: np.random.Generator) -> NDArray[np.intp]:
    """The crop number of each parcel in each of `seasons` consecutive years, (seasons, parcels).

    Farmers follow the region's frequencies, but rapeseed, sunflower and beet never follow themselves (their
    diseases stay in the soil), maize does, and meadows stay meadows.
    """
    frequency = np.array([crop.frequency for crop in CROP_TABLE])
    liking = np.ones((len(frequency), len(frequency)))
    np.fill_diagonal(liking, 0.35)
    for crop in (RAPESEED, SUNFLOWER, BEET):
        liking[crop, crop] = 0.0
    liking[MAIZE, MAIZE] = 1.0
    chance = liking * frequency
    chance[OTHER] = 0.1 * frequency
    chance[:, OTHER] *= 0.3
    chance[OTHER, OTHER] = 0.85
    chance /= chance.sum(axis=1, keepdims=True)
    crops = [random.choice(len(frequency), parcels, p=frequency / frequency.sum())]
    while len(crops) < seasons:
        draw = random.random(parcels)[:, None]
        crops.append((draw > np.cumsum(chance[crops[-1]], axis=1)[:, :-1]).sum(axis=1))
    return np.stack(crops)
