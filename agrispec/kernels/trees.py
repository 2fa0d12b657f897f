"""Decision trees as plain arrays: what is kept of a forest, whatever library grew it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.kernels import compiled

_SAMPLES = 4096
"""Samples that are taken through all trees at once."""


def leaves_numpy(samples: NDArray[np.float64], roots: NDArray[np.int32], inputs: NDArray[np.int32],
                 limits: NDArray[np.float64], inclusive: NDArray[np.bool_], left: NDArray[np.int32],
                 right: NDArray[np.int32]) -> NDArray[np.int32]:
    """The twin: all samples go one node down at a time."""
    found = np.tile(roots, (len(samples), 1))
    rows, columns = np.nonzero(inputs[found] >= 0)
    while len(rows):
        nodes = found[rows, columns]
        values = samples[rows, inputs[nodes]]
        below = (values < limits[nodes]) | (inclusive[nodes] & (values == limits[nodes]))
        found[rows, columns] = nodes = np.where(below, left[nodes], right[nodes])
        on = inputs[nodes] >= 0
        rows, columns = rows[on], columns[on]
    return found


@compiled(leaves_numpy)
def leaves(samples: NDArray[np.float64], roots: NDArray[np.int32], inputs: NDArray[np.int32],
           limits: NDArray[np.float64], inclusive: NDArray[np.bool_], left: NDArray[np.int32],
           right: NDArray[np.int32]) -> NDArray[np.int32]:
    """The leaf that every sample comes to in every tree.

    Nodes of all trees stand one after the other, in arrays (nodes,).

    Args:
        samples: (N, inputs), without NaN.
        roots: (trees,) first node of each tree.
        inputs: place of the input that a node looks at; -1 at a leaf.
        limits: what it is compared with.
        inclusive: whether the limit itself goes left.
        left, right: where it goes on below the limit and above it.

    Returns: (N, trees), numbers of nodes.
    """
    found = np.empty((samples.shape[0], roots.shape[0]), np.int32)
    # A tree after the other: its nodes then stay in the cache.
    for tree in range(roots.shape[0]):
        for sample in range(samples.shape[0]):
            node = roots[tree]
            while inputs[node] >= 0:
                value = samples[sample, inputs[node]]
                below = value < limits[node] or (inclusive[node] and value == limits[node])
                node = left[node] if below else right[node]
            found[sample, tree] = node
    return found


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

    def leaves(self, samples: NDArray[np.floating], inclusive: NDArray[np.bool_] | None = None) -> NDArray[np.int32]:
        """The leaf that every sample (N, D) comes to in every tree: (N, trees) numbers of nodes.

        Args:
            inclusive: (nodes,) whether a limit itself goes left; None where all do.
        """
        if inclusive is None:
            inclusive = np.ones(self.nodes, np.bool_)
        return leaves(np.ascontiguousarray(samples, np.float64), self.roots, self.inputs, self.limits, inclusive,
                      self.left, self.right)

    def says(self, vectors: NDArray[np.float32]) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """What every tree says, (rows, (some rows, trees)) a few thousand rows of `vectors` (N, D) at a time."""
        inclusive = np.ones(self.nodes, np.bool_)
        for first in range(0, len(vectors), _SAMPLES):
            rows = slice(first, min(first + _SAMPLES, len(vectors)))
            yield rows, self.values[self.leaves(vectors[rows], inclusive)]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The attributes by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Trees:
        """The trees that `arrays` came from.

        Raises:
            KeyError: an array is missing.
            ValueError: they are no trees.
        """
        kinds = {"roots": np.int32, "inputs": np.int32, "limits": np.float64, "left": np.int32, "right": np.int32,
                 "values": np.float64}
        return cls(**{name: np.asarray(arrays[name], kind) for name, kind in kinds.items()})


def joined(trees: Iterable[Mapping[str, NDArray[Any]]]) -> Trees:
    """One `Trees` of single trees given by their `inputs`, `limits`, `left`, `right` and `values`."""
    parts = list(trees)
    sizes = np.array([len(part["inputs"]) for part in parts])
    roots = np.cumsum(sizes) - sizes

    def stacked(name: str, kind: type) -> NDArray[Any]:
        return np.concatenate([np.asarray(part[name], kind) for part in parts])

    def moved(name: str) -> NDArray[np.int32]:
        return np.concatenate([np.where(np.asarray(part["inputs"]) < 0, -1, np.asarray(part[name], np.int64) + root)
                               for part, root in zip(parts, roots, strict=True)]).astype(np.int32)

    return Trees.from_arrays({"roots": roots, "inputs": np.maximum(stacked("inputs", np.int64), -1),
                              "limits": stacked("limits", np.float64), "left": moved("left"), "right": moved("right"),
                              "values": stacked("values", np.float64)})
