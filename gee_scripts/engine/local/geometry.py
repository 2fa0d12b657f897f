"""Shapes on the ground, in any CRS: as they were given, as computations take them, and in other CRSs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely

from gee_scripts.engine.local.rasters.domains import is_geographic, transformer
from gee_scripts.engine.local.rasters.globe import continued, near, planar, unbroken
from gee_scripts.engine.local.type_names import Named


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Geometry(Named):
    """A shape on the ground.

    Attributes:
        shape: as it was given, in the units of `crs`, x before y; longitudes may have any value.
        crs: its CRS.
        geodesic: edges between coordinates in degrees are shortest paths on the sphere rather than straight lines.
            Those between coordinates of other CRSs are straight there.
        unbounded: it stands for everywhere, and its shape is that of the whole globe.
    """

    shape: shapely.Geometry
    crs: str = "EPSG:4326"
    geodesic: bool = False
    unbounded: bool = False
    _known: dict[str, shapely.Geometry] = field(default_factory=dict, repr=False)

    @property
    def planar(self) -> shapely.Geometry:
        """The shape in its CRS with straight edges and, in degrees, no longitude beyond 180: what all computations
        are about. See `globe.planar`."""
        if self.crs not in self._known:
            self._known[self.crs] = planar(self.shape, self.geodesic) if is_geographic(self.crs) else self.shape
        return self._known[self.crs]

    @property
    def degrees(self) -> shapely.Geometry:
        """The shape in longitude and latitude for files: with the coordinates it was given, where they are such."""
        return self.shape if self.crs == "EPSG:4326" else self.to("EPSG:4326")

    def to(self, crs: str) -> shapely.Geometry:
        """The planar shape in another CRS; long edges get more vertices first, for they bend."""
        shape = self.planar
        if crs == self.crs or shape.is_empty:
            return shape
        if shape.geom_type == "Point":
            return _changed(shape, self.crs, crs)
        if crs not in self._known:
            west, south, east, north = shape.bounds
            longest, degrees = max(east - west, north - south), is_geographic(self.crs)
            # Below 0.02 degrees (2 km) an edge bends by less than a centimetre between CRSs in use here.
            if longest > (0.02 if degrees else 2000.0):
                if degrees and east - west > 90:
                    shape = near(shape, crs)
                # A parallel bends by 0.1 metres in 0.03 degrees.
                shape = shapely.segmentize(shape, min(longest / 16, 0.03) if degrees else longest / 16)
            self._known[crs] = _changed(shape, self.crs, crs)
        return self._known[crs]

    def whole(self, crs: str) -> shapely.Geometry:
        """As `to`, but what was cut at the antimeridian in one piece: for CRSs around the shape, where it has room."""
        shape = continued(self.planar) if is_geographic(self.crs) and not is_geographic(crs) else self.planar
        return self.to(crs) if shape is self.planar else _changed(shapely.segmentize(shape, 0.03), self.crs, crs)


def _changed(shape: shapely.Geometry, source: str, target: str) -> shapely.Geometry:
    change = transformer(source, target)
    moved = shapely.transform(shape, lambda xy: np.column_stack(change.transform(xy[:, 0], xy[:, 1])))
    return unbroken(moved) if is_geographic(target) else moved


EVERYWHERE = Geometry(shapely.box(-180, -90, 180, 90), unbounded=True)
"""What an image without limits covers."""


def union(geometries: Sequence[Geometry]) -> Geometry:
    """The union of geometries, in EPSG:4326 unless they share another CRS; of none it is empty."""
    if not geometries:
        return Geometry(shapely.GeometryCollection())
    crs = geometries[0].crs if len({g.crs for g in geometries}) == 1 else "EPSG:4326"
    return Geometry(shapely.union_all([g.to(crs) for g in geometries]), crs)
