"""Reducers, and how they are made of each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gee_scripts.engine.local.algorithms.records import over_numbers, over_records, table
from gee_scripts.engine.local.algorithms.reductions import ALWAYS, over_stack, stack_median, stacked_type
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.values import Image, Part, Reducer

__all__ = ["ALWAYS", "over_numbers", "over_records", "over_stack", "plain", "stack_median", "stacked_type"]

# These take pixels by their centre, and what is masked in part as a whole one. The client's list calls some reducers
# "(weighted)" and says of fixed2DHistogram alone that it never is; of the others it says nothing.
# https://developers.google.com/earth-engine/guides/reducers_weighting
_UNWEIGHTED = {"count", "countEvery", "min", "max", "minMax", "first", "last", "countDistinct", "countDistinctNonNull",
               "toList", "toCollection", "anyNonZero", "allNonZero", "product", "bitwiseAnd", "bitwiseOr",
               "fixed2DHistogram", "linearRegression", "robustLinearRegression", "ridgeRegression",
               "spearmansCorrelation", "kendallsCorrelation", "sensSlope", "group"}
_OUTPUTS = {"countDistinct": ("count",), "countDistinctNonNull": ("count",), "countEvery": ("count",),
            "minMax": ("min", "max"), "frequencyHistogram": ("histogram",), "autoHistogram": ("histogram",),
            "fixedHistogram": ("histogram",), "fixed2DHistogram": ("histogram", "xAxis", "yAxis"),
            "toList": ("list",), "toCollection": ("features",), "anyNonZero": ("any",), "allNonZero": ("all",),
            "sampleStdDev": ("stdDev",), "sampleVariance": ("variance",), "intervalMean": ("mean",),
            "circularStddev": ("circularStdDev",), "linearFit": ("scale", "offset"),
            "linearRegression": ("coefficients", "residuals"), "robustLinearRegression": ("coefficients", "residuals"),
            "ridgeRegression": ("coefficients", "residuals", "pValue"), "centeredCovariance": ("covariance",),
            "pearsonsCorrelation": ("correlation", "p-value"), "spearmansCorrelation": ("correlation", "p-value"),
            "kendallsCorrelation": ("tau", "p-value"), "sensSlope": ("slope", "offset")}

MOST_OUTPUTS = 100_000
"""Percentiles, copies of a reducer or inputs of one, at most; the service's bounds are not documented."""
MOST_BUCKETS = 1_000_000
"""Buckets of a histogram, at most."""


def _bounded(number: float, most: int, what: str) -> None:
    if not number <= most:
        raise AlgorithmError(f"{number:g} {what} are more than {most}", mend=f"ask for at most {most}")


def part_of(kind: str, inputs: int = 1, numbers: tuple[Any, ...] = (), **more: Any) -> Part:
    """A plain reducer of some inputs."""
    return Part(**{"kind": kind, "outputs": _OUTPUTS.get(kind, (kind,)), "weighted": kind not in _UNWEIGHTED,
                   "inputs": tuple(range(inputs)), "numbers": tuple(numbers), **more})


def plain(kind: str) -> Reducer:
    """A reducer of one part and one input."""
    return Reducer((part_of(kind),))


def _constructor(kind: str, inputs: int = 1) -> Callable[..., Reducer]:
    return lambda *options: Reducer((part_of(kind, inputs),))


algorithm("Reducer.count", source="https://developers.google.com/earth-engine/apidocs/ee-reducer-count")(
    _constructor("count"))
algorithm("Reducer.sum", differs="The sum of nothing is 0; not documented.")(_constructor("sum"))
algorithm("Reducer.frequencyHistogram", lacks="Not per pixel.")(_constructor("frequencyHistogram"))
for _kind in ("mean", "stdDev", "sampleStdDev", "variance", "sampleVariance", "countDistinct",
              "countDistinctNonNull", "countEvery", "minMax", "anyNonZero", "allNonZero",
              "product", "circularMean", "circularVariance", "circularStddev", "bitwiseAnd", "bitwiseOr"):
    algorithm(f"Reducer.{_kind}")(_constructor(_kind))

