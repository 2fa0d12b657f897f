"""The engine answers the real google-cloud-storage client as Cloud Storage does, on the buckets its exports write."""

import base64
import gzip
import hashlib
import json

import numpy as np
import pytest
from google.api_core import exceptions

RNG = np.random.default_rng(7)


def test_buckets_are_made_listed_and_removed(client, bucket, stored):
    with pytest.raises(exceptions.Conflict, match="you already own it"):
        client.create_bucket(bucket.name)
    assert bucket.exists()
    assert bucket.name in {each.name for each in client.list_buckets(page_size=1)}
    stored(bucket, "a/b")
    with pytest.raises(exceptions.Conflict, match="not empty"):
        bucket.delete()
    bucket.delete_blob("a/b")
    bucket.delete()
    assert not bucket.exists()
    for name in ("AB", "x/y", "a b", "n" * 300):
        with pytest.raises(exceptions.BadRequest):
            client.create_bucket(client.bucket(name))


def test_what_is_said_of_an_object_is_what_it_is(bucket, stored, crc32c):
    content = RNG.bytes(3000)
    stored(bucket, "folder/ünï ?#%.bin", content, content_type="image/tiff")
    blob = bucket.get_blob("folder/ünï ?#%.bin")
    assert (blob.size, blob.crc32c, blob.content_type) == (3000, crc32c(content), "image/tiff")
    assert blob.md5_hash == base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    assert blob.metageneration == 1
    assert blob.time_created == blob.updated
    assert abs(blob.time_created.timestamp() * 1e6 - blob.generation) < 2


def test_a_listing_is_cut_into_pages_prefixes_and_spans(bucket, stored):
    names = ["a", "b/1", "b/2", "b/c/3", "d", "e/4"]
    for name in names:
        stored(bucket, name)
    for size in (1, 2, 5, 100):
        pages = [[blob.name for blob in page] for page in bucket.list_blobs(page_size=size).pages]
        assert [name for page in pages for name in page] == names
        assert all(len(page) <= size for page in pages)
    top = bucket.list_blobs(delimiter="/", page_size=2)
    assert [blob.name for blob in top] == ["a", "d"]
    assert top.prefixes == {"b/", "e/"}
    below = bucket.list_blobs(prefix="b/", delimiter="/")
    assert [blob.name for blob in below] == ["b/1", "b/2"]
    assert below.prefixes == {"b/c/"}
    assert [blob.name for blob in bucket.list_blobs(prefix="b/", start_offset="b/2", end_offset="b/c/3")] == ["b/2"]
    assert [blob.name for blob in bucket.list_blobs(max_results=2)] == ["a", "b/1"]
    assert not list(bucket.list_blobs(prefix="../"))
    with pytest.raises(exceptions.BadRequest, match="matchGlob"):
        list(bucket.list_blobs(match_glob="*"))


@pytest.mark.parametrize(("first", "last"), [(0, 0), (5, 9), (2990, 5000), (2999, None), (-7, None)])
def test_ranges_are_those_of_the_content(bucket, first, last, stored):
    content = RNG.bytes(3000)
    found = stored(bucket, "a", content).download_as_bytes(start=first, end=last)
    assert found == content[first:None if last is None else last + 1]


def test_a_range_behind_the_end_is_refused(bucket, stored):
    blob = stored(bucket, "a", b"abc")
    with pytest.raises(exceptions.RequestRangeNotSatisfiable):
        blob.download_as_bytes(start=3)


def test_stored_gzip_is_sent_as_it_is_stored(bucket):
    blob = bucket.blob("a")
    blob.content_encoding = "gzip"
    packed = gzip.compress(b"x" * 5000)
    blob.upload_from_string(packed)
    assert bucket.blob("a").download_as_bytes(raw_download=True) == packed
    assert bucket.blob("a").download_as_bytes() == b"x" * 5000


def test_a_write_over_another_version_than_the_one_seen_is_refused(bucket, stored):
    seen = stored(bucket, "a", b"first").generation
    second = stored(bucket, "a", b"second", if_generation_match=seen)
    assert second.generation > seen
    for call in (lambda: stored(bucket, "a", b"third", if_generation_match=seen),
                 lambda: bucket.blob("a").delete(if_generation_match=seen),
                 lambda: bucket.blob("a").download_as_bytes(if_generation_match=seen),
                 lambda: bucket.blob("joined").compose([bucket.blob("a")], if_source_generation_match=[seen]),
                 lambda: bucket.copy_blob(second, bucket, "copy", if_source_generation_match=seen),
                 lambda: bucket.copy_blob(second, bucket, "a", if_generation_match=0),
                 lambda: bucket.blob("a").reload(if_metageneration_match=2)):
        with pytest.raises(exceptions.PreconditionFailed):
            call()
    with pytest.raises(exceptions.NotModified):
        bucket.blob("a").reload(if_generation_not_match=second.generation)
    with pytest.raises(exceptions.NotFound, match=f"#{seen}"):
        bucket.blob("a", generation=seen).download_as_bytes()
    assert bucket.blob("a").download_as_bytes() == b"second"


