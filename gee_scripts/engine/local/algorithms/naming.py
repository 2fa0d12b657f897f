"""Bands put together and named, and properties exchanged."""

from __future__ import annotations

import re
from typing import Any

from gee_scripts.engine.local.algorithms.bands import add_bands
from gee_scripts.engine.local.assets.catalog import Catalog
from gee_scripts.engine.local.language.promotion import Mismatch, promoted
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.raster import Band
from gee_scripts.engine.local.values import SYSTEM_INDEX, Image


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
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise AlgorithmError(f"'{pattern}' is no regular expression: {error}",
                             mend="escape special signs by a backslash") from error

    def written(found: re.Match[str]) -> str:
        """The replacement with $1 and so on filled in; a backslash makes the next sign an ordinary one."""

        def part(sign: re.Match[str]) -> str:
            if sign[1] is not None:
                return sign[1]
            try:
                return found[int(sign[2]) if sign[2] else sign[3]] or ""
            except IndexError as error:
                raise AlgorithmError(f"there is no group {sign[0]} in '{pattern}'",
                                     mend="put it in parentheses") from error

        return re.sub(r"\\(.)|\$(?:(\d)|\{(\w+)\})", part, replacement)

    bands: list[Band] = []
    for band in image.bands:
        name = compiled.sub(written, band.name, count=0 if every else 1)
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
    return target.with_properties({**kept, **given})
