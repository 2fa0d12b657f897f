"""`agrispec-gee engine`: what it lists, imports and refuses."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from click.testing import CliRunner

import cli
from agrispec.formats import geotiff
from agrispec.formats.asset_tree import AssetTree
from gee_scripts.engine.local.language.coverage import COVERAGE
from gee_scripts.engine.local.language.registry import IMPLEMENTED, signatures


def run(*arguments):
    return CliRunner().invoke(cli.main, ["engine", *map(str, arguments)], catch_exceptions=False)


def test_functions_lists_every_algorithm_of_the_client_with_what_is_implemented():
    rows = json.loads(run("functions", "--json").output)
    assert {row["name"] for row in rows} == set(signatures())
    answered = {row["name"] for row in rows if row["status"] != "not"}
    assert answered == set(IMPLEMENTED) | {"If"}
    assert len(answered) >= 150
    last = run("functions").output.splitlines()[-1]
    assert sum(int(word) for word in last.split() if word.isdigit()) == len(rows)


def test_the_list_written_beforehand_names_algorithms_once_each():
    names = [name for family in COVERAGE.values() for name in family]
    assert len(names) == len(set(names))
    assert set(names) <= set(signatures())


def test_a_geotiff_becomes_an_image_asset(tmp_path, tiny):
    values = np.arange(2 * 20 * 24, dtype=np.float32).reshape(2, 20, 24)
    geotiff.write(tmp_path / "dem.tif", values, tiny.grid, names=["height", "slope"], nodata=-1)
    done = run("import", "--data", tmp_path / "data", "--id", "projects/agrispec-local/assets/dem", "--time",
               "2024-05-01", tmp_path / "dem.tif")
    assert done.output == "projects/agrispec-local/assets/dem\n"
    tree = AssetTree(tmp_path / "data")
    asset = tree.get("projects/agrispec-local/assets/dem")
    np.testing.assert_array_equal(tree.pixels(asset, ["height", "slope"]), values)
    assert asset.grid == tiny.grid
    assert asset.time_start == datetime(2024, 5, 1, tzinfo=UTC).timestamp() * 1000


def test_bands_without_names_are_b1_b2_and_odd_names_are_refused(tmp_path, tiny):
    values = np.arange(2 * 20 * 24, dtype=np.float32).reshape(2, 20, 24)
    for name, names in (("bare", ()), ("odd", ["Layer 1", "2"]), ("twins", ["x", "x"])):
        geotiff.write(tmp_path / f"{name}.tif", values, tiny.grid, names=names)
    options = "--data", tmp_path / "data", "--id", "projects/agrispec-local/assets/a"
    assert run("import", *options, tmp_path / "odd.tif").exit_code == 1
    assert run("import", *options, tmp_path / "twins.tif").exit_code == 1
    assert run("import", *options, tmp_path / "bare.tif").exit_code == 0
    tree = AssetTree(tmp_path / "data")
    asset = tree.get("projects/agrispec-local/assets/a")
    assert [band.id for band in asset.bands] == ["b1", "b2"]
    np.testing.assert_array_equal(tree.pixels(asset, ["b1", "b2"]), values)


@pytest.mark.parametrize("options", [[], ["--id", "x", "y.tif"], ["a.nc", "b.tif"], ["a.tif"]])
def test_files_that_say_too_little_are_refused(tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    for name in ("a.nc", "b.tif", "a.tif"):
        (tmp_path / name).touch()
    assert run("import", "--data", tmp_path, *options).exit_code == 2


def test_run_wants_a_folder_or_an_address(tmp_path):
    (tmp_path / "script.py").touch()
    for options in ([], ["--data", tmp_path, "--url", "http://127.0.0.1:1"]):
        done = run("run", *options, tmp_path / "script.py")
        assert done.exit_code == 2
        assert "give --data DIR or --url URL" in done.output
