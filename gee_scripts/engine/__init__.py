"""Where graphs are computed: Earth Engine itself, or the embedded engine that gives the same answers."""

from __future__ import annotations

import importlib
from pathlib import Path

from agrispec.config import Service
from agrispec.engine import Engine

_HOMES = {"cloud": "gee_scripts.engine.cloud", "local": "gee_scripts.engine.embedded"}


def open(service: Service, home: Path) -> Engine:
    """The engine that a configuration names, ready to use; `close` it after use.

    Args:
        service: [engine] of the configuration.
        home: folder that relative paths of the configuration start from.

    Raises:
        ModuleNotFoundError: the local engine's packages are not installed.
        EngineError: the engine cannot be reached, or its credentials are not valid.
    """
    module = importlib.import_module(_HOMES[service.name])
    engine: Engine = module.open(service, home)
    return engine
