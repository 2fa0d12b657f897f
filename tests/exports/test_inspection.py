"""What `inspect` says is what the arrays hold; the tiny season's numbers are counted again with NumPy."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import cli
from agrispec.cube import CubeSpec, preset
from agrispec.errors import CorruptRecord, DataError, SchemaMismatch
from agrispec.formats import example, geotiff
from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Grid
from agrispec.season import Window
from exports import inspection, manifest, mapping, runs, samples, shards
from exports.inspection import picture, series, text
from exports.inspection.looks import Looks
from exports.inspection.spread import Spread

ROWS = "shards/2023/E0045N0487-000.tfrecord.gz"


@pytest.fixture(scope="module")
def exported(tiny, tmp_path_factory):
    """A run of the tiny season, exported, with the patches of its map."""
    path = tmp_path_factory.mktemp("inspected") / "run"
    shutil.copytree(tiny.home / "landscape", path / "landscape", ignore=shutil.ignore_patterns("buckets"))
    shutil.copy(tiny.home / "agrispec.toml", path)
    done = CliRunner().invoke(cli.main, ["export", str(path)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    with cli._opened(path) as opened:
        mapping.export_patches(opened.run, opened.config, opened.engine, opened.graphs, lambda told: None, 2023)
    return runs.open(path)


@pytest.fixture
def run(exported, tmp_path):
    """A copy of it, to be changed."""
    return runs.open(Path(shutil.copytree(exported.path, tmp_path / "run")))


@pytest.fixture(scope="module")
def cubes(exported):
    return shards.read(exported.shards, exported.config.spec)


def told(path):
    """Name of an entry -> its lines."""
    found, name = {}, ""
    for line in inspection.describe(path):
        name = line[:12].strip() or name
        found.setdefault(name, []).append(line[12:])
    return found


def row(lines, name):
    """The cells of a table's row."""
    [line] = [line for line in lines if re.match(rf"\s*{name}\s\s", line)]
    return re.split(r"\s{2,}", line.strip())


def test_a_folder_of_shards_says_how_often_its_steps_were_seen(exported, cubes):
    found = told(exported.shards)
    window = slice(24, 67)
    seasons = samples.read(exported.samples)["season"].to_numpy()
    assert found["cubes"] == [str(len(cubes.rows))]
    for name, chosen in (("2023", seasons == 2023), ("2024", seasons == 2024), ("all", seasons > 0)):
        gaps = cubes.counts[chosen] == 0
        worst = gaps[:, window].mean(axis=0)
        step = 24 + int(worst.argmax())
        assert row(found["gaps"], name) == [
            name, str(chosen.sum()), f"{gaps.mean():.1%}", f"{gaps[:, window].mean():.1%}",
            f"{step}, days {5 * step + 1}-{5 * step + 5}: {worst.max():.1%}",
            f"{cubes.counts[chosen, window].mean():.2f}", str(gaps[:, window].all(axis=1).sum())]


def test_a_folder_of_shards_says_what_its_features_hold(exported, cubes):
    lines = told(exported.shards)["features"]
    seen = cubes.values[:, 24:67][cubes.counts[:, 24:67] > 0]
    for place, name in enumerate(exported.config.spec.features):
        _, least, median, most = row(lines, name)
        assert [least, most] == [f"{seen[:, place].min():.4g}", f"{seen[:, place].max():.4g}"]
        assert float(median) == pytest.approx(np.median(seen[:, place]), rel=2e-3)


def test_a_folder_of_shards_knows_its_samples(run):
    digest = manifest.digest(run.samples)
    table = samples.read(run.samples)
    of, rows = told(run.shards)["samples"]
    assert of == f"of {run.samples}, digest {digest}"
    assert rows == f"rows 0-{len(table) - 1}: none missing, none twice or more, none not in that table"

    shutil.copy(run.path / ROWS, run.path / ROWS.replace("-000", "-001"))
    next((run.shards / "2024").iterdir()).unlink()
    twice, lost = table.loc[table["season"] == 2023, "row"], table.loc[table["season"] == 2024, "row"]
    _, rows = told(run.shards)["samples"]
    assert f"{len(lost)} missing (rows {', '.join(map(str, lost[:5]))}, ...)" in rows
    assert f"{len(twice)} twice or more (rows 0, 1, 2, 3, 4, ...)" in rows

    run.samples.write_bytes(table.iloc[1:].to_parquet(index=False))
    assert told(run.shards)["samples"][0] == (
        f"of a table of digest {digest}, but {run.samples} has digest {manifest.digest(run.samples)}")
    run.samples.unlink()
    assert "is not there" in told(run.shards)["samples"][0]


