"""Tables of places say what they count."""


import pandas as pd
import pytest

from agrispec.errors import DataError
from exports import samples


def test_tables_say_what_they_count(told, run):
    samples.write_truth(run.truth, pd.DataFrame({"row": [70, 71, 72], "label": [1, 0, 1]}))
    assert told(run.samples)["places"] == told(run.path)["places"]
    assert told(run.truth)["labels"][1] == "wheat 1, maize 2"
    other = run.path / "other.parquet"
    other.write_bytes(pd.DataFrame({"a": [1]}).to_parquet())
    with pytest.raises(DataError, match="neither samples nor truth"):
        told(other)
