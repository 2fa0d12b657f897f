"""What each route of the REST surface does: requests as decoded JSON, answers as JSON values or files."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import shapely

from agrispec.errors import AgrispecError
from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Grid
from gee_scripts.engine.local.assets import conditions
from gee_scripts.engine.local.assets.catalog import TreeCatalog
from gee_scripts.engine.local.assets.tree import Assets, offset
from gee_scripts.engine.local.images.frame import output_grid
from gee_scripts.engine.local.images.pixels import as_image, check_size, chosen, compute, geo_tiff, grid_of, npy, zipped
from gee_scripts.engine.local.language.encode import check_length, encode
from gee_scripts.engine.local.language.evaluate import evaluate
from gee_scripts.engine.local.limits import Limits
from gee_scripts.engine.local.operations import exporting, ingestion, table_ingestion
from gee_scripts.engine.local.operations.feature_files import as_features, as_geojson, csv_text, geojson_text
from gee_scripts.engine.local.operations.journal import Journal
from gee_scripts.engine.local.operations.tasks import DEFAULT_PRIORITY, Cancelled, Progress, Task, Tasks, TimedOut, Work
from gee_scripts.engine.local.rasters.raster import GO_ON
from gee_scripts.engine.local.refusals import Refusal, refusal_of
from gee_scripts.engine.local.rest import discovery, rendering
from gee_scripts.engine.local.rest.fields import checked
from gee_scripts.engine.local.rest.recent import Recent
from gee_scripts.engine.local.values import SYSTEM_INDEX, Collection, Feature, Image

# https://developers.google.com/earth-engine/reference/rest/v1/projects.table/computeFeatures
_PAGE = 1000
# Results kept between pages, and images between tiles.
_KEPT = 8
# Maps and thumbnails that can be asked for; the service forgets them after some hours.
_STORED = 256
# Pixels of 0.15 mm at the equator: far beyond what maps show.
_LARGEST_ZOOM = 30
# Half the side of the web map's square, metres: π · 6378137.
_WEB_MAP = 20037508.342789244
_TILE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: the route's parameters, the query and the body."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An answer that is not JSON; `name` is what it is saved as, "" where it is shown."""

    content: bytes
    media_type: str
    name: str = ""


Answer = dict[str, Any] | File


