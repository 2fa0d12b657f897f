"""The pixel core: bands as lazy graphs of arrays, read over a raster or at picked pixels.

A band is two nodes, one for its values and one for its mask. Bands of one scene share mask nodes, so a cloud
mask is computed once a scene, and a count of looks reads no values at all. Nothing is computed before `read`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import EngineError
from gee_scripts.engine.local.rasters.domains import WGS84, Domain, Projection
from gee_scripts.engine.local.type_names import Named

Array = NDArray[Any]
Mask = NDArray[Any] | None
"""None: valid everywhere; bool: valid or not; float32: 0 … 1. It broadcasts to the domain's shape."""

GO_ON: ContextVar[Callable[[], None]] = ContextVar("GO_ON", default=lambda: None)
"""Called between arrays; a task that is to stop raises here, wherever in its graph it is."""


@dataclass(frozen=True, slots=True, repr=False)
class PixelType(Named):
    """What a pixel holds.

    Attributes:
        dtype: NumPy type of a value.
        dimensions: 0 for a number a pixel, otherwise the rank of the array a pixel holds.
        limits: the least and the greatest value, where the graph gave them; those of the NumPy type otherwise.
    """

    dtype: np.dtype[Any]
    dimensions: int = 0
    limits: tuple[float, float] | None = None

    @classmethod
    def of(cls, dtype: Any) -> PixelType:
        """The scalar type of a NumPy dtype or its name."""
        return cls(np.dtype(dtype))


class Node:
    """One array over any domain, computed from other nodes.

    `compute` may return None or an array of fewer axes that broadcasts to the domain's shape (before the axes
    of array pixels).
    """

    __slots__ = ("__weakref__",)

    def needs(self, domain: Domain) -> Sequence[tuple[Node, Domain]]:
        """The nodes this one is computed from, and where."""
        return ()

    def compute(self, domain: Domain, arrays: Sequence[Any]) -> Any:
        """The array over `domain`; `arrays` are those of `needs`, in order. They must not be changed."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, eq=False)
class Constant(Node):
    """The same value everywhere."""

    value: Any

    def compute(self, domain: Domain, arrays: Sequence[Any]) -> Any:
        """The value, broadcast by whoever uses it."""
        return self.value


VALID: Node = Constant(None)
"""The mask of bands that are valid everywhere."""
MASKED = Constant(np.zeros((), np.bool_))
"""The mask of bands that are valid nowhere."""


@dataclass(frozen=True, slots=True, eq=False)
class Apply(Node):
    """A function of arrays over the same domain."""

    function: Callable[..., Any]
    inputs: tuple[Node, ...]

    def needs(self, domain: Domain) -> Sequence[tuple[Node, Domain]]:
        """Every input, over the same domain."""
        return [(node, domain) for node in self.inputs]

    def compute(self, domain: Domain, arrays: Sequence[Any]) -> Any:
        """The function's value."""
        return self.function(*arrays)


