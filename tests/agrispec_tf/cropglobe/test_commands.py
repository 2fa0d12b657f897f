"""The commands that repeat transfers."""

import re

import pytest
from click.testing import CliRunner

import cli


def told(*arguments):
    return CliRunner().invoke(cli.main, ["bench", *map(str, arguments)])


def test_the_command_prints_the_table_with_all_that_is_told(globe, tmp_path):
    done = told("cropglobe", "--data", globe, "--into", tmp_path, "--models", "forest", "--seeds", 2, "--samples", 40,
                "--target", "BEL", "--protocol", "reference")
    assert done.exit_code == 0, done.output
    assert "FRA series: 240 samples (corn 60, soybeans 60, wheat 60, other 60); 0 duplicates left out" in done.output
    assert "PROTOCOL reference" in done.output
    assert "This validation is a leak" in done.output
    assert "NOT the published protocol: 2 of 10 seeds, at most 40 samples a country." in done.output
    assert re.search(r"FRA to BEL  forest  none    2     [\d.]+ ± [\d.]+ ", done.output)
    assert "FRA to BEL: 97-98 (cropnet-v1, about, varied) [seed v1]" in done.output
    assert {path.name for path in tmp_path.iterdir()} == {"runs", "rows.csv", "table.json"}


def test_the_window_command_prints_a_line_a_window(globe, tmp_path):
    done = told("windows", "--data", globe, "--into", tmp_path, "--models", "forest", "--seeds", 1, "--samples", 40)
    assert done.exit_code == 0, done.output
    assert len(re.findall("FRA to BEL  forest", done.output)) == 4
    assert "not of the looks" in done.output
    assert "Fig. 10b" in done.output


@pytest.mark.parametrize(("arguments", "code", "match"), [
    (["--models", "forst"], 2, "no model 'forst'"), (["--source", "XYZ"], 2, "no country 'XYZ'"),
    (["--target", "USA"], 1, "no median_S2_USA")])
def test_the_command_names_what_it_cannot_do(globe, tmp_path, arguments, code, match):
    done = told("cropglobe", "--data", globe, "--into", tmp_path, "--seeds", 1, *arguments)
    assert done.exit_code == code
    assert match in done.output
    assert "Traceback" not in done.output


def test_models_of_vectors_need_the_files_of_their_vectors_alone(tmp_path, simulated_vectors):
    for seed, country in enumerate(("FRA", "BEL")):
        simulated_vectors(tmp_path, country, "alphaearth", 60, seed=seed)
    done = told("cropglobe", "--data", tmp_path, "--into", tmp_path / "made", "--seeds", 1, "--epochs", 1,
                "--models", "mlp-alphaearth,forest-alphaearth")
    assert done.exit_code == 0, done.output
    assert re.search(r"FRA to BEL  mlp-alphaearth     none    1     [\d.]+ ", done.output)
    assert re.search(r"FRA to BEL  forest-alphaearth  none    1     100.00 ", done.output)
    assert "FRA alphaearth: 60 samples" in done.output
    assert not list(tmp_path.glob("made/runs/*.training"))


def test_the_window_command_says_that_vectors_have_no_steps(globe, tmp_path):
    done = told("windows", "--data", globe, "--into", tmp_path, "--models", "mlp-presto", "--seeds", 1)
    assert done.exit_code == 2
    assert "mlp-presto reads vectors, which have no steps; leave it out" in done.output


def test_what_is_named_twice_is_made_and_counted_once(globe, tmp_path):
    done = told("cropglobe", "--data", globe, "--into", tmp_path, "--models", "forest, forest", "--seeds", 1,
                "--samples", 40, "--target", "BEL", "--target", "BEL", "--source", "FRA", "--source", "FRA")
    assert done.exit_code == 0, done.output
    assert re.search(r"FRA to BEL  forest  none    1     [\d.]+ ", done.output)
    assert "1 rows in" in done.output
