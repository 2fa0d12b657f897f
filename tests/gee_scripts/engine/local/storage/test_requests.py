"""Headers and queries of Cloud Storage's JSON API."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.storage.requests import byte_range, content_range, hashes, json_object, page

NUMBERS = st.integers(0, 40)


@given(first=NUMBERS, last=st.none() | NUMBERS, size=NUMBERS)
def test_a_range_is_that_slice_of_the_content_or_refused_where_it_is_empty(first, last, size):
    content = bytes(range(size))
    header = f"bytes={first}-{'' if last is None else last}"
    wanted = content[first:None if last is None else last + 1]
    if not wanted and (size or first):
        with pytest.raises(Refusal) as refused:
            byte_range(header, size)
        assert refused.value.code == 416
    else:
        start, stop = byte_range(header, size)
        assert content[start:stop] == wanted


@given(last=st.integers(1, 60), size=st.integers(1, 40))
def test_a_range_from_the_end_is_the_end(last, size):
    content = bytes(range(size))
    start, stop = byte_range(f"bytes=-{last}", size)
    assert content[start:stop] == content[-last:]


@pytest.mark.parametrize("header", [None, "", "bytes=-", "bytes=0-1,3-4", "items=0-1"])
def test_a_range_that_is_not_understood_is_the_whole(header):
    assert byte_range(header, 9) == (0, 9)


@pytest.mark.parametrize(("header", "meant"), [
    (None, (0, None, None)), ("bytes 0-9/*", (0, 9, None)), ("bytes 3-9/10", (3, 9, 10)), ("bytes */10", (0, -1, 10)),
    ("bytes */*", (0, -1, None))])
def test_what_a_piece_of_an_upload_says_of_itself(header, meant):
    assert content_range({} if header is None else {"content-range": header}) == meant


@pytest.mark.parametrize("header", ["bytes 9-3/10", "bytes 0-10/10", "bytes 0-9", "0-9/10", "bytes 0-1/1e3"])
def test_what_cannot_be_a_piece_is_refused(header):
    with pytest.raises(Refusal, match="Failed to parse Content-Range"):
        content_range({"content-range": header})


def test_checksums_are_named_in_one_header_or_none():
    assert hashes({"x-goog-hash": "crc32c=AAAAAA==, md5=BBBB,sha=CC"}) == {"crc32c": "AAAAAA==", "md5Hash": "BBBB"}
    assert hashes({}) == {}


@given(names=st.lists(st.text(min_size=1, max_size=4), unique=True, max_size=20), size=st.integers(1, 25))
def test_pages_of_names_are_all_of_them_in_order(names, size):
    names = sorted((name for name in names if name.isprintable()), key=str.encode)
    found, query = [], {"maxResults": str(size)}
    while True:
        part, following = page(names, query)
        found += part
        assert len(part) <= size
        if not following:
            break
        query["pageToken"] = following["nextPageToken"]
    assert found == names


@pytest.mark.parametrize(("content", "code"), [(b"[1", 400), (b"[]", 400), (b"1", 400), (b" " * (2**20 + 1), 413)])
def test_what_is_no_description_is_refused(content, code):
    with pytest.raises(Refusal) as refused:
        json_object(content)
    assert refused.value.code == code


def test_a_description_is_an_object_or_nothing():
    assert json_object(json.dumps({"name": "ü"}).encode()) == {"name": "ü"}
    assert json_object(b"") == {}
