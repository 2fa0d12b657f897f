"""How large the parcels are that samples lie in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from agrispec.errors import AssetMissing
from agrispec.formats import geojson
from agrispec.grid import Cell, Grid

Fetch = Callable[[str, Grid], Sequence[Mapping[str, Any]]]
"""Id of a table and a grid to the table's features that touch the grid, as GeoJSON in degrees."""

_PIXEL_M = 10.0


def hectares(samples: pd.DataFrame, asset: str, fetch: Fetch) -> NDArray[np.float64]:
    """The area of the parcel that each sample lies in, in hectares of the UTM zone of its cell; NaN where in none.

    UTM areas are within 0.2 % of those on the ellipsoid. Where parcels overlap, the later one has the sample.

    Args:
        samples: N rows with `lon`, `lat`, `cell` and `season`.
        asset: id of the table of parcels, `{season}` standing for the year.
        fetch: what asks for parcels, once for each cell and season.

    Raises:
        AssetMissing: a season has no table of parcels.
    """
    found = np.full(len(samples), np.nan)
    places = samples.reset_index(drop=True)
    for (cell, season), group in places.groupby(["cell", "season"]):
        crs = Cell.parse(str(cell)).crs
        project = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform
        east, north = project(group["lon"].to_numpy(), group["lat"].to_numpy())
        around = Grid.covering(crs, (east.min() - _PIXEL_M, north.min() - _PIXEL_M, east.max() + _PIXEL_M,
                                     north.max() + _PIXEL_M), _PIXEL_M)
        try:
            parcels = fetch(asset.format(season=season), around)
        except AssetMissing as error:
            raise AssetMissing(error.message, mend="give a table of parcels for every source season, or leave [labels]"
                                                   " parcels empty: then nothing is said by parcel size") from error
        shapes = geojson.shapes(list(map(itemgetter("geometry"), parcels)))
        polygons = shapely.transform(shapes, project, interleaved=False)
        place, polygon = shapely.STRtree(polygons).query(shapely.points(east, north), predicate="intersects")
        later = np.argsort(polygon, kind="stable")
        found[group.index.to_numpy()[place[later]]] = shapely.area(polygons)[polygon[later]] / 1e4
    return found
