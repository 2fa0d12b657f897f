"""The queue leaves for a spreadsheet or QGIS and its verdicts come back, all of them or none."""

import json

import pandas as pd
import pytest
import shapely
from click.testing import CliRunner

import cli
from agrispec.errors import ConfigError, CorruptRecord, DataError
from exports.review import commands, verdicts
from exports.review.verdicts import Log

from .conftest import EVIL, NAMES


def fill_in(path, rows):
    """Write verdicts (verdict, class, reviewer) into the first rows of an exported file."""
    if path.suffix == ".csv":
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        for number, values in enumerate(rows):
            table.loc[number, ["verdict", "class", "reviewer"]] = values
        table.to_csv(path, index=False)
        return table["parcel"].tolist()
    found = json.loads(path.read_text())
    for feature, values in zip(found["features"], rows, strict=False):
        feature["properties"] |= dict(zip(("verdict", "class", "reviewer"), values, strict=True))
    path.write_text(json.dumps(found))
    return [feature["properties"]["parcel"] for feature in found["features"]]


@pytest.mark.parametrize("suffix", [".csv", ".geojson"])
def test_a_file_that_is_filled_in_comes_back_once(run, waiting, tmp_path, suffix):
    path = tmp_path / f"queue{suffix}"
    assert commands.write_out(run, path) == len(waiting.table) == 28
    parcels = fill_in(path, [("correct", "wheat", "anna"), ("correct", EVIL, "anna"), ("skip", "", "ben")])
    assert parcels == waiting.table["parcel_id"].tolist()
    assert commands.take_in(run, path) == 3
    assert commands.take_in(run, path) == 0
    stands = verdicts.standing(Log(run.review, NAMES).read(), 2023)
    assert {parcel: (each.verdict, each.class_name) for parcel, by in stands.items() for each in by.values()} == {
        parcels[0]: ("correct", "wheat"), parcels[1]: ("correct", EVIL), parcels[2]: ("skip", None)}
    again = tmp_path / f"again{suffix}"
    commands.write_out(run, again)
    assert commands.take_in(run, again) == 0


def test_a_geojson_file_holds_the_parcels_outlines(run, waiting, tmp_path):
    commands.write_out(run, tmp_path / "queue.geojson")
    features = json.loads((tmp_path / "queue.geojson").read_text())["features"]
    for feature, wkb in zip(features, waiting.table["geometry"], strict=True):
        shape = shapely.geometry.shape(feature["geometry"])
        assert shapely.equals_exact(shape, shapely.from_wkb(wkb), 1e-9)
        assert shape.contains(shapely.Point(feature["properties"]["lon"], feature["properties"]["lat"]))


@pytest.mark.parametrize(("values", "words"), [
    (("correct", "rye", "anna"), "row 3 of .*'rye' is none of the classes"),
    (("agree", "wheat", "anna"), "row 3 of .*'agree' is no verdict"),
    (("correct", "", "anna"), "row 3 of .*comes without a class"),
    (("skip", "", " "), "row 3 of .*no reviewer's name"),
])
def test_a_wrong_row_is_named_and_no_row_is_taken(run, waiting, tmp_path, values, words):
    path = tmp_path / "queue.csv"
    commands.write_out(run, path)
    fill_in(path, [("skip", "", "anna"), values])
    with pytest.raises(DataError, match=words):
        commands.take_in(run, path)
    assert Log(run.review, NAMES).read() == ()


def test_accepting_another_class_than_the_predicted_one_is_refused(run, waiting, tmp_path):
    path = tmp_path / "queue.csv"
    commands.write_out(run, path)
    other = NAMES[1 - int(waiting.table["class"][0])]
    fill_in(path, [("accept", other, "anna")])
    with pytest.raises(DataError, match="write correct to name another class"):
        commands.take_in(run, path)


def test_an_unknown_parcel_a_lost_column_and_a_strange_ending_are_refused(run, waiting, tmp_path):
    path = tmp_path / "queue.csv"
    pd.DataFrame([["x", "skip", "", "anna"]], columns=["parcel", "verdict", "class", "reviewer"]).to_csv(path)
    with pytest.raises(DataError, match="row 2 of .*parcel 'x' is none"):
        commands.take_in(run, path)
    pd.DataFrame([["x", "skip", ""]], columns=["parcel", "verdict", "class"]).to_csv(path)
    with pytest.raises(CorruptRecord, match="lacks the column reviewer"):
        commands.take_in(run, path)
    with pytest.raises(ConfigError, match=r"\.geojson or \.csv"):
        commands.write_out(run, tmp_path / "queue.xlsx")


def test_the_commands_say_what_comes_next(run, tmp_path):
    said = [CliRunner().invoke(cli.main, ["review", *arguments], catch_exceptions=False) for arguments in (
        ["queue", str(run.path)], ["export", str(run.path), str(tmp_path / "queue.csv")],
        ["import", str(run.path), str(tmp_path / "queue.csv")])]
    assert [done.exit_code for done in said] == [0, 0, 0]
    assert said[0].stdout.startswith("28 simulated parcels, 4.5 ha, wait in ")
    assert "28 rows in" in said[1].output
    assert "0 new verdicts" in said[2].output
