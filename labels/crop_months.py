"""The crops that a parcel carries one after the other in a year, from a column each."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class CropColumn:
    """A column of crop codes, and the months that it speaks of.

    Attributes:
        column: its name.
        first: month it begins in, 1 to 12.
        last: month it ends in; before `first` where it ends in the next year.
    """

    column: str
    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> CropColumn:
        """"Oct_2019=10" or "CROP_1=3-8".

        Raises:
            ConfigError: it is neither, or names no months.
        """
        found = re.fullmatch(r"(.+)=(\d{1,2})(?:-(\d{1,2}))?", text)
        first, last = (int(found[2]), int(found[3] or found[2])) if found else (0, 0)
        if not found or not (1 <= first <= 12 and 1 <= last <= 12):
            raise ConfigError(f"--crop {text!r} does not tell which months a column speaks of",
                              mend="write COLUMN=MONTH or COLUMN=FROM-TO with months of 1 to 12, e.g. CROP_1=3-8")
        return cls(column=found[1], first=first, last=last)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Crops:
    """R crops of N parcels, parcel after parcel.

    Attributes:
        parcel: (R,) position of the parcel.
        code: (R,) number of the code, never negative.
        first: (R,) month it is first declared for.
        last: (R,) month it is last declared for.
        order: (R,) which crop of the parcel this is, from 1.
        of: (R,) how many crops the parcel has.
    """

    parcel: NDArray[np.intp]
    code: NDArray[np.intp]
    first: NDArray[np.int8]
    last: NDArray[np.int8]
    order: NDArray[np.int64]
    of: NDArray[np.int64]


def crops(codes: NDArray[np.intp], columns: Sequence[CropColumn]) -> Crops:
    """The crops of parcels: the same code in columns whose months follow on each other is one crop.

    Args:
        codes: (N, K) number of the code that each column declares; negative where it declares none.
        columns: K, in the order of time.

    Returns:
        Their crops; none for a parcel without a code.
    """
    follows = np.array([False] + [column.first == before.last % 12 + 1
                                  for before, column in itertools.pairwise(columns)])
    begins = codes >= 0
    begins[:, 1:] &= (codes[:, 1:] != codes[:, :-1]) | ~follows[1:]
    ends = codes >= 0
    ends[:, :-1] &= (codes[:, 1:] != codes[:, :-1]) | ~follows[1:]
    parcel, begin = np.nonzero(begins)
    end = np.nonzero(ends)[1]
    count = begins.sum(axis=1)
    return Crops(parcel=parcel, code=codes[parcel, begin],
                 first=np.array([column.first for column in columns], np.int8)[begin],
                 last=np.array([column.last for column in columns], np.int8)[end],
                 order=np.arange(len(parcel)) - (np.cumsum(count) - count)[parcel] + 1, of=count[parcel])
