"""What changes networks keeps its properties on JAX, too: the modules beside this one, in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MODULES = ("test_adversarial.py", "test_batch_statistics.py", "test_season_shift.py", "test_self_training.py",
           "test_ladder.py")


@pytest.mark.skipif(os.environ.get("KERAS_BACKEND") == "jax", reason="the modules run on JAX already")
def test_adaptation_has_its_properties_on_jax():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", *(HERE / name for name in MODULES)], cwd=HERE.parents[2],
        capture_output=True, text=True, env={**os.environ, "KERAS_BACKEND": "jax"})
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
