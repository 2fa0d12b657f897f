"""From a run's map to hectares with intervals: what is drawn, labelled and estimated belongs together."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import cli
from agrispec.errors import DataError
from agrispec.formats import geotiff
from agrispec.grid import Grid
from agrispec_tf.area import commands, design, matching
from agrispec_tf.area.estimation import assess
from agrispec_tf.area.reference_sample import ReferenceSample
from agrispec_tf.area.strata import Strata
from exports import manifest, runs

from ...configuration import BEET, MAIZE, WHEAT, configuration

CONFIGURATION = configuration(classes=(WHEAT, MAIZE, BEET), map={"bounds": [613000, 5401000, 614000, 5402000]})
NAMES = np.array(["wheat", "maize", "beet"])


def write_classes(run, classes, grid):
    geotiff.write(run.predictions / "class.tif", classes[None], grid, nodata=255,
                  tags={f"class_{number}": name for number, name in enumerate(NAMES)})
    card = {"season": 2024, "model": "cropnet", "model_digest": "0" * 16, "cube": "1" * 16, "simulated": True,
            "threshold": 0.65, "confident": 0.5, "parcels": 0, "unseen": int((classes == 255).sum()), "masked": 0,
            "class_digest": manifest.digest(run.predictions / "class.tif"), "parcels_digest": None,
            "products": {name: {"file": f"{name}.tif", "digest": manifest.digest(run.predictions / f"{name}.tif")}
                         for name in ("class", "probability")},
            "pixels": {name: int((classes == number).sum()) for number, name in enumerate(NAMES)}}
    (run.predictions / runs.PREDICTION_CARD).write_text(json.dumps(card))


@pytest.fixture
def run(tmp_path):
    """A run with a map of 100 x 100 pixels, a strip of which nobody saw."""
    made = runs.create(tmp_path / "run", CONFIGURATION)
    config, random = made.config, np.random.default_rng(0)
    grid = Grid.covering(config.map.crs, config.map.corners, 10.0)
    classes = random.choice(3, grid.shape, p=[0.1, 0.3, 0.6]).astype(np.uint8)
    classes[:, :5] = 255
    made.predictions.mkdir()
    sure = np.where(classes == 255, -1, 0.8).astype(np.float32)
    geotiff.write(made.predictions / "probability.tif", sure[None], grid, nodata=-1)
    write_classes(made, classes, grid)
    return made


def asked(*words):
    return CliRunner().invoke(cli.main, [str(word) for word in words])


def labelled(run, wrong=0.2):
    """Labels the drawn sample: `wrong` of it is of the class that follows the map's."""
    path = run.area / commands.SAMPLE
    table = pd.read_csv(path)
    missed = np.random.default_rng(1).random(len(table)) < wrong
    table["reference"] = NAMES[(table["stratum"].to_numpy() + missed) % 3]
    table.to_csv(path, index=False)
    return table


def test_a_sample_is_drawn_labelled_and_estimated(run):
    drawn = asked("area", "design", run.path, "--standard-error", "0.02")
    assert drawn.exit_code == 0, drawn.output
    table = labelled(run)
    done = asked("area", "estimate", run.path)
    assert done.exit_code == 0, done.output
    classes = np.asarray(tiles_of(run))
    assert table["unit"].is_unique
    np.testing.assert_array_equal(classes.reshape(-1)[table["unit"]], table["stratum"])
    # An oracle that holds the whole map.
    strata = Strata.of_units(classes[classes != 255], 0.01)
    wanted = assess(ReferenceSample.of(table.assign(
        map=NAMES[table["stratum"]], stratum=table["stratum"]), strata)).table
    found = pd.DataFrame(json.loads((run.report / "areas.json").read_text())["estimates"])
    both = found.merge(wanted, on=["measure", "class"], suffixes=("", "_wanted"))
    assert len(both) == len(found) == len(wanted)
    for column in ("estimate", "low", "high", "standard_error"):
        np.testing.assert_allclose(both[column].astype(float), both[f"{column}_wanted"].astype(float))
    assert found[found["measure"] == "area"]["estimate"].sum() == pytest.approx(95.0)
    overall = both[both["measure"] == "overall accuracy"].iloc[0]
    assert overall["low"] < 0.8 < overall["high"]
    assert "simulated" in done.output
    assert manifest.read(run.path)["stages"]["area estimate"]["sample"]["units"] == len(table)


