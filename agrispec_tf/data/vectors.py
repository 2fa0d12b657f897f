"""What vectors that are no series mean: whose they are and how long, and no more."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from agrispec.cube import CubeSpec
from agrispec.errors import ConfigError, SchemaMismatch
from agrispec.season import YEAR_DAYS, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorSpec:
    """D numbers a place that others computed from a year of looks: an embedding, or coefficients.

    A network reads them as a series of one step that was seen. There this stands where a cube stands, whose features
    are bands and indices of a step; these are nobody's but their maker's.

    Attributes:
        kind: whose numbers they are, e.g. "presto"; a network reads the kind that it was trained on.
        length: D.
        step_days: of the one step, which is as long as the year.
        exported, window: that step, in the records and to a network.
        gdd_base: none; vectors come without temperatures.
    """

    step_days: ClassVar[int] = YEAR_DAYS
    exported: ClassVar[Window] = Window(0, 1)
    window: ClassVar[Window] = Window(0, 1)
    gdd_base: ClassVar[None] = None

    kind: str
    length: int

    def __post_init__(self) -> None:
        if not self.kind or self.length < 1:
            raise ConfigError(f"vectors of {self.length} numbers of kind {self.kind!r} say nothing",
                              mend="name their kind, and give one number or more")

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the D numbers: presto_0, presto_1 …"""
        return tuple(f"{self.kind}_{number}" for number in range(self.length))

    @property
    def shape(self) -> tuple[int, int]:
        """(1, D + 1): the one step, and its count of looks as the last column, as of a cube."""
        return 1, self.length + 1

    def view(self) -> VectorSpec:
        """What a network sees of them: all."""
        return self

    def check_read(self, other: CubeSpec | VectorSpec) -> None:
        """Checks that a network trained on these vectors reads `other`.

        Raises:
            SchemaMismatch: it does not.
        """
        if other != self:
            raise SchemaMismatch(f"the model reads vectors of {self.length} numbers of kind {self.kind}, not"
                                 f" {json.dumps(other.to_table())}", mend="give vectors of that kind and length")

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that change with any attribute."""
        return hashlib.sha256(json.dumps(self.to_table(), sort_keys=True).encode()).hexdigest()[:16]

    def to_table(self) -> dict[str, Any]:
        """The attributes, as they stand in a model's card."""
        return {"vectors": self.kind, "length": self.length}


def from_table(table: Mapping[str, Any]) -> CubeSpec | VectorSpec:
    """What a model's card says that the model reads.

    Raises:
        ConfigError: a key is missing, unknown or impossible.
    """
    if "vectors" not in table:
        return CubeSpec.from_table(table)
    if set(table) != {"vectors", "length"}:
        raise ConfigError(f"vectors are not described by {', '.join(table)}", mend="restore the card from a copy")
    return VectorSpec(kind=table["vectors"], length=table["length"])