def test_metadata_is_changed_and_taken_away(bucket):
    blob = bucket.blob("a")
    blob.metadata = {"k": "v", "l": "w"}
    blob.upload_from_string(b"x")
    blob.metadata = {"k": None, "m": "y"}
    blob.content_type = "text/csv"
    blob.patch()
    found = bucket.get_blob("a")
    assert (found.metadata, found.content_type, found.metageneration) == ({"l": "w", "m": "y"}, "text/csv", 2)
    assert found.generation == blob.generation
    found.content_type = "text/plain"
    with pytest.raises(exceptions.PreconditionFailed):
        found.patch(if_metageneration_match=1)


def test_objects_are_composed_in_order(bucket, stored):
    parts = [stored(bucket, f"p/{number}", RNG.bytes(100)) for number in range(32)]
    whole = bucket.blob("whole")
    whole.compose(parts[::-1], if_generation_match=0)
    assert whole.download_as_bytes() == b"".join(part.download_as_bytes() for part in parts[::-1])
    assert bucket.get_blob("whole").component_count == 32
    assert bucket.get_blob("whole").md5_hash is None
    again = bucket.blob("again")
    again.compose([whole, parts[0]])
    assert again.component_count == 33
    with pytest.raises(exceptions.BadRequest, match="source components"):
        bucket.blob("more").compose([*parts, whole])
    with pytest.raises(exceptions.NotFound):
        bucket.blob("more").compose([bucket.blob("nothing")])
    with pytest.raises(exceptions.PreconditionFailed):
        whole.compose(parts, if_generation_match=0)
    before = whole.download_as_bytes()
    whole.compose([whole, parts[0]])  # to append is a use the service names
    assert whole.download_as_bytes() == before + parts[0].download_as_bytes()


def test_copies_carry_what_was_said(bucket, stored):
    source = stored(bucket, "a", b"abc", content_type="text/csv")
    assert bucket.blob("b").rewrite(source) == (None, 3, 3)
    bucket.copy_blob(source, bucket, "c")
    for name in ("b", "c"):
        copy = bucket.get_blob(name)
        assert (copy.download_as_bytes(), copy.content_type) == (b"abc", "text/csv")
    bucket.rename_blob(source, "d/e")
    assert [blob.name for blob in bucket.list_blobs()] == ["b", "c", "d/e"]


@pytest.mark.parametrize(("method", "path", "body", "headers"), [
    ("GET", "/storage/v1/b/{b}/o?maxResults=x", None, {}),
    ("GET", "/storage/v1/b/{b}/o?pageToken=%FF", None, {}),
    ("GET", "/storage/v1/b/{b}/o/a?generation=1.5", None, {}),
    ("POST", "/storage/v1/b", b"[1", {}),
    ("POST", "/storage/v1/b", b"[]", {}),
    ("POST", "/storage/v1/b/{b}/o/a/compose", b'{"sourceObjects": [1]}', {}),
    ("POST", "/upload/storage/v1/b/{b}/o?uploadType=media", b"no name", {}),
    ("POST", "/upload/storage/v1/b/{b}/o?uploadType=other", b"", {}),
    ("POST", "/upload/storage/v1/b/{b}/o?uploadType=multipart", b"--x", {"Content-Type": "multipart/related"}),
    ("POST", "/upload/storage/v1/b/{b}/o?uploadType=multipart", b"--x\r\n\r\n",
     {"Content-Type": "multipart/related; boundary=x"}),
    ("POST", "/upload/storage/v1/b/{b}/o?uploadType=resumable", b'{"name": "a", "metadata": {"k": 1}}', {}),
    ("POST", "/upload/storage/v1/b/{b}/o?uploadType=resumable", b'{"name": "a", "contentType": "x\\ny"}', {}),
    ("GET", "/storage/v1/other", None, {}),
    ("PUT", "/upload/storage/v1/b/{b}/o?uploadType=resumable&upload_id=no", b"x", {}),
])
def test_odd_requests_are_refused_in_the_services_form(bucket, method, path, body, headers, raw):
    status, _, answer = raw(method, path.format(b=bucket.name), body, headers)
    assert status in (400, 404)
    error = json.loads(answer)["error"]
    assert error["code"] == status
    assert "Internal error" not in error["message"]
    assert error["errors"][0]["reason"] in ("invalid", "notFound")


def test_another_hosts_name_is_not_answered(bucket, raw):
    status, _, _ = raw("GET", f"/storage/v1/b/{bucket.name}/o", headers={"Host": "evil.example"})
    assert status == 403