def test_rows_with_holes_are_nothing_strange(run):
    """Samples that could not be exported are left out of table and shards alike."""
    table = samples.read(run.samples)
    kept = table[~table["row"].isin((0, 7, 100))]
    run.samples.write_bytes(kept.to_parquet(index=False))
    for path in run.shards.rglob("*.tfrecord.gz"):
        columns = example.read(path)
        chosen = np.isin(columns["row"][:, 0], kept["row"])
        example.write(path, {name: column[chosen] for name, column in columns.items()})
    shards.describe(run.shards, run.config.spec,
                    sampling=shards.Sampling.of(manifest.digest(run.samples), run.config.taxonomy))
    found = told(run.shards)
    assert found["cubes"] == [str(len(kept))]
    assert "none missing, none twice or more, none not in that table" in found["samples"][1]
    assert told(run.path)["places"][0].startswith(f"{len(kept)} in 1 cell, rows 1-{table['row'].max()},")
    assert sum(group.of for group in series.gather(run.shards).groups) == len(kept)


def test_a_shard_says_the_same_of_itself(run, cubes):
    found = told(run.path / ROWS)
    of_season = samples.read(run.samples)["season"].to_numpy() == 2023
    assert found["shard"] == [f"{run.path / ROWS}, {text.size((run.path / ROWS).stat().st_size)},"
                              f" SHA-256 {manifest.digest(run.path / ROWS)}"]
    assert found["layout"][0] == f"{of_season.sum()} records of 2 features"
    assert f"cube: float of {73 * 11} values, in 100.0% of the records" in found["layout"]
    assert found["in run"] == ["run"]
    assert row(found["gaps"], "2023") == row(told(run.shards)["gaps"], "2023")
    assert "missing" not in found["samples"][1]
    alone = run.path.parent / "alone.tfrecord.gz"
    shutil.copy(run.path / ROWS, alone)
    assert set(told(alone)) == {"shard", "layout"}


def test_a_season_of_shards_is_told_of_by_itself(run):
    found = told(run.shards / "2024")
    assert row(found["gaps"], "2024") == row(told(run.shards)["gaps"], "2024")
    assert not [line for line in found["gaps"] if line.startswith("2023")]


def test_cubes_with_degree_days_say_what_they_span(tmp_path):
    spec = preset("cropnet-5d", gdd_base=0.0)
    random = np.random.default_rng(0)
    flat = random.random((5, *spec.shape), np.float32)
    flat[..., -1] = 1
    flat[..., -2] = np.arange(73) * 10
    flat[2, 60:, -2] = spec.fill
    folder = tmp_path / "shards" / "2023"
    folder.mkdir(parents=True)
    example.write(folder / "a.tfrecord.gz", {"row": np.arange(5, dtype=np.float32), "cube": flat.reshape(5, -1)})
    shards.describe(folder.parent, spec, sampling=shards.Sampling(samples="0" * 16, classes=(("a", (1,)),)))
    least, median, most = row(told(folder.parent)["features"], "gdd, °C day")[1:]
    known = flat[:, 24:67, -2]
    known = known[known != spec.fill]
    assert (least, most) == ("240", "660")
    assert float(median) == pytest.approx(np.median(known), rel=2e-3)


