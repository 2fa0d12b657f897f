"""The engine answers the real google-cloud-storage client as Cloud Storage does, on the buckets its exports write."""

import base64
import gzip
import hashlib
import http.client
import json
import os
import threading

import google_crc32c
import numpy as np
import pytest
from google.api_core import exceptions
from google.cloud import storage

from agrispec.formats.asset_tree import AssetTree
from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.server import LocalServer
from gee_scripts.engine.local.storage.object_store import ObjectStore
from gee_scripts.engine.local.storage.objects import Preconditions

KIB = 1024
RNG = np.random.default_rng(7)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with LocalServer(tmp_path_factory.mktemp("engine"), "agrispec-local") as server:
        yield server


@pytest.fixture
def client(server, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    client = storage.Client(project="agrispec-local")
    yield client
    client.close()


@pytest.fixture
def bucket(client, request):
    return client.create_bucket("b-" + hashlib.sha256(request.node.name.encode()).hexdigest()[:16])


def stored(bucket, name, content=b"content", **options):
    blob = bucket.blob(name)
    blob.upload_from_string(content, **options)
    return blob


def raw(server, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=20)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def begun(server, bucket, name, query="", **said):
    status, headers, _ = raw(server, "POST", f"/upload/storage/v1/b/{bucket.name}/o?uploadType=resumable{query}",
                             json.dumps({"name": name, **said}))
    assert status == 200
    return headers["Location"].removeprefix(server.url)


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def crc32c(content):
    return base64.b64encode(google_crc32c.Checksum(content).digest()).decode()


def test_buckets_are_made_listed_and_removed(client, bucket):
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


def test_what_is_said_of_an_object_is_what_it_is(bucket):
    content = RNG.bytes(3000)
    stored(bucket, "folder/ünï ?#%.bin", content, content_type="image/tiff")
    blob = bucket.get_blob("folder/ünï ?#%.bin")
    assert (blob.size, blob.crc32c, blob.content_type) == (3000, crc32c(content), "image/tiff")
    assert blob.md5_hash == base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    assert blob.metageneration == 1
    assert blob.time_created == blob.updated
    assert abs(blob.time_created.timestamp() * 1e6 - blob.generation) < 2


def test_a_listing_is_cut_into_pages_prefixes_and_spans(bucket):
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


def test_unfinished_files_are_not_objects(bucket, server):
    folder = server.root / "buckets" / bucket.name
    (folder / ".a.part").write_bytes(b"half")
    (folder / ".b").mkdir()
    (folder / ".b" / "c").write_bytes(b"half")
    assert not list(bucket.list_blobs())
    with pytest.raises(exceptions.BadRequest, match="Invalid object name"):
        bucket.blob(".a.part").download_as_bytes()


@pytest.mark.parametrize(("first", "last"), [(0, 0), (5, 9), (2990, 5000), (2999, None), (-7, None)])
def test_ranges_are_those_of_the_content(bucket, first, last):
    content = RNG.bytes(3000)
    found = stored(bucket, "a", content).download_as_bytes(start=first, end=last)
    assert found == content[first:None if last is None else last + 1]


def test_a_range_behind_the_end_is_refused(bucket):
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


def test_generation_0_refuses_an_existing_object(bucket):
    blob = stored(bucket, "a", b"first", if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed, match="pre-conditions you specified did not hold"):
        stored(bucket, "a", b"second", if_generation_match=0)
    assert blob.download_as_bytes() == b"first"


def test_a_write_over_another_version_than_the_one_seen_is_refused(bucket):
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


def test_an_object_replaced_by_an_export_is_a_new_version_of_which_nothing_is_said(bucket, server):
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


def test_objects_are_composed_in_order(bucket):
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


def test_copies_carry_what_was_said(bucket):
    source = stored(bucket, "a", b"abc", content_type="text/csv")
    assert bucket.blob("b").rewrite(source) == (None, 3, 3)
    bucket.copy_blob(source, bucket, "c")
    for name in ("b", "c"):
        copy = bucket.get_blob(name)
        assert (copy.download_as_bytes(), copy.content_type) == (b"abc", "text/csv")
    bucket.rename_blob(source, "d/e")
    assert [blob.name for blob in bucket.list_blobs()] == ["b", "c", "d/e"]


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "a//b", "a/", ".", "x\0y", "a/.b", "n" * 300, "x" * 1025,
                                  "a\nb"])
def test_names_that_are_no_files_are_refused_and_nothing_leaves_the_bucket(bucket, server, name):
    before = files(server.root.parent)
    with pytest.raises(exceptions.BadRequest, match="Invalid object name|too long"):
        stored(bucket, name)
    assert files(server.root.parent) == before


