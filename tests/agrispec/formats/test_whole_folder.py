"""A folder is replaced as a whole, or stays as it was."""

import pytest

from agrispec.errors import StorageError
from agrispec.formats.atomic import remove_parts, temporary_name, whole_folder


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
