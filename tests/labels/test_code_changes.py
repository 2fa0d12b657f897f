"""Codes of two mapping tables differ as their rows do, and what that means for classes is said."""

import pytest

from agrispec.class_sets import CLASS_SETS
from labels import eurocrops
from labels.code_changes import change_lines, changes, conflict_lines, conflicts, declared_changes
from labels.mapping_tables import Entry, MappingTable

OURS = CLASS_SETS["agrispec-17"]
WHEAT, SPRING_WHEAT, MAIZE, GRASS = "3301010101", "3301010102", "3301010600", "3302000000"


@pytest.fixture(scope="module")
def published(real_data):
    return {name: MappingTable.read(real_data / "eurocrops" / "csvs" / "country_mappings" / name)
            for name in eurocrops.TABLES}


def table(*rows, name="a.csv", supplement=False):
    """(code, name, HCAT) rows as a table."""
    return MappingTable("FR", 2018, name, "", tuple(Entry(code, tuple(filter(None, [title])), hcat)
                                                    for code, title, hcat in rows), supplement=supplement)


def said(found):
    return [(change.kind, change.code) for change in found]


def test_changes_are_told_by_kind():
    first = table(("1", "wheat", WHEAT), ("2", "maize", MAIZE), ("3", "corn", MAIZE), ("4", "oats", "3301010500"),
                  ("5", "rye", "3301010300"))
    second = table(("1", "wheat", SPRING_WHEAT), ("2", "sweet corn", MAIZE), ("3", "Corn", MAIZE),
                   ("6", "RYE", "3301010300"), ("7", "pears", "3303011200"))
    assert said(changes(first, second)) == [
        ("mapped elsewhere", "1"), ("renamed", "2"), ("recoded", "5"), ("new", "7"), ("gone", "4")]
    assert changes(first, first) == []


def test_what_a_supplement_does_not_list_is_not_gone():
    first = table(("1", "wheat", WHEAT), ("2", "maize", MAIZE))
    assert said(changes(first, table(("3", "rye", "3301010300"), supplement=True))) == [("new", "3")]


def test_a_change_back_undoes_itself():
    first = table(("1", "wheat", WHEAT), ("2", "maize", MAIZE), ("3", "rye", "3301010300"))
    second = table(("1", "wheat", SPRING_WHEAT), ("4", "maize", MAIZE))
    there, back = changes(first, second), changes(second, first)
    assert {(change.before, change.after) for change in there} == {(change.after, change.before) for change in back}


def test_the_french_codes_of_other_years_are_new_but_for_hemp(published):
    first, other = (published[name] for name in ("fr_2018.csv", "fr_other_years.csv"))
    found = changes(first, other)
    assert said(found)[0] == ("mapped elsewhere", "CSE")
    assert found[0].before.hcat == ("3301061000",)
    assert {kind for kind, _ in said(found)[1:]} == {"new"}
    assert len(found) == 41


def test_german_states_disagree_on_codes_of_one_system(published):
    tables = [published[name] for name, known in eurocrops.TABLES.items() if known.country == "DE"]
    found = dict(conflicts(tables))
    assert len(found) == 30
    # Temporary grass, but pasture in Baden-Württemberg.
    assert {name: listed.hcat for name, listed in found["912"].items()} == {
        "de.csv": ("3301090100",), "de_BW_2022.csv": (GRASS,), "de_bb_2023.csv": ("3301090100",),
        "de_ls_2021.csv": ("3301090100",), "de_nrw_2021.csv": ("3301090100",)}
    assert conflicts(tables[:1]) == []


def test_a_change_of_a_declared_code_is_told_however_the_code_is_written():
    named = table(("", "Winter Wheat", WHEAT), ("", "Maize", MAIZE)), table(("", "Winter Wheat", MAIZE))
    [change] = declared_changes(*named, [("", "winter  wheat")])
    assert (change.kind, change.code) == ("mapped elsewhere", "Winter Wheat")
    [change] = declared_changes(named[0], table(("", "WINTER wheat", MAIZE)), [("", "winter wheat")])
    assert (change.kind, change.code) == ("mapped elsewhere", "Winter Wheat")
    padded = table(("001", "", WHEAT), ("002", "", MAIZE)), table(("001", "", MAIZE), ("003", "", GRASS))
    assert said(declared_changes(*padded, [("1", "")])) == [("mapped elsewhere", "001")]
    assert said(declared_changes(*padded, [("3", "")])) == [("new", "003")]
    assert declared_changes(*padded, [("4", "")]) == []


def test_all_codes_declared_all_changes_are_told(published):
    first, other = (published[name] for name in ("nl_2020.csv", "nl_other_years.csv"))
    every = [(entry.code, "") for each in (first, other) for entry in each.entries]
    assert declared_changes(first, other, every) == changes(first, other)


def test_the_lines_of_changes_say_which_classes_they_move(published):
    lines = list(change_lines(changes(published["fr_2018.csv"], published["fr_other_years.csv"]), OURS))
    assert lines[0] == "1 mapped elsewhere, 40 new; 1 code to another class"
    assert lines[1] == ("  mapped elsewhere  CSE     Chanvre sans étiquette conforme 3301061000 [other] -> "
                        "Autre 3399000000 [land use]")
    assert list(change_lines([], OURS)) == ["no code differs"]


def test_the_lines_of_conflicts_say_which_classes_they_split(published):
    tables = [published["de_BW_2022.csv"], published["de_nrw_2021.csv"]]
    lines = list(conflict_lines(conflicts(tables), OURS))
    assert len(lines) == 1 + len(conflicts(tables))
    assert ("  912     de_BW_2022.csv 3302000000 [other], de_nrw_2021.csv 3301090100 [temporary grass/fodder]") in lines
