"""Label maps onto the classes of a taxonomy, away from field edges."""

from __future__ import annotations

import ee

from agrispec.config import Labels
from agrispec.season import Season
from agrispec.taxonomy import Taxonomy


def maps(labels: Labels, season: Season, region: ee.Geometry) -> ee.ImageCollection:
    """The label maps of a season that touch `region`."""
    return ee.ImageCollection(labels.images).filterDate(
        season.start.isoformat(), season.end.isoformat()).filterBounds(region)


def classes(labels: Labels, taxonomy: Taxonomy, season: Season, region: ee.Geometry) -> ee.Image:
    """Class numbers as band `label`, masked where the map has no code of the taxonomy.

    The latest map wins where maps overlap.
    """
    codes, numbers = (list(column) for column in zip(*taxonomy.codes, strict=True))
    return maps(labels, season, region).select([labels.band]).mosaic().remap(codes, numbers).rename(["label"]).toInt()


def eroded(label: ee.Image, radius_m: float) -> ee.Image:
    """`label` without the pixels that have another label, or none, within `radius_m` metres.

    The distance is taken in the projection that pixels are asked for in.
    """
    if radius_m == 0:
        return label
    kernel = ee.Kernel.circle(radius_m, "meters")
    # Outside of every field counts as one more label, or field edges along unlabelled ground would stay.
    around = label.unmask(-1, False).reduceNeighborhood(ee.Reducer.countDistinct(), kernel)
    return label.updateMask(around.eq(1))
