"""What is in another projection is taken from the pixel below each centre, as rasterio takes it."""

import numpy as np
import pytest
import rasterio
import shapely
from rasterio.warp import Resampling, reproject

OWN_GRID = {"Image.projection": "it tells of the grid", "Image.sampleRectangle": "its pixels are those of the grid",
            "Image.resample": "it takes more than the nearest pixel"}


def beside(every, name, target, grid, moved):
    """With the image at `target` on another grid, or on this one with what rasterio moved here."""
    def build(image, at):
        if at != target:
            return image.on(every.AROUND)
        planes = image.planes(grid)
        return image.on(every.AROUND, every.warped(planes, grid, every.AROUND)) if moved else image.on(grid, planes)

    return every.called(name, build)


@pytest.mark.parametrize("place", [0, 1])
def test_an_image_of_another_projection_is_as_one_moved_by_rasterio(every, taker, place):
    if taker in OWN_GRID:
        return
    for target in every.drawn(taker):
        found, expected = (every.pixels(beside(every, taker, target, every.ELSEWHERE[place], moved))
                           for moved in (False, True))
        assert every.alike(found, expected), target


def test_the_scenes_of_a_collection_may_lie_in_several_zones(every, stacker):
    grids = dict(zip(every.drawn(stacker), [every.AROUND, *every.ELSEWHERE], strict=True))
    found = every.called(stacker, lambda image, at: image.on(grids[at]))
    moved = every.called(stacker, lambda image, at: image.on(
        every.AROUND, every.warped(image.planes(grids[at]), grids[at], every.AROUND)))
    assert every.alike(every.pixels(found), every.pixels(moved))


def test_a_reducer_takes_pixels_of_any_projection(every, reducer):
    made, kind = every.called(reducer), every.fed(reducer)
    draws = [every.replace(kind, seed=seed) for seed in range(3)]
    grids = [every.AROUND, *every.ELSEWHERE]
    images = [draw.on(grid) for draw, grid in zip(draws, grids, strict=True)]
    moved = [draw.on(every.AROUND, every.warped(draw.planes(grid), grid, every.AROUND))
             for draw, grid in zip(draws, grids, strict=True)]
    for one, other in zip(images, moved, strict=True):
        assert every.over_region(made, one, every.AREA) == every.over_region(made, other, every.AREA)
        assert every.over_region(made, one, elsewhere(every, every.AREA)) == every.over_region(made, other, every.AREA)
    if reducer not in every.NOT_PER_PIXEL:
        assert every.alike(every.over_stack(made, images), every.over_stack(made, moved))


def elsewhere(every, given):
    """Geometries in EPSG:4326 instead of UTM, alone or of features."""
    if isinstance(given, every.Geometry):
        return every.Geometry(shapely.transform(given.shape, lambda xy: np.column_stack(
            rasterio.warp.transform(given.crs, "EPSG:4326", *xy.T))))
    if isinstance(given, every.Collection):
        return every.Collection(tuple(every.replace(item, geometry=elsewhere(every, item.geometry))
                                      for item in given.items))
    return given


def test_a_geometry_may_be_in_another_projection_than_the_pixels(every, anything):
    given = every.arguments(anything)
    moved = {name: elsewhere(every, value) for name, value in given.items()
             if isinstance(value, every.Geometry | every.Collection)}
    if moved:
        found = every.pixels(every.called(anything, **moved))
        assert every.alike(found, every.pixels(every.called(anything)))


@pytest.mark.parametrize("place", [0, 1])
def test_what_depends_on_the_grid_of_an_image_is_computed_there(every, place):
    grid = every.ELSEWHERE[place]
    plane = every.FLOATS.planes(grid)[0]
    found = every.called("Image.projection", lambda image, _: image.on(grid))
    assert found == every.Projection(grid.crs, grid.transform)

    found = every.called("Image.sampleRectangle", lambda image, _: image.on(grid)).properties["a"]
    corners = rasterio.warp.transform(every.HERE.crs, grid.crs, *shapely.get_coordinates(every.AREA.shape).T)
    (width, _, west, _, height, north), (x, y) = grid.transform, np.array(corners)
    columns, rows = (x - west) / width, (y - north) / height
    np.testing.assert_array_equal(found, plane[int(rows.min()):int(rows.max()) + 1,
                                               int(columns.min()):int(columns.max()) + 1])

    expected = np.zeros(every.HERE.shape)
    reproject(plane.astype(float), expected, src_transform=rasterio.Affine(*grid.transform), src_crs=grid.crs,
              dst_transform=rasterio.Affine(*every.HERE.transform), dst_crs=every.HERE.crs,
              resampling=Resampling.bilinear, tolerance=0)
    found = every.pixels(every.called("Image.resample", lambda image, _: image.on(grid)))[0, "a"]
    np.testing.assert_allclose(found.astype(float), expected, atol=1e-4)
