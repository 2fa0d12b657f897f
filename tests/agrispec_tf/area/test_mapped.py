"""Pixels of a map are counted, found and named as whoever holds the whole map would."""

import numpy as np
import pytest
from pyproj import Transformer

from agrispec.errors import CorruptRecord
from agrispec.formats import geotiff
from agrispec.grid import Grid
from agrispec_tf.area import mapped
from agrispec_tf.area.mapped import Mapped

NAMES = ("wheat", "maize", "beet")
GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 613000.0, 0.0, -10.0, 5402000.0), width=23, height=41)


@pytest.fixture(params=[10**6, 23 * 7, 1])
def drawn(request, tmp_path, monkeypatch):
    """(map, its classes, its probabilities), read in one piece, by seven rows, and by single rows."""
    monkeypatch.setattr(mapped, "_PIXELS", request.param)
    random = np.random.default_rng(4)
    classes = random.choice([0, 2, 255], GRID.shape, p=[0.2, 0.7, 0.1]).astype(np.uint8)
    probability = np.where(classes == 255, -1, random.random(GRID.shape)).astype(np.float32)
    geotiff.write(tmp_path / "class.tif", classes[None], GRID, nodata=255,
                  tags={f"class_{number}": name for number, name in enumerate(NAMES)})
    geotiff.write(tmp_path / "probability.tif", probability[None], GRID, nodata=-1)
    return Mapped.of(tmp_path), classes, probability


def test_strata_are_the_classes_that_the_map_has(drawn):
    found, classes, probability = drawn
    strata, sure = found.strata()
    assert found.class_names == NAMES
    assert strata.names == (0, 2)
    np.testing.assert_array_equal(strata.units, [(classes == 0).sum(), (classes == 2).sum()])
    np.testing.assert_allclose(strata.areas, strata.units * 0.01)
    np.testing.assert_allclose(sure, [probability[classes == number].mean() for number in (0, 2)], rtol=1e-6)
    np.testing.assert_array_equal(np.concatenate(list(found.classes())), classes)


def test_a_pixel_is_found_again_by_its_place(drawn):
    found, classes, _ = drawn
    units = np.arange(classes.size)
    lon, lat = found.places(units)
    at, inside = found.classes_at(lon.round(7), lat.round(7))
    np.testing.assert_array_equal(at, classes.reshape(-1))
    assert inside.all()
    x, y = Transformer.from_crs("EPSG:4326", GRID.crs, always_xy=True).transform(lon[[0, 24]], lat[[0, 24]])
    np.testing.assert_allclose([x, y], [[613005, 613015], [5401995, 5401985]], atol=1e-3)


def test_beyond_the_map_there_is_no_class(drawn):
    found, _, _ = drawn
    to_degrees = Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True)
    west, south, east, north = GRID.bounds
    x = np.array([west - 1, east + 1, west + 1, west + 1, np.nan])
    y = np.array([north - 1, north - 1, north + 1, south - 1, north - 1])
    at, inside = found.classes_at(*to_degrees.transform(x, y))
    assert (at == 255).all()
    assert not inside.any()


def test_what_is_no_map_is_refused(tmp_path):
    with pytest.raises(CorruptRecord, match=r"class\.tif"):
        Mapped.of(tmp_path)
