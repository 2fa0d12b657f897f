"""Class sets: what their codes mean, how they translate, and that their colours are told apart."""

import csv
from collections import Counter

import numpy as np
import pytest

from agrispec import hcat
from agrispec.class_sets import CLASS_SETS, PARENTS, merged, translated
from agrispec.taxonomy import CROPGLOBE

OURS, CROPGLOBE_7 = CLASS_SETS["agrispec-17"], CLASS_SETS["cropglobe-7"]


def named(classes, number):
    return None if number is None else classes.classes[number].name


@pytest.fixture(scope="module")
def names(real_data):
    """HCAT's own list: name -> code, the crops of it."""
    with (real_data / "eurocrops" / "hcat_core" / "HCAT3.csv").open(encoding="utf-8") as file:
        return {row["HCAT3_name"]: row["HCAT3_code"] for row in csv.DictReader(file)
                if hcat.is_code(row["HCAT3_code"])}


@pytest.mark.parametrize("classes", CLASS_SETS.values(), ids=CLASS_SETS)
def test_every_hcat_code_of_a_class_is_one_of_hcat(classes, names):
    for crop in classes:
        assert {node.ljust(10, "0") for node in crop.hcat} <= set(names.values()), crop.name


# By the names that HCAT gives its codes, not by the codes.
@pytest.mark.parametrize(("crop", "ours", "cropglobe"), [
    ("winter_common_soft_wheat", "winter wheat", "wheat"), ("winter_durum_hard_wheat", "winter wheat", "wheat"),
    ("spring_common_soft_wheat", "spring wheat", "wheat"), ("spring_spelt", "spring wheat", "wheat"),
    ("common_soft_wheat", None, "wheat"), ("unspecified_season_common_soft_wheat", None, "wheat"),
    ("winter_barley", "winter barley", "other"), ("spring_barley", "spring barley", "other"), ("barley", None, "other"),
    ("winter_rye", "rye", "other"), ("rye", "rye", "other"), ("spring_triticale", "triticale", "other"),
    ("unspecified_season_oats", "oats", "other"), ("grain_maize_corn_popcorn", "maize", "corn"),
    ("green_silo_maize", "maize", "corn"), ("millet_sorghum", "sorghum", "other"), ("teff", "other", "other"),
    ("winter_rapeseed_rape", "rapeseed", "other"), ("sunflower", "sunflower", "other"),
    ("soy_soybeans", "soya", "soybeans"), ("potatoes", "potato", "other"), ("sweet_potatoes", "other", "other"),
    ("sugar_beet", "sugar beet", "other"), ("mangelwurzel_fodder_beet", "other", "other"), ("peas", "pulses", "other"),
    ("legumes_dried_pulses_protein_crops", "pulses", "other"),
    ("unspecified_legumes_dried_pulses_protein_crops", "pulses", "other"),
    ("temporary_grass", "temporary grass/fodder", "other"), ("alfalfa_lucerne", "temporary grass/fodder", "other"),
    ("esparsette_onobrychis", "temporary grass/fodder", "other"),
    ("onobrychis_sainfoins", "temporary grass/fodder", "other"),
    ("plants_harvested_green", "temporary grass/fodder", None), ("pasture_meadow_grassland_grass", "other", "other"),
    ("rice", "other", "rice"), ("cotton", "other", "cotton"), ("apples", "other", "other"),
    ("permanent_crops_perennial", "other", "other"), ("tree_wood_forest", "other", "other"),
    ("fallow_land_not_crop", "other", "other"), ("other_cereals", "other", "other"),
    ("unspecified_cereals", None, None), ("winter_unspecified_cereals", None, None), ("cereal", None, None),
    ("oilseed_crops", None, None), ("root_vegetables", None, "other"), ("arable_crops", None, None),
    ("arable_land_seed_seedlings", None, None), ("energy_crops", None, None), ("not_known_and_other", None, None),
    ("crop_type", None, None)])
def test_a_crop_has_the_class_of_its_longest_listed_beginning(names, crop, ours, cropglobe):
    assert named(OURS, OURS.of_hcat(names[crop])) == ours
    assert named(CROPGLOBE_7, CROPGLOBE_7.of_hcat(names[crop])) == cropglobe