class Service:
    """The state of one embedded Earth Engine, and its answers.

    `answer` may be called from several threads. What an earlier server of the folder was asked to do is gone on with.

    Attributes:
        tree: the assets and buckets.
        journal: what outlives the server.
        tasks: its exports and ingestions.

    Raises:
        EngineError: another server serves the folder.
        StorageError: the folder cannot be written.
    """

    def __init__(self, root: Path, project: str, limits: Limits) -> None:
        self.journal = Journal(root)
        if self.journal.killed:
            self.journal.sweep()
        self.tree = AssetTree(root)
        self.tasks = Tasks(project, limits, self.journal)
        self._project = project
        self._limits = limits
        self._catalog = TreeCatalog(self.tree)
        self._assets = Assets(self.tree)
        self._exporter = exporting.Exporter(self.tree, self._catalog, self._assets, limits)
        self._pages: Recent[str, list[Any]] = Recent(_KEPT)
        self._images: Recent[str, Image] = Recent(_KEPT)
        self._stored: Recent[str, Mapping[str, Any]] = Recent(_STORED)
        self._closing = threading.Event()
        assets = self._assets
        self._works: Mapping[str, Callable[[Mapping[str, Any]], Work]] = {
            "EXPORT_IMAGE": self._exporter.image, "EXPORT_FEATURES": self._exporter.table,
            "INGEST_IMAGE": lambda body: ingestion.image_work(body, self.tree, assets),
            "INGEST_TABLE": lambda body: table_ingestion.table_work(body, self.tree, assets)}
        self._answers: Mapping[str, Callable[[Call], Answer]] = {
            "projects.algorithms.list": lambda call: File(content=discovery.algorithms(),
                                                          media_type="application/json"),
            "projects.value.compute": self._value,
            "projects.image.computePixels": self._pixels,
            "projects.table.computeFeatures": self._features,
            "projects.imageCollection.computeImages": self._images_of,
            "projects.assets.getPixels": self._asset_pixels,
            "projects.image.export": lambda call: self._submit("EXPORT_IMAGE", call),
            "projects.table.export": lambda call: self._submit("EXPORT_FEATURES", call),
            "projects.image.import": lambda call: self._submit("INGEST_IMAGE", call),
            "projects.image.importExternal": self._import_external,
            "projects.table.import": lambda call: self._submit("INGEST_TABLE", call),
            "projects.listAssets": self._list_assets,
            "projects.assets.listAssets": self._list_assets,
            "projects.assets.listFeatures": self._list_features,
            "projects.getConfig": self._config,
            "projects.updateConfig": self._configure,
            "projects.assets.create": lambda call: assets.create(
                f"{call.path['parent']}/assets/{call.query.get('assetId', '')}", call.body),
            "projects.assets.get": lambda call: assets.get(call.path["name"]),
            "projects.assets.delete": lambda call: assets.delete(call.path["name"]),
            "projects.assets.patch": lambda call: assets.patch(call.path["name"], call.body),
            "projects.assets.copy": lambda call: assets.copy(call.path["sourceName"], call.body),
            "projects.assets.move": lambda call: assets.move(call.path["sourceName"], call.body),
            "projects.assets.getIamPolicy": lambda call: assets.policy(call.path["resource"]),
            "projects.assets.setIamPolicy": lambda call: assets.set_policy(call.path["resource"], call.body),
            "projects.operations.list": self._operations,
            "projects.operations.get": self._operation,
            "projects.operations.cancel": self._cancel,
            "projects.operations.delete": self._delete,
            "projects.maps.create": lambda call: self._store("maps", call),
            "projects.maps.tiles.get": self._tile,
            "projects.thumbnails.create": lambda call: self._store("thumbnails", call),
            "projects.thumbnails.getPixels": self._thumbnail,
            "projects.tables.create": self._store_table,
            "projects.tables.getFeatures": self._table_file,
        }
        self.tasks.resume(self._work_again)

    def answer(self, route: discovery.Route, call: Call) -> Answer:
        """The answer to a request.

        Raises:
            Refusal: it is answered by an error.
        """
        answer = self._answers.get(route.id)
        if answer is None:
            raise Refusal(400, f"The local engine does not make what {route.id.removeprefix('projects.')} asks for: "
                               "pictures and tables, no videos, map exports or saved classifiers.")
        end = time.monotonic() + self._limits.seconds

        def go_on() -> None:
            if self._closing.is_set():
                raise Cancelled
            if time.monotonic() > end:
                raise TimedOut

        GO_ON.set(go_on)
        try:
            pages = checked({name: value for name, value in call.query.items() if name.startswith("page")})
            return answer(replace(call, query={**call.query, **pages}, body=checked(call.body)))
        except Cancelled as error:
            raise Refusal(400, "The local engine was stopped.") from error
        except TimedOut as error:
            raise Refusal(400, "Computation timed out.") from error
        except AgrispecError as error:
            raise refusal_of(error) from error
        except KeyError as error:
            raise Refusal(400, f"Request lacks the field {error}.") from error
        except MemoryError as error:
            raise Refusal(400, "User memory limit exceeded.") from error

    def close(self) -> None:
        """Stop what is under way, tasks and answers, at their next array; then let the folder go."""
        self._closing.set()
        self.tasks.close()
        self.journal.close()

    # -- computing

    def _evaluate(self, expression: Any) -> Any:
        return evaluate(expression, self._catalog)

    def _value(self, call: Call) -> Answer:
        value = self._evaluate(call.body["expression"])
        check_length(value)
        return {"result": encode(value, self._limits.elements)}

    def _pixels(self, call: Call) -> Answer:
        return self._rendered(as_image(self._evaluate(call.body["expression"])), call.body)

    def _asset_pixels(self, call: Call) -> Answer:
        image = self._catalog.image(call.path["name"])
        body = dict(call.body)
        if "grid" not in body:
            asset = self.tree.get(call.path["name"])
            return self._rendered(image, body, asset.grid)
        return self._rendered(image, body)

    def _rendered(self, image: Image, body: Mapping[str, Any], default: Grid | None = None) -> Answer:
        """Pixels in the file format of a request."""
        bands = chosen(image, body.get("bandIds") or ())
        grid = grid_of(body["grid"]) if body.get("grid") else default or output_grid(image)
        check_size(bands, grid, self._limits)
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

    def _paged(self, call: Call) -> tuple[list[Any], int, int, str]:
        """Elements of a collection from `start` to `stop`, and the token of the next page or ""."""
        expression = call.body["expression"]
        digest = hashlib.sha256(json.dumps(expression, sort_keys=True).encode()).hexdigest()[:16]
        token = str(call.body.get("pageToken") or "")
        start = offset(token.partition("-")[2]) if token else 0
        # Later pages come from the result the first one came from: computed once, and of one state of the assets.
        found = self._pages.get(digest) if start else None
        if found is None:
            value = self._evaluate(expression)
            found = list(value.items) if isinstance(value, Collection) and value.kind == "Image" else as_features(value)
            self._pages.put(digest, found)
        stop = start + int(call.body.get("pageSize") or _PAGE)
        return found, start, stop, f"{digest}-{stop}" if stop < len(found) else ""

    def _features(self, call: Call) -> Answer:
        found, start, stop, token = self._paged(call)
        features = [as_geojson(feature, [name for name in feature.properties if name != SYSTEM_INDEX])
                    for feature in as_features(Collection(tuple(found[start:stop])))]
        return {"type": "FeatureCollection", "features": features, **({"nextPageToken": token} if token else {})}

    def _images_of(self, call: Call) -> Answer:
        found, start, stop, token = self._paged(call)
        return {"images": [encode(image, self._limits.elements) for image in found[start:stop]],
                **({"nextPageToken": token} if token else {})}

    # -- maps and thumbnails

    def _store(self, kind: str, call: Call) -> Answer:
        """Keep an expression with its options; it is evaluated once now, so that errors show where they are made."""
        name = f"{call.path['parent']}/{kind}/{secrets.token_hex(16)}"
        self._images.put(name, as_image(self._evaluate(call.body["expression"])))
        self._stored.put(name, call.body)
        return {"name": name}

    def _kept(self, name: str) -> tuple[Image, Mapping[str, Any]]:
        body = self._stored.get(name)
        if body is None:
            raise _forgotten(name)
        image = self._images.get(name)
        if image is None:
            image = as_image(self._evaluate(body["expression"]))
            self._images.put(name, image)
        return image, body

    def _store_table(self, call: Call) -> Answer:
        file_format = call.body.get("fileFormat", "CSV")
        if file_format not in ("CSV", "JSON", "GEO_JSON"):
            raise Refusal(400, f"The local engine downloads tables as CSV and GeoJSON, not {file_format}.")
        self._features_of(call.body)
        name = f"{call.path['parent']}/tables/{secrets.token_hex(16)}"
        self._stored.put(name, call.body)
        return {"name": name}

    def _features_of(self, body: Mapping[str, Any]) -> list[Feature]:
        return as_features(self._evaluate(body["expression"]))

    def _table_file(self, call: Call) -> Answer:
        body = self._stored.get(call.path["name"])
        if body is None:
            raise _forgotten(call.path["name"])
        features, selectors = self._features_of(body), list(body.get("selectors") or ())
        name = body.get("filename") or "table"
        if body.get("fileFormat", "CSV") == "CSV":
            return File(content=csv_text(features, selectors).encode(), media_type="text/csv", name=f"{name}.csv")
        return File(content=geojson_text(features, selectors).encode(), media_type="application/geo+json",
                    name=f"{name}.geojson")

    def _tile(self, call: Call) -> Answer:
        image, body = self._kept(call.path["parent"])
        zoom, x, y = (int(call.path[name]) for name in ("zoom", "x", "y"))
        if zoom > _LARGEST_ZOOM or max(x, y) >= 2**_LARGEST_ZOOM:
            raise Refusal(400, f"There is no tile {x}, {y} at zoom {zoom}: the largest zoom is {_LARGEST_ZOOM}.")
        side = 2 * _WEB_MAP / 2**zoom / _TILE
        grid = Grid(crs="EPSG:3857", width=_TILE, height=_TILE,
                    transform=(side, 0, x * _TILE * side - _WEB_MAP, 0, -side, _WEB_MAP - y * _TILE * side))
        picture = rendering.picture(chosen(image, body.get("bandIds") or ()), grid,
                                    body.get("visualizationOptions") or {})
        content, media_type = rendering.encoded(picture, body.get("fileFormat") or "AUTO_JPEG_PNG")
        return File(content=content, media_type=media_type)

    def _thumbnail(self, call: Call) -> Answer:
        image, body = self._kept(call.path["name"])
        return self._rendered(image, body)

    # -- assets and tasks

    def _list_assets(self, call: Call) -> Answer:
        return self._assets.list(call.path["parent"], page_size=int(call.query.get("pageSize") or 0),
                                 page_token=call.query.get("pageToken", ""), condition=call.query.get("filter", ""))

    def _list_features(self, call: Call) -> Answer:
        """Rows of a table asset, those that touch a region and fulfil a condition, a page at a time."""
        features = self._catalog.table(call.path["asset"]).items
        region, condition = call.query.get("region", ""), conditions.parse(call.query.get("filter", ""))
        outline = conditions.region(region) if region else None
        found = [feature for feature in as_features(Collection(tuple(features)))
                 if condition(partial(_field, feature), partial(_shape, feature))
                 and (outline is None or outline.intersects(_shape(feature)))]
        start = offset(call.query.get("pageToken", ""))
        stop = start + min(int(call.query.get("pageSize") or _PAGE), _PAGE)
        rows = [as_geojson(feature, [name for name in feature.properties if name != SYSTEM_INDEX])
                for feature in found[start:stop]]
        return {"type": "FeatureCollection", "features": rows,
                **({"nextPageToken": str(stop)} if stop < len(found) else {})}

    def _import_external(self, call: Call) -> Answer:
        """An image asset of GeoTIFFs in a bucket, at once.

        Its pixels are copied, where the service goes on reading the bucket: what is written there later is not seen.
        """
        body = call.body
        uris = [uri for tileset in (body.get("imageManifest") or {}).get("tilesets") or ()
                for source in tileset.get("sources") or () for uri in source.get("uris") or ()]
        for uri in uris:
            if not uri.lower().endswith((".tif", ".tiff")):
                raise Refusal(400, f"An external image is made of cloud optimized GeoTIFFs, not of {uri}.")
        name, = ingestion.image_work(body, self.tree, self._assets)(Progress())
        return self._assets.get(name)

    def _config(self, call: Call) -> Answer:
        return {"name": call.path["name"], "maxConcurrentExports": self.tasks.most_at_once}

    def _configure(self, call: Call) -> Answer:
        mask = call.query.get("updateMask", "")
        if mask.strip("*") and set(mask.split(",")) - {"max_concurrent_exports", "maxConcurrentExports"}:
            raise Refusal(400, f"Invalid update mask: '{mask}'; only max_concurrent_exports can be updated.")
        most = int(call.body.get("maxConcurrentExports", call.body.get("max_concurrent_exports", 0)))
        if not 1 <= most <= self._limits.concurrent_tasks:
            raise Refusal(400, f"max_concurrent_exports must be between 1 and {self._limits.concurrent_tasks}, "
                               f"not {most}.")
        self.tasks.most_at_once = most
        return self._config(call)

    def _submit(self, kind: str, call: Call) -> Answer:
        body = call.body
        known = self.tasks.submitted(body.get("requestId", ""))
        if known is not None:
            return known
        if kind.startswith("EXPORT") and "expression" not in body:
            raise KeyError("expression")
        manifest = body.get("imageManifest") or body.get("tableManifest") or {}
        description = body.get("description") or (f"Ingest: \"{manifest['name']}\"" if manifest else kind)
        return self.tasks.submit(kind, description, self._works[kind](body), request=body,
                                 priority=int((body.get("priority") or {}).get("value", DEFAULT_PRIORITY)))

    def _work_again(self, task: Task, request: Mapping[str, Any]) -> Work:
        """The work of a task that an earlier server was asked for.

        An asset that stands there since the task began is its own, written just before the server was killed: it
        may be overwritten.
        """
        request = checked(request)
        target = _target(request)
        with suppress(AgrispecError):
            asset = self.tree.find(target)
            if task.started is not None and asset is not None and asset.updated \
                    and datetime.fromisoformat(asset.updated) >= task.started.replace(microsecond=0):
                request = _overwriting(request)
        return self._works[task.kind](request)

    def _operations(self, call: Call) -> Answer:
        found, start = self.tasks.list(), offset(call.query.get("pageToken", ""))
        stop = start + int(call.query.get("pageSize") or _PAGE)
        return {"operations": found[start:stop], **({"nextPageToken": str(stop)} if stop < len(found) else {})}

    def _operation(self, call: Call) -> Answer:
        found = self.tasks.get(call.path["name"])
        if found is None:
            raise _no_operation(call)
        return found

    def _cancel(self, call: Call) -> Answer:
        if not self.tasks.cancel(call.path["name"]):
            raise _no_operation(call)
        return {}

    def _delete(self, call: Call) -> Answer:
        if not self.tasks.delete(call.path["name"]):
            raise _no_operation(call)
        return {}


def _forgotten(name: str) -> Refusal:
    return Refusal(404, f"'{name}' not found: the local engine keeps the {_STORED} maps and thumbnails that were used "
                        "last.")


def _field(feature: Feature, name: str) -> Any:
    return feature.properties.get(name.removeprefix("properties."))


def _shape(feature: Feature) -> shapely.Geometry:
    return shapely.Point() if feature.geometry is None else feature.geometry.to("EPSG:4326")


def _target(request: Mapping[str, Any]) -> str:
    """The asset that an export or ingestion writes, "" where it writes none."""
    for manifest in ("imageManifest", "tableManifest"):
        if request.get(manifest):
            return str(request[manifest].get("name", ""))
    options = request.get("assetExportOptions") or {}
    return str((options.get("earthEngineDestination") or {}).get("name", ""))


def _overwriting(request: Mapping[str, Any]) -> dict[str, Any]:
    if "assetExportOptions" not in request:
        return {**request, "overwrite": True}
    options = request["assetExportOptions"]
    return {**request, "assetExportOptions": {
        **options, "earthEngineDestination": {**options["earthEngineDestination"], "overwrite": True}}}


def _no_operation(call: Call) -> Refusal:
    return Refusal(404, f"Operation '{call.path['name']}' not found.")
