"""The routes of the REST surface: how the client is told of them, and how a request finds its own.

One table serves both. The `ee` client builds its methods from the discovery document made here, and the server
matches requests against the same routes.

Sources: https://developers.google.com/earth-engine/reference/rest (methods, paths) and
https://developers.google.com/discovery/v1/reference/apis (form of the document).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from agrispec.errors import EngineError

_PATTERNS: Mapping[str, str] = {
    "project": r"projects/[^/]+",
    "asset": r"projects/[^/]+/assets/[^:]*",
    "operation": r"projects/[^/]+/operations/[^/:]+",
    "config": r"projects/[^/]+/config",
    "map": r"projects/[^/]+/maps/[^/:]+",
    "thumbnail": r"projects/[^/]+/thumbnails/[^/:]+",
    "video": r"projects/[^/]+/videoThumbnails/[^/:]+",
    "filmstrip": r"projects/[^/]+/filmstripThumbnails/[^/:]+",
    "table": r"projects/[^/]+/tables/[^/:]+",
    "number": r"[0-9]{1,18}",
}
_PAGES = ("pageSize", "pageToken")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of the service.

    Attributes:
        id: its place in the client's resources, e.g. "projects.assets.copy".
        verb: GET, POST, PATCH or DELETE.
        path: below `/v1/`; `{parameter=kind}` stands for a value of one of the kinds of `_PATTERNS`.
        query: query parameters.
        computes: it evaluates a graph, and may take long.
        answered: whether it is; what is not, the client may call and is told so.
    """

    id: str
    verb: str
    path: str
    query: tuple[str, ...] = ()
    computes: bool = False
    answered: bool = True

    @property
    def parameters(self) -> Mapping[str, str]:
        """Name -> pattern of the parameters in the path."""
        return {name: _PATTERNS[kind] for name, kind in re.findall(r"\{(\w+)=(\w+)\}", self.path)}

    @property
    def expression(self) -> re.Pattern[str]:
        """What a request's path below `/v1/` looks like; a group a parameter."""
        pieces = re.split(r"\{(\w+)=(\w+)\}", self.path)
        text = re.escape(pieces[0])
        for name, kind, rest in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
            text += f"(?P<{name}>{_PATTERNS[kind]}){re.escape(rest)}"
        return re.compile(text)


ROUTES: tuple[Route, ...] = (
    Route(id="projects.algorithms.list", verb="GET", path="{parent=project}/algorithms"),
    Route(id="projects.value.compute", verb="POST", path="{project=project}/value:compute", computes=True),
    Route(id="projects.image.computePixels", verb="POST", path="{project=project}/image:computePixels", computes=True),
    Route(id="projects.table.computeFeatures", verb="POST", path="{project=project}/table:computeFeatures",
          computes=True),
    Route(id="projects.imageCollection.computeImages", verb="POST",
          path="{project=project}/imageCollection:computeImages", computes=True),
    Route(id="projects.image.export", verb="POST", path="{project=project}/image:export"),
    Route(id="projects.table.export", verb="POST", path="{project=project}/table:export"),
    Route(id="projects.video.export", verb="POST", path="{project=project}/video:export", answered=False),
    Route(id="projects.map.export", verb="POST", path="{project=project}/map:export", answered=False),
    Route(id="projects.classifier.export", verb="POST", path="{project=project}/classifier:export", answered=False),
    Route(id="projects.image.import", verb="POST", path="{project=project}/image:import"),
    Route(id="projects.image.importExternal", verb="POST", path="{project=project}/image:importExternal",
          computes=True),
    Route(id="projects.table.import", verb="POST", path="{project=project}/table:import"),
    Route(id="projects.listAssets", verb="GET", path="{parent=project}:listAssets", query=(*_PAGES, "filter", "view")),
    Route(id="projects.getConfig", verb="GET", path="{name=config}"),
    Route(id="projects.updateConfig", verb="PATCH", path="{name=config}", query=("updateMask",)),
    Route(id="projects.assets.create", verb="POST", path="{parent=project}/assets", query=("assetId",)),
    Route(id="projects.assets.listAssets", verb="GET", path="{parent=asset}:listAssets",
          query=(*_PAGES, "filter", "view")),
    Route(id="projects.assets.listFeatures", verb="GET", path="{asset=asset}:listFeatures",
          query=(*_PAGES, "filter", "region"), computes=True),
    Route(id="projects.assets.getPixels", verb="POST", path="{name=asset}:getPixels", computes=True),
    Route(id="projects.assets.copy", verb="POST", path="{sourceName=asset}:copy"),
    Route(id="projects.assets.move", verb="POST", path="{sourceName=asset}:move"),
    Route(id="projects.assets.getIamPolicy", verb="POST", path="{resource=asset}:getIamPolicy"),
    Route(id="projects.assets.setIamPolicy", verb="POST", path="{resource=asset}:setIamPolicy"),
    Route(id="projects.assets.get", verb="GET", path="{name=asset}"),
    Route(id="projects.assets.delete", verb="DELETE", path="{name=asset}"),
    Route(id="projects.assets.patch", verb="PATCH", path="{name=asset}"),
    Route(id="projects.operations.list", verb="GET", path="{name=project}/operations", query=(*_PAGES, "filter")),
    Route(id="projects.operations.get", verb="GET", path="{name=operation}"),
    Route(id="projects.operations.cancel", verb="POST", path="{name=operation}:cancel"),
    Route(id="projects.operations.delete", verb="DELETE", path="{name=operation}"),
    Route(id="projects.maps.create", verb="POST", path="{parent=project}/maps", computes=True),
    Route(id="projects.maps.tiles.get", verb="GET", path="{parent=map}/tiles/{zoom=number}/{x=number}/{y=number}",
          computes=True),
    Route(id="projects.thumbnails.create", verb="POST", path="{parent=project}/thumbnails", computes=True),
    Route(id="projects.thumbnails.getPixels", verb="GET", path="{name=thumbnail}:getPixels", computes=True),
    Route(id="projects.videoThumbnails.create", verb="POST", path="{parent=project}/videoThumbnails", answered=False),
    Route(id="projects.videoThumbnails.getPixels", verb="GET", path="{name=video}:getPixels", answered=False),
    Route(id="projects.filmstripThumbnails.create", verb="POST", path="{parent=project}/filmstripThumbnails",
          answered=False),
    Route(id="projects.filmstripThumbnails.getPixels", verb="GET", path="{name=filmstrip}:getPixels", answered=False),
    Route(id="projects.tables.create", verb="POST", path="{parent=project}/tables", computes=True),
    Route(id="projects.tables.getFeatures", verb="GET", path="{name=table}:getFeatures", computes=True),
    Route(id="projects.featureView.create", verb="POST", path="{parent=project}/featureView", answered=False),
)


