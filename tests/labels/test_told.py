"""What harmonising tells."""

from pathlib import Path

from labels import told
from labels.commands import Did


def test_only_what_was_found_is_told():
    made = Did(parcels=3, crops=4, flagged={"small": 0, "repaired": 2}, left_out={"without a code": 1})
    assert [line.split() for line in told.harmonised(made, Path("made.parquet"))] == [
        ["3", "parcels:"], ["1", "more", "without", "a", "code,", "which", "are", "left", "out"], ["2", "repaired"],
        ["4", "crops", "in", "made.parquet"]]
    small = Did(parcels=3, crops=3, flagged={"small": 1}, left_out={})
    assert "         1 small (below 0.5 ha)" in "\n".join(told.harmonised(small, Path("made.parquet")))
