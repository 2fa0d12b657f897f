"""Class sets: crops with their codes in HCAT and LUCAS, so that labels of many sources become one set of classes.

"agrispec-17" are 17 classes. The page that this project started from has as many and names only some (winter wheat,
maize, barley, rapeseed, sunflower, sugar beet, soya, potato, sorghum, rye); the choice of the rest is ours, and so are
winter and spring apart.

* Wheat is common, durum and spelt.
* Maize is maize for grain and for silage: they look alike until the harvest, and tables have taken one for the other
  (EuroCrops issue 7, of the Netherlands, mended since).
* HCAT does not tell sorghum from millet: the class holds both. LUCAS has neither by name.
* LUCAS does not tell winter from spring: its wheat and barley belong to two classes each, which is to none.
* Temporary grass/fodder is all that is harvested green but maize, and sainfoin, which HCAT lists twice elsewhere.
  Whoever declares "harvested green" and no more belongs to it: silage maize has a code of its own.
* Other is every crop, grassland and wood that is no other class; what is not known is not other.

"cropglobe-7" are the classes of CropGlobe (arXiv 2509.03497); HCAT has no sugar cane.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agrispec import hcat
from agrispec.taxonomy import CROPGLOBE

PARENTS: Mapping[str, str] = {"wheat": "cereals", "barley": "cereals"}
"""Groups of crops that lie in a wider group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """One class of a set.

    Attributes:
        name: as in a map's legend.
        colour: map colour, `#rrggbb`.
        hcat: leading pairs of HCAT codes that belong to it; the longest that fits a code decides.
        lucas: LUCAS land cover codes or their beginnings that mean it, to be read; two classes may share one.
        parent: the group of crops it lies in; "" for a class that is a rest.
    """

    name: str
    colour: str
    hcat: tuple[str, ...]
    lucas: tuple[str, ...]
    parent: str


@dataclass(frozen=True, slots=True)
class ClassSet:
    """Crops in order; a class number is a position in it."""

    name: str
    classes: tuple[Crop, ...]

    def __len__(self) -> int:
        return len(self.classes)

    def __iter__(self) -> Iterator[Crop]:
        return iter(self.classes)

    def of_hcat(self, code: str) -> int | None:
        """The class of an HCAT code of ten digits: the longest listed beginning decides.

        None where the code may mean crops of several classes: wheat whose season is not said, arable crops.
        """
        found = set[int]().union(*(self._holders(node) for node in hcat.reach(code)))
        return found.pop() if len(found) == 1 else None

    def lineage(self, number: int) -> tuple[str, ...]:
        """The groups that a class lies in, widest first."""
        groups, group = list[str](), self.classes[number].parent
        while group:
            groups.insert(0, group)
            group = PARENTS.get(group, "")
        return tuple(groups)

    def _holders(self, node: str) -> set[int]:
        """Classes that hold what lies at or below a node of HCAT."""
        owned = [(start, number) for number, crop in enumerate(self.classes) for start in crop.hcat]
        covering = max((len(start) for start, _ in owned if node.startswith(start)), default=0)
        holders = {number for start, number in owned if node.startswith(start) and len(start) == covering}
        # The roots list the rest: "33" itself says nothing of the crop.
        if covering == len(node) and len(node) > 2:
            return holders
        return holders | {number for start, number in owned if start.startswith(node)}


def translated(source: ClassSet, target: ClassSet) -> tuple[int | None, ...]:
    """The class of `target` that every class of `source` lies in, by class number of `source`.

    None where a class of `source` holds crops of several classes of `target`. A crop that HCAT does not list goes to
    the class of its name, else to that of the rest.
    """
    names = {crop.name: number for number, crop in enumerate(target)}
    result: list[int | None] = []
    for number, crop in enumerate(source):
        found = set[int]()
        for node in crop.hcat or (hcat.ROOT,):
            starts = [start for other in target for start in other.hcat
                      if crop.hcat and start.startswith(node) and number in source._holders(start)]
            found |= {_longest(target, start) for start in (node, *starts)}
        if not crop.hcat and crop.name in names:
            found = {names[crop.name]}
        result.append(found.pop() if len(found) == 1 else None)
    return tuple(result)


def _longest(classes: ClassSet, node: str) -> int:
    """The class whose listed beginning of a node is the longest; the roots are listed in every set."""
    return max((len(start), number) for number, crop in enumerate(classes) for start in crop.hcat
               if node.startswith(start))[1]


