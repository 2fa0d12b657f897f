"""Images moved: the same pixels at other places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import shapely

from agrispec.grid import Affine
from gee_scripts.engine.local.algorithms.reprojection import over_domain, pixels_below
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.domains import Domain, Points, Projection
from gee_scripts.engine.local.rasters.raster import VALID, Node
from gee_scripts.engine.local.values import Image


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Moved(Node):
    """A node whose pixels in one projection are shown at the same pixels of another.

    Attributes:
        rank: number of a pixel's axes.
    """

    node: Node
    source: Projection
    target: Projection
    rank: int = 0

    def needs(self, domain: Domain) -> Sequence[tuple[Node, Domain]]:
        """The node where the domain's pixels come from."""
        if domain.crs != self.target.crs:
            domain = pixels_below(domain, Projection(self.target.crs, _fine(domain, self.target)))
        return [(self.node, _domain_moved(domain, self.source, self.target))]

    def compute(self, domain: Domain, arrays: Sequence[Any]) -> Any:
        """The node's array in the shape of the domain."""
        return arrays[0] if domain.crs == self.target.crs else over_domain(arrays[0], domain, self.rank)


def _fine(domain: Domain, target: Projection) -> Affine:
    """A grid of the target's CRS, a thousand times as fine as its pixels: places between them keep their place."""
    a, b, c, d, e, f = target.transform
    return a / 1024, b / 1024, c, d / 1024, e / 1024, f


@lru_cache(maxsize=16)
def _domain_moved(domain: Domain, source: Projection, target: Projection) -> Domain:
    if isinstance(domain, Points):
        return Points(Projection(source.crs, _composed(source.transform, _inverse(target.transform),
                                                       domain.projection.transform)), domain.columns, domain.rows)
    return replace(domain, crs=source.crs,
                   transform=_composed(source.transform, _inverse(target.transform), domain.transform))


def _inverse(transform: Affine) -> Affine:
    a, b, c, d, e, f = transform
    size = a * e - b * d
    return e / size, -b / size, (b * f - c * e) / size, -d / size, a / size, (c * d - a * f) / size


def _composed(*transforms: Affine) -> Affine:
    """The last transform, then the one before it, and so on."""
    found = np.eye(3)
    for transform in transforms:
        found = found @ np.array([transform[:3], transform[3:], (0, 0, 1)])
    a, b, c, d, e, f = map(float, found[:2].ravel())
    return a, b, c, d, e, f


@algorithm("Image.changeProj")
def change_projection(image: Image, source: Projection, target: Projection) -> Image:
    """The image with each pixel at the same coordinates of another projection."""
    bands = []
    masks: dict[int, Node] = {}
    for band in image.bands:
        own = band.projection
        if own.crs == source.crs:
            own = Projection(target.crs, _composed(target.transform, _inverse(source.transform), own.transform))
        else:
            own = target
        mask = band.mask if band.mask is VALID else masks.setdefault(
            id(band.mask), Moved(node=band.mask, source=source, target=target))
        bands.append(replace(band, projection=own, mask=mask, size=None,
                             values=Moved(node=band.values, source=source, target=target,
                                        rank=band.type.dimensions)))
    footprint = image.footprint
    if footprint is not None:
        # What was at a place of the source's CRS is at that of the target's.
        way = _composed(target.transform, _inverse(source.transform))
        footprint = tuple(_shape_moved(shape, source.crs, target.crs, way) for shape in footprint)
    return replace(image, bands=tuple(bands), footprint=footprint, id=None)


def _shape_moved(shape: Geometry, source: str, target: str, way: Affine) -> Geometry:
    a, b, c, d, e, f = way
    moved = shapely.transform(shape.to(source), lambda xy: np.column_stack(
        [a * xy[:, 0] + b * xy[:, 1] + c, d * xy[:, 0] + e * xy[:, 1] + f]))
    return Geometry(moved, target, shape.geodesic)


@algorithm("Image.translate",
           differs="y counts in the direction of the projection's y axis (northwards) in metres, and in that of its "
                   "rows in pixels")
def translate(image: Image, x: float, y: float, units: str, projection: Projection | None) -> Image:
    """The image moved."""
    if units not in ("meters", "pixels"):
        raise AlgorithmError(f"'{units}' is no unit", mend="use meters or pixels")
    if not image.bands:
        return image
    base = projection or image.bands[0].projection
    a, b, c, d, e, f = base.transform
    if units == "pixels":
        moved = Projection(base.crs, (a, b, c + a * x + b * y, d, e, f + d * x + e * y))
    else:
        moved = Projection(base.crs, (a, b, c + x / base.unit_metres, d, e, f + y / base.unit_metres))
    return change_projection(image, base, moved)
