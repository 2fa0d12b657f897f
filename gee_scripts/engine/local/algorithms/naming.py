"""Bands put together and named, and properties exchanged."""

from __future__ import annotations

from typing import Any

from gee_scripts.engine.local.algorithms.bands import add_bands
from gee_scripts.engine.local.assets.catalog import Catalog
from gee_scripts.engine.local.language.matching import replaced
from gee_scripts.engine.local.language.promotion import Mismatch, promoted
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.raster import Band
from gee_scripts.engine.local.values import SYSTEM_INDEX, Image, put


@algorithm("Image.cat", catalog=True)
def concatenated(catalog: Catalog, images: list[Any]) -> Image:
    """All bands of images in order, with the properties of the first one."""
    try:
        made: list[Image] = [promoted(item, "Image", catalog) for item in images]
    except Mismatch as error:
        raise AlgorithmError(f"a {error.found} is no image", mend="give images or numbers") from error
    if not made:
        return Image(bands=())
    whole = made[0]
    for image in made[1:]:
        whole = add_bands(whole, image, None, False)
    return whole


@algorithm("Image.regexpRename", differs="the expression is Python's, which agrees with Java's but for rare forms")
def regexp_rename(image: Image, pattern: str, replacement: str, every: bool) -> Image:
    """The image with what a regular expression finds in the names of its bands replaced."""
    bands: list[Band] = []
    names = replaced(image.names, pattern, replacement, every=every)
    for band, name in zip(image.bands, names, strict=True):
        if name in [other.name for other in bands]:
            raise AlgorithmError(f"Duplicate band name '{name}'", mend="give every band a name of its own")
        bands.append(band.renamed(name))
    return image.with_bands(bands)


@algorithm("Element.replaceProperties",
           differs="system:index and system:time_start stay; the service does not say whether they do")
def replace_properties(target: Any, source: Any) -> Any:
    """The element with the properties of another instead of its own."""
    kept = {name: target.properties[name] for name in (SYSTEM_INDEX, "system:time_start") if name in target.properties}
    given = {} if source is None else {name: value for name, value in source.properties.items() if name != SYSTEM_INDEX}
    return put(target, {**dict.fromkeys(target.properties), **kept, **given})
