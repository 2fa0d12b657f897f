"""Random well-typed graphs, evaluated by the engine and by an interpreter of a few lines of NumPy.

An example draws a program; each instruction builds the graph through the real client and, beside it, the bands as
(values, valid) pairs in double. The interpreter shares no code with the engine. The budget in CI is small;
AGRISPEC_FUZZ_EXAMPLES and AGRISPEC_FUZZ_SEED set another one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ee
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as from_seed
from hypothesis import strategies as st

SHAPE = (20, 24)
BUDGET = int(os.environ.get("AGRISPEC_FUZZ_EXAMPLES", "150"))
SEED = int(os.environ.get("AGRISPEC_FUZZ_SEED", "3"))
Bands = dict[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Pair:
    """A graph and the bands it stands for."""

    graph: Any
    bands: Bands


def zero_where_masked(bands: Bands) -> Bands:
    return {name: (np.where(valid, values, 0.0), valid) for name, (values, valid) in bands.items()}


def divided(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.divide(a, b, out=np.zeros(np.broadcast_shapes(a.shape, b.shape)), where=b != 0)


UNARY: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "abs": np.abs, "floor": np.floor, "ceil": np.ceil, "sin": np.sin, "cos": np.cos, "atan": np.arctan,
    "tanh": np.tanh, "signum": np.sign, "Not": lambda x: (x == 0).astype(float)}
BINARY: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": divided, "min": np.minimum,
    "max": np.maximum, "atan2": np.arctan2, "hypot": np.hypot,
    **{name: lambda a, b, f=function: f(a, b).astype(float) for name, function in {
        "eq": np.equal, "neq": np.not_equal, "lt": np.less, "lte": np.less_equal, "gt": np.greater,
        "gte": np.greater_equal, "And": lambda a, b: (a != 0) & (b != 0),
        "Or": lambda a, b: (a != 0) | (b != 0)}.items()}}


def unary(name: str, pair: Pair) -> Pair:
    return Pair(getattr(pair.graph, name)(), {band: (UNARY[name](values), valid)
                                              for band, (values, valid) in pair.bands.items()})


def matched(first: Bands, second: Bands) -> list[tuple[str, str, str]]:
    """(result, first, second) band names: by name where the sets agree, else in order; one goes with all."""
    if len(first) == len(second):
        if set(first) == set(second) and len(first) > 1:
            return [(name, name, name) for name in first]
        return [(a, a, b) for a, b in zip(first, second, strict=True)]
    if len(second) == 1:
        return [(name, name, next(iter(second))) for name in first]
    return [(name, next(iter(first)), name) for name in second]


def binary(name: str, one: Pair, other: Pair) -> Pair:
    if len(one.bands) != len(other.bands) and 1 not in (len(one.bands), len(other.bands)):
        other = first_band(other)
    found = {}
    for result, a, b in matched(one.bands, other.bands):
        (x, seen_x), (y, seen_y) = one.bands[a], other.bands[b]
        found[result] = BINARY[name](x, y), seen_x & seen_y
    return Pair(getattr(one.graph, name)(other.graph), found)


def first_band(pair: Pair) -> Pair:
    name = next(iter(pair.bands))
    return Pair(pair.graph.select([name]), {name: pair.bands[name]})


def renamed(pair: Pair, prefix: str) -> Pair:
    names = [f"{prefix}{number}" for number in range(len(pair.bands))]
    return Pair(pair.graph.rename(names), dict(zip(names, pair.bands.values(), strict=True)))


def with_bands(one: Pair, other: Pair) -> Pair:
    """`addBands` of bands by new names, of at most four in all."""
    if len(one.bands) + len(other.bands) > 4:
        return one
    one, other = renamed(one, "p"), renamed(other, "q")
    return Pair(one.graph.addBands(other.graph), {**one.bands, **other.bands})


def masked_by(one: Pair, other: Pair) -> Pair:
    other = first_band(other)
    values, seen = next(iter(other.bands.values()))
    # Masks are 0 to 1: what is not zero is made 1 before.
    return Pair(one.graph.updateMask(other.graph.neq(0)),
                {name: (x, valid & seen & (values != 0)) for name, (x, valid) in one.bands.items()})


def unmasked(pair: Pair, value: float) -> Pair:
    return Pair(pair.graph.unmask(value, False), {name: (np.where(valid, x, value), np.ones(SHAPE, bool))
                                                  for name, (x, valid) in pair.bands.items()})


def where(one: Pair, test: Pair, other: Pair) -> Pair:
    """`where`: replaced where the test holds and test and value are valid; the mask stays the first's."""
    test, other = first_band(test), first_band(other)
    (condition, known), (y, seen) = next(iter(test.bands.values())), next(iter(other.bands.values()))
    here = known & (condition != 0) & seen
    return Pair(one.graph.where(test.graph, other.graph),
                {name: (np.where(here, y, x), valid) for name, (x, valid) in one.bands.items()})


REDUCERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sum": np.nansum, "mean": np.nanmean, "min": np.nanmin, "max": np.nanmax, "median": np.nanmedian}


def over_bands(name: str, pair: Pair) -> Pair:
    return Pair(pair.graph.reduce(getattr(ee.Reducer, name)()), {name: reduced(name, list(pair.bands.values()))})


