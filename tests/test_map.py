"""A map is the same however its pixels come, and says of each what its series says."""

import json
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from click.testing import CliRunner
from pyproj import Transformer

import cli
from agrispec.errors import AssetMissing, ConfigError, CorruptRecord, DataError, EngineUnreachable, SchemaMismatch
from agrispec.formats import geotiff, mixer
from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Grid
from agrispec.kernels import smoothing
from agrispec.taxonomy import NO_CLASS, CropClass, Taxonomy
from agrispec_tf import crop_map, map_checkpoint, predict, run_models
from agrispec_tf.baselines import training as forests
from agrispec_tf.data.samples import Series
from agrispec_tf.deployment import runtimes
from exports import manifest, map_images, mapping, parcels, predictions, products, runs, schema, shards, tiles
from exports.blocks import Patches
from exports.export import cubes, holding, places
from exports.polygons import Polygons
from exports.tiles import Tiling
from gee_scripts import engine as engines
from gee_scripts import export as graphs

ROOT = Path(__file__).parents[1]
MASK = "projects/agrispec-local/assets/cropland"
SHOWN = ("class", "probability", "confident", "second", "entropy", "set_size", "looks")


def quiet(done):
    pass


@pytest.fixture(scope="module")
def run(tiny, tmp_path_factory):
    """The tiny season's run with a forest and the patches of 2023."""
    found = runs.open(shutil.copytree(tiny.home, tmp_path_factory.mktemp("map") / "run"))
    engine = engines.open(found.config.engine, found.path)
    try:
        table = places.draw(found.config, engine, graphs, quiet)
        did = cubes.export(found, found.config, engine, graphs, table, quiet)
        manifest.record(found.path, "export", did)
        mapping.export_patches(found, found.config, engine, graphs, quiet, 2023)
    finally:
        engine.close()
    forests.run_train(found, found.config, "forest")
    return found


@pytest.fixture(scope="module")
def fields(tiny):
    """Four parcels, two of which overlap, one beside the map."""
    to_degrees = Transformer.from_crs(tiny.grid.crs, "EPSG:4326", always_xy=True).transform
    west, top = tiny.grid.transform[2], tiny.grid.transform[5]
    boxes = [(2, 2, 98, 88), (62, 42, 178, 192), (202, 102, 231, 131), (400, 0, 500, 90)]
    return [{"type": "Feature", "properties": {"parcel_id": f"p{number}"},
             "geometry": shapely.geometry.mapping(shapely.transform(
                 shapely.box(west + left, top - bottom, west + right, top - up), to_degrees, interleaved=False))}
            for number, (left, up, right, bottom) in enumerate(boxes)]


def of_patches(run, aoi=None):
    return mapping.patches_of(run, run.config, aoi)


def map_of(run, config, source, fields, doubt=quiet, **how):
    return crop_map.run_predict(run, config, "forest", source, crop_map.Parcels.of(fields, config), quiet, doubt,
                                **how)


def images(run, names=SHOWN):
    return {name: geotiff.read(run.predictions / f"{name}.tif")[0] for name in names}


def copied(run, folder):
    return runs.open(shutil.copytree(run.path, folder / "run"))


@pytest.fixture(scope="module")
def mapped(run, fields):
    card = map_of(run, run.config, of_patches(run), fields)
    return card, images(run), parcels.read(run.predictions / parcels.FILE)