@dataclass(frozen=True, slots=True, eq=False)
class Place(Node):
    """A function of the domain alone."""

    function: Callable[[Domain], Any]

    def compute(self, domain: Domain, arrays: Sequence[Any]) -> Any:
        """The function's value."""
        return self.function(domain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One band of an image.

    Attributes:
        name: unique in its image.
        type: what a pixel holds.
        projection: its own grid.
        composite: it has no grid of its own: `projection` is only the default one.
        values, mask: how to compute them.
        size: (rows, columns) of the asset it was loaded from.
    """

    name: str
    type: PixelType
    projection: Projection = WGS84
    composite: bool = False
    values: Node
    mask: Node = field(default=VALID)
    size: tuple[int, int] | None = None

    # Graphs make thousands of bands: these are spelt out because `dataclasses.replace` takes several times as long.

    def renamed(self, name: str) -> Band:
        """The same band by another name."""
        return self if name == self.name else Band(
            name=name, type=self.type, projection=self.projection, composite=self.composite, values=self.values,
            mask=self.mask, size=self.size)

    def masked(self, mask: Node) -> Band:
        """The same values by another mask."""
        return self if mask is self.mask else Band(
            name=self.name, type=self.type, projection=self.projection, composite=self.composite, values=self.values,
            mask=mask, size=self.size)

    def computed(self, kind: PixelType, values: Node, mask: Node) -> Band:
        """A band of the same name and place with other pixels."""
        return Band(name=self.name, type=kind, projection=self.projection, composite=self.composite, values=values,
                    mask=mask, size=self.size)


def masked_band(name: str, kind: PixelType) -> Band:
    """A band that is masked everywhere."""
    return Band(name=name, type=kind, composite=True, values=Constant(np.zeros((), kind.dtype)), mask=MASKED)


MOST_BANDS = 100_000
"""Bands of an image beyond which a graph is taken for one that has no end."""


def check_bands(count: int) -> None:
    """Whether an image may have so many bands.

    Raises:
        EngineError: they are more than `MOST_BANDS`.
    """
    if count > MOST_BANDS:
        raise EngineError(f"User memory limit exceeded. An image of {count} bands was asked for",
                          mend=f"make images of at most {MOST_BANDS} bands, or map over a collection")


def both(first: Node, second: Node) -> Node:
    """The mask of pixels made from two bands: the smaller of theirs."""
    if first is second or second is VALID:
        return first
    if first is VALID:
        return second
    if first is MASKED or second is MASKED:
        return MASKED
    return Apply(smaller, (first, second))


def smaller(first: Mask, second: Mask) -> Mask:
    """The smaller of two masks at every pixel."""
    if first is None or second is None:
        return second if first is None else first
    if first.dtype == np.bool_ and second.dtype == np.bool_:
        return np.logical_and(first, second)
    return np.minimum(first, second, dtype=np.float32)


@overload
def seen(mask: Array) -> Array: ...


@overload
def seen(mask: None) -> None: ...


@overload
def seen(mask: Mask) -> Mask: ...


def seen(mask: Mask) -> Mask:
    """Where a mask is not zero, as bool; None everywhere."""
    return mask if mask is None or mask.dtype == np.bool_ else mask > 0


def choose(mask: NDArray[np.bool_], values: Array, others: Array) -> Array:
    """`values` where the mask holds and `others` elsewhere; both of one type.

    By bits rather than branches: `numpy.where` guesses at each pixel, and clouds cannot be guessed.
    """
    kind = values.dtype
    if kind.itemsize not in (1, 2, 4, 8) or kind.kind not in "biuf" or others.dtype != kind:
        return np.where(mask, values, others)
    whole = np.dtype(f"i{kind.itemsize}")
    here = mask.astype(whole)
    np.negative(here, out=here)
    first, second = np.ascontiguousarray(values).view(whole), np.ascontiguousarray(others).view(whole)
    first, second = first.reshape(values.shape), second.reshape(others.shape)
    mixed = np.empty(np.broadcast_shapes(mask.shape, first.shape, second.shape), whole)
    np.bitwise_xor(first, second, out=mixed)
    np.bitwise_and(mixed, here, out=mixed)
    np.bitwise_xor(mixed, second, out=mixed)
    return mixed.view(kind)


def arrays(roots: Sequence[Node], domain: Domain) -> list[Any]:
    """The arrays of nodes over one domain.

    A node that several others need is computed once; an array is let go when the last one that needs it is
    there, so that memory is bounded by the domain and not by the graph.
    """
    places: dict[Domain, int] = {domain: 0}
    order: list[tuple[tuple[int, int], Node, Domain, tuple[tuple[int, int], ...]]] = []
    users: dict[tuple[int, int], int] = {}
    # Depth first, so that what a node needs is computed just before it.
    pending: list[tuple[Node, Domain, tuple[tuple[int, int], ...] | None]]
    pending = [(root, domain, None) for root in reversed(roots)]
    while pending:
        node, where, needed = pending.pop()
        key = (id(node), 0 if where is domain else places.setdefault(where, len(places)))
        if needed is not None:
            order.append((key, node, where, needed))
        elif key not in users:
            users[key] = 0
            needs = node.needs(where)
            keys = tuple((id(n), 0 if d is domain else places.setdefault(d, len(places))) for n, d in needs)
            pending.append((node, where, keys))
            pending.extend((n, d, None) for n, d in reversed(needs))
    for _, _, _, needed in order:
        for key in needed:
            users[key] += 1
    for root in roots:
        users[id(root), 0] += 1
    ready: dict[tuple[int, int], Any] = {}
    go_on = GO_ON.get()
    with np.errstate(all="ignore"):
        for key, node, where, needed in order:
            go_on()
            ready[key] = node.compute(where, [ready[k] for k in needed])
            for k in needed:
                users[k] -= 1
                if users[k] == 0:
                    del ready[k]
    return [ready[id(root), 0] for root in roots]


def read(bands: Iterable[Band], domain: Domain) -> list[tuple[Array, Mask]]:
    """(values, mask) of bands over a raster or at points.

    Args:
        bands: of any images.
        domain: a raster, whose memory is the caller's to bound (tiles), or points.

    Returns:
        For every band its values, of the band's dtype and the domain's shape (and the axes of an array pixel
        after it; object arrays of one array a pixel where lengths differ), and its mask: None where all are
        valid, otherwise bool or float32 of the domain's shape. Masked values hold anything.

    Raises:
        EngineError: a band cannot be computed.
    """
    wanted = list(bands)
    found = arrays([node for band in wanted for node in (band.values, band.mask)], domain)
    result: list[tuple[Array, Mask]] = []
    for band, values, mask in zip(wanted, found[::2], found[1::2], strict=True):
        values = np.asarray(values)
        if values.dtype != object:
            values = values.astype(band.type.dtype, copy=False)
            pixel = values.shape[values.ndim - band.type.dimensions:] if band.type.dimensions else ()
            values = np.broadcast_to(values, domain.shape + pixel)
        else:
            values = np.broadcast_to(values, domain.shape)
        result.append((values, None if mask is None else np.broadcast_to(mask, domain.shape)))
    return result


def read_masks(bands: Iterable[Band], domain: Domain) -> list[Mask]:
    """The masks alone, as in `read`; no values are computed that masks do not depend on."""
    return [None if mask is None else np.broadcast_to(mask, domain.shape)
            for mask in arrays([band.mask for band in bands], domain)]
