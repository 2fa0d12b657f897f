"""Uploads of the real client and of requests of our own: in one piece or many, whole or not at all."""

import json

import numpy as np
import pytest
from google.api_core import exceptions

KIB = 1024
RNG = np.random.default_rng(7)


def begun(raw, bucket, name, query="", **said):
    status, headers, _ = raw("POST", f"/upload/storage/v1/b/{bucket.name}/o?uploadType=resumable{query}",
                             json.dumps({"name": name, **said}))
    assert status == 200
    return headers["Location"][headers["Location"].index("/upload"):]


def test_generation_0_refuses_an_existing_object(bucket, stored):
    blob = stored(bucket, "a", b"first", if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed, match="pre-conditions you specified did not hold"):
        stored(bucket, "a", b"second", if_generation_match=0)
    assert blob.download_as_bytes() == b"first"


def test_a_resumable_upload_takes_pieces_of_any_size_and_says_how_far_it_is(bucket, raw):
    content, where = RNG.bytes(700 * KIB), begun(raw, bucket, "a", "&ifGenerationMatch=0")
    status, headers, _ = raw("PUT", where, headers={"Content-Range": "bytes */*"})
    assert (status, headers["Range"]) == (308, None)
    for first, last in ((0, 300 * KIB), (256 * KIB, 512 * KIB)):  # the second overlaps the first
        status, headers, _ = raw("PUT", where, content[first:last],
                                 {"Content-Range": f"bytes {first}-{last - 1}/*"})
        assert (status, headers["Range"]) == (308, f"bytes=0-{last - 1}")
    assert not bucket.blob("a").exists()
    last = 700 * KIB - 1
    status, _, body = raw("PUT", where, content[-1:], {"Content-Range": f"bytes {last}-{last}/*"})
    assert status == 400
    assert "exceeds already uploaded size" in json.loads(body)["error"]["message"]
    rest = {"Content-Range": f"bytes {512 * KIB}-{700 * KIB - 1}/{700 * KIB}"}
    first_answer, second_answer = (raw("PUT", where, content[512 * KIB:], rest) for _ in range(2))
    assert first_answer[0] == second_answer[0] == 200
    assert json.loads(first_answer[2])["generation"] == json.loads(second_answer[2])["generation"]
    assert bucket.blob("a").download_as_bytes() == content


def test_the_precondition_of_a_resumable_upload_holds_at_its_end_too(bucket, stored, raw):
    where = begun(raw, bucket, "a", "&ifGenerationMatch=0")
    stored(bucket, "a", b"in between")
    status, _, body = raw("PUT", where, b"late")
    assert (status, json.loads(body)["error"]["errors"][0]["reason"]) == (412, "conditionNotMet")
    assert bucket.blob("a").download_as_bytes() == b"in between"
    assert raw("PUT", where, b"late")[0] == 404


@pytest.mark.parametrize("said", [{"crc32c": "AAAAAA=="}, {"md5Hash": "AAAAAAAAAAAAAAAAAAAAAA=="}])
def test_a_content_that_differs_from_its_checksum_is_refused(bucket, said, raw):
    status, _, body = raw("PUT", begun(raw, bucket, "a", **said), b"content")
    assert status == 400
    assert "doesn't match calculated" in json.loads(body)["error"]["message"]
    assert not bucket.blob("a").exists()


def test_a_cancelled_upload_leaves_nothing(bucket, server, raw):
    before = set((server.root / "buckets").glob(".object.*"))
    where = begun(raw, bucket, "a")
    raw("PUT", where, b"half", {"Content-Range": "bytes 0-3/9"})
    assert raw("DELETE", where)[0] == 499
    assert raw("PUT", where, b"content")[0] == 404
    assert set((server.root / "buckets").glob(".object.*")) == before


@pytest.mark.parametrize("headers", [b"Content-Type: text/csv\r\n", b""])
def test_the_content_of_a_multipart_upload_begins_after_its_own_headers(bucket, raw, headers):
    body = b'--x\r\nContent-Type: application/json\r\n\r\n{"name": "a"}\r\n--x\r\n' + headers \
        + b"\r\none\r\n\r\ntwo\r\n--x--\r\n"
    status, _, _ = raw("POST", f"/upload/storage/v1/b/{bucket.name}/o?uploadType=multipart", body,
                       {"Content-Type": "multipart/related; boundary=x"})
    assert status == 200
    assert bucket.blob("a").download_as_bytes() == b"one\r\n\r\ntwo"


def test_a_description_without_an_end_is_not_kept(bucket, raw):
    status, _, _ = raw("POST", f"/upload/storage/v1/b/{bucket.name}/o?uploadType=resumable",
                       b'{"name": "a", "x": "' + b"x" * 2**21 + b'"}')
    assert status == 413
