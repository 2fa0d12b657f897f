"""The commands that tell of class sets and mapping tables."""

import dataclasses
import shutil
import tomllib

import pytest
from click.testing import CliRunner

import cli
from agrispec.class_sets import CLASS_SETS
from agrispec.taxonomy import CropClass, Taxonomy
from labels import eurocrops


@pytest.fixture(scope="module")
def published(real_data):
    return real_data / "eurocrops" / "csvs" / "country_mappings"


def told(*arguments, status=0):
    done = CliRunner().invoke(cli.main, ["labels", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == status, done.output
    return done.output


@pytest.mark.parametrize("name", CLASS_SETS)
def test_the_classes_of_a_set_are_ready_to_paste(name):
    tables = tomllib.loads(told("classes", name))["classes"]
    taxonomy = Taxonomy(tuple(CropClass(name=table["name"], codes=tuple(table["codes"]), colour=table["colour"])
                              for table in tables))
    assert taxonomy.names == tuple(crop.name for crop in CLASS_SETS[name])
    assert taxonomy.codes == tuple((number, number) for number in range(len(taxonomy)))


def test_sets_are_listed_and_others_are_unknown():
    assert told("classes").startswith("agrispec-17: winter wheat, spring wheat, ")
    assert "name one of agrispec-17, cropglobe-7" in told("classes", "agrispec-18", status=2)


def test_all_published_tables_are_listed_with_their_coverage(published):
    lines = told("tables", published).splitlines()
    rows = {line.split()[0]: line.split() for line in lines if line.split()[0] in eurocrops.TABLES}
    assert rows.keys() == eurocrops.TABLES.keys()
    assert rows["fr_2018.csv"][1:] == ["282", "282", "265", "136", "9", "8", "0", "0", "94.0", "%"]
    assert "not as published" not in "".join(lines)
    assert "DE, whose states share one system of codes:" in lines
    assert "30 codes mapped differently; 12 to different classes" in lines


def test_a_table_that_was_changed_is_told_apart(published, tmp_path):
    shutil.copyfile(published / "hr_2020.csv", tmp_path / "hr_2020.csv")
    assert "not as published" not in told("tables", tmp_path)
    (tmp_path / "hr_2020.csv").write_bytes((tmp_path / "hr_2020.csv").read_bytes() + b"1,x,y,peas,3301020600,,\r\n")
    assert "not as published" in told("tables", tmp_path)


def test_a_table_that_cannot_be_read_is_said_among_the_others(published, tmp_path):
    shutil.copyfile(published / "hr_2020.csv", tmp_path / "hr_2020.csv")
    (tmp_path / "de.csv").write_text("original_code,HCAT3_code\n1,3399999999\n")
    lines = told("tables", tmp_path).splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["table", "de.csv", "hr_2020.csv"]
    assert "de.csv, line 2: '3399999999' is no HCAT code" in lines[1]
    assert lines[-1].startswith("1 tables to agrispec-17")


def test_without_a_folder_the_published_tables_are_named():
    lines = told("tables").splitlines()
    assert [line.split()[0] for line in lines[:-2]] == list(eurocrops.TABLES)
    assert "CC BY-SA 4.0" in lines[-2]


def test_an_empty_folder_says_how_to_fill_it(tmp_path):
    assert f"agrispec-gee labels tables --fetch {tmp_path}" in told("tables", tmp_path, status=1)
    assert "--fetch needs a FOLDER" in told("tables", "--fetch", status=2)


def test_the_folder_is_filled_before_it_is_listed(published, tmp_path, monkeypatch):
    one = {"hr_2020.csv": dataclasses.replace(eurocrops.TABLES["hr_2020.csv"])}
    monkeypatch.setattr(eurocrops, "TABLES", one)
    # A file that is there is not fetched: nothing here reaches the network.
    shutil.copyfile(published / "hr_2020.csv", tmp_path / "hr_2020.csv")
    assert "hr_2020.csv" in told("tables", "--fetch", tmp_path)


def test_changes_between_two_tables_are_printed(published):
    lines = told("changes", published / "fr_2018.csv", published / "fr_other_years.csv").splitlines()
    assert lines[:3] == ["fr_2018.csv (282 rows) -> fr_other_years.csv (41 rows)",
                         "fr_other_years.csv lists only what another table of FR lacks",
                         "1 mapped elsewhere, 40 new; 1 code to another class"]


def test_two_years_of_ones_own_table_are_compared(tmp_path):
    mine = tmp_path / "mine.csv"
    mine.write_text("country,year,code,hcat,name\nFR,2022,MIE,3301090400,maïs ensilage\nFR,2022,MIS,3301010600,maïs\n"
                    "FR,2023,MIS,3301010600,maïs\n")
    lines = told("changes", mine, mine, "--year", 2022, "--other-year", 2023).splitlines()
    assert lines[1:] == ["1 gone", "  gone              MIE     maïs ensilage 3301090400 [maize]"]
    assert "say which country and year is meant" in told("changes", mine, mine, status=1)
