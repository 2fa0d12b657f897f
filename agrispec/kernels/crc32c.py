"""CRC32C of many spans of bytes at once."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from platform import machine
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.kernels import compiled

# The Castagnoli polynomial, bits reversed: https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4
_POLYNOMIAL = np.uint64(0x82F63B78)

_LANES = 4  # spans side by side: one alone would wait for its own table look-ups


def _tables() -> NDArray[np.uint64]:
    """(8, 256): CRC of byte b followed by k zero bytes at [k, b], so that eight bytes are looked up at once
    (Kounavis and Berry 2005, https://doi.org/10.1109/ISCC.2005.18)."""
    tables = np.empty((8, 256), np.uint64)
    tables[0] = np.arange(256)
    for _ in range(8):
        tables[0] = (tables[0] >> 1) ^ (tables[0] & 1) * _POLYNOMIAL
    for k in range(1, 8):
        tables[k] = (tables[k - 1] >> 8) ^ tables[0][tables[k - 1] & 255]
    return tables


_TABLES = _tables()


def crc32c(buffer: NDArray[np.uint8], starts: NDArray[np.int64],
           lengths: NDArray[np.int64]) -> NDArray[np.uint32]:
    """CRC32C of every span of `buffer`.

    buffer (B,), starts (N,), lengths (N,) in bytes -> (N,). An empty span has CRC 0.

    Raises:
        ValueError: a span does not lie within the buffer.
    """
    if starts.size and (starts.min() < 0 or lengths.min() < 0 or (starts + lengths).max() > buffer.size):
        raise ValueError(f"a span does not lie within the {buffer.size} bytes")
    buffer = np.ascontiguousarray(buffer)
    # words[i] holds the bytes i ... i + 7.
    words = np.ndarray((max(buffer.size - 7, 0),), "<u8", buffer.data, 0, (1,))
    filled = np.zeros((2, -(-starts.size // _LANES) * _LANES), np.int64)  # empty spans fill the lanes
    filled[:, : starts.size] = starts, lengths
    checksums = np.empty(filled.shape[1], np.uint32)
    _fill(buffer, words, filled[0], filled[1], _TABLES, checksums)
    return checksums[: starts.size]


def _fill_numpy(buffer: NDArray[np.uint8], words: NDArray[np.uint64], starts: NDArray[np.int64],
                lengths: NDArray[np.int64], tables: NDArray[np.uint64], checksums: NDArray[np.uint32]) -> None:
    """The twin: neighbours are joined, bytes to pairs, pairs to fours, for all spans of about one length at once.

    A checksum that starts from zero takes no notice of zeros before the span, and one that starts from ones
    is that of a span whose first four bytes are inverted.
    """
    single = tables[0].astype(np.uint32)
    checksums[:] = 0
    widths = 2 ** np.ceil(np.log2(np.maximum(lengths, 1))).astype(np.int64)
    for width in np.unique(widths[lengths > 0]).tolist():
        spans = np.flatnonzero((widths == width) & (lengths > 0))
        positions = lengths[spans, None] - width + np.arange(width)
        content = buffer[starts[spans, None] + np.maximum(positions, 0)] * (positions >= 0)
        state = single[content ^ 255 * ((positions >= 0) & (positions < 4))]
        after = np.stack([single, *(np.arange(256, dtype=np.uint32) << 8 * k for k in range(3))])
        while state.shape[1] > 1:  # `after`: what the four bytes of a checksum become by the zeros behind them
            state = _after_zeros(after, state[:, ::2]) ^ state[:, 1::2]
            after = _after_zeros(after, after)
        unused = 0xFFFFFFFF >> 8 * np.minimum(lengths[spans], 4)  # ones that a shorter span has no bytes for
        checksums[spans] = ~(state[:, 0] ^ unused.astype(np.uint32))


def _after_zeros(after: NDArray[np.uint32], states: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """(4, 256) table of zero bytes that follow, states of any shape -> the same shape."""
    return np.asarray(after[0, states & 255] ^ after[1, states >> 8 & 255] ^ after[2, states >> 16 & 255]
                      ^ after[3, states >> 24])


def _eight_python(tables: NDArray[np.uint64], crc: np.uint64, word: np.uint64) -> np.uint64:
    """The checksum after eight more bytes."""
    byte = np.uint64(255)
    word = word ^ crc
    after: np.uint64 = (
        tables[7, word & byte] ^ tables[6, (word >> np.uint64(8)) & byte]
        ^ tables[5, (word >> np.uint64(16)) & byte] ^ tables[4, (word >> np.uint64(24)) & byte]
        ^ tables[3, (word >> np.uint64(32)) & byte] ^ tables[2, (word >> np.uint64(40)) & byte]
        ^ tables[1, (word >> np.uint64(48)) & byte] ^ tables[0, word >> np.uint64(56)])
    return after


def _instruction() -> Callable[..., Any] | None:
    """What does `_eight_python` by the instruction that x86 processors since 2008 have for it; None without one, or
    where numba is told not to compile, or to compile for another processor.

    Source: https://www.felixcloutier.com/x86/crc32
    """
    if find_spec("numba") is None or machine() not in ("x86_64", "AMD64"):
        return None
    from llvmlite import binding, ir
    from numba import config, types
    from numba.core import cgutils
    from numba.extending import intrinsic
    told = {"DISABLE_JIT", "CPU_NAME", "CPU_FEATURES"}
    if any(vars(config)[name] for name in told) or not binding.get_host_cpu_features().get("sse4.2"):
        return None

    @intrinsic
    def crc32(typing, crc, word):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            integer = ir.IntType(64)
            called = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
                builder.module, ir.FunctionType(integer, [integer, integer]), "llvm.x86.sse42.crc32.64.64")
            return builder.call(called, arguments)

        return types.uint64(types.uint64, types.uint64), generate

    return compiled(_eight_python)(lambda tables, crc, word: crc32(crc, word))  # type: ignore[call-arg]


_eight = _instruction() or compiled(_eight_python)(_eight_python)


@compiled(_fill_numpy)
def _fill(buffer: NDArray[np.uint8], words: NDArray[np.uint64], starts: NDArray[np.int64],
          lengths: NDArray[np.int64], tables: NDArray[np.uint64], checksums: NDArray[np.uint32]) -> None:
    for span in range(0, len(starts), 4):
        i0, i1, i2, i3 = starts[span], starts[span + 1], starts[span + 2], starts[span + 3]
        crc0 = crc1 = crc2 = crc3 = np.uint64(0xFFFFFFFF)
        common = min(lengths[span], lengths[span + 1], lengths[span + 2], lengths[span + 3]) // 8 * 8
        for i in range(0, common, 8):
            crc0 = _eight(tables, crc0, words[i0 + i])
            crc1 = _eight(tables, crc1, words[i1 + i])
            crc2 = _eight(tables, crc2, words[i2 + i])
            crc3 = _eight(tables, crc3, words[i3 + i])
        for lane, crc in enumerate((crc0, crc1, crc2, crc3)):
            i = starts[span + lane] + common
            end = starts[span + lane] + lengths[span + lane]
            while i + 8 <= end:
                crc = _eight(tables, crc, words[i])
                i += 8
            while i < end:
                crc = tables[0, (crc ^ buffer[i]) & np.uint64(255)] ^ (crc >> np.uint64(8))
                i += 1
            checksums[span + lane] = ~np.uint32(crc)
