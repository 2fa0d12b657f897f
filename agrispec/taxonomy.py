"""Crop classes, and how a label source's codes become class numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agrispec.errors import ConfigError

NO_CLASS = 255
"""Class number of a place that nothing is known of; maps are bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CropClass:
    """One class of a map.

    Attributes:
        name: what the map's legend says.
        codes: the label source's codes that belong to it.
        colour: map colour, `#rrggbb`.
    """

    name: str
    codes: tuple[int, ...]
    colour: str

    def __post_init__(self) -> None:
        if not self.codes:
            raise ConfigError(f"class {self.name!r} has no codes of the label source",
                              mend="list at least one code, e.g. codes = [1]")
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", self.colour):
            raise ConfigError(f"the colour {self.colour!r} of class {self.name!r} is not #rrggbb",
                              mend="write it as in #e69f00")


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """The classes of a map in order; a class number is a position in it, 0 … C-1."""

    classes: tuple[CropClass, ...]

    def __post_init__(self) -> None:
        if not 2 <= len(self.classes) < NO_CLASS:
            raise ConfigError(f"{len(self.classes)} classes cannot be mapped", mend=f"list 2 to {NO_CLASS - 1} classes")
        names = [crop.name for crop in self.classes]
        codes = [code for crop in self.classes for code in crop.codes]
        for what, values in (("name", names), ("code", [str(code) for code in codes])):
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise ConfigError(f"class {what} {', '.join(twice)} is used twice",
                                  mend=f"give every class {what} to one class only")

    def __len__(self) -> int:
        return len(self.classes)

    def __iter__(self) -> Iterator[CropClass]:
        return iter(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Class names by class number."""
        return tuple(crop.name for crop in self.classes)

    @property
    def colours(self) -> tuple[str, ...]:
        """Map colours by class number."""
        return tuple(crop.colour for crop in self.classes)

    @property
    def codes(self) -> tuple[tuple[int, int], ...]:
        """(source code, class number) pairs."""
        return tuple((code, number) for number, crop in enumerate(self.classes) for code in crop.codes)


# Colours of Okabe & Ito (2008), told apart with any colour vision, and a grey too light to be taken for sugarcane's
# without green cones. https://jfly.uni-koeln.de/color/
CROPGLOBE = Taxonomy((
    CropClass(name="corn", codes=(0,), colour="#e69f00"),
    CropClass(name="soybeans", codes=(1,), colour="#009e73"),
    CropClass(name="rice", codes=(2,), colour="#56b4e9"),
    CropClass(name="wheat", codes=(3,), colour="#f0e442"),
    CropClass(name="sugarcane", codes=(4,), colour="#cc79a7"),
    CropClass(name="cotton", codes=(5,), colour="#0072b2"),
    CropClass(name="other", codes=(6,), colour="#dddddd"),
))
"""The seven classes of CropGlobe (arXiv 2509.03497), in its integer codes."""
