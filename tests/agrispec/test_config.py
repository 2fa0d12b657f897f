"""A configuration is checked as it is read, and what is wrong is named."""

import pytest

from agrispec import config
from agrispec.errors import ConfigError

TEXT = """
[area]
cells = ["E0045N0487", "E0046N0487"]
[season]
source = [2023]
target = 2024
[labels]
images = "projects/agrispec-local/assets/labels"
band = "crop"
[map]
bounds = [600000, 5400000, 600960, 5400960]
crs = "EPSG:32631"
[[classes]]
name = "wheat"
codes = [1]
colour = "#f0e442"
[[classes]]
name = "maize"
codes = [2, 3]
colour = "#e69f00"
"""


def test_a_small_configuration_is_enough():
    found = config.parse(TEXT)
    assert found.spec.shape == (73, 11)
    assert found.taxonomy.names == ("wheat", "maize")
    assert found.clear.threshold == 0.75
    assert found.labels.erode_m == 60
    assert found.training.confidence == 0.65
    assert [cell.id for cell in found.area.resolved] == ["E0045N0487", "E0046N0487"]
    assert found.season_of(2024).steps == 73


def test_growing_degree_days_are_asked_for_by_a_switch():
    assert config.parse(TEXT + "[cube]\ngdd_base = 8\n").spec.gdd_base is None
    assert config.parse(TEXT + "[cube]\ngdd = true\n").spec.gdd_base == 0
    assert config.parse(TEXT + "[cube]\ngdd = true\ngdd_base = 8\n[training]\nthermal = true\n").spec.gdd_base == 8


def test_a_class_may_ask_for_more_confidence():
    asked = TEXT.replace('band = "crop"', 'band = "crop"\nconfidence_band = "sure"\nleast_confidence = 60')
    found = config.parse(asked.replace("codes = [1]", "codes = [1]\nleast_confidence = 85"))
    assert found.labels.least_confidence == 60
    assert [crop.least_confidence for crop in found.classes] == [85, 0]


def test_thermal_time_needs_a_cube_with_growing_degree_days():
    with pytest.raises(ConfigError, match="does not carry") as refused:
        config.parse(TEXT + "[training]\nthermal = true\n")
    assert "gdd = true" in refused.value.mend


def test_settings_reach_the_cube():
    found = config.parse(TEXT + '[cube]\nwindow_days = [1, 100]\n[clear]\nthreshold = 0.6\n')
    assert found.spec.clear.threshold == 0.6
    assert found.spec.window.steps == 20


@pytest.mark.parametrize(("change", "named"), [
    (("[season]", "[seasons]"), "'seasons'; did you mean 'season'?"),
    (("band =", "bands ="), "[labels] has no key 'bands'; did you mean 'band'?"),
    (("target = 2024", "target = 2023"), "target season 2023 is a source season"),
    (("target = 2024", 'target = "2024"'), "season.target = '2024' is not a whole number"),
    (("source = [2023]", "source = 2023"), "season.source = 2023 is not a list"),
    (("source = [2023]", "source = []"), "no labelled season"),
    (('cells = ["E0045N0487", "E0046N0487"]', "cells = []"), "the area is empty"),
    (('cells = ["E0045N0487", "E0046N0487"]', "bounds = [5.0, 48.0, 4.0, 49.0]"), "is empty"),
    (('cells = ["E0045N0487", "E0046N0487"]', 'cells = ["here"]'), "'here' is not a 0.1 degree cell"),
    (("bounds = [600000, 5400000, 600960, 5400960]", "bounds = [1, 2, 3]"), "enclose no area"),
    (('images = "projects/agrispec-local/assets/labels"\n', ""), "label maps need both"),
    (('band = "crop"', 'band = "crop"\nplaces = "places.parquet"'), "labels are given twice"),
    (("codes = [1]", "codes = [2]"), "code 2 is used twice"),
    (('name = "wheat"', 'nam = "wheat"'), "did you mean 'name'?"),
    (("[map]", "[cube]\npreset = 'cropnet'\n[map]"), "no cube preset 'cropnet'"),
    (("[map]", "[cube]\nwindow_days = [300, 100]\n[map]"), "window of days 300-100"),
    (("[map]", "[engine]\nname = 'clod'\n[map]"), "no engine 'clod'"),
    (("[map]", "[engine]\nproject = 'local'\n[map]"), "'local' is not a Cloud project id"),
    (("[map]", "[clear]\nscore = 'qa'\n[map]"), "no band 'qa'"),
    (("[map]", "[split]\ntest = 1.5\n[map]"), "leave no share"),
    (("[map]", "[samples]\nper_class = 0\n[map]"), "no samples"),
    (("[map]", "[samples]\nper_source_cell = -1\n[map]"), "cannot hold -1 places"),
    (("[map]", "[map"), "is not TOML"),
    (('band = "crop"', 'band = "crop"\nleast_confidence = 80'), "no band says how sure"),
    (("codes = [1]", "codes = [1]\nleast_confidence = 80"), "no band says how sure"),
    (("codes = [1]", "codes = [1]\nleast_confidence = -1"), "least confidence -1 of class 'wheat' is negative"),
    (('band = "crop"', 'band = "crop"\nleast_confidence = -1'), "least confidence -1 of labels is negative"),
    (('band = "crop"', 'band = "crop"\nconfidence_band = "sure"'), "'sure' is named, and no confidence is asked"),
])
def test_what_is_wrong_is_named_with_its_mend(change, named):
    assert change[0] in TEXT
    with pytest.raises(ConfigError) as refused:
        config.parse(TEXT.replace(*change))
    assert named in str(refused.value)
    assert str(refused.value).count("\n") == 0
    assert refused.value.exit_code == 2


