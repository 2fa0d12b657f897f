"""TFRecord framing: length, checksum, payload, checksum; one frame after the other, often within GZIP.

Every checksum of every file is compared, always. A file is read in blocks, so memory holds one block and not
the file; a block holds whole records only.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from isal import igzip_lib, isal_zlib
from numpy.typing import NDArray

from agrispec.ahead import ahead
from agrispec.errors import CorruptRecord, DataError, StorageError
from agrispec.formats.atomic import replacing
from agrispec.kernels import compiled
from agrispec.kernels.crc32c import crc32c

# uint64 length, uint32 masked CRC of the length, payload, uint32 masked CRC of the payload, all little-endian:
# https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
HEADER, FOOTER = 12, 4
_MASK_DELTA = np.uint32(0xA282EAD8)

_BLOCK_BYTES = 4 << 20  # stays within the last-level cache between checking and parsing
_PIECE_BYTES = 1 << 18
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP = 31  # window bits that ask isal for the gzip container


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Consecutive whole records of one file, checksums compared.

    buffer (B,) uint8 with the frames, starts (N,) and lengths (N,) of the payloads in it; `first` is the number
    of its first record, `offset` the byte of the (decompressed) file at which the buffer starts, and `share` about
    how much of the file is read after this block, 1 after the last. The buffer is used again for the next
    block: copy what must outlive it.
    """

    path: Path
    buffer: NDArray[np.uint8]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    first: int
    offset: int
    share: float

    def __len__(self) -> int:
        return len(self.starts)

    def rows(self, records: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Payloads of `records` (N,), which must be equally long, as (N, length); a view where all are asked for."""
        length = int(self.lengths[records[0]])
        if len(records) == len(self):
            frames = self.buffer[: len(self) * (HEADER + length + FOOTER)].reshape(len(self), -1)
            return frames[:, HEADER : HEADER + length]
        payloads: NDArray[np.uint8] = self.buffer[self.starts[records][:, None] + np.arange(length)]
        return payloads


def blocks(path: str | Path, *, block_bytes: int = _BLOCK_BYTES) -> Iterator[Block]:
    """The records of a file in order, about `block_bytes` of decompressed frames at a time.

    A block is good until the next one is asked for.

    Plain or GZIP is told from the content, not from the name. A record larger than `block_bytes` comes alone.

    Raises:
        CorruptRecord: truncated, bit-flipped, or no TFRecord file at all.
        StorageError: the file cannot be opened or read.
    """
    return _checked(_read(Path(path), _buffers(1, block_bytes)))


def blocks_ahead(paths: Iterable[Path], *, block_bytes: int) -> Iterator[Block]:
    """The same of several files in order: a thread decompresses the next block while checksums of this one are
    compared, and what it is used for is done."""
    # Two buffers take turns: `ahead` fills one again only when the block in it is not good any more.
    buffers = _buffers(2, block_bytes)
    return _checked(ahead((found for path in paths for found in _read(path, buffers)), 1))


def _checked(read: Iterable[tuple[Block, int, bool]]) -> Iterator[Block]:
    for block, filled, whole in read:
        _check(block.path, block.buffer[:filled], block.starts, block.lengths, block.first, block.offset)
        if whole:
            _check_end(block, filled)
        if len(block):
            yield block


def read_frames(path: str | Path) -> Iterator[bytes]:
    """The payload of every record of a file, in order. Raises as `blocks`."""
    for block in blocks(path):
        payloads = block.buffer.data
        for start, length in zip(block.starts.tolist(), block.lengths.tolist(), strict=True):
            yield bytes(payloads[start : start + length])


def write_frames(path: str | Path, payloads: Iterable[bytes], *, gzip: bool = True) -> None:
    """Write one record per payload, in order; the file appears under its name when all are written.

    Raises:
        StorageError: the file cannot be written.
        DataError: no payloads, and no GZIP that could tell an empty file from a lost one.
    """
    remaining = iter(payloads)
    with writing(path, gzip=gzip) as sink:
        while several := list(islice(remaining, 256)):
            sink.write(_framed(several))


def frame_rows(frames: NDArray[np.uint8]) -> None:
    """Write lengths and checksums around equally long payloads: `frames` (N, 12 + length + 4) holds them already,
    each after its first 12 bytes, and is contiguous."""
    count, length = len(frames), frames.shape[1] - HEADER - FOOTER
    frames[:, :HEADER] = _headers(np.array([length]))
    starts = np.arange(count) * frames.shape[1] + HEADER
    checksums = _masked(crc32c(frames.reshape(-1), starts, np.full(count, length)))
    frames[:, HEADER + length :] = checksums.astype("<u4")[:, None].view(np.uint8)


class Sink(Protocol):
    """Takes bytes in order."""

    def write(self, frames: bytes | memoryview, /) -> object: ...


@contextlib.contextmanager
def writing(path: str | Path, *, gzip: bool = True) -> Iterator[Sink]:
    """A sink for finished frames, whose file stands under `path` only when the block ends without an error.

    The same frames give the same file (GZIP without name or time). Raises as `write_frames`.
    """
    with replacing(Path(path)) as file:
        if gzip:
            deflater = _Deflater(file)
            yield deflater
            deflater.finish()
        else:
            yield file
            if file.tell() == 0:
                raise DataError(f"there are no records to write to {path}",
                                mend="without GZIP an empty file would look like a lost one: write it with GZIP")


def _buffers(count: int, size: int) -> deque[NDArray[np.uint8]]:
    """Memory that blocks take turns in: what is used again costs less than new one."""
    return deque(np.empty(size, np.uint8) for _ in range(count))


def _read(path: Path, buffers: deque[NDArray[np.uint8]]) -> Iterator[tuple[Block, int, bool]]:
    """Blocks whose checksums are not compared yet, the bytes of their buffers that are filled, and whether they end
    their file."""
    try:
        with open(path, "rb", buffering=0) as file:
            yield from _cut(path, file, buffers)
    except OSError as error:
        raise StorageError(f"{path} could not be read: {error.strerror or error}",
                           mend="check the path, or export the file again") from error


def _cut(path: Path, file: BinaryIO, buffers: deque[NDArray[np.uint8]]) -> Iterator[tuple[Block, int, bool]]:
    source = _source(path, file)
    size = os.fstat(file.fileno()).st_size
    buffer = buffers.popleft()
    filled = first = offset = 0
    while True:
        try:
            while filled < buffer.size and (got := source.readinto(buffer.data[filled:])):
                filled += got
        except _Damage as damage:
            raise _corrupt(path, first, offset, f"{damage} (in the records from this one on)") from None
        whole = filled < buffer.size  # nothing follows
        starts = np.empty(filled // (HEADER + FOOTER), np.int64)
        lengths = np.empty_like(starts)
        count = _walk(buffer[:filled], starts, lengths)
        starts, lengths = starts[:count], lengths[:count]
        used = int(starts[-1] + lengths[-1] + FOOTER) if count else 0
        if count or whole:
            yield Block(path=path, buffer=buffer, starts=starts, lengths=lengths, first=first, offset=offset,
                        share=1.0 if whole else file.tell() / size), filled, whole
            buffers.append(buffer)
        if whole:
            return
        rest = buffer[used:filled]
        if not count:  # one record is larger than the buffer
            buffer = np.empty(2 * buffer.size, np.uint8)
        else:
            other = buffers.popleft()
            buffer = other if other.size == buffer.size else np.empty_like(buffer)
        buffer[: rest.size] = rest
        filled, first, offset = rest.size, first + count, offset + used


def _walk_python(buffer: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> int:
    """The twin: the same without overflow."""
    count = position = 0
    while position + HEADER + FOOTER <= buffer.size:
        length = int.from_bytes(buffer[position : position + 8].tobytes(), "little")
        if length > buffer.size - position - HEADER - FOOTER:
            break
        starts[count], lengths[count] = position + HEADER, length
        count += 1
        position += HEADER + length + FOOTER
    return count


@compiled(_walk_python)
def _walk(buffer: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> int:
    """Start and length of every whole record; how many there are. Believes the lengths it reads."""
    count = 0
    position = np.int64(0)
    while position + 16 <= buffer.size:
        length = np.int64(0)
        for byte in range(8):
            length |= np.int64(buffer[position + byte]) << np.int64(8 * byte)
        if length < 0 or length > buffer.size - position - 16:
            break
        starts[count] = position + 12
        lengths[count] = length
        count += 1
        position += length + 16
    return count


def _check_end(block: Block, filled: int) -> None:
    """Whether the last block of a file holds whole records only."""
    used = int(block.starts[-1] + block.lengths[-1] + FOOTER) if len(block) else 0
    if used < filled:
        raise _corrupt(block.path, block.first + len(block), block.offset + used, "the file ends within this record")


def _check(path: Path, buffer: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64],
           first: int, offset: int) -> None:
    """Compare both checksums of every whole record, and that of a length which is there without its record."""
    ends = starts + lengths
    after = int(ends[-1]) + FOOTER if ends.size else 0
    heads = np.append(starts - HEADER, after) if after + HEADER <= buffer.size else starts - HEADER
    length_bad = np.flatnonzero(
        _masked(crc32c(buffer, heads, np.full(heads.size, 8))) != _stored(buffer, heads + 8))
    stop = int(length_bad[0]) if length_bad.size else starts.size  # beyond a wrong length all is noise
    payload_bad = np.flatnonzero(
        _masked(crc32c(buffer, starts[:stop], lengths[:stop])) != _stored(buffer, ends[:stop]))
    if payload_bad.size:
        bad = int(payload_bad[0])
        raise _corrupt(path, first + bad, offset + int(heads[bad]), "its content does not match its checksum")
    if length_bad.size:
        raise _corrupt(path, first + stop, offset + int(heads[stop]), "its length does not match its checksum")


def _masked(checksums: NDArray[np.uint32]) -> NDArray[np.uint32]:
    masked: NDArray[np.uint32] = ((checksums >> np.uint32(15)) | (checksums << np.uint32(17))) + _MASK_DELTA
    return masked


def _stored(buffer: NDArray[np.uint8], positions: NDArray[np.int64]) -> NDArray[np.uint32]:
    stored: NDArray[np.uint32] = buffer[positions[:, None] + np.arange(4)].view("<u4")[:, 0]
    return stored


def _headers(lengths: NDArray[np.int64]) -> NDArray[np.uint8]:
    """(N,) -> (N, 12)."""
    headers = np.empty((lengths.size, HEADER), np.uint8)
    headers[:, :8] = lengths.astype("<u8")[:, None].view(np.uint8)
    checksums = _masked(crc32c(headers.reshape(-1), np.arange(lengths.size) * HEADER, np.full(lengths.size, 8)))
    headers[:, 8:] = checksums.astype("<u4")[:, None].view(np.uint8)
    return headers


def _framed(payloads: list[bytes]) -> bytes:
    lengths = np.array([len(payload) for payload in payloads])
    together = np.frombuffer(b"".join(payloads), np.uint8)
    headers = _headers(lengths)
    footers = _masked(crc32c(together, np.cumsum(lengths) - lengths, lengths)).astype("<u4")
    return b"".join(part for i, payload in enumerate(payloads)
                    for part in (headers[i].tobytes(), payload, footers[i].tobytes()))


def _corrupt(path: Path, record: int, offset: int, reason: str) -> CorruptRecord:
    return CorruptRecord(f"{path} is damaged: record {record} at byte {offset}: {reason}",
                         mend="download or export it again")


class _Damage(Exception):
    """The compression is broken; the caller knows where."""


class _Source(Protocol):
    def readinto(self, view: memoryview, /) -> int: ...


def _source(path: Path, file: BinaryIO) -> _Source:
    """What gives the frames of `file`. A plain file is known by the checksum of its first length, because that
    length may begin like GZIP."""
    head = np.frombuffer(file.read(HEADER), np.uint8)
    file.seek(0)
    if head.size == HEADER and (_headers(head[:8].view("<i8"))[0] == head).all():
        return file  # type: ignore[return-value]  # BinaryIO does not declare readinto
    if head[:2].tobytes() == _GZIP_MAGIC:
        return _Inflater(file)
    raise _corrupt(path, 0, 0, "the file is empty" if head.size == 0 else
                   "the file starts neither with the length of a record nor with GZIP")


class _Inflater:
    """The content of GZIP members that follow each other, their checksums compared."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._member = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP)

    def readinto(self, view: memoryview, /) -> int:
        wanted = min(len(view), _PIECE_BYTES)
        while True:
            if self._member.eof:
                compressed = self._member.unused_data or self._file.read(_PIECE_BYTES)
                if not compressed:
                    return 0
                self._member = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP)
            elif self._member.needs_input:
                compressed = self._file.read(_PIECE_BYTES)
                if not compressed:
                    raise _Damage("the compressed file ends too early")
            else:
                compressed = b""
            try:
                content = self._member.decompress(compressed, wanted)
            except igzip_lib.IsalError as error:  # type: ignore[misc]  # the stub gives an instance
                raise _Damage(f"the compression is broken ({error})") from None
            if content:
                view[: len(content)] = content
                return len(content)


class _Deflater:
    """Compresses what is written into one GZIP member."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._member = isal_zlib.compressobj(isal_zlib.ISAL_DEFAULT_COMPRESSION, isal_zlib.DEFLATED, _GZIP)

    def write(self, frames: bytes | memoryview, /) -> None:
        self._file.write(self._member.compress(frames))

    def finish(self) -> None:
        self._file.write(self._member.flush())
