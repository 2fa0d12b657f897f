"""A folder and a bucket of Cloud Storage behave alike: names in order, files whole or absent, nothing overwritten."""

import re
import threading

import pytest

from agrispec.errors import StorageError
from exports.storage.folder import Folder

# The client leaves the answers that it gives up on to the garbage collector, and their sockets with them.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


def test_what_is_uploaded_is_listed_and_downloaded(bucket, source, tmp_path):
    bucket.check()
    assert bucket.list("") == []
    assert re.fullmatch("gs://mine[^/]*/maps/x/a.bin", bucket.upload(source, "maps/x/a.bin"))
    bucket.upload(source, "maps/b.bin")
    bucket.upload(source, "other/c.bin")
    assert bucket.list("maps/") == ["maps/b.bin", "maps/x/a.bin"]
    assert bucket.list("maps/x") == ["maps/x/a.bin"]
    bucket.download("maps/x/a.bin", tmp_path / "back" / "a.bin")
    assert (tmp_path / "back" / "a.bin").read_bytes() == source.read_bytes()


def test_an_empty_file_arrives(bucket, tmp_path):
    (tmp_path / "empty").touch()
    bucket.upload(tmp_path / "empty", "empty")
    bucket.download("empty", tmp_path / "back" / "empty")
    assert (tmp_path / "back" / "empty").read_bytes() == b""


def test_a_missing_object_leaves_no_file(bucket, tmp_path):
    with pytest.raises(StorageError):
        bucket.download("nothing", tmp_path / "out" / "x")
    assert not list((tmp_path).glob("out/*"))


def test_a_missing_file_is_an_error_and_leaves_no_object(bucket, tmp_path):
    with pytest.raises(StorageError):
        bucket.upload(tmp_path / "nothing", "a/b")
    assert bucket.list("") == []


def test_an_object_is_never_overwritten_by_another_one(bucket, source, tmp_path, file_of):
    bucket.upload(source, "a/1")
    with pytest.raises(StorageError, match=r"gs://mine.*/a/1 is there already, with another content; delete or rename"):
        bucket.upload(file_of("other", 10), "a/1")
    bucket.download("a/1", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


def test_uploading_the_same_again_changes_nothing(bucket, source):
    assert bucket.upload(source, "a/1") == bucket.upload(source, "a/1")
    assert bucket.list("") == ["a/1"]


def test_of_many_who_upload_one_name_at_once_one_wins_and_the_others_are_told(bucket, tmp_path, file_of):
    files = [file_of(f"{size}", size) for size in range(1000, 1008)]
    told = []

    def upload(path):
        try:
            bucket.upload(path, "a/1")
        except StorageError as error:
            told.append((path, str(error)))

    threads = [threading.Thread(target=upload, args=(path,)) for path in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all("is there already" in words for _, words in told)
    [winner] = set(files) - {path for path, _ in told}
    bucket.download("a/1", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == winner.read_bytes()


def test_deleting_takes_what_is_below_the_prefix_only(bucket, source):
    kept = ["exports/run/ab", "exports/run/abc/1", "exports/run2/a/1", "other/exports/run/a/1"]
    for name in ("exports/run/a/1", "exports/run/a/deep/2", *kept):
        bucket.upload(source, name)
    assert bucket.delete("exports/run/a/") == 2
    assert bucket.list("") == sorted(kept)
    assert bucket.delete("exports/run/a/") == 0


@pytest.mark.parametrize("prefix", ["", "/", "//", "exports", "exports/run"])
def test_no_whole_bucket_and_no_neighbour_is_ever_deleted(bucket, source, prefix):
    bucket.upload(source, "exports/run/1")
    with pytest.raises(ValueError, match="does not name a folder"):
        bucket.delete(prefix)
    assert bucket.list("") == ["exports/run/1"]


def test_a_folder_does_not_leave_its_bucket_to_delete(tmp_path, source):
    bucket = Folder(tmp_path / "buckets", "mine")
    bucket.upload(source, "a/1")
    Folder(tmp_path / "buckets", "yours").upload(source, "a/1")
    for prefix in ("../yours/", "/", f"{tmp_path}/buckets/yours/", "a/../../yours/"):
        try:
            assert bucket.delete(prefix) == 0
        except ValueError:
            assert prefix == "/"
    assert Folder(tmp_path / "buckets", "yours").list("") == ["a/1"]


def test_an_emptied_folder_goes_with_its_files(tmp_path, source):
    bucket = Folder(tmp_path / "buckets", "mine")
    bucket.upload(source, "exports/run/a/1")
    bucket.delete("exports/run/")
    assert not list((tmp_path / "buckets" / "mine").iterdir())


def test_a_check_leaves_nothing_and_makes_the_folder(tmp_path):
    Folder(tmp_path / "buckets", "mine").check()
    assert not list((tmp_path / "buckets" / "mine").iterdir())


def test_a_folder_that_cannot_be_is_said_to_be_so(tmp_path):
    (tmp_path / "buckets").write_text("a file is in the way")
    with pytest.raises(StorageError, match="could not be written"):
        Folder(tmp_path / "buckets", "mine").check()
