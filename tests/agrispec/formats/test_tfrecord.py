import gzip
import itertools
import resource

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from agrispec.errors import CorruptRecord, DataError, StorageError
from agrispec.formats import tfrecord

payloads = st.lists(st.binary(max_size=60), min_size=1, max_size=12)
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def frames(path):
    return list(tfrecord.read_frames(path))


@same_folder
@given(payloads=payloads, compressed=st.booleans(), block_bytes=st.integers(17, 200))
def test_what_was_written_is_read_whatever_the_size_of_a_block(tmp_path, payloads, compressed, block_bytes):
    path = tmp_path / "records"
    tfrecord.write_frames(path, payloads, gzip=compressed)
    assert frames(path) == payloads
    found, number = [], 0
    for block in tfrecord.blocks(path, block_bytes=block_bytes):
        assert block.first == number
        assert block.offset == sum(len(payload) + 16 for payload in payloads[:number])
        number += len(block)
        found += [block.rows(np.array([i]))[0].tobytes() for i in range(len(block))]
    assert found == payloads
    assert block.share == 1.0


@same_folder
@given(payloads=payloads, compressed=st.booleans(), data=st.data())
def test_one_flipped_bit_never_changes_what_is_read(tmp_path, payloads, compressed, data):
    path = tmp_path / "records"
    tfrecord.write_frames(path, payloads, gzip=compressed)
    content = bytearray(path.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    try:
        found = frames(path)
    except CorruptRecord:
        return
    assert compressed  # GZIP has bits that nobody needs: its time and system, and what fills its last byte
    assert found == payloads


@same_folder
@given(payloads=payloads, compressed=st.booleans(), data=st.data())
def test_a_file_cut_within_a_record_is_refused(tmp_path, payloads, compressed, data):
    path = tmp_path / "records"
    tfrecord.write_frames(path, payloads, gzip=compressed)
    content = path.read_bytes()
    cut = data.draw(st.integers(0, len(content) - 1))
    # Between two records a plain file says nothing of those that are gone.
    ends = itertools.accumulate(len(payload) + 16 for payload in payloads)
    assume(compressed or cut not in set(ends))
    path.write_bytes(content[:cut])
    with pytest.raises(CorruptRecord):
        frames(path)


def test_damage_is_named_with_file_record_and_byte(tmp_path):
    path = tmp_path / "shard.tfrecord"
    tfrecord.write_frames(path, [b"abc", b"defg", b"hij"], gzip=False)
    whole = path.read_bytes()
    for position, reason in ((19 + 13, "record 1 at byte 19: its content does not match its checksum"),
                             (19 + 2, "record 1 at byte 19: its length does not match its checksum"),
                             (19 + 20 + 9, "record 2 at byte 39: its length does not match its checksum")):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 4]) + whole[position + 1 :])
        with pytest.raises(CorruptRecord, match=f"shard.tfrecord is damaged: {reason}"):
            frames(path)
    path.write_bytes(whole[:-1])
    with pytest.raises(CorruptRecord, match="record 2 at byte 39: the file ends within this record"):
        frames(path)


def test_a_compressed_file_that_ends_early_names_the_record_from_which_on_it_is_lost(tmp_path):
    path = tmp_path / "shard"
    rng = np.random.default_rng(0)
    tfrecord.write_frames(path, [rng.bytes(1000) for _ in range(100)])
    path.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(CorruptRecord, match=r"record \d+ at byte \d+: the compressed file ends too early"):
        list(tfrecord.blocks(path, block_bytes=10_000))


@pytest.mark.parametrize(("content", "reason"), [
    (b"", "the file is empty"), (b"PK\x03\x04 something else", "neither with the length of a record nor with GZIP"),
    (gzip.compress(b"no record", mtime=0), "ends within this record"), (gzip.compress(b"", mtime=0), None)])
