import os
import subprocess
import sys
from pathlib import Path

import google_crc32c
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.kernels import crc32c as module
from agrispec.kernels.crc32c import crc32c

ROOT = Path(__file__).parents[3]


@st.composite
def spans(draw):
    buffer = np.frombuffer(draw(st.binary(max_size=300)), np.uint8)
    edges = draw(st.lists(st.tuples(st.integers(0, buffer.size), st.integers(0, buffer.size)), max_size=9))
    starts = np.array([min(edge) for edge in edges], np.int64)
    return buffer, starts, np.array([max(edge) for edge in edges], np.int64) - starts


@given(spans())
def test_every_span_has_the_checksum_that_google_crc32c_gives(case):
    buffer, starts, lengths = case
    expected = [google_crc32c.value(buffer[start : start + length].tobytes())
                for start, length in zip(starts, lengths, strict=True)]
    assert crc32c(buffer, starts, lengths).tolist() == expected


@given(spans())
def test_the_numpy_twin_gives_the_same_checksums(case):
    buffer, starts, lengths = case
    twin = np.empty(starts.size, np.uint32)
    module._fill_numpy(buffer, np.empty(0, np.uint64), starts, lengths, module._TABLES, twin)
    np.testing.assert_array_equal(twin, crc32c(buffer, starts, lengths))


def test_the_numpy_twin_gives_the_same_checksums_of_long_spans():
    buffer = np.random.default_rng(1).integers(0, 256, 100_000, np.uint8)
    starts, lengths = np.array([0, 3, 7, 50_000, 99_999, 100_000]), np.array([100_000, 65_536, 65_537, 50_000, 1, 0])
    twin = np.empty(starts.size, np.uint32)
    module._fill_numpy(buffer, np.empty(0, np.uint64), starts, lengths, module._TABLES, twin)
    np.testing.assert_array_equal(twin, crc32c(buffer, starts, lengths))


# https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4
@pytest.mark.parametrize(("content", "checksum"), [
    (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E),
    (bytes(range(31, -1, -1)), 0x113FDB5C), (b"", 0)])
def test_the_examples_of_the_standard_hold(content, checksum):
    found = crc32c(np.frombuffer(content, np.uint8), np.zeros(1, np.int64), np.array([len(content)]))
    assert found.tolist() == [checksum]


def test_a_large_buffer_that_is_not_contiguous_is_read_in_its_own_order():
    buffer = np.random.default_rng(0).integers(0, 256, 200_000, np.uint8)[::2]
    found = crc32c(buffer, np.array([1, 0]), np.array([99_999, 70_001]))
    assert found.tolist() == [google_crc32c.value(buffer[1:].tobytes()),
                              google_crc32c.value(buffer[:70_001].tobytes())]


@pytest.mark.parametrize(("start", "length"), [(-1, 2), (0, 5), (4, 1), (2, -1)])
def test_a_span_outside_the_buffer_is_refused(start, length):
    with pytest.raises(ValueError, match="within the 4 bytes"):
        crc32c(np.zeros(4, np.uint8), np.array([start]), np.array([length]))


@pytest.mark.parametrize("setting", [{"NUMBA_CPU_NAME": "generic"}, {"NUMBA_DISABLE_JIT": "1"},
                                     {"NUMBA_CPU_FEATURES": "+sse2"}, {}])
def test_it_is_the_same_wherever_numba_compiles_for(tmp_path, setting):
    program = ("import numpy as np; from agrispec.kernels.crc32c import crc32c;"
               "print(crc32c(np.frombuffer(b'123456789' * 3, np.uint8), np.array([0]), np.array([9]))[0])")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True,
                          env=os.environ | setting | {"NUMBA_CACHE_DIR": str(tmp_path)}, cwd=ROOT)
    assert int(done.stdout) == 0xE3069283  # of "123456789": https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4
