"""A temperature is measured where it was not found: no season or region chooses its own."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from agrispec_tf import calibration
from agrispec_tf.calibration import Reliability
from agrispec_tf.protocols.judging import Answers
from agrispec_tf.protocols.scores import Truth
from agrispec_tf.protocols.temperatures import Calibration, Temperatures

RANDOM = np.random.default_rng(4)
LOGITS = RANDOM.normal(0, 4, (6000, 3)).astype(np.float32)
ROWS = {"2022": np.arange(2000), "2023": np.arange(2000, 4000), "2024": np.arange(4000, 6000)}
TOO_SURE = {"2022": 1.5, "2023": 3.0, "2024": 3.0}
"""By how much the logits of each season must be divided to say how often a class is right."""
DIVIDED = LOGITS / np.repeat(list(TOO_SURE.values()), 2000)[:, None]
LABELS = (RANDOM.random((6000, 1)) > softmax(DIVIDED, axis=1).cumsum(axis=1)[:, :-1]).sum(axis=1)
TRUTH = Truth(class_names=("wheat", "maize", "beet"), labels=LABELS, cells=np.full(6000, "c"))
HELD_OUT = tuple(Answers(group=group, rows=rows, probabilities=softmax(LOGITS[rows], axis=1)[None])
                 for group, rows in ROWS.items())


def on_cells(*groups):
    """What models say of other cells of what taught them: there they are as sure as they may be."""
    rows = np.arange(0, 6000, 3)
    return tuple(Answers(group=group, rows=rows, probabilities=softmax(DIVIDED[rows], axis=1)[None])
                 for group in groups)


def found(labels=LABELS, held_out=HELD_OUT, cells=("2022", "2023")):
    return Temperatures.found(held_out, on_cells(*cells), labels, calibration.TINY)


def test_a_known_temperature_is_found_from_the_others():
    of_others = found().of_others
    assert of_others["2022"] == pytest.approx(3.0, rel=0.1)
    two = found(held_out=HELD_OUT[:2])
    assert two.of_others == {"2022": pytest.approx(3.0, rel=0.1), "2023": pytest.approx(1.5, rel=0.1)}
    assert 1.5 < two.of_all < 3.0
    assert two.on_cells == {"2022": pytest.approx(1.0, rel=0.1), "2023": pytest.approx(1.0, rel=0.1)}


@pytest.mark.parametrize("group", ROWS)
def test_a_season_never_calibrates_itself(group):
    own = np.isin(np.arange(6000), ROWS[group])
    before, after = found(), found(np.where(own, (LABELS + 1) % 3, LABELS))
    assert after.of_others[group] == before.of_others[group]
    for other in set(ROWS) - {group}:
        assert after.of_others[other] > before.of_others[other]
    assert after.of_all > before.of_all


def test_seeds_count_alike():
    one = replace(HELD_OUT[1], probabilities=np.concatenate([HELD_OUT[1].probabilities] * 4))
    assert found(held_out=(HELD_OUT[0], one)).of_all == pytest.approx(
        found(held_out=(HELD_OUT[0], *(replace(HELD_OUT[1], group=str(n)) for n in range(4)))).of_all)


def test_what_temperatures_are_worth_is_what_numpy_says_of_tempered_softmax_the_worst_first():
    sure = Temperatures(on_cells={"2022": 0.5, "2023": 1.0}, of_others={"2022": 3.0, "2023": 1.5, "2024": 3.0},
                        of_all=2.0, pseudocount=calibration.TINY)
    told = Calibration.of(TRUTH, {"forest": HELD_OUT}, {"forest": sure})
    for row in told.rows:
        labels, logits = LABELS[ROWS[row["group"]]], LOGITS[ROWS[row["group"]]].astype(np.float64)
        assert row["accuracy"] == (logits.argmax(axis=1) == labels).mean()
        for source, by_group in (("cells", sure.on_cells), ("others", sure.of_others)):
            if (temperature := by_group.get(row["group"])) is None:
                assert row[f"{source}_temperature"] is row[f"{source}_confidence"] is row[f"{source}_ece"] is None
                continue
            given = softmax(logits / temperature, axis=1)
            assert row[f"{source}_confidence"] == pytest.approx(given.max(axis=1).mean(), abs=1e-5)
            assert row[f"{source}_ece"] == pytest.approx(Reliability.of(given, labels).ece, abs=2e-3)
    errors = [row["others_ece"] for row in told.rows]
    assert errors == sorted(errors, reverse=True)
    assert [row["group"] for row in told.rows][-1] == "2024"  # the only one whose temperature is right
    assert told.of_all == {"forest": 2.0}
    assert told.reliability["forest"]["others"].counts.sum() == 6000
    assert told.worth("forest")["2024"] == [None, min(errors)]


@pytest.mark.parametrize("lacking", [*ROWS, None])
def test_curves_are_drawn_of_the_same_samples_and_that_of_the_others_last(lacking):
    of_others = dict.fromkeys(ROWS, 2.0)
    used = Temperatures(on_cells={group: 0.5 for group in ROWS if group != lacking}, of_others=of_others, of_all=2.0,
                        pseudocount=calibration.TINY)
    curves = Calibration.of(TRUTH, {"forest": HELD_OUT}, {"forest": used}).reliability["forest"]
    assert list(curves) == (["others"] if lacking else ["cells", "others"])
    for source, temperature in (("cells", 0.5), ("others", 2.0)):
        if source in curves:
            expected = Reliability.of(softmax(LOGITS / temperature, axis=1), LABELS)
            np.testing.assert_array_equal(curves[source].counts.sum(), 6000)
            assert curves[source].ece == pytest.approx(expected.ece, abs=2e-3)


def test_at_a_temperature_of_one_votes_stay_as_they_are():
    votes = np.array([[[1.0, 0.0, 0.0], [0.6, 0.4, 0.0]]], np.float32)
    answers = (Answers(group="2022", rows=np.arange(2), probabilities=votes),)
    one = Temperatures(on_cells={}, of_others={"2022": 1.0}, of_all=1.0, pseudocount=calibration.VOTES)
    [row] = Calibration.of(TRUTH, {"forest": answers}, {"forest": one}).rows
    assert row["others_confidence"] == pytest.approx(0.8, abs=1e-6)
