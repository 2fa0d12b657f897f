"""Places inside declared parcels: drawn at random, within quotas, and never of one field on both sides of a split.

The ground is dealt into folds by 0.1 degree cells. A parcel gives places only if all cells that it may touch are of one
fold, so parcels of different folds never overlap, whatever they are called and in whichever year they were declared;
and it gives them only inside the cell of its representative point.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from agrispec.errors import DataError
from agrispec.grid import Cell
from labels import pixels

NOTHING = -1
"""Class of places of which no class may be known."""

OUTSIDE = "declarations outside of the area's cells"
NOT_ASKED = "declarations of classes that the run has not"
EMPTY_INSIDE = "declarations with nothing left inside of their outline"
ON_SEVERAL_SIDES = "declarations that may touch cells of several folds"
NO_PIXEL = "declarations without a pixel inside, of those that were drawn"
SHARED = "pixels of parcels of several classes"

_GROUP = ["season", "column", "row", "number"]

_MIX = tuple(np.uint64(factor) for factor in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
# Of a random 64-bit number, as many bits as a double holds.
_BITS = 53
# Of cells from pole to pole.
_ROWS = 1800


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parcels:
    """N declarations.

    Attributes:
        parcel: (N,) their ids, texts.
        code: (N,) int64, class numbers of the declarations' class set, -1 without one.
        year: (N,) int64.
        outline: (N,) polygons in degrees.
        inside: (N,) WKB of the polygons that places are drawn from, in degrees, or None.
    """

    parcel: NDArray[Any]
    code: NDArray[np.int64]
    year: NDArray[np.int64]
    outline: NDArray[Any]
    inside: NDArray[Any]

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Parcels:
        """Some of them."""
        return Parcels(parcel=self.parcel[chosen], code=self.code[chosen], year=self.year[chosen],
                       outline=self.outline[chosen], inside=self.inside[chosen])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """What is to be drawn.

    Attributes:
        cells: where.
        numbers: class number of the map by code of the declarations.
        seasons: whose declared year gives labelled places of the season.
        target: the season whose places are drawn whatever grows there.
        target_year: whose declarations these lie in.
        per_class: parcels of a class, a cell and a season at most, labelled.
        per_cell: places of a cell at most, in the target season.
        per_parcel: places of a parcel at most; None for a single one in its middle, which stands for the whole parcel.
        fold: of a cell.
        scale_m: side of a pixel, metres.
        seed: another number is another draw.
    """

    cells: tuple[Cell, ...]
    numbers: Mapping[int, int]
    seasons: tuple[int, ...]
    target: int
    target_year: int
    per_class: int
    per_cell: int
    per_parcel: int | None
    fold: Callable[[Cell], str]
    scale_m: float
    seed: int

    @property
    def each(self) -> int:
        """Places of a parcel at most."""
        return self.per_parcel or 1


def places(batches: Iterable[Parcels], asked: Asked, left_out: Counter[str]) -> pd.DataFrame:
    """The drawn places, by season, cell and class.

    The draw depends on the seed and on what the parcels are called, not on their order or on how they are cut into
    batches. Memory is that of a batch and of what is drawn. A pixel that is drawn twice in a season is one place; where
    its parcels say different things, none.

    Args:
        batches: the declarations.
        asked: what is drawn of them.
        left_out: what gives no place is added, by reason; not what quotas or other years leave.

    Returns:
        `lon`, `lat` (pixel centre), `cell` (id), `season`, `code` (of the declaration), `number` (class, `NOTHING` in
        the target season), `parcel`.

    Raises:
        DataError: nothing could be drawn.
    """
    kept = _none(asked.each)
    for batch in batches:
        kept = _added(kept, _wanted(batch, asked, left_out), asked, left_out)
    if kept.empty:
        said = "".join(f"; {count:,} {why} are left out" for why, count in (+left_out).items())
        raise DataError(f"no parcel with a class lies inside the area's cells, in the seasons that are asked for{said}",
                        mend="check [area], [season] and the codes of [[classes]] against the declarations")
    return _as_places(kept, asked, left_out)


def cell_numbers(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Columns and rows of the cells that hold places, as `agrispec.grid.cell_of` counts them."""
    return (np.floor(lon * 10 + 1e-8).astype(np.int64) + 1800, np.floor(lat * 10 + 1e-8).astype(np.int64) + 900)


