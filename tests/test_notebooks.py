"""Notebooks are stored without output and run on the embedded engine."""

import io
import json
import math
import warnings
from pathlib import Path
from urllib.request import urlopen

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot

from agrispec.formats import geotiff

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def code(path):
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stored_without_output(path):
    for cell in code(path):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


@pytest.fixture
def run(demo, tmp_path, monkeypatch):
    """Runs a notebook beside the demo; its names afterwards."""
    matplotlib.use("Agg")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "demo").symlink_to(demo.path)
    monkeypatch.chdir(tmp_path / "notebooks")

    def execute(stem, look=lambda names: None):
        names = {"__name__": "__main__"}
        path = next(path for path in NOTEBOOKS if path.stem == stem)
        *cells, last = code(path)
        for cell in cells:
            exec(compile("".join(cell["source"]), path.name, "exec"), names)
        look(names)
        assert "".join(last["source"]) == "engine.close()"
        names["engine"].close()
        pyplot.close("all")
        return names

    return execute


def test_the_published_map_is_read(run):
    names = run("published_map")
    assert sum(names["pixels"].values()) == names["grid"].width * names["grid"].height


def test_a_run_is_explored_on_a_map(run, demo):
    with warnings.catch_warnings():
        # What geemap is made of warns while it is imported, of itself.
        warnings.simplefilter("ignore")
        import geemap  # noqa: F401
    tiles = {}

    def look(names):
        zoom = 15
        x = (names["lon"] + 180) / 360 * 2**zoom
        y = (1 - math.asinh(math.tan(math.radians(names["lat"]))) / math.pi) / 2 * 2**zoom
        for layer in names["view"].layers[1:]:
            with urlopen(layer.url.format(z=zoom, x=int(x), y=int(y))) as answer:
                tiles[layer.name] = pyplot.imread(io.BytesIO(answer.read()), format="png")
        tiles["place"] = int(y % 1 * 256), int(x % 1 * 256)

    names = run("explore", look)
    np.testing.assert_array_equal(names["pixels"], geotiff.read(demo.path / "predictions" / "class.tif")[0])
    assert len(names["medians"].columns) == len(names["names"])
    # Each opaque pixel of the layer of classes has a class's colour; the place in the middle has its own class's.
    seen = tiles["classes"][tiles["classes"][..., 3] == 1][:, :3]
    palette = np.array([[int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)] for colour in names["colours"]])
    distance = np.abs(seen[:, None] - palette).max(axis=2)
    assert len(seen)
    assert (distance.min(axis=1) < 0.003).all()
    grid = names["grid"]
    column, row = grid.width // 2, grid.height // 2
    found = np.abs(tiles["classes"][tiles["place"]][:3] - palette).max(axis=1).argmin()
    assert found in names["pixels"][row - 1:row + 2, column - 1:column + 2]
    assert tiles["clear looks"][..., 3].any()
