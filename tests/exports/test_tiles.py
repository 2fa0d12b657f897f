"""Patches are laid where the mixer says; parcels own the pixels whose centre they hold."""

import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from agrispec.errors import CorruptRecord
from agrispec.formats.mixer import Mixer
from agrispec.grid import Grid
from agrispec.taxonomy import NO_CLASS
from exports import tiles

CRS = "EPSG:32631"


def grid(width, height):
    return Grid(crs=CRS, transform=(10.0, 0.0, 600000.0, 0.0, -10.0, 5400000.0), width=width, height=height)


def mixer(padded, side):
    return Mixer(crs=CRS, transform=padded.transform, patch_width=side, patch_height=side,
                 patches_per_row=padded.width // side, total_patches=padded.width * padded.height // side**2)


@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 16), st.integers(1, 7))
def test_an_image_cut_into_patches_and_assembled_is_the_image(width, height, side, block):
    area = grid(width, height)
    padded = area.padded(side)
    image = np.arange(padded.width * padded.height).reshape(padded.shape)
    patches = np.stack([image[row:row + side, column:column + side] for row, column, _ in padded.tiles(side)])
    blocks = [patches[first:first + block] for first in range(0, len(patches), block)]
    np.testing.assert_array_equal(tiles.assemble(blocks, mixer(padded, side), area), image[:height, :width])


def test_missing_patches_are_an_error():
    area = grid(40, 40)
    with pytest.raises(CorruptRecord, match="do not cover"):
        tiles.assemble([np.zeros((3, 20, 20))], mixer(area, 20), area)


def test_parcels_own_the_pixels_whose_centre_they_hold():
    area, generator = grid(60, 40), np.random.default_rng(3)
    shapes = [shapely.Point(600000 + x, 5400000 - y).buffer(r, quad_segs=3)
              for x, y, r in generator.uniform((0, 0, 20), (600, 400, 70), (6, 3))]
    to_degrees = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform
    parcels = [{"geometry": shapely.geometry.mapping(shapely.transform(shape, to_degrees, interleaved=False))}
               for shape in shapes]
    columns, rows = np.meshgrid(np.arange(60), np.arange(40))
    centres = shapely.points(600005 + 10 * columns, 5399995 - 10 * rows)
    expected = np.full(area.shape, -1)
    for number, shape in enumerate(shapes):
        expected[shapely.contains(shape, centres)] = number
    assert (expected >= 0).sum() > 100
    np.testing.assert_array_equal(tiles.parcel_pixels(parcels, area), expected)


def test_without_parcels_no_pixel_has_one():
    assert (tiles.parcel_pixels([], grid(5, 4)) == -1).all()


def test_the_class_image_is_read_by_others_with_its_colours(tmp_path):
    area, classes = grid(30, 20), np.random.default_rng(0).integers(0, 3, (20, 30)).astype(np.uint8)
    classes[0, :5] = NO_CLASS
    tiles.write_class(tmp_path / "class.tif", classes, area, ["wheat", "maize", "other"],
                      ["#e6c229", "#1a8fe3", "#7a9e7e"])
    with rasterio.open(tmp_path / "class.tif") as found:
        np.testing.assert_array_equal(found.read(1), classes)
        assert found.crs.to_epsg() == 32631
        assert tuple(found.transform)[:6] == area.transform
        assert found.nodata == 255
        assert found.colormap(1)[1] == (0x1A, 0x8F, 0xE3, 255)
        assert found.tags()["class_1"] == "maize"
