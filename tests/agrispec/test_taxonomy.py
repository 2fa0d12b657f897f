"""Class numbers are positions; codes belong to one class only."""

import pytest

from agrispec.errors import ConfigError
from agrispec.taxonomy import CROPGLOBE, CropClass, Taxonomy


def crop(name, *codes, colour="#112233"):
    return CropClass(name=name, codes=codes, colour=colour)


def test_codes_map_onto_positions():
    taxonomy = Taxonomy((crop("wheat", 1110, 1120), crop("maize", 1200)))
    assert taxonomy.codes == ((1110, 0), (1120, 0), (1200, 1))
    assert taxonomy.names == ("wheat", "maize")


def test_cropglobe_has_its_seven_classes_in_its_own_codes():
    assert [code for code, number in CROPGLOBE.codes] == [number for code, number in CROPGLOBE.codes] == list(range(7))
    assert CROPGLOBE.names == ("corn", "soybeans", "rice", "wheat", "sugarcane", "cotton", "other")


@pytest.mark.parametrize("make", [
    lambda: Taxonomy((crop("wheat", 1),)), lambda: Taxonomy((crop("wheat", 1), crop("wheat", 2))),
    lambda: Taxonomy((crop("wheat", 1), crop("maize", 1))), lambda: crop("wheat"),
    lambda: crop("wheat", 1, colour="yellow")])
def test_ambiguous_classes_are_refused_with_a_mend(make):
    with pytest.raises(ConfigError) as refused:
        make()
    assert refused.value.mend
