"""The leaf that a sample comes to in a binary tree, for many samples and trees at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agrispec.kernels import compiled


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
