"""Images made, loaded, and their bands chosen, named and put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms.masks import Within
from gee_scripts.engine.local.assets.catalog import Catalog
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.language import matching
from gee_scripts.engine.local.language.promotion import Mismatch, constant_bands
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.domains import Domain, Projection, coordinates
from gee_scripts.engine.local.rasters.raster import Apply, Band, PixelType, Place, both, masked_band
from gee_scripts.engine.local.type_names import type_name
from gee_scripts.engine.local.values import Collection, Image, Output, get, hashable

Array = NDArray[Any]


@algorithm("Image.load", catalog=True)
def load(catalog: Catalog, asset_id: str, version: int) -> Image:
    """An image asset."""
    return catalog.image(asset_id)


@algorithm("Image.constant", differs="Integers have the type int or long, with its limits, whatever their values.")
def constant(value: Any) -> Image:
    """An image of the same numbers or arrays everywhere."""
    try:
        return Image(bands=constant_bands(value))
    except Mismatch as error:
        raise AlgorithmError(f"'{error.text}' is no number", mend="give numbers or arrays") from error


@algorithm("Image.metadata")
def metadata(image: Image, name: str, band: str | None) -> Image:
    """A property as a constant band of doubles."""
    value = get(image, name)
    if not isinstance(value, int | float):
        raise AlgorithmError(f"property '{name}' is no number", mend="set it on the image first")
    made = constant(float(value)).bands[0]
    return replace(image, bands=(made.renamed(band or name),), id=None)


@algorithm("Image.pixelLonLat")
def pixel_lon_lat() -> Image:
    """Longitude and latitude of every pixel's centre, in degrees."""
    return _places(Place(lambda domain: coordinates(domain, "EPSG:4326")), ("longitude", "latitude"))


@algorithm("Image.pixelCoordinates")
def pixel_coordinates(projection: Projection) -> Image:
    """Column and row (x, y) of every pixel's centre in a projection."""
    a, b, c, d, e, f = projection.transform

    def places(domain: Domain) -> tuple[Array, Array]:
        x, y = coordinates(domain, projection.crs)
        size = a * e - b * d
        return (e * (x - c) - b * (y - f)) / size, (a * (y - f) - d * (x - c)) / size

    return _places(Place(places), ("x", "y"))


def _places(node: Place, names: tuple[str, str]) -> Image:
    return Image(bands=tuple(
        Band(name=name, type=PixelType(np.dtype(np.float64)), composite=True,
             values=Apply(lambda pair, number=number: pair[number], (node,))) for number, name in enumerate(names)))


def chosen(image: Image, selectors: Any) -> list[Band]:
    """The bands of names, patterns or places, in the order asked for.

    Raises:
        AlgorithmError: one of them names none.
    """
    found: list[Band] = []
    named = {band.name: band for band in image.bands}
    if not isinstance(selectors, list | tuple):
        raise AlgorithmError(f"Bands are chosen by a list, not by a value of type {type_name(selectors)}",
                             mend="give a list of names or numbers")
    for selector in selectors:
        if not isinstance(selector, str | int | float):
            raise AlgorithmError(f"A band is chosen by its name or number, not by a value of type "
                                 f"{type_name(selector)}", mend="give a list of names or numbers")
        if selector in named:
            found.append(named[selector])
            continue
        if isinstance(selector, int | float):
            if not 0 <= selector < len(image.bands):
                raise AlgorithmError(f"Band number {selector} is out of bounds for an image of "
                                     f"{len(image.bands)} bands", mend=f"its bands are {image.names}")
            found.append(image.bands[int(selector)])
            continue
        fits = matching.matches(str(selector), image.names, whole=True)
        matches = [band for band, found in zip(image.bands, fits, strict=True) if found]
        if not matches:
            raise AlgorithmError(f"Band pattern '{selector}' did not match any bands. Available bands: "
                                 f"[{', '.join(image.names)}]", mend="select a band that is there")
        found += matches
    return found


@algorithm("Image.select")
def select(image: Image, selectors: list[Any], names: list[str] | None) -> Image:
    """The chosen bands, renamed if asked."""
    return _named(image, chosen(image, selectors), names)


@algorithm("Image.rename")
def rename(image: Image, names: list[str]) -> Image:
    """The bands by other names."""
    return _named(image, image.bands, names)


