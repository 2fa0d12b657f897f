"""Mapping tables as EuroCrops publishes them and as users write them."""

import csv
import hashlib
import itertools
from pathlib import Path

import pytest

from agrispec.errors import CorruptRecord, DataError
from labels import eurocrops
from labels.mapping_tables import Entry, MappingTable, code_text, key

WHEAT, SPRING_WHEAT, MAIZE, GRASS = "3301010101", "3301010102", "3301010600", "3302000000"


@pytest.fixture(scope="module")
def published(real_data) -> Path:
    return real_data / "eurocrops" / "csvs" / "country_mappings"


@pytest.fixture
def written(tmp_path):
    """Text -> the path of a CSV that holds it."""
    def write(text, name="mine.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path
    return write


def table(*rows, name="a.csv", supplement=False):
    """(code, name, HCAT) rows as a table."""
    return MappingTable("FR", 2018, name, "", tuple(Entry(code, tuple(filter(None, [title])), hcat)
                                                    for code, title, hcat in rows), supplement=supplement)


@pytest.mark.parametrize("name", eurocrops.TABLES)
def test_every_published_table_loads_whole(published, name):
    known = eurocrops.TABLES[name]
    found = MappingTable.read(published / name)
    with (published / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [entry.hcat for entry in found.entries] == [row["HCAT3_code"] for row in rows]
    assert (found.country, found.year) == (known.country, known.year)
    assert found.digest == known.digest == hashlib.sha256((published / name).read_bytes()).hexdigest()
    # Every row that has a key is found by it.
    for row, entry in zip(rows, found.entries, strict=True):
        code = row.get("original_code", "")
        names = [value for column, value in row.items() if column.startswith("original_name") and value.strip()]
        if code:
            assert entry in found.of(code, "")
        for title in names:
            assert entry in found.of("", title)


def test_the_tables_are_those_that_are_published(published):
    assert sorted(path.name for path in published.iterdir()) == sorted(eurocrops.TABLES)


def test_rows_without_code_and_name_are_counted(published):
    keyless = {name: MappingTable.read(published / name).keyless for name in eurocrops.TABLES}
    assert {name: count for name, count in keyless.items() if count} == {
        "at_2021.csv": 52, "es_ne_2021.csv": 6, "pt_2021.csv": 152}


def test_names_that_were_read_in_the_wrong_encoding_are_found_as_they_are_written(published):
    lithuania = MappingTable.read(published / "lt_2021.csv")
    [winter_cereals] = lithuania.of("", "Žieminiai javai")
    assert winter_cereals in lithuania.of("", "Þieminiai javai")
    assert winter_cereals.hcat == "3301011501"


def test_names_find_rows_whatever_their_case_blanks_and_accents(published):
    slovakia = MappingTable.read(published / "sk_2021.csv")
    [row] = slovakia.of("", "Pšenica ozimná")
    assert [row] == list(slovakia.of("", "  PŠENICA  ozimná"))
    assert [row] == list(slovakia.of("", "Ps\u030cenica ozimna\u0301"))
    assert key("Mezofilné \xa0trvalé") == "mezofilné trvalé"


def test_a_wallonian_field_is_found_by_code_or_by_name(published):
    wallonia = MappingTable.read(published / "be_wal_all_years.csv", "BE", 2017)
    assert wallonia.doubts == ()
    assert {entry.hcat for entry in wallonia.of("311", "")} == {WHEAT}
    assert {entry.hcat for entry in wallonia.of("", "Froment d’hiver")} == {WHEAT}
    assert {entry.hcat for entry in wallonia.of("no such code", "Froment d’hiver")} == {WHEAT}


def test_zeros_that_numbers_lost_are_found_again(published):
    slovenia = MappingTable.read(published / "si_2021.csv")
    assert slovenia.of("1", "") == slovenia.of("001", "") != ()
    assert table(("01", "", WHEAT), ("001", "", MAIZE)).of("1", "") == ()


def test_a_code_beside_the_name_of_another_crop_returns_both():
    found = table(("1", "wheat", WHEAT), ("2", "maize", MAIZE), ("3", "corn", MAIZE))
    assert [entry.hcat for entry in found.of("1", "Maize")] == [WHEAT, MAIZE]
    assert [entry.hcat for entry in found.of("2", "Corn")] == [MAIZE]
    assert [entry.hcat for entry in found.of("1", "unheard of")] == [WHEAT]


@pytest.mark.parametrize(("value", "text"), [
    (12, "12"), (12.0, "12"), ("12.0", "12"), ("012", "012"), (None, ""), (float("nan"), ""), (" A ", "A"),
    (1.5, "1.5"), (b"\xc3\xa9", "é"), ("004;067", "004;067"), ("1.10", "1.10")])
def test_codes_are_text(value, text):
    assert code_text(value) == text


def test_a_table_of_another_year_is_read_when_it_is_named_and_says_so(published):
    [doubt] = MappingTable.read(published / "fr_2018.csv", "FR", 2019).doubts
    assert "2018" in doubt
    assert "2019" in doubt
    assert MappingTable.read(published / "fr_2018.csv", "FR", 2018).doubts == ()
    assert len(MappingTable.read(published / "fr_other_years.csv", "FR", 2019).doubts) == 2


def test_from_a_folder_only_the_table_of_that_country_and_year_is_taken(published):
    assert MappingTable.read(published, "FR", 2018).name == "fr_2018.csv"
    for country, year, told in [("FR", 2019, "fr_2018.csv"), ("DE", 2021, "de_ls_2021.csv, de_nrw_2021.csv"),
                                ("BR", 2020, "no mapping table of BR")]:
        with pytest.raises(DataError, match=told):
            MappingTable.read(published, country, year)
    with pytest.raises(DataError, match="is a folder"):
        MappingTable.read(published)


def test_a_table_of_another_country_is_refused(published):
    with pytest.raises(DataError, match="of FR, not of DE"):
        MappingTable.read(published / "fr_2018.csv", "DE", 2018)


OWN = ("country,year,code,hcat,name\nBR,2020,1,3301160000,soja\nBR,2019,1,3301010600,milho\n"
       "KE,2020,2.0,3301010600,maize\n")


def test_a_table_of_ones_own_is_keyed_by_country_year_and_code(written):
    path = written(OWN)
    assert MappingTable.read(path, "BR", 2020).of("1", "")[0].hcat == "3301160000"
    assert MappingTable.read(path, "BR", 2019).of("1", "")[0].hcat == MAIZE
    # One row is of Kenya, so its year need not be said.
    kenya = MappingTable.read(path, "KE")
    assert kenya.year == 2020
    assert kenya.of("2", "")[0].names == ("maize",)
    with pytest.raises(DataError, match="BR 2019, BR 2020, KE 2020"):
        MappingTable.read(path, "BR", 2018)
    with pytest.raises(DataError, match="BR 2019, BR 2020"):
        MappingTable.read(path, "BR")


@pytest.mark.parametrize(("text", "told"), [
    ("country,year,code,hcat\nBR,2020,1,wheat\n", "line 2: 'wheat' is no HCAT code"),
    pytest.param('country,year,code,hcat\nBR,2020,1,"\n' + "BR,2020,2,3301010101\n" * 7000,
                 "after line .*: field larger than", id="a quotation mark that is never closed"),
    ("country,year,code,hcat\nBR,2020,1,\nBR,2020,2,3399999999\n", "line 3: '3399999999' is no HCAT code"),
    ("country,year,code,hcat\nBR,,1,3301010101\n", "line 2: '' is no year"),
    ("country,year,code,hcat\nBR,2020,,3301010101\n", "line 2 has neither code nor name"),
    ("country,year,code,hcat\n", "has no rows"), ("", "has no rows"), ("a,b\n1,2\n", "has columns a, b")])
def test_what_is_wrong_in_a_table_is_told(written, text, told):
    with pytest.raises(CorruptRecord, match=told):
        MappingTable.read(written(text))


def test_a_table_that_is_not_utf8_is_refused(written):
    with pytest.raises(CorruptRecord, match="is not UTF-8"):
        MappingTable.read(written("country,year,code,hcat,name\nBR,2020,1,3301010101,maçã\n", encoding="latin-1"))


def test_spreadsheets_marks_and_floats_do_no_harm(written):
    found = MappingTable.read(written("\ufeffcountry,year,code,hcat\r\nBR,2020,7.0,3301010101.0\r\n"))
    assert found.of("7", "")[0].hcat == WHEAT


def test_a_table_before_another_settles_what_it_lists_and_leaves_the_rest(published, written):
    spain = MappingTable.read(published / "es_2023.csv", "ES", 2023)
    assert {entry.hcat for entry in spain.of("1", "TRIGO BLANDO")} == {"3301010100"}
    mine = MappingTable.read(written("country,year,code,hcat\nES,2023,1,3301010101\n"), "ES", 2023)
    both = mine.before(spain)
    assert {entry.hcat for entry in both.of("1", "TRIGO BLANDO")} == {WHEAT}
    assert both.of("10", "") == spain.of("10", "")
    assert len(both.entries) == len(spain.entries)
    assert both.digest not in (mine.digest, spain.digest)


def test_a_row_of_ones_own_goes_before_a_published_one_however_the_code_is_written():
    published = table(("001", "wheat", WHEAT), ("2", "maize", MAIZE), ("03", "", WHEAT), ("003", "", MAIZE))
    for mine, code in itertools.product(("1", "001", "01"), ("1", "001")):
        assert {entry.hcat for entry in table((mine, "", GRASS)).before(published).of(code, "")} == {GRASS}
    assert {entry.hcat for entry in table(("002", "", GRASS)).before(published).of("2", "")} == {GRASS}
    # 03 and 003 are two codes there, and 3 is neither.
    assert {entry.hcat for entry in table(("3", "", GRASS)).before(published).of("03", "")} == {WHEAT}


def test_a_row_of_ones_own_is_not_contradicted_by_published_names():
    published = table(("5", "winter wheat", WHEAT), ("6", "wheat", SPRING_WHEAT), ("7", "maize", MAIZE), name="b.csv")
    last = table(("8", "wheat", GRASS), name="c.csv")
    mine = table(("5", "", GRASS)).before(published).before(last)
    assert [entry.hcat for entry in mine.of("5", "wheat")] == [GRASS]
    # What one's own table does not list is still compared.
    assert [entry.hcat for entry in mine.of("7", "winter wheat")] == [MAIZE]
    assert [entry.hcat for entry in mine.of("7", "wheat")] == [MAIZE, SPRING_WHEAT, GRASS]
    named = table(("", "Wheat", MAIZE)).before(published)
    assert [entry.hcat for entry in named.of("", "wheat")] == [MAIZE]
    contradicted = table(("5", "oats", GRASS), ("9", "rye", MAIZE)).before(published)
    assert [entry.hcat for entry in contradicted.of("5", "rye")] == [GRASS, MAIZE]
