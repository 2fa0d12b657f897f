"""Crop maps that samples can be drawn from: where they are, what their codes mean, under which licence.

The legends stand in legends.csv, as the maps' pages in Earth Engine's catalogue list them
(https://github.com/google/earthengine-catalog), with the class of each class set that we say a code belongs to:

* Codes of two crops a year (USDA's double crops) belong to no single class, and have none.
* A code that may be of several classes has none: barley where winter and spring barley are apart, "cereals".
* "Other" is all land that surely is none of the other classes, cropped or not, as in `agrispec.class_sets`.

Four more maps have a legend that no page we could check lists by pixel value, or are no images: whoever wants them
uploads images whose pixels are class numbers of a class set.
"""

from __future__ import annotations

import csv
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from agrispec.class_sets import ClassSet
from agrispec.errors import ConfigError

WIDTH = 118


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceMap:
    """A crop map of a country or a continent.

    Attributes:
        name: what it is called here.
        title: what its makers call it.
        asset: image collection of Earth Engine; empty where the user uploads one.
        band: its band of codes.
        years: years of harvest that its page names, ascending; more may have come since.
        confidence_band: band of how sure it is of each pixel, 0-100; empty where it has none.
        confidence_years: years whose images have that band, as its page says.
        licence: what others may do with it.
        link: its page.
        first_day: day 1 of the seasons it is of, MM-DD: 01-01 in the north, 07-01 in the south.
        needs: what the user's own image collection must hold; empty where Earth Engine has one.
    """

    name: str
    title: str
    asset: str = ""
    band: str = "class_number"
    years: tuple[int, ...]
    confidence_band: str = ""
    confidence_years: tuple[int, ...] = ()
    licence: str
    link: str
    first_day: str = "01-01"
    needs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code of a legend.

    Attributes:
        code: pixel value.
        name: what the map's page calls it.
        classes: name of the class by that of the class set; empty where it belongs to no single class.
    """

    code: int
    name: str
    classes: Mapping[str, str]


_PARCELS = ("The image collection is yours to make, an image a year: burn class_number of `agrispec-gee labels"
            " harmonise` into band class_number, masked elsewhere, with system:time_start 1 January of the year of"
            " harvest. Or draw places from the harmonised file, which needs no images: `agrispec-gee labels draw`.")
_CATALOGUE = "https://developers.google.com/earth-engine/datasets/catalog"

REFERENCE_MAPS: Mapping[str, ReferenceMap] = {found.name: found for found in (
    ReferenceMap(name="cdl", title="USDA NASS Cropland Data Layers, United States", asset="USDA/NASS/CDL",
                 band="cropland", years=tuple(range(1997, 2025)), confidence_band="confidence",
                 confidence_years=tuple(range(2008, 2018)), licence="public domain; NASS asks to be named",
                 link=f"{_CATALOGUE}/USDA_NASS_CDL"),
    ReferenceMap(name="aci", title="AAFC Annual Crop Inventory, Canada", asset="AAFC/ACI", band="landcover",
                 years=tuple(range(2009, 2025)), licence="Open Government Licence - Canada 2.0",
                 link=f"{_CATALOGUE}/AAFC_ACI"),
    ReferenceMap(name="eucropmap", title="JRC EUCROPMAP, European Union (2022: and Ukraine)",
                 asset="JRC/D5/EUCROPMAP/V1", band="classification", years=(2018, 2022), licence="CC-BY-4.0",
                 link=f"{_CATALOGUE}/JRC_D5_EUCROPMAP_V1"),
    ReferenceMap(name="rpg", title="Registre parcellaire graphique, France", years=tuple(range(2015, 2025)),
                 licence="Licence Ouverte 2.0", link="https://www.data.gouv.fr/datasets/58d8d8a0c751df17537c66be",
                 needs=_PARCELS),
    ReferenceMap(name="brp", title="Basisregistratie Gewaspercelen, Netherlands", years=tuple(range(2009, 2025)),
                 licence="public domain (CC0)",
                 link="https://www.pdok.nl/introductie/-/article/basisregistratie-gewaspercelen-brp-", needs=_PARCELS),
    ReferenceMap(name="crome", title="Crop Map of England (CROME)", years=(2016, 2017, 2018, 2019, 2022, 2024),
                 licence="Open Government Licence", link="https://environment.data.gov.uk/",
                 needs="The map is hexagons, classified from satellite images: not what farmers declared. "
                       + _PARCELS),
    ReferenceMap(name="mnc", title="INTA Mapa Nacional de Cultivos, Argentina", years=tuple(range(2019, 2024)),
                 licence="none found: ask INTA", link="https://www.geointa.inta.gob.ar/", first_day="07-01",
                 needs="The image collection is yours to make, an image a season: its codes, which its report lists, as"
                       " class numbers in band class_number, masked elsewhere. A map of 2022/23 has system:time_start 1"
                       " January 2023, or any day of July 2022 - June 2023. A winter and a summer map of one season"
                       " are made one image first: where both know a pixel, the later one would win."),
)}
"""Reference maps by name."""


def of(name: str) -> ReferenceMap:
    """A reference map. Raises ConfigError: there is none of that name."""
    if name not in REFERENCE_MAPS:
        raise ConfigError(f"there is no reference map {name!r}", mend=f"choose one of {', '.join(REFERENCE_MAPS)}")
    return REFERENCE_MAPS[name]


@cache
def legend(name: str) -> tuple[Code, ...]:
    """The codes of a reference map, ascending; none where its pixels are class numbers."""
    text = resources.files("labels").joinpath("legends.csv").read_text(encoding="utf-8")
    return tuple(Code(code=int(row.pop("code")), name=row.pop("name"), classes=row)
                 for row in csv.DictReader(text.splitlines()) if row.pop("map") == name)


def codes(found: ReferenceMap, classes: ClassSet) -> tuple[tuple[Code, ...], ...]:
    """The codes of each class, by class number; none for a class that the map does not tell."""
    known = legend(found.name)
    if not known:
        return tuple((Code(code=number, name=crop.name, classes={}),) for number, crop in enumerate(classes))
    return tuple(tuple(code for code in known if code.classes[classes.name] == crop.name) for crop in classes)


def described(found: ReferenceMap, sets: Mapping[str, ClassSet]) -> Iterator[str]:
    """Lines that tell what a map is."""
    told = ", ".join(f"{sum(map(bool, codes(found, classes)))} of {len(classes)} of {name}"
                     for name, classes in sets.items()) if legend(found.name) else "those that you give it"
    sure = "none" if not found.confidence_band else \
        f"band {found.confidence_band}, 0-100, years {_spans(found.confidence_years)}"
    yield f"{found.name}: {found.title}"
    yield f"  images      {found.asset or 'your own'}, band {found.band}"
    yield f"  harvests    {_spans(found.years)}; seasons from {found.first_day}"
    yield f"  classes     {told}"
    yield f"  confidence  {sure}"
    yield f"  licence     {found.licence}"
    yield f"  page        {found.link}"


def toml(found: ReferenceMap, classes: ClassSet) -> str:
    """Tables [labels] and [[classes]] of a configuration that draws from a map, with what should be known of it.

    Classes that the map does not tell are left out, so the order of the rest is that of `classes`, without gaps.
    """
    grouped = codes(found, classes)
    absent = [crop.name for crop, own in zip(classes, grouped, strict=True) if not own]
    homeless = [f"{code.code} {code.name}" for code in legend(found.name) if not code.classes[classes.name]]
    lines = [*_said(f"{found.title}. Harvests {_spans(found.years)}. Licence: {found.licence}. {found.link}")]
    if found.needs:
        lines += _said(found.needs)
    if found.first_day != "01-01":
        lines += _said(f'Its seasons begin in the south: set [season] first_day = "{found.first_day}".')
    if absent:
        lines += _said(f"The map does not tell these classes: {', '.join(absent)}.")
    if homeless:
        lines += _said(f"These codes are of no single class, and no sample is drawn there: {', '.join(homeless)}.")
    images = found.asset or f"projects/my-cloud-project/assets/{found.name}"
    lines += ["[labels]", f'images = "{images}"', f'band = "{found.band}"', "erode_m = 60.0"]
    if found.confidence_band:
        lines += [f'# confidence_band = "{found.confidence_band}"',
                  f"# least_confidence = 80.0  # 0-100; by its page only images of {_spans(found.confidence_years)}"
                  " have the band"]
    for crop, own in zip(classes, grouped, strict=True):
        if own:
            meant = _said(", ".join(code.name for code in own)) if legend(found.name) else []
            lines += ["", *meant, "[[classes]]", f'name = "{crop.name}"', *_codes(own), f'colour = "{crop.colour}"']
    return "\n".join(lines) + "\n"


def _codes(own: tuple[Code, ...]) -> list[str]:
    numbers = ", ".join(str(code.code) for code in own)
    return textwrap.wrap(f"codes = [{numbers}]", WIDTH, subsequent_indent="    ")


def _said(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False,
                         break_on_hyphens=False)


def _spans(years: tuple[int, ...]) -> str:
    """2016-2019, 2022."""
    spans: list[list[int]] = []
    for year in years:
        if spans and year == spans[-1][-1] + 1:
            spans[-1] = [spans[-1][0], year]
        else:
            spans.append([year])
    return ", ".join("-".join(map(str, span)) for span in spans)