def test_a_run_says_what_was_asked_for_what_is_there_and_what_is_missing(run):
    found = told(run.path)
    table = samples.read(run.samples)
    assert found["run"] == [str(run.path)]
    assert found["engine"] == ["local, project agrispec-local, bucket agrispec-local"]
    assert found["seasons"] == ["2023 with labels, 2024 to map; day 1 is 01-01 (MM-DD); 1 cell"]
    assert f"digest {run.config.spec.digest}" in found["cube"]
    assert found["places"][0] == (f"{len(table)} in 1 cell, rows 0-{len(table) - 1},"
                                  f" digest {manifest.digest(run.samples)}")
    assert row(found["places"], "wheat") == ["wheat", str((table["label"] == 0).sum()), "0"]
    assert row(found["places"], "no label") == ["no label", "0", str((table["season"] == 2024).sum())]
    finished = manifest.read(run.path)["stages"]["export"]["finished"]
    assert row(found["stages"], "export") == ["export", finished, "as now", "1"]
    assert f"agrispec-gee {manifest.versions()['agrispec-gee']}" in found["versions 1"][0]
    assert [line.split(":")[0] for line in found["folders"]] == ["landscape/", "patches/", "report/", "shards/"]
    assert [line.split(": ")[1].split()[1] for line in found["missing"]] == ["train", "evaluate", "predict", "publish"]

    run.config_file.write_text(run.config_file.read_text() + "\n# changed\n")
    (run.path / "exporting").mkdir()
    samples.write_truth(run.truth, pd.DataFrame({"row": [70, 71, 72], "label": [1, 0, 1]}))
    found = told(run.path)
    assert row(found["stages"], "export")[2] == "another"
    assert found["missing"][0] == (f"the rest of an export, see exporting/: agrispec-gee export {run.path}"
                                   " --resume")
    assert found["labels"] == ["3 places, opened for evaluation; training never reads them", "wheat 1, maize 2"]


def test_a_run_says_which_models_it_holds_and_which_are_damaged(run, model):
    shutil.copytree(model, run.models / "mlp")
    shutil.copytree(model, run.models / "bad")
    (run.models / "bad" / "model.json").write_text("{")
    (run.models / "mlp.onnx").touch()
    found = told(run.path)
    assert found["models"][0] == "3"
    assert row(found["models"], "mlp") == ["mlp", "mlp", run.config.spec.digest, "1,200", "yes"]
    assert row(found["models"], "bad") == ["bad", "damaged card", "-", "-", "-"]
    assert row(found["models"], "mlp.onnx")[1] == "ONNX file"
    assert found["missing"][0].startswith("scores of the target season: ")


def test_a_run_that_is_only_configured_says_what_to_do(run):
    for part in (run.shards, run.patches):
        shutil.rmtree(part)
    run.samples.unlink()
    (run.path / "manifest.json").unlink()
    found = told(run.path)
    assert "places" not in found
    assert found["missing"][0] == f"cubes: agrispec-gee export {run.path}"


def test_tables_say_what_they_count(run):
    samples.write_truth(run.truth, pd.DataFrame({"row": [70, 71, 72], "label": [1, 0, 1]}))
    assert told(run.samples)["places"] == told(run.path)["places"]
    assert told(run.truth)["labels"][1] == "wheat 1, maize 2"
    other = run.path / "other.parquet"
    other.write_bytes(pd.DataFrame({"a": [1]}).to_parquet())
    with pytest.raises(DataError, match="neither samples nor truth"):
        told(other)


def test_whatever_lies_in_a_run_of_simulated_scenes_says_so(run):
    assert told(run.samples)["in run"] == ["run"]
    document = json.loads((run.path / "manifest.json").read_text())
    document["stages"]["export"]["scenes"]["2023"]["simulated"] = 1
    (run.path / "manifest.json").write_text(json.dumps(document))
    assert told(run.path)["run"] == [f"{run.path}, of simulated scenes"]
    for part in (run.samples, run.shards, run.path / ROWS, run.patches):
        assert told(part)["in run"] == ["run, of simulated scenes"]


