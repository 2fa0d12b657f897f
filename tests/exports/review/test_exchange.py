"""The queue leaves for a spreadsheet or QGIS and its verdicts come back, all of them or none."""

import json
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
import shapely
from click.testing import CliRunner

import cli
from agrispec.errors import ConfigError, CorruptRecord, DataError
from agrispec_tf import triage
from exports import parcels as predicted
from exports.review import commands, queue, verdicts
from exports.review.log import Log
from exports.review.verdicts import Verdict

from .conftest import EVIL, NAMES, write_parcels

BEGAN = datetime(2026, 11, 1, 9, tzinfo=UTC)


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


def judge(run, waiting, *rows, reviewer="anna", after=0, shape=None):
    """Add verdicts (position in the queue, verdict, class or None), given some seconds after `BEGAN`."""
    Log(run.review, NAMES).append(
        Verdict(parcel=waiting.table["parcel_id"][position], verdict=word, class_name=name, reviewer=reviewer,
                time=(BEGAN + timedelta(seconds=after)).isoformat(), season=2023, model="m", prediction="p",
                shape=shape)
        for position, word, name in rows)


def stands(run):
    """(parcel, reviewer) -> (verdict, class) of all that stands."""
    return {(parcel, name): (each.verdict, each.class_name)
            for parcel, by in verdicts.standing(Log(run.review, NAMES).read(), 2023).items()
            for name, each in by.items()}


@pytest.mark.parametrize("suffix", [".csv", ".geojson"])
def test_a_file_that_is_filled_in_comes_back_once(run, waiting, tmp_path, suffix):
    path = tmp_path / f"queue{suffix}"
    assert commands.write_out(run, path) == len(waiting.table) == 28
    parcels = fill_in(path, [("correct", "wheat", "anna"), ("correct", EVIL, "anna"), ("skip", "", "ben")])
    assert parcels == waiting.table["parcel_id"].tolist()
    assert commands.take_in(run, path) == (3, 0)
    assert commands.take_in(run, path) == (0, 3)
    stands = verdicts.standing(Log(run.review, NAMES).read(), 2023)
    assert {parcel: (each.verdict, each.class_name) for parcel, by in stands.items() for each in by.values()} == {
        parcels[0]: ("correct", "wheat"), parcels[1]: ("correct", EVIL), parcels[2]: ("skip", None)}
    again = tmp_path / f"again{suffix}"
    commands.write_out(run, again)
    assert commands.take_in(run, again) == (0, 3)


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


@pytest.mark.parametrize("suffix", [".csv", ".geojson"])
@pytest.mark.parametrize("after", [0, 60])
def test_an_import_takes_back_nothing_that_was_said_since_the_export(run, waiting, tmp_path, suffix, after):
    judge(run, waiting, (0, "correct", "wheat"), (1, "correct", "wheat"), (2, "skip", None))
    path = tmp_path / f"queue{suffix}"
    commands.write_out(run, path)
    judge(run, waiting, (0, "correct", EVIL), (1, "undo", None), after=after)
    before = stands(run)
    parcels = fill_in(path, [("correct", "wheat", "anna")] * 2 + [("skip", "", "anna"), ("skip", "", "ben")])
    assert commands.take_in(run, path) == (1, 3)
    assert stands(run) == before | {(parcels[3], "ben"): ("skip", None)}
    done = CliRunner().invoke(cli.main, ["review", "import", str(run.path), str(path)], catch_exceptions=False)
    assert "0 new verdicts; 4 rows passed over" in done.stdout


def test_a_row_that_was_changed_is_new_unless_its_reviewer_changed_their_mind_meanwhile(run, waiting, tmp_path):
    judge(run, waiting, *((number, "correct", "wheat") for number in range(4)))
    path = tmp_path / "queue.csv"
    commands.write_out(run, path)
    judge(run, waiting, (1, "skip", None), (2, "undo", None), after=60)
    # Over the last of anna's rows ben writes his own.
    parcels = fill_in(path, [("correct", EVIL, "anna")] * 3 + [("correct", EVIL, "ben")])
    assert commands.take_in(run, path) == (2, 2)
    assert stands(run) == {(parcels[0], "anna"): ("correct", EVIL), (parcels[1], "anna"): ("skip", None),
                           (parcels[3], "anna"): ("correct", "wheat"), (parcels[3], "ben"): ("correct", EVIL)}