def _named(image: Image, bands: Iterable[Band], names: list[str] | None) -> Image:
    kept = list(bands)
    if names is not None:
        if len(names) != len(kept):
            raise AlgorithmError(f"The number of names ({len(names)}) must match the number of bands ({len(kept)})",
                                 mend=f"the bands are {[band.name for band in kept]}")
        kept = [band.renamed(name) for band, name in zip(kept, names, strict=True)]
    every = [band.name for band in kept]
    if len(set(every)) < len(every):
        twice = Counter(every).most_common(1)[0][0]
        raise AlgorithmError(f"Duplicate band name '{twice}'", mend="give every band a name of its own")
    return image.with_bands(kept)


@algorithm("Image.slice")
def sliced(image: Image, start: int, end: int | None) -> Image:
    """The bands from `start` to before `end`."""
    return image.with_bands(image.bands[start:end])


@algorithm("Image.addBands")
def add_bands(image: Image, other: Image, names: list[str] | None, overwrite: bool) -> Image:
    """The image's bands and then the other's; names that are taken are overwritten or get a suffix."""
    bands = {band.name: band for band in image.bands}
    tried: dict[str, int] = {}
    for band in chosen(other, names) if names is not None else other.bands:
        name, number = band.name, tried.get(band.name, 1)
        while name in bands and not overwrite:
            name, number = f"{band.name}_{number}", number + 1
        tried[band.name] = number
        bands[name] = band.renamed(name)
    return image.with_bands(bands.values())


@algorithm("Image.bandNames")
def band_names(image: Image) -> list[str]:
    """Names of the bands."""
    return image.names


@algorithm("Image.bandTypes")
def band_types(image: Image) -> dict[str, PixelType]:
    """Types of the bands by name."""
    return {band.name: band.type for band in image.bands}


@algorithm("Image.projection")
def projection(image: Image) -> Projection:
    """The projection that all bands share."""
    found = {band.projection for band in image.bands}
    if len(found) > 1:
        raise AlgorithmError("The bands of the specified image contains different projections. "
                             "Use Image.select to pick a single band", mend="select one band first")
    if not found:
        raise AlgorithmError("The image has no bands", mend="select a band")
    return found.pop()


@algorithm("Image.setDefaultProjection")
def set_default_projection(image: Image, crs: Projection, transform: list[float] | None,
                           scale: float | None) -> Image:
    """The image with a grid to be computed on where nothing else is asked for."""
    if transform is not None:
        crs = crs.with_transform(transform)
    elif scale is not None:
        crs = crs.at_scale(scale)
    return replace(image, bands=tuple(replace(band, projection=crs, composite=False) for band in image.bands))


@algorithm("Image.clipToBoundsAndScale")
def clip_to_bounds_and_scale(image: Image, shape: Geometry | None, width: int | None, height: int | None,
                             largest: int | None, scale: float | None) -> Image:
    """The image with a frame for exports and thumbnails; `frame.output_grid` makes the grid of it."""
    return replace(image, output=Output(geometry=shape, width=width, height=height, largest=largest, scale=scale))


def _strings(given: Any, argument: str) -> list[str]:
    found = [given] if isinstance(given, str) else given
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise AlgorithmError(f"{argument} must be a string or a list of strings, not a value of type "
                             f"{type_name(given)}", mend="give a name, or a list of names")
    return found


@algorithm("Image.linkCollection")
def link_collection(image: Image, collection: Collection, bands: Any, properties: Any, key: str) -> Image:
    """The image with bands and properties of the collection's image that has the same property `key`; without
    such an image the bands are masked everywhere and the properties null."""
    value = get(image, key)
    places = [] if value is None else collection.positions(key).get(hashable(value), [])
    match: Image | None = collection.items[places[0]] if places else None
    pattern: Image | None = match or (collection.items[0] if collection.items else None)
    names = None if bands is None else _strings(bands, "linkedBands")
    if not isinstance(pattern, Image | None):
        raise AlgorithmError(f"The collection holds a {type_name(pattern)}, not images", mend="give images")
    if pattern is None:
        added = [masked_band(name, PixelType(np.dtype(np.float64))) for name in names or ()]
    else:
        added = chosen(pattern, names) if names is not None else list(pattern.bands)
        if match is None:
            added = [replace(masked_band(band.name, band.type), projection=band.projection, composite=False)
                     for band in added]
        elif image.footprint is not None and match.footprint != image.footprint:
            frame = Within(shapes=image.footprint)
            masks = {id(band.mask): both(band.mask, frame) for band in added}
            added = [replace(band, mask=masks[id(band.mask)]) for band in added]
    linked = add_bands(image, Image(bands=tuple(added)), None, True)
    wanted = [] if properties is None else _strings(properties, "linkedProperties")
    changed = {name: value for name, value in image.properties.items() if name not in wanted}
    if match is not None:
        changed |= {name: get(match, name) for name in wanted if get(match, name) is not None}
    return linked.with_properties(changed)
