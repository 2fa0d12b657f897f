"""Pixels to colours, against NumPy, matplotlib-free sums and Python's colorsys."""

from __future__ import annotations

import colorsys
from typing import Any

import ee
import numpy as np
import pytest

from agrispec.errors import EngineError
from agrispec.grid import Grid
from gee_scripts.engine.local.images.colours import parsed
from gee_scripts.engine.local.rasters.raster import read

SHAPE = (20, 24)
RNG = np.random.default_rng(8)
A, B, C = (RNG.integers(0, 3000, SHAPE).astype(np.uint16) for _ in range(3))


@pytest.fixture
def image(world: Any) -> ee.Image:
    world.images["one"] = world.make({"a": A, "b": B, "c": C, "d": A}, {"p": 1}, nodata=0)
    return ee.Image("one")


def bytes_of(share: np.ndarray) -> np.ndarray:
    return np.floor(255 * np.clip(share, 0, 1) + 0.5)


def planes(world: Any, graph: ee.Image) -> dict[str, np.ma.MaskedArray]:
    found = world.pixels(graph)
    assert all(plane.dtype == np.uint8 for plane in found.values())
    return found


def test_three_bands_are_red_green_and_blue_in_their_ranges(world: Any, image: ee.Image) -> None:
    found = planes(world, image.visualize(["c", "a", "b"], min=[100, 0, 500], max=2500))
    assert list(found) == ["vis-red", "vis-green", "vis-blue"]
    hidden = (A == 0) | (B == 0) | (C == 0)
    for plane, values, low in zip(found.values(), (C, A, B), (100, 0, 500), strict=True):
        np.testing.assert_array_equal(plane.mask, hidden)
        np.testing.assert_array_equal(plane.compressed(), bytes_of((values - float(low)) / (2500 - low))[~hidden])


@pytest.mark.parametrize(("options", "share"), [
    ({"min": 0, "max": 3000, "gamma": 2}, (A / 3000) ** 0.5), ({"gain": 0.1, "bias": -20}, (A * 0.1 - 20) / 255),
    ({"max": 1500}, A / 1500), ({}, A / 1.0), ({"min": "10", "max": "90"}, (A - 10.0) / 80),
])
def test_one_band_is_grey_unless_colours_are_forced(world: Any, image: ee.Image, options: Any,
                                                            share: np.ndarray) -> None:
    found = planes(world, image.select("a").visualize(**options))
    assert list(found) == ["vis-gray"]
    np.testing.assert_array_equal(found["vis-gray"].compressed(), bytes_of(share)[A != 0])
    forced = planes(world, image.select("a").visualize(forceRgbOutput=True, **options))
    assert list(forced) == ["vis-red", "vis-green", "vis-blue"]
    np.testing.assert_array_equal(forced["vis-blue"], found["vis-gray"])


def test_bytes_are_shown_as_they_are(world: Any) -> None:
    values = np.arange(480, dtype=np.uint16).reshape(SHAPE).astype(np.uint8)
    world.images["byte"] = world.make({"x": values})
    np.testing.assert_array_equal(planes(world, ee.Image("byte").visualize())["vis-gray"], values)


def test_a_palette_is_a_line_between_its_colours(world: Any, image: ee.Image) -> None:
    found = planes(world, image.visualize("a", min=0, max=2000, palette=["red", "00ff00", "#00F"]))
    share = np.clip(A / 2000, 0, 1) * 2
    expected = [np.interp(share, [0, 1, 2], channel) for channel in ([255, 0, 0], [0, 255, 0], [0, 0, 255])]
    for plane, values in zip(found.values(), expected, strict=True):
        np.testing.assert_array_equal(plane.compressed(), np.floor(values + 0.5)[A != 0])


def test_opacity_is_in_the_mask(world: Any, image: ee.Image) -> None:
    faded = world.value(image.visualize("a", max=1, opacity=0.25))
    (_, mask), = read(faded.bands, world.grid)
    np.testing.assert_allclose(mask, 0.25 * (A != 0))
    palette = world.value(image.unmask(0).visualize("a", min=0, max=3000, palette=["FF000000", "FF0000FF"]))
    (_, mask), *_ = read(palette.bands, world.grid)
    np.testing.assert_allclose(mask, A / 3000, atol=1e-6)


@pytest.mark.parametrize(("options", "words"), [
    ({"bands": ["a", "b"]}, "one or three"), ({"bands": ["a", "b", "c"], "palette": ["red"]}, "palette"),
    ({"bands": ["a"], "gain": 1, "max": 2}, "gain and bias"),
    ({"bands": ["a"], "palette": ["no colour"]}, "Invalid color"),
    ({"bands": ["a", "b", "c"], "min": [1, 2]}, "2 numbers for 3"), ({"bands": ["a"], "gamma": 0}, "positive"),
    ({"bands": ["z"]}, "'z'"), ({"bands": ["a"], "min": "low"}, "no numbers"),
    ({"bands": ["a"], "gamma": 1.2, "palette": ["red"]}, "gamma together"),
])
def test_what_cannot_be_shown_is_refused(world: Any, image: ee.Image, options: Any, words: str) -> None:
    with pytest.raises(EngineError, match=words):
        world.value(image.visualize(**options))


