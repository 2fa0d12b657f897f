"""What was predicted is kept, and known by all that it follows from."""

import numpy as np
import pytest

from agrispec.errors import CorruptRecord
from agrispec_tf.protocols import kept


def test_what_is_kept_is_not_made_again(tmp_path):
    made = []

    def make():
        made.append(1)
        return np.array([2, 0, 1])
    first, took = kept.predicted(tmp_path / "deep" / "one.npz", make)
    again, seconds = kept.predicted(tmp_path / "deep" / "one.npz", make)
    assert first.tolist() == again.tolist() == [2, 0, 1]
    assert took == seconds >= 0
    assert made == [1]


def test_what_fails_leaves_nothing(tmp_path):
    def fail():
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        kept.predicted(tmp_path / "one.npz", fail)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 but cut"])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "one.npz").write_bytes(content)
    with pytest.raises(CorruptRecord, match=r"one.npz cannot be read .*; remove it; it is made again"):
        kept.predicted(tmp_path / "one.npz", lambda: np.zeros(1, int))


def test_digests_change_with_numbers_shapes_types_and_settings():
    found = [kept.digest_of(array) for array in (np.zeros(4), np.ones(4), np.zeros((2, 2)), np.zeros(4, np.float32),
                                                 np.array(["a", "b"]), np.array(["a", "c"]))]
    assert len(set(found)) == len(found)
    assert kept.key({"seed": 1, "names": ("a",)}) == kept.key({"names": ["a"], "seed": 1}) != kept.key({"seed": 2})
