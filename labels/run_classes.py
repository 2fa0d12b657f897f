"""What the classes of harmonised files are to a run, whose [[classes]] may be of another class set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agrispec.class_sets import CLASS_SETS, ClassSet, translated
from agrispec.errors import ConfigError
from agrispec.taxonomy import CropClass, Taxonomy

NONE = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Translation:
    """From one class set to that of a run.

    Attributes:
        source: the set of the files.
        target: the set whose numbers are the codes of the run's classes; `source` too, wherever that fits.
        numbers: (C + 1,) number in `target` by number in `source`, `NONE` where it may be several; the last is `NONE`,
            of declarations without a class.
    """

    source: ClassSet
    target: ClassSet
    numbers: NDArray[np.int64]

    def lines(self, taxonomy: Taxonomy) -> Iterator[str]:
        """What becomes what, in words; nothing where the sets are the same."""
        if self.source is self.target:
            return
        yield f"{self.source.name} is translated into {self.target.name}:"
        names = np.array([crop.name for crop in self.source], object)
        for crop in taxonomy:
            if len(found := names[np.isin(self.numbers[:-1], crop.codes)]):
                yield f"  {crop.name} <- {', '.join(found)}"
        if len(found := names[self.numbers[:-1] == NONE]):
            yield f"  left out, for each may be several classes: {', '.join(found)}"


def translation(taxonomy: Taxonomy, source: ClassSet) -> Translation:
    """How classes of `source` become codes of a run's classes.

    A class set is the run's where each class of the run is called as one of the set that its codes hold, or as a group
    of the set that all of its codes lie in.

    Raises:
        ConfigError: neither `source` nor another class set is the run's.
    """
    for target in (source, *CLASS_SETS.values()):
        if not _strangers(taxonomy, target):
            numbers = range(len(source)) if target is source else translated(source, target)
            return Translation(source=source, target=target, numbers=np.array(
                [*(NONE if number is None else number for number in numbers), NONE], np.int64))
    stranger = _strangers(taxonomy, source)[0]
    raise ConfigError(f"class {stranger.name!r} has the codes {list(stranger.codes)}, which in {source.name} are"
                      f" {', '.join(map(repr, _called(stranger, source))) or 'nothing'}; nor are [[classes]] those of"
                      " another class set",
                      mend=f"write [[classes]] as `agrispec-gee labels classes {source.name}` prints them")


def _strangers(taxonomy: Taxonomy, classes: ClassSet) -> list[CropClass]:
    """The classes of a run that are none of a class set."""
    return [crop for crop in taxonomy
            if len(_called(crop, classes)) < len(crop.codes) or crop.name not in _names(crop, classes)]


def _called(crop: CropClass, classes: ClassSet) -> list[str]:
    return [classes.classes[code].name for code in crop.codes if 0 <= code < len(classes)]


def _names(crop: CropClass, classes: ClassSet) -> set[str]:
    """What a class may be called whose codes are numbers of the class set."""
    groups = [set(classes.lineage(code)) for code in crop.codes]
    return {*_called(crop, classes), *set[str].intersection(*groups)}
