"""A run directory says what it lacks; its manifest keeps what each stage did."""

import json
from importlib import resources

import numpy as np
import pandas as pd
import pytest

from agrispec.errors import ConfigError, CorruptRecord, DataError, RunError
from exports import manifest, runs, samples

STARTER = resources.files("exports").joinpath("starter.toml").read_text(encoding="utf-8")


def test_the_starter_configuration_is_a_configuration(tmp_path):
    run = runs.create(tmp_path / "mine", STARTER)
    assert run.config.taxonomy.names == ("wheat", "maize", "other")
    assert run.config.engine.name == "cloud"
    assert runs.open(tmp_path / "mine") == run


def test_a_run_is_never_overwritten(tmp_path):
    runs.create(tmp_path, STARTER)
    with pytest.raises(RunError, match="holds an agrispec.toml already"):
        runs.create(tmp_path, STARTER)


def test_a_bad_configuration_makes_no_run(tmp_path):
    with pytest.raises(ConfigError):
        runs.create(tmp_path / "bad", STARTER.replace("target = 2024", "target = 2023"))
    assert not (tmp_path / "bad").exists()


def test_a_folder_without_configuration_is_no_run(tmp_path):
    with pytest.raises(RunError, match="agrispec-gee init"):
        runs.open(tmp_path)


def test_a_missing_part_names_the_command_that_makes_it(tmp_path):
    run = runs.create(tmp_path, STARTER)
    with pytest.raises(RunError, match="has no shards yet; make it with: agrispec-gee export"):
        run.need(run.shards, "export")


def test_what_a_killed_command_had_moved_aside_stands_again_when_the_run_is_opened(tmp_path):
    run = runs.create(tmp_path, STARTER)
    parts = (run.predictions, run.patches, run.shards, run.models / "forest")
    for part in parts:
        aside = part.with_name(f".{part.name}.replaced")
        aside.mkdir(parents=True)
        (aside / "old.txt").touch()
    (tmp_path / "shards").mkdir()  # the new ones had come: they stay
    (tmp_path / ".area.toml.replaced.txt").touch()
    runs.open(tmp_path)
    assert [(part / "old.txt").exists() for part in parts] == [True, True, False, True]
    assert (tmp_path / ".area.toml.replaced.txt").exists()


def test_the_manifest_keeps_every_stage_and_replaces_one_that_ran_again(tmp_path):
    run = runs.create(tmp_path, STARTER)
    manifest.record(run.path, "export", {"records": 5})
    manifest.record(run.path, "train cropnet", {"seed": 1})
    manifest.record(run.path, "export", {"records": 7})
    stages = manifest.read(run.path)["stages"]
    assert stages["export"]["records"] == 7
    assert stages["train cropnet"]["seed"] == 1
    assert stages["export"]["versions"]["numpy"] == np.__version__
    assert stages["export"]["configuration"] == manifest.digest(run.config_file)


def test_a_stage_takes_the_entry_of_the_one_that_it_undoes_out_of_the_manifest(tmp_path):
    run = runs.create(tmp_path, STARTER)
    for stage in ("calibrate forest", "calibrate mlp"):
        manifest.record(run.path, stage, {})
    manifest.record(run.path, "train forest", {}, undoes="calibrate forest")
    manifest.record(run.path, "train tempcnn", {}, undoes="calibrate tempcnn")
    assert list(manifest.read(run.path)["stages"]) == ["calibrate mlp", "train forest", "train tempcnn"]


def test_a_file_that_is_no_manifest_is_named(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps([1]))
    with pytest.raises(RunError, match="is not a manifest"):
        manifest.read(tmp_path)


def table(count):
    return pd.DataFrame({"row": range(count), "lon": 4.5, "lat": 48.7, "cell": "E0045N0487", "season": 2023,
                         "fold": "train", "label": 0})


def test_samples_read_back(tmp_path):
    (tmp_path / "samples.parquet").write_bytes(samples.encode(table(9)))
    # Samples of before parcels were named are of none.
    pd.testing.assert_frame_equal(samples.read(tmp_path / "samples.parquet"), table(9).assign(parcel=""),
                                  check_dtype=False)


def test_rows_of_samples_ascend_and_may_leave_gaps():
    assert samples.encode(table(9).drop(3))
    with pytest.raises(DataError, match="do not ascend"):
        samples.encode(table(9).iloc[[0, 2, 1]])
    with pytest.raises(DataError, match="do not ascend"):
        samples.encode(table(9).iloc[[0, 1, 1]])


@pytest.mark.parametrize("content", [b"", b"not parquet"])
def test_a_damaged_table_of_samples_is_named(tmp_path, content):
    path = tmp_path / "samples.parquet"
    path.write_bytes(content)
    with pytest.raises(CorruptRecord, match="samples.parquet"):
        samples.read(path)
