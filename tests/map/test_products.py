"""A map says of each pixel what its series says, and its files say what they are."""

import json

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner

import cli
from agrispec.errors import CorruptRecord
from agrispec.formats import geotiff
from agrispec.kernels import smoothing
from agrispec.taxonomy import NO_CLASS, CropClass, Taxonomy
from agrispec_tf import predict
from agrispec_tf.data.samples import Series
from exports import manifest, parcels, predictions, products

from .conftest import SHOWN, copied, expected, images, map_of, of_patches


def test_every_product_says_what_its_pixels_probabilities_say(run, tiny, mapped):
    card, found, _ = mapped
    probabilities, counts = expected(run, tiny)
    seen = counts.sum(axis=2) > 0
    assert 0 < (~seen).sum() < seen.size
    order = np.argsort(-probabilities, axis=-1, kind="stable")
    np.testing.assert_array_equal(found["class"], np.where(seen, order[..., 0], NO_CLASS))
    np.testing.assert_array_equal(found["second"], np.where(seen, order[..., 1], NO_CLASS))
    np.testing.assert_allclose(found["probability"], np.where(seen, probabilities.max(axis=-1), -1), rtol=1e-6)
    np.testing.assert_array_equal(found["confident"], np.where(seen, probabilities.max(axis=-1) >= 0.65, NO_CLASS))
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.nansum(probabilities * np.log(probabilities), axis=-1) / np.log(2)
    np.testing.assert_allclose(found["entropy"], np.where(seen, entropy, -1), atol=1e-5)
    np.testing.assert_array_equal(found["set_size"], np.where(seen, (probabilities >= card["least"]).sum(axis=-1),
                                                              NO_CLASS))
    np.testing.assert_array_equal(found["looks"], counts.sum(axis=2))
    assert card["unseen"] == (~seen).sum()
    assert card["masked"] == 0
    assert sum(card["pixels"].values()) == seen.sum()
    assert card["confident"] == pytest.approx((found["confident"] == 1).mean())


def test_the_files_are_cogs_that_the_card_and_the_item_describe(run, tiny, mapped, tmp_path):
    card, _, _ = mapped
    assert predictions.card(run.predictions) == card
    assert list(card["products"]) == list(SHOWN)
    item = json.loads((run.predictions / predictions.ITEM).read_text())
    for name, product in card["products"].items():
        path = run.predictions / product["file"]
        layout = geotiff.describe(path)
        assert layout.headers_first
        assert layout.tile == (512, 512) or layout.grid.width < 512
        assert (layout.grid, layout.names, layout.nodata) == (tiny.grid, (name,), product["missing"])
        assert manifest.digest(path) == product["digest"]
        assert item["assets"][name]["href"] == path.name
    with rasterio.open(run.predictions / "class.tif") as source:
        assert source.colormap(1)[0] == (0xE6, 0xC2, 0x29, 255)
        assert source.tags()["class_1"] == "maize"
    assert [name for name in SHOWN if "classification:classes" in item["assets"][name]] == ["class", "second"]
    legend = item["assets"]["class"]["classification:classes"]
    assert legend[0] == {"value": 0, "name": "wheat", "title": "wheat", "color_hint": "E6C229"}
    assert [each["value"] for each in legend] == list(range(len(run.config.taxonomy)))
    assert "license" not in item["properties"]
    west, south, east, north = item["bbox"]
    assert 4 < west < east < 5
    assert 48 < south < north < 49
    assert item["properties"]["start_datetime"] == "2023-01-01T00:00:00Z"
    assert item["assets"]["parcels"]["href"] == parcels.FILE
    assert item["assets"]["parcels-geopackage"] == {"href": "parcels.gpkg", "roles": ["data"],
                                                    "type": "application/geopackage+sqlite3"}
    said = CliRunner().invoke(cli.main, ["inspect", str(run.predictions)]).output
    assert "3 in parcels.parquet and parcels.gpkg" in said
    again = copied(run, tmp_path)
    # GIS write into GeoPackages as they open them, and no stage reads this one.
    (again.predictions / "parcels.gpkg").write_bytes(b"another")
    assert predictions.card(again.predictions) == predictions.card(run.predictions)
    (again.predictions / "entropy.tif").write_bytes(b"another")
    with pytest.raises(CorruptRecord, match="entropy.tif is not the file that prediction.json describes"):
        predictions.card(again.predictions)


def test_the_item_names_classes_as_stac_does_and_the_licence(run, tiny, mapped):
    taxonomy = Taxonomy((CropClass(name="winter wheat / spelt", codes=(1,), colour="#e6c229"),
                         CropClass(name="maize", codes=(2,), colour="#009e73")))
    item = predictions.item(mapped[0], "map", tiny.grid, run.config.season_of(2023), taxonomy, "CC-BY-4.0")
    assert item["properties"]["license"] == "CC-BY-4.0"
    named = item["assets"]["class"]["classification:classes"][0]
    assert (named["name"], named["title"]) == ("winter-wheat---spelt", "winter wheat / spelt")


@pytest.mark.parametrize("columns", [1024, 8])
def test_smoothed_classes_lie_beside_the_raw_ones(run, tiny, mapped, tmp_path, monkeypatch, columns):
    monkeypatch.setattr("exports.tiles._COLUMNS", columns)
    again = copied(run, tmp_path)
    map_of(again, again.config, of_patches(again), (), smooth="majority")
    found = images(again, (*SHOWN, "smoothed"))
    for name in SHOWN:
        np.testing.assert_array_equal(found[name], mapped[1][name], err_msg=name)
    np.testing.assert_array_equal(found["smoothed"], smoothing.majority_numpy(found["class"], NO_CLASS))
    assert (found["smoothed"] != found["class"]).any()
    map_of(again, again.config, of_patches(again), (), smooth="bayesian")
    smoothed = images(again, ("smoothed",))["smoothed"]
    probabilities, counts = expected(run, tiny)
    clipped = np.clip(probabilities, 1e-6, 1 - 1e-6)
    logits = np.where((counts.sum(axis=2) > 0)[..., None], np.log(clipped / (1 - clipped)), np.nan)
    logits = smoothing.bayesian_numpy(logits.astype(np.float16).astype(np.float32))
    unseen = np.isnan(logits[..., 0])
    np.testing.assert_array_equal(smoothed == NO_CLASS, unseen)
    # Where two classes are as likely as the last digit tells, either may come first.
    clear = ~unseen & (np.abs(logits[..., 0] - logits[..., 1]) > 1e-3)
    np.testing.assert_array_equal(smoothed[clear], logits.argmax(axis=-1)[clear])
    assert clear.sum() > 300
    assert list(predictions.card(again.predictions)["products"]) == [*SHOWN, "smoothed"]


def test_unseen_series_are_not_put_before_a_classifier(run, tiny):
    class Asked:
        class_names = ("a", "b")

        def probabilities(self, series):
            assert (series.counts.sum(axis=1) > 0).all()
            return np.full((len(series), 2), 0.5, np.float32)

    spec = run.config.spec.view()
    counts = np.zeros((3, spec.shape[0]), np.float32)
    counts[1, 4] = 1
    found = predict.series(Asked(), Series(cube=spec, values=np.zeros((3, spec.shape[0], 10), np.float32),
                                           counts=counts))
    np.testing.assert_array_equal(found.classes, [NO_CLASS, 0, NO_CLASS])
    assert products.PROBABILITY.missing == -1
