"""A forest is a model of a run like any other, and needs no Keras."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import cli
from agrispec_tf import calibration, model_folder, novelty, run_models, trust
from agrispec_tf.baselines import baseline
from agrispec_tf.calibration import Reliability
from agrispec_tf.collected import Collected
from exports import manifest, runs

ROOT = Path(cli.__file__).parent
LEARNING = ("keras", "tensorflow", "jax", "torch", "onnx", "onnxruntime", "openvino")
LOCAL = ("rasterio", "pyproj", "shapely", "starlette", "uvicorn", "h5netcdf")
# Not None in sys.modules, by which SciPy would take them for loaded.
ABSENT = """
import sys
class Absent:
    def __init__(self, packages):
        self.packages = packages
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.packages:
            raise ModuleNotFoundError(f"{name} is kept away", name=name)
"""


def without(packages, *commands):
    """What commands say, one after the other, in a process that has none of some packages."""
    code = (f"{ABSENT}sys.meta_path.insert(0, Absent({packages!r}))\nimport cli\n"
            f"for command in {[list(map(str, command)) for command in commands]!r}:\n"
            "    cli.main(command, standalone_mode=False)")
    done = subprocess.run([sys.executable, "-W", "error", "-W", "ignore::ImportWarning", "-c", code],
                          capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(*arguments, code=2):
    """The one line a command says; it exits with `code`."""
    done = CliRunner().invoke(cli.main, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == code, done.output
    [said] = [line for line in done.stderr.splitlines() if line.startswith("agrispec-gee: ")]
    return said


def test_a_run_of_forests_needs_no_keras_and_training_the_base_installation_only(exported, tmp_path):
    run = exported.copy(tmp_path)
    chosen = ("--model", "hgb-harmonic")
    assert "hgb-harmonic on held-out cells: accuracy 0." in without(LEARNING + LOCAL, ("train", run.path, *chosen))
    said = without(LEARNING, ("evaluate", run.path), ("predict", run.path, *chosen),
                   ("inspect", run.models / "hgb-harmonic"))
    assert "hgb-harmonic on the 2024 season: accuracy 0." in said
    judged = manifest.read(run.path)["stages"]["evaluate"]["trust"]["hgb-harmonic"]
    assert f"\n  {trust.in_words(judged)}\n" in said
    assert json.loads((run.report / "hgb-harmonic-2024" / "trust.json").read_text()) == judged
    assert judged["sets"]["nominal"] == 0.9
    config, collected = run.config, Collected(run, run.config)
    familiar = novelty.Familiar.of(collected.labelled("train"), config.training.seed)
    usual, new = (familiar.distance(series) for series in (collected.labelled("test").series, collected.target("test")))
    # Not every sample of the target has a label, and only those that have one are judged.
    unusual = manifest.read(run.path)["stages"]["evaluate"]["unusual"]
    assert f"\n{unusual:.1%} of its samples are farther from those that taught than 95%" in said
    assert unusual == pytest.approx(novelty.unusual(usual, new), abs=0.05)
    assert "histogram-boosting on cube" in said
    assert "trees of" in said
    assert {"export", "train hgb-harmonic", "evaluate", "predict"} <= set(manifest.read(run.path)["stages"])
    card = json.loads((run.predictions / "prediction.json").read_text())
    assert card["model_digest"] == model_folder.digest(run.models / "hgb-harmonic")
    assert card["unseen"] == exported.unseen.sum()


def test_a_forest_learns_from_the_training_cells_alone(trained):
    run, config = trained.run, trained.run.config
    model, collected = run_models.load(run, config, "forest-harmonic"), Collected(run, config)
    fold = {name: collected.labelled(name) for name in ("train", "validation", "test")}
    assert all(len(samples) for samples in fold.values())
    assert model.training["training_samples"] == len(fold["train"])
    again = baseline.fit("random-forest", fold["train"], class_names=config.taxonomy.names, features=model.features,
                         seed=config.training.seed)
    series = collected.series
    np.testing.assert_array_equal(replace(model, temperature=1.0).probabilities(series), again.probabilities(series))
    card = (run.models / "forest-harmonic" / "card.md").read_text()
    assert "grown by scikit-learn on the training cells alone; the validation cells taught nothing" in card
    assert "7 harmonic coefficients of every feature" in card
    assert "**Trained on simulated scenes.**" in card


def test_the_report_of_a_forest_agrees_with_the_manifest_and_its_own_answers(trained):
    run = trained.run
    model, held_out = (run_models.load(run, run.config, "forest-harmonic"),
                       Collected(run, run.config).labelled("test"))
    right = (model.probabilities(held_out.series).argmax(axis=1) == held_out.labels).mean()
    entry = manifest.read(run.path)["stages"]["train forest-harmonic"]
    totals = json.loads((run.report / "forest-harmonic" / "metrics.json").read_text())
    assert right == pytest.approx(totals["overall_accuracy"]) == pytest.approx(entry["held_out"]["overall_accuracy"],
                                                                                 abs=1e-4)
    assert (run.report / "forest-harmonic" / "confusion.png").stat().st_size > 10_000
    # Three classes: a model that learned nothing would be at a third.
    assert right > 0.5


def test_a_forest_is_tempered_by_the_validation_cells_and_the_report_says_what_that_was_worth(trained):
    run, config = trained.run, trained.run.config
    model, collected = run_models.load(run, config, "forest-harmonic"), Collected(run, config)
    votes, validation, held_out = replace(model, temperature=1.0), *map(collected.labelled, ("validation", "test"))
    made = model.training["calibration"]
    assert made["samples"] == len(validation) > 0
    assert made["temperature"] == model.temperature == calibration.temperature(
        votes.probabilities(validation.series), validation.labels, model.pseudocount) != 1
    found = json.loads((run.report / "forest-harmonic" / "trust.json").read_text())
    for table, one in ((found, model), (found["as_trained"], votes)):
        kept = Reliability.of(one.probabilities(held_out.series), held_out.labels)
        assert table.get("reliability", table)["ece"] == round(kept.ece, 4)
    entry = manifest.read(run.path)["stages"]["train forest-harmonic"]
    assert entry["held_out"]["trust"] == found
    assert entry["training"]["calibration"] == made
    card = (run.models / "forest-harmonic" / "card.md").read_text()
    assert f"divided by T = {model.temperature:.3f}" in card
    assert trust.in_words(found) in card
    assert (run.report / "forest-harmonic" / "reliability.png").stat().st_size > 10_000


@pytest.mark.parametrize("option", [("--epochs", 3), ("--precision", "float32"), ("--backend", "jax"),
                                    ("--patience", 2), ("--fresh",), ("--preset", "published")], ids=str)
def test_an_option_of_networks_is_refused_for_a_forest(exported, option):
    said = refused("train", exported.run.path, "--model", "forest", *option)
    assert f"--model forest makes a forest, for which there is no {option[0]}; leave it out" in said


@pytest.mark.parametrize(("model", "kind"), [("cropnet", "a network"), ("hgb", "boosted trees")])
def test_a_bound_on_leaves_is_refused_for_what_is_no_forest(exported, model, kind):
    said = refused("train", exported.run.path, "--model", model, "--leaves", 9)
    assert f"--model {model} makes {kind}, for which there is no --leaves; leave it out" in said


def test_a_bound_on_leaves_holds(exported, tmp_path):
    run = exported.copy(tmp_path)
    done = CliRunner().invoke(cli.main, ["train", str(run.path), "--model", "forest", "--leaves", "3"])
    assert done.exit_code == 0, done.output
    model = run_models.load(run, run.config, "forest")
    leaves = [tree.sum() for tree in np.split(model.estimator.trees.inputs < 0, model.estimator.trees.roots[1:])]
    assert max(leaves) == 3
    assert "at most 3 leaves a tree" in (run.models / "forest" / "card.md").read_text()


def test_a_model_that_is_not_there_is_refused_by_the_names_of_those_that_are(trained):
    for command in ("predict", "export-model", "map-on-engine"):
        said = refused(command, trained.run.path, "--model", "../model/forest-harmonic", code=1)
        assert "has no model '../model/forest-harmonic', but forest-harmonic" in said
        assert "; name one of these" in said


def test_a_forest_does_not_leave_as_an_onnx_file(trained):
    said = refused("export-model", trained.run.path, "--model", "forest-harmonic")
    assert "only networks leave as ONNX files" in said
    assert f"agrispec-gee map-on-engine {trained.run.path} --model forest-harmonic" in said


def test_a_model_folder_without_its_trees_is_named(exported, tmp_path):
    run = runs.Run(exported.run.path)
    folder = run.models / "lost"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text("{}")
    try:
        said = refused("predict", run.path, "--model", "lost", code=1)
    finally:
        (folder / "model.json").unlink()
        folder.rmdir()
    assert "neither model.keras nor trees.npz is there; train it again" in said
