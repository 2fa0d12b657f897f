"""Graphs of arrays to graphs that do the same in fewer passes over memory. Three rules, for any graph they fit:

1. The median over images of one increasing function of a stored band of small integers, such as reflectances made
   from DN, sorts the integers and looks the function up for the middle ones alone.
   `StackMedian(valid, f(a), f(b), …)` -> `TabulatedMedian(valid, a, b, …)`, where
   - a, b, … are leaves that declare one dtype of at most 16 bits;
   - f is any chain of `Pixelwise` nodes and constants, the same one for every image, into float32 (or nothing);
   - f is computed for all values of the type: it is finite and never decreases. That is tested, not assumed.
2. What replaces the pixels that no image saw is written by the median itself.
   `Filled(TabulatedMedian(valid, …), AnyValid(valid), constant)` -> `TabulatedMedian` that is `empty` with it.
3. Bands of one file are read at once. `GeoTiffBand`s of one file and grid -> one `GeoTiffBands` and `OneOf` each.

All give the plain graph's numbers to the last bit: an increasing function changes no order, and the middle
values pass through f's own nodes. What a masked pixel holds may differ: it holds anything. No rule knows a graph,
a collection or a band by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.grid import Grid
from agrispec.kernels.median import tabulated_median
from gee_scripts.engine.local.images.files import File
from gee_scripts.engine.local.images.loading import GeoTiffBand, GeoTiffBands, OneOf
from gee_scripts.engine.local.rasters.domains import Domain
from gee_scripts.engine.local.rasters.nodes import AnyValid, Filled, Pixelwise, StackMedian
from gee_scripts.engine.local.rasters.raster import Apply, Band, Constant, Node

_LONGEST = 32
"""Steps of a function that is looked at: longer chains are computed as they stand."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TabulatedMedian(Node):
    """The median over images of an increasing function of small integers.

    Attributes:
        valid: which images are valid, (N, …) bool, or None: all; float32 where an image is masked in part.
        leaves: the integers of each image.
        kind: their dtype, of at most 16 bits.
        table: (65536,) float32, the function of every value; see `tabulated_median`.
        dtype: of the result.
        plain: the median of `valid` and the function's values, where an image is masked in part: it is weighed.
        empty: what stands where no image is valid.
    """

    valid: Node
    leaves: tuple[Node, ...]
    kind: np.dtype[Any]
    table: NDArray[np.float32]
    dtype: np.dtype[Any]
    plain: Callable[..., Any]
    empty: float = 0.0

    def needs(self, domain: Domain) -> Sequence[tuple[Node, Domain]]:
        """Which images are valid, and their integers."""
        return [(node, domain) for node in (self.valid, *self.leaves)]

    def compute(self, domain: Domain, arrays: Sequence[Any]) -> NDArray[Any]:
        """The median of each pixel."""
        valid, *values = arrays
        stack = np.empty((len(values), *domain.shape), _sixteen(self.kind))
        for place, item in enumerate(values):
            stack[place] = item
        if valid is not None and valid.dtype != np.bool_:
            found = self.plain(valid, *self.table[stack.view(np.uint16)])
            return np.where(valid.any(axis=0), found, self.empty).astype(self.dtype, copy=False)
        if valid is None:
            valid = np.ones(stack.shape, np.bool_)
        else:
            valid = np.broadcast_to(valid.reshape(valid.shape[:1] + (1,) * (stack.ndim - valid.ndim)
                                                  + valid.shape[1:]), stack.shape)
        flat = len(values), -1
        found = tabulated_median(stack.reshape(flat), valid.reshape(flat), self.table, self.empty)
        return found.reshape(domain.shape).astype(self.dtype, copy=False)


def fused(bands: Iterable[Band]) -> tuple[Band, ...]:
    """The same bands from fewer nodes; nodes that they share stay shared.

    It takes some milliseconds for thousands of nodes: once a request, before tiles are read.
    """
    known = tuple(bands)
    rewriting = _Rewriting()
    rewriting.together([node for band in known for node in (band.values, band.mask)])
    return tuple(band.computed(band.type, rewriting.of(band.values), rewriting.of(band.mask)) for band in known)


@dataclass(frozen=True, slots=True)
class _Form:
    """`function` of a leaf's values, as a number that equal functions share; the leaf itself is 0."""

    leaf: Node
    number: int
    length: int


