"""A map that was not finished goes on where it was, or begins anew and says why."""

import json
import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agrispec.errors import CorruptRecord
from agrispec.taxonomy import NO_CLASS
from agrispec_tf import map_checkpoint
from agrispec_tf.baselines import training as forests
from exports.blocks import Patches

from .conftest import copied, images, map_of, of_patches, quiet

ROOT = Path(__file__).parents[2]
KILLED = """
    import json, os, signal, sys
    from pathlib import Path
    from agrispec_tf import crop_map, map_checkpoint
    from exports import blocks, mapping, runs
    map_checkpoint._EVERY_S, blocks._PIXELS = 0.0, 1
    run, fields, after = runs.open(Path(sys.argv[1])), json.loads(Path(sys.argv[2]).read_text()), int(sys.argv[3])
    laid, lay = [0], crop_map._lay
    def dying(*arguments):
        if laid[0] == after:
            arguments[5].write(arguments[0].first, {"class": arguments[0].looks * 0 + 77})  # half of what a block is
            os.kill(os.getpid(), signal.SIGKILL)
        laid[0] += 1
        lay(*arguments)
    crop_map._lay = dying
    source = mapping.patches_of(run, run.config, None)
    of_parcels = crop_map.Parcels.of(fields, run.config)
    crop_map.run_predict(run, run.config, "forest", source, of_parcels, lambda done: None, print)
"""


def killed(run, fields, after):
    path = run.path / "fields.json"
    path.write_text(json.dumps(fields))
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED), run.path, path, str(after)], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == -9, done.stderr[-3000:]


def test_a_map_that_is_killed_twice_goes_on_to_equal_files(run, fields, mapped, tmp_path, monkeypatch):
    again = copied(run, tmp_path)
    shutil.rmtree(again.predictions)
    killed(again, fields, 3)
    killed(again, fields, 2)
    assert not again.predictions.exists()
    read = []
    monkeypatch.setattr(Patches, "blocks", lambda self, done, of=Patches.blocks: read.append(done) or of(self, done))
    card = map_of(again, again.config, of_patches(again), fields)
    assert read == [5]
    for name, image in images(again).items():
        np.testing.assert_array_equal(image, mapped[1][name], err_msg=name)
    assert card["parcels_digest"] == mapped[0]["parcels_digest"]
    assert card["products"] == mapped[0]["products"]
    assert not again.predicting.exists()


def test_another_model_begins_anew(run, fields, mapped, tmp_path):
    again = copied(run, tmp_path)
    killed(again, fields, 4)
    config = replace(again.config, training=replace(again.config.training, seed=5))
    forests.run_train(again, config, "forest")
    told = []
    card = map_of(again, again.config, of_patches(again), fields, told.append)
    assert told == [f"the unfinished map in {again.predicting}, 4 tiles, is dropped: this one has another model_digest"]
    assert card["model_digest"] != mapped[0]["model_digest"]
    fresh = copied(again, tmp_path / "fresh")
    assert map_of(fresh, fresh.config, of_patches(fresh), fields)["products"] == card["products"]


def test_another_threshold_goes_on_and_judges_all_pixels(run, fields, mapped, tmp_path, monkeypatch):
    again = copied(run, tmp_path)
    killed(again, fields, 4)
    config = replace(again.config, training=replace(again.config.training, confidence=0.9))
    read, told = [], []
    monkeypatch.setattr(Patches, "blocks", lambda self, done, of=Patches.blocks: read.append(done) or of(self, done))
    card = map_of(again, config, of_patches(again), fields, told.append)
    assert (read, told, card["threshold"]) == ([4], [], 0.9)
    found = images(again)
    np.testing.assert_array_equal(found["probability"], mapped[1]["probability"])
    np.testing.assert_array_equal(found["confident"], np.where(
        found["probability"] == -1, NO_CLASS, found["probability"] >= np.float32(0.9)))
    assert card["confident"] == (found["confident"] == 1).mean() < mapped[0]["confident"]


def test_what_was_kept_and_is_damaged_is_named(run, tmp_path):
    (tmp_path / map_checkpoint.FILE).write_bytes(b"PK nothing")
    with pytest.raises(CorruptRecord, match="does not say how far the map is"):
        map_checkpoint.opened(tmp_path, {}, 0, 2, quiet)
