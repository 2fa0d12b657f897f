"""Every protocol runs through the command line, on forests and on a network, and says in words what it cannot do."""

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib import image
from sklearn.metrics import accuracy_score, f1_score

import cli
from agrispec_tf import calibration, run_models
from agrispec_tf.baselines import baseline
from agrispec_tf.baselines.features import Medians
from agrispec_tf.collected import Collected
from agrispec_tf.data.thermal_axis import ThermalAxis
from agrispec_tf.protocols import folds
from exports import manifest, runs, shards
from exports import samples as tables

PROTOCOLS = {"spatial-cv": "fold", "leave-one-region-out": "region", "leave-one-season-out": "season",
             "in-season": "date"}
OPTIONS = {"spatial-cv": ("--model", "forest", "--model", "forest-harmonic", "--seeds", "2"),
           "leave-one-region-out": ("--model", "forest", "--model", "forest-harmonic", "--seeds", "1"),
           "leave-one-season-out": ("--seeds", "1"), "in-season": ("--seeds", "1")}
"""Where two models are compared, and where seeds: 500 trees take a while."""


@pytest.fixture(scope="module")
def run(written, with_parcels, tmp_path_factory):
    made = written(tmp_path_factory.mktemp("protocols") / "run",
                   parcels="projects/agrispec-local/assets/parcels_{season}")
    for season in (2022, 2023):
        with_parcels(made, season)
    return made


@pytest.fixture(scope="module")
def said(run):
    """What each protocol said."""
    return {protocol: evaluated(run, "--protocol", protocol, *OPTIONS[protocol]) for protocol in PROTOCOLS}


