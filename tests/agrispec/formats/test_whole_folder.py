"""A folder is replaced as a whole, or stays as it was."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from agrispec.errors import StorageError
from agrispec.formats.atomic import put_back, remove_parts, temporary_name, whole_folder

ROOT = Path(__file__).parents[3]


def test_the_new_folder_takes_the_place_of_the_old_one(tmp_path):
    for content in ("old", "new"):
        with whole_folder(tmp_path / "shards") as folder:
            (folder / f"{content}.txt").write_text(content)
    assert [path.name for path in (tmp_path / "shards").iterdir()] == ["new.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["shards"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_whatever_goes_wrong_the_old_folder_stays(tmp_path, error):
    with whole_folder(tmp_path / "shards") as folder:
        (folder / "old.txt").write_text("old")
    def interrupted():
        with whole_folder(tmp_path / "shards") as folder:
            (folder / "new.txt").write_text("new")
            raise error

    with pytest.raises((StorageError, KeyboardInterrupt)):
        interrupted()
    assert [path.name for path in (tmp_path / "shards").iterdir()] == ["old.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["shards"]


def test_a_folder_that_cannot_take_its_place_leaves_the_old_one(tmp_path):
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "old.txt").write_text("old")
    with pytest.raises(StorageError), whole_folder(tmp_path / "shards") as folder:
        folder.rmdir()  # there is nothing to rename
    assert [path.name for path in (tmp_path / "shards").iterdir()] == ["old.txt"]


def test_what_killed_processes_left_of_a_name_is_removed_and_nothing_else(tmp_path):
    path, other = tmp_path / "predic[t]ions", tmp_path / "predictions"
    for folder in (path, other):
        folder.mkdir()
        left = temporary_name(folder)
        left.mkdir()
        (left / "class.tif").touch()
    temporary_name(path).touch()
    remove_parts(path)
    assert sorted(found.name for found in tmp_path.iterdir()) == [left.name, path.name, other.name]


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from agrispec.formats.atomic import whole_folder
    rename, left = os.rename, [int(sys.argv[2])]
    def dying(*names):
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        rename(*names)
    os.rename = dying
    with whole_folder(Path(sys.argv[1])) as folder:
        (folder / "new.txt").write_text("new")
"""


@pytest.mark.parametrize(("renames", "there", "then"), [(1, "old.txt", "old.txt"), (2, None, "old.txt"),
                                                        (3, "new.txt", "new.txt")])
def test_wherever_it_is_killed_a_whole_folder_stands_again(tmp_path, renames, there, then):
    path = tmp_path / "shards"
    path.mkdir()
    (path / "old.txt").write_text("old")
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED), path, str(renames)], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    assert [found.name for found in path.glob("*")] == ([there] if there else [])
    put_back(tmp_path)
    assert [found.name for found in path.iterdir()] == [then]
    remove_parts(path)
    with whole_folder(path) as folder:
        (folder / "last.txt").touch()
    assert [found.name for found in path.iterdir()] == ["last.txt"]
    assert [found.name for found in tmp_path.iterdir()] == ["shards"]


def test_a_folder_that_is_put_back_meanwhile_is_replaced_all_the_same(tmp_path, monkeypatch):
    path, rename = tmp_path / "shards", os.rename
    path.mkdir()
    (path / "old.txt").touch()

    def watched(source, target):
        rename(source, target)
        if Path(source) == path and not list(tmp_path.glob("seen")):
            (tmp_path / "seen").touch()
            put_back(tmp_path)  # as another command does that begins now
    monkeypatch.setattr(os, "rename", watched)
    with whole_folder(path) as folder:
        (folder / "new.txt").touch()
    assert (tmp_path / "seen").exists()
    assert [found.name for found in path.iterdir()] == ["new.txt"]


def test_what_was_replaced_does_not_come_back_and_only_folders_are_put_back(tmp_path):
    with whole_folder(tmp_path / "shards") as folder:
        (folder / "new.txt").touch()
    (tmp_path / ".shards.replaced").mkdir()  # as a kill between the last two steps leaves it
    (tmp_path / ".notes.replaced").write_text("somebody's")
    put_back(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".notes.replaced", "shards"]


def test_a_link_to_a_folder_is_replaced_and_what_it_points_to_stays(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "old.txt").touch()
    (tmp_path / "shards").symlink_to(tmp_path / "disk")
    for name in ("new", "newer"):
        remove_parts(tmp_path / "shards")
        with whole_folder(tmp_path / "shards") as folder:
            (folder / f"{name}.txt").touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "shards"]
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["old.txt"]
