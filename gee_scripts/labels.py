"""Label maps onto the classes of a taxonomy, away from field edges."""

from __future__ import annotations

import ee

from agrispec.config import Labels
from agrispec.season import Season
from agrispec.taxonomy import Taxonomy


def maps(labels: Labels, season: Season, region: ee.Geometry) -> ee.ImageCollection:
    """The label maps of a season that touch `region`: those whose system:time_start is one of the season's days.

    A season that is called by the year it ends in holds 1 January of that year, wherever it begins. So a map that is
    dated by the year of harvest, as USDA's are, belongs to the season of its year in both hemispheres.
    """
    return ee.ImageCollection(labels.images).filterDate(
        season.start.isoformat(), season.end.isoformat()).filterBounds(region)


def classes(labels: Labels, taxonomy: Taxonomy, season: Season, region: ee.Geometry) -> ee.Image:
    """Class numbers as band `label`, masked where the map has no code of the taxonomy.

    The latest map wins where maps overlap.
    """
    codes, numbers = (list(column) for column in zip(*taxonomy.codes, strict=True))
    return maps(labels, season, region).select([labels.band]).mosaic().remap(codes, numbers).rename(["label"]).toInt()


def confident(label: ee.Image, labels: Labels, taxonomy: Taxonomy, season: Season, region: ee.Geometry) -> ee.Image:
    """`label`, as `classes` gives it, without the pixels that the map is less sure of than is asked of their class.

    A pixel whose confidence is masked is not sure at all. Each pixel's code and confidence are of one map.
    """
    if not labels.confidence_band:
        return label

    def sure(image: ee.Image) -> ee.Image:
        # Wherever a map has a code: else the confidence of the one below would shine through.
        known = image.select([labels.band]).mask()
        return image.select([labels.confidence_band]).unmask(0, False).updateMask(known)

    least = ee.Image.constant(labels.least_confidence)
    for number, crop in enumerate(taxonomy):
        if crop.least_confidence > labels.least_confidence:
            least = least.where(label.eq(number), crop.least_confidence)
    return label.updateMask(maps(labels, season, region).map(sure).mosaic().gte(least))


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
