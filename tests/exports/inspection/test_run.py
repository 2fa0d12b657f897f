"""A run says what was asked for, what is there and what is missing."""

import shutil

import pandas as pd

from exports import manifest, samples


def test_a_run_says_what_was_asked_for_what_is_there_and_what_is_missing(told, row, run):
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


def test_a_run_says_which_models_it_holds_and_which_are_damaged(told, row, run, model):
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


def test_a_run_that_is_only_configured_says_what_to_do(told, run):
    for part in (run.shards, run.patches):
        shutil.rmtree(part)
    run.samples.unlink()
    (run.path / "manifest.json").unlink()
    found = told(run.path)
    assert "places" not in found
    assert found["missing"][0] == f"cubes: agrispec-gee export {run.path}"
