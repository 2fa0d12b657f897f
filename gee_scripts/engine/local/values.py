"""What a graph's nodes evaluate to, beside numbers, strings, lists, dictionaries and None.

An array is a NumPy array, a pixel type is a `raster.PixelType`, a projection a `domains.Projection`, a geometry a
`geometry.Geometry`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gee_scripts.engine.local.geometry import Geometry, union
from gee_scripts.engine.local.rasters.raster import Band
from gee_scripts.engine.local.type_names import Named

SYSTEM_INDEX = "system:index"
TIME_START = "system:time_start"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True, repr=False)
class Image(Named):
    """Bands with properties.

    Attributes:
        bands: in order; names are unique.
        properties: system properties included.
        footprint: shapes whose union holds the pixels; None without limit.
        id: the asset it was loaded from.
        output: what Image.clipToBoundsAndScale asked for, for exports and thumbnails.
    """

    bands: tuple[Band, ...]
    properties: Mapping[str, Any] = field(default_factory=dict)
    footprint: tuple[Geometry, ...] | None = None
    id: str | None = None
    output: Output | None = None

    @property
    def names(self) -> list[str]:
        """Names of the bands, in order."""
        return [band.name for band in self.bands]

    def with_bands(self, bands: Iterable[Band]) -> Image:
        """Other bands with the properties, the footprint and the output of this image."""
        return Image(bands=tuple(bands), properties=self.properties, footprint=self.footprint, output=self.output)

    def with_properties(self, properties: Mapping[str, Any]) -> Image:
        """The same bands with other properties."""
        return replace(self, properties=properties)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The frame Image.clipToBoundsAndScale gives to an image; None where it was not given.

    Attributes:
        geometry: its bounds in the image's projection are the frame.
        width, height, largest: pixels.
        scale: metres.
    """

    geometry: Geometry | None
    width: int | None
    height: int | None
    largest: int | None
    scale: float | None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True, repr=False)
class Feature(Named):
    """A geometry, or none, with properties."""

    geometry: Geometry | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)

    def with_properties(self, properties: Mapping[str, Any]) -> Feature:
        """The same geometry with other properties."""
        return replace(self, properties=properties)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Collection(Named):
    """Images or features (or collections of features), in order.

    Attributes:
        items: the elements; their pixels are not read.
        kind: "Image" or "Feature".
        properties: of the collection itself.
        id: the asset it was loaded from.
    """

    items: tuple[Any, ...]
    kind: str = "Feature"
    properties: Mapping[str, Any] = field(default_factory=dict)
    id: str | None = None
    _indexes: dict[str, dict[Any, list[int]]] = field(default_factory=dict)

    @property
    def type_name(self) -> str:
        """ImageCollection or FeatureCollection."""
        return f"{self.kind}Collection"

    def having(self, items: Iterable[Any]) -> Collection:
        """A collection of the same kind and properties with other elements."""
        return Collection(tuple(items), self.kind, self.properties)

    def positions(self, name: str) -> dict[Any, list[int]]:
        """Value of a property -> places of the elements that have it; kept for the next question."""
        if name not in self._indexes:
            found: dict[Any, list[int]] = {}
            for place, element in enumerate(self.items):
                value = get(element, name)
                if value is not None:
                    found.setdefault(hashable(value), []).append(place)
            self._indexes[name] = found
        return self._indexes[name]


Element = Image | Feature | Collection


@dataclass(frozen=True, slots=True, order=True, repr=False)
class Date(Named):
    """Milliseconds since 1970-01-01T00:00:00Z."""

    milliseconds: int


@dataclass(frozen=True, slots=True, repr=False)
class DateRange(Named):
    """`[start, end)` in milliseconds; minus and plus infinity where it has no end."""

    start: float
    end: float

    def __contains__(self, milliseconds: float) -> bool:
        return self.start <= milliseconds < self.end


