"""Choices follow from numbers that know no label of the target; costs are told against the best rung."""

import pytest

from agrispec_tf.adaptation import choices

NUMBERS = {"source": {"source": 0.9, "information": 0.5, "density": 4.0, "weighted": 1.0},
           "adabn": {"source": 0.8, "information": 0.7, "density": 4.0, "weighted": 0.9},
           "grl": {"source": 0.7, "information": 0.6, "density": 3.0, "weighted": 1.0}}
MACRO_F1 = {"source": 0.50, "adabn": 0.65, "grl": 0.70}


def test_each_validator_chooses_its_highest_and_of_equals_the_lower_rung():
    assert choices.by_validator(NUMBERS) == {"source": "source", "information": "adabn", "density": "source",
                                             "weighted": "source"}


def test_the_rung_of_the_highest_information_is_taken():
    assert choices.taken(NUMBERS) == "adabn"


def test_costs_are_what_the_best_rung_has_more():
    found = {cost.by: cost for cost in choices.costs(NUMBERS, MACRO_F1)}
    assert found["information"].lost == pytest.approx(0.05)
    assert found["source"].lost == pytest.approx(0.20)
    assert (found["oracle"].rung, found["oracle"].lost) == ("grl", 0)
    assert list(found)[-1] == "oracle"


def test_ladders_are_found_among_other_stages():
    stages = {"export": {}, "adapt tempcnn": {"validators": NUMBERS}, "adapt tempcnn-grl": {"training": {}}}
    assert choices.ladders(stages) == {"tempcnn": NUMBERS}


def test_lines_say_which_choice_is_taken_and_which_nobody_can_know():
    lines = list(choices.in_words("tempcnn", choices.costs(NUMBERS, MACRO_F1)))
    assert "tempcnn" in lines[0]
    assert sum("(taken)" in line for line in lines) == 1
    assert "information (taken)" in lines[2]
    assert "macro-F1 0.650, 0.050 below the best" in lines[2]
    assert "nobody" in lines[-1]


def test_a_ladder_that_was_judged_in_part_is_not_told():
    stages = {"adapt tempcnn": {"validators": NUMBERS}}
    judged = {f"tempcnn-{rung}": f1 for rung, f1 in MACRO_F1.items()}
    assert list(choices.told(stages, judged)) == list(choices.in_words("tempcnn", choices.costs(NUMBERS, MACRO_F1)))
    assert not list(choices.told(stages, {name: f1 for name, f1 in judged.items() if name != "tempcnn-grl"}))
