"""Looks at a disk: whether what a run needs fits."""

import shutil

from agrispec.health import State
from exports import health


def test_a_disk_with_room_passes_before_the_run_is_there(tmp_path, monkeypatch):
    monkeypatch.setattr(health, "_REST", 1)
    found = health.disk(tmp_path / "runs" / "mine", 0)
    assert (found.state, found.mend) == (State.PASS, "")
    assert not (tmp_path / "runs").exists()


def test_a_disk_without_room_for_the_samples_fails(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    found = health.disk(tmp_path, free)
    assert found.state == State.FAIL
    assert f"{(free + 10**9) / 1e9:,.1f} GB wanted" in found.said
    assert found.mend == "free space, or make the run on another disk"
