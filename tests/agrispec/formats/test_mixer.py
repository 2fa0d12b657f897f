import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec.errors import SchemaMismatch, StorageError
from agrispec.formats import mixer

# As Earth Engine printed one.
PRINTED = (
    '{"projection":{"crs":"EPSG:4326","affine":{"doubleMatrix":'
    '[8.983152841195215E-4,0.0,13.599595086285436,0.0,-8.983152841195215E-4,45.40175277468474]}},'
    '"patchDimensions":[256,256],"patchesPerRow":5,"totalPatches":10}')


def test_a_mixer_as_earth_engine_prints_it_is_read(tmp_path):
    path = tmp_path / "map-mixer.json"
    path.write_text(PRINTED)
    found = mixer.read(path)
    assert found == mixer.Mixer(
        crs="EPSG:4326", patch_width=256, patch_height=256, patches_per_row=5, total_patches=10,
        transform=(8.983152841195215e-4, 0.0, 13.599595086285436, 0.0, -8.983152841195215e-4, 45.40175277468474))
    assert (found.width, found.height) == (1280, 512)
    assert [found.corner(patch) for patch in (0, 4, 5, 9)] == [(0, 0), (0, 1024), (256, 0), (256, 1024)]


sizes = st.integers(1, 10_000)
numbers = st.floats(-1e7, 1e7)


@given(a=st.floats(0.001, 100), e=st.floats(-100, -0.001), c=numbers, f=numbers, width=sizes, height=sizes,
       columns=sizes, rows=sizes)
def test_what_was_written_is_read_and_is_json_that_earth_engine_could_have_printed(
        tmp_path_factory, a, e, c, f, width, height, columns, rows):
    path = tmp_path_factory.mktemp("mixer") / "map-mixer.json"
    written = mixer.Mixer(crs="EPSG:32631", transform=(a, 0.0, c, 0.0, e, f), patch_width=width, patch_height=height,
                          patches_per_row=columns, total_patches=rows * columns)
    mixer.write(path, written)
    assert mixer.read(path) == written
    assert json.loads(path.read_text()).keys() == json.loads(PRINTED).keys()


@pytest.mark.parametrize(("found", "replacement", "complaint"), [
    ('"crs":"EPSG:4326",', "", "lacks projection.crs"),
    ('"crs":"EPSG:4326"', '"crs":4326', "projection.crs is 4326, not a text"),
    ("doubleMatrix", "matrix", "lacks projection.affine.doubleMatrix"),
    ("8.983152841195215E-4,0.0,", "", "not six finite numbers"),
    ("45.40175277468474", "NaN", "not six finite numbers"),
    ("-8.983152841195215E-4", "0.0", "maps pixels onto a line"),
    ("[256,256]", "[256]", r"patchDimensions is \[256\], not"),
    ("[256,256]", "[256,0]", "gives 0 as patch_height"),
    ('"patchesPerRow":5', '"patchesPerRow":"5"', "patchesPerRow holds '5', not a whole number"),
    ('"totalPatches":10', '"totalPatches":11', "11 patches in rows of 5"),
    (',"totalPatches":10', "", "lacks totalPatches"),
    ("}", "", "is not JSON")])
def test_a_mixer_with_a_mistake_is_refused_by_name(tmp_path, found, replacement, complaint):
    path = tmp_path / "map-mixer.json"
    path.write_text(PRINTED.replace(found, replacement))
    with pytest.raises(SchemaMismatch, match=complaint) as error:
        mixer.read(path)
    assert str(path) in str(error.value)


def test_a_mixer_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(StorageError, match="could not be read"):
        mixer.read(tmp_path / "missing.json")
