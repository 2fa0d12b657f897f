"""The whole graph of one CubeSpec: from scenes to an array band, or to scalar bands."""

from __future__ import annotations

import ee

from agrispec.bands import SENTINEL2_IDS
from agrispec.cube import COUNT, GDD, CubeSpec
from agrispec.season import Season
from gee_scripts import clouds, composites, indices, thermal_time


def steps(spec: CubeSpec, season: Season, region: ee.Geometry) -> ee.ImageCollection:
    """One image per exported step, oldest first, with `spec.columns` as float bands and no masked pixel.

    A feature is `spec.fill` where its step had no clear look; `count` is 0 there. `gdd`, if the cube carries it, is
    `spec.fill` where ERA5-Land does not know all days of the season up to the step's end.
    """
    return looks(spec, season, region).map(lambda step: step.unmask(spec.fill, False))


def looks(spec: CubeSpec, season: Season, region: ee.Geometry) -> ee.ImageCollection:
    """As `steps`, masked where these hold the fill; `count` never is."""
    found = clouds.scenes(spec.collection, season, region, spec.clear)
    clear = clouds.clear(found, clouds.scores(season, region), spec.clear)
    medians = composites.step_medians(clear, season, spec.exported, SENTINEL2_IDS)

    def columns(composite: ee.Image) -> ee.Image:
        of_bands = set(spec.features) <= set(SENTINEL2_IDS)
        features = (composite.select(list(spec.features)) if of_bands
                    else indices.compute(composite, spec.features))
        found = features if spec.gdd_base is None else features.addBands(composite.select(GDD))
        return found.addBands(composite.select(COUNT)).toFloat()

    if spec.gdd_base is not None:
        medians = medians.combine(thermal_time.degree_days(season, spec.exported, spec.gdd_base))
    return medians.map(columns)


def array(spec: CubeSpec, season: Season, region: ee.Geometry) -> ee.Image:
    """The cube as one band `cube`, an array of T × columns a pixel: steps along axis 0, columns along axis 1."""
    # toArray leaves a masked image out of its pixel's array; `steps` has none.
    return steps(spec, season, region).toArray().rename(["cube"])


def patches(spec: CubeSpec, season: Season, region: ee.Geometry) -> ee.Image:
    """The cube as `spec.patch_bands()` scalar bands: an image TFRecord cannot carry a two-dimensional array band."""
    return steps(spec, season, region).toBands().rename(list(spec.patch_bands())).toFloat()
