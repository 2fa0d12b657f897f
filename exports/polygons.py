"""Polygons onto pixels, a part of a map at a time: what a part does not touch costs it nothing."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio import Affine, features

from agrispec.grid import Grid

# It silences a warning of its own by `warnings.catch_warnings`, which in two threads at once lets it through.
_RASTERIZING = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class Polygons:
    """Shapes in the CRS of a map, and where they are.

    Attributes:
        shapes: P of them, in their order.
        parts: single polygons of the shapes, in their order.
        owners: number of the shape that each part is of.
        tree: index of the parts.
    """

    shapes: NDArray[Any]
    parts: NDArray[Any]
    owners: NDArray[np.int64]
    tree: shapely.STRtree

    @classmethod
    def of(cls, shapes: NDArray[Any], crs: str) -> Polygons:
        """Shapes in degrees (P,), in the CRS of a map."""
        project = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform
        found = shapely.transform(shapes, project, interleaved=False) if len(shapes) else shapes
        parts, owners = shapely.get_parts(found, return_index=True)
        return cls(found, parts, owners, shapely.STRtree(parts))

    @property
    def digest(self) -> str:
        """16 hexadecimal digits of the SHA-256 of the shapes."""
        return hashlib.sha256(b"".join(shapely.to_wkb(self.shapes))).hexdigest()[:16]

    def touch(self, grid: Grid) -> bool:
        """Whether a shape meets `grid`; only then it may have pixels of it."""
        return bool(len(self._near(grid)))

    def numbers(self, grid: Grid) -> NDArray[np.int32]:
        """(row, column) number of the shape that each pixel's centre lies in, -1 where in none.

        Where shapes overlap, the later one has the pixel.
        """
        near = self._near(grid)
        if not len(near):
            return np.full(grid.shape, -1, np.int32)
        a, b, c, d, e, f = grid.transform
        with _RASTERIZING:
            numbers: NDArray[np.int32] = features.rasterize(
                [(self.parts[part], self.owners[part]) for part in near.tolist()], out_shape=grid.shape, fill=-1,
                dtype=np.int32, transform=Affine(a, b, c, d, e, f))
        return numbers

    def _near(self, grid: Grid) -> NDArray[np.int64]:
        """The parts that meet a grid, in their order."""
        return np.sort(self.tree.query(shapely.box(*grid.bounds), predicate="intersects"))
