"""What a server answers to what it cannot do: in words of the service's kind, never in Python's, nor with our paths."""

from __future__ import annotations

import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ee
import numpy as np
import pytest

COMPUTE = "/v1/projects/agrispec-local/value:compute"
PYTHONS = ("not supported between", "recursion", "Error", "out of range for month", "must be in", "digits",
           "subpattern", "Traceback", "line 1 column")


def message_of(graph: Any) -> str:
    with pytest.raises(ee.EEException) as refused:
        graph.getInfo()
    return str(refused.value)


def ingested(running: Any, name: str) -> None:
    """An image asset of ones, made anew."""
    uri = running.geotiff(f"{name.rpartition('/')[2]}.tif", np.ones((1, 50, 70), np.float32))
    started = ee.data.startIngestion(None, {"name": name, "tilesets": [{"sources": [{"uris": [uri]}]}]}, True)
    assert "error" not in running.finished(started["name"])


def expression(value: str) -> bytes:
    return f'{{"expression": {{"result": "0", "values": {{"0": {value}}}}}}}'.encode()


def nested(depth: int) -> bytes:
    return expression('{"arrayValue": {"values": [' * depth + '{"constantValue": 1}' + "]}}" * depth)


@pytest.mark.parametrize(("graph", "words"), [
    (lambda: ee.List([3, "a"]).sort(), "of the types Integer, String"),
    (lambda: ee.FeatureCollection([ee.Feature(None, {"p": 3}), ee.Feature(None, {"p": "a"})]).sort("p"),
     "of the types Integer, String"),
    (lambda: ee.Date("2020-01-31").update(None, 2), "There is no month 2 of 2020-01-31T00:00:00"),
    (lambda: ee.Date("2020-01-31").format("HH", "Foo/Bar"), "datetime zone id 'Foo/Bar' is not recognised"),
    (lambda: ee.Date("2020-01-31").format("HH b"), "Illegal pattern component: b"),
    (lambda: ee.Date("2020-01-31").advance(1e6, "year"), "is out of range"),
    (lambda: ee.Date.parse("yyyy-MM-dd", "2021-13-01"), "is no date"),
    (lambda: ee.String("a").match("("), r"'\(' is no regular expression"),
    (lambda: ee.String("[NaN]").decodeJSON(), "is no JSON. NaN is no number"),
    (lambda: ee.String("[1, x]").decodeJSON(), "is no JSON. Unexpected token at character 5"),
    (lambda: ee.String("[" * 5000).decodeJSON(), "is no JSON"),
    (lambda: ee.String("a").match("a{2,1}"), "is no regular expression"),
])
def test_what_cannot_be_done_is_said_in_words(running: Any, graph: Any, words: str) -> None:
    message = message_of(graph())
    assert re.search(words, message), message
    assert not any(each in message for each in PYTHONS), message


@pytest.mark.parametrize("body", [
    b'{"expression": ', b"\xff\xfe{}", b"[1]", expression('{"constantValue": NaN}'),
    expression('{"constantValue": Infinity}'), expression('{"constantValue": -Infinity}'),
    expression('{"constantValue": 1e999}'), expression('{"constantValue": ' + "7" * 5000 + "}"),
    b"[" * 100_000 + b"]" * 100_000])
def test_what_is_no_json_is_refused_as_the_service_refuses_it(running: Any, asked: Any, body: bytes) -> None:
    status, answer = asked(running.url, COMPUTE, body)
    assert status == 400
    message = answer["error"]["message"]
    assert message.startswith("Invalid JSON payload received.")
    assert not any(each in message for each in PYTHONS), message


@pytest.mark.parametrize("body", [
    nested(400), nested(5000), expression('{"constantValue": ' + "[" * 400 + "1" + "]" * 400 + "}"),
    expression('{"constantValue": ' + '{"a":' * 400 + "1" + "}" * 401)])
