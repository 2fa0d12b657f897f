"""Benches of transfers: what is kept, what is made again, and the text of the table."""

import csv
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

import cli
from agrispec.errors import ConfigError, CorruptRecord, DataError
from agrispec_tf import cropglobe, transfer_bench
from agrispec_tf.models import architectures
from agrispec_tf.transfer import METHODS, Row, Settings, View
from agrispec_tf.transfer_bench import Bench, beside, means

QUICK = Settings(epochs=1, limit=24)
PAIRS = [("FRA", "BEL"), ("FRA", "ARG")]


@pytest.fixture
def bench(globe, tmp_path):
    return Bench(globe, tmp_path, QUICK)


def files(folder):
    return {path: path.stat().st_mtime_ns for path in (folder / "runs").iterdir()}


def test_runs_that_are_kept_are_not_made_again(bench, globe, tmp_path):
    rows = bench.rows(PAIRS, ["forest", "mlp"], [82])
    assert [(row.model, row.target) for row in rows] == [
        (model, target) for model in ("forest", "mlp") for target in ("BEL", "ARG")]
    before = files(tmp_path)
    assert sorted(path.name.split("-")[:3] for path in before) == [["forest", "FRA", "82"], ["mlp", "FRA", "82"]]
    assert all(path.suffix == ".json" for path in before)
    assert Bench(globe, tmp_path, QUICK).rows(PAIRS, ["forest", "mlp"], [82]) == rows
    assert files(tmp_path) == before


def test_a_bench_that_was_stopped_goes_on_where_it_was(bench, globe, tmp_path):
    def stop(done):
        if done.startswith("run 3 of 4"):
            raise KeyboardInterrupt
    seeds = [82, 83, 84, 85]
    with pytest.raises(KeyboardInterrupt):
        bench.rows(PAIRS, ["forest"], seeds, tell=stop)
    before = files(tmp_path)
    assert len(before) == 2
    rows = Bench(globe, tmp_path, QUICK).rows(PAIRS, ["forest"], seeds)
    after = files(tmp_path)
    assert [row.seed for row in rows] == sorted(2 * seeds)
    assert len(after) == 4
    assert before.items() <= after.items()


def test_a_new_target_is_added_to_a_run(bench, tmp_path):
    first, = bench.rows(PAIRS[:1], ["forest"], [82])
    again, added = bench.rows(PAIRS, ["forest"], [82])
    assert (again, added.target) == (first, "ARG")
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize("other", [replace(QUICK, reference=True), replace(QUICK, limit=30)])
def test_runs_of_other_settings_are_not_taken_for_these(bench, globe, tmp_path, other):
    bench.rows(PAIRS[:1], ["forest"], [82])
    row, = Bench(globe, tmp_path, other).rows(PAIRS[:1], ["forest"], [82])
    assert (row.protocol, row.limit) == (other.protocol, other.limit)
    assert len(files(tmp_path)) == 2


@pytest.mark.parametrize("changed", ["FRA", "BEL"])
def test_another_file_is_another_run(tmp_path, simulated_globe, changed):
    for country in ("FRA", "BEL"):
        simulated_globe(tmp_path, country, 40)
    before, = Bench(tmp_path, tmp_path / "kept", Settings()).rows(PAIRS[:1], ["forest"], [82])
    simulated_globe(tmp_path, changed, 60, seed=5)
    row, = Bench(tmp_path, tmp_path / "kept", Settings()).rows(PAIRS[:1], ["forest"], [82])
    assert (row.training_samples, row.samples) != (before.training_samples, before.samples)


def test_a_kept_run_that_is_none_is_named(bench, globe, tmp_path):
    bench.rows(PAIRS[:1], ["forest"], [82])
    path, = files(tmp_path)
    path.write_text('{"targets": {"BEL": {"file": "x"}}}')
    with pytest.raises(CorruptRecord, match=path.name):
        Bench(globe, tmp_path, QUICK).rows(PAIRS[:1], ["forest"], [82])