def test_patches_say_where_they_lie_and_whether_all_are_there(run):
    found = told(run.patches)
    assert found["patches"] == [f"{run.patches}, season 2023"]
    assert found["grid"] == ["20 rows x 24 columns, pixels of 10 x 10 metre, WGS 84 / UTM zone 31N (EPSG:32631)"]
    assert found["bounds"] == ["west 613000, south 5401800, east 613240, north 5402000"]
    assert " ".join(found["mixer"]).startswith("9 patches of 8 x 8 pixels, 3 side by side: 24 rows x 24 columns")
    assert found["records"] == ["9, all patches"]
    [file] = run.patches.glob("*.tfrecord.gz")
    columns = example.read(file)
    example.write(file, {name: column[:8] for name, column in columns.items()})
    assert told(run.patches)["records"] == ["8, where the mixer says 9: export the patches again"]
    assert told(file)["layout"][1].startswith("24_B2 ... 66_count (473 of them): float of 64 values")


GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 0.0, 0.0, -10.0, 0.0), width=5, height=4)


def test_predictions_say_their_classes_in_pixels_and_hectares(tmp_path):
    classes = np.array([0, 1, 1, 255, 1] * 4, np.uint8).reshape(4, 5)
    def write(classes):
        geotiff.write(tmp_path / "class.tif", classes[None], GRID, nodata=255,
                      tags={"class_0": "wheat", "class_1": "maize"})

    write(classes)
    card = {"season": 2024, "model": "mlp", "model_digest": "a", "cube": "b", "simulated": True, "confident": 0.5,
            "threshold": 0.65, "parcels": 3, "class_digest": manifest.digest(tmp_path / "class.tif"),
            "parcels_digest": None,
            "products": {"class": {"file": "class.tif", "digest": manifest.digest(tmp_path / "class.tif")}}}
    (tmp_path / "prediction.json").write_text(json.dumps(card))
    found = told(tmp_path)
    assert found["predictions"] == [f"{tmp_path}, season 2024 by mlp, of simulated scenes"]
    assert row(found["classes"], "wheat") == ["wheat", "4", "20.0%", "0.04"]
    assert row(found["classes"], "maize") == ["maize", "12", "60.0%", "0.12"]
    assert row(found["classes"], "no data") == ["no data", "4", "20.0%", "0.04"]
    assert row(told(tmp_path / "class.tif")["classes"], "maize") == ["maize", "12", "60.0%"]
    write(classes * 0)
    with pytest.raises(CorruptRecord, match="is not the file"):
        told(tmp_path)
    del card["season"]
    (tmp_path / "prediction.json").write_text(json.dumps(card))
    with pytest.raises(CorruptRecord, match="it lacks season"):
        told(tmp_path)


def test_an_image_says_what_its_bands_hold_whatever_its_tiles(tmp_path, monkeypatch):
    monkeypatch.setattr("exports.inspection.image._TILE", 3)
    values = np.random.default_rng(1).random((2, 4, 5)).astype(np.float32)
    values[0, 1, 2], values[1, 3] = np.nan, -1
    geotiff.write(tmp_path / "a.tif", values, GRID, names=["red", "nir"], nodata=-1, tags={"origin": "a test"})
    found = told(tmp_path / "a.tif")
    assert found["tags"] == ["origin a test"]
    for name, band in zip(("red", "nir"), values.astype(float), strict=True):
        known = band[~np.isnan(band) & (band != -1)]
        assert row(found["bands"], name) == [
            name, "float32", f"{1 - known.size / 20:.1%}", *(f"{value:.4g}" for value in
                                                             (known.min(), known.mean(), known.max()))]


@pytest.fixture
def model(tmp_path, exported):
    """A model's folder whose card says all that a card may say."""
    spec = exported.config.spec
    training = {"training_samples": 1200, "validation_samples": 1, "seasons": [2022, 2023], "seed": 3, "best_epoch": 4,
                "samples": "5" * 16, "versions": {"python": "3.11.7"}, "calibration": {"samples": 40},
                "simulated": True, "from": {"model": "old", "digest": "6" * 16, "classes": ["a", "b"]}}
    card = {"architecture": "mlp", "temperature": 1.25, "cube": spec.to_table(), "cube_digest": spec.digest,
            "classes": ["wheat", "maize"], "training": training}
    folder = tmp_path / "mlp"
    folder.mkdir()
    (folder / "model.json").write_text(json.dumps(card))
    (folder / "card.md").write_text("# mlp\n\nmlp, 12,345 parameters, 2 classes.\n")
    (folder / "model.keras").write_bytes(bytes(2000))
    return folder


