"""Groups come with the class mixes of what taught them and what they are judged by."""

import numpy as np
import pytest

from agrispec_tf.protocols import trials
from agrispec_tf.protocols.dates import Known
from agrispec_tf.protocols.judging import Answers
from agrispec_tf.protocols.names import DATE, SEASON
from agrispec_tf.protocols.results import results
from agrispec_tf.protocols.scores import Truth

RANDOM = np.random.default_rng(8)
SEASONS = np.repeat([2022, 2023], 60)
LABELS = np.where(SEASONS == 2022, RANDOM.integers(0, 2, 120), RANDOM.integers(0, 4, 120) // 3)
CELLS = np.array([f"c{number}" for number in np.arange(120) % 31 // 3])
TRUTH = Truth(class_names=("wheat", "maize"), labels=LABELS, cells=CELLS)


def told(protocol, carried_out):
    rows = {trial.group: np.sort(np.concatenate([other.judged for other in carried_out if other.group == trial.group]))
            for trial in carried_out}
    answers = tuple(Answers(group=group, rows=its, probabilities=np.eye(2)[LABELS[its][None]])
                    for group, its in rows.items())
    return results(protocol, carried_out, TRUTH, {"forest": answers}, seasons=(2022, 2023), simulated=False,
                   share_seen=RANDOM.random(120), hectares=None, calibration=None)


def test_the_mix_of_a_season_is_that_of_its_samples_beside_that_of_what_taught():
    found = told(SEASON, trials.leave_one_season_out(LABELS, CELLS, SEASONS))
    of = {(row["group"], row["class"]): row for row in found.class_mix}
    # Five folds teach every sample of the other season four times.
    assert of["2022", "maize"]["judged"] == pytest.approx(LABELS[:60].mean()) == of["2023", "maize"]["taught"]
    assert of["2023", "maize"]["judged"] == pytest.approx(LABELS[60:].mean()) == of["2022", "maize"]["taught"]
    assert all(row["macro_f1"] == 1 for row in [*found.groups, *found.overall])
    assert [row["samples"] for row in found.overall] == [120]


def test_the_shift_of_a_group_is_the_mean_of_its_trials():
    carried_out = trials.in_season(LABELS, CELLS, [Known(stop=stop, day=stop, name=str(stop)) for stop in (3, 5)])
    apart = [abs(LABELS[trial.teaching].mean() - LABELS[trial.judged].mean()) * len(trial.judged)
             for trial in carried_out if trial.group == "5"]
    for row in told(DATE, carried_out).groups:
        assert row["prior_shift"] == pytest.approx(np.sum(apart) / 120)
