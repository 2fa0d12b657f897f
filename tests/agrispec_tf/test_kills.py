"""Training that is killed again and again ends as if it never was; two devices train as one."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).with_name("train_on_jax.py")
ROOT = Path(__file__).parents[2]


def started(*arguments, devices=1):
    flags = f"--xla_force_host_platform_device_count={devices}" if devices > 1 else ""
    return subprocess.Popen(
        [sys.executable, "-W", "error::UserWarning", SCRIPT, *map(str, arguments)], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT), "XLA_FLAGS": flags})


def history(process):
    """What the script printed last."""
    output, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors[-3000:]
    return json.loads(output.splitlines()[-1])


def test_training_that_is_killed_at_random_moments_ends_in_the_same_weights(tmp_path):
    whole = started(tmp_path / "whole")
    generator = np.random.default_rng(4)
    reached = [0]
    for _ in range(3):
        process = started(tmp_path / "killed")
        # Some epochs further than the last time, and then anywhere within the next epoch or its checkpoint.
        goal = reached[-1] + int(generator.integers(1, 4))
        for line in process.stdout:
            reached.append(int(line))
            if reached[-1] >= goal:
                break
        time.sleep(generator.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
    resumed = started(tmp_path / "killed")
    assert history(resumed) == history(whole)
    ours, theirs = (np.load(tmp_path / name / "weights.npz") for name in ("killed", "whole"))
    assert ours.files == theirs.files
    for name in ours.files:
        np.testing.assert_array_equal(ours[name], theirs[name])


def test_two_devices_share_batches_and_lose_as_much_as_one():
    one, two = started(), started(devices=2)
    (even, uneven), (shared, filled) = history(one), history(two)
    # After two updates; later ones make whole steps, Adam's, of gradients that are nothing but rounding.
    assert even["loss"] == pytest.approx(shared["loss"], rel=1e-5)
    assert even["val_loss"] == pytest.approx(shared["val_loss"], rel=1e-5)
    # The sample that fills up a batch weighs nothing in the loss, but batch normalisation sees it.
    assert uneven["loss"] == pytest.approx(filled["loss"], rel=0.05)
    assert uneven["loss"] != filled["loss"]
