"""A run's ladder is made, kept and chosen from before any label of the target is opened; its cost is told then."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import cli
from agrispec_tf import commands, run_models
from agrispec_tf.adaptation import choices
from exports import manifest, samples


def adapt(run, *arguments):
    return CliRunner().invoke(cli.main, ["adapt", str(run.path), "--epochs", "2", *arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def climbed(written, tmp_path_factory):
    """(run, what the command did) of the rungs up to AdaBN, of two labelled seasons."""
    run = written(tmp_path_factory.mktemp("adapt") / "run")
    return run, adapt(run, "--rung", "adabn", "--rung", "source")


def test_each_rung_is_a_model_with_its_card_and_none_opens_a_label_of_the_target(climbed):
    run, done = climbed
    assert done.exit_code == 0, done.output
    assert {folder.name for folder in run.models.iterdir()} == {f"tempcnn-{rung}" for rung in
                                                                ("source", "augmentation", "seasons", "adabn")}
    assert not run.truth.exists()
    for folder in run.models.iterdir():
        made = json.loads((folder / "model.json").read_text())["training"]
        assert made["rung"] == folder.name.removeprefix("tempcnn-")
        assert "calibration" in made
    card = (run.models / "tempcnn-adabn" / "card.md").read_text()
    assert "then adapted (adabn) to" in card
    assert "series of the target without labels" in card
    assert "then adapted" not in (run.models / "tempcnn-seasons" / "card.md").read_text()
    config = run.config
    trained = run_models.load(run, config, "tempcnn-adabn")
    assert run_models.made_by(run, "tempcnn-adabn", trained).endswith("--model tempcnn --rung adabn")


def test_settings_numbers_and_choice_stand_in_the_manifest(climbed):
    run, done = climbed
    said = manifest.read(run.path)["stages"]["adapt tempcnn"]
    assert said["settings"]["recipe"]["epochs"] == 2
    assert said["settings"]["course"]["rounds"] > 0
    assert set(said["validators"]) == {"source", "augmentation", "seasons", "adabn"}
    assert said["chosen"] == choices.taken(said["validators"])
    assert f"Chosen without a label of the target: tempcnn-{said['chosen']};" in done.stdout
    assert 0 <= said["distance"]["a_distance"] <= 2
    assert said["labels_were_open"] is False
    for doubt in said["doubts"]:
        assert f"agrispec-gee: {doubt}" in done.stderr


def test_opened_labels_tell_what_each_validators_choice_cost(climbed):
    run, _ = climbed
    config, table = run.config, samples.read(run.samples)
    target = table[(table["season"] == config.season.target) & (table["fold"] == "test")]
    truth = pd.DataFrame({"row": target["row"], "label": np.arange(len(target)) % 3})
    samples.write_truth(run.truth, truth)
    scores = commands.run_evaluate(run, config, truth)
    said = list(choices.told(manifest.read(run.path)["stages"], {name: one.macro_f1 for name, one in scores.items()}))
    assert "among the rungs of tempcnn" in said[0]
    best = max(found.macro_f1 for found in scores.values())
    assert f"macro-F1 {best:.3f}, 0.000 below the best" in said[-1]
    taken = manifest.read(run.path)["stages"]["adapt tempcnn"]["chosen"]
    assert [line for line in said if "(taken)" in line and taken in line]
    again = adapt(run, "--rung", "source")
    assert manifest.read(run.path)["stages"]["adapt tempcnn"]["labels_were_open"] is True
    assert "labels of the target were opened before" in again.stderr


def test_a_rung_that_cannot_be_made_is_refused_before_anything_is_trained(climbed):
    run, _ = climbed
    before = {folder.name for folder in run.models.iterdir()}
    done = adapt(run, "--rung", "thermal")
    assert done.exit_code == 2
    assert "the cube carries no growing degree days" in done.stderr
    assert {folder.name for folder in run.models.iterdir()} == before