def tiles_of(run):
    from agrispec.formats import geotiff
    return geotiff.read(run.predictions / "class.tif")[0]


def test_a_map_that_is_made_anew_needs_no_new_sample(run):
    asked("area", "design", run.path)
    labelled(run)
    asked("area", "estimate", run.path)
    before = pd.DataFrame(json.loads((run.report / "areas.json").read_text())["estimates"])
    classes = tiles_of(run)
    # The new map takes half of all maize for beet.
    classes[(classes == 1) & (np.arange(100) % 2 == 0)] = 2
    grid = Grid.covering(run.config.map.crs, run.config.map.corners, 10.0)
    write_classes(run, classes, grid)
    assert asked("area", "estimate", run.path).exit_code == 0
    after = pd.DataFrame(json.loads((run.report / "areas.json").read_text())["estimates"])
    areas = before["measure"] == "area"
    pd.testing.assert_frame_equal(before[areas], after[areas])
    found = {(row["measure"], row["class"]): row["estimate"] for _, row in after.iterrows()}
    assert found["producer's accuracy", "maize"] < 0.6
    assert found["overall accuracy", ""] < 0.75


def estimated(run, *words):
    done = asked("area", "estimate", run.path, *words)
    assert done.exit_code == 0, done.output
    found = json.loads((run.report / "areas.json").read_text())
    return done.output, found, {(row["measure"], row["class"]): row for row in found["estimates"]}


def test_places_where_a_new_map_has_no_class_count_as_not_mapped_right(run):
    asked("area", "design", run.path)
    table = labelled(run)
    _, _, before = estimated(run)
    classes = tiles_of(run)
    # Clouds over a fifth of the new map: far more than strata may be apart from the map otherwise.
    classes[:, 40:60] = 255
    write_classes(run, classes, Grid.covering(run.config.map.crs, run.config.map.corners, 10.0))
    said, found, after = estimated(run)
    blank = classes.reshape(-1)[table["unit"]] == 255
    assert blank.any()
    weight = 0.01 / table["inclusion_probability"]
    right = (NAMES[table["stratum"]] == table["reference"]) & ~blank
    assert after["overall accuracy", ""]["estimate"] == pytest.approx((weight * right).sum() / weight.sum())
    assert found["not_mapped_ha"] == pytest.approx((weight * blank).sum())
    for name in NAMES:
        assert after["area", name] == before["area", name]
        mapped, there = (NAMES[table["stratum"]] == name) & ~blank, table["reference"] == name
        assert after["user's accuracy", name]["estimate"] == pytest.approx(
            (weight * (mapped & there)).sum() / (weight * mapped).sum())
        assert after["producer's accuracy", name]["estimate"] == pytest.approx(
            (weight * (mapped & there)).sum() / (weight * there).sum())
    # Where the map says nothing is no class that somebody may look for.
    assert {name for _, name in after} == {"", *NAMES}
    assert "The map has no class" not in said
    [doubt] = found["doubts"]
    assert doubt.startswith(f"At {blank.sum()} places, which stand for {(weight * blank).sum():.1f} ha (")
    assert doubt in said


