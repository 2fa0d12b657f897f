"""Whatever is wrong, the command line says so in one sentence with its mend, and leaves nothing half-made."""

import gzip
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import cli
from agrispec.errors import SchemaMismatch
from agrispec_tf import collected


@pytest.fixture
def run(tiny, tmp_path):
    """A run of the tiny season with a landscape of its own."""
    return tiny.copy(tmp_path / "run")


@pytest.fixture(scope="module")
def exported(tiny, tmp_path_factory):
    """A run of the tiny season that was exported."""
    path = tiny.copy(tmp_path_factory.mktemp("exported") / "run")
    done = CliRunner().invoke(cli.main, ["export", str(path)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return path


@pytest.fixture
def damaged(exported, tmp_path):
    """A copy of the exported run, to be damaged."""
    return Path(shutil.copytree(exported, tmp_path / "run", ignore=shutil.ignore_patterns("landscape")))


def refused(*arguments, code):
    """The one line a command says; it exits with `code`."""
    done = CliRunner().invoke(cli.main, list(map(str, arguments)), catch_exceptions=False)
    said = [line for line in done.stderr.splitlines() if line.startswith("agrispec-gee: ")]
    assert done.exit_code == code, done.output
    assert len(said) == 1
    assert "Traceback" not in done.output
    assert ";" in said[0], "the mend follows what was found"
    return said[0]


def edit(run, *changes):
    path = run / "agrispec.toml"
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def test_a_misspelled_key_is_named_with_the_nearest_right_one(run):
    edit(run, ("erode_m", "erode"))
    assert "[labels] has no key 'erode'; did you mean 'erode_m'?" in refused("export", run, code=2)


def test_an_unknown_cube_preset_is_a_usage_error(run):
    edit(run, ("[season]", '[cube]\npreset = "cropnet-6d"\n[season]'))
    assert "'cropnet-6d'" in refused("export", run, code=2)


def test_an_unknown_training_preset_is_a_usage_error(exported):
    assert "use one of published, small, demo" in refused("train", exported, "--preset", "quick", code=2)


def test_a_window_that_ends_before_it_starts_is_a_usage_error(run):
    edit(run, ("[season]", "[cube]\nwindow_days = [334, 121]\n[season]"))
    assert "334-121" in refused("export", run, code=2)


def test_an_empty_area_is_a_usage_error(run):
    edit(run, ('cells = ["E0045N0487"]', "bounds = [4.6, 48.7, 4.5, 48.8]"))
    assert "is empty" in refused("export", run, code=2)


def test_an_area_without_labels_is_named(run):
    edit(run, ("E0045N0487", "E0200N0100"))
    assert "no label of projects/agrispec-local/assets/labels was found" in refused("export", run, code=1)
    assert not (run / "samples.parquet").exists()


def test_a_class_without_samples_is_named(run):
    edit(run, ("codes = [2, 3]", "codes = [9]"))
    assert "hold no sample of maize" in refused("export", run, code=1)
    assert not (run / "samples.parquet").exists()


def test_an_empty_fold_is_named(run):
    edit(run, ("validation = 0\n", "validation = 0.5\n"))
    assert "no cell falls into the" in refused("export", run, code=1)


def test_training_without_a_validation_fold_is_named(exported):
    assert "the validation fold has no samples" in refused("train", exported, code=1)
    assert not (exported / "model").exists()


def test_a_missing_asset_is_named(run):
    edit(run, ("assets/labels", "assets/labelz"))
    assert "projects/agrispec-local/assets/labelz" in refused("export", run, code=1)


def test_a_missing_landscape_is_a_usage_error(run):
    shutil.rmtree(run / "landscape")
    assert "landscape is not there" in refused("export", run, code=2)


def test_stages_out_of_order_name_the_command_that_is_missing(run):
    assert "agrispec-gee export" in refused("train", run, code=1)
    assert f"has no model yet; train one with: agrispec-gee train {run}" in refused("predict", run, code=1)
    assert "agrispec-gee predict" in refused("publish", run, code=1)


def test_a_folder_that_is_no_run_is_named(tmp_path):
    assert "is not a run directory" in refused("export", tmp_path, code=1)


def test_a_run_is_not_initialised_twice(run):
    assert "holds an agrispec.toml already" in refused("init", run, code=1)


def test_a_demo_never_replaces_what_no_demo_made(run):
    assert "holds something that no demo made" in refused("demo", run, code=1)
    assert (run / "landscape").exists()


@pytest.mark.parametrize("damage", ["truncated", "bit-flipped in the archive", "bit-flipped in a record"])
def test_a_damaged_shard_is_named(damaged, damage):
    path = sorted((damaged / "shards" / "2023").iterdir())[0]
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        content = content[:-100]
    elif damage == "bit-flipped in the archive":
        content[len(content) // 2] ^= 4
    else:
        raw = bytearray(gzip.decompress(content))
        raw[len(raw) // 2] ^= 4
        content = gzip.compress(raw)
    path.write_bytes(content)
    said = refused("train", damaged, code=1)
    assert path.name in said


def test_shards_of_another_cube_are_refused_by_what_differs(damaged):
    edit(damaged, ("[season]", "[clear]\nthreshold = 0.5\n[season]"))
    said = refused("train", damaged, code=1)
    assert "clear differ" in said
    assert "export them again" in said


def test_a_lost_shard_is_noticed(damaged):
    sorted((damaged / "shards" / "2024").iterdir())[0].unlink()
    assert "60 cubes for the 260 samples" in refused("train", damaged, code=1)


def test_inspecting_something_else_is_named(run):
    (run / "notes").mkdir()
    assert "is neither a run" in refused("inspect", run / "notes", code=1)


@pytest.fixture
def modelled(damaged, tiny):
    """A copy of the exported run with an untrained Bi-GRU, and with its landscape."""
    from agrispec.config import read
    from agrispec_tf import classifier
    from agrispec_tf.data.preparation import Preparation
    from agrispec_tf.models import bigru
    config = read(damaged / "agrispec.toml")
    options = bigru.BiGRUOptions.for_cube(config.spec, 2)
    classifier.Classifier(
        model=classifier.compiled_for_inference(options.build()), options=options, cube=config.spec,
        class_names=config.taxonomy.names, preparation=Preparation(), history=({"epoch": 1},),
        training={"seed": 0, "best_epoch": 1, "training_samples": 1, "validation_samples": 1, "samples": "other"},
    ).save(damaged / "model" / "bigru")
    (damaged / "landscape").symlink_to(tiny.home / "landscape")
    return damaged


def test_a_model_of_another_cube_is_refused_before_an_export_is_paid_for(modelled):
    edit(modelled, ("[season]", "[clear]\nthreshold = 0.5\n[season]"))
    assert "threshold" in refused("predict", modelled, "--model", "bigru", code=1)
    assert not (modelled / "patches").exists()
    assert not (modelled / "predictions").exists()


def test_a_model_of_other_classes_is_refused(modelled):
    edit(modelled, ('"wheat"', '"rye"'))
    assert "knows the classes wheat, maize" in refused("predict", modelled, "--model", "bigru", code=1)


def test_an_unknown_model_is_refused_with_those_that_are_there(modelled):
    for command in ("predict", "export-model"):
        said = refused(command, modelled, "--model", "bigru-finetund", code=1)
        assert "has no model 'bigru-finetund', but bigru; name one of these" in said
    assert not (modelled / "patches").exists()


def test_a_model_outside_of_the_run_is_not_taken_by_its_path(modelled):
    assert "has no model '../model/bigru'" in refused("predict", modelled, "--model", "../model/bigru", code=1)


def test_what_cannot_be_fine_tuned_is_named(modelled, tmp_path):
    model = modelled / "model" / "bigru"
    (tmp_path / "forest").mkdir()
    for name in ("trees.npz", "model.json"):
        (tmp_path / "forest" / name).touch()
    said = refused("finetune", tmp_path / "forest", modelled, code=2)
    assert "a forest has no encoder; train it on the new area" in said
    assert "holds no model: model.keras, model.json, history.csv is missing" in refused(
        "finetune", tmp_path / "nothing", modelled, code=1)
    assert "the result would replace; give the result another --name" in refused(
        "finetune", model, modelled, "--name", "bigru", code=2)
    for name in ("../bigru", "", ".hidden", "a.training"):
        assert f"{name!r} is no name for a model's folder" in refused("finetune", model, modelled, "--name", name,
                                                                    code=2)
    assert "is not a run directory" in refused("finetune", model, model, code=1)
    content = (model / "model.keras").read_bytes()
    (model / "model.keras").write_bytes(content[:len(content) // 2])
    assert "cannot be read" in refused("finetune", model, modelled, code=1)
    assert sorted(path.name for path in (modelled / "model").iterdir()) == ["bigru"]


def test_a_run_that_cannot_teach_is_named(modelled, tiny, tmp_path):
    model = modelled / "model" / "bigru"
    (tmp_path / "new").mkdir()
    shutil.copy(tiny.home / "agrispec.toml", tmp_path / "new")
    assert "agrispec-gee export" in refused("finetune", model, tmp_path / "new", code=1)
    assert "the validation fold has no samples" in refused("finetune", model, modelled, code=1)
    assert not (modelled / "model" / "bigru-finetuned").exists()
    edit(modelled, ("codes = [1]", "codes = [4]"))
    assert "labelled as wheat (1)" in refused("finetune", model, modelled, code=1)


def test_a_network_of_another_window_is_not_fine_tuned(modelled):
    import json

    from agrispec.cube import CubeSpec
    from agrispec.season import Window
    path = modelled / "model" / "bigru" / "model.json"
    card = json.loads(path.read_text())
    cube = CubeSpec.from_table({**card["cube"], "window": [2, 45]})
    assert Window(2, 45).steps == cube.window.steps == card["options"]["steps"]
    path.write_text(json.dumps({**card, "cube": cube.to_table(), "cube_digest": cube.digest}))
    said = refused("finetune", path.parent, modelled, code=1)
    assert "window" in said
    assert "instead of [2, 45]" in said


@pytest.fixture
def divided(modelled):
    """The run with an untrained MLP, its samples divided into three folds."""
    from dataclasses import replace

    from agrispec.config import read
    from agrispec_tf import classifier
    from agrispec_tf.models.mlp import MLPOptions
    from exports import manifest, samples, shards
    found = classifier.load(modelled / "model" / "bigru")
    options = MLPOptions.for_cube(found.cube, 2)
    replace(found, options=options, model=options.build()).save(modelled / "model" / "mlp")
    shutil.rmtree(modelled / "model" / "bigru")
    config, path = read(modelled / "agrispec.toml"), modelled / "samples.parquet"
    table = samples.read(path)
    fold = table["row"].to_numpy() // 2 % 3
    table["fold"] = [("train", "validation", "test")[number] for number in fold]
    table["cell"] = [f"E004{number}N0487" for number in fold]
    table.to_parquet(path, index=False)
    shards.describe(modelled / "shards", config.spec,
                    sampling=shards.Sampling.of(manifest.digest(path), config.taxonomy))
    return modelled


def test_a_class_without_samples_stops_fine_tuning(divided):
    found = collected.Collected.labelled

    def without_maize(self, fold):
        samples = found(self, fold)
        return samples.take(samples.labels == 0) if fold == "train" else samples

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collected.Collected, "labelled", without_maize)
        said = refused("finetune", divided / "model" / "mlp", divided, code=1)
    assert "there is nothing to tell apart, and no training sample is of class maize" in said


def test_a_fine_tuned_model_is_used_like_any_other(divided):
    """Neither its score nor its map is worth anything here: what it began from was never trained."""
    import pandas as pd

    from agrispec_tf import classifier, commands
    from exports import manifest, runs
    path, model = divided, divided / "model" / "mlp"
    done = CliRunner().invoke(cli.main, ["finetune", str(model), str(path), "--epochs", "1"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "--model mlp-finetuned" in done.output
    made = path / "model" / "mlp-finetuned"
    assert {"model.keras", "model.json", "history.csv", "card.md"} == {file.name for file in made.iterdir()}
    assert not list(path.rglob("checkpoint.npz"))
    digest = manifest.digest(model / "model.keras")
    assert f"fine-tuned from {model} ({digest}), which had learnt wheat, maize from 1 samples" in (
        made / "card.md").read_text()
    origin = classifier.load(made).training["from"]
    assert (origin["digest"], origin["classes"]) == (digest, ["wheat", "maize"])
    run = runs.open(path)
    assert "finetune mlp-finetuned" in manifest.read(path)["stages"]
    told = CliRunner().invoke(cli.main, ["inspect", str(made)], catch_exceptions=False).output
    assert f"fine-tuned from {model} ({digest})" in told

    again = CliRunner().invoke(cli.main, ["finetune", str(made), str(path), "--epochs", "1", "--name", "second"],
                               catch_exceptions=False)
    assert again.exit_code == 0, again.output
    assert f"that one was fine-tuned from {model}" in (path / "model" / "second" / "card.md").read_text()
    exported = CliRunner().invoke(cli.main, ["export-model", str(path), "--model", "second"], catch_exceptions=False)
    assert exported.exit_code == 0, exported.output
    assert (path / "model" / "second.onnx").exists()

    shutil.rmtree(model)
    table = collected.Collected(run, run.config).table
    rows = table.loc[(table["season"] == run.config.season.target) & (table["fold"] == "test"), "row"]
    truth = pd.DataFrame({"row": rows, "label": 0})
    truth.to_parquet(run.truth)
    assert list(commands.run_evaluate(run, run.config, truth)) == ["mlp-finetuned", "second"]
    mapped = CliRunner().invoke(cli.main, ["predict", str(path), "--model", "second"], catch_exceptions=False)
    assert mapped.exit_code == 0, mapped.output
    assert (path / "predictions" / "class.tif").exists()


def test_a_model_that_was_trained_on_other_samples_is_not_judged(modelled):
    import pandas as pd

    from agrispec_tf import commands
    from exports import runs
    run = runs.open(modelled)
    pd.DataFrame({"row": [60], "label": [0]}).to_parquet(run.truth)
    with pytest.raises(SchemaMismatch, match="bigru was trained on other samples"):
        commands.run_evaluate(run, run.config, pd.read_parquet(run.truth))


def test_a_season_without_a_label_map_cannot_be_judged(modelled):
    assert "no sample has a label in season 2024" in refused("evaluate", modelled, code=1)


def test_a_map_in_degrees_is_a_usage_error(modelled):
    edit(modelled, ('crs = "EPSG:32631"', 'crs = "EPSG:4326"'),
         ("[613000, 5401800, 613240, 5402000]", "[4.5, 48, 5, 49]"))
    assert "does not count in metres" in refused("predict", modelled, "--model", "bigru", code=2)
    edit(modelled, ("EPSG:4326", "EPSG:banana"))
    assert "'EPSG:banana' is no coordinate reference system" in refused("predict", modelled, "--model", "bigru", code=2)


def test_predictions_that_are_not_whole_are_not_published(modelled):
    (modelled / "predictions").mkdir()
    assert "does not say what the predictions are" in refused("publish", modelled, code=1)


def test_samples_of_another_draw_are_not_read_with_these_cubes(damaged):
    import pandas as pd
    table = pd.read_parquet(damaged / "samples.parquet")
    table["label"] = table["label"].to_numpy()[::-1]
    table.to_parquet(damaged / "samples.parquet", index=False)
    assert "exported for other samples" in refused("train", damaged, code=1)


def test_classes_that_were_changed_after_the_export_are_refused(damaged):
    edit(damaged, ("codes = [1]", "codes = [4]"))
    said = refused("train", damaged, code=1)
    assert "labelled as wheat (1), maize (2 3), the configuration has wheat (4), maize (2 3)" in said


def test_a_source_season_without_a_scene_is_named(run):
    edit(run, ("source = [2023]", "source = [2022]"))
    labels = run / "landscape" / "assets" / "projects" / "agrispec-local" / "assets" / "labels" / "tiny_2023.json"
    labels.write_text(labels.read_text().replace("1672531200000", "1640995200000").replace("2023-01-01", "2022-01-01"))
    said = refused("export", run, code=1)
    assert "no scene of COPERNICUS/S2_SR_HARMONIZED touches the area in the season 2022" in said


def test_a_demo_that_was_interrupted_is_made_anew(tmp_path, monkeypatch):
    import scenes.simulate

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(scenes.simulate, "simulate", interrupted)
    for _ in range(2):
        done = CliRunner().invoke(cli.main, ["demo", str(tmp_path / "demo")])
        assert done.exit_code == 1
        assert "no demo made" not in done.output


@pytest.mark.parametrize("content", ["", "[]", '{"training": {}}'])
def test_a_damaged_model_card_is_named(tmp_path, content):
    (tmp_path / "model.json").write_text(content)
    assert "does not describe a model" in refused("inspect", tmp_path, code=1)


def test_a_missing_package_names_the_extra_that_brings_it(tmp_path):
    code = f"import sys; sys.modules['rasterio'] = None; import cli; cli.main(['inspect', {str(tmp_path / 'a.tif')!r}])"
    (tmp_path / "a.tif").touch()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(cli.__file__).parent)
    assert done.returncode == 2
    assert "pip install 'agrispec-gee[local]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_while_exporting_ends_in_a_sentence_and_can_be_gone_on_with(run):
    # Without room for the engine's record of a request, which is larger than the shards here;
    # tests/gee_scripts/engine/local/test_exporting.py fills a disk with shards.
    most = 20_000
    before = sorted(path.relative_to(run) for path in run.rglob("*"))
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most}))"
    done = subprocess.run([sys.executable, "-c", f"{limit}; import cli; cli.main(['export', {str(run)!r}])"],
                          capture_output=True, text=True, cwd=Path(cli.__file__).parent)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != most
    assert done.returncode == 1
    [said] = [line for line in done.stderr.splitlines() if line.startswith("agrispec-gee: ")]
    assert "could not be written" in said or "File too large" in said
    assert "Traceback" not in done.stderr
    # What the engine was asked to do is recorded beside its assets, what the export has beside the run's parts.
    made = {path.relative_to(run) for path in run.rglob("*")
            if path.is_file() and not {".operations", "exporting"} & set(path.parts)} - set(before)
    assert made <= {Path(".lock")}
    again = CliRunner().invoke(cli.main, ["export", str(run), "--resume"], catch_exceptions=False)
    assert again.exit_code == 0, again.output
