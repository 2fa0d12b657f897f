"""Codes of HCAT, the crop hierarchy of EuroCrops: ten digits, of which each pair is one level.

3301010101 is 33 crop type, 01 arable crops, 01 cereal, 01 common soft wheat, 01 winter. Levels that a code does not
reach are 00, so that 3301010100 is wheat of which the season is not said. Version 3, Schneider et al. 2023.
https://doi.org/10.1038/s41597-023-02517-0
"""

from __future__ import annotations

import re

ROOT = "33"
"""What every crop is: a crop type."""

_PAIRS = range(2, 12, 2)
# Crops of which a last pair 99 says that the season is not known; elsewhere 99 is a crop that has no code of its own.
# Everywhere 98 says that the crop is not known.
_SEASONED = re.compile(r"330101..99|3301060499")
# Nodes that do not hold what their names can mean: any cereal, of either season, any crop with oil or fibre, whatever
# is grown for seed, for energy or with modified genes, any permanent crop, and what nobody knows.
_WIDER = {**dict.fromkeys(("33010115", "3301011501", "3301011502", "3301011503"), ("330101",)),
          "33010608": ("330106", "330116"), "33010611": ("33010611", "33010603"),
          "330110": ("3301",), "330312": ("3303",),
          **dict.fromkeys(("3304", "330401", "330402", "3399"), (ROOT,))}


def is_code(text: str) -> bool:
    """Whether a text is ten digits of a crop type, of one of the groups that HCAT has.

    What is below a group is not checked, but for the group of what is not known, which has nothing below.
    """
    return re.fullmatch(ROOT + r"(?:0[1-8]\d{6}|(?:00|99)000000)", text) is not None


def node(code: str) -> str:
    """The leading pairs that say something of the crop: without 00, "unspecified" and "season unspecified".

    `node("3301010100")` and `node("3301010199")` are both "33010101".
    """
    said = _pairs(code)
    return said[:-2] if said.endswith("98") or _SEASONED.fullmatch(said) else said


def reach(code: str) -> tuple[str, ...]:
    """The nodes below which the declared crop lies: the code's own, or a wider one where its name means more.

    Unspecified cereals have a node of their own in HCAT, but may be any cereal: `reach("3301011500")` is ("330101",).
    """
    own = node(code)
    return _WIDER.get(own, (own,))


def ancestors(code: str) -> tuple[str, ...]:
    """Ten-digit codes of what is above a code, the crop type first."""
    said = _pairs(code)
    return tuple(said[:end].ljust(10, "0") for end in _PAIRS if end < len(said))


def _pairs(code: str) -> str:
    """A code without the levels that it does not reach."""
    while code.endswith("00"):
        code = code[:-2]
    return code
