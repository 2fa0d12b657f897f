"""What stands follows from all verdicts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.errors import DataError
from exports.review import verdicts
from exports.review.verdicts import Verdict


def said(parcel, word, name=None, reviewer="anna", season=2024, shape=None):
    return Verdict(parcel=parcel, verdict=word, class_name=name, reviewer=reviewer, time=verdicts.now(), season=season,
                   model="m", prediction="p", shape=shape)


@pytest.mark.parametrize("wrong", [{"verdict": "perhaps"}, {"class_name": None}, {"reviewer": " "},
                                   {"reviewer": "a\nb"}, {"reviewer": "x" * 81}])
def test_a_verdict_that_cannot_be_is_refused(wrong):
    with pytest.raises(DataError):
        Verdict(**{"parcel": "1", "verdict": "accept", "class_name": "wheat", "reviewer": "anna", "time": "",
                   "model": "", "season": 2024, "prediction": "", **wrong})


def test_the_latest_of_each_reviewer_stands_and_an_undo_brings_back_the_one_before():
    given = [said("1", "accept", "wheat"), said("1", "correct", "maize"), said("1", "accept", "wheat", "ben")]
    stands = verdicts.standing(given, 2024)
    assert stands["1"]["anna"].class_name == "maize"
    assert verdicts.agreed(stands) == ({}, ["1"])
    stands = verdicts.standing([*given, said("1", "undo")], 2024)
    assert stands["1"]["anna"].class_name == "wheat"
    assert verdicts.agreed(stands) == ({"1": "wheat"}, [])
    assert set(verdicts.standing([*given, said("1", "undo"), said("1", "undo")], 2024)["1"]) == {"ben"}


def test_who_skips_does_not_disagree_and_other_seasons_are_other_parcels():
    given = [said("1", "accept", "wheat"), said("1", "skip", reviewer="ben"),
             said("1", "correct", "maize", season=2023)]
    assert verdicts.agreed(verdicts.standing(given, 2024)) == ({"1": "wheat"}, [])


@given(st.lists(st.tuples(st.sampled_from("12"), st.sampled_from("ab"), st.sampled_from(["wheat", "maize", None]))))
def test_undoing_everything_leaves_nothing(drawn):
    given = [said(parcel, "skip" if name is None else "correct", name, reviewer) for parcel, reviewer, name in drawn]
    undone = [said(each.parcel, "undo", reviewer=each.reviewer) for each in given]
    assert verdicts.standing(given + undone, 2024) == {}


@given(st.lists(st.tuples(st.sampled_from("12"), st.sampled_from("ab"), st.sampled_from(["wheat", "maize", "undo"]),
                          st.sampled_from(["old", "new", None])), min_size=1))
def test_what_was_handed_out_of_a_parcel_never_changes_and_verdicts_that_do_not_count_change_nothing(drawn):
    kept = verdicts.Tally(2024, {"1": "new", "2": "old"})
    for parcel, reviewer, name, shape in drawn:
        shown = dict(kept.stands)
        before = {parcel: dict(by) for parcel, by in shown.items()}
        counts = kept.add(said(parcel, "undo" if name == "undo" else "correct", None if name == "undo" else name,
                               reviewer, shape=shape))
        assert counts == (shape is None or (parcel, shape) in (("1", "new"), ("2", "old")))
        assert shown == before
        if not counts:
            assert kept.stands == before


def test_a_verdict_counts_for_the_outline_that_was_looked_at():
    given = (said("1", "correct", "wheat", shape="old"), said("2", "correct", "wheat", shape="old"),
             said("3", "correct", "wheat"), said("4", "skip"))
    shapes = {"1": "new", "2": "old", "3": "old"}
    assert set(verdicts.standing(given, 2024, shapes)) == {"2", "3"}
    assert [each.parcel for each in verdicts.gone(given, 2024, shapes)] == ["1", "4"]