def test_a_model_says_what_its_card_says(model, exported):
    found = told(model)
    assert found["model"] == [f"{model}, mlp on cube {exported.config.spec.digest}, trained on simulated scenes"]
    assert found["weights"][0].startswith("12,345 parameters, model.keras of 2.0 kB, SHA-256 ")
    assert found["classes"] == ["wheat, maize"]
    assert found["training"] == ["1,200 training samples of 2022, 2023, 1 validation sample, seed 3",
                                 f"of the table of digest {'5' * 16}", "best epoch 4"]
    assert found["calibration"] == ["temperature 1.250, from 40 validation samples"]
    assert found["origin"] == [f"fine-tuned from old ({'6' * 16}), classes a, b"]


def test_a_model_of_vectors_is_told_of_too(model):
    card = json.loads((model / "model.json").read_text())
    (model / "model.json").write_text(json.dumps({**card, "cube": {"vectors": "presto", "length": 128}}))
    assert told(model)["reads"] == ["vectors: vectors presto, length 128"]


@pytest.mark.parametrize("spoil", [lambda card: card["cube"].update(step_days=16), lambda card: card.pop("classes"),
                                   lambda card: card["training"].pop("seed"), lambda card: card.update(training=[])])
def test_a_card_that_was_edited_is_refused(model, spoil):
    card = json.loads((model / "model.json").read_text())
    spoil(card)
    (model / "model.json").write_text(json.dumps(card))
    with pytest.raises(CorruptRecord, match="does not describe a model"):
        told(model)


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def test_what_is_damaged_is_named_in_a_sentence(run):
    shard = run.path / ROWS
    for part, damage in ((shard, cut), (run.samples, cut), (run.shards / "cube.toml", cut),
                         (run.patches / "map-mixer.json", cut)):
        kept = part.read_bytes()
        damage(part)
        told_of = run.path if part == run.samples else part.parent if part.suffix in (".toml", ".json") else part
        with pytest.raises((CorruptRecord, SchemaMismatch)) as raised:
            told(told_of)
        assert str(part if part.suffix != ".json" else run.patches) in str(raised.value)
        part.write_bytes(kept)
    cut(shard)
    done = CliRunner().invoke(cli.main, ["inspect", str(run.shards)], catch_exceptions=False)
    assert done.exit_code == 1
    assert [line for line in done.stderr.splitlines() if line.startswith("agrispec-gee: ")] != []
    assert shard.name in done.stderr


@pytest.mark.parametrize(("name", "content"), [
    ("shards/cube.toml", b"\xff"), ("patches/cube.toml", b"digest = 1\ncube = 2"),
    ("manifest.json", b'{"stages": [1]}'), ("manifest.json", b'{"stages": {"export": 1}}'), ("manifest.json", b"\xff"),
    ("samples.parquet", b""),
    ("truth.parquet", b"PAR1"), (ROWS, b"nothing of the kind")])
def test_whatever_stands_in_a_file_no_traceback_follows(run, name, content):
    (run.path / name).write_bytes(content)
    for at in (run.path / name, (run.path / name).parent):
        done = CliRunner().invoke(cli.main, ["inspect", str(at)])
        assert isinstance(done.exception, SystemExit)
        assert (done.exit_code, done.stderr.count("agrispec-gee: ")) == (1, 1)


def test_shards_of_another_cube_are_refused(run):
    other = json.loads(json.dumps(run.config.spec.to_table())) | {"exported": [0, 67]}
    shards.describe(run.shards, CubeSpec.from_table(other),
                    sampling=shards.Sampling.of(manifest.digest(run.samples), run.config.taxonomy))
    with pytest.raises(SchemaMismatch):
        told(run.shards)