def test_a_file_that_is_missing_is_told_before_anything_is_trained(bench, tmp_path):
    with pytest.raises(DataError, match="USA"):
        bench.rows([("FRA", "BEL"), ("FRA", "USA")], ["forest"], [82])
    assert not (tmp_path / "runs").exists()


def test_windows_are_asked_of_series_alone(bench):
    with pytest.raises(ConfigError, match="forest-harmonic reads vectors"):
        bench.rows(PAIRS, ["forest-harmonic"], [82], views=transfer_bench.WINDOWS)


def test_windows_and_steps_are_lines_of_their_own(bench):
    rows = bench.rows(PAIRS[:1], ["forest"], [82], views=transfer_bench.WINDOWS)
    said = transfer_bench.text(means(rows), views=True)
    assert [line.split()[4:8] for line in said.splitlines()[2:]] == [
        ["none", "5", "d", "121-334"], ["none", "15", "d", "121-334"], ["none", "30", "d", "121-334"],
        ["none", "5", "d", "1-365"]]


def row(model="cropnet-v1", seed=82, accuracy=0.7, augmentation="v1", target="USA", hits=7, view=None):
    view = view or View()
    confusion = np.zeros((7, 7), int)
    confusion[0, 0] = hits
    return Row(source="FRA", target=target, model=model, seed=seed, protocol="honest", augmentation=augmentation,
               step_days=view.step_days, first_day=view.first_day, last_day=view.last_day, epochs=50, limit=None,
               accuracy=accuracy, macro_f1=0.6, weighted_f1=0.65, confusion=confusion.tolist(), samples=10, dropped=2,
               training_samples=80, validation_samples=20, best_epoch=3, validation_macro_f1=0.9, seconds=1.0)


def test_means_deviations_and_summed_confusions_are_over_the_runs():
    line, = means([row(accuracy=0.7), row(seed=83, accuracy=0.9, hits=9)])
    assert line.seeds == (82, 83)
    assert line.accuracy == pytest.approx((0.8, 0.1))  # the population's deviation
    assert line.confusion[0][0] == 16


def test_the_models_of_a_transfer_stand_together():
    rows = [row(seed=seed, model=model, target=target) for seed in (82, 83) for model in ("mlp", "forest")
            for target in ("USA", "BEL")]
    assert [(line.row.target, line.row.model, line.seeds) for line in means(rows)] == [
        (target, model, (82, 83)) for target in ("USA", "BEL") for model in ("mlp", "forest")]


def test_the_table_stands_beside_published_figures_with_their_tags():
    rows = [row(), row(seed=83, accuracy=0.72), row(model="forest", augmentation="none")]
    assert transfer_bench.text(means(rows)) == """\
transfer    model       varied  runs  accuracy %    macro-F1 %    weighted F1 %  published accuracy %
-----------------------------------------------------------------------------------------------------
FRA to USA  cropnet-v1  v1      2     71.00 ± 1.00  60.00 ± 0.00  65.00 ± 0.00   75.19 [seed v1]
FRA to USA  forest      none    1     70.00         60.00         65.00          -"""


@pytest.mark.parametrize(("model", "augmentation", "figures"), [
    ("cropnet-v1", "v1", ["75.19"]), ("cropnet-v1", "none", ["70.40"]), ("cropnet", "v3", ["73.34"]),
    ("mlp", "v3", [])])
def test_a_row_stands_beside_figures_of_its_model_and_augmentation(model, augmentation, figures):
    assert [figure.accuracy for figure in beside(row(model=model, augmentation=augmentation))] == figures


def test_every_other_published_figure_of_a_transfer_is_listed():
    said = transfer_bench.others(means([row()]))
    assert "FRA to USA: 63.95 (best of the other models, not varied) [seed v1]" in said
    assert "cross-continent transfers: 70-90 (2-D CropNet, varied) [seed v1]" in said
    assert not [line for line in said if "75.19" in line]
    assert len(said) == sum((figure.source, figure.target) == ("FRA", "USA") for figure in cropglobe.PUBLISHED)


