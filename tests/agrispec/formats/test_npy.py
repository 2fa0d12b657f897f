"""Arrays come out of their bytes as NumPy itself reads them, in as many threads as may ask."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from agrispec.formats import npy


def encoded(values):
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


@given(arrays.arrays(st.sampled_from(["u1", "<i2", ">f4", "<f8"]), arrays.array_shapes(min_dims=0)), st.booleans())
def test_an_array_is_what_numpy_reads(values, columns_first):
    content = encoded(np.asfortranarray(values) if columns_first else values)
    found, expected = npy.decode(content), np.load(io.BytesIO(content))
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(found, expected)


def test_bands_of_several_types_are_fields():
    values = np.zeros((2, 3), [("class", "u1"), ("probability", "<f4")])
    values["class"] = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(npy.decode(encoded(values)), values)


@pytest.mark.parametrize("cut", [3, 40, 130])
def test_half_an_array_is_none(cut):
    with pytest.raises(ValueError):  # noqa: PT011 - NumPy's own words
        npy.decode(encoded(np.arange(9.0))[:cut])


def test_threads_may_ask_at_once():
    content, start = encoded(np.zeros(3, [(f"band_{number}", "<f4") for number in range(60)])), threading.Barrier(16)

    def ask():
        start.wait()
        return [npy.decode(content).dtype for _ in range(50)]

    with ThreadPoolExecutor(16) as pool:
        found = [asked.result() for asked in [pool.submit(ask) for _ in range(16)]]
    assert {len(dtype) for each in found for dtype in each} == {60}