def test_a_link_out_of_the_buckets_is_not_followed(bucket, server, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    (server.root / "buckets" / bucket.name / "out").symlink_to(tmp_path)
    with pytest.raises(exceptions.BadRequest):
        bucket.blob("out/secret").download_as_bytes()
    with pytest.raises(exceptions.BadRequest):
        stored(bucket, "out/new")
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_an_object_above_or_below_another_one_is_refused_and_an_empty_folder_is_none(bucket):
    stored(bucket, "a/b/c")
    for name in ("a", "a/b", "a/b/c/d"):
        with pytest.raises(exceptions.BadRequest, match="objects as files"):
            stored(bucket, name)
        assert not bucket.blob(name).exists()
    bucket.blob("a/b/c").delete()
    assert stored(bucket, "a").download_as_bytes() == b"content"


def test_a_resumable_upload_takes_pieces_of_any_size_and_says_how_far_it_is(bucket, server):
    content, where = RNG.bytes(700 * KIB), begun(server, bucket, "a", "&ifGenerationMatch=0")
    status, headers, _ = raw(server, "PUT", where, headers={"Content-Range": "bytes */*"})
    assert (status, headers["Range"]) == (308, None)
    for first, last in ((0, 300 * KIB), (256 * KIB, 512 * KIB)):  # the second overlaps the first
        status, headers, _ = raw(server, "PUT", where, content[first:last],
                                 {"Content-Range": f"bytes {first}-{last - 1}/*"})
        assert (status, headers["Range"]) == (308, f"bytes=0-{last - 1}")
    assert not bucket.blob("a").exists()
    last = 700 * KIB - 1
    status, _, body = raw(server, "PUT", where, content[-1:], {"Content-Range": f"bytes {last}-{last}/*"})
    assert status == 400
    assert "exceeds already uploaded size" in json.loads(body)["error"]["message"]
    rest = {"Content-Range": f"bytes {512 * KIB}-{700 * KIB - 1}/{700 * KIB}"}
    first_answer, second_answer = (raw(server, "PUT", where, content[512 * KIB:], rest) for _ in range(2))
    assert first_answer[0] == second_answer[0] == 200
    assert json.loads(first_answer[2])["generation"] == json.loads(second_answer[2])["generation"]
    assert bucket.blob("a").download_as_bytes() == content


def test_the_precondition_of_a_resumable_upload_holds_at_its_end_too(bucket, server):
    where = begun(server, bucket, "a", "&ifGenerationMatch=0")
    stored(bucket, "a", b"in between")
    status, _, body = raw(server, "PUT", where, b"late")
    assert (status, json.loads(body)["error"]["errors"][0]["reason"]) == (412, "conditionNotMet")
    assert bucket.blob("a").download_as_bytes() == b"in between"
    assert raw(server, "PUT", where, b"late")[0] == 404


@pytest.mark.parametrize("said", [{"crc32c": "AAAAAA=="}, {"md5Hash": "AAAAAAAAAAAAAAAAAAAAAA=="}])
def test_a_content_that_differs_from_its_checksum_is_refused(bucket, server, said):
    status, _, body = raw(server, "PUT", begun(server, bucket, "a", **said), b"content")
    assert status == 400
    assert "doesn't match calculated" in json.loads(body)["error"]["message"]
    assert not bucket.blob("a").exists()


def test_a_cancelled_upload_leaves_nothing(bucket, server):
    before = set((server.root / "buckets").glob(".object.*"))
    where = begun(server, bucket, "a")
    raw(server, "PUT", where, b"half", {"Content-Range": "bytes 0-3/9"})
    assert raw(server, "DELETE", where)[0] == 499
    assert raw(server, "PUT", where, b"content")[0] == 404
    assert set((server.root / "buckets").glob(".object.*")) == before


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
def test_odd_requests_are_refused_in_the_services_form(bucket, server, method, path, body, headers):
    status, _, answer = raw(server, method, path.format(b=bucket.name), body, headers)
    assert status in (400, 404)
    error = json.loads(answer)["error"]
    assert error["code"] == status
    assert "Internal error" not in error["message"]
    assert error["errors"][0]["reason"] in ("invalid", "notFound")


def test_another_hosts_name_is_not_answered(bucket, server):
    status, _, _ = raw(server, "GET", f"/storage/v1/b/{bucket.name}/o", headers={"Host": "evil.example"})
    assert status == 403


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


def test_what_an_earlier_server_left_unfinished_is_removed(tmp_path):
    ObjectStore(AssetTree(tmp_path)).part()
    assert len(list((tmp_path / "buckets").iterdir())) == 1
    ObjectStore(AssetTree(tmp_path))
    assert not list((tmp_path / "buckets").iterdir())
