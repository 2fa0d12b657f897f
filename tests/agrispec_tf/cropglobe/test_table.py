"""The table: means over runs, published figures beside them, and notes."""

import csv
import json

import pytest

from agrispec_tf.cropglobe import published, table
from agrispec_tf.cropglobe.table import beside, means
from agrispec_tf.cropglobe.transfer import Settings
from agrispec_tf.cropglobe.views import WINDOWS

QUICK = Settings(epochs=1, limit=24)


def test_means_deviations_and_summed_confusions_are_over_the_runs(row):
    line, = means([row(accuracy=0.7), row(seed=83, accuracy=0.9, hits=9)])
    assert line.seeds == (82, 83)
    assert line.accuracy == pytest.approx((0.8, 0.1))  # the population's deviation
    assert line.confusion[0][0] == 16


def test_the_models_of_a_transfer_stand_together(row):
    rows = [row(seed=seed, model=model, target=target) for seed in (82, 83) for model in ("mlp", "forest")
            for target in ("USA", "BEL")]
    assert [(line.row.target, line.row.model, line.seeds) for line in means(rows)] == [
        (target, model, (82, 83)) for target in ("USA", "BEL") for model in ("mlp", "forest")]


def test_the_table_stands_beside_published_figures_with_their_tags(row):
    rows = [row(), row(seed=83, accuracy=0.72), row(model="forest", augmentation="none")]
    assert table.text(means(rows)) == """\
transfer    model       varied  runs  accuracy %    macro-F1 %    weighted F1 %  published accuracy %
-----------------------------------------------------------------------------------------------------
FRA to USA  cropnet-v1  v1      2     71.00 ± 1.00  60.00 ± 0.00  65.00 ± 0.00   75.19 [seed v1]
FRA to USA  forest      none    1     70.00         60.00         65.00          -"""


@pytest.mark.parametrize(("model", "augmentation", "figures"), [
    ("cropnet-v1", "v1", ["75.19"]), ("cropnet-v1", "none", ["70.40"]), ("cropnet", "v3", ["73.34"]),
    ("mlp", "v3", [])])
def test_a_row_stands_beside_figures_of_its_model_and_augmentation(row, model, augmentation, figures):
    assert [figure.accuracy for figure in beside(row(model=model, augmentation=augmentation))] == figures


def test_every_other_published_figure_of_a_transfer_is_listed(row):
    said = table.others(means([row()]))
    assert "FRA to USA: 63.95 (best of the other models, not varied) [seed v1]" in said
    assert "cross-continent transfers: 70-90 (2-D CropNet, varied) [seed v1]" in said
    assert not [line for line in said if "75.19" in line]
    assert len(said) == sum((figure.source, figure.target) == ("FRA", "USA") for figure in published.PUBLISHED)


def test_notes_announce_the_leak_and_whatever_is_less_than_published():
    assert "leak" in " ".join(table.notes(Settings(reference=True), 10))
    honest = " ".join(table.notes(Settings(), 10))
    assert "leak" not in honest
    assert "NOT" not in honest
    assert table.notes(QUICK, 2)[-1] == (
        "NOT the published protocol: 2 of 10 seeds, epochs 1 instead of 50, at most 24 samples a country.")


def test_all_rows_and_means_are_written(row, tmp_path):
    rows = [row(), row(seed=83)]
    table.write(tmp_path, rows, means(rows), ["simulated"])
    with open(tmp_path / "rows.csv", newline="") as file:
        read = list(csv.DictReader(file))
    assert [(one["model"], one["seed"], one["accuracy"]) for one in read] == [("cropnet-v1", str(seed), "0.7")
                                                                              for seed in (82, 83)]
    found = json.loads((tmp_path / "table.json").read_text())
    assert found["notes"] == ["simulated"]
    assert found["lines"][0]["seeds"] == [82, 83]
    assert found["lines"][0]["published"][0]["accuracy"] == "75.19"


def test_windows_and_steps_are_lines_of_their_own(row):
    rows = [row("forest", augmentation="none", view=view) for view in WINDOWS]
    said = table.text(means(rows), views=True)
    assert [line.split()[4:8] for line in said.splitlines()[2:]] == [
        ["none", "5", "d", "121-334"], ["none", "15", "d", "121-334"], ["none", "30", "d", "121-334"],
        ["none", "5", "d", "1-365"]]


@pytest.mark.parametrize(("augmentation", "figures"), [("v1", ["97-98"]), ("v3", []), ("none", [])])
def test_a_row_stands_beside_no_figure_of_samples_that_were_varied_otherwise(row, augmentation, figures):
    assert [figure.accuracy for figure in beside(row(target="BEL", augmentation=augmentation))] == figures


@pytest.mark.parametrize("view", WINDOWS[1:])
def test_rows_of_other_steps_and_windows_stand_beside_no_figure(row, view):
    assert beside(row()) != []
    assert beside(row(view=view)) == []


def test_samples_left_out_are_told_by_the_files_they_are_of(row, tmp_path):
    said = table.report(tmp_path, [], [row(), row("forest-presto", augmentation="none")], QUICK, 1)
    assert "FRA to USA, series: 2 samples of USA left out, whose class FRA does not have" in said
    assert "FRA to USA, presto: 2 samples of USA left out, whose class FRA does not have" in said
