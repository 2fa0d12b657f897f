"""What comes by interactive requests is what comes by tasks, from many threads and out of a storm of refusals, too."""

import gzip
import re
import time
from concurrent.futures import ThreadPoolExecutor

import ee
import numpy as np
import pytest
from google.auth.credentials import AnonymousCredentials
from pyproj import Transformer

from agrispec.engine import CONCURRENT_REQUESTS, TableExport
from agrispec.errors import DataError, EngineBusy, EngineError, EngineUnreachable, StorageError
from agrispec.formats import example
from exports import runs, schema, tasks
from exports.export import interactive, window
from exports.export.window import Window
from gee_scripts import export as graphs
from gee_scripts.engine.client import Client, initialise
from gee_scripts.engine.local.server import LocalServer

FEATURES = "POST .*table:computeFeatures"


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(window, "_PAUSE_S", (0.01, 0.05))


@pytest.fixture(scope="module")
def config(tiny):
    return runs.open(tiny.home).config


@pytest.fixture(scope="module")
def server(tiny):
    with LocalServer(tiny.home / "landscape", "agrispec-local") as running:
        yield running


@pytest.fixture
def proxy(server, proxy_of):
    return proxy_of(server.url)


@pytest.fixture
def engine(proxy, server):
    initialise(AnonymousCredentials(), "agrispec-local", proxy.url)
    yield Client(name="local", project="agrispec-local", buckets=server.root / "buckets")
    ee.Reset()


@pytest.fixture
def task_of(config, tiny):
    """(name, columns of the tiny grid) -> the export of the cubes of their pixels."""
    to_degrees = Transformer.from_crs(tiny.grid.crs, "EPSG:4326", always_xy=True)

    def make(name, columns):
        _, _, west, _, _, north = tiny.grid.transform
        pixels = [(row, column) for column in columns for row in range(tiny.grid.height)]
        at = [(row * 100 + column, *to_degrees.transform(west + 10 * column + 5, north - 10 * row - 5))
              for row, column in pixels]
        [cell] = config.area.resolved
        return graphs.cubes(config.spec, config.season_of(2023), cell, at, bucket="agrispec-local",
                            prefix=f"interactive/{name}", description=f"cubes {name}", request_id=f"interactive-{name}")

    return make


def content(path):
    return gzip.decompress(path.read_bytes())


@pytest.fixture
def by_task(engine):
    """An export -> the file that its task leaves."""
    def run(task):
        tasks.export(engine, [task], lambda operation: None)
        return engine.buckets / task.bucket / f"{task.prefix}.tfrecord.gz"

    return run


@pytest.mark.parametrize(("name", "columns"), [("some", range(6, 9)), ("none", ())])
def test_the_file_holds_what_the_tasks_file_holds_byte_by_byte(engine, config, task_of, by_task, tmp_path, name,
                                                               columns):
    task = task_of(name, columns)
    with Window() as asking:
        assert interactive.write(engine, asking, task, config.spec, tmp_path / "shard") == 20 * len(columns)
    features = schema.table_features(config.spec)
    ours, batch = example.read(tmp_path / "shard", features), example.read(by_task(task), features)
    for column in features:
        np.testing.assert_array_equal(ours[column], batch[column])
    assert (ours[schema.CUBE] > 0).any() == (len(columns) > 0)
    assert content(tmp_path / "shard") == content(by_task(task))


def test_many_threads_get_each_their_own_shard_through_a_storm(engine, proxy, config, task_of, by_task, tmp_path):
    several = [task_of(f"thread-{number}", [number]) for number in range(24)]
    proxy.fail(FEATURES, "429", 30, {"error": {"code": 429, "message": "Too many concurrent aggregations."}})
    proxy.fail(FEATURES, "lose", 3)
    proxy.fail(FEATURES, "503", 3)
    with Window() as asking, ThreadPoolExecutor(24) as pool:
        counts = list(pool.map(
            lambda task: interactive.write(engine, asking, task, config.spec, tmp_path / task.request_id), several))
        assert asking.width < CONCURRENT_REQUESTS // 2
    assert counts == [20] * 24
    assert proxy.count(FEATURES) == 24 + 36
    for task in several[::8]:
        assert content(tmp_path / task.request_id) == content(by_task(task))
    assert len({content(tmp_path / task.request_id) for task in several}) == 24