def expected(run, tiny, season=2023):
    """Probabilities (row, column, class) and counts (row, column, step) of all pixels at once, by NumPy alone."""
    spec, side = run.config.spec.view(), run.config.map.patch
    across, laid = -(-tiny.grid.width // side), {}
    number = 0
    for patch in shards.patches(run.patches, spec, 1):
        laid[divmod(number, across)] = schema.gather(patch, spec)
        number += 1
    def square(series):
        return series.reshape(side, side, *series.shape[1:])
    def image(part):
        rows = [np.concatenate([square(getattr(laid[row, column], part)) for column in range(across)], axis=1)
                for row in range(number // across)]
        return np.concatenate(rows)[:tiny.grid.height, :tiny.grid.width]
    values, counts = image("values"), image("counts")
    found = run_models.load(run, run.config, "forest").probabilities(Series(
        cube=spec, values=values.reshape(-1, *values.shape[2:]), counts=counts.reshape(-1, counts.shape[2])))
    return found.reshape(*tiny.grid.shape, -1), counts


def test_every_product_says_what_its_pixels_probabilities_say(run, tiny, mapped):
    card, found, _ = mapped
    probabilities, counts = expected(run, tiny)
    seen = counts.sum(axis=2) > 0
    assert 0 < (~seen).sum() < seen.size
    order = np.argsort(-probabilities, axis=-1, kind="stable")
    np.testing.assert_array_equal(found["class"], np.where(seen, order[..., 0], NO_CLASS))
    np.testing.assert_array_equal(found["second"], np.where(seen, order[..., 1], NO_CLASS))
    np.testing.assert_allclose(found["probability"], np.where(seen, probabilities.max(axis=-1), -1), rtol=1e-6)
    np.testing.assert_array_equal(found["confident"], np.where(seen, probabilities.max(axis=-1) >= 0.65, NO_CLASS))
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.nansum(probabilities * np.log(probabilities), axis=-1) / np.log(2)
    np.testing.assert_allclose(found["entropy"], np.where(seen, entropy, -1), atol=1e-5)
    np.testing.assert_array_equal(found["set_size"], np.where(seen, (probabilities >= card["least"]).sum(axis=-1),
                                                              NO_CLASS))
    np.testing.assert_array_equal(found["looks"], counts.sum(axis=2))
    assert card["unseen"] == (~seen).sum()
    assert card["masked"] == 0
    assert sum(card["pixels"].values()) == seen.sum()
    assert card["confident"] == pytest.approx((found["confident"] == 1).mean())


def test_the_files_are_cogs_that_the_card_and_the_item_describe(run, tiny, mapped):
    card, _, _ = mapped
    assert predictions.card(run.predictions) == card
    assert list(card["products"]) == list(SHOWN)
    item = json.loads((run.predictions / predictions.ITEM).read_text())
    for name, product in card["products"].items():
        path = run.predictions / product["file"]
        layout = geotiff.describe(path)
        assert layout.headers_first
        assert layout.tile == (512, 512) or layout.grid.width < 512
        assert (layout.grid, layout.names, layout.nodata) == (tiny.grid, (name,), product["missing"])
        assert manifest.digest(path) == product["digest"]
        assert item["assets"][name]["href"] == path.name
    with rasterio.open(run.predictions / "class.tif") as source:
        assert source.colormap(1)[0] == (0xE6, 0xC2, 0x29, 255)
        assert source.tags()["class_1"] == "maize"
    assert [name for name in SHOWN if "classification:classes" in item["assets"][name]] == ["class", "second"]
    legend = item["assets"]["class"]["classification:classes"]
    assert legend[0] == {"value": 0, "name": "wheat", "title": "wheat", "color_hint": "E6C229"}
    assert [each["value"] for each in legend] == list(range(len(run.config.taxonomy)))
    assert "license" not in item["properties"]
    west, south, east, north = item["bbox"]
    assert 4 < west < east < 5
    assert 48 < south < north < 49
    assert item["properties"]["start_datetime"] == "2023-01-01T00:00:00Z"
    assert item["assets"]["parcels"]["href"] == parcels.FILE
    assert item["assets"]["parcels-geopackage"] == {"href": "parcels.gpkg", "roles": ["data"],
                                                    "type": "application/geopackage+sqlite3"}
    said = CliRunner().invoke(cli.main, ["inspect", str(run.predictions)]).output
    assert "3 in parcels.parquet and parcels.gpkg" in said
    for name in ("parcels.gpkg", "entropy.tif"):
        whole = (run.predictions / name).read_bytes()
        (run.predictions / name).write_bytes(b"another")
        with pytest.raises(CorruptRecord, match=f"{name} is not the file that prediction.json describes"):
            predictions.card(run.predictions)
        (run.predictions / name).write_bytes(whole)


def test_the_item_names_classes_as_stac_does_and_the_licence(run, tiny, mapped):
    taxonomy = Taxonomy((CropClass(name="winter wheat / spelt", codes=(1,), colour="#e6c229"),
                         CropClass(name="maize", codes=(2,), colour="#009e73")))
    item = predictions.item(mapped[0], "map", tiny.grid, run.config.season_of(2023), taxonomy, "CC-BY-4.0")
    assert item["properties"]["license"] == "CC-BY-4.0"
    named = item["assets"]["class"]["classification:classes"][0]
    assert (named["name"], named["title"]) == ("winter-wheat---spelt", "winter wheat / spelt")


def test_parcels_are_sums_over_their_pixels(run, tiny, fields, mapped):
    _, _, table = mapped
    probabilities, counts = expected(run, tiny)
    columns, rows = np.meshgrid(np.arange(24), np.arange(20))
    x, y = tiny.grid.transform[2] + 10 * columns + 5, tiny.grid.transform[5] - 10 * rows - 5
    lon, lat = Transformer.from_crs(tiny.grid.crs, "EPSG:4326", always_xy=True).transform(x, y)
    owner = np.full(tiny.grid.shape, -1)
    for number, field in enumerate(fields):
        owner[shapely.contains_xy(shapely.geometry.shape(field["geometry"]), lon, lat)] = number
    assert table["parcel_id"].tolist() == ["p0", "p1", "p2"]
    assert table.columns.tolist() == [
        "parcel_id", "class", "class_name", "probability", "second", "second_name", "second_probability", "entropy",
        "agreement", "set_size", "confident", "small", "area_ha", "pixels", "geometry"]
    for number, row in table.iterrows():
        own = (owner == number) & (counts.sum(axis=2) > 0)
        mean = np.exp(np.log(np.maximum(probabilities[own], np.finfo(np.float32).tiny)).mean(axis=0))
        mean /= mean.sum()
        assert row["pixels"] == own.sum()
        assert row["class"] == mean.argmax()
        assert row["probability"] == pytest.approx(mean.max(), abs=6e-5)
        assert row["second_probability"] == pytest.approx(mean.min(), abs=6e-5)
        assert row["agreement"] == pytest.approx((probabilities[own].argmax(axis=1) == row["class"]).mean(), abs=6e-5)
        assert row["confident"] == (mean.max() >= 0.65)
    # UTM stretches lengths by 0.0004 at most.
    np.testing.assert_allclose(table["area_ha"], [0.8256, 1.74, 0.0841], rtol=2e-3)
    assert table["small"].tolist() == [0, 0, 1]
    assert shapely.from_wkb(table["geometry"][0]).equals_exact(shapely.geometry.shape(fields[0]["geometry"]), 1e-9)


def test_the_geopackage_says_what_the_parquet_says(run, mapped):
    """As SQLite reads it: 40 bytes of header are before the well-known binary."""
    table = mapped[2]
    with closing(sqlite3.connect(run.predictions / parcels.GEOPACKAGE)) as content:
        rows = content.execute(f'select {", ".join(map(repr, table.columns))} from parcels'.replace("'", '"'))
        found = pd.DataFrame(rows.fetchall(), columns=table.columns)
    found["geometry"] = [shape[40:] for shape in found["geometry"]]
    pd.testing.assert_frame_equal(found, table)


def test_parcels_without_a_row_are_counted_and_told(run, fields, mapped, tmp_path, monkeypatch):
    card, _, table = mapped
    assert (card["parcels_asked"], card["parcels_without_pixels"], card["parcels"]) == (4, 1, len(table))
    again = copied(run, tmp_path)
    text = again.config_file.read_text()
    again.config_file.write_text(text.replace("[labels]", '[labels]\nparcels = "projects/p/assets/fields"'))
    engine = engines.open(again.config.engine, again.path)
    engine.close()
    monkeypatch.setattr(type(engine), "features", lambda *arguments, **how: fields)
    done = CliRunner().invoke(cli.main, ["predict", str(again.path), "--model", "forest", "--season", "2023"])
    assert done.exit_code == 0, done.output
    assert "1 of 4 parcels have no row" in done.output


def test_a_streamed_map_is_the_map_of_patches(run, tiny, fields, mapped, tmp_path, monkeypatch):
    streamed = copied(run, tmp_path)
    monkeypatch.setattr("exports.blocks._LARGEST", 16)  # four windows, three of which reach over the edge
    engine = engines.open(streamed.config.engine, streamed.path)
    try:
        source = mapping.stream_of(streamed.config, engine, graphs, None, 2023)
        assert source.tiling.count == 4
        card = map_of(streamed, streamed.config, source, fields)
    finally:
        engine.close()
    for name, image in images(streamed).items():
        np.testing.assert_array_equal(image, mapped[1][name], err_msg=name)
    pd.testing.assert_frame_equal(parcels.read(streamed.predictions / parcels.FILE), mapped[2])
    assert card["geopackage_digest"] == mapped[0]["geopackage_digest"]
    told = ("source", "runtime", "products", "parcels_digest")
    assert {key: card[key] for key in card if key not in told} == {key: mapped[0][key] for key in card
                                                                   if key not in told}


@pytest.mark.parametrize("pixels", [1, 10**6])
def test_one_block_and_many_are_one_map(run, fields, mapped, tmp_path, monkeypatch, pixels):
    again = copied(run, tmp_path)
    monkeypatch.setattr("exports.blocks._PIXELS", pixels)
    map_of(again, again.config, of_patches(again), fields)
    for name, image in images(again).items():
        np.testing.assert_array_equal(image, mapped[1][name], err_msg=name)
    pd.testing.assert_frame_equal(parcels.read(again.predictions / parcels.FILE), mapped[2])


KILLED = """
    import json, os, signal, sys
    from pathlib import Path
    from agrispec_tf import crop_map, map_checkpoint
    from exports import blocks, mapping, runs
    map_checkpoint._EVERY_S, blocks._PIXELS = 0.0, 1
    run, fields, after = runs.open(Path(sys.argv[1])), json.loads(Path(sys.argv[2]).read_text()), int(sys.argv[3])
    laid, lay = [0], crop_map._lay
    def dying(*arguments):
        if laid[0] == after:
            arguments[5].write(arguments[0].first, {"class": arguments[0].looks * 0 + 77})  # half of what a block is
            os.kill(os.getpid(), signal.SIGKILL)
        laid[0] += 1
        lay(*arguments)
    crop_map._lay = dying
    source = mapping.patches_of(run, run.config, None)
    of_parcels = crop_map.Parcels.of(fields, run.config)
    crop_map.run_predict(run, run.config, "forest", source, of_parcels, lambda done: None, print)
"""


def killed(run, fields, after):
    path = run.path / "fields.json"
    path.write_text(json.dumps(fields))
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED), run.path, path, str(after)], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == -9, done.stderr[-3000:]


def test_a_map_that_is_killed_twice_goes_on_to_equal_files(run, fields, mapped, tmp_path, monkeypatch):
    again = copied(run, tmp_path)
    shutil.rmtree(again.predictions)
    killed(again, fields, 3)
    killed(again, fields, 2)
    assert not again.predictions.exists()
    read = []
    monkeypatch.setattr(Patches, "blocks", lambda self, done, of=Patches.blocks: read.append(done) or of(self, done))
    card = map_of(again, again.config, of_patches(again), fields)
    assert read == [5]
    for name, image in images(again).items():
        np.testing.assert_array_equal(image, mapped[1][name], err_msg=name)
    assert card["parcels_digest"] == mapped[0]["parcels_digest"]
    assert card["products"] == mapped[0]["products"]
    assert not again.predicting.exists()


def test_another_model_begins_anew(run, fields, mapped, tmp_path):
    again = copied(run, tmp_path)
    killed(again, fields, 4)
    config = replace(again.config, training=replace(again.config.training, seed=5))
    forests.run_train(again, config, "forest")
    told = []
    card = map_of(again, again.config, of_patches(again), fields, told.append)
    assert told == [f"the unfinished map in {again.predicting}, 4 tiles, is dropped: this one has another model_digest"]
    assert card["model_digest"] != mapped[0]["model_digest"]
    fresh = copied(again, tmp_path / "fresh")
    assert map_of(fresh, fresh.config, of_patches(fresh), fields)["products"] == card["products"]


def test_another_threshold_goes_on_and_judges_all_pixels(run, fields, mapped, tmp_path, monkeypatch):
    again = copied(run, tmp_path)
    killed(again, fields, 4)
    config = replace(again.config, training=replace(again.config.training, confidence=0.9))
    read, told = [], []
    monkeypatch.setattr(Patches, "blocks", lambda self, done, of=Patches.blocks: read.append(done) or of(self, done))
    card = map_of(again, config, of_patches(again), fields, told.append)
    assert (read, told, card["threshold"]) == ([4], [], 0.9)
    found = images(again)
    np.testing.assert_array_equal(found["probability"], mapped[1]["probability"])
    np.testing.assert_array_equal(found["confident"], np.where(
        found["probability"] == -1, NO_CLASS, found["probability"] >= np.float32(0.9)))
    assert card["confident"] == (found["confident"] == 1).mean() < mapped[0]["confident"]


def test_what_was_kept_and_is_damaged_is_named(run, tmp_path):
    (tmp_path / map_checkpoint.FILE).write_bytes(b"PK nothing")
    with pytest.raises(CorruptRecord, match="does not say how far the map is"):
        map_checkpoint.opened(tmp_path, {}, 0, 2, quiet)


def test_patches_of_this_map_are_not_exported_again(run, tmp_path):
    again = copied(run, tmp_path)
    config = again.config
    engine = SimpleNamespace(name="local", project=config.engine.project)
    assert mapping.kept_patches(again, config, engine, None, 2023).about == of_patches(again).about
    changes = {"patch": 4, "mask": MASK, "bounds": (613000, 5401800, 613230, 5402000)}
    for name, value in changes.items():
        other = replace(config, map=replace(config.map, **{name: value}))
        assert mapping.kept_patches(again, other, engine, None, 2023) is None
    assert mapping.kept_patches(again, config, engine, None, 2024) is None
    for other in ({"name": "cloud", "project": engine.project}, {"name": "local", "project": "another"}):
        assert mapping.kept_patches(again, config, SimpleNamespace(**other), None, 2023) is None
    [path] = again.patches.glob("*.tfrecord.gz")
    path.write_bytes(path.read_bytes()[:-1])
    assert mapping.kept_patches(again, config, engine, None, 2023) is None
    shutil.rmtree(again.patches)
    assert mapping.kept_patches(again, config, engine, None, 2023) is None


def test_only_the_area_of_interest_is_mapped(run, tiny, fields, mapped, tmp_path, monkeypatch):
    again = copied(run, tmp_path)
    triangle = shapely.Polygon([(613000, 5402000), (613140, 5402000), (613000, 5401870)])
    degrees = shapely.transform(triangle, Transformer.from_crs(tiny.grid.crs, "EPSG:4326", always_xy=True).transform,
                                interleaved=False)
    (again.path / "aoi.geojson").write_text(json.dumps(shapely.geometry.mapping(degrees)))
    config = replace(again.config, map=replace(again.config.map, aoi="aoi.geojson"))
    aoi = mapping.aoi_of(again, config)
    columns, rows = np.meshgrid(np.arange(24), np.arange(20))
    inside = shapely.contains_xy(triangle, 613005 + 10 * columns, 5401995 - 10 * rows)
    card = map_of(again, config, of_patches(again, aoi), fields)
    of_patch = images(again)
    for name, image in of_patch.items():
        missing = -1 if image.dtype == np.float32 else 255
        np.testing.assert_array_equal(image, np.where(inside, mapped[1][name], missing), err_msg=name)
    assert card["masked"] == (~inside).sum()
    monkeypatch.setattr("exports.blocks._LARGEST", 8)
    engine, asked = engines.open(config.engine, again.path), []
    pixels = type(engine).pixels
    monkeypatch.setattr(type(engine), "pixels", lambda self, graph, grid: asked.append(grid) or pixels(
        self, graph, grid))
    try:
        map_of(again, config, mapping.stream_of(config, engine, graphs, aoi, 2023), fields)
    finally:
        engine.close()
    for name, image in images(again).items():
        np.testing.assert_array_equal(image, of_patch[name], err_msg=name)
    assert len(asked) == 3  # of nine windows


def test_a_map_without_a_pixel_to_map_is_refused_and_the_last_one_stays(run, tiny, mapped, tmp_path):
    again = copied(run, tmp_path)
    before = (again.predictions / "prediction.json").read_bytes()
    between = shapely.transform(shapely.box(613006, 5401991, 613009, 5401994), Transformer.from_crs(
        tiny.grid.crs, "EPSG:4326", always_xy=True).transform, interleaved=False)  # no pixel's centre
    aoi = Polygons.of(np.array([between]), tiny.grid.crs)
    with pytest.raises(DataError, match="no pixel was to be mapped; look at"):
        map_of(again, again.config, of_patches(again, aoi), ())
    assert (again.predictions / "prediction.json").read_bytes() == before


def test_a_map_that_is_interrupted_does_not_wait_for_an_engine_that_is_silent(run, tmp_path, monkeypatch):
    again = copied(run, tmp_path)
    monkeypatch.setattr("exports.blocks._LARGEST", 16)
    monkeypatch.setattr("exports.export.window._PAUSE_S", (3600.0, 3600.0))
    engine = engines.open(again.config.engine, again.path)
    pixels, silent = type(engine).pixels, threading.Event()

    def answer(self, graph, grid):
        if (grid.transform[2], grid.transform[5]) != (613000, 5402000):
            silent.set()
            raise EngineUnreachable("silence", mend="wait")
        return pixels(self, graph, grid)

    def interrupt(share):
        silent.wait(60)
        raise KeyboardInterrupt

    def predicting():
        with pytest.raises(KeyboardInterrupt):
            crop_map.run_predict(again, again.config, "forest", source, crop_map.Parcels.of((), again.config),
                                 interrupt, quiet)
        left.set()
    monkeypatch.setattr(type(engine), "pixels", answer)
    source, left = mapping.stream_of(again.config, engine, graphs, None, 2023), threading.Event()
    try:
        threading.Thread(target=predicting, daemon=True).start()
        assert left.wait(60)
    finally:
        source.stop()
        engine.close()


@pytest.mark.parametrize(("content", "said"), [
    ("{", "is no GeoJSON of polygons"), ('{"type": "Point", "coordinates": [4.5, 48.7]}', "holds Point instead of"),
    ('{"type": "FeatureCollection", "features": []}', "holds nothing instead of polygons"), (None, "cannot be read"),
    (json.dumps(shapely.geometry.mapping(shapely.box(0, 0, 1, 1))), "touches the map")])
def test_an_area_of_interest_that_is_none_is_refused(run, tmp_path, content, said):
    if content is not None:
        (tmp_path / "aoi.json").write_text(content)
    config = replace(run.config, map=replace(run.config.map, aoi=str(tmp_path / "aoi.json")))
    with pytest.raises(ConfigError, match=said):
        mapping.aoi_of(run, config)


def test_a_mask_asset_hides_pixels_from_both_sources(run, tiny, mapped, tmp_path, monkeypatch):
    again = copied(run, tmp_path)
    cropland = np.random.default_rng(0).integers(0, 3, tiny.grid.shape).astype(np.uint8)
    AssetTree(again.path / "landscape").write_image(MASK, arrays={"crops": cropland}, grid=tiny.grid, nodata=2)
    config = replace(again.config, map=replace(again.config.map, mask=MASK))
    wanted = cropland == 1
    engine = engines.open(config.engine, again.path)
    monkeypatch.setattr("exports.blocks._LARGEST", 16)
    try:
        mapping.check_mask(config, engine)
        mapping.export_patches(again, config, engine, graphs, quiet, 2023)
        found = {}
        for name, source in (("patches", mapping.patches_of(again, config, None)),
                             ("stream", mapping.stream_of(config, engine, graphs, None, 2023))):
            found[name] = map_of(again, config, source, ()), images(again)
        with pytest.raises(AssetMissing, match="is not there"):
            mapping.check_mask(replace(config, map=replace(config.map, mask=f"{MASK}2")), engine)
        with pytest.raises(ConfigError, match="is of type IMAGE_COLLECTION"):
            mapping.check_mask(replace(config, map=replace(config.map, mask=config.labels.images)), engine)
    finally:
        engine.close()
    for card, products_found in found.values():
        for name, image in products_found.items():
            missing = -1 if image.dtype == np.float32 else 255
            np.testing.assert_array_equal(image, np.where(wanted, mapped[1][name], missing), err_msg=name)
        assert card["masked"] == (~wanted).sum()
        assert card["parcels"] == 0
        assert card["parcels_digest"] is None
    assert not (again.predictions / parcels.FILE).exists()
    assert not (again.predictions / parcels.GEOPACKAGE).exists()


@pytest.mark.parametrize("columns", [1024, 8])
def test_smoothed_classes_lie_beside_the_raw_ones(run, tiny, mapped, tmp_path, monkeypatch, columns):
    monkeypatch.setattr("exports.tiles._COLUMNS", columns)
    again = copied(run, tmp_path)
    map_of(again, again.config, of_patches(again), (), smooth="majority")
    found = images(again, (*SHOWN, "smoothed"))
    for name in SHOWN:
        np.testing.assert_array_equal(found[name], mapped[1][name], err_msg=name)
    np.testing.assert_array_equal(found["smoothed"], smoothing.majority_numpy(found["class"], NO_CLASS))
    assert (found["smoothed"] != found["class"]).any()
    map_of(again, again.config, of_patches(again), (), smooth="bayesian")
    smoothed = images(again, ("smoothed",))["smoothed"]
    probabilities, counts = expected(run, tiny)
    clipped = np.clip(probabilities, 1e-6, 1 - 1e-6)
    logits = np.where((counts.sum(axis=2) > 0)[..., None], np.log(clipped / (1 - clipped)), np.nan)
    logits = smoothing.bayesian_numpy(logits.astype(np.float16).astype(np.float32))
    unseen = np.isnan(logits[..., 0])
    np.testing.assert_array_equal(smoothed == NO_CLASS, unseen)
    # Where two classes are as likely as the last digit tells, either may come first.
    clear = ~unseen & (np.abs(logits[..., 0] - logits[..., 1]) > 1e-3)
    np.testing.assert_array_equal(smoothed[clear], logits.argmax(axis=-1)[clear])
    assert clear.sum() > 300
    assert list(predictions.card(again.predictions)["products"]) == [*SHOWN, "smoothed"]


@pytest.mark.parametrize("columns", [1024, 16])
def test_a_picture_is_of_every_so_manieth_pixel(tmp_path, monkeypatch, columns):
    monkeypatch.setattr("exports.tiles._COLUMNS", columns)
    monkeypatch.setattr(map_images, "_PICTURE", 13)
    grid = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 600000.0, 0.0, -10.0, 5400000.0), width=50, height=30)
    image = np.random.default_rng(0).integers(0, 255, (32, 56)).astype(np.uint8)
    with tiles.canvas(tmp_path, Tiling(grid=grid, side=8), {"class": (np.dtype(np.uint8), 1)}) as canvas:
        canvas.write(0, {"class": np.stack([image[row:row + 8, column:column + 8] for row in range(0, 32, 8)
                                            for column in range(0, 56, 8)])})
        np.testing.assert_array_equal(map_images.thinned(canvas, ["class"])[0], image[:30, :50][::4, ::4])


