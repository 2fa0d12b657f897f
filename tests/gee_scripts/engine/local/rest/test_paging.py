"""Pages of a list: whole, in order, however they are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.rest.paging import page


@given(count=st.integers(0, 30), size=st.integers(1, 40), most=st.none() | st.integers(1, 10))
def test_pages_are_the_list(count, size, most):
    found, query, sizes = [], {"pageSize": str(size)}, []
    while True:
        part, following = page(range(count), query, most)
        found += part
        sizes.append(len(part))
        if not following:
            break
        query["pageToken"] = following["nextPageToken"]
    assert found == list(range(count))
    assert max(sizes) <= min(size, most or size)
    assert len(sizes) == max(1, -(-count // min(size, most or size)))


@pytest.mark.parametrize("token", ["x", "-1", "1.5"])
def test_a_token_of_somebody_else_is_refused(token):
    with pytest.raises(Refusal, match="Invalid page token"):
        page([], {"pageToken": token})


@pytest.mark.parametrize("size", ["0", "", None])
def test_without_a_size_pages_are_as_large_as_usual(size):
    assert page(range(1500), {"pageSize": size}) == (range(1000), {"nextPageToken": "1000"})
