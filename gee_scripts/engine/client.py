"""An `agrispec.engine.Engine` over the initialised `ee` client, whichever server it speaks to."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ee
import httplib2
from google.auth import credentials as auth
from google.auth import exceptions as auth_exceptions
from requests.adapters import HTTPAdapter

from agrispec import network
from agrispec.engine import CONCURRENT_REQUESTS, Expression, ImageExport, Operation, PatchExport, State, TableExport
from agrispec.errors import AssetMissing, EngineBusy, EngineError, EngineUnreachable
from agrispec.grid import Grid
from gee_scripts.engine import usage

# https://developers.google.com/earth-engine/reference/rest/v1/projects.table/computeFeatures
_PAGE = 1000

# https://developers.google.com/earth-engine/guides/access_control#asset_permissions
_READER = "roles/viewer"

# Tasks that are asked after one by one.
_LISTED = 8

_MISSING = re.compile(r"\basset '.*(not found|does not exist)|'earthengine\.assets\.\w+' denied .*may not exist",
                      re.IGNORECASE)
"""Earth Engine's wordings for an asset that is not there, or is not ours to read; it does not tell which."""

SIGN_IN = ("sign in with: gcloud auth application-default login; or set [engine] service_account_key to a key that is"
           " in force")


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Earth Engine through `ee.data`; the contract of each method is `agrispec.engine.Engine`'s.

    Attributes:
        name: "cloud" or "local".
        project: Cloud project.
        buckets: folder that stands for Cloud Storage, None where it is meant itself.
        credentials: what Cloud Storage is opened with, None where it is a folder.
        on_close: lets go of what opening took.
    """

    name: str
    project: str
    buckets: Path | None
    credentials: auth.Credentials | None = None
    on_close: Callable[[], None] = field(default=lambda: None)

    def compute(self, expression: Expression) -> Any:
        with refusals():
            return ee.data.computeValue(_graph(expression))

    def features(self, expression: Expression, *, patient: bool = True) -> list[dict[str, Any]]:
        return [feature for page in self.pages(expression, patient=patient) for feature in page]

    def pages(self, expression: Expression, *, patient: bool = True) -> Iterator[list[dict[str, Any]]]:
        request: dict[str, Any] = {"expression": json.loads(expression), "pageSize": _PAGE}
        if tag := ee.data.getWorkloadTag():
            request["workloadTag"] = tag
        while True:
            # As `ee.data.computeFeatures`, which repeats what it cannot get as often as is set for all threads.
            with refusals():
                page = ee.data._execute_cloud_call(
                    ee.data._get_cloud_projects().table().computeFeatures(project=f"projects/{self.project}",
                                                                          body=request),
                    num_retries=None if patient else 0)
            yield page.get("features", [])
            if not page.get("nextPageToken"):
                return
            request["pageToken"] = page["nextPageToken"]

    def pixels(self, expression: Expression, grid: Grid) -> bytes:
        a, b, c, d, e, f = grid.transform
        with refusals():
            content: bytes = ee.data.computePixels({
                "expression": _graph(expression), "fileFormat": "NPY",
                "grid": {"dimensions": {"width": grid.width, "height": grid.height}, "crsCode": grid.crs,
                         "affineTransform": {"scaleX": a, "shearX": b, "translateX": c,
                                             "shearY": d, "scaleY": e, "translateY": f}}})
        return content

    def export(self, task: TableExport | PatchExport | ImageExport) -> Operation:
        with refusals():
            if isinstance(task, TableExport):
                described = ee.batch.Export.table.toCloudStorage(
                    collection=ee.FeatureCollection(_graph(task.expression)), description=task.description,
                    bucket=task.bucket, fileNamePrefix=task.prefix, fileFormat="TFRecord",
                    selectors=list(task.selectors), priority=task.priority)
                return _operation(ee.data.exportTable(task.request_id, described.config or {}))
            # Exactly this rectangle of exactly this grid: crs, crsTransform and dimensions, without a region.
            grid = task.grid
            placed: dict[str, Any] = {
                "image": ee.Image(_graph(task.expression)), "description": task.description, "crs": grid.crs,
                "crsTransform": list(grid.transform), "dimensions": f"{grid.width}x{grid.height}",
                "maxPixels": grid.width * grid.height}
            if isinstance(task, ImageExport):
                described = ee.batch.Export.image.toAsset(
                    **placed, assetId=task.asset_id, pyramidingPolicy={".default": task.pyramiding.lower()},
                    overwrite=True)
            else:
                described = ee.batch.Export.image.toCloudStorage(
                    **placed, bucket=task.bucket, fileNamePrefix=task.prefix, fileFormat="TFRecord",
                    formatOptions={"patchDimensions": [task.patch, task.patch], "compressed": True,
                                   "defaultValue": task.fill})
            return _operation(ee.data.exportImage(task.request_id, described.config or {}))

    def ingest_image(self, manifest: Mapping[str, Any]) -> Operation:
        with refusals():
            started = ee.data.startIngestion(ee.data.newTaskId()[0], dict(manifest))
            return self.operation(started["name"])

    def ingest_table(self, manifest: Mapping[str, Any], *, overwrite: bool = False) -> Operation:
        with refusals():
            started = ee.data.startTableIngestion(ee.data.newTaskId()[0], dict(manifest), allow_overwrite=overwrite)
            return self.operation(started["name"])

    def import_external(self, manifest: Mapping[str, Any]) -> None:
        with refusals():
            ee.data.startExternalImageIngestion(dict(manifest))

    def operation(self, name: str) -> Operation:
        with refusals():
            return _operation(ee.data.getOperation(name))

    def operations(self, names: Collection[str]) -> dict[str, Operation]:
        # Listing costs a request for 500 tasks, and tells of all that the project had for weeks.
        if len(names) > _LISTED:
            with refusals():
                return {each["name"]: _operation(each) for each in ee.data.listOperations() if each["name"] in names}
        known: dict[str, Operation] = {}
        for name in names:
            try:
                known[name] = self.operation(name)
            except EngineError as error:
                if _status(error.__cause__) != 404:
                    raise
        return known

    def cancel(self, name: str) -> None:
        with refusals():
            ee.data.cancelOperation(name)

    def asset(self, asset_id: str) -> dict[str, Any] | None:
        try:
            with refusals():
                found: dict[str, Any] = ee.data.getAsset(asset_id)
                return found
        except AssetMissing:
            return None
        except EngineError as error:
            if _status(error.__cause__) == 404:
                return None
            raise

    def set_properties(self, asset_id: str,
                       properties: Mapping[str, str | float | list[str] | list[int] | None]) -> None:
        given = {name: value for name, value in properties.items() if value is not None}
        with refusals():
            # What is named and not given is taken away.
            ee.data.updateAsset(asset_id, {"properties": given}, [f"properties.{name}" for name in properties])

    def readers(self, asset_id: str) -> list[str]:
        with refusals():
            return _readers(ee.data.getIamPolicy(asset_id))

    def add_readers(self, asset_id: str, members: Sequence[str]) -> None:
        with refusals():
            policy = ee.data.getIamPolicy(asset_id)
            has = _readers(policy)
            if set(members) <= set(has):
                return
            others = [binding for binding in policy.get("bindings", []) if binding["role"] != _READER]
            readers = {"role": _READER, "members": [*has, *(member for member in members if member not in has)]}
            # With the policy's etag: what somebody else changes meanwhile is not undone.
            ee.data.setIamPolicy(asset_id, {**policy, "bindings": [*others, readers]})

    def create_folder(self, asset_id: str) -> None:
        parts = asset_id.split("/")
        # projects/PROJECT/assets is always there.
        for depth in range(4, len(parts) + 1):
            folder = "/".join(parts[:depth])
            if self.asset(folder) is None:
                with refusals():
                    ee.data.createAsset({"type": "FOLDER"}, folder)

    def used_eecu_seconds(self) -> float | None:
        if self.credentials is None:
            return None
        return usage.used_this_month(self.project, self.credentials, now=datetime.now(UTC), endpoint=usage.MONITORING)

    def close(self) -> None:
        self.on_close()
        ee.Reset()


def initialise(credentials: Any, project: str, url: str) -> None:
    """`ee.Initialize` for as many threads as the service answers at once. Raises as it does."""
    ee.Initialize(credentials=credentials, project=project, url=url)
    # Ten connections are kept by default; each request beyond opens one and throws it away, with a warning.
    session = ee.data._get_state().requests_session
    assert session is not None  # made by now
    session.mount(url, HTTPAdapter(pool_maxsize=CONCURRENT_REQUESTS))


def _readers(policy: Mapping[str, Any]) -> list[str]:
    return [member for binding in policy.get("bindings", []) if binding["role"] == _READER
            for member in binding.get("members", [])]


def _graph(expression: Expression) -> ee.ComputedObject:
    graph: ee.ComputedObject = ee.deserializer.decode(json.loads(expression))
    return graph


def _operation(found: Mapping[str, Any]) -> Operation:
    metadata = found.get("metadata", {})
    # The service has STATE_UNSPECIFIED, too.
    state = {each.value: each for each in State}.get(metadata.get("state"), State.PENDING)
    return Operation(name=found["name"], state=state,
                     description=metadata.get("description", ""), error=found.get("error", {}).get("message", ""),
                     eecu_seconds=float(metadata.get("batchEecuUsageSeconds", 0.0)))


def _status(error: BaseException | None) -> int | None:
    """HTTP status of an answer that the client turned into its exception; None where there was no answer."""
    # The client raises its own exception while it handles googleapiclient's, and keeps only the words.
    response = getattr(getattr(error, "__context__", None), "resp", None)
    return None if response is None else int(response.status)


@contextmanager
def refusals() -> Iterator[None]:
    """The client's exceptions as ours, and the network's."""
    try:
        yield
    except ee.EEException as error:
        text, status = str(error).rstrip("."), _status(error)
        if _MISSING.search(text):
            raise AssetMissing(text, mend="check the id, and that the project may read it") from error
        if status == 429:
            raise EngineBusy(f"Earth Engine answered: {text}",
                             mend="run the command again later, or ask for less at once") from error
        if status is not None and status >= 500:
            raise EngineUnreachable(f"Earth Engine answered: {text}", mend="run the command again later") from error
        if status == 403:
            raise EngineError(f"Earth Engine answered: {text}",
                              mend="grant the account what it names, e.g. the role Earth Engine Resource Writer"
                                   " (roles/earthengine.writer) on the project") from error
        raise EngineError(f"Earth Engine answered: {text}",
                          mend="mend what it names in the configuration or the graph, then run the command again") \
            from error
    except auth_exceptions.RefreshError as error:
        if error.retryable:
            raise unreachable(error) from error
        raise EngineError(f"Earth Engine's credentials are not accepted any more ({error})", mend=SIGN_IN) from error
    except NETWORK as error:
        raise unreachable(error) from error


# `requests` raises OSErrors, and the client makes ConnectionError or TimeoutError of most.
NETWORK = (OSError, httplib2.HttpLib2Error, auth_exceptions.TransportError)
"""What is raised where no answer came."""


def unreachable(error: Exception) -> EngineUnreachable:
    """One of `NETWORK` as ours."""
    return EngineUnreachable(f"Earth Engine cannot be reached ({network.why(error)})",
                             mend="check the network, then run the command again")
