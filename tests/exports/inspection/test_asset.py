"""Assets say what the engine knows of them."""

import re

import shapely
from click.testing import CliRunner

import cli
from agrispec.formats.asset_tree import AssetTree


def asset(run, name):
    done = CliRunner().invoke(cli.main, ["inspect", name, "--run", str(run.path)], catch_exceptions=False)
    return done.exit_code, done.output


def test_assets_say_what_the_engine_knows_of_them(run, tiny):
    code, said = asset(run, "COPERNICUS/S2_SR_HARMONIZED")
    assert code == 0
    assert f"images      {len(tiny.days)}, first {tiny.days[0]} 10:50 UTC, last {max(tiny.days)} 10:50 UTC" in said
    code, said = asset(run, "projects/agrispec-local/assets/labels/tiny_2023")
    assert "kind        image, " in said
    assert re.search(r"crop +uint8 +\w+ +20 x 24 +10  EPSG:32631", said)
    code, said = asset(run, "projects/agrispec-local/assets")
    assert "kind        folder" in said
    code, said = asset(run, "projects/agrispec-local/assets/nothing")
    assert code == 1
    assert "has no asset projects/agrispec-local/assets/nothing; check the id" in said


def test_a_table_asset_says_its_features_and_columns(run):
    name = "projects/agrispec-local/assets/fields"
    for features in ([], [{"id": "a", "ha": 2.5}] * 3):
        AssetTree(run.path / "landscape").write_table(
            name, properties=features, geometries=[shapely.box(4.5, 48.7, 4.6, 48.8).wkb] * len(features),
            asset_properties={"simulated": "true"}, overwrite=True)
        code, said = asset(run, name)
        assert code == 0, said
        assert f"asset       {name}, simulated\n" in said
        assert f"features    {len(features)}\n" in said
        assert ("id: text, e.g. a" in said and "ha: number, e.g. 2.5" in said) == bool(features)
        assert ("whose geometry is Polygon" in said) == bool(features)
