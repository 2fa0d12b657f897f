"""What reviewers agree on teaches, from cells that may teach, and its cubes are asked for once."""

import json

import numpy as np
import pandas as pd
import pytest
import shapely
from click.testing import CliRunner

import cli
from agrispec.errors import DataError, RunError
from agrispec_tf import run_models
from agrispec_tf.collected import Collected
from exports import manifest, shards
from exports.review import fetching, log, queue, taught, verdicts
from exports.review.log import Log
from exports.review.verdicts import Verdict

from .conftest import EVIL, NAMES, write_parcels


def judge(run, waiting, *rows, shape=None):
    """Add verdicts (position in the queue, class or None, reviewer) on a run's queue."""
    Log(run.review, NAMES).append(
        Verdict(parcel=waiting.table["parcel_id"][position], verdict="skip" if name is None else "correct",
                class_name=name, reviewer=reviewer, time=verdicts.now(), season=2023, model="m", prediction="p",
                shape=shape)
        for position, name, reviewer in rows)


def fetch(run, told=None):
    with cli._opened(run.path) as opened:
        fetching.fetch(opened.run, opened.config, opened.engine, opened.graphs,
                       (lambda done: None) if told is None else told.append)


def split(run, **shares):
    """Hold shares of the cells out."""
    text = run.config_file.read_text()
    for name, share in shares.items():
        text = text.replace(f"{name} = 0\n", f"{name} = {share}\n")
    run.config_file.write_text(text)


def test_pixels_are_inside_spread_and_few():
    field = shapely.box(4.501, 48.701, 4.509, 48.705)
    found = fetching.pixels(field, 10.0)
    assert len(found) == fetching.MOST_PIXELS == len(np.unique(found, axis=0))
    assert shapely.contains_xy(field, found).all()
    # A pixel's width from the edge, and over the whole field.
    assert (shapely.distance(shapely.points(found), field.exterior) > 8e-5).all()
    assert np.ptp(found, axis=0) == pytest.approx([0.008, 0.004], rel=0.2)
    sliver = shapely.box(4.501, 48.701, 4.50102, 48.709)
    assert shapely.contains_xy(sliver, fetching.pixels(sliver, 10.0)).all()


def test_only_what_is_agreed_on_is_fetched_and_only_once(run, waiting):
    judge(run, waiting, (0, "wheat", "anna"), (1, EVIL, "anna"), (1, "wheat", "ben"), (2, None, "anna"))
    told = []
    fetch(run, told)
    assert len(told) == 1
    fetch(run, told)
    assert len(told) == 1
    cubes, table, about = taught.read(run, run.config)
    assert set(table["label"]) == {0}
    assert len(cubes.rows) == len(table) == about["samples"] == 4  # pixels a width inside of 4 x 4
    assert about | {"verdicts": ""} == {"season": 2023, "reviewers": {"anna": 1}, "disputed": 1, "held_out": 0,
                                        "gone": 0, "verdicts": "", "parcels": 1, "samples": 4}
    judge(run, waiting, (1, "wheat", "anna"))
    fetch(run, told)
    assert len(told) == 2
    cubes, table, about = taught.read(run, run.config)
    assert (about["parcels"], about["disputed"], about["reviewers"]) == (2, 0, {"anna": 2, "ben": 1})
    assert len(np.unique(cubes.rows)) == len(cubes.rows) == 8
    # The cubes are those that the export has of the same places.
    mapped = shards.read(run.shards, run.config.spec)
    assert cubes.values.shape[1:] == mapped.values.shape[1:]
    assert (cubes.counts > 0).any()


def test_what_an_interrupted_fetch_left_goes_and_another_cube_begins_anew(run, waiting):
    judge(run, waiting, (0, "wheat", "anna"))
    fetch(run)
    [file] = (run.review / "cubes").glob("*.tfrecord.gz")
    (run.review / "cubes" / "2023-left-0000000.tfrecord.gz").write_bytes(file.read_bytes())
    fetch(run)
    assert len(taught.read(run, run.config)[0].rows) == 4
    run.config_file.write_text(run.config_file.read_text().replace("[samples]", "[clear]\nthreshold = 0.6\n[samples]"))
    told = []
    fetch(run, told)
    assert len(told) == 1
    assert shards.cube_of(run.review / "cubes") == run.config.spec


def test_parcels_of_cells_that_are_held_out_never_teach(run, waiting):
    judge(run, waiting, (0, "wheat", "anna"))
    split(run, test=0.999)
    with pytest.raises(DataError, match="1 parcels lie in cells of validation or test"):
        fetch(run)


