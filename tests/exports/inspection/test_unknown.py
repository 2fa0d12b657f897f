"""A path that there is nothing to tell of is said to be what it is, with the command that tells of it."""

from importlib import resources

import pytest
from click.testing import CliRunner

import cli
from agrispec.formats.asset_tree import AssetTree
from exports import runs

STARTER = resources.files("exports").joinpath("starter.toml").read_text(encoding="utf-8")
MAPS = "projects/agrispec-local/assets/maps"


@pytest.fixture
def run(tmp_path):
    """A run whose landscape holds a folder and a collection."""
    made = runs.create(tmp_path / "run", STARTER)
    tree = AssetTree(made.path / "landscape")
    tree.create_folder(MAPS)
    tree.create_collection("COPERNICUS/S2_SR_HARMONIZED")
    return made


def refused(*arguments, code=1):
    done = CliRunner().invoke(cli.main, ["inspect", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == code
    return done.stderr


@pytest.mark.parametrize("part", [".", "shards", "ledger.sqlite"])
def test_an_unfinished_export_is_told_of_by_status(run, part):
    (run.exporting / "shards").mkdir(parents=True)
    (run.exporting / "ledger.sqlite").touch()
    said = refused(run.exporting / part)
    assert "belongs to an export that is not finished; see how it stands with: agrispec-gee status" in said
    assert f"go on with: agrispec-gee export {run.path.resolve()} --resume" in said


@pytest.mark.parametrize("asset", [MAPS, "projects/agrispec-local/assets", "COPERNICUS", "COPERNICUS/S2_SR_HARMONIZED"])
def test_a_folder_of_assets_is_told_of_by_its_id(run, asset):
    said = refused(run.path / "landscape" / "assets" / asset)
    assert f"is the asset {asset} of an embedded engine" in said
    assert said.endswith(f"ask that by its id: agrispec-gee inspect {asset} --run {run.path.resolve()}\n")


@pytest.mark.parametrize("part", ["", "assets"])
def test_what_holds_all_assets_names_one_of_them(run, part):
    said = refused(run.path / "landscape" / part)
    assert "holds the assets of an embedded engine" in said
    assert f"as in: agrispec-gee inspect COPERNICUS --run {run.path.resolve()}" in said


def test_assets_outside_of_a_run_ask_for_one(tmp_path):
    AssetTree(tmp_path / "shared").create_folder(MAPS)
    said = refused(tmp_path / "shared" / "assets" / MAPS)
    assert said.endswith(f"inspect {MAPS} --run RUN, a run whose [engine] landscape it is in\n")


def test_a_catalogue_of_somebody_else_is_no_asset(tmp_path):
    (tmp_path / "catalog.json").touch()
    assert "is neither a run" in refused(tmp_path)


@pytest.mark.parametrize("given", [("",), ("projects/p/assets", "--run", "")])
def test_the_empty_path_is_not_this_folder(given):
    assert "the path is empty; name one, or write . for this folder" in refused(*given, code=2)
