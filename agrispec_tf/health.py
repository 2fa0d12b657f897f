"""Whether Keras and a backend are installed and load; the look says so, and raises nothing."""

from __future__ import annotations

import importlib
from importlib.metadata import version

from agrispec.errors import AgrispecError, MissingExtra
from agrispec.health import Finding, failed, passed
from agrispec_tf import backend


def learning() -> Finding:
    """Which Keras trains here, on what; loads it, which takes seconds."""
    try:
        backend.load()
    except AgrispecError as error:
        return failed("learning", error)
    except ModuleNotFoundError as error:
        # Keras asks for parts of a backend by name.
        package = str(error.name).partition(".")[0]
        return failed("learning", MissingExtra(f"{package}, which networks are trained with,", "train"))
    # Not at the top: both load Keras.
    keras, devices = importlib.import_module("keras"), importlib.import_module("agrispec_tf.devices")
    name = keras.backend.backend()
    return passed("learning", f"Keras {keras.version()} computes with {name} {version(name)}"
                              f" on {', '.join(devices.names())}")
