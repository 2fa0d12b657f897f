"""Folds that depend on the place alone: exporting again, or more, never moves a cell between folds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from agrispec.errors import ConfigError, DataError
from agrispec.grid import Cell

FOLDS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Shares of the cells that are kept apart.

    Attributes:
        validation: expected share of the cells that choose the best epoch, 0 to 1.
        test: expected share of the cells that only the report sees, 0 to 1.
        seed: another number is another split.
    """

    validation: float = 0.2
    test: float = 0.25
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.validation >= 0 and self.test >= 0 and self.validation + self.test < 1):
            raise ConfigError(f"validation {self.validation} and test {self.test} leave no share for training",
                              mend="give shares of 0 to 1 that add up to less than 1")

    def fold(self, cell: Cell) -> str:
        """ "train", "validation" or "test", whatever other cells there are."""
        digest = hashlib.blake2b(f"{self.seed}/{cell.id}".encode(), digest_size=8).digest()
        draw = int.from_bytes(digest) / 2**64
        if draw < self.test:
            return "test"
        return "validation" if draw < self.test + self.validation else "train"

    def folds(self, cells: Iterable[Cell]) -> dict[Cell, str]:
        """The fold of every cell.

        Raises:
            DataError: a fold that should hold cells holds none.
        """
        folds = {cell: self.fold(cell) for cell in cells}
        wanted = {"train": True, "validation": self.validation > 0, "test": self.test > 0}
        empty = [name for name in FOLDS if wanted[name] and name not in folds.values()]
        if empty:
            raise DataError(f"with {len(folds)} cells and split seed {self.seed},"
                            f" no cell falls into the {' or '.join(empty)} fold",
                            mend="add cells, raise the fold's share, or choose another seed in [split]")
        return folds
