"""Decision trees as the text that Earth Engine reads: the one R's rpart prints.

A line a node, `number) split n deviance value`, with ` *` at the end where it is a leaf. The children of node k are
2k and 2k + 1, and a node stands before its left children, those before its right ones: the service counts on it.
Indents, the spaces around a split and the sign <= are as in trees that are known to be read there.
Sources: print.rpart of https://cran.r-project.org/package=rpart, https://geemap.org/ml/,
https://github.com/gee-community/geemap/issues/2297 (the order of nodes).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_CEILING, Context, Decimal

import numpy as np

from agrispec.errors import DataError
from agrispec.kernels.trees import Trees

_DEEPEST = 30
"""Splits above a leaf whose number still fits 32 bits."""


def write(trees: Trees, names: Sequence[str]) -> list[str]:
    """The text of each tree.

    Limits must be float32 numbers. Each is written as the shortest decimal that is not below it and that single
    precision rounds to it: inputs in single precision go the same way whether a reader holds the decimal in
    single or in double precision.

    Args:
        trees: leaves say whole numbers, classes.
        names: of the inputs, in order.

    Raises:
        DataError: a name would break a line, a limit is no float32 number, a leaf says no whole number, or a
            tree is too deep.
    """
    strange = [name for name in names if not re.fullmatch(r"[A-Za-z0-9_.\-]+", name)]
    if strange:
        raise DataError(f"a tree that looks at {strange[0]!r} cannot be written",
                        mend="name inputs with letters, digits, '_', '-' and '.' only")
    inner = trees.inputs >= 0
    if (trees.limits[inner].astype(np.float32) != trees.limits[inner]).any():
        raise DataError("the trees compare with numbers that single precision does not know",
                        mend="grow them with agrispec_tf.baselines.forest")
    if (trees.values[~inner] != np.trunc(trees.values[~inner])).any():
        raise DataError("the leaves of the trees say no classes", mend="send a forest: boosted trees do not vote")
    known, place = np.unique(np.where(inner, trees.limits, 0.0), return_inverse=True)
    limits = [decimal(limit) for limit in known]
    return [_text(trees, int(root), names, limits, place) for root in trees.roots]


def decimal(limit: float) -> str:
    """The shortest decimal in positional notation that is not below `limit`, a float32 number, and that is rounded
    to it in single precision."""
    exact = Decimal(float(limit))
    above = float(np.nextafter(np.float32(limit), np.float32(np.inf)))
    middle = (exact + Decimal(above)) / 2
    for digits in range(1, 18):
        written = Context(prec=digits, rounding=ROUND_CEILING).create_decimal(exact)
        if written < middle:
            break
    return format(written.normalize(), "f")


def _text(trees: Trees, root: int, names: Sequence[str], limits: list[str], place: np.ndarray) -> str:
    lines = []
    pending = [(root, 1, 0, "root")]
    while pending:
        node, number, depth, split = pending.pop()
        if depth > _DEEPEST:
            raise DataError(f"a tree has more than {_DEEPEST} splits above a leaf, whose number R could not write",
                            mend="grow the trees with agrispec_tf.baselines.forest, which stops before")
        head = f"{'  ' * depth}{number}) {split} 1 0"
        if trees.inputs[node] < 0:
            lines.append(f"{head} {int(trees.values[node])} *")
            continue
        lines.append(f"{head} 0")
        name, limit = names[trees.inputs[node]], limits[place[node]]
        # The last one put away comes next: the left child.
        pending.append((int(trees.right[node]), 2 * number + 1, depth + 1, f"{name} > {limit}"))
        pending.append((int(trees.left[node]), 2 * number, depth + 1, f"{name} <= {limit}"))
    return "\n".join(lines) + "\n"
