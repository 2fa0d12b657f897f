"""Progress that is kept up is the one that a count of everything gives."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from exports.review import verdicts
from exports.review.progress import Progress
from exports.review.verdicts import Tally

from .test_verdicts import said

IDS = ("a", "b", "c", "d")
KNOWN = {parcel: "here" for parcel in (*IDS, "not queued")}

lines = st.lists(st.builds(
    lambda parcel, name, reviewer, season, shape: said(
        parcel, {"undo": "undo", "skip": "skip"}.get(name, "correct"), None if name in ("undo", "skip") else name,
        reviewer, season, shape),
    st.sampled_from([*IDS, "not queued", "not predicted"]), st.sampled_from(["wheat", "maize", "skip", "undo"]),
    st.sampled_from(["anna", "anna", "ben"]), st.sampled_from([2024] * 9 + [2023]),
    st.sampled_from([None] * 8 + ["here", "old"])), max_size=12)


def counted(known, position):
    """The same from all verdicts at once, and anna's latest position."""
    stands = verdicts.standing(known, 2024, KNOWN)
    judged = {"anna": 0}
    for parcel in IDS:
        for reviewer in stands.get(parcel, {}):
            judged[reviewer] = judged.get(reviewer, 0) + 1
    left = [at for at, parcel in enumerate(IDS) if "anna" not in stands.get(parcel, {})]
    later = [at for at in left if at > position]
    latest = next((IDS.index(each.parcel) for each in reversed(known)
                   if each.reviewer == "anna" and each.verdict != "undo" and each.season == 2024
                   and each.shape in (None, "here") and each.parcel in IDS
                   and "anna" in stands.get(each.parcel, {})), None)
    return {"judged": judged, "disputed": len(verdicts.agreed(stands)[1]), "next": next(iter(later or left), None)}, \
        latest


@settings(max_examples=500)
@given(lines, st.integers(-1, len(IDS) - 1))
def test_progress_that_is_kept_up_is_that_of_all_verdicts(known, position):
    kept = Progress(Tally(2024, KNOWN), np.array(IDS, object), "anna")
    for number, verdict in enumerate(known, 1):
        kept.add(verdict)
        assert (kept.after(position), kept.latest) == counted(known[:number], position)