def merged(country: str) -> tuple[int, ...]:
    """What the truth of a country can express of CropGlobe's classes, by class number: the rest becomes "other".

    Australia's labels tell sugarcane and cotton, China's corn, soybeans and rice, Argentina's all but wheat, those of
    the other countries all.

    Args:
        country: three letters, as CropGlobe names it.

    Source: https://github.com/x-ytong/CropNet
    """
    names = [crop.name for crop in CROPGLOBE]
    kept = {"AUS": {"sugarcane", "cotton"}, "CHN": {"corn", "soybeans", "rice"},
            "ARG": set(names) - {"wheat"}}.get(country, set(names))
    return tuple(number if name in kept else names.index("other") for number, name in enumerate(names))


# LUCAS land cover by its first letter; groups end in zeros there. https://ec.europa.eu/eurostat/web/lucas
_REST = ("A", "B", "C", "D", "E", "F", "G", "H")

# Seventeen hues are more than any eye tells apart, so these differ in lightness as well: from colours near to what one
# expects of the crop, each was exchanged until any two are at least 20 apart in CIELAB to a normal eye, to one without
# red and to one without green cones (Machado et al. 2009, 10.1109/TVCG.2009.113).
_AGRISPEC_17 = ClassSet("agrispec-17", (
    Crop(name="winter wheat", colour="#f0f069", hcat=("3301010101", "3301010201", "3301011001"), lucas=("B11", "B12"),
         parent="wheat"),
    Crop(name="spring wheat", colour="#f0e1f0", hcat=("3301010102", "3301010202", "3301011002"), lucas=("B11", "B12"),
         parent="wheat"),
    Crop(name="winter barley", colour="#e1964b", hcat=("3301010401",), lucas=("B13",), parent="barley"),
    Crop(name="spring barley", colour="#d2a578", hcat=("3301010402",), lucas=("B13",), parent="barley"),
    Crop(name="rye", colour="#5a2d2d", hcat=("33010103",), lucas=("B14",), parent="cereals"),
    Crop(name="triticale", colour="#87785a", hcat=("33010108",), lucas=("B18",), parent="cereals"),
    Crop(name="oats", colour="#f0e1c3", hcat=("33010105",), lucas=("B15",), parent="cereals"),
    Crop(name="maize", colour="#b45a00", hcat=("33010106", "33010904"), lucas=("B16",), parent="cereals"),
    Crop(name="sorghum", colour="#870000", hcat=("33010109",), lucas=("B19",), parent="cereals"),
    Crop(name="rapeseed", colour="#f0f01e", hcat=("33010604",), lucas=("B32",), parent="oilseeds"),
    Crop(name="sunflower", colour="#e1a500", hcat=("33010605",), lucas=("B31",), parent="oilseeds"),
    Crop(name="soya", colour="#2d6969", hcat=("330116",), lucas=("B33",), parent="oilseeds"),
    Crop(name="potato", colour="#693cd2", hcat=("330103",), lucas=("B21",), parent="root crops"),
    Crop(name="sugar beet", colour="#c32da5", hcat=("33012907",), lucas=("B22",), parent="root crops"),
    Crop(name="pulses", colour="#1e96e1", hcat=("330102",), lucas=("B41",), parent="legumes"),
    Crop(name="temporary grass/fodder", colour="#a5ff96", hcat=("330109", "33010203", "33010616"), lucas=("B5",),
         parent="fodder"),
    Crop(name="other", colour="#999999", hcat=(hcat.ROOT, "3301010904"), lucas=(*_REST, "B19"), parent=""),
))

_CODES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "corn": (("33010106", "33010904"), ("B16",), "cereals"),
    "soybeans": (("330116",), ("B33",), "oilseeds"),
    "rice": (("33010107",), ("B17",), "cereals"),
    "wheat": (("33010101", "33010102", "33010110"), ("B11", "B12"), "cereals"),
    "sugarcane": ((), (), "sugar crops"),
    "cotton": (("33010603",), ("B34",), "fibre crops"),
    "other": ((hcat.ROOT,), _REST, ""),
}
_CROPGLOBE_7 = ClassSet("cropglobe-7", tuple(
    Crop(name=crop.name, colour=crop.colour, hcat=_CODES[crop.name][0], lucas=_CODES[crop.name][1],
         parent=_CODES[crop.name][2]) for crop in CROPGLOBE))

CLASS_SETS: Mapping[str, ClassSet] = {classes.name: classes for classes in (_AGRISPEC_17, _CROPGLOBE_7)}
"""Class sets by name."""
