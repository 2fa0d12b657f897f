"""Images to arrays over a grid, and to the files that computePixels answers with.

https://developers.google.com/earth-engine/reference/rest/v1/projects.image/computePixels
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import EngineError
from agrispec.formats import geotiff
from agrispec.grid import Grid
from gee_scripts.engine.local.images.rewriting import fused
from gee_scripts.engine.local.limits import Limits
from gee_scripts.engine.local.rasters import raster
from gee_scripts.engine.local.rasters.domains import is_geographic
from gee_scripts.engine.local.rasters.raster import Band
from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.type_names import type_name
from gee_scripts.engine.local.values import Image

TILE = 256
"""Side of the tiles that images are computed in, pixels; the service's shardSize."""

Pixels = tuple[NDArray[Any], NDArray[np.bool_] | None]
"""Values (row, column) and where they are valid; None: everywhere. Masked values are 0."""


def as_image(value: Any) -> Image:
    """The value of a graph that must be an image.

    Raises:
        EngineError: it is something else.
    """
    if not isinstance(value, Image):
        raise EngineError(f"Expression does not evaluate to an image, but to {type_name(value)}",
                          mend="give an ee.Image")
    return value


def chosen(image: Image, names: Sequence[str]) -> tuple[Band, ...]:
    """The bands of an image by name, all of them where none is named.

    Raises:
        EngineError: it has no such band, or a band of arrays.
    """
    known = {band.name: band for band in image.bands}
    for name in names:
        if name not in known:
            raise EngineError(f"Image does not contain band '{name}'. Its bands are: {', '.join(known) or 'none'}",
                              mend="name bands that the image has")
    bands = tuple(known[name] for name in names) if names else image.bands
    if not bands:
        raise EngineError("Image has no bands", mend="select at least one band")
    for band in bands:
        if band.type.dimensions:
            raise EngineError(f"Band '{band.name}' holds arrays; only bands of numbers can be written as pixels",
                              mend="use arrayFlatten, or sample the image")
    return bands


def tiles(bands: Sequence[Band], grid: Grid, between: Callable[[float], None] = lambda done: None) -> \
        Iterator[tuple[int, int, list[Pixels]]]:
    """Pixels of bands over a grid tile by tile: row and column of its upper left pixel, and each band's pixels.

    `between` is called before each with the share done. No more than one tile is held.
    """
    bands = fused(bands)
    for row, column, tile in grid.tiles(TILE):
        between(row / grid.height)
        pixels: list[Pixels] = []
        for read, mask in raster.read(bands, tile):
            seen = raster.seen(mask)
            pixels.append((read, None) if seen is None or seen.all() else (np.where(seen, read, 0), seen))
        yield row, column, pixels


def compute(bands: Sequence[Band], grid: Grid, between: Callable[[float], None] = lambda done: None) -> list[Pixels]:
    """Pixels of bands over a grid that fits into memory, computed as by `tiles`."""
    values = [np.zeros(grid.shape, band.type.dtype) for band in bands]
    valid = [np.ones(grid.shape, np.bool_) for _ in bands]
    for row, column, pixels in tiles(bands, grid, between):
        place = (slice(row, row + TILE), slice(column, column + TILE))
        for i, (read, seen) in enumerate(pixels):
            values[i][place] = read
            if seen is not None:
                valid[i][place] = seen
    return [(value, None if where.all() else where) for value, where in zip(values, valid, strict=True)]


def check_size(bands: Sequence[Band], grid: Grid, limits: Limits) -> None:
    """Whether the service would answer a request of that size at once.

    Raises:
        Refusal: 400, in the service's words.
    """
    size = grid.width * grid.height * sum(band.type.dtype.itemsize for band in bands)
    if size > limits.pixel_bytes:
        raise Refusal(400, f"Total request size ({size} bytes) must be less than or equal to {limits.pixel_bytes} "
                           "bytes.")
    if max(grid.shape) > limits.pixel_side:
        raise Refusal(400, f"Pixel grid dimensions ({grid.width}x{grid.height}) must be less than or equal to "
                           f"{limits.pixel_side}.")
    if len(bands) > limits.pixel_bands:
        raise Refusal(400, f"Too many bands: {len(bands)}, at most {limits.pixel_bands} can be requested at "
                           "once.")


def grid_of(body: Mapping[str, Any]) -> Grid:
    """The grid of a request, which must give it whole.

    Raises:
        Refusal: something is missing, or not finite.
        EngineError: nobody knows its CRS.
    """
    size, affine, crs = body.get("dimensions", {}), body.get("affineTransform", {}), body.get("crsCode")
    if not crs or not size.get("width") or not size.get("height") or not affine.get("scaleX") \
            or not affine.get("scaleY"):
        raise Refusal(400, "The local engine needs a grid with crsCode, dimensions and affineTransform, or none.")
    is_geographic(crs)
    a, b, c, d, e, f = (float(affine.get(name, 0)) for name in
                        ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY"))
    if not np.isfinite([a, b, c, d, e, f]).all():
        raise Refusal(400, f"Invalid value at 'grid.affineTransform': {dict(affine)} is not finite.")
    return Grid(crs=crs, transform=(a, b, c, d, e, f), width=int(size["width"]), height=int(size["height"]))


def npy(bands: Sequence[Band], pixels: Sequence[Pixels]) -> bytes:
    """An NPY file of a structured array (row, column) with a field a band; masked pixels are 0."""
    array = np.zeros(pixels[0][0].shape, [(band.name, values.dtype) for band, (values, _) in
                                          zip(bands, pixels, strict=True)])
    # NumPy gives a name to a field without one.
    for name, (values, _) in zip(array.dtype.names or (), pixels, strict=True):
        array[name] = values
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def common_type(bands: Sequence[Band]) -> np.dtype[Any]:
    """The one type of all bands, as a GeoTIFF needs it.

    Raises:
        EngineError: bands are of several types, in the service's words.
    """
    types = {_TYPE_NAMES.get(band.type.dtype.name, band.type.dtype.name) for band in bands}
    if len(types) > 1:
        raise EngineError("Exported bands must have compatible data types; found inconsistent types: "
                          + " and ".join(sorted(types)), mend="cast the image, e.g. by .toFloat()")
    return bands[0].type.dtype


def stacked(bands: Sequence[Band], pixels: Sequence[Pixels]) -> NDArray[Any]:
    """One array (band, row, column), as a GeoTIFF holds it. Raises EngineError as `common_type`."""
    common_type(bands)
    return np.stack([values for values, _ in pixels])


_TYPE_NAMES = {"uint8": "Byte", "uint16": "UInt16", "int16": "Int16", "uint32": "UInt32", "int32": "Int32",
               "float32": "Float32", "float64": "Float64"}


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip file of files by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            # The same bytes whenever it is asked for.
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def geo_tiff(bands: Sequence[Band], pixels: Sequence[Pixels], grid: Grid) -> bytes:
    """A GeoTIFF with a band a band; masked pixels are 0. Raises EngineError as `stacked`."""
    return geotiff.encode(stacked(bands, pixels), grid, names=[band.name for band in bands])
