"""Routes of pixels: image:computePixels and assets:getPixels, in every file format that pixels are answered in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Grid
from gee_scripts.engine.local.assets.catalog import Catalog
from gee_scripts.engine.local.images.frame import output_grid
from gee_scripts.engine.local.images.pixels import as_image, check_size, chosen, compute, geo_tiff, grid_of, npy, zipped
from gee_scripts.engine.local.language.evaluate import evaluate
from gee_scripts.engine.local.limits import Limits
from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.rest import rendering
from gee_scripts.engine.local.rest.calls import Answer, Answers, Call, File
from gee_scripts.engine.local.values import Image


class PixelRoutes:
    """Graphs and assets to pixels on a grid."""

    def __init__(self, tree: AssetTree, catalog: Catalog, limits: Limits) -> None:
        self._tree = tree
        self._catalog = catalog
        self._limits = limits

    @property
    def answers(self) -> Answers:
        """What answers which route."""
        return {"projects.image.computePixels": self._compute_pixels,
                "projects.assets.getPixels": self._get_pixels}

    def _compute_pixels(self, call: Call) -> Answer:
        return rendered(as_image(evaluate(call.body["expression"], self._catalog)), call.body, self._limits)

    def _get_pixels(self, call: Call) -> Answer:
        image, name = self._catalog.image(call.path["name"]), call.path["name"]
        own = None if call.body.get("grid") else self._tree.get(name).grid
        return rendered(image, call.body, self._limits, own)


def rendered(image: Image, body: Mapping[str, Any], limits: Limits, default: Grid | None = None) -> File:
    """The bands, grid and file format of an image that a request asks for.

    Args:
        default: the grid where the request names none; without it, the image's own.

    Raises:
        Refusal: it asks for too much, or for what the image or the local engine does not have.
    """
    bands = chosen(image, body.get("bandIds") or ())
    grid = grid_of(body["grid"]) if body.get("grid") else default or output_grid(image)
    check_size(bands, grid, limits)
    file_format = body.get("fileFormat", "AUTO_JPEG_PNG")
    if body.get("visualizationOptions") or file_format in rendering.FORMATS:
        picture = rendering.picture(bands, grid, body.get("visualizationOptions") or {})
        content, media_type = rendering.encoded(picture, file_format)
        return File(content=content, media_type=media_type)
    pixels = compute(bands, grid)
    if file_format == "NPY":
        return File(content=npy(bands, pixels), media_type="application/octet-stream")
    if file_format == "GEO_TIFF":
        return File(content=geo_tiff(bands, pixels, grid), media_type="image/tiff")
    if file_format in ("ZIPPED_GEO_TIFF", "ZIPPED_GEO_TIFF_PER_BAND"):
        name = body.get("filenamePrefix") or "download"
        files = {f"{name}.tif": geo_tiff(bands, pixels, grid)} if file_format == "ZIPPED_GEO_TIFF" else {
            f"{name}.{band.name}.tif": geo_tiff((band,), (read,), grid)
            for band, read in zip(bands, pixels, strict=True)}
        return File(content=zipped(files), media_type="application/zip", name=f"{name}.zip")
    raise Refusal(400, f"The local engine answers pixels as NPY, GEO_TIFF (also zipped), PNG and JPEG, not "
                       f"{file_format}.")
