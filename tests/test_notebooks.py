"""Notebooks are stored without output and run on the embedded engine."""

import json
from pathlib import Path

import matplotlib
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def code(path):
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stored_without_output(path):
    for cell in code(path):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run_on_the_demo(path, demo, tmp_path, monkeypatch):
    matplotlib.use("Agg")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "demo").symlink_to(demo.path)
    monkeypatch.chdir(tmp_path / "notebooks")
    names = {"__name__": "__main__"}
    for cell in code(path):
        exec(compile("".join(cell["source"]), path.name, "exec"), names)
    assert sum(names["pixels"].values()) == names["grid"].width * names["grid"].height