Call = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function, and its arguments: a `_Number`, or a constant."""


class _Rewriting:
    """One pass: what became of each node, and the functions met so far."""

    def __init__(self) -> None:
        # The nodes are kept with what is known of them: their ids must not be used again meanwhile.
        self._done: dict[int, tuple[Node, Node]] = {}
        self._forms: dict[int, tuple[Node, _Form | None]] = {}
        self._numbers: dict[Any, int] = {}
        self._calls: dict[int, Call] = {}
        self._tables: dict[tuple[int, np.dtype[Any]], NDArray[np.float32] | None] = {}

    def together(self, roots: Sequence[Node]) -> None:
        """Rule 3, for all that the roots need."""
        files: dict[tuple[File, Grid], list[GeoTiffBand]] = {}
        met: set[int] = set()
        pending = list(roots)
        while pending:
            node = pending.pop()
            if id(node) in met:
                continue
            met.add(id(node))
            if isinstance(node, GeoTiffBand):
                files.setdefault((node.file, node.grid), []).append(node)
            elif isinstance(node, Apply):
                pending.extend([item for item in node.inputs if id(item) not in met])
        for (file, grid), bands in files.items():
            if len(bands) > 1:
                source = GeoTiffBands(file=file, indexes=tuple(band.index for band in bands), grid=grid,
                                      dtypes=tuple(band.dtype for band in bands),
                                      pyramids=tuple(band.pyramid for band in bands))
                for place, band in enumerate(bands):
                    self._done[id(band)] = band, OneOf(bands=source, place=place, dtype=band.dtype)

    def of(self, root: Node) -> Node:
        """What a node becomes: inputs first, through nodes that apply a function; others are left as they are."""
        pending: list[tuple[Node, bool]] = [(root, False)]
        while pending:
            node, ready = pending.pop()
            if id(node) in self._done:
                continue
            if not isinstance(node, Apply):
                self._done[id(node)] = node, node
            elif ready:
                inputs = tuple([self._done[id(item)][1] for item in node.inputs])
                # Nodes are equal where they are the same.
                self._done[id(node)] = node, self._ruled(
                    node if inputs == node.inputs else replace(node, inputs=inputs))
            else:
                pending.append((node, True))
                pending.extend([(item, False) for item in node.inputs if id(item) not in self._done])
        return self._done[id(root)][1]

    def _ruled(self, node: Apply) -> Node:
        if isinstance(node, StackMedian):
            return self._median(node) or node
        if isinstance(node, Filled):
            return _filled(node) or node
        return node

    def _median(self, node: StackMedian) -> Node | None:
        valid, *values = node.inputs
        forms = [self._form(item) for item in values]
        first = forms[0]
        if first is None or not all(form is not None and form.number == first.number for form in forms):
            return None
        leaves = tuple(form.leaf for form in forms if form is not None)
        kind = _stored(leaves[0])
        if kind is None or not all(_stored(leaf) == kind for leaf in leaves):
            return None
        key = first.number, kind
        if key not in self._tables:
            self._tables[key] = self._table(*key)
        table = self._tables[key]
        if table is None:
            return None
        return TabulatedMedian(valid=valid, leaves=leaves, kind=kind, table=table, dtype=node.dtype,
                               plain=node.function)

    def _form(self, node: Node, length: int = 0) -> _Form | None:
        """The function of one leaf that a node is; None where it is none, or too long."""
        if id(node) in self._forms:
            return self._forms[id(node)][1]
        form: _Form | None = None
        if _stored(node) is not None:
            form = _Form(node, 0, 0)
        elif isinstance(node, Pixelwise) and length < _LONGEST:
            form = self._chained(node, length)
        self._forms[id(node)] = node, form
        return form

    def _chained(self, node: Pixelwise, length: int) -> _Form | None:
        leaf: Node | None = None
        longest = 0
        names: list[Any] = []
        arguments: list[Any] = []
        for item in node.inputs:
            if isinstance(item, Constant):
                value = np.asarray(item.value)
                if value.ndim or value.dtype == object:
                    return None
                names.append((value.dtype, value.tobytes()))
                arguments.append(item.value)
                continue
            form = self._form(item, length + 1)
            if form is None or leaf not in (None, form.leaf):
                return None
            leaf, longest = form.leaf, max(longest, form.length)
            names.append(form.number)
            arguments.append(_Number(form.number))
        if leaf is None or longest >= _LONGEST:
            return None
        try:
            number = self._numbers.setdefault((_parts(node.function), tuple(names)), len(self._numbers) + 1)
        except TypeError:  # the function carries what cannot be compared
            return None
        self._calls.setdefault(number, (node.function, tuple(arguments)))
        return _Form(leaf, number, longest + 1)

    def _table(self, number: int, kind: np.dtype[Any]) -> NDArray[np.float32] | None:
        """The function of every value of a type by its bits as uint16; None if no median may be taken of it so."""
        bits = np.arange(65536, dtype=np.uint16)
        every = bits.view(_sixteen(kind))
        limits = np.iinfo(kind)
        there = (every >= limits.min) & (every <= limits.max)
        with np.errstate(all="ignore"):
            found = self._called(number, {0: every[there].astype(kind)})
        if found.shape != (there.sum(),) or not (found.dtype == np.float32 or number == 0):
            return None
        table = np.zeros(65536, np.float32)
        table[there] = found
        rising = table[there][np.argsort(every[there])]
        return table if np.isfinite(rising).all() and (np.diff(rising) >= 0).all() else None

    def _called(self, number: int, known: dict[int, NDArray[Any]]) -> NDArray[Any]:
        if number not in known:
            function, arguments = self._calls[number]
            known[number] = np.asarray(function(*(self._called(item.number, known) if isinstance(item, _Number)
                                                  else item for item in arguments)))
        return known[number]


@dataclass(frozen=True, slots=True)
class _Number:
    """An argument that is another function of the leaf."""

    number: int


def _filled(node: Filled) -> Node | None:
    values, mask, fill = node.inputs
    if not (isinstance(values, TabulatedMedian) and isinstance(mask, AnyValid) and mask.inputs[0] is values.valid
            and isinstance(fill, Constant) and np.ndim(fill.value) == 0):
        return None
    if node.dtype != np.float32 or values.dtype != np.float32:
        return None
    return replace(values, empty=float(np.float32(fill.value)))


def _stored(node: Node) -> np.dtype[Any] | None:
    """The dtype of a leaf that declares one and holds integers of at most 16 bits."""
    if isinstance(node, Apply):
        return None
    kind = getattr(node, "dtype", None)
    return kind if isinstance(kind, np.dtype) and kind.kind in "iu" and kind.itemsize <= 2 else None


def _sixteen(kind: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(f"{kind.kind}2")


def _parts(function: Callable[..., Any]) -> Any:
    if isinstance(function, partial):
        return function.func, function.args, tuple(sorted(function.keywords.items()))
    return function
