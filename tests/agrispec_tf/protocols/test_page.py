"""What is said on the terminal and on the page is what the tables hold."""

import numpy as np
import pytest

from agrispec_tf.protocols import page, trials
from agrispec_tf.protocols.dates import Known
from agrispec_tf.protocols.judging import Answers
from agrispec_tf.protocols.names import DATE, GROUPS, SPATIAL
from agrispec_tf.protocols.results import results
from agrispec_tf.protocols.scores import Truth

RANDOM = np.random.default_rng(2)
LABELS = np.arange(60) % 2
CELLS = np.array([f"c{number}" for number in np.arange(60) // 6])
TRUTH = Truth(class_names=("wheat", "maize"), labels=LABELS, cells=CELLS)


def found(protocol, models, seeds=2, simulated=True, hectares=None):
    if protocol == DATE:
        known = [Known(stop=stop, day=16 * stop, name=f"date {stop}") for stop in (9, 4)]
        carried_out = trials.in_season(LABELS, CELLS, known)
    else:
        carried_out = trials.spatial_cv(LABELS, CELLS)
    groups = dict.fromkeys(trial.group for trial in carried_out)
    rows = {group: np.sort(np.concatenate([trial.judged for trial in carried_out if trial.group == group]))
            for group in groups}
    answers = {model: tuple(Answers(group=group, rows=its, probabilities=np.eye(2)[np.where(
        RANDOM.random((seeds, len(its))) < 0.1 * (1 + number), 1 - LABELS[its], LABELS[its])])
        for number, (group, its) in enumerate(rows.items())) for model in models}
    return results(protocol, carried_out, TRUTH, answers, seasons=(2023,), simulated=simulated,
                   share_seen=RANDOM.random(60), hectares=hectares, calibration=None)


def test_one_model_is_compared_with_none():
    alone, two = (list(page.lines(found(SPATIAL, models))) for models in (("forest",), ("forest", "hgb")))
    assert not [line for line in alone if "against" in line]
    assert [line for line in two if "macro-F1 against forest" in line]
    assert alone[0] == "spatial-cv (simulated): 60 labelled samples of 10 cells, season 2023; 2 seeds"


def test_columns_stand_below_their_headings_the_worst_first():
    said = list(page.lines(found(SPATIAL, ("forest", "hgb"))))
    head, *rows = said[2:13]
    assert len({len(row) for row in (head, *rows)}) == 1
    assert head.startswith("fold")
    means = [float(row[head.index("macro-F1") - 6:].split(" ±")[0].split()[-1]) for row in rows]
    pairs = np.array(means).reshape(-1, 2).mean(axis=1)
    assert (np.diff(pairs) > -1e-3).all()


def test_dates_stand_in_their_order_and_the_last_one_is_summed_up():
    told = found(DATE, ("forest",))
    assert [row["group"] for row in told.groups] == ["date 9", "date 4"]
    assert told.overall[0]["macro_f1"] == told.groups[-1]["macro_f1"]
    said = page.markdown(told, [])
    assert "## By date, in their order" in said
    assert "## Most confused, until date 4" in said
    assert "| class | all dates |" in said


@pytest.mark.parametrize("protocol", [SPATIAL, DATE])
def test_what_is_not_simulated_or_has_no_parcels_does_not_say_so(protocol):
    said = page.markdown(found(protocol, ("forest",), simulated=False), [])
    assert "simulated" not in said
    assert "parcel" not in said
    hectares = np.where(np.arange(60) < 50, 1.0, np.nan)
    assert "10 of 60 samples lie in no parcel." in page.markdown(found(protocol, ("forest",), hectares=hectares), [])
    assert GROUPS[protocol] in said


def test_pictures_are_shown_with_what_they_are():
    assert "![A curve](dates.png)\n\nA curve.\n" in page.markdown(found(DATE, ("forest",)), [("dates.png", "A curve")])
