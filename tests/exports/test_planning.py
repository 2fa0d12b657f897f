"""Every sample is exported by exactly one task, of its own season and cell."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from exports import planning

cells = st.sampled_from(["E0045N0487", "E0046N0487", "W0001S0001"])
samples = st.lists(st.tuples(st.sampled_from([2022, 2023]), cells), min_size=1, max_size=60)


def table(drawn):
    return pd.DataFrame([{"row": row, "lon": 4.5 + row / 1000, "lat": 48.7, "cell": cell, "season": season}
                         for row, (season, cell) in enumerate(drawn)])


@given(samples, st.integers(1, 20))
def test_shards_hold_every_sample_once_and_none_is_too_large(drawn, per_task):
    found = table(drawn)
    shards = list(planning.shards(found, per_task))
    assert sorted(row for shard in shards for row, _, _ in shard.at) == found["row"].tolist()
    assert max(len(shard.at) for shard in shards) <= per_task
    assert len({shard.name for shard in shards}) == len(shards)
    for shard in shards:
        for row, lon, _ in shard.at:
            assert found.loc[row, ["season", "cell", "lon"]].tolist() == [shard.season, shard.cell.id, lon]


@given(samples, st.integers(1, 20))
def test_the_same_samples_give_the_same_shards(drawn, per_task):
    assert list(planning.shards(table(drawn), per_task)) == list(planning.shards(table(drawn), per_task))


def test_a_request_id_follows_from_its_parts_alone():
    assert planning.request_id("a", "b") == planning.request_id("a", "b")
    assert len({planning.request_id(*parts) for parts in [("a", "b"), ("a", "c"), ("ab",), ("a", "b", "")]}) == 4
