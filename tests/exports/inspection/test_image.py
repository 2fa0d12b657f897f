"""GeoTIFFs say what their pixels are, whatever the tiles they are read by."""

import json

import numpy as np
import pytest

from agrispec.errors import CorruptRecord
from agrispec.formats import geotiff
from agrispec.grid import Grid
from exports import manifest

GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 0.0, 0.0, -10.0, 0.0), width=5, height=4)


def test_predictions_say_their_classes_in_pixels_and_hectares(told, row, tmp_path):
    classes = np.array([0, 1, 1, 255, 1] * 4, np.uint8).reshape(4, 5)

    def write(classes):
        geotiff.write(tmp_path / "class.tif", classes[None], GRID, nodata=255,
                      tags={"class_0": "wheat", "class_1": "maize"})

    write(classes)
    card = {"season": 2024, "model": "mlp", "model_digest": "a", "cube": "b", "simulated": True, "confident": 0.5,
            "threshold": 0.65, "parcels": 3, "class_digest": manifest.digest(tmp_path / "class.tif"),
            "parcels_digest": None,
            "products": {"class": {"file": "class.tif", "digest": manifest.digest(tmp_path / "class.tif")}}}
    (tmp_path / "prediction.json").write_text(json.dumps(card))
    found = told(tmp_path)
    assert found["predictions"] == [f"{tmp_path}, season 2024 by mlp, of simulated scenes"]
    assert row(found["classes"], "wheat") == ["wheat", "4", "20.0%", "0.04"]
    assert row(found["classes"], "maize") == ["maize", "12", "60.0%", "0.12"]
    assert row(found["classes"], "no data") == ["no data", "4", "20.0%", "0.04"]
    assert row(told(tmp_path / "class.tif")["classes"], "maize") == ["maize", "12", "60.0%"]
    write(classes * 0)
    with pytest.raises(CorruptRecord, match="is not the file"):
        told(tmp_path)
    del card["season"]
    (tmp_path / "prediction.json").write_text(json.dumps(card))
    with pytest.raises(CorruptRecord, match="it lacks season"):
        told(tmp_path)


def test_an_image_says_what_its_bands_hold_whatever_its_tiles(told, row, tmp_path, monkeypatch):
    monkeypatch.setattr("exports.inspection.image._TILE", 3)
    values = np.random.default_rng(1).random((2, 4, 5)).astype(np.float32)
    values[0, 1, 2], values[1, 3] = np.nan, -1
    geotiff.write(tmp_path / "a.tif", values, GRID, names=["red", "nir"], nodata=-1, tags={"origin": "a test"})
    found = told(tmp_path / "a.tif")
    assert found["tags"] == ["origin a test"]
    for name, band in zip(("red", "nir"), values.astype(float), strict=True):
        known = band[~np.isnan(band) & (band != -1)]
        assert row(found["bands"], name) == [
            name, "float32", f"{1 - known.size / 20:.1%}", *(f"{value:.4g}" for value in
                                                             (known.min(), known.mean(), known.max()))]
