"""The demonstration: a simulated landscape, its configuration, and the commands that map it."""

from __future__ import annotations

import shutil
from pathlib import Path

import tomli_w

from agrispec.errors import RunError
from agrispec.formats.asset_tree import AssetTree
from agrispec.formats.atomic import write_files
from agrispec.splits import Split
from scenes import simulate
from scenes.landscape import Landscape, landscape_window
from scenes.phenology import CROPS

COMMANDS = (("export",), ("train", "--preset", "demo"),
            ("adapt", "--model", "bigru", "--rung", "grl", "--preset", "demo"), ("evaluate",),
            ("predict", "--model", "bigru-grl"), ("publish",), ("review queue",), ("report",))
"""What is done with the landscape: commands of `agrispec-gee` and their options, but for the run, which stands between
the two."""

_HEADER = "# agrispec-gee demo: a simulated landscape, mapped on the embedded engine. Made anew by each demo run.\n"

# Seed 72 deals the twelve cells 7 : 2 : 3; it was taken for that alone, before any model was trained.
_SPLIT = Split(validation=0.2, test=0.25, seed=72)


def configuration(landscape: Landscape) -> str:
    """The text of the demonstration's `agrispec.toml`.

    Sizes are those of the training preset `demo`. The last season is the target; the map is the first held-out window,
    in that season.
    """
    *source, target = landscape.seasons
    windows = [landscape_window(landscape, number) for number in range(landscape.windows)]
    mapped = next(window for window in windows if _SPLIT.fold(window.cell) == "test")
    return _HEADER + tomli_w.dumps({
        "engine": {"name": "local", "project": landscape.project, "bucket": landscape.project,
                   "landscape": "landscape", "folder": "maps"},
        "area": {"cells": [window.cell.id for window in windows]},
        "season": {"source": source, "target": target},
        # Simulated fields are small, many under 2 ha: 60 m from their edges nothing would be left of them.
        "labels": {"images": landscape.labels, "band": "crop", "erode_m": 20.0,
                   "parcels": f"projects/{landscape.project}/assets/parcels_{{season}}"},
        "samples": {"per_class": 20, "per_cell": 150},
        "split": {"validation": _SPLIT.validation, "test": _SPLIT.test, "seed": _SPLIT.seed},
        "map": {"bounds": list(mapped.grid.bounds), "crs": mapped.grid.crs, "patch": 32},
        "classes": [{"name": crop.name, "codes": list(crop.codes), "colour": crop.colour} for crop in CROPS],
    })


def create(path: Path) -> None:
    """Makes a run directory with its configuration and its landscape; it replaces that of an earlier demonstration.

    Raises:
        RunError: the directory holds something else.
    """
    configured = path / "agrispec.toml"
    if path.exists() and any(path.iterdir()):
        if not configured.is_file() or not configured.read_text(encoding="utf-8").startswith(_HEADER):
            raise RunError(f"{path} holds something that no demo made", mend="name another directory for the demo")
        shutil.rmtree(path)
    landscape = Landscape()
    # The configuration comes first: a demonstration that was interrupted is known as one, and made anew by the next.
    write_files({configured: configuration(landscape).encode()})
    simulate.simulate(AssetTree(path / "landscape"), landscape)
