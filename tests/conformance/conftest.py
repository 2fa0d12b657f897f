"""Every engine in turn: the embedded one always, Earth Engine itself with --live PROJECT."""

import io

import numpy as np
import pytest

from agrispec.config import LOCAL_PROJECT, Service
from gee_scripts import engine as engines


def pytest_collection_modifyitems(config, items):
    """The network is blocked for all but those who ask Earth Engine itself."""
    for item in items:
        asks = getattr(item, "callspec", None) and item.callspec.params.get("engine") == "cloud"
        if asks and config.getoption("--live"):
            item.add_marker("enable_socket")


@pytest.fixture(scope="module", params=["local", "cloud"])
def engine(request, tmp_path_factory):
    project = request.config.getoption("--live")
    if request.param == "cloud" and not project:
        pytest.skip("Earth Engine itself is asked with --live PROJECT alone")
    home = tmp_path_factory.mktemp("conformance")
    (home / "landscape").mkdir()
    service = Service(name=request.param, project=project if request.param == "cloud" else LOCAL_PROJECT)
    opened = engines.open(service, home)
    yield opened
    opened.close()


@pytest.fixture
def loaded():
    """NPY as it came -> a structured array."""
    return lambda content: np.load(io.BytesIO(content))