@pytest.mark.parametrize("classes", CLASS_SETS.values(), ids=CLASS_SETS)
def test_a_code_with_a_class_passes_it_on_to_what_lies_below(classes, names):
    """Where no class lists the code itself: those may list what lies below for another class."""
    listed = {node for crop in classes for node in crop.hcat}
    for code in names.values():
        found = classes.of_hcat(code)
        if found is None or hcat.node(code) in listed:
            continue
        below = {classes.of_hcat(other) for other in names.values() if code in hcat.ancestors(other)}
        assert below <= {found}, code


def test_lucas_codes_are_of_one_class_but_where_lucas_does_not_tell():
    for classes, shared in ((OURS, {"B11", "B12", "B13", "B19"}), (CROPGLOBE_7, set())):
        listed = Counter(code for crop in classes for code in crop.lucas)
        assert {code for code, count in listed.items() if count > 1} == shared
        assert {code for code in listed if len(code) == 1} == set("ABCDEFGH")


def test_a_set_translated_to_itself_is_itself():
    for classes in CLASS_SETS.values():
        assert translated(classes, classes) == tuple(range(len(classes)))


def test_our_classes_become_cropglobes():
    found = dict(zip((crop.name for crop in OURS), translated(OURS, CROPGLOBE_7), strict=True))
    assert {name: named(CROPGLOBE_7, number) for name, number in found.items()} == {
        **{crop.name: "other" for crop in OURS}, "winter wheat": "wheat", "spring wheat": "wheat", "maize": "corn",
        "soya": "soybeans", "other": None}


def test_cropglobes_wheat_and_other_are_no_class_of_ours():
    assert [named(OURS, number) for number in translated(CROPGLOBE_7, OURS)] == [
        "maize", "soya", "other", None, "other", "other", None]


@pytest.mark.parametrize(("source", "target"), [(OURS, CROPGLOBE_7), (CROPGLOBE_7, OURS)])
def test_translating_a_class_agrees_with_mapping_its_codes(source, target, names):
    number_of = translated(source, target)
    for code in names.values():
        number, there = source.of_hcat(code), target.of_hcat(code)
        if number is not None and number_of[number] is not None and there is not None:
            assert there == number_of[number], code


def test_cropglobes_set_has_its_classes_in_its_codes_and_colours():
    assert [(crop.name, crop.colour) for crop in CROPGLOBE_7] == [(crop.name, crop.colour) for crop in CROPGLOBE]


def test_merging_keeps_what_a_countrys_truth_tells():
    assert merged("AUS") == (6, 6, 6, 6, 4, 5, 6)
    assert merged("CHN") == (0, 1, 2, 6, 6, 6, 6)
    assert merged("ARG") == (0, 1, 2, 6, 4, 5, 6)
    assert merged("FRA") == tuple(range(7))


def test_groups_lie_in_groups():
    assert OURS.lineage(0) == ("cereals", "wheat")
    assert OURS.lineage(7) == ("cereals",)
    assert OURS.lineage(16) == ()
    assert not set(PARENTS) & {crop.name for crop in OURS}


# Machado, Oliveira & Fernandes (2009), severity 1, on linear sRGB. https://doi.org/10.1109/TVCG.2009.113
EYES = {
    "normal": np.eye(3),
    "without red cones": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                          [-0.003882, -0.048116, 1.051998]],
    "without green cones": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                            [-0.011820, 0.042940, 0.968881]],
}


def lab(colours, eye):
    """CIELAB (D65) of #rrggbb as an eye sees it (N, 3)."""
    values = np.array([[int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)] for colour in colours])
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4) @ np.transpose(eye)
    # https://www.w3.org/Graphics/Color/sRGB, white as the sum of its rows
    to_xyz = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                       [0.0193339, 0.1191920, 0.9503041]])
    xyz = np.clip(linear, 0, 1) @ to_xyz.T / to_xyz.sum(axis=1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize(("classes", "least"), [(OURS, 20.0), (CROPGLOBE_7, 17.0)], ids=CLASS_SETS)
def test_any_two_colours_are_told_apart(classes, least, eye):
    seen = lab([crop.colour for crop in classes], EYES[eye])
    apart = np.linalg.norm(seen[:, None] - seen, axis=2)[np.triu_indices(len(seen), 1)]
    assert apart.min() >= least


def test_lab_of_known_colours_is_known():
    """White, black and pure red of sRGB. http://www.brucelindbloom.com"""
    np.testing.assert_allclose(lab(["#ffffff", "#000000", "#ff0000"], EYES["normal"]),
                               [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]], atol=0.02)
