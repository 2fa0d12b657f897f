"""Looks are counted over steps of the year and of the models' window, piece by piece."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from agrispec.cube import CubeSpec
from agrispec.season import Window
from exports.looks import Looks

SPEC = CubeSpec(features=("B2",), step_days=30, exported=Window(3, 12), window=Window(5, 9))

counts = arrays(np.float32, (7, 9), elements=st.integers(0, 2).map(float))


@given(counts=counts, at=st.integers(1, 6))
def test_looks_of_pieces_add_up(counts, at):
    whole, sum_of = Looks.of(counts, SPEC), Looks.of(counts[:at], SPEC) + Looks.of(counts[at:], SPEC)
    for name in ("year", "inside", "a_step", "worst", "never", "cubes"):
        assert getattr(whole, name) == pytest.approx(getattr(sum_of, name))


@given(counts=counts)
def test_looks_are_those_of_a_count_step_by_step(counts):
    found = Looks.of(counts, SPEC)
    gaps = {step: sum(cube[step - 3] == 0 for cube in counts) for step in range(3, 12)}
    window = {step: gaps[step] for step in (5, 6, 7, 8)}
    assert (found.cubes, found.year) == (7, pytest.approx(sum(gaps.values()) / 63))
    assert found.inside == pytest.approx(sum(window.values()) / 28)
    assert found.a_step == pytest.approx(sum(cube[step - 3] for cube in counts for step in window) / 28)
    assert found.never == sum(all(cube[step - 3] == 0 for step in window) for cube in counts)
    assert found.worst == (max(window, key=window.get), pytest.approx(max(window.values()) / 7))