def test_what_another_log_exported_keeps_its_time_and_yields_to_what_came_later(run, waiting, tmp_path):
    judge(run, waiting, (0, "correct", "wheat"), (1, "correct", "wheat"))
    path = tmp_path / "queue.csv"
    commands.write_out(run, path)
    Log(run.review, NAMES).path.unlink()
    judge(run, waiting, (1, "correct", EVIL), (1, "undo", None), after=60)
    assert commands.take_in(run, path) == (1, 1)
    [*_, taken] = Log(run.review, NAMES).read()
    assert (taken.parcel, taken.time) == (waiting.table["parcel_id"][0], BEGAN.isoformat())
    judge(run, waiting, (0, "undo", None), after=60)
    assert commands.take_in(run, path) == (0, 2)
    assert stands(run) == {}


def test_a_time_that_is_none_is_refused(run, waiting, tmp_path):
    judge(run, waiting, (0, "skip", None))
    path = tmp_path / "queue.csv"
    commands.write_out(run, path)
    path.write_text(path.read_text().replace("2026-11-01T09:00:00+00:00", "1 Nov 2026"))
    with pytest.raises(DataError, match="row 2 of .*its time is '1 Nov 2026'"):
        commands.take_in(run, path)


def test_an_untouched_export_comes_back_after_another_prediction(run, waiting, tmp_path):
    judge(run, waiting, *((number, "accept", name) for number, name in enumerate(waiting.table["class_name"])))
    path = tmp_path / "queue.csv"
    commands.write_out(run, path)
    table = pd.read_parquet(run.predictions / predicted.FILE)
    write_parcels(run, table.assign(**{"class": 1 - table["class"], "second": table["class"],
                                       "class_name": table["second_name"], "second_name": table["class_name"]}))
    queue.make(run, "parcel_id", triage.ranking)
    assert commands.take_in(run, path) == (0, 28)


def test_of_one_file_later_rows_come_after_earlier_ones(run, waiting, tmp_path):
    path, parcel = tmp_path / "queue.csv", waiting.table["parcel_id"][0]
    pd.DataFrame([[parcel, "correct", EVIL, "anna"], [parcel, "undo", "", "anna"]],
                 columns=["parcel", "verdict", "class", "reviewer"]).to_csv(path)
    assert commands.take_in(run, path) == (2, 0)
    assert stands(run) == {}


@pytest.mark.parametrize("properties", [[], ["verdict"], None, 7])
def test_features_without_properties_are_refused(run, waiting, tmp_path, properties):
    path = tmp_path / "queue.geojson"
    path.write_text(json.dumps({"features": [{"properties": properties}]}))
    with pytest.raises(CorruptRecord):
        commands.take_in(run, path)


@pytest.mark.parametrize("suffix", [".csv", ".geojson"])
def test_all_that_stands_is_exported_and_comes_back(run, waiting, tmp_path, suffix):
    """Of a parcel that is predicted with confidence, of one with another outline, and of one that is gone."""
    here = dict(queue.shapes_of(waiting.table, "parcel_id"))
    judge(run, waiting, (0, "correct", EVIL), shape=here[waiting.table["parcel_id"][0]])
    judge(run, waiting, (1, "correct", EVIL), shape="00000000")
    log = Log(run.review, NAMES)
    for parcel in ("<i>0</i>", "lost"):
        log.append([Verdict(parcel=parcel, verdict="skip", class_name=None, reviewer="ben", time=BEGAN.isoformat(),
                            season=2023, model="m", prediction="p")])
    path = tmp_path / f"queue{suffix}"
    assert commands.write_out(run, path) == 31
    if suffix == ".csv":
        rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    else:
        features = json.loads(path.read_text())["features"]
        rows = pd.DataFrame([feature["properties"] for feature in features])
        assert [feature["geometry"] is None for feature in features] == [False] * 29 + [True] * 2
    assert rows["parcel"].tolist() == [*waiting.table["parcel_id"], "<i>0</i>", waiting.table["parcel_id"][1], "lost"]
    assert rows["verdict"].tolist() == ["correct", *[""] * 27, "skip", "correct", "skip"]
    assert pd.to_numeric(rows["rank"]).dropna().tolist() == list(range(1, 29))
    assert commands.take_in(run, path) == (0, 4)
