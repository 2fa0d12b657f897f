"""A run of two labelled seasons and a third to map, on a simulated landscape in three regions of four cells each.

It makes the run whose evaluation docs/how-to/evaluate.md shows, in about three minutes on two cores. Everything in it
is simulated.

    python benchmarks/simulated_seasons.py runs/seasons
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

import tomli_w

from agrispec.formats.asset_tree import AssetTree
from exports import runs
from exports.export import cubes, places
from gee_scripts import engine as engines
from gee_scripts import export as graphs
from scenes import demo
from scenes.simulate import Landscape, simulate

LANDSCAPE = Landscape(seasons=(2022, 2023, 2024), size=64)
SAMPLES = {"per_class": 8, "per_cell": 20}
REGIONS = {"south": 48.4, "middle": 48.5, "north": 48.6}
"""Southern edge of each, degrees: a row of the landscape's cells."""


def configuration() -> str:
    """The demonstration's `agrispec.toml` with fewer samples, and regions."""
    table = tomllib.loads(demo.configuration(LANDSCAPE))
    regions = [{"name": name, "bounds": [4.0, south, 4.4, round(south + 0.1, 1)]} for name, south in REGIONS.items()]
    return tomli_w.dumps({**table, "samples": SAMPLES, "regions": regions})


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("run", type=Path, help="a directory to make")
    run = runs.create(asked.parse_args().run, configuration())
    simulate(AssetTree(run.path / "landscape"), LANDSCAPE)
    config = run.config
    engine = engines.open(config.engine, run.path)
    try:
        table = places.draw(config, engine, graphs, lambda done: None)
        did = cubes.export(run, config, engine, graphs, table, lambda done: None)
    finally:
        engine.close()
    print(f"{did['records']} simulated cubes in {run.path}; next: agrispec-gee evaluate {run.path}"
          " --protocol spatial-cv")


if __name__ == "__main__":
    main()