DRAWN = TEXT.replace('images = "projects/agrispec-local/assets/labels"\nband = "crop"', 'places = "places.parquet"')


@pytest.mark.parametrize(("change", "named"), [
    (("[map]", "erode_m = 20\n[map]"), "[labels] erode_m says something of label maps"),
    (("[map]", 'confidence_band = "sure"\nleast_confidence = 9\n[map]'), "confidence_band and least_confidence say"),
    (("[map]", "[samples]\nper_source_cell = 100\n[map]"), "per_source_cell says something of label maps"),
    (("codes = [1]", "codes = [1]\nleast_confidence = 80"), "drawn places tell no confidence"),
])
def test_what_drawn_places_would_not_heed_is_refused_beside_them(change, named):
    assert config.parse(DRAWN.replace("[map]", "erode_m = 60\n[map]")).labels.places == "places.parquet"
    with pytest.raises(ConfigError) as refused:
        config.parse(DRAWN.replace(*change))
    assert named in str(refused.value)


def test_readers_are_principals():
    shared = '[publish]\nreaders = ["user:a@example.org", "domain:example.org"]\npublic = true\nlicence = "CC0-1.0"\n'
    found = config.parse(TEXT + shared).publish
    assert (found.readers, found.public) == (("user:a@example.org", "domain:example.org"), True)
    with pytest.raises(ConfigError, match="'a@example.org' is nobody.*user:a@example.org"):
        config.parse(TEXT + '[publish]\nreaders = ["a@example.org"]')


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="there is no configuration"):
        config.read(tmp_path / "agrispec.toml")


def test_regions_hold_cells_by_their_centres():
    text = TEXT + """
[[regions]]
name = "west"
bounds = [4.0, 48.0, 4.55, 49.0]
[[regions]]
name = "east"
bounds = [4.55, 48.0, 5.0, 49.0]
"""
    west, east = config.parse(text).regions
    first, second = config.parse(text).area.resolved
    # The centre of the first cell, 4.55, is on the common edge, which belongs to the east.
    assert [region.holds(first) for region in (west, east)] == [False, True]
    assert [region.holds(second) for region in (west, east)] == [False, True]
    assert config.parse(TEXT).regions == ()


@pytest.mark.parametrize(("regions", "named"), [
    ([("", [4.0, 48.0, 5.0, 49.0])], "a region has no name"),
    ([("west", [4.0, 48.0, 5.0])], r"the bounds \[4.0, 48.0, 5.0\] of region west enclose no area"),
    ([("west", [5.0, 48.0, 4.0, 49.0])], "of region west enclose no area; give"),
    ([("west", [4.0, 48.0, 5.0, 49.0])] * 2, "two regions are called west; give each"),
])
def test_regions_that_cannot_be_are_refused(regions, named):
    text = TEXT + "".join(f'[[regions]]\nname = "{name}"\nbounds = {bounds}\n' for name, bounds in regions)
    with pytest.raises(ConfigError, match=named):
        config.parse(text)
