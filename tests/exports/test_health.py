"""Looks at a disk: whether what a run needs fits."""

import shutil
from dataclasses import replace

import pytest

from agrispec import config
from agrispec.health import State
from exports import health, schema


def test_a_disk_with_room_passes_before_the_run_is_there(tmp_path):
    if shutil.disk_usage(tmp_path).free < 2 * 10**9:
        pytest.skip("this disk is nearly full")
    found = health.disk(tmp_path / "runs" / "mine", 0)
    assert (found.state, found.mend) == (State.PASS, "")
    assert not (tmp_path / "runs").exists()


def test_a_disk_without_room_for_the_samples_fails(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    found = health.disk(tmp_path, free)
    assert found.state == State.FAIL
    assert f"{(free + 10**9) / 1e9:,.1f} GB wanted" in found.said
    assert found.mend == "free space, or make the run on another disk"


def test_the_need_is_that_of_a_record_for_every_place_that_could_be_drawn(tiny):
    read = config.read(tiny.home / "agrispec.toml")
    record = schema.table_features(read.spec)[schema.CUBE].length * 4
    # One cell; one source season with two classes of 30 places; 200 places of the target season.
    assert health.most_bytes(read) == (2 * 30 + 200) * record
    larger = replace(read, season=replace(read.season, source=(2022, 2023)))
    assert health.most_bytes(larger) == (2 * 2 * 30 + 200) * record
