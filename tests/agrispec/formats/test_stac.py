"""What no description of an asset can say."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.errors import DataError
from agrispec.formats.stac import check_band_ids, footprint
from agrispec.grid import Grid

LETTERS, MORE = string.ascii_letters, string.ascii_letters + string.digits + "_-"


@given(st.lists(st.builds(lambda first, rest: first + rest, st.sampled_from(LETTERS), st.text(MORE, max_size=99)),
                unique=True))
def test_names_of_letters_digits_hyphens_and_underscores_are_those_of_bands(names):
    check_band_ids(names)


@given(st.text(max_size=110))
def test_a_name_passes_where_it_is_as_the_service_says(name):
    legal = 0 < len(name) <= 100 and name[0] in LETTERS and set(name) <= set(MORE)
    if legal:
        check_band_ids([name])
    else:
        with pytest.raises(DataError, match="is invalid. Band IDs must start with"):
            check_band_ids([name])


@pytest.mark.parametrize("name", ["", "1999", "Band 1", "_x", "Höhe", "a.b", "x" * 101, "b1\n"])
def test_an_odd_name_is_refused_by_itself(name):
    with pytest.raises(DataError) as refused:
        check_band_ids(["b1", name])
    assert f'Band ID "{name}" is invalid' in str(refused.value)


def test_a_name_of_two_bands_is_refused():
    with pytest.raises(DataError, match="two bands are named 'b1'"):
        check_band_ids(["b1", "b2", "b1"])


@pytest.mark.parametrize("crs", ['LOCAL_CS["drawing",UNIT["metre",1]]', "EPSG:99999", "nonsense"])
def test_a_grid_that_is_nowhere_on_earth_is_refused(crs):
    with pytest.raises(DataError, match="has no place on Earth"):
        footprint(Grid(crs=crs, transform=(1, 0, 0, 0, -1, 0), width=2, height=2))