def test_a_new_map_that_shows_more_than_was_drawn_from_needs_a_new_sample(run):
    classes = tiles_of(run)
    grid = Grid.covering(run.config.map.crs, run.config.map.corners, 10.0)
    hidden = classes.copy()
    hidden[:, 40:60] = 255
    write_classes(run, hidden, grid)
    asked("area", "design", run.path)
    labelled(run)
    write_classes(run, classes, grid)
    done = asked("area", "estimate", run.path)
    assert done.exit_code == 1
    assert "is no sample of this map" in done.output
    # Nor does it help that as much as came is gone elsewhere: nobody sampled what came.
    classes[:, 70:90] = 255
    write_classes(run, classes, grid)
    done = asked("area", "estimate", run.path)
    assert done.exit_code == 1
    assert "ha of them mapped, the map's classes" in done.output


def test_a_sample_that_lost_all_places_of_a_rare_class_is_refused(run):
    classes = tiles_of(run)
    # 1 ha of 95: the whole is as large without it, as far as a check of the whole can tell.
    classes[classes == 0] = 1
    classes[:2, 10:60] = 0
    write_classes(run, classes, Grid.covering(run.config.map.crs, run.config.map.corners, 10.0))
    asked("area", "design", run.path)
    table = labelled(run).drop(columns=["unit"])
    given = run.path / "given.csv"
    table.to_csv(given, index=False)
    estimated(run, "--sample", given)
    for lost in (table[table["stratum"] > 0], table[table["stratum"] > 0].assign(
            stratum=lambda each: NAMES[each["stratum"]])):
        lost.to_csv(given, index=False)
        done = asked("area", "estimate", run.path, "--sample", given)
        assert done.exit_code == 1
        assert "no place is from the stratum wheat, which is 1.0 ha of the map" in done.output


def test_a_class_that_is_new_on_the_map_is_no_lost_stratum():
    told = Strata(names=("wheat", "maize"), areas=np.array([50.0, 50.0]), units=np.array([5000.0, 5000.0]))
    drawn = ["wheat"] * 5 + ["maize"] * 5
    table, names = pd.DataFrame({"stratum": drawn, "map": drawn}), ("wheat", "maize", "beet")
    matching.check_classes(told, table, names, {"wheat": 49.99, "maize": 50.0, "beet": 0.01})
    with pytest.raises(DataError, match="no place is from the stratum beet"):
        matching.check_classes(told, table, names, {"wheat": 50.0, "maize": 50.0, "beet": 0.5})


def label_features(run, named):
    """Writes labels into the GeoJSON of a draw, as a GIS does."""
    path = run.area / commands.FEATURES
    collection = json.loads(path.read_text())
    for feature in collection["features"]:
        feature["properties"]["reference"] = str(named(feature["properties"]["stratum"]))
    path.write_text(json.dumps(collection))


def test_either_file_of_a_draw_may_be_labelled(run):
    asked("area", "design", run.path)
    neither = asked("area", "estimate", run.path)
    assert "sample.csv is labelled yet" in neither.output
    label_features(run, lambda stratum: NAMES[stratum])
    done = asked("area", "estimate", run.path)
    assert done.exit_code == 0, done.output
    assert "by the labels of" in done.output.splitlines()[-1]
    assert "sample.geojson" in done.output.splitlines()[-1]
    assert json.loads((run.report / "areas.json").read_text())["sample"]["file"] == "sample.geojson"
    labelled(run, wrong=0)
    assert "sample.csv" in asked("area", "estimate", run.path).output.splitlines()[-1]
    labelled(run)
    torn = asked("area", "estimate", run.path)
    assert torn.exit_code == 1
    assert "both labelled, and differently" in torn.output
    (run.area / commands.FEATURES).unlink()
    assert asked("area", "estimate", run.path).exit_code == 0