for _kind in ("median", "mode"):
    algorithm(f"Reducer.{_kind}", differs="Computed directly from any number of inputs, never from a histogram.")(
        _constructor(_kind))

algorithm("Reducer.and")(_constructor("allNonZero"))
algorithm("Reducer.or")(_constructor("anyNonZero"))
for _kind in ("first", "last"):
    algorithm(f"Reducer.{_kind}", differs="Masked inputs are passed over.")(_constructor(_kind))
    algorithm(f"Reducer.{_kind}NonNull")(_constructor(_kind))
algorithm("Reducer.skew", differs="Population skewness (m3 / m2^1.5); the formula is not documented.")(
    _constructor("skew"))
algorithm("Reducer.kurtosis", differs="Excess kurtosis of the population (m4 / m2^2 - 3); not documented.")(
    _constructor("kurtosis"))
algorithm("Reducer.linearFit")(_constructor("linearFit", 2))
for _kind in ("covariance", "centeredCovariance"):
    algorithm(f"Reducer.{_kind}", differs="Divided by the number of inputs, as Reducer.variance is; not documented.")(
        _constructor(_kind))
algorithm("Reducer.pearsonsCorrelation")(_constructor("pearsonsCorrelation", 2))
algorithm("Reducer.spearmansCorrelation", differs="Its p-value is that of Student's t.")(
    _constructor("spearmansCorrelation", 2))
algorithm("Reducer.sensSlope", differs="The offset is the median of y - slope x; not documented.")(
    _constructor("sensSlope", 2))


@algorithm("Reducer.kendallsCorrelation", differs="Its p-value is that of the normal approximation with ties.")
def kendall(inputs: int) -> Reducer:
    """Rank correlation of two inputs, or of one with its place."""
    if inputs not in (1, 2):
        raise AlgorithmError(f"numInputs must be 1 or 2, not {inputs}", mend="give 1 or 2")
    return Reducer((part_of("kendallsCorrelation", inputs),))


def _extreme(kind: str) -> Callable[[int], Reducer]:
    def extreme(inputs: int) -> Reducer:
        _bounded(inputs, MOST_OUTPUTS, "inputs")
        return Reducer((part_of(kind, inputs, outputs=(kind, *(f"{kind}{n}" for n in range(1, inputs)))),))

    return extreme


for _kind in ("min", "max"):
    algorithm(f"Reducer.{_kind}")(_extreme(_kind))


@algorithm("Reducer.percentile", differs="Computed directly from any number of inputs, never from a histogram.")
def percentile(percents: list[float], names: list[str] | None, *options: Any) -> Reducer:
    """Percentiles, named p10 and so on."""
    _bounded(len(percents), MOST_OUTPUTS, "percentiles")
    outputs = tuple(names) if names else tuple(f"p{percent:g}".replace(".", "_") for percent in percents)
    if len(outputs) != len(percents):
        raise AlgorithmError(f"{len(outputs)} names for {len(percents)} percentiles", mend="name every percentile")
    return Reducer((part_of("percentile", numbers=tuple(percents), outputs=outputs),))


@algorithm("Reducer.intervalMean", differs="Takes the values from rank floor(min n) to ceil(max n); not documented.")
def interval_mean(low: float, high: float, *options: Any) -> Reducer:
    """The mean of the inputs between two percentiles."""
    return Reducer((part_of("intervalMean", numbers=(low, high)),))


@algorithm("Reducer.histogram", lacks="Not per pixel.",
           differs="256 buckets at most unless told; empty ones have their centre for a mean.")
def histogram(most: int | None, narrowest: float | None, raw: int | None) -> Reducer:
    """Buckets whose width follows the values, as a dictionary."""
    _bounded(most or 0, MOST_BUCKETS, "buckets")
    return Reducer((part_of("histogram", numbers=(most, narrowest)),))


@algorithm("Reducer.autoHistogram", lacks="Not per pixel.", differs="256 buckets at most unless told.")
def auto_histogram(most: int | None, narrowest: float | None, raw: int | None, cumulative: bool) -> Reducer:
    """Buckets whose width follows the values, as an array."""
    _bounded(most or 0, MOST_BUCKETS, "buckets")
    return Reducer((part_of("autoHistogram", numbers=(most, narrowest, float(cumulative))),))