def test_patches_that_are_not_those_of_their_export_are_refused(run, tmp_path):
    again = copied(run, tmp_path)
    [path] = again.patches.glob("*.tfrecord.gz")
    [described] = again.patches.glob("*mixer.json")
    found = mixer.read(described)
    for change, said in (({"patch_width": 4, "patch_height": 4}, "patches of 4 x 4 pixels, cube.toml says 8 x 8"),
                         ({"total_patches": 6}, "is of 16 x 24 pixels from"),
                         ({"transform": (10.0, 0.0, 0.0, 0.0, -10.0, 5402000.0)}, "from 0, 5.402e")):
        mixer.write(described, replace(found, **change))
        with pytest.raises(SchemaMismatch, match=said):
            of_patches(again)
    mixer.write(described, found)
    other = path.with_name(path.name.replace("00000", "00007"))
    path.rename(other)
    with pytest.raises(CorruptRecord, match=f"lacks {path.name}, one of 1 files"):
        of_patches(again)
    shutil.copy(other, path)
    with pytest.raises(CorruptRecord, match=f"holds {other.name}, which is not of its export"):
        of_patches(again)
    other.unlink()
    path.write_bytes(path.read_bytes() + b"0")
    with pytest.raises(CorruptRecord, match="another file bears its name"):
        of_patches(again)
    with pytest.raises(SchemaMismatch, match="are of cube"):
        Patches.of(again.patches, run.config.spec)