def test_deep_values_are_answered_or_refused_in_words(running: Any, asked: Any, body: bytes) -> None:
    status, answer = asked(running.url, COMPUTE, body)
    assert status == 200 or (status == 400 and "nested too deeply" in answer["error"]["message"])


@pytest.mark.parametrize(("first", "again"), [
    (lambda: ee.Feature(None, {}), lambda _, last: ee.Feature(None, {"a": last, "b": last})),
    (lambda: ee.Image(1), lambda _, last: ee.Image(1).set("a", last).set("b", last))])
def test_elements_in_elements_are_refused_before_they_are_written_out(running: Any, first: Any, again: Any) -> None:
    assert "User memory limit exceeded" in message_of(ee.List.sequence(1, 40).iterate(again, first()))


def test_an_empty_value_is_refused(running: Any, asked: Any) -> None:
    for body in (expression("{}"), expression('{"arrayValue": {"values": [{}]}}')):
        status, answer = asked(running.url, COMPUTE, body)
        assert status == 400
        assert "a value must be an object of one field" in answer["error"]["message"]


def test_an_unreadable_scene_is_named_without_the_folder_that_is_served(running: Any) -> None:
    name = f"{running.home}/broken"
    ingested(running, name)
    scenes = [file for file in running.tree.root.rglob("broken*.tif") if "buckets" not in file.parts]
    for damage in (b"no scene at all", None):
        for file in scenes:
            file.write_bytes(damage) if damage else file.unlink()
        task = ee.batch.Export.image.toAsset(ee.Image(name), "copied", f"{running.home}/copied")
        for message in (message_of(ee.Image(name).reduceRegion(ee.Reducer.mean(), scale=10)),
                        running.exported(task)["error"]["message"]):
            assert str(running.tree.root) not in message, message
            assert "broken" in message


def test_thumbnails_of_a_million_pixels_a_side_are_refused(running: Any, asked: Any) -> None:
    grid = running.grid.__class__(crs="EPSG:4326", transform=(1e-6, 0, 0, 0, -1e-6, 0), width=10**6, height=10**6)
    with pytest.raises(ee.EEException, match="must be less than or equal to"):
        ee.data.computePixels({"expression": ee.Image(1), "fileFormat": "PNG", "grid": running.pixel_grid(grid)})
    url = ee.Image(1).getThumbURL({"dimensions": 10**6, "region": ee.Geometry.Point([0, 0]).buffer(1000),
                                   "format": "png"})
    status, answer = asked(running.url, url.removeprefix(running.url))
    assert status == 400
    assert "must be less than or equal to" in answer["error"]["message"]


