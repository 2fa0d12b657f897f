"""An `agrispec.engine.Engine` over the initialised `ee` client, whichever server it speaks to."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ee
import numpy as np

from agrispec.engine import Expression, Operation, PatchExport, State, TableExport
from agrispec.errors import AssetMissing, EngineError
from agrispec.grid import Grid

# https://developers.google.com/earth-engine/reference/rest/v1/projects.table/computeFeatures
_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Earth Engine through `ee.data`; the contract of each method is `agrispec.engine.Engine`'s.

    Attributes:
        name: "cloud" or "local".
        project: Cloud project.
        buckets: folder that stands for Cloud Storage, None where it is meant itself.
        on_close: lets go of what opening took.
    """

    name: str
    project: str
    buckets: Path | None
    on_close: Callable[[], None] = field(default=lambda: None)

    def compute(self, expression: Expression) -> Any:
        with _refusals():
            return ee.data.computeValue(_graph(expression))

    def features(self, expression: Expression) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        request: dict[str, Any] = {"expression": _graph(expression), "pageSize": _PAGE}
        with _refusals():
            while True:
                page = ee.data.computeFeatures(request)
                found += page.get("features", [])
                if not page.get("nextPageToken"):
                    return found
                request["pageToken"] = page["nextPageToken"]

    def pixels(self, expression: Expression, grid: Grid) -> bytes:
        a, b, c, d, e, f = grid.transform
        with _refusals():
            array = ee.data.computePixels({
                "expression": _graph(expression), "fileFormat": "NUMPY_NDARRAY",
                "grid": {"dimensions": {"width": grid.width, "height": grid.height}, "crsCode": grid.crs,
                         "affineTransform": {"scaleX": a, "shearX": b, "translateX": c,
                                             "shearY": d, "scaleY": e, "translateY": f}}})
        buffer = io.BytesIO()
        np.save(buffer, array)
        return buffer.getvalue()

    def export(self, task: TableExport | PatchExport) -> Operation:
        with _refusals():
            if isinstance(task, TableExport):
                described = ee.batch.Export.table.toCloudStorage(
                    collection=ee.FeatureCollection(_graph(task.expression)), description=task.description,
                    bucket=task.bucket, fileNamePrefix=task.prefix, fileFormat="TFRecord",
                    selectors=list(task.selectors))
                return _operation(ee.data.exportTable(task.request_id, described.config))
            # Exactly this rectangle of exactly this grid: crs, crsTransform and dimensions, without a region.
            described = ee.batch.Export.image.toCloudStorage(
                image=ee.Image(_graph(task.expression)), description=task.description, bucket=task.bucket,
                fileNamePrefix=task.prefix, crs=task.grid.crs, crsTransform=list(task.grid.transform),
                dimensions=[task.grid.width, task.grid.height], maxPixels=task.grid.width * task.grid.height,
                fileFormat="TFRecord",
                formatOptions={"patchDimensions": [task.patch, task.patch], "compressed": True,
                               "defaultValue": task.fill})
            return _operation(ee.data.exportImage(task.request_id, described.config))

    def ingest_image(self, manifest: Mapping[str, Any]) -> Operation:
        with _refusals():
            started = ee.data.startIngestion(ee.data.newTaskId()[0], dict(manifest), allow_overwrite=True)
            return self.operation(started["name"])

    def ingest_table(self, manifest: Mapping[str, Any]) -> Operation:
        with _refusals():
            started = ee.data.startTableIngestion(ee.data.newTaskId()[0], dict(manifest), allow_overwrite=True)
            return self.operation(started["name"])

    def operation(self, name: str) -> Operation:
        with _refusals():
            return _operation(ee.data.getOperation(name))

    def cancel(self, name: str) -> None:
        with _refusals():
            ee.data.cancelOperation(name)

    def asset(self, asset_id: str) -> dict[str, Any] | None:
        try:
            with _refusals():
                found: dict[str, Any] = ee.data.getAsset(asset_id)
                return found
        except AssetMissing:
            return None

    def create_folder(self, asset_id: str) -> None:
        parts = asset_id.split("/")
        # projects/PROJECT/assets is always there.
        for depth in range(4, len(parts) + 1):
            folder = "/".join(parts[:depth])
            if self.asset(folder) is None:
                with _refusals():
                    ee.data.createAsset({"type": "FOLDER"}, folder)

    def close(self) -> None:
        self.on_close()
        ee.Reset()


def _graph(expression: Expression) -> ee.ComputedObject:
    return ee.deserializer.decode(json.loads(expression))


def _operation(found: Mapping[str, Any]) -> Operation:
    metadata = found.get("metadata", {})
    return Operation(name=found["name"], state=State(metadata.get("state", "PENDING")),
                     description=metadata.get("description", ""), error=found.get("error", {}).get("message", ""),
                     eecu_seconds=float(metadata.get("batchEecuUsageSeconds", 0.0)))


@contextmanager
def _refusals() -> Iterator[None]:
    """The client's exceptions as ours."""
    try:
        yield
    except ee.EEException as error:
        text = str(error)
        if "not found" in text:
            raise AssetMissing(text.rstrip("."), mend="check the id, and that the project may read it") from error
        raise EngineError(f"Earth Engine answered: {text.rstrip('.')}",
                          mend="mend what it names in the configuration or the graph, then run the command again") \
            from error
