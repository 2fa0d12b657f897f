"""An exported run of two small seasons, on the corner of four cells, for forests."""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import cli
from agrispec.bands import SENTINEL2_IDS
from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Grid
from exports import runs
from exports.runs import Run

from ...configuration import BEET, MAIZE, WHEAT, configuration

CORNER = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 617310.0, 0.0, -10.0, 5406640.0), width=36, height=36)
"""Of 4.6° E, 48.8° N: a part of it lies in each of four cells."""

CONFIGURATION = configuration(
    classes=(WHEAT, MAIZE, BEET), area={"cells": ["E0045N0487", "E0046N0487", "E0045N0488", "E0046N0488"]},
    cube={"preset": "agrispec-23"}, labels={"erode_m": 0}, samples={"per_class": 12, "per_cell": 20},
    split={"validation": 0.25, "test": 0.25, "seed": 11},
    map={"bounds": [617310, 5406280, 617670, 5406640], "patch": 16})


@dataclass(frozen=True)
class Exported:
    """An exported run. `unseen` (row, column): pixels that are never clear."""

    run: Run
    unseen: np.ndarray

    def copy(self, path: Path) -> Run:
        """A copy that has a landscape of its own."""
        return runs.open(Path(shutil.copytree(self.run.path, path / "run")))


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Exported:
    random = np.random.default_rng(4)
    home = tmp_path_factory.mktemp("corner") / "run"
    tree, shape = AssetTree(home / "landscape"), CORNER.shape
    for collection in ("COPERNICUS/S2_SR_HARMONIZED", "GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED",
                       "projects/agrispec-local/assets/labels"):
        tree.create_collection(collection)
    unseen = np.zeros(shape, bool)
    unseen[5:7, 20:30] = True
    for year in (2023, 2024):
        codes = (np.arange(shape[0])[:, None] // 4 + np.arange(shape[1]) // 6 + year) % 3 + 1
        first = datetime(year, 1, 1, tzinfo=UTC)
        tree.write_image(f"projects/agrispec-local/assets/labels/corner_{year}", grid=CORNER, time_start=first,
                         arrays={"crop": codes.astype(np.uint8)}, nodata=0)
        for number, day in enumerate(range(8, 360, 22)):
            # Crops differ in when they are green; noise is strong enough for wrong classes.
            green = np.exp(-((day - 100 - 45 * codes) / 50) ** 2)
            level = random.normal(0, 0.2, (len(SENTINEL2_IDS), *shape))
            level += 0.1 + green * np.linspace(-0.05, 0.4, len(SENTINEL2_IDS))[:, None, None]
            dn = np.clip(level * 1e4, 1, 1e4).astype(np.uint16)
            # All other pixels are clear at least once.
            cs = np.where(unseen, 0.1, random.uniform(1 if number == 8 else 0.5, 1, shape)).astype(np.float32)
            taken = first + timedelta(days=day)
            index = f"{taken:%Y%m%dT%H%M%S}_{number:02d}"
            tree.write_image(f"COPERNICUS/S2_SR_HARMONIZED/{index}", grid=CORNER, time_start=taken, nodata=0,
                             arrays={**dict(zip(SENTINEL2_IDS, dn, strict=True)), "SCL": np.full(shape, 4, np.uint8)},
                             properties={"CLOUDY_PIXEL_PERCENTAGE": 10.0, "agrispec:simulated": "true"})
            tree.write_image(f"GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED/{index}", arrays={"cs": cs}, grid=CORNER,
                             time_start=taken)
    (home / "agrispec.toml").write_text(CONFIGURATION)
    done = CliRunner().invoke(cli.main, ["export", str(home)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return Exported(run=runs.open(home), unseen=unseen)


@pytest.fixture(scope="session")
def trained(exported) -> Exported:
    """The run with `forest-harmonic`."""
    done = CliRunner().invoke(cli.main, ["train", str(exported.run.path), "--model", "forest-harmonic"],
                              catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return exported