def test_a_file_of_something_else_is_refused_but_one_without_records_is_not(tmp_path, content, reason):
    path = tmp_path / "file"
    path.write_bytes(content)
    if reason is None:
        assert frames(path) == []
    else:
        with pytest.raises(CorruptRecord, match=reason):
            frames(path)


def test_gzip_members_that_follow_each_other_are_one_file_and_anything_else_behind_them_is_damage(tmp_path):
    path = tmp_path / "records"
    content = b""
    for payload in (b"first", b"second"):
        tfrecord.write_frames(path, [payload])
        content += path.read_bytes()
    path.write_bytes(content)
    assert frames(path) == [b"first", b"second"]
    path.write_bytes(content + b"\0\0\0\0\0\0\0\0\0\0\0\0")
    with pytest.raises(CorruptRecord, match="the compression is broken"):
        frames(path)


def test_a_plain_record_whose_length_looks_like_gzip_is_read(tmp_path):
    path = tmp_path / "records"
    payload = bytes(int.from_bytes(b"\x1f\x8b\x08", "little"))
    tfrecord.write_frames(path, [payload], gzip=False)
    assert path.read_bytes()[:3] == b"\x1f\x8b\x08"
    assert frames(path) == [payload]


def test_the_same_records_give_the_same_bytes_under_any_name(tmp_path):
    for name in ("a", "b"):
        tfrecord.write_frames(tmp_path / name, [b"x" * 1000] * 1000)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_equally_long_payloads_framed_at_once_are_the_frames_of_each(tmp_path):
    rows = np.random.default_rng(0).integers(0, 256, (9, 21), np.uint8)
    path = tmp_path / "records"
    tfrecord.write_frames(path, [row.tobytes() for row in rows], gzip=False)
    framed = np.pad(rows, ((0, 0), (tfrecord.HEADER, tfrecord.FOOTER)))
    tfrecord.frame_rows(framed)
    assert framed.tobytes() == path.read_bytes()


@given(payloads)
def test_the_twin_of_the_walk_finds_the_same_records(payloads):
    content = np.frombuffer(tfrecord._framed(payloads) + b"\xff" * 20, np.uint8)
    found = []
    for walk in (tfrecord._walk, tfrecord._walk_python):
        starts, lengths = np.zeros(content.size // 16, np.int64), np.zeros(content.size // 16, np.int64)
        found.append((walk(content, starts, lengths), starts.tolist(), lengths.tolist()))
    assert found[0] == found[1]
    assert found[0][0] == len(payloads)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_full_disk_is_told_and_leaves_nothing_behind(tmp_path, compressed):
    path = tmp_path / "records"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(StorageError, match=r"records could not be written: .*too large"):
            tfrecord.write_frames(path, [np.random.default_rng(0).bytes(20_000)] * 9, gzip=compressed)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_fails_keeps_the_file_that_was_there(tmp_path):
    path = tmp_path / "records"
    tfrecord.write_frames(path, [b"before"])

    def failing():
        yield b"after"
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        tfrecord.write_frames(path, failing())
    assert frames(path) == [b"before"]
    assert list(tmp_path.iterdir()) == [path]


def test_no_records_need_gzip(tmp_path):
    tfrecord.write_frames(tmp_path / "packed", [])
    assert frames(tmp_path / "packed") == []
    with pytest.raises(DataError, match="no records"):
        tfrecord.write_frames(tmp_path / "plain", [], gzip=False)
    assert not (tmp_path / "plain").exists()


def test_a_file_that_cannot_be_opened_is_told(tmp_path):
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(StorageError, match="could not be read"):
            frames(path)


def test_memory_holds_a_block_and_not_the_file(tmp_path):
    path = tmp_path / "records"
    tfrecord.write_frames(path, [bytes(1000)] * 5000)
    sizes = [block.buffer.nbytes for block in tfrecord.blocks(path, block_bytes=50_000)]
    assert len(sizes) > 90
    assert max(sizes) == 50_000
