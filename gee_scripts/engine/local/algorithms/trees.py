"""Decision trees written as R prints them, and their values for many samples at once.

A line is `number) split n deviance value (probabilities) *`; the children of node k are 2k and 2k + 1, a split
stands at both of them, and `*` marks a leaf. Header lines are passed over. Sources: print.rpart of R's package
rpart (https://cran.r-project.org/package=rpart), and the exporter that geemap has for scikit-learn
(https://geemap.org/ml/).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agrispec.kernels.trees import Trees
from gee_scripts.engine.local.language.registry import AlgorithmError

# They find their parts in one pass: a line may be as long as a request.
_LINE = re.compile(r"\s*(\d{1,18})\)(.*)$")
_SPLIT = re.compile(r"(?P<name>[^<>]+)(?P<sign><=|>=|<|>)\s*"
                    r"(?P<limit>[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)\s+(?P<rest>.*)$")
_OPPOSITE = {"<": ">=", ">=": "<", "<=": ">", ">": "<="}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Forest:
    """Trees that look at inputs by name.

    Attributes:
        names: the inputs, in order of their first use.
        trees: their nodes.
        inclusive: (nodes,) bool, whether the limit itself goes the left way.
    """

    names: tuple[str, ...]
    trees: Trees
    inclusive: NDArray[np.bool_]

    @property
    def classes(self) -> NDArray[np.float64]:
        """The values of the leaves, each once, sorted."""
        return np.unique(self.trees.values[self.trees.inputs < 0])

    def predicted(self, samples: NDArray[np.float64]) -> NDArray[np.float64]:
        """The value of every tree: samples (N, inputs) -> (N, trees)."""
        return self.trees.values[self.trees.leaves(samples, self.inclusive)]

    def votes(self, samples: NDArray[np.float64]) -> NDArray[np.int64]:
        """How many trees are for each class: samples (N, inputs) -> (N, classes)."""
        classes = self.classes
        places = np.searchsorted(classes, self.trees.values)[self.trees.leaves(samples, self.inclusive)]
        places += np.arange(len(samples))[:, None] * len(classes)
        return np.bincount(places.ravel(), minlength=len(samples) * len(classes)).reshape(len(samples), len(classes))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """A node as its line says."""

    split: tuple[str, str, float] | None
    value: str
    leaf: bool


def forest(texts: Sequence[str]) -> Forest:
    """The trees of texts; each text holds one or several.

    Raises:
        AlgorithmError: a text holds none, or one that is not whole.
    """
    trees: list[dict[int, _Written]] = []
    for text in texts:
        found = _trees(text)
        if not found:
            raise AlgorithmError(f"there is no tree in {text[:80]!r}",
                                 mend="write it as R prints it: \"1) root 150 100 0\" and a line a node")
        trees += found
    names: dict[str, int] = {}
    nodes: list[tuple[int, float, bool, int, int, float]] = []
    roots = []
    for tree in trees:
        roots.append(len(nodes))
        _appended(tree, names, nodes)
    inputs, limits, inclusive, left, right, values = zip(*nodes, strict=True)
    arrays = Trees.from_arrays({"roots": np.array(roots), "inputs": np.array(inputs), "limits": np.array(limits),
                                "left": np.array(left), "right": np.array(right), "values": np.array(values)})
    return Forest(names=tuple(names), trees=arrays, inclusive=np.array(inclusive, np.bool_))


def _trees(text: str) -> list[dict[int, _Written]]:
    trees: list[dict[int, _Written]] = []
    for line in re.split(r"[\r\n]+", text):
        found = _LINE.match(line)
        if found is None:
            continue
        number, rest = int(found[1]), found[2].strip()
        if number == 1:
            trees.append({})
        if not trees:
            raise AlgorithmError(f"the tree begins with {line.strip()!r}", mend="begin with the root, \"1) root …\"")
        if number in trees[-1]:
            raise AlgorithmError(f"node {number} is there twice: {line.strip()!r}", mend="number every node once")
        trees[-1][number] = _written(rest, line.strip())
    return trees


def _written(text: str, line: str) -> _Written:
    leaf = text.endswith("*")
    text = text.rstrip("* ").strip()
    # Probabilities of the classes come last.
    if text.endswith(")") and "(" in text:
        text = text[:text.rindex("(")].rstrip()
    if text.startswith("root"):
        split, rest = None, text[4:]
    else:
        found = _SPLIT.match(text)
        if found is None:
            raise AlgorithmError(f"the split in {line!r} cannot be read",
                                 mend="split numbers: \"2) B4 <= 0.3 50 0 1 *\"")
        split, rest = (found["name"].strip(), found["sign"], float(found["limit"])), found["rest"]
    fields = rest.split()
    if leaf and len(fields) < 3:
        raise AlgorithmError(f"{line!r} lacks its value", mend="write the number of samples, the deviance and the "
                                                               "value after the split")
    return _Written(split=split, value=fields[2] if len(fields) > 2 else "", leaf=leaf)


def _appended(tree: dict[int, _Written], names: dict[str, int],
              nodes: list[tuple[int, float, bool, int, int, float]]) -> None:
    """The nodes of one tree after those of the others; without recursion, as trees may be deep."""
    order = sorted(tree)
    places = {number: len(nodes) + place for place, number in enumerate(order)}
    for number in order:
        written = tree[number]
        if number != 1 and number // 2 not in tree:
            raise AlgorithmError(f"node {number} has no parent, {number // 2}",
                                 mend="the children of node k are 2k and 2k + 1")
        children = 2 * number in tree, 2 * number + 1 in tree
        if not any(children):
            if not written.leaf:
                raise AlgorithmError(f"node {number} is neither a leaf nor has it children",
                                     mend="mark a leaf by '*', and write both children of any other node")
            nodes.append((-1, 0.0, False, -1, -1, _value(written.value, number)))
            continue
        if not all(children) or written.leaf:
            raise AlgorithmError(f"node {number} has {'a child though it is a leaf' if written.leaf else 'one child'}",
                                 mend="write both children of a node that is no leaf")
        one, other = tree[2 * number].split, tree[2 * number + 1].split
        if one is None or other is None or one[0] != other[0] or one[2] != other[2] or _OPPOSITE[one[1]] != other[1]:
            raise AlgorithmError(f"nodes {2 * number} and {2 * number + 1} are no two sides of one split",
                                 mend="write the same name and limit at both, with opposite signs")
        name, sign, limit = one
        below, above = places[2 * number], places[2 * number + 1]
        if sign.startswith(">"):
            below, above, sign = above, below, _OPPOSITE[sign]
        nodes.append((names.setdefault(name, len(names)), limit, sign == "<=", below, above, 0.0))


def _value(text: str, number: int) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise AlgorithmError(f"the value '{text}' of node {number} is no number",
                             mend="give classes by numbers before the tree is printed") from error
