"""Parcels say what their pixels say together."""

import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
import shapely
from click.testing import CliRunner
from pyproj import Transformer

import cli
from exports import mapping, parcels
from gee_scripts import engine as engines

from .conftest import copied, expected


def test_parcels_are_sums_over_their_pixels(run, tiny, fields, mapped):
    _, _, table = mapped
    probabilities, counts = expected(run, tiny)
    columns, rows = np.meshgrid(np.arange(24), np.arange(20))
    x, y = tiny.grid.transform[2] + 10 * columns + 5, tiny.grid.transform[5] - 10 * rows - 5
    lon, lat = Transformer.from_crs(tiny.grid.crs, "EPSG:4326", always_xy=True).transform(x, y)
    owner = np.full(tiny.grid.shape, -1)
    for number, field in enumerate(fields):
        owner[shapely.contains_xy(shapely.geometry.shape(field["geometry"]), lon, lat)] = number
    assert table["parcel_id"].tolist() == ["p0", "p1", "p2"]
    assert table.columns.tolist() == [
        "parcel_id", "class", "class_name", "probability", "second", "second_name", "second_probability", "entropy",
        "agreement", "set_size", "confident", "small", "area_ha", "pixels", "geometry"]
    for number, row in table.iterrows():
        own = (owner == number) & (counts.sum(axis=2) > 0)
        mean = np.exp(np.log(np.maximum(probabilities[own], np.finfo(np.float32).tiny)).mean(axis=0))
        mean /= mean.sum()
        assert row["pixels"] == own.sum()
        assert row["class"] == mean.argmax()
        assert row["probability"] == pytest.approx(mean.max(), abs=6e-5)
        assert row["second_probability"] == pytest.approx(mean.min(), abs=6e-5)
        assert row["agreement"] == pytest.approx((probabilities[own].argmax(axis=1) == row["class"]).mean(), abs=6e-5)
        assert row["confident"] == (mean.max() >= 0.65)
    # UTM stretches lengths by 0.0004 at most.
    np.testing.assert_allclose(table["area_ha"], [0.8256, 1.74, 0.0841], rtol=2e-3)
    assert table["small"].tolist() == [0, 0, 1]
    assert shapely.from_wkb(table["geometry"][0]).equals_exact(shapely.geometry.shape(fields[0]["geometry"]), 1e-9)


def test_the_geopackage_says_what_the_parquet_says(run, mapped):
    """As SQLite reads it: 40 bytes of header are before the well-known binary."""
    table = mapped[2]
    with closing(sqlite3.connect(run.predictions / parcels.GEOPACKAGE)) as content:
        rows = content.execute(f'select {", ".join(map(repr, table.columns))} from parcels'.replace("'", '"'))
        found = pd.DataFrame(rows.fetchall(), columns=table.columns)
    found["geometry"] = [shape[40:] for shape in found["geometry"]]
    pd.testing.assert_frame_equal(found, table)


def test_parcels_without_a_row_are_counted_and_told(run, fields, mapped, tmp_path, monkeypatch):
    card, _, table = mapped
    assert (card["parcels_asked"], card["parcels_without_pixels"], card["parcels"]) == (4, 1, len(table))
    again = copied(run, tmp_path)
    text = again.config_file.read_text()
    again.config_file.write_text(text.replace("[labels]", '[labels]\nparcels = "projects/p/assets/fields"'))
    engine = engines.open(again.config.engine, again.path)
    engine.close()
    monkeypatch.setattr(type(engine), "features", lambda *arguments, **how: fields)
    done = CliRunner().invoke(cli.main, ["predict", str(again.path), "--model", "forest", "--season", "2023"])
    assert done.exit_code == 0, done.output
    assert "1 of 4 parcels have no row" in done.output


def test_parcels_that_cannot_be_told_apart_are_refused_before_an_export_is_paid_for(run, tmp_path, monkeypatch):
    again, asked = copied(run, tmp_path), []
    monkeypatch.setattr(mapping, "export_patches", lambda *arguments: asked.append(arguments) or {})
    text = again.config_file.read_text()
    again.config_file.write_text(text.replace(
        "[labels]", '[labels]\nparcels = "projects/p/assets/fields"\nparcel_id = "nothing"'))
    engine = engines.open(again.config.engine, again.path)
    engine.close()
    monkeypatch.setattr(type(engine), "features", lambda *arguments, **how: [
        {"type": "Feature", "properties": {"id": 1}, "geometry": {}}])
    done = CliRunner().invoke(cli.main, ["predict", str(again.path), "--model", "forest"])
    assert done.exit_code == 1
    assert "has no property 'nothing'; it has id" in done.output
    assert not asked
