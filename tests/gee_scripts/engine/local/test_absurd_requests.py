"""Requests beyond all measure: each is refused in words, before anything of that size is made."""

from __future__ import annotations

from typing import Any

import ee
import pytest

from agrispec.errors import EngineError


def point() -> Any:
    return ee.Geometry.Point([0, 0])


def one_pixel(image: Any) -> Any:
    return image.reduceRegion(ee.Reducer.first(), point(), 10)


def doubled(first: Any, function: Any) -> Any:
    """What a function of a value and itself makes of it in sixty steps."""
    return ee.List.sequence(1, 60).iterate(lambda _, last: function(last), first)


def near(image: Any, kernel: Any, reducer: Any = None) -> Any:
    return one_pixel(image.reduceNeighborhood(reducer or ee.Reducer.mean(), kernel))


REQUESTS = {
    "focalMax": lambda: one_pixel(ee.Image(1).focalMax(1e9, units="pixels")),
    "focalMean": lambda: one_pixel(ee.Image(1).focalMean(3000, units="pixels")),
    "focalMedian in metres": lambda: one_pixel(ee.Image(1).focalMedian(1e7, units="meters")),
    "focalMode of a cross": lambda: one_pixel(ee.Image(1).focalMode(1e6, "cross", "pixels")),
    **{f"Kernel.{kind}": (lambda kind=kind: near(ee.Image(1), getattr(ee.Kernel, kind)(1e9)))
       for kind in ("circle", "square", "diamond", "plus", "cross", "octagon", "gaussian", "euclidean", "manhattan",
                    "chebyshev")},
    "Kernel.rectangle": lambda: near(ee.Image(1), ee.Kernel.rectangle(1, 1e9)),
    "Kernel.add": lambda: near(ee.Image(1), ee.Kernel.circle(1).add(ee.Kernel.circle(1e9))),
    "Kernel.inverse": lambda: near(ee.Image(1), ee.Kernel.euclidean(1e9).inverse()),
    "Kernel.rotate": lambda: near(ee.Image(1), ee.Kernel.square(1e9).rotate(1)),
    "Kernel.fixed": lambda: near(ee.Image(1), ee.Kernel.fixed(weights=[ee.List.repeat(1, 5000)])),
    "Kernel of an infinite radius": lambda: near(ee.Image(1), ee.Kernel.circle(ee.Number(1e308).multiply(1e10))),
    "convolve": lambda: one_pixel(ee.Image(1).convolve(ee.Kernel.gaussian(1e6, 10))),
    "distance": lambda: one_pixel(ee.Image(1).distance(ee.Kernel.euclidean(1e8, "meters"))),
    "fastDistanceTransform": lambda: one_pixel(ee.Image(1).fastDistanceTransform(1_000_000)),
    "entropy": lambda: one_pixel(ee.Image(1).toByte().entropy(ee.Kernel.square(1e5))),
    "neighborhoodToBands": lambda: ee.Image(1).neighborhoodToBands(ee.Kernel.square(1e5)).bandNames(),
    "neighborhoodToBands of a large kernel": lambda: ee.Image(1).neighborhoodToBands(
        ee.Kernel.square(500)).bandNames().size(),
    "neighborhoodToArray": lambda: one_pixel(ee.Image(1).neighborhoodToArray(ee.Kernel.square(1e5))),
    "connectedComponents": lambda: one_pixel(ee.Image(1).connectedComponents(ee.Kernel.square(500), 1024)),
    "connectedPixelCount": lambda: one_pixel(ee.Image(1).connectedPixelCount(10**6)),
    "median of a large kernel": lambda: ee.Image.random().reduceNeighborhood(
        ee.Reducer.median(), ee.Kernel.square(400)).reduceRegion(
            ee.Reducer.mean(), point().buffer(2000).bounds(), 10),
    "iterations": lambda: one_pixel(ee.Image(1).focalMax(1, iterations=10**9)),
    "List.sequence": lambda: ee.List.sequence(0, 1e12).size(),
    "List.sequence by count": lambda: ee.List.sequence(0, count=10**12).size(),
    "List.repeat": lambda: ee.List.repeat(1, 10**12).size(),
    "Array.identity": lambda: ee.Array.identity(10**6).length(),
    "Array.repeat": lambda: ee.Array([1]).repeat(0, 10**12).length(),
    "Array.pad": lambda: ee.Array([1]).pad([10**10]).length(),
    "Array.cat": lambda: ee.Array(doubled(ee.Array([1]), lambda a: ee.Array.cat([ee.Array(a), ee.Array(a)]))).length(),
    "Array.matrixMultiply": lambda: ee.Array([ee.List.repeat(1, 10**5)]).matrixTranspose().matrixMultiply(
        ee.Array([ee.List.repeat(1, 10**5)])).length(),
    "Image.arrayRepeat": lambda: one_pixel(ee.Image(1).toArray().arrayRepeat(0, 10**12)),
    "Image.matrixIdentity": lambda: one_pixel(ee.Image.matrixIdentity(10**6)),
    "Image.arrayPad": lambda: one_pixel(ee.Image(1).toArray().arrayPad([10**10])),
    "Image.arrayCat": lambda: one_pixel(ee.Image(doubled(ee.Image(1).toArray(), lambda a: ee.Image(a).arrayCat(a, 0)))),
    "Image.constant": lambda: ee.Image.constant(ee.List.repeat(1, 10**6)).bandNames().size(),
    "Image.constant of more": lambda: one_pixel(ee.Image.constant(ee.List.repeat(1, 10**7))),
    "Image.addBands": lambda: ee.Image(doubled(ee.Image(1), lambda a: ee.Image(a).addBands(a))).bandNames().size(),
    "toBands": lambda: ee.ImageCollection(ee.List.sequence(1, 10**6).map(lambda n: ee.Image(1))).toBands()
                         .bandNames().size(),
    "coveringGrid": lambda: ee.Geometry.Rectangle([0, 0, 10, 10]).coveringGrid("EPSG:4326", 1e-6).size(),
    "randomPoints": lambda: ee.FeatureCollection.randomPoints(ee.Geometry.Rectangle([0, 0, 1, 1]), 10**9).size(),
    "strings": lambda: ee.String(doubled("ab", lambda s: ee.String(s).cat(s))).length(),
    "String.replace": lambda: ee.String(doubled("ab", lambda s: ee.String(s).replace("a", "aaaa", "g"))).length(),
    "List.join": lambda: ee.List.repeat("a" * 1000, 10**7).join("").length(),
    "lists": lambda: ee.List(doubled([1], lambda s: ee.List(s).cat(s))).size(),
    "lists in lists": lambda: ee.List(doubled([1], lambda s: [s, s])),
    "List.flatten": lambda: ee.List(doubled([1], lambda s: [s, s])).flatten().size(),
    "dictionaries": lambda: ee.Dictionary(doubled({"a": 1}, lambda s: {"a": s, "b": s})),
    "collections": lambda: ee.FeatureCollection(doubled(
        ee.FeatureCollection([ee.Feature(point())]), lambda c: ee.FeatureCollection(c).merge(c))).size(),
    "images": lambda: ee.ImageCollection(doubled(
        ee.ImageCollection([ee.Image(1)]), lambda c: ee.ImageCollection(c).merge(c))).size(),
    "numbers": lambda: ee.Number(doubled(3, lambda n: ee.Number(n).multiply(n))).format("%1000000000d"),
    "Number.format": lambda: ee.Number(1).format("%.1000000000f"),
    "slices": lambda: ee.List.sequence(0, 1e9).slice(0, 1),
    "List.map of lists": lambda: ee.List.sequence(1, 5000).map(lambda n: ee.List.sequence(1, 5000)).flatten().size(),
    "reduceResolution": lambda: one_pixel(ee.Image.random().reproject("EPSG:3857", None, 1).reduceResolution(
        ee.Reducer.mean(), False, 10**12).reproject("EPSG:3857", None, 10**6)),
    "reproject": lambda: ee.Image.random().reproject("EPSG:3857", None, 1e-9).reduceRegion(
        ee.Reducer.mean(), point().buffer(1000), maxPixels=10**15),
    "a region at a tiny scale": lambda: ee.Image(1).reduceRegion(ee.Reducer.mean(), point().buffer(10), 1e-9,
                                                                 maxPixels=10**15),
    "histogram": lambda: ee.Image.random().reduceRegion(ee.Reducer.histogram(10**9), point().buffer(100), 10),
    "fixedHistogram": lambda: ee.Image.random().reduceRegion(ee.Reducer.fixedHistogram(0, 1, 10**9),
                                                             point().buffer(100), 10),
    "autoHistogram": lambda: ee.Image.random().reduceRegion(ee.Reducer.autoHistogram(10**9, 1e-12),
                                                            point().buffer(100), 10),
    "fixed2DHistogram": lambda: ee.Image.random().addBands(ee.Image.random(1)).reduceRegion(
        ee.Reducer.fixed2DHistogram(0, 1, 10**5, 0, 1, 10**5), point().buffer(100), 10),
    "fixedHistogram per pixel": lambda: ee.ImageCollection([ee.Image.random()]).reduce(
        ee.Reducer.fixedHistogram(0, 1, 10**6)).arrayReduce(ee.Reducer.sum(), [0]).arrayFlatten([["a"], ["b", "c"]])
        .reduceRegion(ee.Reducer.mean(), point().buffer(3000), 10),
    "percentile": lambda: ee.Image.random().reduceRegion(
        ee.Reducer.percentile(ee.List.sequence(0, 100, 1e-4)), point().buffer(100), 10),
    "Reducer.repeat": lambda: ee.Image(1).toArray().reduceRegion(ee.Reducer.mean().repeat(10**9), point(), 10),
    "sample": lambda: ee.Image.random().sample(point().buffer(1e6), 1e-3).size(),
    "sample of many": lambda: ee.Image.random().sample(point().buffer(20_000).bounds(), 10).size(),
    "sampleRegions": lambda: ee.Image.random().sampleRegions(ee.FeatureCollection(point().buffer(1e6)),
                                                             scale=1e-3).size(),
    "sampleRegions of many": lambda: ee.Image.random().sampleRegions(
        ee.FeatureCollection(point().buffer(20_000)), scale=10).size(),
    "stratifiedSample": lambda: ee.Image(1).stratifiedSample(10**12, region=point().buffer(1e5), scale=1e-3).size(),
    "Classifier": lambda: ee.Image(1).classify(ee.Classifier.decisionTreeEnsemble(ee.List.repeat("x", 10**6))),
    "getRegion far across its projection": lambda: ee.ImageCollection([ee.Image(1)]).getRegion(
        ee.Geometry.Rectangle([-85, 45, 85, 46], "EPSG:4326", False), 1000, "EPSG:2154"),
    "a rectangle beyond its projection": lambda: ee.Image(1).reproject("EPSG:3031", None, 1000).sampleRectangle(
        ee.Geometry.LineString([[-170, -80], [-170, 90]])),
    "bestEffort without a pixel": lambda: ee.Image(1).reduceRegion(
        ee.Reducer.mean(), point().buffer(1000), 10, bestEffort=True, maxPixels=0),
    **{f"{name} of {kind}": (lambda make=make, number=number: one_pixel(make(number)))
       for kind, number in (("inf", lambda: ee.Image(0).log().multiply(-1)), ("nan", lambda: ee.Image(-1).sqrt()))
       for name, make in (("arrayRepeat", lambda n: ee.Image(1).toArray().arrayRepeat(0, n().unmask(5))),
                          ("arrayReshape", lambda n: ee.Image(1).toArray().arrayReshape(n().toArray(), 1)))},
    "Dictionary.toArray": lambda: ee.Dictionary({"a": 1}).toArray(None, 65),
    "Reducer.max": lambda: one_pixel(ee.Image(1).reduce(ee.Reducer.max(2**31))),
    "getRegion of no scale": lambda: ee.ImageCollection([ee.Image(1)]).getRegion(point().buffer(100), 0),
    "reproject of no scale": lambda: one_pixel(ee.Image.random().reproject("EPSG:3857", None, 0)),
    "a transform of no area": lambda: ee.ImageCollection([ee.Image(1)]).getRegion(
        point().buffer(100), None, "EPSG:3857", [0, 0, 0, 0, 0, 0]),
    "Date.advance": lambda: ee.Date("2020-01-01").advance(1e6, "year"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_what_is_beyond_all_measure_is_refused_in_words_before_it_is_made(world: Any, name: str) -> None:
    with pytest.raises(EngineError) as refused:
        world.info(REQUESTS[name]())
    assert refused.value.mend
    assert not any(word in str(refused.value) for word in ("MemoryError", "OverflowError", "report a fault"))


def test_what_is_only_large_is_answered(world: Any) -> None:
    assert world.info(ee.List.sequence(1, 10**6).size()) == 10**6
    assert world.info(one_pixel(ee.Image(3).focalMax(512, units="pixels"))) == {"constant": 3}
    assert len(world.info(ee.Image(1).neighborhoodToBands(ee.Kernel.square(50)).bandNames())) == 101 * 101
    thousand = ee.ImageCollection([ee.Image(n) for n in range(1000)]).toBands()
    assert len(world.info(thousand.bandNames())) == 1000


def test_names_of_bands_that_are_added_again_are_those_that_are_free(world: Any) -> None:
    image = ee.Image([1, 2]).rename(["a", "a_1"])
    assert world.info(image.addBands(image).addBands(image.select("a")).bandNames()) == [
        "a", "a_1", "a_2", "a_1_1", "a_3"]
