"""The README's command, from nothing to a published map."""

import csv
import json
import shutil

import ee
import numpy as np
import pandas as pd
import pytest
import rasterio
from click.testing import CliRunner
from google.auth.credentials import AnonymousCredentials

import cli
from exports import manifest, runs, samples
from gee_scripts.engine.local.server import LocalServer

MADE = {"cropnet": "train cropnet", **{f"bigru-{rung}": f"adapt bigru-{rung}"
                                       for rung in ("source", "augmentation", "grl")}}
"""The demo's models, each with the stage that made it."""


@pytest.fixture(scope="module")
def stages(demo):
    assert demo.exit_code == 0, demo.errors
    return manifest.read(demo.path)["stages"]


def test_the_demo_ends_well_and_says_what_it_did(demo, stages):
    assert "Traceback" not in demo.errors
    for said in ("simulated", "cropnet", f"$ agrispec-gee adapt {demo.path} --model bigru --rung grl", "bigru-grl",
                 "map.png", "all equal", "Next: agrispec-gee"):
        assert said in demo.output
    assert list(stages) == ["export", *MADE.values(), "adapt bigru", "evaluate", "predict", "publish"]
    assert (demo.path / "report" / "index.html").is_file()
    parcels = pd.read_parquet(demo.path / "predictions" / "parcels.parquet")
    assert len(pd.read_parquet(demo.path / "review" / "queue.parquet")) == (parcels["confident"] == 0).sum() > 0


def test_gradient_reversal_saw_series_of_the_second_season(stages):
    adapted = stages["adapt bigru-grl"]["training"]["adaptation"]["grl"]
    assert adapted["target_series"] > 100
    assert "adaptation" not in stages["adapt bigru-augmentation"]["training"]


def test_the_published_classes_read_through_ee_equal_the_predicted_ones(demo, stages):
    with rasterio.open(demo.path / "predictions" / "class.tif") as found:
        predicted, transform, crs = found.read(1), found.transform, found.crs
    [asset] = [name for name in stages["publish"]["compared"] if name.endswith("_class_v1")]
    with LocalServer(demo.path / "landscape", "agrispec-local") as server:
        ee.Initialize(credentials=AnonymousCredentials(), url=server.url, project="agrispec-local")
        pixels = ee.data.computePixels({
            "expression": ee.Image(asset).unmask(255, False), "fileFormat": "NUMPY_NDARRAY",
            "grid": {"dimensions": {"width": predicted.shape[1], "height": predicted.shape[0]},
                     "crsCode": crs.to_string(), "affineTransform": {
                         "scaleX": transform.a, "shearX": 0, "translateX": transform.c,
                         "shearY": 0, "scaleY": transform.e, "translateY": transform.f}}})
        info = ee.Image(asset).getInfo()
        parcels = ee.FeatureCollection(asset.replace("_class", "_parcels")).size().getInfo()
        ee.Reset()
    assert predicted.shape == (96, 96)
    np.testing.assert_array_equal(pixels["class"], predicted)
    assert info["properties"]["simulated"] == "true"
    assert info["bands"][0]["data_type"]["max"] == 255
    assert parcels == stages["predict"]["parcels"] > 20


def test_probability_and_flag_belong_together(demo, stages):
    read = {}
    for name in ("class", "probability", "confident"):
        with rasterio.open(demo.path / "predictions" / f"{name}.tif") as found:
            read[name] = found.read(1)
    assert read["class"].dtype == read["confident"].dtype == np.uint8
    assert read["probability"].dtype == np.float32
    seen = read["class"] != 255
    assert (read["probability"][seen] >= 1 / 8).all()
    np.testing.assert_array_equal(read["confident"][seen] == 1, read["probability"][seen] >= 0.65)


def test_folds_share_no_cell_and_the_targets_labels_stay_out_of_the_samples(demo, stages):
    table = samples.read(demo.path / "samples.parquet")
    assert table.groupby("cell")["fold"].nunique().max() == 1
    assert set(table["fold"]) == {"train", "validation", "test"}
    assert (table.loc[table["season"] == 2024, "label"] == -1).all()
    assert (table.loc[table["season"] == 2023, "label"] >= 0).all()
    truth = pd.read_parquet(demo.path / "truth.parquet")
    assert set(truth["row"]) <= set(table.loc[table["season"] == 2024, "row"])


@pytest.mark.parametrize("model", MADE)
def test_reports_agree_with_the_manifest_and_with_themselves(demo, stages, model):
    for folder, scores in ((model, stages[MADE[model]]["held_out"]),
                           (f"{model}-2024", stages["evaluate"]["scores"][model])):
        report = demo.path / "report" / folder
        totals = json.loads((report / "metrics.json").read_text())
        assert totals["macro_f1"] == pytest.approx(scores["macro_f1"], abs=1e-4)
        rows = list(csv.reader((report / "confusion.csv").read_text().splitlines()))
        counts = np.array([[int(cell) for cell in row[1:]] for row in rows[1:]])
        assert np.trace(counts) / counts.sum() == pytest.approx(totals["overall_accuracy"])
        assert (report / "confusion.png").stat().st_size > 10_000
    for folder, worth in ((model, stages[MADE[model]]["held_out"]["trust"]),
                          (f"{model}-2024", stages["evaluate"]["trust"][model])):
        report = demo.path / "report" / folder
        assert json.loads((report / "trust.json").read_text()) == worth
        assert worth["review"]["samples"] == json.loads((report / "metrics.json").read_text())["samples"]
        assert (report / "reliability.png").stat().st_size > 10_000
    # Eight classes: a model that learned nothing would be at 0.125.
    assert stages[MADE[model]]["held_out"]["overall_accuracy"] > 0.6


def test_the_manifest_says_what_went_in(demo, stages):
    run = runs.open(demo.path)
    assert stages["export"]["cube"] == run.config.spec.digest
    assert stages["export"]["scenes"]["2023"]["simulated"] == stages["export"]["scenes"]["2023"]["scenes"] > 1000
    assert sum(season["without_cloud_score"] for season in stages["export"]["scenes"].values()) == 7
    training = stages["train cropnet"]["training"]
    assert training["training_samples"] <= 1200
    assert training["recipe"]["epochs"] <= 15


def test_a_trained_model_leaves_as_a_file_whose_classes_are_its_own(demo, tmp_path):
    run = runs.open(shutil.copytree(demo.path, tmp_path / "run", ignore=shutil.ignore_patterns("landscape")))
    for more in ([], ["--int8"]):
        done = CliRunner().invoke(cli.main, ["export-model", str(run.path), *more])
        assert done.exit_code == 0, done.output
    assert "8 bits against 32 on" in done.output
    assert {"export-model cropnet", "export-model cropnet-int8"} <= manifest.read(run.path)["stages"].keys()

    from agrispec_tf import run_models
    from agrispec_tf.collected import Collected
    from agrispec_tf.deployment import network
    held_out = Collected(run, run.config).labelled("test").series
    ours = run_models.load(run, run.config, "cropnet").probabilities(held_out)
    whole, small = (network.OnnxClassifier.of(network.read(run.models / f"{name}.onnx")).probabilities(held_out)
                    for name in ("cropnet", "cropnet-int8"))
    np.testing.assert_allclose(whole, ours, atol=1e-5)
    assert (small.argmax(axis=1) == ours.argmax(axis=1)).mean() > 0.9
    assert not np.allclose(small, ours, atol=1e-5)