def reduced(name: str, looks: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    stack = np.stack([np.where(valid, values, np.nan) for values, valid in looks])
    seen = ~np.isnan(stack).all(axis=0)
    found = np.zeros(SHAPE)
    if name == "sum":  # nothing sums to 0
        return np.nansum(stack, axis=0), np.ones(SHAPE, bool)
    found[seen] = REDUCERS[name](stack[:, seen], axis=0)
    return found, seen


def over_images(name: str, pairs: list[Pair]) -> Pair:
    """A collection of one-band images, reduced; `mosaic` shows the last valid one."""
    pairs = [renamed(first_band(pair), "x") for pair in pairs]
    looks = [pair.bands["x0"] for pair in pairs]
    collection = ee.ImageCollection([pair.graph for pair in pairs])
    if name == "mosaic":
        values, valid = np.zeros(SHAPE), np.zeros(SHAPE, bool)
        for x, seen in looks:
            values, valid = np.where(seen, x, values), valid | seen
        return Pair(collection.mosaic(), {"x0": (values, valid)})
    return Pair(getattr(collection, name)(), {"x0": reduced(name, looks)})


def mapped(name: str, pairs: list[Pair], constant: float) -> Pair:
    """A collection mapped by arithmetic with a value of the outer scope, filtered by a property, and summed."""
    pairs = [renamed(first_band(pair), "x") for pair in pairs]
    collection = ee.ImageCollection([pair.graph.set("n", number) for number, pair in enumerate(pairs)])
    changed = collection.map(lambda image: getattr(image, name)(ee.Number(constant))).filter(ee.Filter.gt("n", 0))
    kept = [(BINARY[name](x, np.full(SHAPE, constant)), seen) for x, seen in (p.bands["x0"] for p in pairs)][1:]
    return Pair(changed.sum(), {"x0": reduced("sum", kept)})


CONSTANTS = st.sampled_from([-2.5, -1.0, 0.0, 0.5, 3.0])


@st.composite
def programs(draw: st.DrawFn) -> tuple[int, list[tuple[Any, ...]]]:
    """A seed of the images, and instructions that refer to what came before them."""
    instructions: list[tuple[Any, ...]] = []
    for length in range(draw(st.integers(1, 12))):
        some = st.integers(0, 3 + length)
        instructions.append(draw(st.one_of(
            st.tuples(st.just("unary"), st.sampled_from(sorted(UNARY)), some),
            st.tuples(st.just("binary"), st.sampled_from(sorted(BINARY)), some, some),
            st.tuples(st.just("constant"), CONSTANTS),
            st.tuples(st.just("bands"), some, some),
            st.tuples(st.just("mask"), some, some),
            st.tuples(st.just("unmask"), some, CONSTANTS),
            st.tuples(st.just("where"), some, some, some),
            st.tuples(st.just("reduce"), st.sampled_from(sorted(REDUCERS)), some),
            st.tuples(st.just("collection"), st.sampled_from([*sorted(REDUCERS), "mosaic"]), st.lists(some, min_size=1,
                                                                                             max_size=4)),
            st.tuples(st.just("map"), st.sampled_from(["add", "multiply", "subtract", "max"]),
                      st.lists(some, min_size=2, max_size=4), CONSTANTS))))
    return draw(st.integers(0, 5)), instructions


def step(instruction: tuple[Any, ...], known: list[Pair]) -> Pair:
    kind, *rest = instruction
    match kind:
        case "unary":
            return unary(rest[0], known[rest[1]])
        case "binary":
            return binary(rest[0], known[rest[1]], known[rest[2]])
        case "constant":
            return Pair(ee.Image.constant(rest[0]).toDouble(), {"constant": (np.full(SHAPE, rest[0]),
                                                                             np.ones(SHAPE, bool))})
        case "bands":
            return with_bands(known[rest[0]], known[rest[1]])
        case "mask":
            return masked_by(known[rest[0]], known[rest[1]])
        case "unmask":
            return unmasked(known[rest[0]], rest[1])
        case "where":
            return where(*(known[number] for number in rest))
        case "reduce":
            return over_bands(rest[0], known[rest[1]])
        case "collection":
            return over_images(rest[0], [known[number] for number in rest[1]])
        case _:
            return mapped(rest[0], [known[number] for number in rest[1]], rest[2])


@from_seed(SEED)
@given(program=programs())
@settings(max_examples=BUDGET, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_random_graph_equals_its_interpretation(world: Any, program: tuple[int, list[tuple[Any, ...]]]) -> None:
    seed, instructions = program
    random = np.random.default_rng(seed)
    known = []
    for number in range(4):
        names = ["a", "b", "c"][:1 + number % 3]
        planes = {name: np.where(random.random(SHAPE) < 0.2, -99.0, random.integers(-6, 7, SHAPE) / 2)
                  for name in names}
        world.images[f"image{number}"] = world.make(planes, nodata=-99.0)
        known.append(Pair(ee.Image(f"image{number}"), {name: (plane, plane != -99) for name, plane in planes.items()}))
    for instruction in instructions:
        known.append(step(instruction, known))
    for pair in known[4:]:
        expected = zero_where_masked(pair.bands)
        found = world.pixels(pair.graph)
        assert list(found) == list(expected)
        for name, (values, valid) in expected.items():
            np.testing.assert_array_equal(~np.ma.getmaskarray(found[name]), valid, err_msg=name)
            np.testing.assert_allclose(np.where(valid, found[name].data, 0.0), values, rtol=1e-6, atol=1e-9)