@pytest.mark.parametrize(("runtime", "most", "compared"), [
    ("auto", 100, ("auto", 100)), ("auto", 10**6, ("keras", None)), ("int8", 100, ("int8", 100)),
    ("int8", 10**6, ("int8", None))])
def test_runtimes_are_compared_once_there_are_pixels_enough(run, mapped, tmp_path, monkeypatch, runtime, most,
                                                            compared):
    again, seen = copied(run, tmp_path), sum(mapped[0]["pixels"].values())
    monkeypatch.setattr("exports.blocks._PIXELS", 1)  # 64 pixels a block
    monkeypatch.setattr(runtimes, "SHOWN", most)
    monkeypatch.setattr(runtimes, "check", lambda *arguments: None)
    opened, asked, choose = [], [], runtimes.choose
    monkeypatch.setattr(runtimes, "opened", lambda *arguments: opened.append(arguments[-1]) or arguments[3])
    monkeypatch.setattr(runtimes, "choose", lambda *arguments: asked.append((arguments[4], len(arguments[-1])))
                        or choose(*arguments))
    card = map_of(again, again.config, of_patches(again), (), runtime=runtime)
    # Until then what was asked for computes, and Keras where nothing was: all of a map of fewer pixels.
    assert opened == ["keras" if runtime == "auto" else runtime]
    assert asked == [(compared[0], compared[1] or seen)]
    assert card["runtime"]["compared"] == (compared[1] or seen)
    for name, image in images(again).items():
        np.testing.assert_array_equal(image, mapped[1][name], err_msg=name)