@algorithm("Reducer.fixedHistogram")
def fixed_histogram(low: float, high: float, steps: int, cumulative: bool) -> Reducer:
    """Buckets of given limits, as an array."""
    _limits(low, high, steps)
    return Reducer((part_of("fixedHistogram", numbers=(low, high, steps, float(cumulative))),))


@algorithm("Reducer.fixed2DHistogram")
def fixed_2d_histogram(*limits: float) -> Reducer:
    """Counts of pairs in buckets of given limits, and the buckets' edges."""
    _limits(*limits[:3])
    _limits(*limits[3:])
    _bounded(limits[2] * limits[5], MOST_BUCKETS, "buckets")
    return Reducer((part_of("fixed2DHistogram", 2, limits),))


def _limits(low: float, high: float, steps: float) -> None:
    if steps < 1 or not low < high:
        raise AlgorithmError(f"{steps:g} buckets from {low} to {high}", mend="give min below max and 1 step or more")
    _bounded(steps, MOST_BUCKETS, "buckets")


@algorithm("Reducer.linearRegression", differs="Pixels count by their centres; weights are not documented.")
def linear_regression(inputs: int, others: int) -> Reducer:
    """Least squares."""
    return Reducer((_regression("linearRegression", inputs, others),))


@algorithm("Reducer.robustLinearRegression", differs="Without beta, 2.795 times the median absolute residual / 0.6745.")
def robust_linear_regression(inputs: int, others: int, beta: float | None) -> Reducer:
    """Least squares without outliers."""
    return Reducer((_regression("robustLinearRegression", inputs, others, *(() if beta is None else (beta,))),))


@algorithm("Reducer.ridgeRegression", differs="Inputs are centred and not scaled; p-values are those of the F-test.")
def ridge_regression(inputs: int, others: int, penalty: float) -> Reducer:
    """Least squares with a penalty on the size of the coefficients."""
    return Reducer((_regression("ridgeRegression", inputs, others, penalty),))


def _regression(kind: str, inputs: int, others: int, *numbers: float) -> Part:
    if inputs < 1 or others < 1:
        raise AlgorithmError(f"{inputs} independent and {others} dependent variables", mend="give one of each at least")
    return part_of(kind, inputs + others, (inputs, others, *numbers))


@algorithm("Reducer.toList", lacks="Not per pixel with optional inputs, nor of arrays.")
def to_list(size: int | None, optional: int) -> Reducer:
    """The inputs, or tuples of them."""
    return Reducer((part_of("toList", size or 1, () if size is None else (size,), optional=optional),))


@algorithm("Reducer.toCollection", lacks="Not per pixel.")
def to_collection(names: list[str], optional: int) -> Reducer:
    """A feature of every record."""
    return Reducer((part_of("toCollection", len(names), names=tuple(names), optional=optional),))


# -- reducers of reducers

def _moved(reducer: Reducer, by: int) -> tuple[Part, ...]:
    return tuple(replace(part, inputs=tuple(place + by for place in part.inputs),
                         shares=tuple(place + by for place in part.shares)) for part in reducer.parts)


@algorithm("Reducer.combine")
def combine(first: Reducer, second: Reducer, prefix: str, shared: bool) -> Reducer:
    """Both side by side, over the same inputs or each over its own."""
    if shared and first.width != second.width:
        raise AlgorithmError(f"reducers of {first.width} and of {second.width} inputs cannot share them",
                             mend="combine reducers of as many inputs, or set sharedInputs to False")
    parts = tuple(replace(part, outputs=tuple(name and prefix + name for name in part.outputs))
                  for part in _moved(second, 0 if shared else first.width))
    return Reducer(first.parts + parts)


@algorithm("Reducer.repeat")
def repeat(reducer: Reducer, count: int) -> Reducer:
    """Copies side by side; every output is a list of theirs."""
    _bounded(reducer.width * count, MOST_OUTPUTS, "inputs")
    return Reducer((part_of("repeat", reducer.width * count, (count,), outputs=reducer.outputs, inner=reducer),))


