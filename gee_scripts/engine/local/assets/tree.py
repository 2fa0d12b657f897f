"""The asset tree behind Earth Engine's asset calls: `agrispec.formats.asset_tree` to REST resources.

https://developers.google.com/earth-engine/reference/rest/v1/projects.assets
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from agrispec.errors import AgrispecError
from agrispec.formats.asset_names import canonical_id
from agrispec.formats.asset_tree import Asset, AssetTree, AssetType
from agrispec.formats.stac import footprint
from agrispec.grid import Grid
from gee_scripts.engine.local.assets.conditions import accepts, parse
from gee_scripts.engine.local.refusals import Refusal, asset_missing, refusal_of
from gee_scripts.engine.local.times import timestamp

_TIMES = {"startTime": "system:time_start", "endTime": "system:time_end",
          "start_time": "system:time_start", "end_time": "system:time_end"}
_ROOT = re.compile(r"projects/[^/]+/assets/?")
# Limits of a project's assets. https://developers.google.com/earth-engine/guides/usage
_MOST_BYTES, _MOST_ASSETS = 250 * 2**30, 10_000
_PAGE = 1000


class Assets:
    """Asset calls of one server; every method raises `Refusal` with the service's status and words."""

    def __init__(self, tree: AssetTree) -> None:
        self._tree = tree

    def get(self, name: str) -> dict[str, Any]:
        """An asset; the root of a project comes with its quota."""
        asset = self._find(name)
        found = resource(asset)
        if _ROOT.fullmatch(name):
            everything = _below(self._tree, asset)
            found["quota"] = {"assetCount": str(len(everything)), "maxAssets": str(_MOST_ASSETS),
                              "sizeBytes": str(sum(each.size_bytes for each in everything)),
                              "maxSizeBytes": str(_MOST_BYTES)}
        return found

    def list(self, parent: str, *, page_size: int, page_token: str, condition: str) -> dict[str, Any]:
        """The assets directly in a folder, collection or project, a page at a time."""
        if "/assets" not in parent:
            parent += "/assets"
        asset = self._find(parent)
        if asset.type not in (AssetType.FOLDER, AssetType.IMAGE_COLLECTION):
            raise Refusal(400, f"Asset '{asset.id}' is not a folder or an image collection.")
        wanted = parse(condition)
        found = [each for each in self._tree.list(asset.id) if accepts(wanted, each)]
        start = offset(page_token)
        stop = start + min(page_size or _PAGE, _PAGE)
        page: dict[str, Any] = {"assets": [resource(each) for each in found[start:stop]]}
        if stop < len(found):
            page["nextPageToken"] = str(stop)
        return page

    def create(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A folder or an image collection; its parent must be there."""
        asset_id = self.free_name(name, overwrite=False)
        kind = body.get("type")
        with _refusing():
            if kind == "FOLDER":
                asset = self._tree.create_folder(asset_id)
            elif kind == "IMAGE_COLLECTION":
                asset = self._tree.create_collection(asset_id)
            else:
                raise Refusal(400, f"The local engine creates assets of type FOLDER and IMAGE_COLLECTION, not {kind}; "
                                   "export or ingest the others.")
            properties = _with_times(body.get("properties") or {}, body)
            return resource(self._tree.update(asset.id, properties=properties) if properties else asset)

    def free_name(self, name: str, *, overwrite: bool) -> str:
        """The id of a new asset, checked before work begins: its parent is there and the id is free."""
        with _refusing():
            asset_id = canonical_id(name)
        parent = asset_id.rpartition("/")[0]
        with _refusing():
            above, taken = self._tree.find(parent) if parent else None, self._tree.find(asset_id)
        if above is None or above.type not in (AssetType.FOLDER, AssetType.IMAGE_COLLECTION):
            raise Refusal(404, f"Parent asset '{parent}' of '{asset_id}' not found "
                               "(does not exist or caller does not have access).")
        if taken is not None and (not overwrite or taken.type in (AssetType.FOLDER, AssetType.IMAGE_COLLECTION)):
            raise Refusal(400, f"Cannot overwrite asset '{asset_id}'.")
        return asset_id

    def delete(self, name: str) -> dict[str, Any]:
        """Delete an asset; folders and collections must be empty."""
        asset = self._find(name)
        with _refusing():
            self._tree.delete(asset.id)
        return {}

    def copy(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Copy an asset."""
        asset, overwrite = self._find(name), bool(body.get("overwrite"))
        target = self.free_name(body.get("destinationName", ""), overwrite=overwrite)
        with _refusing():
            return resource(self._tree.copy(asset.id, target, overwrite=overwrite))

    def move(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Rename an asset, with what it holds."""
        asset = self._find(name)
        target = self.free_name(body.get("destinationName", ""), overwrite=False)
        with _refusing():
            return resource(self._tree.move(asset.id, target))

    def patch(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change properties and times named by `updateMask`; what it names and the asset lacks is removed."""
        asset, wanted = self._find(name), body.get("asset", {})
        given = wanted.get("properties") or {}
        changes: dict[str, Any] = {}
        for path in body.get("updateMask", {}).get("paths") or ["properties", "start_time", "end_time"]:
            if path == "properties":
                changes |= {key: None for key in asset.properties if not key.startswith("system:")} | given
            elif path.startswith("properties."):
                key = path.removeprefix("properties.").strip('"')
                changes[key] = given.get(key)
            elif path in _TIMES:
                moment = wanted.get(path, wanted.get("startTime" if path.startswith("start") else "endTime"))
                changes[_TIMES[path]] = None if moment is None else milliseconds(moment)
            else:
                raise Refusal(400, f"The local engine does not update '{path}' of an asset.")
        with _refusing():
            return resource(self._tree.update(asset.id, properties=changes))

    def policy(self, name: str) -> dict[str, Any]:
        """Who may use an asset; recorded, not enforced."""
        return dict(self._find(name).policy or {"bindings": []})

    def set_policy(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Replace an asset's policy."""
        asset = self._find(name)
        with _refusing():
            return dict(self._tree.update(asset.id, policy=body.get("policy", {})).policy or {})

    def _find(self, name: str) -> Asset:
        with _refusing():
            asset = self._tree.find(name)
        if asset is None:
            raise asset_missing(canonical_id(name))
        return asset


class _refusing:
    """Turns errors of ours inside a `with` block into refusals."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, AgrispecError):
            raise refusal_of(error) from error


def _below(tree: AssetTree, folder: Asset) -> Sequence[Asset]:
    found = list(tree.list(folder.id))
    return found + [asset for each in found if each.type in (AssetType.FOLDER, AssetType.IMAGE_COLLECTION)
                    for asset in _below(tree, each)]


def offset(page_token: str) -> int:
    """Where a page begins.

    Raises:
        Refusal: the token is not one of ours.
    """
    if page_token and not page_token.isdecimal():
        raise Refusal(400, f"Invalid page token: '{page_token}'.")
    return int(page_token or 0)


def milliseconds(moment: str) -> int:
    """An ISO 8601 moment as milliseconds since 1970.

    Raises:
        Refusal: it is not one.
    """
    try:
        found = datetime.fromisoformat(moment)
    except ValueError as error:
        raise Refusal(400, f"Invalid timestamp: '{moment}'.") from error
    return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)


def _with_times(properties: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    times = {_TIMES[key]: milliseconds(body[key]) for key in _TIMES if body.get(key)}
    return {**properties, **times}


def resource(asset: Asset) -> dict[str, Any]:
    """An asset as the service describes it."""
    name = asset.id if asset.id.startswith("projects/") else f"projects/earthengine-public/assets/{asset.id}"
    found: dict[str, Any] = {"type": asset.type.value, "name": name, "id": asset.id}
    if asset.updated:
        found["updateTime"] = asset.updated
    for key, source in (("startTime", "system:time_start"), ("endTime", "system:time_end")):
        value = asset.properties.get(source)
        if isinstance(value, int | float):
            found[key] = timestamp(datetime.fromtimestamp(value / 1000, UTC))
    properties = {key: value for key, value in asset.properties.items() if key not in _TIMES.values()}
    if properties:
        found["properties"] = properties
    if asset.type in (AssetType.IMAGE, AssetType.TABLE):
        found["sizeBytes"] = str(asset.size_bytes)
    if asset.grid is not None:
        found["geometry"] = {"type": "Polygon", "coordinates": [[list(corner) for corner in footprint(asset.grid)]]}
        found["bands"] = [{"id": band.id, "dataType": data_type(np.dtype(band.dtype)), "grid": pixel_grid(asset.grid),
                           "pyramidingPolicy": band.pyramiding} for band in asset.bands]
    if asset.type is AssetType.TABLE:
        found["featureCount"] = str(asset.rows)
    return found


def data_type(dtype: np.dtype[Any]) -> dict[str, Any]:
    """A pixel type as the service describes it."""
    if dtype.kind == "f":
        return {"precision": "FLOAT" if dtype.itemsize == 4 else "DOUBLE"}
    limits = np.iinfo(dtype)
    return {"precision": "INT", "range": {"min": int(limits.min), "max": int(limits.max)}}


def pixel_grid(grid: Grid) -> dict[str, Any]:
    """A grid as the service describes it."""
    a, b, c, d, e, f = grid.transform
    return {"crsCode": grid.crs, "dimensions": {"width": grid.width, "height": grid.height},
            "affineTransform": {"scaleX": a, "shearX": b, "translateX": c, "shearY": d, "scaleY": e, "translateY": f}}
