"""Patches are used again for the map they were made for, and for no other."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest

from agrispec.errors import CorruptRecord, SchemaMismatch
from agrispec.formats import mixer
from exports import mapping
from exports.blocks import Patches

from .conftest import copied, of_patches


def test_patches_of_this_map_are_not_exported_again(run, tmp_path):
    again = copied(run, tmp_path)
    config = again.config
    engine = SimpleNamespace(name="local", project=config.engine.project)
    assert mapping.kept_patches(again, config, engine, None, 2023).about == of_patches(again).about
    changes = {"patch": 4, "mask": "projects/p/assets/cropland", "bounds": (613000, 5401800, 613230, 5402000)}
    for name, value in changes.items():
        other = replace(config, map=replace(config.map, **{name: value}))
        assert mapping.kept_patches(again, other, engine, None, 2023) is None
    assert mapping.kept_patches(again, config, engine, None, 2024) is None
    for other in ({"name": "cloud", "project": engine.project}, {"name": "local", "project": "another"}):
        assert mapping.kept_patches(again, config, SimpleNamespace(**other), None, 2023) is None
    [path] = again.patches.glob("*.tfrecord.gz")
    path.write_bytes(path.read_bytes()[:-1])
    assert mapping.kept_patches(again, config, engine, None, 2023) is None
    shutil.rmtree(again.patches)
    assert mapping.kept_patches(again, config, engine, None, 2023) is None


def test_patches_that_are_not_those_of_their_export_are_refused(run, tmp_path):
    again = copied(run, tmp_path)
    [path] = again.patches.glob("*.tfrecord.gz")
    [described] = again.patches.glob("*mixer.json")
    found = mixer.read(described)
    for change, said in (({"patch_width": 4, "patch_height": 4}, "patches of 4 x 4 pixels, cube.toml says 8 x 8"),
                         ({"total_patches": 6}, "is of 16 x 24 pixels from"),
                         ({"transform": (10.0, 0.0, 0.0, 0.0, -10.0, 5402000.0)}, "from 0, 5.402e")):
        mixer.write(described, replace(found, **change))
        with pytest.raises(SchemaMismatch, match=said):
            of_patches(again)
    mixer.write(described, found)
    other = path.with_name(path.name.replace("00000", "00007"))
    path.rename(other)
    with pytest.raises(CorruptRecord, match=f"lacks {path.name}, one of 1 files"):
        of_patches(again)
    shutil.copy(other, path)
    with pytest.raises(CorruptRecord, match=f"holds {other.name}, which is not of its export"):
        of_patches(again)
    other.unlink()
    path.write_bytes(path.read_bytes() + b"0")
    with pytest.raises(CorruptRecord, match="another file bears its name"):
        of_patches(again)
    with pytest.raises(SchemaMismatch, match="are of cube"):
        Patches.of(again.patches, run.config.spec)
