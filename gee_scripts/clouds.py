"""Cloud Score+: the scenes of a season, reduced to their clear pixels."""

from __future__ import annotations

import ee

from agrispec.bands import SENTINEL2_IDS
from agrispec.cube import ClearLook
from agrispec.season import Season
from gee_scripts import catalog

_SAME_INDEX = {"leftField": "system:index", "rightField": "system:index"}


def scenes(collection: str, season: Season, region: ee.Geometry, rule: ClearLook) -> ee.ImageCollection:
    """The season's scenes that touch `region`, cloudier ones than `rule` allows left out; pixels as served."""
    found = _touching(collection, season, region)
    if rule.max_cloud_cover < 100:
        found = found.filter(ee.Filter.lte(catalog.CLOUD_COVER, rule.max_cloud_cover))
    return found


def scores(season: Season, region: ee.Geometry) -> ee.ImageCollection:
    """The season's Cloud Score+ images that touch `region`: a join with the archive of the globe would read it all."""
    return _touching(catalog.CLOUD_SCORE, season, region)


def unmatched(found: ee.ImageCollection, scored: ee.ImageCollection) -> ee.ImageCollection:
    """The scenes that Cloud Score+ has no image for."""
    return ee.ImageCollection(ee.Join.inverted().apply(found, scored, ee.Filter.equals(**_SAME_INDEX)))


def derived(found: ee.ImageCollection, scored: ee.ImageCollection) -> ee.ImageCollection:
    """The scenes whose Cloud Score+ is none of Google's, but was derived when the scene was imported."""
    ours = scored.filter(ee.Filter.notNull([catalog.DERIVED]))
    return ee.ImageCollection(ee.Join.simple().apply(found, ours, ee.Filter.equals(**_SAME_INDEX)))


def clear(found: ee.ImageCollection, scored: ee.ImageCollection, rule: ClearLook) -> ee.ImageCollection:
    """Surface reflectance (0 … 1, float) of the clear pixels, the ten bands in order of wavelength.

    A pixel that lacks one band, as at the edges of a swath, has none: a look is whole or no look. A scene that
    Cloud Score+ does not know would be masked as a whole by the link, silently; it is masked by its scene
    classification instead, or left out, as `rule.unmatched` says.
    """
    matched = ee.ImageCollection(ee.Join.simple().apply(found, scored, ee.Filter.equals(**_SAME_INDEX)))
    kept = matched.linkCollection(scored, [rule.score]).map(
        lambda scene: _reflectance(scene, scene.select(rule.score).gte(rule.threshold)))
    if rule.unmatched == "drop":
        return kept
    return kept.merge(unmatched(found, scored).map(lambda scene: _reflectance(scene, _classified_clear(scene))))


def _touching(collection: str, season: Season, region: ee.Geometry) -> ee.ImageCollection:
    return ee.ImageCollection(collection).filterBounds(region).filterDate(
        season.start.isoformat(), season.end.isoformat())


def _classified_clear(scene: ee.Image) -> ee.Image:
    classes = list(catalog.CLEAR_CLASSES)
    return scene.select(catalog.SCENE_CLASSIFICATION).remap(classes, [1] * len(classes), 0)


def _reflectance(scene: ee.Image, is_clear: ee.Image) -> ee.Image:
    bands = scene.select(list(SENTINEL2_IDS))
    whole = bands.mask().reduce(ee.Reducer.min())
    return (bands.updateMask(is_clear).updateMask(whole).divide(catalog.REFLECTANCE_SCALE).toFloat()
            .copyProperties(scene, ["system:time_start"]))
