"""Arrays in NumPy's own format, as Earth Engine sends pixels.

Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import io
import threading
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

_HEADERS = threading.Lock()
"""Python 3.11 may fail to parse a header while another thread does: https://github.com/python/cpython/issues/106905"""


def decode(content: bytes) -> NDArray[Any]:
    """The array that these bytes hold, not copied and so not to be written to; threads may ask at once.

    Raises:
        ValueError: they are no array, or not all of one.
    """
    file = io.BytesIO(content)
    with _HEADERS:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, columns_first, dtype = read(file)
    values = np.frombuffer(content, dtype, offset=file.tell())
    return values.reshape(shape, order="F" if columns_first else "C")