def test_what_is_not_there_is_named_with_the_way_to_assets(tmp_path):
    done = CliRunner().invoke(cli.main, ["inspect", str(tmp_path / "projects" / "p")], catch_exceptions=False)
    assert done.exit_code == 1
    assert "there is no" in done.stderr
    assert "--run RUN" in done.stderr


def asset(run, name):
    done = CliRunner().invoke(cli.main, ["inspect", name, "--run", str(run.path)], catch_exceptions=False)
    return done.exit_code, done.output


def test_assets_say_what_the_engine_knows_of_them(run, tiny):
    code, said = asset(run, "COPERNICUS/S2_SR_HARMONIZED")
    assert code == 0
    assert f"images      {len(tiny.days)}, first {tiny.days[0]} 10:50 UTC, last {max(tiny.days)} 10:50 UTC" in said
    code, said = asset(run, "projects/agrispec-local/assets/labels/tiny_2023")
    assert "kind        image, " in said
    assert re.search(r"crop +uint8 +\w+ +20 x 24 +10  EPSG:32631", said)
    code, said = asset(run, "projects/agrispec-local/assets")
    assert "kind        folder" in said
    code, said = asset(run, "projects/agrispec-local/assets/nothing")
    assert code == 1
    assert "has no asset projects/agrispec-local/assets/nothing; check the id" in said


def test_a_table_asset_says_its_features_and_columns(run):
    name = "projects/agrispec-local/assets/fields"
    for features in ([], [{"id": "a", "ha": 2.5}] * 3):
        AssetTree(run.path / "landscape").write_table(
            name, properties=features, geometries=[shapely.box(4.5, 48.7, 4.6, 48.8).wkb] * len(features),
            asset_properties={"simulated": "true"}, overwrite=True)
        code, said = asset(run, name)
        assert code == 0, said
        assert f"asset       {name}, simulated\n" in said
        assert f"features    {len(features)}\n" in said
        assert ("id: text, e.g. a" in said and "ha: number, e.g. 2.5" in said) == bool(features)
        assert ("whose geometry is Polygon" in said) == bool(features)


def test_series_by_class_are_those_of_the_cubes(exported, cubes):
    curves = series.gather(exported.path)
    table = samples.read(exported.samples)
    red, nir = (cubes.values[..., exported.config.spec.features.index(band)].astype(float) for band in ("B4", "B8"))
    ndvi = np.where(cubes.counts > 0, (nir - red) / np.where(cubes.counts > 0, nir + red, 1), np.nan)
    assert curves.name == "NDVI"
    assert [(group.season, group.name, group.colour) for group in curves.groups] == [
        (2023, "wheat", "#e6c229"), (2023, "maize", "#1a8fe3"), (2024, "no label", None)]
    for group, label in zip(curves.groups, (0, 1, -1), strict=True):
        np.testing.assert_allclose(group.values, ndvi[(table["label"] == label).to_numpy()], rtol=1e-6)


def test_a_large_class_is_thinned_evenly(exported, monkeypatch):
    whole = {group.name: group for group in series.gather(exported.path).groups}
    monkeypatch.setattr(series, "_A_GROUP", 4)
    for group in series.gather(exported.shards).groups:
        every = whole[group.name]
        assert (len(group.values), group.of) == (4, every.of)
        np.testing.assert_array_equal(group.values[[0, -1]], every.values[[0, -1]])


def test_without_samples_single_series_are_drawn(run, cubes):
    run.samples.unlink()
    curves = series.gather(run.shards)
    assert curves.groups == ()
    assert len(curves.single) == 12
    for title, values in curves.single.items():
        season, _, number = title.split()
        assert season in ("2023", "2024")
        np.testing.assert_array_equal(np.isnan(values), cubes.counts[int(number)] == 0)


