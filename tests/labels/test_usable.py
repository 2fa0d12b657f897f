"""One piece of ground has one class, or it gives no place."""

import pytest
import shapely

from agrispec.class_sets import CLASS_SETS
from agrispec.taxonomy import CropClass, Taxonomy
from labels import drawing, run_classes, usable

CLASSES = run_classes.translation(
    Taxonomy((CropClass(name="wheat", codes=(0, 1), colour="#112233"),
              CropClass(name="maize", codes=(7,), colour="#445566"))), CLASS_SETS["agrispec-17"])
GLOBE = (-180.0, -90.0, 180.0, 90.0)
TWICE, OVERLAPS = {"flags": "duplicate"}, {"flags": "repaired,overlaps"}


@pytest.fixture
def used(fields, tmp_path):
    """The ids of rows that are used, and why others are not."""
    def find(*rows, near=GLOBE, years=(2023,)):
        found = usable.heading(fields.write(tmp_path / "rows.parquet", rows), near, years)
        batches = list(usable.parcels(found, CLASSES))
        return [parcel for batch in batches for parcel in batch.parcel], +found.left_out
    return find


def field(number, shift=0.0):
    return shapely.box(613000 + 200 * number + shift, 5401000, 613100 + 200 * number + shift, 5401100)


def of_one(parcel, *crops):
    """The crops of one parcel: a class number and a status each."""
    return [(f"{parcel}/{order}", number, 2023, 2 + 4 * order, field(0), {"status": status})
            for order, (number, status) in enumerate(crops, start=1)]


@pytest.mark.parametrize(("crops", "expected"), [
    ([(0, "mapped"), (7, "mapped")], []),
    ([(0, "mapped"), (1, "mapped")], []),
    ([(0, "mapped"), (None, "ambiguous")], []),
    ([(None, "unmapped"), (7, "mapped")], []),
    ([(0, "mapped"), (None, "land use")], ["p/1"]),
    ([(7, "mapped"), (7, "mapped")], ["p/1"]),
    ([(None, "land use"), (7, "mapped"), (7, "mapped")], ["p/2"]),
    ([(7, "mapped"), (7, "mapped"), (0, "mapped")], []),
])
def test_a_parcel_of_two_crops_counts_once_where_they_are_of_one_class_and_else_never(used, crops, expected):
    ids, left_out = used(*of_one("p", *crops))
    assert ids == expected
    assert left_out.total() == len(crops) - len(expected)


def test_parcels_whose_names_look_like_those_of_crops_are_told_apart_by_their_outlines(used):
    assert used(("7/1", 0, 2023, 3, field(0)), ("7/2", 7, 2023, 3, field(1)))[0] == ["7/1", "7/2"]


@pytest.mark.parametrize(("rows", "expected", "why"), [
    # Two classes on one outline, or on a part of it: nobody knows which grew.
    ([("a", 0, 2023, None, field(0), TWICE), ("b", 7, 2023, None, field(0), TWICE)], [], usable._CONTESTED),
    ([("a", 0, 2023, None, field(0), OVERLAPS), ("b", 7, 2023, None, field(0, 50), OVERLAPS)], [], usable._CONTESTED),
    ([("a", 0, 2023, None, field(0), TWICE), ("b", 0, 2023, None, field(0), TWICE)], ["a"], usable._TWICE),
    ([("a", 0, 2023, None, field(0), OVERLAPS), ("b", 0, 2023, None, field(0, 50), OVERLAPS)], ["a", "b"], None),
    # Another year's class contradicts nothing, nor does a land use.
    ([("a", 0, 2023, None, field(0), TWICE), ("b", 7, 2022, None, field(0), TWICE)], ["a"], None),
    ([("a", 0, 2023, None, field(0), TWICE),
      ("b", None, 2023, None, field(0), {**TWICE, "status": "land use"})], ["a"], usable._NO_CLASS),
    ([("a", 0, 2023, None, field(0), TWICE),
      ("b", None, 2023, None, field(0), {**TWICE, "status": "ambiguous"})], [], usable._CONTESTED),
    # The third is far from the one that it would contradict.
    ([("a", 0, 2023, None, field(0), TWICE), ("b", 0, 2023, None, field(0), TWICE),
      ("c", 7, 2023, None, field(3), OVERLAPS)], ["a", "c"], usable._TWICE),
])
def test_ground_that_is_declared_with_two_classes_gives_nothing(used, rows, expected, why):
    ids, left_out = used(*rows)
    assert ids == expected
    assert why is None or left_out[usable._WHY[why]]


def test_what_contradicts_may_stand_in_another_row_group(used):
    between = [(f"f{number}", 0, 2023, None, field(number)) for number in range(2, 15)]
    ids, left_out = used(("a", 0, 2023, None, field(0), OVERLAPS), *between,
                         ("b", 7, 2023, None, field(0, 50), OVERLAPS))
    assert ids == [row[0] for row in between]
    assert left_out.total() == 2


def test_other_places_and_years_are_not_used(used):
    rows = [("a", 0, 2023, None, field(0)), ("b", 0, 2022, None, field(1)), ("c", None, 2021, None, field(2))]
    assert used(*rows) == (["a"], {})
    assert used(*rows, near=(0.0, 0.0, 1.0, 1.0)) == ([], {drawing.OUTSIDE: 1})
    assert used(*rows, years=(2022, 2023))[0] == ["a", "b"]


def test_a_class_that_may_be_several_of_the_runs_is_none_of_them(fields, tmp_path):
    own = Taxonomy((CropClass(name="winter wheat", codes=(0,), colour="#112233"),
                    CropClass(name="maize", codes=(7,), colour="#445566")))
    path = fields.write(tmp_path / "globe.parquet", [("a", 0, 2023, None, field(0)), ("b", 3, 2023, None, field(1))],
                        class_set="cropglobe-7")
    [batch] = usable.parcels(usable.heading(path, GLOBE, (2023,)),
                             run_classes.translation(own, CLASS_SETS["cropglobe-7"]))
    assert batch.code.tolist() == [7, run_classes.NONE]