def test_notes_announce_the_leak_and_whatever_is_less_than_published():
    assert "leak" in " ".join(transfer_bench.notes(Settings(reference=True), 10))
    honest = " ".join(transfer_bench.notes(Settings(), 10))
    assert "leak" not in honest
    assert "NOT" not in honest
    assert transfer_bench.notes(QUICK, 2)[-1] == (
        "NOT the published protocol: 2 of 10 seeds, epochs 1 instead of 50, at most 24 samples a country.")


def test_all_rows_and_means_are_written(bench, tmp_path):
    rows = [row(), row(seed=83)]
    transfer_bench.write(tmp_path, rows, means(rows), ["simulated"])
    with open(tmp_path / "rows.csv", newline="") as file:
        read = list(csv.DictReader(file))
    assert [(one["model"], one["seed"], one["accuracy"]) for one in read] == [("cropnet-v1", str(seed), "0.7")
                                                                              for seed in (82, 83)]
    table = json.loads((tmp_path / "table.json").read_text())
    assert table["notes"] == ["simulated"]
    assert table["lines"][0]["seeds"] == [82, 83]
    assert table["lines"][0]["published"][0]["accuracy"] == "75.19"


def test_without_a_wish_the_published_transfers_are_made_whose_files_are_there():
    assert transfer_bench.transfers(("ARG", "BEL", "FRA")) == [("FRA", "BEL"), ("FRA", "ARG")]
    assert transfer_bench.transfers(("ARG", "BEL", "FRA"), ["BEL"]) == [("BEL", "ARG"), ("BEL", "FRA")]
    assert transfer_bench.transfers(("BEL", "FRA"), [], ["BEL"]) == [("FRA", "BEL")]
    with pytest.raises(DataError, match="BEL"):
        transfer_bench.transfers(("BEL",))
    with pytest.raises(ConfigError, match="no country 'FR'"):
        transfer_bench.transfers(("BEL",), ["FR"])


@pytest.mark.parametrize("view", transfer_bench.WINDOWS)
def test_every_network_reads_every_window(view):
    for model, method in METHODS.items():
        if not method.grows:
            assert architectures.for_cube(model, view.cube, 4).series_shape == (view.cube.window.steps, 10)


def told(*arguments):
    return CliRunner().invoke(cli.main, ["bench", *map(str, arguments)])


def test_the_command_prints_the_table_with_all_that_is_told(globe, tmp_path):
    done = told("cropglobe", "--data", globe, "--into", tmp_path, "--models", "forest", "--seeds", 2, "--samples", 40,
                "--target", "BEL", "--protocol", "reference")
    assert done.exit_code == 0, done.output
    assert "FRA series: 240 samples (corn 60, soybeans 60, wheat 60, other 60); 0 duplicates left out" in done.output
    assert "PROTOCOL reference" in done.output
    assert "This validation is a leak" in done.output
    assert "NOT the published protocol: 2 of 10 seeds, at most 40 samples a country." in done.output
    assert re.search(r"FRA to BEL  forest  none    2     [\d.]+ ± [\d.]+ ", done.output)
    assert "FRA to BEL: 97-98 (cropnet-v1, about, varied) [seed v1]" in done.output
    assert {path.name for path in tmp_path.iterdir()} == {"runs", "rows.csv", "table.json"}


def test_the_window_command_prints_a_line_a_window(globe, tmp_path):
    done = told("windows", "--data", globe, "--into", tmp_path, "--models", "forest", "--seeds", 1, "--samples", 40)
    assert done.exit_code == 0, done.output
    assert len(re.findall("FRA to BEL  forest", done.output)) == 4
    assert "not of the looks" in done.output
    assert "Fig. 10b" in done.output


@pytest.mark.parametrize(("arguments", "code", "match"), [
    (["--models", "forst"], 2, "no model 'forst'"), (["--source", "XYZ"], 2, "no country 'XYZ'"),
    (["--target", "USA"], 1, "no median_S2_USA")])
def test_the_command_names_what_it_cannot_do(globe, tmp_path, arguments, code, match):
    done = told("cropglobe", "--data", globe, "--into", tmp_path, "--seeds", 1, *arguments)
    assert done.exit_code == code
    assert match in done.output
    assert "Traceback" not in done.output