def test_forty_threads_share_the_client_and_its_connections(server, caplog):
    initialise(AnonymousCredentials(), "agrispec-local", server.url)
    engine = Client(name="local", project="agrispec-local", buckets=None)

    def ask(number):
        graph = graphs.expression(ee.FeatureCollection([ee.Feature(None, {"n": number})]))
        return [engine.features(graph, patient=False)[0]["properties"]["n"] for _ in range(5)]

    with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
        assert list(pool.map(ask, range(200))) == [[number] * 5 for number in range(200)]
    ee.Reset()
    assert "pool is full" not in caplog.text


@pytest.mark.parametrize(("status", "kind"), [("429", EngineBusy), ("503", EngineUnreachable), ("400", EngineError)])
def test_who_is_not_patient_is_told_at_once_and_in_the_engines_words(engine, proxy, status, kind):
    proxy.fail(FEATURES, status, 1, {"error": {"code": int(status), "message": "not now"}})
    began = time.monotonic()
    with pytest.raises(kind, match="Earth Engine answered: not now") as refused:
        engine.features(graphs.expression(ee.FeatureCollection([])), patient=False)
    assert type(refused.value) is kind
    assert proxy.count(FEATURES) == 1
    assert time.monotonic() - began < 1


def test_who_is_patient_is_answered_by_the_next_attempt(engine, proxy, monkeypatch):
    monkeypatch.setattr("googleapiclient.http.random.random", lambda: 0.01)
    proxy.fail(FEATURES, "429", 2)
    assert engine.features(graphs.expression(ee.FeatureCollection([ee.Feature(None, {"a": 1})])))
    assert proxy.count(FEATURES) == 3


class Answering:
    """An engine that gives these features."""

    def __init__(self, *features):
        self.given = [{"type": "Feature", "properties": properties} for properties in features]

    def features(self, expression, *, patient=True):
        return self.given


TASK = TableExport(description="cubes 2023/here", expression="{}", bucket="b", prefix="p", selectors=("row", "cube"),
                   request_id="1")


@pytest.mark.parametrize(("spoil", "words"), [
    (lambda place: place.pop("cube"), "place 7 of 'cubes 2023/here' came with 0 of 803 values of 'cube'"),
    (lambda place: place.update(cube=None), "came with 0 of 803 values of 'cube'"),
    (lambda place: place["cube"].pop(), "came with 792 of 803 values of 'cube'"),
    (lambda place: place["cube"][3].pop(), "came with a 'cube' that is no array of numbers"),
    (lambda place: place.update(cube="none"), "came with a 'cube' that is no array of numbers"),
    (lambda place: place.pop("row"), "place of 'cubes 2023/here' came with 0 of 1 values of 'row'"),
])
def test_a_place_without_its_cube_is_left_out_and_an_error_where_there_is_no_other(config, tmp_path, spoil, words):
    steps, columns = config.spec.shape
    assert (steps, columns) == (73, 11)
    place = {"row": 7, "cube": np.ones((steps, columns)).tolist()}
    whole = {"row": 6, "cube": np.ones((steps, columns)).tolist()}
    with Window() as asking:
        assert interactive.write(Answering(whole, place), asking, TASK, config.spec, tmp_path / "whole") == 2
        spoil(place)
        assert interactive.write(Answering(place, whole), asking, TASK, config.spec, tmp_path / "part") == 1
        [row] = example.read(tmp_path / "part", schema.table_features(config.spec))[schema.ROW]
        assert row == 6
        with pytest.raises(DataError, match=re.escape(words)):
            interactive.write(Answering(place), asking, TASK, config.spec, tmp_path / "out" / "shard")
    assert not (tmp_path / "out").exists()


def test_a_file_that_cannot_be_written_is_an_error_and_asks_nothing_again(config, tmp_path):
    (tmp_path / "out").write_text("a file is in the way")
    with Window() as asking, pytest.raises(StorageError, match="could not be written"):
        interactive.write(Answering(), asking, TASK, config.spec, tmp_path / "out" / "shard")
