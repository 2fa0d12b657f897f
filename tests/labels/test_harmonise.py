"""From codes to classes: what the table says and no more, and every declaration counted once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.class_sets import CLASS_SETS
from agrispec.errors import DataError
from labels import eurocrops
from labels.harmonise import (
    MOST_CODES,
    STATUSES,
    Declared,
    Meaning,
    Report,
    coverage,
    harmonise,
    meaning,
)
from labels.mapping_tables import Entry, MappingTable, code_text

OURS = CLASS_SETS["agrispec-17"]
TABLE = MappingTable("FR", 2018, "t.csv", "", (
    Entry("BTH", ("Blé tendre d'hiver",), "3301010101"), Entry("BTP", ("Blé tendre de printemps",), "3301010102"),
    Entry("12", ("maize",), "3301010600"), Entry("WHT", ("wheat",), "3301010100"), Entry("AL", (), "3301000000"),
    Entry("TWO", (), "3301010101"), Entry("TWO", (), "3301010600"),
    Entry("SAME", (), "3301010101"), Entry("SAME", (), "3301010201"),
    Entry("NIL", (), ""), Entry("", ("Prairie",), "3302000000")))


def objects(*values):
    return np.array([*values, None], object)[:-1]


@pytest.mark.parametrize(("codes", "expected"), [
    (["3301010101"], Meaning("mapped", 0, "3301010101")), (["3301010100"], Meaning("ambiguous", -1, "3301010100")),
    (["3301000000"], Meaning("land use", -1, "3301000000")), (["3399000000"], Meaning("land use", -1, "3399000000")),
    (["3301010101", "3301010600"], Meaning("ambiguous", -1, "")),
    (["3301010101", "3301010201"], Meaning("mapped", 0, "")), (["3302000000"], Meaning("mapped", 16, "3302000000")),
    (["3301010101", ""], Meaning("mapped", 0, "3301010101")), ([""], Meaning("unmapped", -1, "")),
    ([], Meaning("unmapped", -1, "")), (["3301000000", "3399000000"], Meaning("ambiguous", -1, ""))])
def test_rows_mean_a_class_only_where_there_is_nothing_to_guess(codes, expected):
    assert meaning([Entry("1", (), code) for code in codes], OURS) == expected


def test_declarations_get_what_the_table_says():
    codes = objects("BTH", 12.0, "12", 12, "WHT", "AL", "TWO", "SAME", "NIL", "new", None, float("nan"))
    found = harmonise(codes, None, TABLE, OURS)
    assert found.class_number.tolist() == [0, 7, 7, 7, -1, -1, -1, 0, -1, -1, -1, -1]
    assert found.class_number.dtype == np.int16
    assert found.status.tolist() == ["mapped"] * 4 + ["ambiguous", "land use", "ambiguous", "mapped"] + ["unmapped"] * 4
    assert found.code.tolist() == ["BTH", "12", "12", "12", "WHT", "AL", "TWO", "SAME", "NIL", "new", "", ""]
    assert found.hcat.tolist() == ["3301010101", *["3301010600"] * 3, "3301010100", "3301000000", *[None] * 6]
    # The table's name stands in where the declaration has none.
    assert found.name.tolist() == ["Blé tendre d'hiver", *["maize"] * 3, "wheat", *[None] * 7]


def test_names_find_what_has_no_code_and_contradict_codes():
    names = objects("PRAIRIE", "maize", "some wheat", "maize")
    found = harmonise(objects(None, "BTH", "BTH", "12"), names, TABLE, OURS)
    assert found.status.tolist() == ["mapped", "ambiguous", "mapped", "mapped"]
    assert found.name.tolist() == ["PRAIRIE", "maize", "some wheat", "maize"]
    alone = harmonise(None, objects("prairie", "rice"), TABLE, OURS)
    assert alone.status.tolist() == ["mapped", "unmapped"]


def test_columns_of_numbers_are_codes():
    assert harmonise(np.array([12.0, np.nan]), None, TABLE, OURS).status.tolist() == ["mapped", "unmapped"]
    assert harmonise(np.array([12, 12], np.int64), None, TABLE, OURS).class_number.tolist() == [7, 7]
    assert harmonise(np.array([], object), None, TABLE, OURS).class_number.tolist() == []


def test_no_column_at_all_is_refused():
    with pytest.raises(DataError, match="neither codes nor names"):
        harmonise(None, None, TABLE, OURS)


CODES = st.sampled_from(["BTH", "BTP", 12, 12.0, "12.0", "WHT", "AL", "TWO", "NIL", "new", "", None, float("nan")])
NAMES = st.sampled_from(["maize", "Prairie", "wheat", "unheard of", None])


@given(rows=st.lists(st.tuples(CODES, NAMES), max_size=40))
def test_every_declaration_alone_means_what_it_means_among_others(rows):
    """The oracle is one look into the table a declaration."""
    codes, names = (objects(*column) for column in zip(*rows, strict=True)) if rows else (objects(), objects())
    found = harmonise(codes, names, TABLE, OURS)
    alone = [meaning(TABLE.of(code_text(code), name or ""), OURS) for code, name in rows]
    assert found.status.tolist() == [each.status for each in alone]
    assert found.class_number.tolist() == [each.class_number for each in alone]
    assert found.hcat.tolist() == [each.hcat or None for each in alone]
    assert ((found.class_number >= 0) == (found.status == "mapped")).all()


@given(rows=st.lists(st.tuples(CODES, st.floats(0, 100, width=32)), min_size=1, max_size=40), cut=st.integers(0, 40))
def test_reports_of_parts_add_up_to_that_of_the_whole(rows, cut):
    codes, area = objects(*(code for code, _ in rows)), np.array([hectares for _, hectares in rows])

    def report(part):
        return Report.of(harmonise(codes[part], None, TABLE, OURS), area[part], OURS)

    whole, parts = report(slice(None)), report(slice(cut)) + report(slice(cut, None))
    assert whole.total().declarations == len(rows)
    assert whole.total().hectares == pytest.approx(area.sum())
    for status in STATUSES:
        assert parts.total(status).declarations == whole.total(status).declarations
        assert parts.total(status).hectares == pytest.approx(whole.total(status).hectares)
        assert {code for code, _ in parts.codes(status)} == {code for code, _ in whole.codes(status)}
    assert sum(whole.total(status).declarations for status in STATUSES) == len(rows)


def reported(*codes, area=2.0):
    return Report.of(harmonise(objects(*codes), None, TABLE, OURS), np.full(len(codes), area), OURS)


def test_a_report_tells_hectares_and_every_code_without_a_class():
    lines = list(reported("BTH", "BTH", 12, "WHT", "AL", "new", "new", "new").lines())
    assert lines[0] == "8 declarations, 16.0 ha"
    assert [" ".join(line.split()) for line in lines[1:]] == [
        "mapped 3 6.0 ha 37.5 % 2 codes", "unmapped 3 6.0 ha 37.5 % 1 code", "ambiguous 1 2.0 ha 12.5 % 1 code",
        "land use 1 2.0 ha 12.5 % 1 code", "winter wheat 2 4.0 ha", "maize 1 2.0 ha", "unmapped:", "3 6.0 ha new",
        "ambiguous:", "1 2.0 ha WHT wheat", "land use:", "1 2.0 ha AL"]


def test_long_lists_are_cut_and_say_so():
    lines = list(reported(*(f"code {number}" for number in range(25))).lines())
    assert lines[-1] == "  and 5 more"


def test_unmapped_codes_are_refused_by_name():
    told = r"t.csv does not map 2 codes of 3 declarations \(6.0 ha\): new, newer"
    with pytest.raises(DataError, match=told) as refused:
        reported("BTH", "new", "newer", "new").check(TABLE)
    assert "--leave-out" in refused.value.mend
    reported("BTH", "WHT", "AL", "TWO").check(TABLE)


def test_a_column_that_holds_no_codes_is_noticed():
    first = reported("BTH")
    many = Report(OURS, {Declared(str(number), "", Meaning("unmapped", -1, "")): first.total()
                         for number in range(MOST_CODES)})
    with pytest.raises(DataError, match="more than 10,000 different codes, e.g. 'BTH'"):
        first + many


@pytest.fixture(scope="module")
def published(real_data):
    folder = real_data / "eurocrops" / "csvs" / "country_mappings"
    return {name: MappingTable.read(folder / name) for name in eurocrops.TABLES}


@pytest.mark.parametrize("classes", CLASS_SETS.values(), ids=CLASS_SETS)
def test_the_coverage_of_a_table_counts_every_key_once(published, classes):
    for name, table in published.items():
        found = coverage(table, classes)
        assert found.codes == found.mapped + found.ambiguous + found.land_use + found.unmapped, name
        assert found.codes + found.keyless <= len(table.entries), name
        # The oracle: every row with a code, looked up as a declaration of that code.
        coded = harmonise(objects(*{entry.code for entry in table.entries if entry.code}), None, table, classes)
        named = {entry.names[0].casefold() for entry in table.entries if not entry.code and entry.names}
        assert found.codes == len(coded.status) + len(named), name
        assert (coded.status == "ambiguous").sum() <= found.ambiguous, name


# Codes, with a class, of which other, ambiguous, land use: measured once, to see what changes.
@pytest.mark.parametrize(("name", "figures"), [
    ("fr_2018.csv", (282, 265, 136, 9, 8)), ("de.csv", (421, 384, 322, 4, 33)), ("es_ne_2021.csv", (23, 16, 16, 0, 7)),
    ("ro_no_year.csv", (30, 16, 16, 0, 14)), ("hr_2020.csv", (15, 13, 13, 0, 2))])
def test_tables_of_land_use_lead_to_no_crop_but_other(published, name, figures):
    found = coverage(published[name], OURS)
    assert (found.codes, found.mapped, found.rest, found.ambiguous, found.land_use) == figures