def test_parcels_that_cannot_be_told_apart_are_refused_before_an_export_is_paid_for(run, tmp_path, monkeypatch):
    again, asked = copied(run, tmp_path), []
    monkeypatch.setattr(mapping, "export_patches", lambda *arguments: asked.append(arguments) or {})
    text = again.config_file.read_text()
    again.config_file.write_text(text.replace(
        "[labels]", '[labels]\nparcels = "projects/p/assets/fields"\nparcel_id = "nothing"'))
    engine = engines.open(again.config.engine, again.path)
    engine.close()
    monkeypatch.setattr(type(engine), "features", lambda *arguments, **how: [
        {"type": "Feature", "properties": {"id": 1}, "geometry": {}}])
    done = CliRunner().invoke(cli.main, ["predict", str(again.path), "--model", "forest"])
    assert done.exit_code == 1
    assert "has no property 'nothing'; it has id" in done.output
    assert not asked


def test_tiles_cover_a_grid_and_their_insides_are_its_pixels(tiny):
    tiling = Tiling(grid=tiny.grid, side=7)
    assert tiling.count == 4 * 3
    assert sum(tiling.inside(number).width * tiling.inside(number).height for number in range(12)) == 480
    assert tiling.inside(11).bounds == (613210, 5401800, 613240, 5401860)
    assert tiling.tile(11).shape == (7, 7)


