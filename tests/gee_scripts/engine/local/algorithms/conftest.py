"""Images for tests of several families: a stack of them for what reducers make of it, one to be moved and warped."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
import rasterio
from rasterio.warp import Resampling, reproject

from agrispec.grid import Grid
from gee_scripts.engine.local.rasters.raster import read

NODATA = -9e9
OWN = Grid(crs="EPSG:32631", transform=(30.0, 0.0, 500010.0, 0.0, -30.0, 5399990.0), width=14, height=12)


class Stack:
    """Images of two bands on the world's grid, some of their pixels masked, at (1, 1) all of them.

    Attributes:
        x, y: values of the bands, (image, row, column).
        valid_x, valid_y, both: where they are, and where both of them are.
        pixels: row and column of some that are worth a look.
    """

    pixels = ((0, 0), (3, 4), (7, 11), (19, 23))

    def __init__(self, world: Any) -> None:
        self._world = world
        rng, shape = np.random.default_rng(11), (9, *world.grid.shape)
        self.x, self.y = rng.normal(3, 2, shape), rng.normal(-1, 1, shape)
        for row, column in ((0, 0), (7, 11)):  # with ties
            self.x[:, row, column], self.y[:, row, column] = (
                np.round(each[:, row, column]) for each in (self.x, self.y))
        seen = rng.random(shape) < 0.8
        seen[:, 1, 1] = False
        self.valid_x = seen & (rng.random(shape) < 0.9)
        self.valid_y = (seen | (rng.random(shape) < 0.4)) & (rng.random(shape) < 0.9)
        self.valid_y[:, 1, 1] = False
        self.both = self.valid_x & self.valid_y

    def images(self, hidden: bool = True) -> ee.ImageCollection:
        """The images; where nothing is `hidden`, without masks."""
        x = np.where(self.valid_x | (not hidden), self.x, NODATA)
        y = np.where(self.valid_y | (not hidden), self.y, NODATA)
        self._world.add_collection("stack", [
            self._world.make({"x": x[number], "y": y[number]}, {"system:index": str(number)}, nodata=NODATA)
            for number in range(len(x))])
        return ee.ImageCollection("stack")

    def region(self) -> ee.Geometry:
        """All of it."""
        return ee.Geometry.Rectangle(list(self._world.grid.bounds), self._world.grid.crs, False)

    def planes(self, graph: Any, domain: Any = None) -> dict[str, tuple[np.ndarray, Any]]:
        """Values and mask of each band, as they are read; the mask is None where all are valid."""
        image = self._world.value(graph)
        return {band.name: found for band, found in zip(image.bands, read(image.bands, domain or self._world.grid),
                                                        strict=True)}


@pytest.fixture
def stack(world: Any) -> Stack:
    """Nine images of the bands x and y."""
    return Stack(world)


@pytest.fixture
def table(client: None) -> Any:
    """(values of x, values of y) -> a table of them, without geometries."""
    def rows(x: Any, y: Any) -> ee.FeatureCollection:
        return ee.FeatureCollection([ee.Feature(None, {"x": float(a), "y": float(b)})
                                     for a, b in zip(x, y, strict=True)])

    return rows


@pytest.fixture
def plane(world: Any) -> np.ndarray:
    """Values of the image `own`, whose grid is OWN."""
    values = np.random.default_rng(4).uniform(10, 200, OWN.shape).astype(np.float32)
    world.images["own"] = world.make({"a": values}, grid=OWN)
    return values


@pytest.fixture(scope="session")
def warped() -> Any:
    """(values, grid, how, their own grid) -> what GDAL makes of them, NaN where they are not."""
    def warp(values: np.ndarray, target: Grid, how: Resampling, source: Grid = OWN) -> np.ndarray:
        found = np.full(target.shape, np.nan)
        reproject(values.astype(float), found, src_transform=rasterio.Affine(*source.transform), src_crs=source.crs,
                  dst_transform=rasterio.Affine(*target.transform), dst_crs=target.crs, resampling=how,
                  src_nodata=np.nan, dst_nodata=np.nan, tolerance=0)
        return found

    return warp
