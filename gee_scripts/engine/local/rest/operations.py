"""Routes of operations: exports and ingestions begun, listed, cancelled; and how many may run at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

from agrispec.engine import DEFAULT_PRIORITY
from agrispec.errors import AgrispecError
from agrispec.formats.asset_tree import AssetTree
from gee_scripts.engine.local.assets.catalog import Catalog
from gee_scripts.engine.local.assets.tree import Assets
from gee_scripts.engine.local.limits import Limits
from gee_scripts.engine.local.operations import exporting, ingestion, table_ingestion
from gee_scripts.engine.local.operations.queue import TaskQueue
from gee_scripts.engine.local.operations.tasks import Task, Work
from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.rest.calls import Answer, Answers, Call
from gee_scripts.engine.local.rest.fields import checked
from gee_scripts.engine.local.rest.paging import page


class OperationRoutes:
    """Requests to tasks in a queue, and tasks to operations."""

    def __init__(self, tree: AssetTree, catalog: Catalog, assets: Assets, queue: TaskQueue, limits: Limits) -> None:
        self._tree = tree
        self._queue = queue
        self._limits = limits
        exporter = exporting.Exporter(tree, catalog, assets, limits)
        self._works: Mapping[str, Callable[[Mapping[str, Any]], Work]] = {
            "EXPORT_IMAGE": exporter.image, "EXPORT_FEATURES": exporter.table,
            "INGEST_IMAGE": lambda body: ingestion.image_work(body, tree, assets),
            "INGEST_TABLE": lambda body: table_ingestion.table_work(body, tree, assets)}

    @property
    def answers(self) -> Answers:
        """What answers which route."""
        return {"projects.image.export": partial(self._submit, "EXPORT_IMAGE"),
                "projects.table.export": partial(self._submit, "EXPORT_FEATURES"),
                "projects.image.import": partial(self._submit, "INGEST_IMAGE"),
                "projects.table.import": partial(self._submit, "INGEST_TABLE"),
                "projects.operations.list": self._list, "projects.operations.get": self._get,
                "projects.operations.cancel": self._cancel, "projects.operations.delete": self._delete,
                "projects.getConfig": self._get_config, "projects.updateConfig": self._update_config}

    def work_again(self, task: Task, request: Mapping[str, Any]) -> Work:
        """The work of a task that an earlier server was asked for.

        An asset that stands there since the task began is its own, written just before the server was killed: it
        may be overwritten.

        Raises:
            Refusal: the request can no longer be served.
        """
        request = checked(request)
        target = _target(request)
        with suppress(AgrispecError):
            asset = self._tree.find(target)
            if task.started is not None and asset is not None and asset.updated \
                    and datetime.fromisoformat(asset.updated) >= task.started.replace(microsecond=0):
                request = _overwriting(request)
        return self._works[task.kind](request)

    def _submit(self, kind: str, call: Call) -> Answer:
        body = call.body
        known = self._queue.submitted(body.get("requestId", ""))
        if known is not None:
            return known
        if kind.startswith("EXPORT") and "expression" not in body:
            raise KeyError("expression")
        manifest = body.get("imageManifest") or body.get("tableManifest") or {}
        description = body.get("description") or (f"Ingest: \"{manifest['name']}\"" if manifest else kind)
        return self._queue.submit(kind, description, self._works[kind](body), request=body,
                                  priority=int((body.get("priority") or {}).get("value", DEFAULT_PRIORITY)))

    def _list(self, call: Call) -> Answer:
        found, next_page = page(self._queue.list(), call.query)
        return {"operations": found, **next_page}

    def _get(self, call: Call) -> Answer:
        found = self._queue.get(call.path["name"])
        if found is None:
            raise _no_operation(call)
        return found

    def _cancel(self, call: Call) -> Answer:
        if not self._queue.cancel(call.path["name"]):
            raise _no_operation(call)
        return {}

    def _delete(self, call: Call) -> Answer:
        if not self._queue.delete(call.path["name"]):
            raise _no_operation(call)
        return {}

    def _get_config(self, call: Call) -> Answer:
        # A script that asks whether its project may compute is to go on.
        # https://developers.google.com/earth-engine/reference/rest/v1/ProjectConfig
        return {"name": call.path["name"], "registrationState": "REGISTERED_NOT_COMMERCIALLY",
                "maxConcurrentExports": self._queue.most_at_once}

    def _update_config(self, call: Call) -> Answer:
        mask = call.query.get("updateMask", "")
        if mask.strip("*") and set(mask.split(",")) - {"max_concurrent_exports", "maxConcurrentExports"}:
            raise Refusal(400, f"Invalid update mask: '{mask}'; only max_concurrent_exports can be updated.")
        most = int(call.body.get("maxConcurrentExports", call.body.get("max_concurrent_exports", 0)))
        if not 1 <= most <= self._limits.concurrent_tasks:
            raise Refusal(400, f"max_concurrent_exports must be between 1 and {self._limits.concurrent_tasks}, "
                               f"not {most}.")
        self._queue.most_at_once = most
        return self._get_config(call)


def _no_operation(call: Call) -> Refusal:
    return Refusal(404, f"Operation '{call.path['name']}' not found.")


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
