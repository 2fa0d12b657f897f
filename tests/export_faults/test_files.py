"""Files that are damaged or gone are made again, and those left over hinder nothing."""

from agrispec.errors import StorageError
from exports.storage.folder import Folder

from .conftest import check_whole, export, injected


def test_a_truncated_shard_is_made_again(run, unbroken, monkeypatch):
    def spoil(number, features, well, progress):
        path = well()
        if number in (0, 6):
            path.write_bytes(path.read_bytes()[:-30])

    injected(monkeypatch, spoil)
    done = export(run)
    assert done.exit_code == 0, done.output
    check_whole(run, unbroken)


def test_an_object_that_disappears_before_it_is_fetched_is_made_again(run, unbroken, monkeypatch):
    downloaded, left = Folder.download, [2]

    def download(self, name, path):
        if left[0]:
            left[0] -= 1
            (self._folder / name).unlink()
        downloaded(self, name, path)

    monkeypatch.setattr(Folder, "download", download)
    done = export(run)
    assert done.exit_code == 0, done.output
    check_whole(run, unbroken)


def test_files_that_had_come_and_are_gone_come_again(run, unbroken):
    assert export(run, "--probe", "4").exit_code == 0
    first, second, *_ = sorted((run / "exporting" / "shards").rglob("*.gz"))
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1])
    done = export(run, "--resume")
    assert done.exit_code == 0, done.output
    check_whole(run, unbroken)


def test_objects_that_cannot_be_deleted_are_told_and_hinder_nothing(run, monkeypatch):
    def refused(self, prefix):
        raise StorageError("the objects cannot be deleted", mend="delete them by hand")

    monkeypatch.setattr(Folder, "delete", refused)
    done = export(run)
    assert done.exit_code == 0
    assert "is left over: the objects cannot be deleted; delete them by hand" in done.stderr
    assert not (run / "exporting").exists()
