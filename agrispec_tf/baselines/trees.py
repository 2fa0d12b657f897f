"""Decision trees as plain arrays: what is kept of a forest, whatever library grew it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from agrispec.kernels.trees import leaves

_SAMPLES = 4096
"""Samples that are taken through all trees at once."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Trees:
    """Binary trees; the nodes of all trees stand one after the other, a node before its children.

    An input that is not above a node's limit goes left.

    Attributes:
        roots: (trees,) int32, first node of each tree.
        inputs: (nodes,) int32, place of the input that a node looks at; -1 at a leaf.
        limits: (nodes,) float64, what it is compared with.
        left, right: (nodes,) int32, where it goes on; -1 at a leaf.
        values: (nodes,) float64, what a leaf says.
    """

    roots: NDArray[np.int32]
    inputs: NDArray[np.int32]
    limits: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        nodes = len(self.inputs)
        lengths = {getattr(self, name).shape for name in ("inputs", "limits", "left", "right", "values")}
        if lengths != {(nodes,)} or self.roots.ndim != 1 or not len(self.roots):
            raise ValueError("the arrays of the trees do not belong together")
        # A walk only ever goes on to later nodes, so it ends, and no child lies outside.
        inner = np.flatnonzero(self.inputs >= 0)
        children = np.stack([self.left[inner], self.right[inner]])
        inside = (children > inner).all() and (children < nodes).all()
        if not (inside and (self.roots >= 0).all() and (self.roots < nodes).all()):
            raise ValueError("a node of the trees has a child that is none")

    def __len__(self) -> int:
        return len(self.roots)

    @property
    def nodes(self) -> int:
        """Nodes of all trees, leaves included."""
        return len(self.inputs)

    def says(self, vectors: NDArray[np.float32]) -> Iterable[tuple[slice, NDArray[np.float64]]]:
        """What every tree says, (rows, (some rows, trees)) a few thousand rows of `vectors` (N, D) at a time."""
        inclusive = np.ones(self.nodes, np.bool_)
        for first in range(0, len(vectors), _SAMPLES):
            rows = slice(first, min(first + _SAMPLES, len(vectors)))
            samples = np.ascontiguousarray(vectors[rows], np.float64)
            found = leaves(samples, self.roots, self.inputs, self.limits, inclusive, self.left, self.right)
            yield rows, self.values[found]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The attributes by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Trees:
        """The trees that `arrays` came from.

        Raises:
            KeyError: an array is missing.
            ValueError: they are no trees.
        """
        kinds = {"roots": np.int32, "inputs": np.int32, "limits": np.float64, "left": np.int32, "right": np.int32,
                 "values": np.float64}
        return cls(**{name: np.asarray(arrays[name], kind) for name, kind in kinds.items()})


def joined(trees: Iterable[Mapping[str, NDArray[np.generic]]]) -> Trees:
    """One `Trees` of single trees given by their `inputs`, `limits`, `left`, `right` and `values`."""
    parts = list(trees)
    sizes = np.array([len(part["inputs"]) for part in parts])
    roots = np.cumsum(sizes) - sizes

    def stacked(name: str, kind: type) -> NDArray[np.generic]:
        return np.concatenate([np.asarray(part[name], kind) for part in parts])

    def moved(name: str) -> NDArray[np.int32]:
        return np.concatenate([np.where(np.asarray(part["inputs"]) < 0, -1, np.asarray(part[name], np.int64) + root)
                               for part, root in zip(parts, roots, strict=True)]).astype(np.int32)

    return Trees.from_arrays({"roots": roots, "inputs": np.maximum(stacked("inputs", np.int64), -1),
                              "limits": stacked("limits", np.float64), "left": moved("left"), "right": moved("right"),
                              "values": stacked("values", np.float64)})