def test_a_catastrophic_expression_ends_in_words_while_others_are_answered(
        running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from gee_scripts.engine.local.language import matching

    monkeypatch.setattr(matching, "SECONDS", 2.0)
    begun = time.monotonic()
    with ThreadPoolExecutor(1) as one:
        slow = one.submit(message_of, ee.String("a" * 40 + "b").match("(a+)+$"))
        waits = []
        while not slow.done():
            since = time.monotonic()
            assert ee.Number(1).add(2).getInfo() == 3
            waits.append(time.monotonic() - since)
    assert "takes longer than 2 s to match" in slow.result()
    assert time.monotonic() - begun < 20
    assert len(waits) > 3
    assert max(waits) < 2


def test_deletes_while_exports_write_leave_whole_objects_and_never_a_fault(running: Any, asked: Any) -> None:
    source = f"{running.home}/field"
    ingested(running, source)
    targets = [f"{running.home}/made{number}" for number in range(3)]
    answers: list[tuple[int, Any]] = []
    ends = time.monotonic() + 4
    names: list[str] = []

    def export(number: int) -> None:
        place = 0
        while time.monotonic() < ends:
            target = targets[(number + place) % 3]
            place += 1
            body = {"expression": json.loads(ee.serializer.toJSON(ee.Image(source).add(number).reproject(
                "EPSG:32631", None, 10).clip(ee.Geometry.Rectangle([0, 0, 9, 49])), for_cloud_api=True)),
                "assetExportOptions": {"earthEngineDestination": {"name": target, "overwrite": True}},
                "requestId": f"{number}-{place}"}
            answer = asked(running.url, "/v1/projects/agrispec-local/image:export", body)
            answers.append(answer)
            if answer[0] == 200:
                names.append(answer[1]["name"])

    def delete(number: int) -> None:
        while time.monotonic() < ends:
            for name in (targets[number % 3], *([source] if number == 3 and ends - time.monotonic() < 2 else [])):
                answers.append(asked(running.url, f"/v1/{name}", method="DELETE"))
                answers.append(asked(running.url, f"/v1/{name}"))
            if names:
                answers.append(asked(running.url, f"/v1/{names[-1]}:cancel", {}))
            answers.append(asked(running.url, "/v1/projects/agrispec-local/operations"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4) for work in (export, delete)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in names:
        asked(running.url, f"/v1/{name}:cancel", {})
        running.finished(name)
    assert {status for status, _ in answers} <= {200, 400, 404, 409}
    internal = [answer for _, answer in answers if isinstance(answer, dict) and "Internal" in str(answer.get("error"))]
    assert not internal, internal[:3]
    failures = [asked(running.url, f"/v1/{name}")[1].get("error", {}).get("message", "") for name in names]
    assert not [message for message in failures if "Internal" in message or str(running.tree.root) in message]
    for target in targets:
        if asked(running.url, f"/v1/{target}")[0] == 200:
            assert ee.data.computePixels({"expression": ee.Image(target), "fileFormat": "NPY",
                                          "grid": running.pixel_grid(running.grid)}) is not None
    assert not [file for file in running.tree.root.rglob("*") if file.suffix in (".part", ".tmp")]


@pytest.mark.parametrize(("graph", "words"), [
    (lambda: ee.Number(ee.Image(1)).add(1), "Actual type: Image. Actual value: <Image>"),
    (lambda: ee.Array(ee.List([ee.Image(1), ee.Date(0)])), r"'\[<Image>, <Date>\]' is no array"),
    (lambda: ee.Image.constant(ee.Filter.eq("a", 1)), "'<Filter>' is no number"),
    (lambda: ee.FeatureCollection([]).filter(ee.Dictionary({})), "Dictionary"),
    (lambda: ee.String(ee.Dictionary({"a": 1})), "a Dictionary is no string|Actual type: Dictionary")])
def test_values_are_called_by_earth_engines_names(running: Any, graph: Any, words: str) -> None:
    message = message_of(graph())
    assert re.search(words, message), message
    assert not any(each in message for each in (*PYTHONS, "dtype", "(bands=", "NoneType", "'dict'")), message


SCENE = ((500000, 5400000), (500060, 5399950))


def scene() -> Any:
    """Numbers in two bands, on pixels of 10 metres."""
    return ee.Image.pixelCoordinates("EPSG:32631").reproject("EPSG:32631", None, 10)


def area() -> Any:
    (west, north), (east, south) = SCENE
    return ee.Geometry.Rectangle([west, south, east, north], "EPSG:32631", False)


def taken(image: Any) -> Any:
    return image.sample(area(), 10)


@pytest.mark.parametrize(("graph", "words"), [
    (lambda: taken(scene().updateMask(scene().toArray())), "Band 'array' holds arrays, where numbers are expected"),
    (lambda: taken(scene().toArray().selfMask()), "Band 'array' holds arrays"),
    (lambda: taken(scene().toArray().unmask(1)), "Band 'array' holds arrays"),
    (lambda: taken(scene().where(scene().select(0).toArray(), 1)), "Band 'array' holds arrays"),
    (lambda: taken(scene().select(0).blend(scene().toArray())), "Band 'array' holds arrays"),
    (lambda: scene().select([["x"]]), "A band is chosen by its name or number, not by a value of type List. Give"),
    (lambda: scene().select([5]), "Band number 5 is out of bounds"),
    (lambda: scene().linkCollection(ee.ImageCollection([]), 5), "linkedBands must be a string or a list of strings"),
    (lambda: scene().linkCollection(ee.ImageCollection([]), None, 5), "linkedProperties must be a string or a list"),
    (lambda: scene().cast({"x": "complex"}), "Band 'x': 'complex' is no type of pixels. Use one of byte"),
    (lambda: scene().cast({"x": "int8"}, ["x", "q"]), "There is no band 'q'"),
    (lambda: taken(scene().focalMax(-2, "circle", "pixels")), "radius of a kernel must not be negative"),
    (lambda: scene().visualize(bands=5), "bands must be a string or a list of strings, not a value of type Integer"),
    (lambda: scene().select(0).visualize(palette=5), "palette must be a string or a list"),
    (lambda: scene().remap(["a"], [1], None, "x"), "'a' is no number that pixels can be remapped from or to"),
    (lambda: scene().sample(area(), 10, factor=2), "factor must be more than 0 and at most 1, not 2"),
    (lambda: scene().sample(area(), 10, numPixels=-1), "numPixels must not be negative"),
    (lambda: scene().sample(area(), ee.Number(1e300).multiply(1e300)), "The scale must be positive, not inf"),
    (lambda: area().simplify(-1), "maxError must be 0 or more, not -1"),
    (lambda: ee.Date.parse("yyyy", "2020", "Foo"), "zone id 'Foo' is not recognised"),
    (lambda: ee.List.repeat(1, 1e300), "is not a number it can work with|memory limit"),
    (lambda: taken(scene().toArray().paint(ee.FeatureCollection([area()]), 1)), "Band 'array' holds arrays"),
    (lambda: ee.ImageCollection(ee.FeatureCollection([ee.Feature(area())])).toBands(), "Actual type: FeatureColl"),
    (lambda: ee.ImageCollection(ee.FeatureCollection([ee.Feature(area())])).mode(), "Actual type: FeatureColl"),
    (lambda: ee.FeatureCollection([ee.Feature(area(), {"s": {"width": "wide"}})]).style(styleProperty="s"),
     "a width or a point size is no number"),
    (lambda: ee.Reducer.toList(1e300), "is not a number it can work with. Give finite numbers"),
])
def test_what_is_given_wrong_is_named_and_no_fault_of_ours(running: Any, graph: Any, words: str) -> None:
    message = message_of(graph())
    assert re.search(words, message), message
    assert not any(each in message.replace("maxError", "") for each in (*PYTHONS, "Internal error")), message


@pytest.mark.parametrize(("name", "of_areas"), [
    ("intersection", 1.0), ("difference", 3.0), ("union", 5.0), ("symmetricDifference", 4.0)])
def test_mixed_collections_of_shapes_are_combined_by_their_parts(running: Any, name: str, of_areas: float) -> None:
    # A square of 2 by 2 degrees with a point that lies in none, and a rectangle of 2 by 1 over a quarter of it.
    mixed = ee.Geometry({"type": "GeometryCollection", "geometries": [
        {"type": "Point", "coordinates": [9, 9]},
        {"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]}]}, "EPSG:4326", False)
    other, degrees = ee.Geometry.Rectangle([1, 0, 3, 1], "EPSG:4326", False), ee.Projection("EPSG:4326")
    found = getattr(mixed, name)(other, 1, degrees).area(1, degrees).getInfo()
    assert found == pytest.approx(of_areas)


def test_bounds_beyond_a_type_of_pixels_bound_nothing(running: Any) -> None:
    bytes_ = scene().select(0).mod(256).toByte()
    plain, clamped = (taken(each).aggregate_array("x").getInfo() for each in (bytes_, bytes_.clamp(-5, 2**40)))
    assert clamped == plain