def test_unseen_series_are_not_put_before_a_classifier(run, tiny):
    class Asked:
        class_names = ("a", "b")

        def probabilities(self, series):
            assert (series.counts.sum(axis=1) > 0).all()
            return np.full((len(series), 2), 0.5, np.float32)

    spec = run.config.spec.view()
    counts = np.zeros((3, spec.shape[0]), np.float32)
    counts[1, 4] = 1
    found = predict.series(Asked(), Series(cube=spec, values=np.zeros((3, spec.shape[0], 10), np.float32),
                                           counts=counts))
    np.testing.assert_array_equal(found.classes, [NO_CLASS, 0, NO_CLASS])
    assert products.PROBABILITY.missing == -1


def test_a_second_process_that_maps_a_run_is_refused_and_says_who_has_it(run, tmp_path):
    again = copied(run, tmp_path)
    with holding.predictions_held(again.path):
        done = CliRunner().invoke(cli.main, ["predict", str(again.path), "--model", "forest", "--season", "2023"])
    assert done.exit_code == 1
    assert "is being mapped or published already, by process" in done.output


def test_the_command_maps_streams_smooths_and_refuses_what_trees_cannot(run, mapped, tmp_path):
    again = copied(run, tmp_path)

    def predict_by(*options):
        return CliRunner().invoke(cli.main, ["predict", str(again.path), "--model", "forest", "--season", "2023",
                                             *options])
    done = predict_by("--stream", "--smooth", "majority")
    assert done.exit_code == 0, done.output
    for name, image in images(again).items():
        np.testing.assert_array_equal(image, mapped[1][name], err_msg=name)
    card = manifest.read(again.path)["stages"]["predict"]
    assert card["source"] == {"stream": "agrispec-local", "mask": "", "aoi": None}
    assert card["runtime"]["name"] == "trees"
    done = predict_by()
    assert done.exit_code == 0, done.output
    assert f"{again.patches} holds the pixels of this map already; --fresh exports them anew" in done.output
    assert "eecu_seconds" not in manifest.read(again.path)["stages"]["predict"]
    for name in (".predictions.0123456789ab.part", ".patches.0123456789ab.part"):  # as a kill leaves them
        (again.path / name).mkdir()
    done = predict_by("--fresh")
    assert done.exit_code == 0, done.output
    assert not list(again.path.glob(".*.part"))
    assert "already" not in done.output
    assert "eecu_seconds" in manifest.read(again.path)["stages"]["predict"]
    assert predict_by("--fresh", "--stream").exit_code == 2
    refused = predict_by("--runtime", "onnx")
    assert refused.exit_code == 2
    assert "forest is made of trees" in refused.output
