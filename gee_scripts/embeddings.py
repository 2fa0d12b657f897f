"""The annual embedding of a place, a vector that a classifier without time can take."""

from __future__ import annotations

import ee

from agrispec.errors import ConfigError
from gee_scripts import catalog


def annual(year: int, region: ee.Geometry) -> ee.Image:
    """AlphaEarth's embedding of a calendar year as `catalog.EMBEDDING_BANDS`, masked where there is none.

    For a season that begins in one year and ends in the next, choose; a season is named by the year it ends in.
    The mosaic carries no pixel grid of its own: give `crs` and `scale` where pixels are asked for.

    Raises:
        ConfigError: no year before 2017 was embedded.
    """
    if year < catalog.EMBEDDING_SINCE:
        raise ConfigError(f"there is no embedding of {year}", mend=f"choose {catalog.EMBEDDING_SINCE} or a later year")
    tiles = ee.ImageCollection(catalog.EMBEDDING).filterBounds(region).filterDate(f"{year}-01-01", f"{year + 1}-01-01")
    return tiles.select(list(catalog.EMBEDDING_BANDS)).mosaic().toFloat()
