"""Spectral indices as data: ratios of two linear forms of reflectance.

Two interpreters read this table, the Earth Engine graph and NumPy; neither knows an index by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["none fitted", "L1C top-of-atmosphere", "L2A surface"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearForm:
    """constant + Σ coefficient · reflectance of band.

    Attributes:
        constant: added to the sum, in reflectance.
        terms: (band id, coefficient) pairs, each band once.
    """

    constant: float = 0.0
    terms: tuple[tuple[str, float], ...] = ()


_ONE = LinearForm(constant=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """numerator / denominator of reflectances between 0 and 1; 0 where the denominator is 0.

    That zero is what `ee.Image.divide` answers, so both interpreters agree with the service.

    Attributes:
        name: name of the feature.
        about: what it is, in words.
        numerator: the linear form above the line.
        denominator: the linear form below the line.
        level: the processing level that its coefficients were derived for; "none fitted" where there are none
            to fit. Every feature is computed from L2A here, so another level means a bias that is the same
            at every place and date.
        source: link to the publication.
    """

    name: str
    about: str
    numerator: LinearForm
    denominator: LinearForm
    level: Level
    source: str

    @property
    def bands(self) -> frozenset[str]:
        """Ids of the bands that the formula reads."""
        return frozenset(band for form in (self.numerator, self.denominator) for band, _ in form.terms)


def _normalised_difference(above: str, below: str) -> tuple[LinearForm, LinearForm]:
    return (LinearForm(terms=((above, 1.0), (below, -1.0))), LinearForm(terms=((above, 1.0), (below, 1.0))))


def _tasselled_cap(*coefficients: float) -> LinearForm:
    return LinearForm(terms=tuple(zip(("B2", "B3", "B4", "B8", "B11", "B12"), coefficients, strict=True)))


_NDVI = _normalised_difference("B8", "B4")
_NDWI = _normalised_difference("B8A", "B11")
_SELI = _normalised_difference("B8A", "B5")
# Shi & Xu 2019, coefficients for Sentinel-2 at-sensor reflectance.
_SHI_XU = "https://doi.org/10.1109/JSTARS.2019.2938388"

_TABLE: tuple[Formula, ...] = (
    Formula(name="NDVI", about="normalised difference vegetation index", numerator=_NDVI[0], denominator=_NDVI[1],
            level="none fitted", source="https://ntrs.nasa.gov/citations/19740022614"),
    Formula(name="EVI", about="enhanced vegetation index",
            numerator=LinearForm(terms=(("B8", 2.5), ("B4", -2.5))),
            denominator=LinearForm(constant=1.0, terms=(("B8", 1.0), ("B4", 6.0), ("B2", -7.5))),
            level="L2A surface", source="https://doi.org/10.1016/S0034-4257(02)00096-2"),
    Formula(name="NDWI", about="normalised difference water index of vegetation (Gao), with the 1610 nm band",
            numerator=_NDWI[0], denominator=_NDWI[1],
            level="none fitted", source="https://doi.org/10.1016/S0034-4257(96)00067-3"),
    Formula(name="GCVI", about="green chlorophyll vegetation index, B8 / B3 - 1",
            numerator=LinearForm(terms=(("B8", 1.0), ("B3", -1.0))), denominator=LinearForm(terms=(("B3", 1.0),)),
            level="none fitted", source="https://doi.org/10.1029/2002GL016450"),
    Formula(name="LAI", about="stand-in for the green leaf area index: SeLI, which is linear in it",
            numerator=_SELI[0], denominator=_SELI[1],
            level="none fitted", source="https://doi.org/10.3390/s19040904"),
    Formula(name="wetness", about="tasselled-cap wetness",
            numerator=_tasselled_cap(0.2578, 0.2305, 0.0883, 0.1071, -0.7611, -0.5308), denominator=_ONE,
            level="L1C top-of-atmosphere", source=_SHI_XU),
    Formula(name="greenness", about="tasselled-cap greenness",
            numerator=_tasselled_cap(-0.3599, -0.3533, -0.4734, 0.6633, 0.0087, -0.2856), denominator=_ONE,
            level="L1C top-of-atmosphere", source=_SHI_XU),
    Formula(name="brightness", about="tasselled-cap brightness",
            numerator=_tasselled_cap(0.3510, 0.3813, 0.3437, 0.7196, 0.2396, 0.1949), denominator=_ONE,
            level="L1C top-of-atmosphere", source=_SHI_XU),
)
FORMULAS: dict[str, Formula] = {formula.name: formula for formula in _TABLE}
"""The features of preset agrispec-23, by name and in order."""
