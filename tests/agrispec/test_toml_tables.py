"""TOML becomes the classes it describes, or what does not fit is named."""

from dataclasses import dataclass

import pytest

from agrispec import toml_tables
from agrispec.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Field:
    crop: str
    years: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Farm:
    fields: tuple[Field, ...]
    main: Field
    hectares: float = 1.0
    organic: bool = False


TEXT = """
hectares = 3
organic = true
[main]
crop = "maize"
[[fields]]
crop = "wheat"
years = [2023, 2024]
"""


def test_tables_are_classes_and_their_keys_attributes():
    assert toml_tables.parse(Farm, TEXT, "farm.toml") == Farm(
        fields=(Field(crop="wheat", years=(2023, 2024)),), main=Field(crop="maize"), hectares=3.0, organic=True)


@pytest.mark.parametrize(("change", "named"), [
    (("hectares", "hectare"), "the top level has no key 'hectare'; did you mean 'hectares'?"),
    (("years", "x"), "[fields] has no key 'x'; its keys are crop, years"),
    (("hectares = 3", "hectares = true"), "hectares = True is not a number"),
    (("hectares = 3", "hectares = inf"), "hectares = inf is not a finite number"),
    (("hectares = 3", f"hectares = -1{'0' * 400}"), f"hectares = -1{'0' * 38} is not a finite number"),
    (("organic = true", "organic = 1"), "organic = 1 is not true or false"),
    (("2023", "2023.5"), "fields.years = 2023.5 is not a whole number"),
    (("[main]\ncrop", "main"), "main is not a table"),
    (('crop = "maize"', ""), "[main] lacks crop"),
    (("[main]", "[main"), "is not TOML")])
def test_what_does_not_fit_is_named_with_its_mend(change, named):
    assert change[0] in TEXT
    with pytest.raises(ConfigError) as refused:
        toml_tables.parse(Farm, TEXT.replace(*change), "farm.toml")
    assert str(refused.value).startswith("farm.toml")
    assert named in str(refused.value)
    assert refused.value.mend