def test_without_verdicts_it_says_how_to_give_them(run, waiting):
    with pytest.raises(RunError, match="agrispec-gee review serve"):
        fetch(run)


def test_a_model_trained_with_review_learns_from_it_says_so_and_stands_beside_the_other(run, waiting):
    judge(run, waiting, (0, EVIL, "anna"), (1, "wheat", "anna"), (2, "wheat", "ben"))
    for more in ([], ["--with-review"]):
        done = CliRunner().invoke(cli.main, ["train", str(run.path), "--model", "forest", *more],
                                  catch_exceptions=False)
        assert done.exit_code == 0, done.output
    assert "12 samples are of 3 reviewed parcels; 0 are disputed, 0 lie in" in done.stdout
    assert f"evaluate {run.path}" in done.stdout
    stages = manifest.read(run.path)["stages"]
    plain, reviewed = (stages[f"train {name}"]["training"] for name in ("forest", "forest-reviewed"))
    assert "review" not in plain
    assert reviewed["training_samples"] == plain["training_samples"] + 12
    assert reviewed["review"]["reviewers"] == {"anna": 2, "ben": 1}
    assert reviewed["review"]["verdicts"] == manifest.digest(run.review / log.FILE)
    assert reviewed["review"]["target_open"] is False
    card = (run.models / "forest-reviewed" / "card.md").read_text()
    assert "12 are pixels of 3 parcels of season 2023, judged by anna (2), ben (1)" in card
    assert "judged by" not in (run.models / "forest" / "card.md").read_text()
    trained = run_models.load(run, run.config, "forest-reviewed")
    assert run_models.made_by(run, "forest-reviewed", trained).endswith("--model forest --with-review")


def test_reviewed_samples_join_those_that_train_and_no_others(run, waiting):
    judge(run, waiting, (0, EVIL, "anna"))
    fetch(run)
    without, found = Collected(run, run.config), Collected(run, run.config, reviewed=True)
    more = found.labelled("train")
    assert len(more) == len(without.labelled("train")) + 4
    assert more.labels[-4:].tolist() == [1] * 4
    assert len(set(more.ids.tolist())) == len(more)
    for fold in ("validation", "test"):
        assert len(found.labelled(fold)) == len(without.labelled(fold))
    assert len(found.labelled("train", [2023])) == len(without.labelled("train"))


def test_a_parcel_of_other_predictions_is_fetched_again_where_its_shape_changed(run, waiting):
    judge(run, waiting, (0, "wheat", "anna"))
    fetch(run)
    table = pd.read_parquet(run.predictions / "parcels.parquet")
    at = table.index[table["parcel_id"] == waiting.table["parcel_id"][0]][0]
    table.at[at, "geometry"] = shapely.to_wkb(shapely.affinity.scale(shapely.from_wkb(table.at[at, "geometry"]), 0.9))
    write_parcels(run, table)
    told = []
    fetch(run, told)
    assert len(told) == 1
    card = json.loads((run.predictions / "prediction.json").read_text())
    (run.predictions / "prediction.json").write_text(json.dumps(card | {"season": 2024}))
    with pytest.raises(DataError, match="no parcel of season 2024 has a verdict with a class"):
        fetch(run)


def test_a_verdict_on_another_outline_of_its_parcel_teaches_nothing_and_is_told_of(run, waiting):
    digests = list(queue.shapes_of(waiting.table, "parcel_id").values())
    judge(run, waiting, (0, "wheat", "anna"), shape=digests[0])
    judge(run, waiting, (1, EVIL, "anna"), (2, None, "anna"), shape="00000000")
    judge(run, waiting, (1, "wheat", "ben"), shape=digests[1])
    done = CliRunner().invoke(cli.main, ["train", str(run.path), "--model", "forest", "--with-review"],
                              catch_exceptions=False)
    assert "8 samples are of 2 reviewed parcels; 0 are disputed, 0 lie in" in done.stdout
    assert "; 1 verdicts are of parcels, or outlines of them, that the map does not have any more" in done.stdout
    _, table, about = taught.read(run, run.config)
    assert set(table["label"]) == {0}
    assert (about["gone"], about["reviewers"]) == (1, {"anna": 1, "ben": 1})


def test_where_all_verdicts_are_on_other_outlines_it_is_said(run, waiting):
    judge(run, waiting, (0, "wheat", "anna"), shape="00000000")
    with pytest.raises(DataError, match="and 1 verdicts are of parcels, or outlines of them, that the map does not"):
        fetch(run)
