"""Routes of pictures that have an address: maps with their tiles, and thumbnails."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from agrispec.grid import Grid
from gee_scripts.engine.local.assets.catalog import Catalog
from gee_scripts.engine.local.images.pixels import as_image, chosen
from gee_scripts.engine.local.language.evaluate import evaluate
from gee_scripts.engine.local.limits import Limits
from gee_scripts.engine.local.recent import Recent
from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.rest import rendering
from gee_scripts.engine.local.rest.calls import Answer, Answers, Call, File
from gee_scripts.engine.local.rest.named_requests import NamedRequests
from gee_scripts.engine.local.rest.pixels import rendered
from gee_scripts.engine.local.values import Image

# Images kept between tiles.
_KEPT = 8
# Pixels of 0.15 mm at the equator: far beyond what maps show.
_LARGEST_ZOOM = 30
# Half the side of the web map's square, metres: π · 6378137.
_WEB_MAP = 20037508.342789244
_TILE = 256


class MapRoutes:
    """Images that are asked for piece by piece, by the name they were given."""

    def __init__(self, catalog: Catalog, named: NamedRequests, limits: Limits) -> None:
        self._catalog = catalog
        self._named = named
        self._limits = limits
        self._images: Recent[str, Image] = Recent(_KEPT)

    @property
    def answers(self) -> Answers:
        """What answers which route."""
        return {"projects.maps.create": partial(self._create, "maps"), "projects.maps.tiles.get": self._get_tile,
                "projects.thumbnails.create": partial(self._create, "thumbnails"),
                "projects.thumbnails.getPixels": self._get_thumbnail}

    def _create(self, kind: str, call: Call) -> Answer:
        """Keep a request; its graph is evaluated once now, so that errors show where they are made."""
        image = as_image(evaluate(call.body["expression"], self._catalog))
        name = self._named.put(call.path["parent"], kind, call.body)
        self._images.put(name, image)
        return {"name": name}

    def _get_tile(self, call: Call) -> Answer:
        image, body = self._kept(call.path["parent"])
        grid = tile_grid(*(int(call.path[name]) for name in ("zoom", "x", "y")))
        picture = rendering.picture(chosen(image, body.get("bandIds") or ()), grid,
                                    body.get("visualizationOptions") or {})
        content, media_type = rendering.encoded(picture, body.get("fileFormat") or "AUTO_JPEG_PNG")
        return File(content=content, media_type=media_type)

    def _get_thumbnail(self, call: Call) -> Answer:
        image, body = self._kept(call.path["name"])
        return rendered(image, body, self._limits)

    def _kept(self, name: str) -> tuple[Image, Mapping[str, Any]]:
        body = self._named.get(name)
        image = self._images.get(name)
        if image is None:
            image = as_image(evaluate(body["expression"], self._catalog))
            self._images.put(name, image)
        return image, body


def tile_grid(zoom: int, x: int, y: int) -> Grid:
    """The 256 x 256 pixels of a web map's tile; x eastwards from 180° W, y southwards from 85° N.

    Raises:
        Refusal: no map shows it.

    Source: https://developers.google.com/maps/documentation/javascript/coordinates
    """
    if zoom > _LARGEST_ZOOM or max(x, y) >= 2**_LARGEST_ZOOM:
        raise Refusal(400, f"There is no tile {x}, {y} at zoom {zoom}: the largest zoom is {_LARGEST_ZOOM}.")
    side = 2 * _WEB_MAP / 2**zoom / _TILE
    return Grid(crs="EPSG:3857", width=_TILE, height=_TILE,
                transform=(side, 0, x * _TILE * side - _WEB_MAP, 0, -side, _WEB_MAP - y * _TILE * side))
