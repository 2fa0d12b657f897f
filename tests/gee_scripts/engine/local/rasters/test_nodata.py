"""Masks as no-data values: nothing valid is lost, nothing masked comes back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gee_scripts.engine.local.rasters.nodata import Unused

types = st.sampled_from(["uint8", "int8", "int16", "uint16", "float32", "float64"])


def with_nodata(arrays, valid):
    """Bands with their no-data value, told in two tiles."""
    unused = Unused({name: values.dtype for name, values in arrays.items()})
    for part in (slice(0, 2), slice(2, None)):
        unused.add([(values[:, part], None if valid[name] is None else valid[name][:, part])
                    for name, values in arrays.items()])
    dtypes, nodata = unused.value()
    return {name: np.where(True if valid[name] is None else valid[name], values.astype(dtypes[name]),
                           np.asarray(nodata, dtypes[name])) for name, values in arrays.items()}, nodata


@st.composite
def images(draw):
    names = draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True))
    arrays = {name: draw(types.flatmap(lambda dtype: hnp.arrays(
        dtype, (3, 4), elements={"allow_nan": False} if dtype.startswith("f") else None))) for name in names}
    valid = {name: draw(st.none() | hnp.arrays(bool, (3, 4))) for name in names}
    return arrays, valid


@given(images())
def test_valid_pixels_keep_their_values_and_masked_ones_are_the_only_missing_ones(image):
    arrays, valid = image
    found, nodata = with_nodata(arrays, valid)
    assert list(found) == list(arrays)
    for name, values in arrays.items():
        seen = np.ones(values.shape, bool) if valid[name] is None else valid[name]
        np.testing.assert_array_equal(found[name][seen], values[seen])
        missing = np.isnan(found[name]) if np.isnan(nodata) else found[name] == nodata
        np.testing.assert_array_equal(missing, ~seen)


def test_a_byte_band_that_uses_all_values_gets_a_wider_type():
    values = np.arange(257).astype(np.uint8).reshape(1, 257)
    valid = np.ones(values.shape, bool)
    valid[0, 256] = False
    found, nodata = with_nodata({"a": values}, {"a": valid})
    assert found["a"].dtype == np.int16
    assert nodata not in range(256)
    np.testing.assert_array_equal(found["a"][valid], values[valid])
