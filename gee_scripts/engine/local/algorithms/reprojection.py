"""Images computed in a projection of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from agrispec.grid import Affine, Grid
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.domains import Domain, Points, Projection, coordinates
from gee_scripts.engine.local.rasters.raster import MASKED, VALID, Node
from gee_scripts.engine.local.values import Image

# Pixels of the finer grid.
_MOST_READ = 2**26
# A column and a row that no image has.
_NOWHERE = -2.0**40


@dataclass(frozen=True, slots=True, eq=False)
class Reprojected(Node):
    """A node computed on the pixels of a projection; other grids take the pixel that their centres lie in.

    Attributes:
        rank: number of a pixel's axes.
    """

    source: Node
    projection: Projection
    rank: int = 0

    def needs(self, domain: Domain) -> Sequence[tuple[Node, Domain]]:
        """The source on the same domain where that is of the projection, else on the pixels below the centres."""
        return [(self.source, domain if aligned(domain, self.projection) else pixels_below(domain, self.projection))]

    def compute(self, domain: Domain, arrays: Sequence[Any]) -> Any:
        """The source's array in the shape of the domain."""
        return arrays[0] if aligned(domain, self.projection) else over_domain(arrays[0], domain, self.rank)


def over_domain(array: Any, domain: Domain, rank: int) -> Any:
    """The array of a node at one point for each pixel of a domain, in the domain's shape.

    Args:
        array: as nodes give it: of the points, or of fewer axes where it is the same for all.
        rank: number of a pixel's axes, which come last, except of an object array.
    """
    if array is None or np.ndim(array) == 0:
        return array
    pixel = array.shape[array.ndim - rank:] if rank and array.dtype != object else ()
    if array.ndim == len(pixel):
        return array
    return np.broadcast_to(array, (math.prod(domain.shape), *pixel)).reshape(*domain.shape, *pixel)


@algorithm("Image.reproject")
def reproject(image: Image, crs: Projection, transform: list[float] | None, scale: float | None) -> Image:
    """The image computed in that projection, whatever it is asked for in; nearest pixel."""
    if transform is not None:
        crs = crs.with_transform(transform)
    elif scale is not None:
        crs = crs.at_scale(scale)
    return image.with_bands(
        replace(band, projection=crs, composite=False, values=Reprojected(band.values, crs, band.type.dimensions),
                mask=band.mask if band.mask in (VALID, MASKED) else Reprojected(band.mask, crs), size=None)
        for band in image.bands)


def aligned(domain: Domain, projection: Projection) -> bool:
    """Whether the domain's pixels are pixels of the projection, to a millionth of a pixel."""
    if domain.crs != projection.crs:
        return False
    ours = domain.projection.transform if isinstance(domain, Points) else domain.transform
    if not np.allclose([ours[i] for i in (0, 1, 3, 4)], [projection.transform[i] for i in (0, 1, 3, 4)], rtol=1e-12,
                       atol=0):
        return False
    column, row = unprojected(projection.transform, ours[2], ours[5])
    return bool(abs(column - round(column)) < 1e-6 and abs(row - round(row)) < 1e-6)


@lru_cache(maxsize=8)
def pixels_below(domain: Domain, projection: Projection) -> Points:
    """The pixels of a projection that the centres of a domain lie in; one object a domain, so that bands share
    what is computed there."""
    columns, rows = (np.floor(np.where(np.isfinite(place), place, _NOWHERE) + 1e-6)
                     for place in unprojected(projection.transform, *coordinates(domain, projection.crs)))
    return Points(projection, columns.ravel().astype(np.int64), rows.ravel().astype(np.int64))


def unprojected(transform: Affine, x: Any, y: Any) -> tuple[Any, Any]:
    """Columns and rows of coordinates, numbers or arrays of them; 0.5 at the centre of the first pixel.

    Of places that have no coordinates they are not finite.
    """
    a, b, c, d, e, f = transform
    size = a * e - b * d
    with np.errstate(invalid="ignore"):
        return (e * (x - c) - b * (y - f)) / size, (a * (y - f) - d * (x - c)) / size


def window_of(projection: Projection, row: int, column: int, height: int, width: int) -> Grid:
    """A window of the endless grid of a projection.

    Raises:
        AlgorithmError: it has more pixels than one request may have to read.
    """
    if width * height > _MOST_READ:
        raise AlgorithmError(f"{width * height} pixels of the image's own grid would have to be read at once",
                             mend="reproject the image to a coarser scale first, or ask for a smaller area")
    endless = Grid(crs=projection.crs, transform=projection.transform, width=1, height=1)
    return endless.window(row, column, height, width)