@algorithm("Reducer.group", lacks="Not per pixel.", differs="Records whose group is masked are left out.")
def group(reducer: Reducer, field: int, name: str) -> Reducer:
    """The reducer over the records of each value of one more input."""
    if not 0 <= field <= reducer.width:
        raise AlgorithmError(f"groupField {field} is none of the {reducer.width + 1} inputs",
                             mend=f"give 0 to {reducer.width}")
    return Reducer((part_of("group", reducer.width + 1, (field,), outputs=("groups",), inner=reducer, names=(name,)),))


@algorithm("Reducer.forEach", differs="Prefixes are joined by an underscore.")
def for_each(reducer: Reducer, names: list[str]) -> Reducer:
    """A copy for each name, side by side."""
    single = len(reducer.outputs) == 1
    return Reducer(tuple(
        replace(part, outputs=tuple(output and (name if single else f"{name}_{output}") for output in part.outputs))
        for place, name in enumerate(names) for part in _moved(reducer, place * reducer.width)))


@algorithm("Reducer.forEachBand", differs="Prefixes are joined by an underscore.")
def for_each_band(reducer: Reducer, image: Image) -> Reducer:
    """A copy for each band, side by side."""
    return for_each(reducer, image.names)


@algorithm("Reducer.forEachElement")
def for_each_element(reducer: Reducer) -> Reducer:
    """The reducer over each place of arrays."""
    return Reducer((part_of("forEachElement", reducer.width, outputs=reducer.outputs, inner=reducer),))


@algorithm("Reducer.setOutputs", nulls=True)
def set_outputs(reducer: Reducer, names: list[str | None]) -> Reducer:
    """The reducer with other names of its outputs; those of an empty name, or of none, are dropped."""
    if len(names) != len(reducer.outputs):
        raise AlgorithmError(f"{len(names)} names for {len(reducer.outputs)} outputs", mend="name every output")
    left = iter(names)
    return Reducer(tuple(replace(part, outputs=tuple(name and (next(left) or "") for name in part.outputs))
                         for part in reducer.parts))


@algorithm("Reducer.getOutputs")
def get_outputs(reducer: Reducer) -> list[str]:
    """Names of the outputs."""
    return list(reducer.outputs)


@algorithm("Reducer.unweighted")
def unweighted(reducer: Reducer) -> Reducer:
    """The reducer with every input counted as one."""
    return Reducer(tuple(replace(part, weighted=False, inner=part.inner and unweighted(part.inner))
                         for part in reducer.parts))


@algorithm("Reducer.splitWeights", lacks="Not per pixel, nor of reducers that group, repeat or take elements.",
           differs="Records of several weights count by the smallest.")
def split_weights(reducer: Reducer) -> Reducer:
    """The reducer with an input for the weight after every weighted input."""
    if any(part.inner is not None for part in reducer.parts):
        raise AlgorithmError("the weights of a reducer of reducers cannot be split by the local engine",
                             mend="split the weights of the inner reducer first")
    weighted = {place for part in reducer.parts if part.weighted for place in part.inputs}
    moved, place = {}, 0
    for number in range(reducer.width):
        moved[number] = place
        place += 2 if number in weighted else 1
    return Reducer(tuple(replace(
        part, inputs=tuple(moved[n] for n in part.inputs), weighted=False,
        shares=tuple(moved[n] + 1 for n in part.inputs) if part.weighted else ()) for part in reducer.parts))


@algorithm("List.reduce")
def reduce_list(items: list[Any], reducer: Reducer) -> Any:
    """The elements of a list reduced, each a list of inputs where there are several: one value, or a dictionary of
    several outputs."""
    several = reducer.width > 1
    for place, item in enumerate(items if several else ()):
        if not isinstance(item, list | tuple) or len(item) != reducer.width:
            raise AlgorithmError(f"element {place} is no list of the reducer's {reducer.width} inputs",
                                 mend="zip the inputs first")
    columns, masks, ones = table([item if several else [item] for item in items], reducer.width)
    found = dict(zip(reducer.outputs, over_records(reducer, columns, masks, ones, ones > 0), strict=True))
    return found if len(found) > 1 else next(iter(found.values()))