def on_one_side(bounds: NDArray[np.float64], fold: Callable[[Cell], str]) -> NDArray[np.bool_]:
    """(N,) whether all cells that boxes (N, 4) of west, south, east, north touch are of one fold."""
    west, south = cell_numbers(bounds[:, 0], bounds[:, 1])
    # A billionth inwards, or a box that ends on an edge would touch the next cell.
    east, north = cell_numbers(bounds[:, 2] - 1e-9, bounds[:, 3] - 1e-9)
    wide, high = np.maximum(east - west, 0) + 1, np.maximum(north - south, 0) + 1
    box = np.repeat(np.arange(len(bounds)), wide * high)
    place = np.arange(len(box)) - np.repeat(np.cumsum(wide * high) - wide * high, wide * high)
    touched = np.stack([west[box] + place % wide[box], south[box] + place // wide[box]], axis=1)
    cells, index = np.unique(touched, axis=0, return_inverse=True)
    folds = np.unique([fold(Cell(column, row)) for column, row in cells.tolist()], return_inverse=True)[1] \
        if len(cells) else np.empty(0, np.int64)
    of_box = folds[index.reshape(-1)]
    least, most = np.full(len(bounds), np.iinfo(np.int64).max), np.full(len(bounds), -1)
    np.minimum.at(least, box, of_box)
    np.maximum.at(most, box, of_box)
    return np.asarray(least == most)


def random(parcel: NDArray[Any], year: NDArray[np.int64], seed: int) -> NDArray[np.uint64]:
    """(N,) a random number for each declaration, the same wherever it stands."""
    named = pd.util.hash_array(parcel.astype(object), hash_key=f"{seed:016d}"[-16:])
    return _mixed(named + year.astype(np.uint64) * _MIX[0])


def chosen(key: NDArray[np.uint64], count: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most `most` of 0 … `count` - 1 for each of N, without repetition; each subset is as likely as another.

    Robert Floyd's way, of all N at once. Bentley & Floyd (1987), https://doi.org/10.1145/30401.315746

    Returns:
        (N, `most`), -1 where there are fewer to choose from.
    """
    found = np.full((len(key), most), -1, np.int64)
    for step in range(most):
        last, key = count - most + step, key + _MIX[0]
        there = np.where(count <= most, step, _below(_mixed(key), last + 1))
        there = np.where((found[:, :step] == there[:, None]).any(axis=1), last, there)
        found[:, step] = np.where(step < count, there, -1)
    return found


def _mixed(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser. https://doi.org/10.1145/2660193.2660195"""
    value = (value ^ (value >> np.uint64(30))) * _MIX[1]
    value = (value ^ (value >> np.uint64(27))) * _MIX[2]
    return value ^ (value >> np.uint64(31))


def _below(value: NDArray[np.uint64], most: NDArray[np.int64]) -> NDArray[np.int64]:
    share = (value >> np.uint64(64 - _BITS)).astype(np.float64) / 2.0**_BITS
    return (share * np.maximum(most, 1)).astype(np.int64)


def _none(each: int) -> pd.DataFrame:
    whole = {name: pd.Series(dtype=np.int64) for name in (*_GROUP, "code")}
    return pd.DataFrame({**whole, "key": pd.Series(dtype=np.uint64), "parcel": pd.Series(dtype=object),
                         **{f"{axis}{place}": pd.Series(dtype=np.int64) for place in range(each) for axis in "yx"}})


def _wanted(batch: Parcels, asked: Asked, left_out: Counter[str]) -> pd.DataFrame:
    """The parcels of a batch that may give places, a row for each season that they may give them to."""
    batch = batch.take(np.isin(batch.year, [*asked.seasons, asked.target_year]))
    cells, bounds = np.array([cell.bounds for cell in asked.cells]), shapely.bounds(batch.outline)
    near = ((bounds[:, :2] < cells[:, 2:].max(axis=0)) & (bounds[:, 2:] > cells[:, :2].min(axis=0))).all(axis=1)
    batch = batch.take(_sifted({OUTSIDE: ~near, NOT_ASKED: ~np.isin(batch.code, list(asked.numbers)),
                                EMPTY_INSIDE: pd.isna(batch.inside)}, left_out))
    middle = shapely.point_on_surface(batch.outline)
    column, row = cell_numbers(shapely.get_x(middle), shapely.get_y(middle))
    mine = [cell.column * _ROWS + cell.row for cell in asked.cells]
    here = _sifted({OUTSIDE: ~np.isin(column * _ROWS + row, mine),
                    ON_SEVERAL_SIDES: ~on_one_side(shapely.bounds(batch.outline), asked.fold)}, left_out)
    batch, column, row = batch.take(here), column[here], row[here]
    number = pd.Series(batch.code).map(asked.numbers).to_numpy(np.int64, na_value=NOTHING)
    table = pd.DataFrame({"season": batch.year, "column": column, "row": row, "number": number, "code": batch.code,
                          "parcel": batch.parcel.astype(object), "inside": batch.inside})
    labelled = table[np.isin(batch.year, asked.seasons)]
    unlabelled = table[batch.year == asked.target_year].assign(season=asked.target, number=NOTHING)
    if asked.target_year != asked.target:
        unlabelled = unlabelled.assign(code=NOTHING)
    both: pd.DataFrame = pd.concat([labelled, unlabelled], ignore_index=True)
    both["key"] = random(both["parcel"].to_numpy(), both["season"].to_numpy(np.int64), asked.seed)
    return both


def _sifted(reasons: Mapping[str, NDArray[np.bool_]], left_out: Counter[str]) -> NDArray[np.bool_]:
    """(N,) whether no reason speaks against a declaration; the first that does is counted."""
    free = ~np.zeros_like(next(iter(reasons.values())))
    for why, against in reasons.items():
        left_out[why] += int((free & against).sum())
        free &= ~against
    return free


def _added(kept: pd.DataFrame, wanted: pd.DataFrame, asked: Asked, left_out: Counter[str]) -> pd.DataFrame:
    """`kept` with those of the wanted that come before others in their group and hold a pixel."""
    while not wanted.empty:
        full = kept.groupby(_GROUP)["key"].agg(["size", "max"]).reset_index()
        wanted = wanted.merge(full, on=_GROUP, how="left")
        late = (wanted["size"] >= _quota(wanted["number"], asked)) & (wanted["key"] >= wanted["max"])
        wanted = wanted[~late].drop(columns=["size", "max"]).sort_values([*_GROUP, "key"], ignore_index=True)
        # The others wait: seldom does one of these hold no pixel.
        first = _within_quota(wanted, asked)
        tried, wanted = wanted[first], wanted[~first]
        placed = _placed(tried, asked)
        left_out[NO_PIXEL] += len(tried) - len(placed)
        kept = pd.concat([kept, placed]).sort_values([*_GROUP, "key"], ignore_index=True)
        kept = kept[_within_quota(kept, asked)].reset_index(drop=True)
    return kept


def _within_quota(ordered: pd.DataFrame, asked: Asked) -> NDArray[np.bool_]:
    """(N,) whether rows are among the first of their group."""
    return np.asarray(ordered.groupby(_GROUP).cumcount() < _quota(ordered["number"], asked))


def _quota(number: pd.Series[int], asked: Asked) -> NDArray[np.int64]:
    """Parcels of each group at most."""
    return np.where(number == NOTHING, -(-asked.per_cell // asked.each), asked.per_class)


def _placed(tried: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    """Parcels with the pixels that are drawn of them, those without one left out."""
    found = []
    for crs, of_zone in tried.groupby(_zones(tried)):
        inside = shapely.from_wkb(of_zone["inside"].to_numpy(object))
        column, row = of_zone["column"].to_numpy(np.int64), of_zone["row"].to_numpy(np.int64)
        edges = [(column - 1800) / 10, (row - 900) / 10, (column - 1799) / 10, (row - 899) / 10]
        bounds = shapely.bounds(inside)
        over = ~((bounds[:, 0] >= edges[0]) & (bounds[:, 1] >= edges[1]) & (bounds[:, 2] <= edges[2])
                 & (bounds[:, 3] <= edges[3]))
        inside[over] = shapely.intersection(inside[over], shapely.box(*(edge[over] for edge in edges)))
        there = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
        runs = pixels.runs(shapely.transform(inside, there.transform, interleaved=False), 0.0, 0.0, asked.scale_m)
        count = runs.counts
        ranks = (np.where(count > 0, count // 2, -1)[:, None] if asked.per_parcel is None else
                 chosen(of_zone["key"].to_numpy(np.uint64), count, asked.per_parcel))
        parcel, place = np.nonzero(ranks >= 0)
        y, x = runs.pixel(parcel, ranks[parcel, place])
        lon, lat = _centres(y, x, there, asked.scale_m)
        # Cells have straight edges in degrees and not in metres.
        own = (np.stack(cell_numbers(lon, lat)) == np.stack([column[parcel], row[parcel]])).all(axis=0)
        drawn = np.full((2, len(of_zone), asked.each), _OUTSIDE, np.int64)
        drawn[:, parcel[own], place[own]] = y[own], x[own]
        axes = {f"{axis}{number}": drawn[side][:, number] for number in range(asked.each)
                for side, axis in enumerate("yx")}
        found.append(of_zone.drop(columns="inside").assign(**axes)[(drawn[0] != _OUTSIDE).any(axis=1)])
    return pd.concat(found) if found else _none(asked.each)


_OUTSIDE = np.iinfo(np.int64).min


def _of_cells(table: pd.DataFrame, said: Callable[[Cell], str]) -> NDArray[Any]:
    """(N,) what is said of each row's cell."""
    cells, index = np.unique(table[["column", "row"]].to_numpy(np.int64), axis=0, return_inverse=True)
    return np.array([said(Cell(column, row)) for column, row in cells.tolist()], object)[index.reshape(-1)]


def _zones(table: pd.DataFrame) -> NDArray[Any]:
    return _of_cells(table, lambda cell: cell.crs)


def _centres(row: NDArray[np.int64], column: NDArray[np.int64], there: Transformer,
             scale_m: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    lon, lat = there.transform((column + 0.5) * scale_m, -(row + 0.5) * scale_m, direction="INVERSE")
    return np.asarray(lon), np.asarray(lat)


def _as_places(kept: pd.DataFrame, asked: Asked, left_out: Counter[str]) -> pd.DataFrame:
    each = [kept[[*_GROUP, "code", "key", "parcel"]].assign(y=kept[f"y{place}"], x=kept[f"x{place}"], place=place)
            for place in range(asked.each)]
    rows = pd.concat(each)
    rows = rows[rows["y"] != _OUTSIDE].sort_values([*_GROUP, "key", "place"], ignore_index=True)
    pixel = ["season", "column", "row", "y", "x"]
    said = rows.assign(said=rows["code"].map(asked.numbers)).groupby(pixel)["said"].transform("nunique", dropna=False)
    left_out[SHARED] += len(rows[said != 1].drop_duplicates(pixel))
    rows = rows[said == 1].drop_duplicates(pixel, ignore_index=True)
    # A last parcel may give more than the rest of a cell's quota.
    rows = rows[(rows["number"] != NOTHING) | (rows.groupby(_GROUP).cumcount() < asked.per_cell)].reset_index(drop=True)
    lon, lat = np.empty(len(rows)), np.empty(len(rows))
    for crs, of_zone in rows.groupby(_zones(rows)):
        there = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
        at = of_zone.index.to_numpy()
        lon[at], lat[at] = _centres(of_zone["y"].to_numpy(np.int64), of_zone["x"].to_numpy(np.int64), there,
                                    asked.scale_m)
    return pd.DataFrame({"lon": lon, "lat": lat, "cell": _of_cells(rows, lambda cell: cell.id),
                         **rows[["season", "code", "number", "parcel"]]})