@dataclass(frozen=True, slots=True, eq=False, kw_only=True, repr=False)
class Filter(Named):
    """A predicate on an element, or on a pair in a join.

    Attributes:
        accepts: of the left element, and of the right one in a join (None otherwise).
        equal: (left property, right property) that must be equal for `accepts` to hold; joins look them up
            rather than try all pairs.
        measure: distance of a pair, for joins that save it.
    """

    accepts: Callable[[Any, Any], bool]
    equal: tuple[str, str] | None = None
    measure: Callable[[Any, Any], float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One plain reducer.

    Attributes:
        kind: "mean", "percentile", …; what it does to a region, a stack or a neighbourhood stands in
            `algorithms.reducers`.
        outputs: names of its outputs.
        numbers: its parameters, e.g. percentiles.
        weighted: inputs count by their weight; otherwise each counts one.
        inputs: which of the reducer's inputs it takes, in its order.
        optional: how many of its last inputs may be null.
        shares: inputs that hold the weights (`Reducer.splitWeights`).
        inner: the reducer that it groups, repeats or applies to elements.
        names: of the group's key, or of a feature's properties.
    """

    kind: str
    outputs: tuple[str, ...]
    numbers: tuple[float, ...] = ()
    weighted: bool = True
    inputs: tuple[int, ...] = (0,)
    optional: int = 0
    shares: tuple[int, ...] = ()
    inner: Reducer | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Reducer(Named):
    """Plain reducers that run side by side over the same inputs. An output named "" is dropped."""

    parts: tuple[Part, ...]

    @property
    def width(self) -> int:
        """Number of inputs."""
        return 1 + max((place for part in self.parts for place in part.inputs + part.shares), default=0)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of all outputs, in order."""
        return tuple(name for part in self.parts for name in part.outputs if name)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Kernel(Named):
    """A neighbourhood of pixels.

    Attributes:
        kind: circle, square, …
        radius: in `units`.
        units: "pixels" or "meters".
        normalised: weights sum to 1.
        magnitude: factor of the weights.
        numbers: other parameters, e.g. the radius from north to south, or a standard deviation.
        weights: rows of a kernel that is given by its weights.
        focus: (column, row) of the centre in `weights`.
        of: the kernels that it is made from.
    """

    kind: str
    radius: float
    units: str = "pixels"
    normalised: bool = True
    magnitude: float = 1.0
    numbers: tuple[float, ...] = ()
    weights: tuple[tuple[float, ...], ...] = ()
    focus: tuple[int, int] = (0, 0)
    of: tuple[Kernel, ...] = ()

    def radius_pixels(self, scale: float) -> float:
        """Radius in pixels of `scale` metres."""
        return self.radius if self.units == "pixels" else self.radius / scale


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ConfusionMatrix(Named):
    """(actual, predicted) counts, and the class of each row and column."""

    counts: np.ndarray[Any, Any]
    order: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Join(Named):
    """How matches of two collections are kept."""

    kind: str
    key: str = ""
    secondary_key: str = ""
    ordering: str | None = None
    ascending: bool = True
    measure_key: str | None = None
    outer: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Closure(Named):
    """A function of a graph with the values its body sees.

    Attributes:
        names: arguments, in order.
        call: of their values.
    """

    names: tuple[str, ...]
    call: Callable[[Sequence[Any]], Any]

    @property
    def type_name(self) -> str:
        """Functions of graphs are algorithms."""
        return "Algorithm"

    def __call__(self, *values: Any) -> Any:
        return self.call(values)


def get(element: Any, name: str) -> Any:
    """A property of an element, None where it has none of that name."""
    if name == "system:id" and isinstance(element, Image | Collection):
        return element.id
    return element.properties.get(name)


def put(element: Any, properties: Mapping[str, Any]) -> Any:
    """The element with properties added or overwritten; None removes one."""
    merged = {**element.properties, **properties}
    merged = {name: value for name, value in merged.items() if value is not None}
    if isinstance(element, Collection):
        return Collection(element.items, element.kind, merged, element.id)
    return element.with_properties(merged)


def geometry_of(element: Any) -> Geometry | None:
    """The geometry of a feature, the footprint of an image (None without limit), or of a collection."""
    if isinstance(element, Geometry):
        return element
    if isinstance(element, Feature):
        return element.geometry
    if isinstance(element, Image):
        if element.footprint is None:
            return None
        return element.footprint[0] if len(element.footprint) == 1 else union(element.footprint)
    return union([g for g in map(geometry_of, element.items) if g is not None])


def hashable(value: Any) -> Any:
    """A key that two equal property values share."""
    if isinstance(value, Date):
        return value.milliseconds
    if isinstance(value, list):
        return tuple(map(hashable, value))
    if isinstance(value, np.ndarray):
        # Numbers of any type are the same number, as with lists; a list is no array.
        return np.ndarray, value.shape, tuple(map(hashable, value.ravel().tolist()))
    if isinstance(value, Geometry):
        return Geometry, value.crs, value.geodesic, value.shape.wkb
    if isinstance(value, dict):
        return tuple((name, hashable(v)) for name, v in sorted(value.items()))
    if isinstance(value, float) and value.is_integer() and math.isfinite(value):
        return int(value)
    return value
