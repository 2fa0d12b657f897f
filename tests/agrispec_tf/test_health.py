"""Looks at Keras and its backend: named with their versions, or the extra that brings them."""

import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from agrispec.health import State
from agrispec_tf import health


def test_what_trains_here_is_named_with_its_version():
    import keras
    found = health.learning()
    assert (found.state, found.mend) == (State.PASS, "")
    name = keras.backend.backend()
    assert f"Keras {version('keras')} computes with {name} {version(name)} on " in found.said
    assert "pu:0" in found.said


@pytest.mark.parametrize("gone", ["keras", "tensorflow"])
def test_what_is_not_installed_is_one_finding_and_is_not_loaded(gone):
    # In a process of its own: a Keras that was imported by half would stay with the tests that follow.
    code = (f"import sys; sys.modules['{gone}'] = None\nfrom agrispec_tf import health\nfound = health.learning()\n"
            "print(found.state, found)\nassert not sys.modules.get('tensorflow')")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          env=os.environ | {"KERAS_BACKEND": "tensorflow"})
    assert done.stdout == (f"fail {gone}, which networks are trained with, is not installed;"
                           " install it with: pip install 'agrispec-gee[train]'\n"), done.stderr
    assert done.returncode == 0
