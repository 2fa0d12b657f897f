"""Objects are files under their names, in versions that nobody mixes; none leaves its bucket."""

import base64
import contextlib
import hashlib
import json
import os
import sys
import threading

import pytest
from google.api_core import exceptions

from agrispec.formats.asset_tree import AssetTree
from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.storage.object_store import ObjectStore
from gee_scripts.engine.local.storage.objects import Preconditions


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_unfinished_files_are_not_objects(bucket, server):
    folder = server.root / "buckets" / bucket.name
    (folder / ".a.part").write_bytes(b"half")
    (folder / ".b").mkdir()
    (folder / ".b" / "c").write_bytes(b"half")
    assert not list(bucket.list_blobs())
    with pytest.raises(exceptions.BadRequest, match="Invalid object name"):
        bucket.blob(".a.part").download_as_bytes()


def test_versions_that_follow_at_once_are_told_apart(tmp_path):
    store = ObjectStore(AssetTree(tmp_path))
    store.create_bucket("mine")
    generations = [store.put("mine", "a", store.part(), {}, Preconditions()).generation for _ in range(200)]
    assert sorted(set(generations)) == generations


def test_of_many_who_replace_the_version_they_saw_one_wins(tmp_path):
    store, outcomes = ObjectStore(AssetTree(tmp_path)), []
    store.create_bucket("mine")
    seen = store.put("mine", "a", store.part(), {}, Preconditions()).generation
    barrier = threading.Barrier(6)

    def write():
        part = store.part()
        # Long enough to sum that all have begun before one ends.
        part.write_bytes(bytes(8 * 2**20))
        barrier.wait()
        try:
            store.put("mine", "a", part, {}, Preconditions(generation=seen))
            outcomes.append(200)
        except Refusal as refused:
            outcomes.append(refused.code)

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [200] + [412] * 5


def test_one_of_many_writers_of_a_new_object_wins_whoever_they_are(tmp_path):
    store, wins = ObjectStore(AssetTree(tmp_path)), []
    store.create_bucket("mine")

    def write(number):
        part = store.part()
        part.write_bytes(bytes([number]) * 1000)
        try:
            wins.append((store.put("mine", "a", part, {}, Preconditions(generation=0)), number))
        except Refusal as refused:
            codes.append(refused.code)

    for _ in range(20):
        wins.clear()
        codes = []
        threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        [(kept, number)] = wins
        assert codes == [412] * 5
        assert kept.path.read_bytes() == bytes([number]) * 1000
        store.delete("mine", "a", kept.generation, Preconditions())
    assert not list((tmp_path / "buckets").glob(".object.*"))
    assert not [path for path in (tmp_path / "buckets" / ".metadata").rglob("*") if path.is_file()]


def test_an_object_replaced_by_an_export_is_a_new_version_of_which_nothing_is_said(bucket, server, crc32c):
    blob = bucket.blob("a")
    blob.metadata = {"k": "v"}
    blob.upload_from_string(b"first", content_type="text/csv")
    path = server.root / "buckets" / bucket.name / "a"
    path.with_name("b").write_bytes(b"by an export")
    os.replace(path.with_name("b"), path)
    found = bucket.get_blob("a")
    assert found.generation > blob.generation
    assert (found.metadata, found.content_type) == (None, "application/octet-stream")
    assert found.crc32c == crc32c(b"by an export")


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "a//b", "a/", ".", "x\0y", "a/.b", "n" * 300, "x" * 1025,
                                  "a\nb"])
def test_names_that_are_no_files_are_refused_and_nothing_leaves_the_bucket(bucket, server, name, stored):
    before = files(server.root.parent)
    with pytest.raises(exceptions.BadRequest, match="Invalid object name|too long"):
        stored(bucket, name)
    assert files(server.root.parent) == before


def test_a_link_out_of_the_buckets_is_not_followed(bucket, server, tmp_path, stored):
    (tmp_path / "secret").write_bytes(b"secret")
    (server.root / "buckets" / bucket.name / "out").symlink_to(tmp_path)
    with pytest.raises(exceptions.BadRequest):
        bucket.blob("out/secret").download_as_bytes()
    with pytest.raises(exceptions.BadRequest):
        stored(bucket, "out/new")
    (server.root / "buckets" / bucket.name / "file").symlink_to(tmp_path / "secret")
    assert not list(bucket.list_blobs())
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_an_object_above_or_below_another_one_is_refused_and_an_empty_folder_is_none(bucket, stored):
    stored(bucket, "a/b/c")
    for name in ("a", "a/b", "a/b/c/d"):
        with pytest.raises(exceptions.BadRequest, match="objects as files"):
            stored(bucket, name)
        assert not bucket.blob(name).exists()
    bucket.blob("a/b/c").delete()
    assert stored(bucket, "a").download_as_bytes() == b"content"


def test_what_an_earlier_server_left_unfinished_is_removed(tmp_path):
    ObjectStore(AssetTree(tmp_path)).part()
    assert len(list((tmp_path / "buckets").iterdir())) == 1
    ObjectStore(AssetTree(tmp_path))
    assert not list((tmp_path / "buckets").iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are Unicode")
def test_files_without_an_objects_name_are_not_listed(bucket, server, raw):
    folder = os.fsencode(server.root / "buckets" / bucket.name)
    for name in (b"caf\xe9", b"a\nb"):
        with open(folder + b"/" + name, "wb"):
            pass
    assert not list(bucket.list_blobs())
    for name in ("\ud800", "caf\udce9"):
        status, _, answer = raw("POST", f"/upload/storage/v1/b/{bucket.name}/o?uploadType=resumable",
                                json.dumps({"name": name}))
        assert status == 400
        assert "Invalid object name" in json.loads(answer)["error"]["message"]


def test_the_checksums_of_an_upload_are_computed_once(tmp_path):
    store = ObjectStore(AssetTree(tmp_path))
    store.create_bucket("mine")
    part = store.part()
    part.write_bytes(b"uploaded")
    stored = store.put("mine", "a", part, {}, Preconditions())
    # Nothing else writes into objects: what was summed when it arrived is not read again.
    stored.path.write_bytes(b"changed!")
    os.utime(stored.path, ns=(stored.generation * 1000,) * 2)
    assert store.sums(stored).md5 == base64.b64encode(hashlib.md5(b"uploaded").digest()).decode()


def test_of_an_object_that_found_no_place_nothing_is_said(tmp_path):
    store = ObjectStore(AssetTree(tmp_path))
    store.create_bucket("mine")
    for name in ("a/b", "a"):
        with contextlib.suppress(Refusal):
            store.put("mine", name, store.part(), {}, Preconditions())
    said = [path for path in (tmp_path / "buckets" / ".metadata").rglob("*") if path.is_file()]
    assert [json.loads(path.read_bytes())["name"] for path in said] == ["a/b"]