def test_a_picture_is_a_png_that_shows_every_gap(run, tmp_path, monkeypatch):
    for at, file in ((run.path, "by_class.png"), (run.path / ROWS, "shard.png")):
        done = CliRunner().invoke(cli.main, ["inspect", str(at), "--plot", str(tmp_path / file)],
                                  catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert done.output.endswith(f"Drawn: {tmp_path / file}\n")
        assert (tmp_path / file).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    monkeypatch.setattr(picture, "_FEW", 0.4)
    curves = series.gather(run.path)
    panels = picture._by_class(curves).axes
    for season, upper, lower in zip((2023, 2024), panels[::2], panels[1::2], strict=True):
        own = [group for group in curves.groups if group.season == season]
        for group, line in zip(own, upper.lines, strict=True):
            few = (~np.isnan(group.values)).mean(axis=0) < 0.4
            np.testing.assert_array_equal(np.isnan(line.get_ydata()), few)
            np.testing.assert_allclose(line.get_ydata()[~few], np.nanmedian(group.values[:, ~few], axis=0),
                                       rtol=1e-5)
            assert line.get_xdata()[[0, -1]].tolist() == [2.5, 362.5]
        missing = np.isnan(np.concatenate([group.values for group in own])).mean(axis=0)
        np.testing.assert_allclose([bar.get_height() for bar in lower.patches[:73]], 100 * missing)


@pytest.mark.parametrize(("given", "code", "what"), [
    (("--plot", "RUN"), 2, "is no .png"), (("RUN/patches", "--plot"), 1, "holds no cubes"),
    (("RUN/samples.parquet", "--plot"), 1, "holds no cubes"),
    (("projects/p/a", "--run", "RUN", "--plot"), 2, "an asset is not drawn")])
def test_what_cannot_be_drawn_is_said(exported, tmp_path, monkeypatch, given, code, what):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli.main, ["inspect", *(part.replace("RUN", str(exported.path)) for part in given)],
                              catch_exceptions=False)
    assert (done.exit_code, what in done.stderr) == (code, True)
    assert not list(tmp_path.glob("*.png"))


numbers = arrays(np.float32, st.tuples(st.integers(1, 40), st.just(2)),
                 elements=st.floats(-1e6, 1e6, width=32, allow_subnormal=False))


@given(first=numbers, second=numbers)
def test_a_spread_is_that_of_all_pieces(first, second):
    whole = np.concatenate([first, second])
    found = Spread.of(first) + Spread.of(second)
    np.testing.assert_array_equal(found.least, whole.min(axis=0))
    np.testing.assert_array_equal(found.greatest, whole.max(axis=0))
    ranked = np.sort(whole.astype(np.float64), axis=0)
    low, high = ranked[(len(whole) - 1) // 2], ranked[len(whole) // 2]
    # Two values in the middle may nearly cancel: what is right to 0.1 % is each of them.
    assert (np.abs(found.median - (low + high) / 2) <= 1e-3 * (np.abs(low) + np.abs(high)) / 2 + 1e-37).all()


def test_a_spread_of_nothing_and_of_what_is_no_number():
    found = Spread.of(np.array([[np.nan], [np.inf], [2]], np.float32)) + Spread.of(np.empty((0, 1), np.float32))
    assert (found.strange, found.least[0], found.greatest[0]) == (2, 2, 2)
    assert found.median[0] == 2
    assert np.isnan(Spread.of(np.empty((0, 1), np.float32)).median[0])


@given(counts=arrays(np.float32, (7, 9), elements=st.integers(0, 2).map(float)), at=st.integers(1, 6))
def test_looks_of_pieces_add_up(counts, at):
    window = Window(2, 6)
    whole, sum_of = Looks.of(counts, window), Looks.of(counts[:at], window) + Looks.of(counts[at:], window)
    for name in ("year", "inside", "a_step", "worst", "never", "cubes"):
        assert getattr(whole, name) == pytest.approx(getattr(sum_of, name))
    assert whole.never == (counts[:, 2:6] == 0).all(axis=1).sum()


@pytest.mark.parametrize(("count", "said"), [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"),
                                             (999_499, "999.5 kB"), (999_500, "1.0 MB"), (3_731_257, "3.7 MB"),
                                             (2 * 10**12, "2.0 TB")])
def test_bytes_are_said_in_the_unit_that_fits(count, said):
    assert text.size(count) == said
