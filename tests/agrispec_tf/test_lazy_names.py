"""Importing the package loads neither Keras nor TensorFlow; its public names load when used."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import agrispec_tf


def test_importing_the_package_loads_no_heavy_library():
    code = ("import sys, agrispec_tf\n"
            "heavy = {'keras', 'tensorflow', 'jax', 'matplotlib', 'numpy'} & set(sys.modules)\n"
            "assert not heavy, heavy")
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


@pytest.mark.parametrize("name", dir(agrispec_tf))
def test_every_public_name_is_there(name):
    home = importlib.import_module(f"agrispec_tf.{agrispec_tf._HOMES[name]}")
    assert getattr(agrispec_tf, name) is getattr(home, name)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Transformer'"):
        agrispec_tf.Transformer  # noqa: B018
