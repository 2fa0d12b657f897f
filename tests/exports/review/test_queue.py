"""The queue holds what is not confident, in order, and says of which predictions."""

import pandas as pd
import pytest

from agrispec.errors import CorruptRecord, DataError, RunError
from agrispec_tf import triage
from exports import manifest, parcels, predictions, runs
from exports.review import queue

from .conftest import EVIL, write_parcels, write_predictions


def test_what_is_not_confident_waits_in_order_of_its_score(run, waiting):
    table = pd.read_parquet(run.predictions / parcels.FILE)
    assert set(waiting.table["parcel_id"]) == set(table.loc[table["confident"] == 0, "parcel_id"])
    assert waiting.table["rank"].tolist() == list(range(1, len(waiting.table) + 1))
    assert waiting.table["score"].is_monotonic_decreasing
    # One cell and two pairs of classes: the first of each pair lead.
    assert set(waiting.table["class"][:2]) == {0, 1}


def test_a_queue_that_is_read_is_the_one_that_was_made(run, waiting):
    found = queue.read(run)
    pd.testing.assert_frame_equal(found.table, waiting.table)
    card = predictions.card(run.predictions)
    assert found.about["class_digest"] == card["class_digest"]
    assert found.about["parcels_digest"] == manifest.digest(run.predictions / parcels.FILE)


def test_a_queue_of_other_predictions_is_refused(run, waiting):
    write_predictions(run, confident=(1,))
    with pytest.raises(RunError, match="of other predictions"):
        queue.read(run)


def test_where_all_is_confident_nothing_waits_and_it_is_said(run):
    write_predictions(run, confident=range(99))
    with pytest.raises(DataError, match="all 30 parcels are predicted with a probability of 0.65 or more"):
        queue.make(run, "parcel_id", triage.ranking)


def test_a_run_without_parcels_or_queue_says_what_makes_them(run):
    with pytest.raises(RunError, match="agrispec-gee review queue"):
        queue.read(run)
    (run.predictions / parcels.FILE).unlink()
    with pytest.raises(RunError, match=r"\[labels\] parcels"):
        queue.make(run, "parcel_id", triage.ranking)


def test_a_table_without_a_column_is_named_with_it(run):
    write_parcels(run, pd.read_parquet(run.predictions / parcels.FILE).drop(columns=["entropy"]))
    with pytest.raises(CorruptRecord, match="lacks the columns entropy"):
        queue.make(run, "parcel_id", triage.ranking)


def test_a_file_that_is_no_queue_is_refused(run, waiting):
    (run.review / queue.FILE).write_bytes(b"PAR1")
    with pytest.raises(CorruptRecord, match="is not a queue"):
        queue.read(run)


def test_class_numbers_that_mean_other_classes_by_now_are_refused(run, waiting):
    text = run.config_file.read_text()
    text = text.replace(f'"{EVIL}"', '"?"').replace('"wheat"', f'"{EVIL}"').replace('"?"', '"wheat"')
    run.config_file.write_text(text)
    changed = runs.open(run.path)
    for refused in (lambda: queue.read(changed), lambda: queue.make(changed, "parcel_id", triage.ranking)):
        with pytest.raises(DataError, match=r"class [01] is .* in \[\[classes\]\]"):
            refused()


def test_a_queue_whose_predictions_are_gone_says_what_makes_them(run, waiting):
    (run.predictions / parcels.FILE).unlink()
    with pytest.raises(RunError, match="has no predicted parcels"):
        queue.read(run)