def document(url: str) -> dict[str, Any]:
    """The discovery document of a server at `url` (without a slash at its end)."""
    root: dict[str, Any] = {}
    for route in ROUTES:
        *resource_names, method = route.id.split(".")
        place = root
        for name in resource_names:
            place = place.setdefault("resources", {}).setdefault(name, {})
        place.setdefault("methods", {})[method] = _method(route)
    return {
        "kind": "discovery#restDescription", "discoveryVersion": "v1", "id": "earthengine:v1", "name": "earthengine",
        "version": "v1", "title": "Earth Engine, embedded", "protocol": "rest", "rootUrl": f"{url}/",
        "baseUrl": f"{url}/", "servicePath": "", "batchPath": "batch", "basePath": "",
        # Asset names keep their slashes in paths.
        "fullyEncodeReservedExpansion": True,
        "parameters": {name: {"type": "string", "location": "query"}
                       for name in ("alt", "fields", "key", "prettyPrint", "quotaUser", "$.xgafv", "access_token")},
        "schemas": {"Body": {"id": "Body", "type": "object", "additionalProperties": {"type": "any"}},
                    # The client makes `list_next` for answers that say this, and for no others.
                    "Page": {"id": "Page", "type": "object", "properties": {"nextPageToken": {"type": "string"}}}},
        "resources": root["resources"],
    }


def _method(route: Route) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        name: {"type": "string", "location": "path", "required": True, "pattern": f"^{pattern}$"}
        for name, pattern in route.parameters.items()}
    for name in route.query:
        parameters[name] = {"type": "integer" if name == "pageSize" else "string", "location": "query"}
    path = re.sub(r"\{(\w+)=number\}", r"{\1}", route.path)
    method: dict[str, Any] = {
        "id": f"earthengine.{route.id}", "httpMethod": route.verb, "parameters": parameters,
        "parameterOrder": list(route.parameters), "path": "v1/" + re.sub(r"\{(\w+)=\w+\}", r"{+\1}", path),
        "response": {"$ref": "Page" if "pageToken" in route.query else "Body"}}
    if route.verb in ("POST", "PATCH"):
        method["request"] = {"$ref": "Body"}
    return method


def algorithms() -> bytes:
    """The answer to `algorithms.list`, as the installed client ships it with its tests.

    Raises:
        EngineError: the installed client does not ship it.
    """
    # In the form of https://developers.google.com/earth-engine/reference/rest/v1/projects.algorithms/list
    file = resources.files("ee").joinpath("tests", "algorithms.json")
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise EngineError("the installed earthengine-api does not ship ee/tests/algorithms.json, the list of "
                          "Earth Engine's functions that the local engine serves",
                          mend="install a release that does: pip install 'earthengine-api>=1.7,<1.8'") from error