@pytest.mark.parametrize("error", [0.05, 0.02, 0.01, 0.004])
def test_a_design_reaches_the_standard_error_with_enough_units_of_rare_classes(error):
    strata = Strata(names=(0, 1, 2), areas=np.array([2.0, 300, 700]), units=np.array([200.0, 30000, 70000]))
    expected = np.array([0.5, 0.8, 0.9])
    found = commands.designed(strata, expected, error)
    assert found.standard_error <= error
    assert found.allocation.min() >= 50
    # Some fewer would not do, unless that many are drawn of rare classes alone.
    fewer = int(found.allocation.sum() * 0.95)
    if fewer > 150:
        assert design.expected_standard_error(strata, design.with_floor(strata, fewer, 50), expected) > error


def test_a_map_that_is_smaller_than_its_sample_is_looked_up_as_a_whole():
    strata = Strata(names=(0, 1), areas=np.array([0.03, 0.6]), units=np.array([3.0, 60.0]))
    assert commands.designed(strata, np.array([0.5, 0.5]), 0.001).allocation.tolist() == [3, 60]


def test_a_second_draw_is_refused_so_that_none_is_chosen(run):
    asked("area", "design", run.path)
    before = (run.area / commands.SAMPLE).read_bytes()
    again = asked("area", "design", run.path)
    assert again.exit_code == 1
    assert "is there already" in again.output
    assert (run.area / commands.SAMPLE).read_bytes() == before


def test_a_draw_can_be_repeated(run):
    asked("area", "design", run.path)
    before = {path.name: path.read_bytes() for path in run.area.iterdir()}
    for path in run.area.iterdir():
        path.unlink()
    asked("area", "design", run.path)
    assert {path.name: path.read_bytes() for path in run.area.iterdir()} == before


def test_a_sample_of_which_hard_places_were_left_out_is_refused(run):
    asked("area", "design", run.path)
    table = labelled(run)
    table.iloc[:-20].to_csv(run.area / commands.SAMPLE, index=False)
    done = asked("area", "estimate", run.path)
    assert done.exit_code == 1
    assert "by the inclusion probabilities" in done.output
    table.assign(reference=table["reference"].where(table.index > 3)).to_csv(run.area / commands.SAMPLE, index=False)
    assert "4 of" in asked("area", "estimate", run.path).output


def test_strata_other_than_the_map_are_those_that_probabilities_tell(run):
    lon, lat = commands.Mapped.of(run.predictions).places(np.array([2010, 2020, 5010, 5020, 9010, 9020]))
    table = pd.DataFrame({"lon": lon, "lat": lat, "stratum": ["north"] * 2 + ["south"] * 4,
                          "inclusion_probability": [0.001] * 2 + [4 / 7800] * 4,
                          "reference": NAMES[[0, 1, 2, 2, 2, 1]]})
    table.to_parquet(run.path / "mine.parquet")
    done = asked("area", "estimate", run.path, "--sample", run.path / "mine.parquet")
    assert done.exit_code == 0, done.output
    found = json.loads((run.report / "areas.json").read_text())
    assert found["strata_ha"] == pytest.approx(2000 * 0.01 + 7800 * 0.01)
    # The map's classes are 95 ha.
    [doubt] = found["doubts"]
    assert doubt in done.output
    assert "98.0 ha, the map's classes 95.0 ha: the sample is of another area than the map" in doubt
    area = {row["class"]: row["estimate"] for row in found["estimates"] if row["measure"] == "area"}
    assert area == {"wheat": pytest.approx(10), "maize": pytest.approx(10 + 19.5), "beet": pytest.approx(58.5)}


