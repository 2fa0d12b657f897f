"""Every sample is exported by exactly one task, of its own season and cell, within the limits of the service."""

import gzip
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec import config
from agrispec.cube import preset
from agrispec.engine import QUEUED_TASKS, REQUEST_BYTES
from agrispec.formats import example
from agrispec.grid import Cell
from agrispec.sample import MOST_ROWS
from agrispec.season import Season
from exports import planning, schema
from gee_scripts import export
from gee_scripts.engine import embedded

from ..configuration import configuration

CELLS = ["E0045N0487", "E0046N0487", "W0001S0001"]
CONFIG = config.parse(configuration(area={"cells": CELLS[:2]}, season={"source": [2022, 2023]},
                                    samples={"per_class": 30, "per_cell": 70, "per_task": 50}))
SAMPLES = st.lists(st.tuples(st.sampled_from([2022, 2023]), st.sampled_from(CELLS)), min_size=1, max_size=60)


def table(drawn):
    """Samples of these seasons and cells; row numbers with gaps, as of an export that had to leave some out."""
    return pd.DataFrame([{"row": 3 * row + 1, "lon": 4.5 + row / 1000, "lat": 48.7, "cell": cell, "season": season}
                         for row, (season, cell) in enumerate(drawn)])


@given(SAMPLES, st.integers(1, 20))
def test_shards_hold_every_sample_once_and_none_is_too_large(drawn, per_task):
    found = table(drawn)
    shards = planning.shards(found, per_task)
    assert sorted(row for shard in shards for row in shard.rows) == found["row"].tolist()
    assert max(len(shard.rows) for shard in shards) <= per_task
    assert len({shard.name for shard in shards}) == len(shards)
    by_row = found.set_index("row")
    for shard in shards:
        for row, lon, lat in planning.at(found, shard.rows):
            assert by_row.loc[row].tolist() == [lon, lat, shard.cell.id, shard.season]


@given(SAMPLES, st.integers(1, 20))
def test_the_same_samples_give_the_same_shards(drawn, per_task):
    first, second = (planning.shards(table(drawn), per_task) for _ in range(2))
    assert [(shard.name, shard.rows.tolist()) for shard in first] == [
        (shard.name, shard.rows.tolist()) for shard in second]


@given(SAMPLES, st.integers(1, 20))
def test_an_outline_counts_what_the_shards_are(drawn, per_task):
    found = table(drawn)
    asked = replace(CONFIG, samples=config.Samples(per_task=per_task))
    shards, outline = planning.shards(found, per_task), planning.outline(found, asked)
    assert (outline.tasks, outline.records) == (len(shards), len(found))


@given(st.integers(2, 50))
def test_halves_are_the_whole(count):
    shard = planning.Shard(name="2023/x-000", season=2023, cell=Cell.parse(CELLS[0]), rows=np.arange(count))
    first, second = shard.halves()
    np.testing.assert_array_equal(np.concatenate([first.rows, second.rows]), shard.rows)
    assert abs(len(first.rows) - len(second.rows)) <= 1
    assert {first.name, second.name} == {"2023/x-000a", "2023/x-000b"}


@given(SAMPLES, st.integers(1, 20), st.integers(1, 9))
def test_representative_shards_are_some_of_the_shards_each_once(drawn, per_task, count):
    shards = planning.shards(table(drawn), per_task)
    chosen = [shard.name for shard in planning.representative(shards, count)]
    assert len(set(chosen)) == len(chosen) == min(count, len(shards))
    assert set(chosen) <= {shard.name for shard in shards}


def test_representative_shards_are_of_all_sizes_and_seasons():
    sizes = range(1, 31)
    shards = [planning.Shard(name=f"{season}/x-{size:03d}", season=season, cell=Cell.parse(CELLS[0]),
                             rows=np.arange(size)) for season in (2022, 2023) for size in sizes]
    chosen = planning.representative(shards, 6)
    assert [shard.season for shard in chosen] == [2022] * 3 + [2023] * 3
    # The mean size of the chosen ones is that of all.
    assert np.mean([len(shard.rows) for shard in chosen]) == pytest.approx(np.mean(sizes), abs=1)


def test_before_places_are_drawn_an_outline_tells_the_most():
    outline = planning.most(CONFIG)
    assert not outline.exact
    assert outline.records == 2 * (2 * 2 * 30 + 70)
    assert outline.tasks == 2 * (2 * 2 + 2)
    assert outline.bytes == outline.records * outline.record_bytes


def test_ten_million_samples_are_planned_with_the_limits_they_touch():
    asked = replace(CONFIG, samples=config.Samples(per_class=2_500_000, per_cell=1))
    outline = planning.most(asked)
    assert outline.records == 20_000_002
    assert [limit.name for limit in outline.limits if limit.touched] == [
        "tasks in the project's queue", "samples that records can number"]
    queue = outline.limits[1]
    assert (queue.used, queue.most) == (20_002, QUEUED_TASKS)
    assert outline.limits[2].most == MOST_ROWS


@pytest.mark.parametrize("name", ["cropnet-5d", "agrispec-23"])
def test_a_record_takes_exactly_the_bytes_that_are_planned(tmp_path, name):
    spec = preset(name)
    values = np.random.default_rng(1).normal(size=(7, spec.shape[0] * spec.shape[1])).astype(np.float32)
    example.write(tmp_path / "a.tfrecord.gz", {schema.ROW: np.arange(7, dtype=np.float32), schema.CUBE: values})
    assert len(gzip.decompress((tmp_path / "a.tfrecord.gz").read_bytes())) == 7 * planning.record_bytes(spec)


def test_a_task_is_cut_before_its_request_is_too_large(tmp_path):
    found = pd.DataFrame({"row": np.arange(planning.MOST_PLACES + 1), "season": 2023, "cell": CELLS[0]})
    assert [len(shard.rows) for shard in planning.shards(found, 10**6)] == [planning.MOST_PLACES, 1]
    with embedded.session(tmp_path):
        random = np.random.default_rng(2)

        def size(count, name, base):
            at = [(2**24 - 1 - row, 4.5 + lon, 48.7 + lat) for row, (lon, lat)
                  in enumerate(random.uniform(0, 0.1, (count, 2)))]
            task = export.cubes(preset(name, gdd_base=base), Season.of(2023), Cell.parse(CELLS[0]), at, bucket="b" * 63,
                                prefix="p" * 200, description="cubes", request_id="r" * 36)
            return len(task.expression)

        for name in ("cropnet-5d", "agrispec-23"):
            few, many = size(10, name, 0.0), size(1000, name, 0.0)
            a_place = (many - few) / 990
            planned = REQUEST_BYTES / planning.MOST_PLACES
            assert 0.5 * planned < a_place < planned
            assert few + a_place * (planning.MOST_PLACES - 10) < REQUEST_BYTES


def test_a_request_id_follows_from_its_parts_alone():
    assert planning.request_id("a", "b") == planning.request_id("a", "b")
    assert len({planning.request_id(*parts) for parts in [("a", "b"), ("a", "c"), ("ab",), ("a", "b", "")]}) == 4
