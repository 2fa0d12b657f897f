"""The engine's protocol over the `ee` client: answers as ours, refusals as errors with a mend."""

import json

import ee
import numpy as np
import pytest

from agrispec.config import Service
from agrispec.engine import State
from agrispec.errors import AssetMissing, ConfigError, EngineError
from exports import runs
from gee_scripts import engine as engines
from gee_scripts import export


@pytest.fixture(scope="module")
def engine(tiny):
    opened = engines.open(runs.open(tiny.home).config.engine, tiny.home)
    yield opened
    opened.close()


def test_a_graph_travels_as_text_and_comes_back_as_its_value(engine):
    text = export.expression(ee.List.sequence(1, 4).map(lambda n: ee.Number(n).multiply(2)))
    assert isinstance(json.loads(text), dict)
    assert engine.compute(text) == [2, 4, 6, 8]


def test_all_features_come_page_by_page(engine):
    graph = ee.FeatureCollection(ee.List.sequence(0, 2300).map(lambda n: ee.Feature(None, {"n": n})))
    assert [feature["properties"]["n"] for feature in engine.features(export.expression(graph))] == list(range(2301))
    assert [len(page) for page in engine.pages(export.expression(graph))] == [1000, 1000, 301]


def test_a_missing_asset_is_an_error_of_its_own(engine):
    with pytest.raises(AssetMissing, match="projects/agrispec-local/assets/nothing"):
        engine.compute(export.expression(ee.Image("projects/agrispec-local/assets/nothing").bandNames()))
    assert engine.asset("projects/agrispec-local/assets/nothing") is None


def test_what_the_engine_refuses_is_told_in_its_words(engine):
    with pytest.raises(EngineError, match="Earth Engine answered: .*B99") as refused:
        engine.compute(export.expression(ee.Image.constant(1).rename("B1").select("B99").bandNames()))
    assert refused.value.mend


def test_folders_are_made_with_those_above_them(engine):
    engine.create_folder("projects/agrispec-local/assets/one/two/three")
    engine.create_folder("projects/agrispec-local/assets/one/two/three")
    assert engine.asset("projects/agrispec-local/assets/one/two")["type"] == "FOLDER"


def test_properties_that_are_not_named_stay_and_lists_are_kept(engine):
    folder = "projects/agrispec-local/assets/described"
    engine.create_folder(folder)
    engine.set_properties(folder, {"a": 1, "b": "x"})
    engine.set_properties(folder, {"b": "y", "c_class_values": [0, 1]})
    assert engine.asset(folder)["properties"] == {"a": 1, "b": "y", "c_class_values": [0, 1]}
    engine.set_properties(folder, {"a": None, "never": None})
    assert engine.asset(folder)["properties"] == {"b": "y", "c_class_values": [0, 1]}


def test_readers_are_added_to_those_that_are_there(engine):
    folder = "projects/agrispec-local/assets/shared"
    engine.create_folder(folder)
    writers = {"role": "roles/editor", "members": ["user:a@example.org"]}
    ee.data.setIamPolicy(folder, {"bindings": [writers, {"role": "roles/viewer", "members": ["user:b@example.org"]}]})
    for _ in range(2):
        engine.add_readers(folder, ["allUsers", "user:b@example.org"])
        assert ee.data.getIamPolicy(folder)["bindings"] == [
            writers, {"role": "roles/viewer", "members": ["user:b@example.org", "allUsers"]}]
    assert engine.readers(folder) == ["user:b@example.org", "allUsers"]


def test_no_ingestion_replaces_an_asset_unasked(engine):
    folder = "projects/agrispec-local/assets/taken"
    engine.create_folder(folder)
    image = {"name": folder, "tilesets": [{"sources": [{"uris": ["gs://agrispec-local/a.tif"]}]}]}
    table = {"name": folder, "sources": [{"uris": ["gs://agrispec-local/a.csv"]}]}
    for refused in (lambda: engine.ingest_image(image), lambda: engine.import_external(image),
                    lambda: engine.ingest_table(table)):
        with pytest.raises(EngineError, match="Cannot overwrite asset"):
            refused()


def test_a_task_can_be_followed_to_its_end(engine):
    table = export.expression(ee.FeatureCollection([ee.Feature(None, {"row": 1.0})]))
    from agrispec.engine import TableExport
    task = TableExport(description="one row", expression=table, bucket="agrispec-local", prefix="client/one",
                       selectors=("row",), request_id="client-one")
    started = engine.export(task)
    assert engine.export(task).name == started.name, "the same request id starts one task"
    from exports import tasks
    ended = tasks.wait(engine, started, lambda operation: None)
    assert ended.state is State.SUCCEEDED
    assert ended.description == "one row"
    assert (engine.buckets / "agrispec-local" / "client" / "one.tfrecord.gz").is_file()


def test_pixels_are_a_structured_array_with_masked_pixels_at_zero(engine, tiny):
    image = ee.Image.constant([7, 9]).rename(["a", "b"]).toByte()
    image = image.updateMask(ee.Image.pixelCoordinates(ee.Projection("EPSG:32631", list(tiny.grid.transform)))
                             .select("x").lt(3))
    import io
    found = np.load(io.BytesIO(engine.pixels(export.expression(image), tiny.grid)))
    assert found.dtype.names == ("a", "b")
    assert (found["a"][:, :3] == 7).all()
    assert (found["b"][:, 3:] == 0).all()


def test_a_local_engine_without_its_folder_is_a_usage_error(tmp_path):
    with pytest.raises(ConfigError, match="landscape is not there"):
        engines.open(Service(name="local", landscape="landscape"), tmp_path)