@pytest.mark.parametrize(("change", "said"), [
    # Half of a draw tells half the area by its probabilities, and gives it narrow intervals.
    (lambda table: table.iloc[::2].drop(columns=["unit"]), "some of its places were left out"),
    (lambda table: table.assign(stratum="all", inclusion_probability=len(table) / 9500).iloc[::2].drop(
        columns=["unit"]), "given.csv is no sample of this map"),
    # The rare class is 10 ha of 95: without a third of its places the whole is hardly smaller.
    (lambda table: table[(table["stratum"] > 0) | (table.index % 3 > 0)].drop(columns=["unit"]),
     "stratum 0 is "),
    (lambda table: table[(table["stratum"] > 0) | (table.index % 3 > 0)].drop(columns=["unit"]).assign(
        stratum=lambda each: NAMES[each["stratum"]]), "stratum wheat is "),
    (lambda table: table.drop(columns=["inclusion_probability", "stratum", "unit"]), "no inclusion_probability"),
    (lambda table: table.assign(lon=table["lon"].map("{:.7f}".format).str.replace(".", ",")), "is not of numbers"),
    (lambda table: table.assign(stratum=table["stratum"].where(table.index > 0)).drop(columns=["unit"]),
     "have no stratum"),
    (lambda table: table.drop(columns=["lon", "unit"]), "says of no unit what the map has there"),
    (lambda table: table.assign(lon=table["lon"] + 1), "lie outside of the map"),
    (lambda table: table.drop(columns=["reference"]), "lacks the columns reference"),
    (lambda table: table.assign(reference=None), "is labelled yet"),
    (lambda table: table.assign(reference="ble"), "none of the classes in column reference is one of the map's: ble"),
    (lambda table: table.assign(map="ble"), "none of the classes in column map is one of the map's: ble"),
    (lambda table: table.assign(reference=7), "7 in column reference is no class number"),
    (lambda table: table.assign(fold="train", label=0), "holds training samples")])
def test_samples_that_tell_nothing_are_refused_and_leave_no_estimate(run, change, said):
    asked("area", "design", run.path)
    change(labelled(run)).to_csv(run.path / "given.csv", index=False)
    done = asked("area", "estimate", run.path, "--sample", run.path / "given.csv")
    assert done.exit_code == 1
    assert said in done.output
    assert not (run.report / "areas.json").exists()


def test_classes_that_the_map_cannot_show_are_estimated_and_named(run):
    asked("area", "design", run.path)
    table = labelled(run)
    table.loc[:9, "reference"] = "forest"
    table.to_csv(run.area / commands.SAMPLE, index=False)
    done = asked("area", "estimate", run.path)
    assert "The map has no class forest" in done.output
    rows = [line.split()[0] for line in done.output.splitlines()[1:5]]
    assert rows == [*NAMES, "forest"]


def test_names_of_classes_are_matched_whatever_their_case(run):
    asked("area", "design", run.path)
    table = labelled(run)
    asked("area", "estimate", run.path)
    wanted = json.loads((run.report / "areas.json").read_text())["estimates"]
    table.assign(reference=" " + table["reference"].str.upper(), map=NAMES[table["stratum"]]).assign(
        map=lambda each: each["map"].str.title()).to_csv(run.path / "loud.csv", index=False)
    assert asked("area", "estimate", run.path, "--sample", run.path / "loud.csv").exit_code == 0
    assert json.loads((run.report / "areas.json").read_text())["estimates"] == wanted


def test_named_strata_of_the_map_need_no_probabilities(run):
    asked("area", "design", run.path)
    table = labelled(run)
    asked("area", "estimate", run.path)
    wanted = json.loads((run.report / "areas.json").read_text())["estimates"]
    table.assign(stratum=NAMES[table["stratum"]]).drop(columns=["unit", "inclusion_probability"]).to_csv(
        run.path / "named.csv", index=False)
    assert asked("area", "estimate", run.path, "--sample", run.path / "named.csv").exit_code == 0
    assert json.loads((run.report / "areas.json").read_text())["estimates"] == wanted


def test_a_run_without_a_map_is_told_what_makes_one(tmp_path):
    made = runs.create(tmp_path / "run", CONFIGURATION)
    for command in ("design", "estimate"):
        assert "agrispec-gee predict" in asked("area", command, made.path).output
    with pytest.raises(DataError):
        commands.designed(Strata(names=(0,), areas=np.ones(1), units=np.array([900.0])), np.array([0.9]), 0.0)
