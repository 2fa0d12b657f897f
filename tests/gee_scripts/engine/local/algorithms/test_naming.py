"""Bands put together and named, and properties exchanged."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest

from agrispec.errors import EngineError

SHAPE = (20, 24)


@pytest.fixture
def image(world: Any) -> ee.Image:
    world.images["one"] = world.make({"B1": np.full(SHAPE, 1, np.uint8), "B10": np.full(SHAPE, 0, np.uint8)},
                                     {"a": 1, "system:index": "i", "cloud": 2.5}, nodata=0)
    return ee.Image("one")


def test_images_are_put_side_by_side(world: Any, image: ee.Image) -> None:
    found = world.value(ee.Image.cat(image, 7, "one", ee.Image([1, 2]), image.select("B10")))
    assert found.names == ["B1", "B10", "constant", "B1_1", "B10_1", "constant_1", "constant_1_1", "B10_2"]
    assert found.properties["a"] == 1
    pixels = world.pixels(ee.Image.cat(image, 7))
    assert (pixels["constant"] == 7).all()
    assert pixels["B10"].mask.all()
    assert world.value(ee.ApiFunction.call_("Image.cat", [])).names == []
    with pytest.raises(EngineError, match="no image"):
        world.value(ee.ApiFunction.call_("Image.cat", [{"a": 1}]))


@pytest.mark.parametrize(("pattern", "replacement", "every", "names"), [
    ("B", "band", True, ["band1", "band10"]), ("^B(\\d+)$", "x$1_$1", True, ["x1_1", "x10_10"]),
    ("[01]", "-", True, ["B-", "B--"]), ("[01]", "-", False, ["B-", "B-0"]), ("z", "y", True, ["B1", "B10"]),
    ("B(\\d)", "\\$$1", True, ["$1", "$10"]), ("$", "_v", True, ["B1_v", "B10_v"]),
])
def test_names_are_replaced_as_java_does(world: Any, image: ee.Image, pattern: str, replacement: str, every: bool,
                                         names: list[str]) -> None:
    assert world.value(image.regexpRename(pattern, replacement, every).bandNames()) == names


@pytest.mark.parametrize(("pattern", "replacement", "words"), [
    ("(", "x", "no regular expression"), ("\\d+", "", "Duplicate band name 'B'"), ("B", "$1", "no group"),
])
def test_names_that_cannot_be_are_refused(world: Any, image: ee.Image, pattern: str, replacement: str,
                                          words: str) -> None:
    with pytest.raises(EngineError, match=words):
        world.value(image.regexpRename(pattern, replacement))


def test_properties_are_replaced_by_those_of_another(world: Any, image: ee.Image) -> None:
    found = world.value(ee.ApiFunction.call_("Element.replaceProperties", image, ee.Feature(None, {"b": 3})))
    assert dict(found.properties) == {"system:index": "i", "b": 3}
    bare = world.value(ee.ApiFunction.call_("Element.replaceProperties", image))
    assert dict(bare.properties) == {"system:index": "i"}


def test_a_property_becomes_a_band_of_its_name(world: Any, image: ee.Image) -> None:
    found = world.pixels(image.metadata("cloud"))["cloud"]
    assert found.dtype == np.float64
    assert (found == 2.5).all()
    assert list(world.pixels(image.metadata("cloud", "c"))) == ["c"]
    with pytest.raises(EngineError, match="'none'"):
        world.value(image.metadata("none"))
