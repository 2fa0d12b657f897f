"""A folder behaves as a bucket: names in order, files whole or absent."""

import pytest

from agrispec.errors import StorageError
from exports.storage import Folder


def test_what_is_uploaded_is_listed_and_downloaded(tmp_path):
    bucket = Folder(tmp_path / "buckets", "mine")
    source = tmp_path / "a.bin"
    source.write_bytes(b"\x00\x01" * 5000)
    assert bucket.upload(source, "maps/x/a.bin") == "gs://mine/maps/x/a.bin"
    bucket.upload(source, "maps/b.bin")
    bucket.upload(source, "other/c.bin")
    assert bucket.list("maps/") == ["maps/b.bin", "maps/x/a.bin"]
    assert bucket.list("maps/x") == ["maps/x/a.bin"]
    bucket.download("maps/x/a.bin", tmp_path / "back" / "a.bin")
    assert (tmp_path / "back" / "a.bin").read_bytes() == source.read_bytes()


def test_a_missing_object_leaves_no_file(tmp_path):
    with pytest.raises(StorageError):
        Folder(tmp_path, "mine").download("nothing", tmp_path / "out" / "x")
    assert not list((tmp_path / "out").iterdir())
