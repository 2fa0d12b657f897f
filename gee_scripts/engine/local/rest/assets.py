"""Routes of assets: made, listed, changed and shared; and images of files in a bucket, which are there at once."""

from __future__ import annotations

from agrispec.formats.asset_tree import AssetTree
from gee_scripts.engine.local.assets.tree import Assets
from gee_scripts.engine.local.operations import external
from gee_scripts.engine.local.rest.calls import Answer, Answers, Call


class AssetRoutes:
    """Requests to calls of `Assets`."""

    def __init__(self, tree: AssetTree, assets: Assets) -> None:
        self._tree = tree
        self._assets = assets

    @property
    def answers(self) -> Answers:
        """What answers which route."""
        assets = self._assets
        return {
            "projects.listAssets": self._list,
            "projects.assets.listAssets": self._list,
            "projects.assets.create": lambda call: assets.create(
                f"{call.path['parent']}/assets/{call.query.get('assetId', '')}", call.body),
            "projects.assets.get": lambda call: assets.get(call.path["name"]),
            "projects.assets.delete": lambda call: assets.delete(call.path["name"]),
            "projects.assets.patch": lambda call: assets.patch(call.path["name"], call.body),
            "projects.assets.copy": lambda call: assets.copy(call.path["sourceName"], call.body),
            "projects.assets.move": lambda call: assets.move(call.path["sourceName"], call.body),
            "projects.assets.getIamPolicy": lambda call: assets.policy(call.path["resource"]),
            "projects.assets.setIamPolicy": lambda call: assets.set_policy(call.path["resource"], call.body),
            "projects.image.importExternal": self._import_external,
        }

    def _list(self, call: Call) -> Answer:
        return self._assets.list(call.path["parent"], page_size=int(call.query.get("pageSize") or 0),
                                 page_token=call.query.get("pageToken", ""), condition=call.query.get("filter", ""))

    def _import_external(self, call: Call) -> Answer:
        """An image asset of GeoTIFFs that stay in their bucket, at once."""
        return self._assets.get(external.import_external(call.body, self._tree, self._assets))