def test_hues_are_those_of_colorsys_and_come_back(world: Any) -> None:
    rgb = RNG.integers(0, 6, (*SHAPE, 3)) / 5
    world.images["rgb"] = world.make({name: rgb[..., i] for i, name in enumerate("rgb")}, {"p": 1})
    hsv = world.pixels(ee.Image("rgb").rgbToHsv())
    assert list(hsv) == ["hue", "saturation", "value"]
    expected = np.array([colorsys.rgb_to_hsv(*pixel) for pixel in rgb.reshape(-1, 3)]).reshape(*SHAPE, 3)
    for place, plane in enumerate(hsv.values()):
        np.testing.assert_allclose(plane, expected[..., place], atol=1e-12)
    back = world.pixels(ee.Image("rgb").rgbToHsv().hsvToRgb())
    assert list(back) == ["red", "green", "blue"]
    for place, plane in enumerate(back.values()):
        np.testing.assert_allclose(plane, rgb[..., place], atol=1e-12)
    hidden = ee.Image("rgb").addBands(ee.Image("rgb").select("g").updateMask(ee.Image("rgb").select("g").gt(0.3)),
                                      None, True)
    for plane in world.pixels(hidden.rgbToHsv()).values():
        np.testing.assert_array_equal(plane.mask, rgb[..., 1] <= 0.3)
    with pytest.raises(EngineError, match="three bands"):
        world.value(ee.Image("rgb").select("r").rgbToHsv())


@pytest.mark.parametrize(("text", "colour"), [
    ("red", (255, 0, 0, 1)), ("RebeccaPurple ", None), ("blueviolet", (138, 43, 226, 1)), ("#fff", (255, 255, 255, 1)),
    ("FF000080", (255, 0, 0, 128 / 255)), ("0f08", (0, 255, 0, 136 / 255)), ("transparent", (0, 0, 0, 0)), ("12", None),
    ("#GGGGGG", None), ("", None), ("AliceBlue", (240, 248, 255, 1)),
])
def test_colours_are_read_as_css_writes_them(text: str, colour: Any) -> None:
    if colour is None:
        with pytest.raises(EngineError, match="Invalid color"):
            parsed(text)
    else:
        assert parsed(text) == colour


def test_one_image_lies_over_another_by_its_mask(world: Any, image: ee.Image) -> None:
    over = image.select("a").updateMask(image.select("b").gt(1000))
    found = world.pixels(image.select("c").blend(over))["c"]
    top = (A != 0) & (B > 1000)
    np.testing.assert_array_equal(found.mask, ~top & (C == 0))
    np.testing.assert_array_equal(found.data[~found.mask], np.where(top, A, C)[~found.mask])
    assert found.dtype == np.uint16


def test_opacities_mix_as_in_one_picture_under_another(world: Any, client: None) -> None:
    bottom, top = ee.Image(100.0).updateMask(0.5), ee.Image(200.0).updateMask(0.25)
    (values, mask), = read(world.value(bottom.blend(top)).bands, world.grid)
    opacity = 0.25 + 0.5 * 0.75
    np.testing.assert_allclose(mask, opacity)
    np.testing.assert_allclose(values, (200 * 0.25 + 100 * 0.5 * 0.75) / opacity)
    nothing = ee.Image(100.0).updateMask(0)
    (values, mask), = read(world.value(nothing.blend(top)).bands, world.grid)
    np.testing.assert_allclose(values, 200)
    np.testing.assert_allclose(mask, 0.25)


def test_a_single_band_goes_with_all_of_the_other_image(world: Any, image: ee.Image) -> None:
    three = image.select(["a", "b", "c"])
    assert list(world.pixels(three.blend(ee.Image(1)))) == ["a", "b", "c"]
    found = world.pixels(ee.Image(1).blend(three))
    assert list(found) == ["a", "b", "c"]
    np.testing.assert_array_equal(found["b"], np.where(B == 0, 1, B))


def test_blended_images_of_two_projections_meet_at_the_centres_of_pixels(world: Any, image: ee.Image) -> None:
    coarse = Grid(crs="EPSG:32631", transform=(40.0, 0, 500000.0, 0, -40.0, 5400000.0), width=3, height=5)
    plane = np.arange(1, 16, dtype=np.uint16).reshape(5, 3)
    world.images["two"] = world.make({"x": plane}, grid=coarse)
    found = world.pixels(image.select("a").unmask(7).blend(ee.Image("two")))["a"]
    np.testing.assert_array_equal(found[:, :12], plane.repeat(4, 0).repeat(4, 1))
    np.testing.assert_array_equal(found[:, 12:], np.where(A == 0, 7, A)[:, 12:])
