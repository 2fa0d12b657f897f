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
from agrispec.formats import example


@pytest.fixture
def run(tiny, tmp_path):
    """A run of the tiny season with a landscape of its own."""
    shutil.copytree(tiny.home / "landscape", tmp_path / "run" / "landscape",
                    ignore=shutil.ignore_patterns("buckets"))
    shutil.copy(tiny.home / "agrispec.toml", tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(scope="module")
def exported(tiny, tmp_path_factory):
    """A run of the tiny season that was exported."""
    path = tmp_path_factory.mktemp("exported") / "run"
    shutil.copytree(tiny.home / "landscape", path / "landscape", ignore=shutil.ignore_patterns("buckets"))
    shutil.copy(tiny.home / "agrispec.toml", path)
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
    assert "use one of published, demo" in refused("train", exported, "--preset", "quick", code=2)


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


def test_a_season_without_a_label_map_cannot_be_judged(exported):
    assert "no sample has a label in season 2024" in refused("evaluate", exported, code=1)


def test_a_missing_asset_is_named(run):
    edit(run, ("assets/labels", "assets/labelz"))
    assert "projects/agrispec-local/assets/labelz" in refused("export", run, code=1)


def test_a_missing_landscape_is_a_usage_error(run):
    shutil.rmtree(run / "landscape")
    assert "landscape is not there" in refused("export", run, code=2)


def test_stages_out_of_order_name_the_command_that_is_missing(run):
    assert "agrispec-gee export" in refused("train", run, code=1)
    assert "agrispec-gee train --model bigru" in refused("predict", run, "--model", "bigru", code=1)
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
    assert "is neither a run" in refused("inspect", run / "landscape", code=1)


def test_a_model_of_another_cube_is_refused(damaged, tiny):
    from agrispec.config import read
    from agrispec_tf import classifier
    from agrispec_tf.data.preparation import Preparation
    from agrispec_tf.models import bigru
    config = read(damaged / "agrispec.toml")
    options = bigru.BiGRUOptions.for_cube(config.spec, 2)
    classifier.Classifier(
        model=classifier.compiled_for_inference(bigru.build(options)), options=options, cube=config.spec,
        class_names=config.taxonomy.names, preparation=Preparation(), history=({"epoch": 1},),
        training={"seed": 0, "best_epoch": 1, "training_samples": 1, "validation_samples": 1},
    ).save(damaged / "model" / "bigru")
    (damaged / "landscape").symlink_to(tiny.home / "landscape")
    edit(damaged, ("[season]", "[clear]\nthreshold = 0.5\n[season]"))
    said = refused("predict", damaged, "--model", "bigru", code=1)
    assert "threshold" in said
    assert not (damaged / "predictions").exists()


def test_a_full_disk_while_exporting_ends_in_a_sentence_and_leaves_nothing(run):
    before = sorted(path.relative_to(run) for path in run.rglob("*"))
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))"
    done = subprocess.run([sys.executable, "-c", f"{limit}; import cli; cli.main(['export', {str(run)!r}])"],
                          capture_output=True, text=True, cwd=Path(cli.__file__).parent)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 20000
    assert done.returncode == 1
    [said] = [line for line in done.stderr.splitlines() if line.startswith("agrispec-gee: ")]
    assert "could not be written" in said or "File too large" in said
    assert "Traceback" not in done.stderr
    made = {path.relative_to(run) for path in run.rglob("*") if path.is_file()} - set(before)
    shards = {path for path in made if path.name.endswith(".tfrecord.gz")}
    # The samples were drawn and are whole, and so is the shard of the empty season, which is small enough for this
    # disk; of the other nothing stands under any name, and the run has no shards.
    assert made - shards == {Path("samples.parquet")}
    assert [path.parts[:2] for path in shards] == [("landscape", "buckets")]
    assert {path.parts[-2] for path in shards} == {"2024"}
    assert [example.describe(run / path).records for path in shards] == [200]
