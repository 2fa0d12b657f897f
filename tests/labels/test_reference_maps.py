"""Legends name each code once, in classes that exist, and the TOML that is printed is a configuration."""

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner

from agrispec import config
from agrispec.class_sets import CLASS_SETS
from agrispec.errors import ConfigError
from agrispec.season import Season
from cli import main
from labels import reference_maps
from labels.reference_maps import REFERENCE_MAPS

REST = """
[area]
cells = ["E0045N0487"]
[season]
source = [2018]
target = 2019
[map]
bounds = [613000, 5401800, 613240, 5402000]
crs = "EPSG:32631"
"""


def rows():
    with (Path(reference_maps.__file__).parent / "legends.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def named(name, classes):
    """Codes by class name."""
    grouped = reference_maps.codes(REFERENCE_MAPS[name], CLASS_SETS[classes])
    return {crop.name: {code.code for code in own} for crop, own in zip(CLASS_SETS[classes], grouped, strict=True)}


def test_legends_name_a_code_once_and_classes_that_exist():
    keys = [(row["map"], int(row["code"])) for row in rows()]
    assert len(set(keys)) == len(keys)
    assert keys == sorted(keys, key=lambda key: (["cdl", "aci", "eucropmap"].index(key[0]), key[1]))
    assert set(rows()[0]) == {"map", "code", "name", *CLASS_SETS}
    for name, classes in CLASS_SETS.items():
        assert {row[name] for row in rows()} - {""} <= {crop.name for crop in classes}
    assert {row["map"] for row in rows()} == {name for name, found in REFERENCE_MAPS.items() if found.asset}


def test_codes_of_the_maps_own_pages_are_of_their_crops():
    cdl, aci, eu = (named(name, "agrispec-17") for name in ("cdl", "aci", "eucropmap"))
    assert cdl["winter wheat"] == {24}
    assert cdl["spring wheat"] == {23}
    assert cdl["maize"] == {1, 12, 13}
    assert cdl["pulses"] == {42, 51, 52, 53}
    assert aci["winter wheat"] == {145}
    assert aci["rapeseed"] == {153}
    assert eu["maize"] == {216}
    assert eu["sugar beet"] == {222}
    cdl, aci, eu = (named(name, "cropglobe-7") for name in ("cdl", "aci", "eucropmap"))
    assert cdl["wheat"] == {22, 23, 24, 30}
    assert (cdl["cotton"], cdl["rice"], cdl["sugarcane"]) == ({2}, {3}, {45})
    assert aci["corn"] == {147}
    assert aci["soybeans"] == {158}
    assert eu["wheat"] == {211, 212}


@pytest.mark.parametrize("classes", CLASS_SETS)
def test_two_crops_a_year_are_of_no_class(classes):
    double = [row for row in rows() if "Dbl Crop" in row["name"]]
    assert {int(row["code"]) for row in double} == {26, 225, 226, 228, *range(230, 242), 254}
    assert not any(row[classes] for row in double)


def test_no_season_is_guessed():
    unsaid = {("cdl", 21), ("cdl", 22), ("aci", 133), ("aci", 140), ("eucropmap", 211), ("eucropmap", 213)}
    assert not any(row["agrispec-17"] for row in rows() if (row["map"], int(row["code"])) in unsaid)


def test_a_code_of_one_of_seventeen_classes_is_of_the_class_of_seven_that_this_lies_in():
    seven = {"maize": "corn", "soya": "soybeans", "winter wheat": "wheat", "spring wheat": "wheat"}
    for row in rows():
        if row["agrispec-17"] not in ("", "other"):
            assert row["cropglobe-7"] == seven.get(row["agrispec-17"], "other"), row


@pytest.mark.parametrize("classes", CLASS_SETS)
@pytest.mark.parametrize("name", REFERENCE_MAPS)
def test_what_is_printed_is_a_configuration_of_the_codes(name, classes):
    told = CliRunner().invoke(main, ["labels", "maps", name, "--classes", classes])
    assert told.exit_code == 0, told.output
    assert max(map(len, told.stdout.splitlines())) <= 120
    found, chosen = config.parse(REST + told.stdout), CLASS_SETS[classes]
    expected = {name: codes for name, codes in named(name, classes).items() if codes}
    assert {crop.name: set(crop.codes) for crop in found.classes} == expected
    order = [crop.name for crop in chosen]
    assert [order.index(crop.name) for crop in found.classes] == sorted(map(order.index, expected))
    assert {crop.colour for crop in found.classes} <= {crop.colour for crop in chosen}
    assert found.labels.band == REFERENCE_MAPS[name].band
    assert found.labels.erode_m == 60
    if not REFERENCE_MAPS[name].asset:
        assert [crop.codes for crop in found.classes] == [(number,) for number in range(len(chosen))]


def test_the_confidence_can_be_asked_for_by_taking_the_hashes_away():
    told = reference_maps.toml(REFERENCE_MAPS["cdl"], CLASS_SETS["cropglobe-7"])
    asked = told.replace("# confidence_band", "confidence_band").replace("# least_confidence", "least_confidence")
    found = config.parse(REST + asked).labels
    assert (found.confidence_band, found.least_confidence) == ("confidence", 80)


def test_the_list_tells_years_classes_confidence_licence_and_page():
    told = CliRunner().invoke(main, ["labels", "maps"])
    assert told.exit_code == 0
    for found in REFERENCE_MAPS.values():
        assert found.title in told.stdout
        assert found.licence in told.stdout
        assert found.link in told.stdout
        assert found.asset in told.stdout
        Season.of(2023, found.first_day)
        assert list(found.years) == sorted(set(found.years))
        assert bool(found.asset) != bool(found.needs)
        assert set(found.confidence_years) <= set(found.years)
    assert "harvests    2016-2019, 2022, 2024; seasons from 01-01" in told.stdout
    assert "band confidence, 0-100, years 2008-2017" in told.stdout


def test_a_map_or_set_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="no reference map 'CDL'; choose one of cdl, aci"):
        reference_maps.of("CDL")
    told = CliRunner().invoke(main, ["labels", "maps", "cdl", "--classes", "seventeen"])
    assert told.exit_code == 2
    assert "there is no class set 'seventeen'" in told.stderr
