"""What Keras computes with: chosen once, and loaded without TensorFlow's start-up messages."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from importlib.util import find_spec

from agrispec.errors import ConfigError, MissingExtra

_EXTRAS = {"tensorflow": "train", "jax": "jax"}
"""The extra that brings each."""


def load(name: str | None = None) -> None:
    """Loads Keras, which takes seconds, on a backend; whoever imports it later gets that.

    Args:
        name: "tensorflow" or "jax"; None takes KERAS_BACKEND, or what is installed.

    Raises:
        MissingExtra: the backend is not installed.
        ConfigError: this process computes with another one already.
        ModuleNotFoundError: Keras is not installed.
    """
    if name is None and "KERAS_BACKEND" not in os.environ and not find_spec("tensorflow") and find_spec("jax"):
        name = "jax"
    loaded = sys.modules.get("keras")
    if name:
        if not find_spec(name):
            raise MissingExtra(f"{name}, which --backend names,", _EXTRAS[name])
        if loaded and loaded.backend.backend() != name:
            raise ConfigError(f"Keras computes with {loaded.backend.backend()} in this process already",
                              mend=f"start a new one with KERAS_BACKEND={name}")
        os.environ["KERAS_BACKEND"] = name
    if loaded:
        return
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # What TensorFlow says of its build while it loads heeds no setting, and goes to the file descriptor.
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        importlib.import_module("keras")
    finally:
        os.dup2(kept, 2)
        os.close(kept)
