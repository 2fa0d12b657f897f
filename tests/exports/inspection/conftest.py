"""The tiny season, exported, and the lines that `inspect` says."""

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import cli
from exports import inspection, mapping, runs, shards


@pytest.fixture(scope="session")
def exported(tiny, tmp_path_factory):
    """A run of the tiny season, exported, with the patches of its map."""
    path = tiny.copy(tmp_path_factory.mktemp("inspected") / "run")
    done = CliRunner().invoke(cli.main, ["export", str(path)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    with cli._opened(path) as opened:
        mapping.export_patches(opened.run, opened.config, opened.engine, opened.graphs, lambda told: None, 2023)
    return runs.open(path)


@pytest.fixture
def run(exported, tmp_path):
    """A copy of it, to be changed."""
    return runs.open(Path(shutil.copytree(exported.path, tmp_path / "run")))


@pytest.fixture(scope="session")
def cubes(exported):
    return shards.read(exported.shards, exported.config.spec)


@pytest.fixture(scope="session")
def told():
    """Path -> name of an entry -> its lines."""
    def told(path):
        found, name = {}, ""
        for line in inspection.describe(path):
            name = line[:12].strip() or name
            found.setdefault(name, []).append(line[12:])
        return found

    return told


@pytest.fixture(scope="session")
def row():
    """(lines, name) -> the cells of a table's row."""
    def row(lines, name):
        [line] = [line for line in lines if re.match(rf"\s*{name}\s\s", line)]
        return re.split(r"\s{2,}", line.strip())

    return row


@pytest.fixture
def model(tmp_path, exported):
    """A model's folder whose card says all that a card may say."""
    spec = exported.config.spec
    training = {"training_samples": 1200, "validation_samples": 1, "seasons": [2022, 2023], "seed": 3, "best_epoch": 4,
                "samples": "5" * 16, "versions": {"python": "3.11.7"}, "calibration": {"samples": 40},
                "simulated": True, "from": {"model": "old", "digest": "6" * 16, "classes": ["a", "b"]}}
    card = {"architecture": "mlp", "temperature": 1.25, "cube": spec.to_table(), "cube_digest": spec.digest,
            "classes": ["wheat", "maize"], "training": training}
    folder = tmp_path / "mlp"
    folder.mkdir()
    (folder / "model.json").write_text(json.dumps(card))
    (folder / "card.md").write_text("# mlp\n\nmlp, 12,345 parameters, 2 classes.\n")
    (folder / "model.keras").write_bytes(bytes(2000))
    return folder
