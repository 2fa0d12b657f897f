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
    found = ee.ImageCollection(collection).filterBounds(region).filterDate(
        season.start.isoformat(), season.end.isoformat())
    if rule.max_cloud_cover < 100:
        found = found.filter(ee.Filter.lte(catalog.CLOUD_COVER, rule.max_cloud_cover))
    return found


def unmatched(found: ee.ImageCollection) -> ee.ImageCollection:
    """The scenes that Cloud Score+ has no image for."""
    return ee.ImageCollection(ee.Join.inverted().apply(found, _scores(), ee.Filter.equals(**_SAME_INDEX)))


def derived(found: ee.ImageCollection) -> ee.ImageCollection:
    """The scenes whose Cloud Score+ is none of Google's, but was derived when the scene was imported."""
    scores = _scores().filter(ee.Filter.notNull([catalog.DERIVED]))
    return ee.ImageCollection(ee.Join.simple().apply(found, scores, ee.Filter.equals(**_SAME_INDEX)))


def clear(found: ee.ImageCollection, rule: ClearLook) -> ee.ImageCollection:
    """Surface reflectance (0 … 1, float) of the clear pixels, the ten bands in order of wavelength.

    A scene that Cloud Score+ does not know would be masked as a whole by the link, silently; it is masked
    by its scene classification instead, or left out, as `rule.unmatched` says.
    """
    matched = ee.ImageCollection(ee.Join.simple().apply(found, _scores(), ee.Filter.equals(**_SAME_INDEX)))
    kept = matched.linkCollection(_scores(), [rule.score]).map(
        lambda scene: _reflectance(scene, scene.select(rule.score).gte(rule.threshold)))
    if rule.unmatched == "drop":
        return kept
    return kept.merge(unmatched(found).map(lambda scene: _reflectance(scene, _classified_clear(scene))))


def _scores() -> ee.ImageCollection:
    return ee.ImageCollection(catalog.CLOUD_SCORE)


def _classified_clear(scene: ee.Image) -> ee.Image:
    classes = list(catalog.CLEAR_CLASSES)
    return scene.select(catalog.SCENE_CLASSIFICATION).remap(classes, [1] * len(classes), 0)


def _reflectance(scene: ee.Image, is_clear: ee.Image) -> ee.Image:
    return (scene.select(list(SENTINEL2_IDS)).updateMask(is_clear).divide(catalog.REFLECTANCE_SCALE).toFloat()
            .copyProperties(scene, ["system:time_start"]))
