"""`agrispec-gee predict`: what it makes, and what it refuses."""

import numpy as np
from click.testing import CliRunner

import cli
from exports import manifest
from exports.export import holding

from .conftest import copied, images


def test_the_command_maps_streams_smooths_and_refuses_what_trees_cannot(run, mapped, tmp_path):
    again = copied(run, tmp_path)

    def predict_by(*options):
        return CliRunner().invoke(cli.main, ["predict", str(again.path), "--model", "forest", "--season", "2023",
                                             *options])
    done = predict_by("--stream", "--smooth", "majority")
    assert done.exit_code == 0, done.output
    for name, image in images(again).items():
        np.testing.assert_array_equal(image, mapped[1][name], err_msg=name)
    card = manifest.read(again.path)["stages"]["predict"]
    assert card["source"] == {"stream": "agrispec-local", "mask": "", "aoi": None}
    assert card["runtime"]["name"] == "trees"
    done = predict_by()
    assert done.exit_code == 0, done.output
    assert f"{again.patches} holds the pixels of this map already; --fresh exports them anew" in done.output
    assert "eecu_seconds" not in manifest.read(again.path)["stages"]["predict"]
    for name in (".predictions.0123456789ab.part", ".patches.0123456789ab.part"):  # as a kill leaves them
        (again.path / name).mkdir()
    done = predict_by("--fresh")
    assert done.exit_code == 0, done.output
    assert not list(again.path.glob(".*.part"))
    assert "already" not in done.output
    assert "eecu_seconds" in manifest.read(again.path)["stages"]["predict"]
    assert predict_by("--fresh", "--stream").exit_code == 2
    refused = predict_by("--runtime", "onnx")
    assert refused.exit_code == 2
    assert "forest is made of trees" in refused.output


def test_a_second_process_that_maps_a_run_is_refused_and_says_who_has_it(run, tmp_path):
    again = copied(run, tmp_path)
    with holding.predictions_held(again.path):
        done = CliRunner().invoke(cli.main, ["predict", str(again.path), "--model", "forest", "--season", "2023"])
    assert done.exit_code == 1
    assert "is being mapped or published already, by process" in done.output
