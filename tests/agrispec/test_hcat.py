"""HCAT codes are levels of two digits, and some names mean more than their place."""

import csv

import pytest

from agrispec import hcat


@pytest.mark.parametrize(("code", "node"), [
    ("3301010101", "3301010101"), ("3301010100", "33010101"), ("3301010199", "33010101"), ("3301060499", "33010604"),
    ("3301019900", "33010199"), ("3301061299", "3301061299"), ("3301029800", "330102"), ("3301000000", "3301"),
    ("3300000000", "33")])
def test_the_node_of_a_code_leaves_out_what_says_nothing(code, node):
    assert hcat.node(code) == node


def test_ancestors_lie_above_their_code():
    assert hcat.ancestors("3301010101") == ("3300000000", "3301000000", "3301010000", "3301010100")
    assert hcat.ancestors("3300000000") == ()


@pytest.mark.parametrize("text", ["", "330101", "33010101010", "3401010101", "3301010101.0", "winter_wheat",
                                  "3309000000", "3342010101", "3399999999", "3399010000", "3300010000"])
def test_what_is_no_code_is_told(text):
    assert not hcat.is_code(text)


@pytest.mark.parametrize(("code", "nodes"), [
    ("3301011500", ("330101",)), ("3301011501", ("330101",)), ("3399000000", ("33",)), ("3301100000", ("3301",)),
    ("3304020000", ("33",)), ("3304020100", ("33040201",)), ("3301010101", ("3301010101",))])
def test_crops_that_nobody_specified_lie_in_a_wider_node(code, nodes):
    assert hcat.reach(code) == nodes


@pytest.fixture(scope="module")
def names(real_data):
    """HCAT's own list: code -> name."""
    with (real_data / "eurocrops" / "hcat_core" / "HCAT3.csv").open(encoding="utf-8") as file:
        return {row["HCAT3_code"]: row["HCAT3_name"] for row in csv.DictReader(file)}


def test_every_crop_type_of_hcat_is_a_code(names):
    assert {code for code in names if hcat.is_code(code)} == {code for code in names if code.startswith("33")}


def test_every_crop_of_hcat_has_its_ancestors_in_hcat(names):
    for code in names:
        if hcat.is_code(code):
            assert all(above in names for above in hcat.ancestors(code)), code


def test_crops_that_hcat_calls_unspecified_and_no_others_lose_a_level(names):
    for code, name in names.items():
        if hcat.is_code(code):
            shortened = len(hcat.node(code)) < 2 * len(hcat.ancestors(code)) + 2
            assert shortened <= name.startswith("unspecified"), name
            assert name.startswith("unspecified") <= (shortened or hcat.reach(code) != (hcat.node(code),)), name


def test_wider_nodes_are_nodes_of_hcat(names):
    for narrow, wider in hcat._WIDER.items():
        assert {node.ljust(10, "0") for node in (narrow, *wider)} <= names.keys()