def evaluated(run, *options):
    done = CliRunner().invoke(cli.main, ["evaluate", str(run.path), *map(str, options)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(run, *options, code=1):
    done = CliRunner().invoke(cli.main, ["evaluate", str(run.path), *map(str, options)], catch_exceptions=False)
    assert done.exit_code == code, done.output
    [line] = [line for line in done.stderr.splitlines() if line.startswith("agrispec-gee: ")]
    return line


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_protocol_reports_every_group_the_worst_first(run, said, protocol):
    text, folder = said[protocol], run.report / protocol
    seeds = OPTIONS[protocol][-1]
    assert text.startswith(f"{protocol} (simulated): 192 labelled samples of 8 cells, seasons 2022, 2023; {seeds} seed")
    assert ("macro-F1 against forest" in text) == ("--model" in OPTIONS[protocol])
    assert "forest confuses most: " in text
    assert "112 of 192 samples lie in no parcel" in text
    assert text.endswith(f"Report: {folder / 'index.md'}\n")
    found = json.loads((folder / "metrics.json").read_text())
    groups = list(dict.fromkeys(row["group"] for row in found["groups"]))
    assert groups[0] in text.splitlines()[3]
    if protocol == "in-season":
        assert groups == ["8 May", "9 Jun", "11 Jul"]
    else:
        means = [np.mean([row["macro_f1"] for row in found["groups"] if row["group"] == group]) for group in groups]
        assert means == sorted(means)
    assert len(groups) == {"fold": 5, "region": 2, "season": 2, "date": 3}[PROTOCOLS[protocol]]
    assert sum(row["samples"] for row in found["by_clear_looks"] if row["model"] == "forest") == 192
    assert {row["group"]: row["samples"] for row in found["by_parcel_size"] if row["model"] == "forest"} == {
        "below 0.5 ha": 48, "0.5 ha and more": 32, "in no parcel": 112}
    assert np.sum(found["confusions"]["forest"]) == int(seeds) * 192
    entry = manifest.read(run.path)["stages"][f"evaluate {protocol}"]
    assert entry["scores"]["forest"]["macro_f1"] == pytest.approx(
        next(row["macro_f1"] for row in found["overall"] if row["model"] == "forest"), abs=1e-4)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_tables_pictures_and_the_page_say_the_same(run, said, protocol):
    folder = run.report / protocol
    found, page = json.loads((folder / "metrics.json").read_text()), (folder / "index.md").read_text()
    for name in ("groups", "overall", "confused", "by_parcel_size", "by_clear_looks", "class_mix"):
        rows = table(folder / f"{name}.csv")
        assert len(rows) == len(found[name])
    for row, same in zip(found["groups"], table(folder / "groups.csv"), strict=True):
        assert f"| {row['group']} | {row['model']} | {row['macro_f1']:.3f} ± {row['macro_f1_sd']:.3f} |" in page
        assert same["macro_f1"] == f"{row['macro_f1']:.4f}"
    carried = protocol in ("leave-one-region-out", "leave-one-season-out")
    assert (found["calibration"] is not None) == (folder / "calibration.csv").exists() == carried
    pictures = sorted(path.name for path in folder.glob("*.png"))
    assert pictures == sorted(["dates.png" if protocol == "in-season" else "groups.png", "parcel_sizes.png",
                               "clear_looks.png", *(f"confusion-{model}.png" for model in found["models"]),
                               *(f"reliability-{model}.png" for model in found["models"] if carried)])
    for name in pictures:
        assert f"]({name})" in page
        assert image.imread(folder / name).std() > 0.02
    assert page.startswith(f"# {protocol} (simulated)\n")


def test_folds_are_scored_as_scikit_learn_scores_the_kept_predictions(run, said):
    samples = Collected(run, run.config).sources()
    assert set(samples.labels) == {0, 1, 2}
    found = {(row["group"], row["model"]): row for row in json.loads(
        (run.report / "spatial-cv" / "metrics.json").read_text())["groups"]}
    teaching, judged = next(folds.of_cells(samples.labels, samples.cells))
    grown = [baseline.fit("random-forest", samples.take(teaching), class_names=run.config.taxonomy.names,
                          features=Medians(), seed=seed) for seed in (0, 1)]
    predicted = [one.probabilities(samples.series.take(judged)).argmax(axis=1) for one in grown]
    truth, row = samples.labels[judged], found["fold 1", "forest"]
    assert row["macro_f1"] == pytest.approx(np.mean([f1_score(truth, one, average="macro") for one in predicted]))
    assert row["accuracy"] == pytest.approx(np.mean([accuracy_score(truth, one) for one in predicted]))


def test_the_season_grows_easier_as_it_grows(run, said):
    rows = json.loads((run.report / "in-season" / "metrics.json").read_text())["groups"]
    forest = [row["macro_f1"] for row in rows if row["model"] == "forest"]
    assert forest[-1] > forest[0] + 0.05


def test_the_target_season_has_no_part_in_it(run, said, tmp_path):
    """Neither its series nor whatever someone may have put in truth.parquet is read."""
    copy = runs.open(Path(shutil.copytree(run.path, tmp_path / "run")))
    copy.truth.write_bytes(b"not to be opened")
    shutil.rmtree(copy.protocols)
    again = evaluated(copy, "--protocol", "leave-one-region-out", *OPTIONS["leave-one-region-out"])
    assert again.splitlines()[:-1] == said["leave-one-region-out"].splitlines()[:-1]
    samples = Collected(copy, copy.config).sources()
    assert set(Collected(copy, copy.config).table.loc[samples.ids, "season"]) == {2022, 2023}


def test_an_evaluation_that_was_interrupted_goes_on(run, said):
    before = {path: path.stat().st_mtime_ns for path in run.protocols.iterdir()}
    lost = sorted(before)[0]
    lost.unlink()
    for protocol in PROTOCOLS:
        assert evaluated(run, "--protocol", protocol, *OPTIONS[protocol]) == said[protocol]
    after = {path: path.stat().st_mtime_ns for path in run.protocols.iterdir()}
    assert after.keys() == before.keys()
    assert [path for path in before if after[path] != before[path]] == [lost]


def test_a_model_is_given_the_temperature_of_the_held_out_seasons_once(run, said, tmp_path):
    copy = runs.open(Path(shutil.copytree(run.path, tmp_path / "run")))
    options = ("--protocol", "leave-one-season-out", "--seeds", "1", "--calibrate")
    assert "has no model yet" in refused(copy, *options)
    trained = CliRunner().invoke(cli.main, ["train", str(copy.path), "--model", "forest"], catch_exceptions=False)
    assert trained.exit_code == 0, trained.output
    of_cells = run_models.load(copy, copy.config, "forest").training["calibration"]["temperature"]
    text = evaluated(copy, *options)
    found = json.loads((copy.report / "leave-one-season-out" / "metrics.json").read_text())["calibration"]
    once, card = run_models.load(copy, copy.config, "forest"), (copy.models / "forest" / "card.md").read_text()
    assert once.temperature == found["of_all"]["forest"] != of_cells
    assert text.splitlines()[:-2] == said["leave-one-season-out"].splitlines()[:-1]
    assert text.endswith(f"forest has T = {once.temperature:.2f} now, that of all seasons held out; predict, evaluate"
                         " and export-model again, if they were run\n")
    assert f"By the validation cells it would be {of_cells:.3f}." in card
    assert "192 samples of the seasons" in card
    stage = manifest.read(copy.path)["stages"]["calibrate forest"]["training"]["calibration"]
    assert stage == once.training["calibration"]
    files = {path.name: path.read_bytes() for path in (copy.models / "forest").iterdir()}
    evaluated(copy, *options)
    assert {path.name: path.read_bytes() for path in (copy.models / "forest").iterdir()} == files
    again = CliRunner().invoke(cli.main, ["train", str(copy.path), "--model", "forest"], catch_exceptions=False)
    assert again.exit_code == 0, again.output
    assert run_models.load(copy, copy.config, "forest").temperature == of_cells
    assert {"evaluate leave-one-season-out", "train forest"} <= (stages := manifest.read(copy.path)["stages"]).keys()
    assert "calibrate forest" not in stages


@pytest.mark.parametrize("protocol", ["spatial-cv", "in-season"])
def test_a_temperature_is_taken_from_held_out_regions_and_seasons_alone(run, protocol):
    line = refused(run, "--protocol", protocol, "--calibrate", code=2)
    assert line.endswith(f"--calibrate takes the temperature of held-out regions or seasons, and {protocol} holds none"
                         " out; use --protocol leave-one-region-out or leave-one-season-out, or leave it out")


def test_a_model_of_another_recipe_is_not_calibrated(run, tmp_path):
    copy = runs.open(Path(shutil.copytree(run.path, tmp_path / "run")))
    done = CliRunner().invoke(cli.main, ["train", str(copy.path), "--model", "forest", "--leaves", "4"],
                              catch_exceptions=False)
    assert done.exit_code == 0, done.output
    before = (copy.models / "forest" / "model.json").read_bytes()
    line = refused(copy, "--protocol", "leave-one-region-out", "--calibrate")
    assert "was trained with trees of at most 4 leaves instead of whole ones: how sure it is does not follow" in line
    assert (copy.models / "forest" / "model.json").read_bytes() == before


MADE_OTHERWISE = [
    ({"smoothing": 2.0}, {}, "was trained with smoothing 2.0 instead of 0.0: how sure it is"),
    ({"thermal": "warm"}, {}, "was trained with thermal True instead of False: how sure it is"),
    ({}, {"from": {"model": "runs/first/model/mlp"}}, "was fine-tuned from runs/first/model/mlp: how sure it is"),
    ({}, {"rung": "augmentation"}, "was adapted to the target season: how sure it is"),
    ({}, {"adaptation": {"grl": {}}}, "was adapted to the target season: how sure it is")]
"""What of a model's reading and of its training is changed, and what is said then."""


def refused_as(run, model, how):
    """The line by which a model, kept as that of its name, is refused."""
    model.save(run.models / how)
    said = refused(run, "--protocol", "leave-one-region-out", "--model", how, "--calibrate",
                   *(() if how == "forest" else ("--preset", "demo", "--epochs", 2)))
    assert run_models.load(run, run.config, how).temperature == model.temperature
    return said


def test_a_forest_that_was_made_otherwise_is_not_calibrated(run, warm, grown, tmp_path):
    copy = runs.open(Path(shutil.copytree(run.path, tmp_path / "run")))
    collected = Collected(copy, copy.config)
    given = baseline.fit("random-forest", collected.labelled("train"), class_names=copy.config.taxonomy.names,
                         features=Medians(), seed=0)
    axis = ThermalAxis.fitted(warm(grown(9)).series)
    for read, training, words in MADE_OTHERWISE:
        features = Medians(**{name: axis if name == "thermal" else value for name, value in read.items()})
        made = replace(given, features=features, training={**given.training, **collected.provenance, **training})
        line = refused_as(copy, made, "forest")
        assert words in line
        assert line.endswith(f"make it anew with: agrispec-gee train {copy.path} --model forest")
        assert ("restore [training]" in line) == bool(read)
        assert "--preset" not in line


def test_forests_are_judged_without_keras(run, tmp_path):
    copy = Path(shutil.copytree(run.path, tmp_path / "run"))
    code = (f"import sys, cli\ncli.main(['evaluate', {str(copy)!r}, '--protocol', 'leave-one-region-out', '--seeds',"
            " '1'], standalone_mode=False)\nassert not {'keras', 'tensorflow', 'jax'} & set(sys.modules)")
    done = subprocess.run([sys.executable, "-W", "error", "-W", "ignore::ImportWarning", "-c", code],
                          capture_output=True, text=True, cwd=Path(cli.__file__).parent)
    assert done.returncode == 0, done.stderr


def test_a_network_is_compared_with_a_forest_and_given_its_temperature(written, warm, grown, tmp_path):
    run = written(tmp_path / "run", window=(97, 320))
    text = evaluated(run, "--protocol", "leave-one-region-out", "--model", "forest", "--model", "mlp", "--preset",
                     "demo", "--epochs", 2, "--seeds", 1)
    assert "mlp" in text
    entry = manifest.read(run.path)["stages"]["evaluate leave-one-region-out"]
    assert entry["learners"]["mlp"]["recipe"]["epochs"] == 2
    assert not run.models.exists()
    kept = {path: path.stat().st_mtime_ns for path in run.protocols.glob("mlp-*")}
    assert len(kept) == 4  # two regions, and cells of what teaches for each
    options = ("--protocol", "leave-one-region-out", "--model", "mlp", "--preset", "demo", "--seeds", 1, "--calibrate")
    trained = CliRunner().invoke(cli.main, ["train", str(run.path), "--model", "mlp", "--preset", "demo", "--epochs",
                                            "2"], catch_exceptions=False)
    assert trained.exit_code == 0, trained.output
    first = run_models.load(run, run.config, "mlp")
    assert "was trained with epochs 2 instead of" in refused(run, *options)
    axis = ThermalAxis.fitted(warm(grown(9)).series)
    for read, training, words in MADE_OTHERWISE:
        changed = {name: axis if name == "thermal" else value for name, value in read.items()}
        made = replace(first, preparation=replace(first.preparation, **changed),
                       training={**first.training, **training})
        assert words in refused_as(run, made, "mlp")
    first.save(run.models / "mlp")
    evaluated(run, *options, "--epochs", 2)
    once = run_models.load(run, run.config, "mlp")
    evaluated(run, *options, "--epochs", 2)
    again = run_models.load(run, run.config, "mlp")
    assert {path: path.stat().st_mtime_ns for path in run.protocols.glob("mlp-*")} == kept
    assert once.temperature == again.temperature != first.temperature
    assert once.training["calibration"]["held_out"]["cells_temperature"] == first.temperature
    for one, other in zip(once.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    given = calibration.tempered(first.tempered(1.0).probabilities(Collected(run, run.config).series), once.temperature)
    np.testing.assert_allclose(once.probabilities(Collected(run, run.config).series), given, atol=1e-5)


@pytest.mark.parametrize(("made", "options", "code", "words"), [
    ({"seasons": (2023,)}, ("leave-one-season-out",), 1, "2023 is the only season with labels"),
    ({"regions": ()}, ("leave-one-region-out",), 2, "no regions in agrispec.toml cannot be held out in turn; name two"),
    ({"count": 4}, ("spatial-cv",), 1, "the samples lie in 4 cells, which are not enough for 5 folds of whole cells"),
    ({"window": (97, 128)}, ("in-season",), 2, "the model's window of 32 days is too short for accuracy by date"),
    ({}, ("spatial-cv", "--epochs", "3"), 2, "forest is made of trees, for which there is no --epochs"),
    ({}, ("spatial-cv", "--model", "mlp", "--preset", "tiny"), 2, "there is no recipe 'tiny' for 'mlp'"),
])
def test_what_a_protocol_cannot_do_is_said_with_its_mend(written, cells, tmp_path, made, options, code, words):
    made = dict(made)
    run = written(tmp_path / "run", cells=cells[:made.pop("count", 8)], **made)
    line = refused(run, "--protocol", *options, code=code)
    assert words in line
    assert "; " in line
    assert not run.report.exists()


@pytest.mark.parametrize("option", [("--model", "forest"), ("--preset", "small"), ("--epochs", "3"), ("--seeds", "2"),
                                    ("--calibrate",)])
def test_an_option_of_protocols_is_refused_without_one(run, option):
    line = refused(run, *option, code=2)
    assert line.endswith(f"{option[0]} says how a protocol trains, and no --protocol is given; add --protocol"
                         " spatial-cv, or leave it out: evaluate then judges RUN's own models")


def test_a_class_that_one_region_holds_alone_is_named(written, tmp_path):

    run = written(tmp_path / "run")
    frame = tables.read(run.samples)
    beet_in_the_west = (frame["label"] == 2) & (frame["lon"] < 4.4)
    frame["label"] = frame["label"].mask(beet_in_the_west, 1)
    run.samples.write_bytes(tables.encode(frame))
    shards.describe(run.shards, run.config.spec, sampling=shards.Sampling.of(manifest.digest(run.samples),
                                                                             run.config.taxonomy))
    line = refused(run, "--protocol", "leave-one-region-out")
    assert "when east is held out, no sample is left to learn beet from" in line
