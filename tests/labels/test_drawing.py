"""Places lie inside their parcels, within quotas, and no field is on both sides of a split."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from agrispec.errors import DataError
from agrispec.grid import Cell, cell_of
from agrispec.splits import Split
from labels import drawing
from labels.drawing import Asked, Parcels

# Cells on both sides of the border of two UTM zones, at 6° east.
CELLS = tuple(Cell.parse(text) for text in ("E0058N0487", "E0059N0487", "E0060N0487", "E0061N0487"))
FOLD = {CELLS[0]: "train", CELLS[1]: "train", CELLS[2]: "test", CELLS[3]: "validation"}


def fold(cell):
    return FOLD.get(cell, "validation")


ASKED = Asked(cells=CELLS, numbers={0: 0, 1: 0, 4: 1}, seasons=(2021, 2022), target=2023, target_year=2023, per_class=3,
              per_cell=7, per_parcel=2, fold=fold, scale_m=10.0, seed=5)


@st.composite
def fields(draw):
    """Parcels of all sizes about the edges of cells; some lie on others, or are declared again in other years."""
    rows = []
    for number in range(draw(st.integers(1, 25))):
        lon = draw(st.one_of(st.floats(5.8, 6.19), st.sampled_from([5.9, 6.0, 5.9003, 5.9997])))
        lat, size = draw(st.floats(48.7, 48.79)), draw(st.sampled_from([1e-5, 1e-4, 4e-4, 2e-3, 2e-2]))
        outline = shapely.box(lon - size, lat - size / 2, lon + size, lat + size / 2)
        inside = outline.buffer(-min(1e-4, size / 8))
        for year in draw(st.sets(st.integers(2020, 2023), min_size=1)):
            shift = draw(st.sampled_from([0.0, 0.0, 1e-7, 3e-4]))
            moved = [shapely.transform(shape, lambda xy, by=shift: np.add(xy, (by, 0))) for shape in (outline, inside)]
            rows.append((f"p{number}", draw(st.sampled_from([-1, 0, 1, 2, 4])), year, *moved))
    names, codes, years, outlines, insides = zip(*rows, strict=True)
    return Parcels(parcel=np.array(names, object), code=np.array(codes), year=np.array(years),
                   outline=np.array(outlines), inside=shapely.to_wkb(np.array(insides)))


def draw(parcels, asked=ASKED, size=None, left_out=None):
    size = size or len(parcels.parcel)
    parts = [parcels.take(np.arange(first, min(first + size, len(parcels.parcel))))
             for first in range(0, len(parcels.parcel), size)]
    try:
        return drawing.places(parts, asked, Counter() if left_out is None else left_out)
    except DataError:
        return pd.DataFrame({name: [] for name in ("lon", "lat", "cell", "season", "code", "number", "parcel")})


def shape_of(parcels, row):
    """The inner outline that a place was drawn from."""
    where = (parcels.parcel == row.parcel) & (parcels.year == row.season)
    return shapely.from_wkb(parcels.inside[where][0])


@given(fields())
def test_places_are_pixel_centres_inside_their_parcel_and_cell(parcels):
    for row in draw(parcels).itertuples():
        cell = cell_of(row.lon, row.lat)
        assert cell.id == row.cell
        assert cell in CELLS
        x, y = Transformer.from_crs("EPSG:4326", cell.crs, always_xy=True).transform(row.lon, row.lat)
        np.testing.assert_allclose([x % 10, y % 10], 5, atol=1e-3)
        assert shapely.dwithin(shape_of(parcels, row), shapely.Point(row.lon, row.lat), 1e-7)
        outline = parcels.outline[(parcels.parcel == row.parcel) & (parcels.year == row.season)][0]
        middle = outline.point_on_surface()
        assert cell_of(middle.x, middle.y) == cell


@given(fields())
def test_no_field_is_on_both_sides_of_a_split(parcels):
    found = draw(parcels)
    ground = {"train": [], "validation": [], "test": []}
    for row in found.itertuples():
        which = (parcels.parcel == row.parcel) & (parcels.year == row.season)
        ground[fold(Cell.parse(row.cell))].append(parcels.outline[which][0])
    for one, other in (("train", "test"), ("train", "validation"), ("test", "validation")):
        # Neighbours may touch along the edge of a cell.
        shared = shapely.intersection(shapely.union_all(ground[one]), shapely.union_all(ground[other])).area
        assert shared < 1e-10


@given(fields())
def test_quotas_hold_and_no_pixel_comes_twice(parcels):
    found = draw(parcels)
    source, target = found[found["season"] != 2023], found[found["season"] == 2023]
    assert set(source["season"]) <= {2021, 2022}
    assert (source.groupby(["season", "cell", "number"])["parcel"].nunique() <= 3).all()
    assert (found.groupby(["season", "cell", "number", "parcel"]).size() <= 2).all()
    assert (target.groupby("cell").size() <= 7).all()
    assert (target["number"] == drawing.NOTHING).all()
    assert source["number"].tolist() == [ASKED.numbers[code] for code in source["code"]]
    assert not found.duplicated(["season", "lon", "lat"]).any()


@settings(max_examples=20)
@given(fields(), st.integers(4, 9), st.randoms(use_true_random=False))
def test_the_draw_is_the_same_however_parcels_are_ordered_and_cut(parcels, size, random):
    order = list(range(len(parcels.parcel)))
    random.shuffle(order)
    pd.testing.assert_frame_equal(draw(parcels), draw(parcels.take(np.array(order)), size=size))


@given(fields())
def test_a_quota_is_full_wherever_there_are_parcels_for_it(parcels):
    found, free = draw(parcels), draw(parcels, replace(ASKED, per_class=1000, per_cell=1000))
    group = ["season", "cell", "number"]
    few = found[found["season"] != 2023].groupby(group)["parcel"].nunique()
    all_of = free[free["season"] != 2023].groupby(group)["parcel"].nunique()
    # Pixels of two fields that contradict each other are no places.
    assert (few.reindex(all_of.index, fill_value=0) <= all_of.clip(upper=3)).all()
    lonely = not shapely.STRtree(parcels.outline).query(parcels.outline, predicate="overlaps").size and \
        len(set(parcels.parcel)) == len(parcels.parcel)
    if lonely:
        assert few.to_dict() == all_of.clip(upper=3).to_dict()


@given(fields())
def test_every_declaration_gives_a_place_or_is_told_with_the_reason(parcels):
    left_out, all_that_there_is = Counter(), replace(ASKED, per_class=1000, per_cell=1000)
    found = draw(parcels, all_that_there_is, left_out=left_out)
    gave = set(zip(found["parcel"], found["season"], strict=True))
    told, asked = left_out.total() - left_out[drawing.SHARED], np.isin(parcels.year, [2021, 2022, 2023]).sum()
    assert len(gave) + told <= asked
    one, other = shapely.STRtree(parcels.outline).query(parcels.outline, predicate="intersects")
    # A pixel of two parcels is a place of one of them, or of none.
    if (parcels.year[one] != parcels.year[other])[one != other].all():
        assert len(gave) + told == asked
    assert left_out[drawing.NOT_ASKED] <= np.isin(parcels.code, [-1, 2]).sum()


@given(fields())
def test_a_place_for_the_median_is_one_a_parcel(parcels):
    found = draw(parcels, replace(ASKED, per_parcel=None))
    assert not found.duplicated(["season", "parcel", "number", "code", "cell"]).any()
    for row in found.itertuples():
        assert shapely.dwithin(shape_of(parcels, row), shapely.Point(row.lon, row.lat), 1e-7)


@given(fields())
def test_a_target_without_declarations_has_places_in_those_of_another_year_and_no_code(parcels):
    found = draw(parcels, replace(ASKED, target=2024, target_year=2022))
    target = found[found["season"] == 2024]
    assert (target["code"] == drawing.NOTHING).all()
    for row in target.itertuples():
        assert shapely.dwithin(shape_of(parcels, row._replace(season=2022)), shapely.Point(row.lon, row.lat), 1e-7)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=9), st.integers(1, 6), st.integers(0, 2**64 - 1))
def test_ranks_are_chosen_without_repetition(counts, most, key):
    found = drawing.chosen(np.full(len(counts), key, np.uint64), np.array(counts), most)
    for count, ranks in zip(counts, found.tolist(), strict=True):
        real = [rank for rank in ranks if rank >= 0]
        assert len(set(real)) == len(real) == min(count, most)
        assert all(rank < count for rank in real)


def test_every_subset_is_as_likely_as_another():
    keys = drawing.random(np.array([f"p{number}" for number in range(40_000)], object), np.full(40_000, 2023), 1)
    found = np.sort(drawing.chosen(keys, np.full(len(keys), 5), 2), axis=1)
    _, counts = np.unique(found, axis=0, return_counts=True)
    assert len(counts) == 10
    # 4000 of each are expected; the standard deviation is 60.
    assert abs(counts - 4000).max() < 5 * 60


@given(st.lists(st.tuples(st.floats(5.7, 6.3), st.floats(48.6, 48.9), st.floats(0, 0.25)), min_size=1, max_size=9),
       st.integers(0, 5))
def test_boxes_on_one_side_touch_cells_of_one_fold(boxes, seed):
    split = Split(seed=seed)
    bounds = np.array([(lon, lat, lon + size, lat + size / 2) for lon, lat, size in boxes])
    for (west, south, east, north), said in zip(bounds, drawing.on_one_side(bounds, split.fold), strict=True):
        folds = {split.fold(cell_of(lon, lat)) for lon in np.linspace(west, max(west, east - 1e-9), 60)
                 for lat in np.linspace(south, max(south, north - 1e-9), 30)}
        assert said == (len(folds) == 1)


def test_where_nothing_can_be_drawn_it_is_said_what_to_look_at():
    with pytest.raises(DataError, match="no parcel with a class lies inside the area"):
        drawing.places([], ASKED, Counter())
