"""Whatever computes a graph, runs a task and takes an asset.

`exports` is handed an `Engine` and never learns which one: a graph is an opaque serialised expression, so
nothing here knows the `ee` client.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from agrispec.grid import Grid

Expression = str
"""A graph, serialised as Earth Engine's REST API takes it (JSON text)."""

# https://developers.google.com/earth-engine/guides/usage for all of these.
REQUEST_BYTES = 10 * 2**20
"""Body of one request at most."""

QUEUED_TASKS = 3000
"""Batch tasks of a project that may wait at once."""

CONCURRENT_REQUESTS = 40
"""Interactive requests of a project under way at once, at either endpoint."""

REQUESTS_PER_S = 100
"""Requests of a project that may begin in a second."""

# https://developers.google.com/earth-engine/guides/processing_environments#list_of_task_priorities
DEFAULT_PRIORITY = 100
"""Priority of a batch task, 0 … 9999, the higher the sooner; only paid projects may give another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableExport:
    """Export of a feature collection to one GZIP TFRecord file, described but not started.

    Attributes:
        description: what task lists show.
        expression: a feature collection.
        bucket, prefix: the file is `gs://bucket/prefix.tfrecord.gz`.
        selectors: properties to write, in order.
        request_id: submitting the same id twice starts one task.
        priority: among the project's tasks, see `DEFAULT_PRIORITY`.
    """

    description: str
    expression: Expression
    bucket: str
    prefix: str
    selectors: tuple[str, ...]
    request_id: str
    priority: int = DEFAULT_PRIORITY


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchExport:
    """Export of an image as TFRecord patches with a mixer file, described but not started.

    Attributes:
        description: what task lists show.
        expression: an image of scalar bands.
        bucket, prefix: files are `gs://bucket/prefix…`.
        grid: pixels to write; `patch` must divide both sides, for Earth Engine drops patches that are not whole.
        patch: side of a patch, pixels.
        fill: what a masked pixel holds.
        request_id: submitting the same id twice starts one task.
    """

    description: str
    expression: Expression
    bucket: str
    prefix: str
    grid: Grid
    patch: int
    fill: float
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageExport:
    """Export of an image to an asset, replacing one of that id; described but not started.

    Attributes:
        description: what task lists show.
        expression: an image of scalar bands; its properties become the asset's.
        asset_id: where to; its folder is there.
        grid: pixels to write; masked ones stay masked.
        pyramiding: how coarser pixels are made, "MODE" for classes, "MEAN" for quantities.
        request_id: submitting the same id twice starts one task.
    """

    description: str
    expression: Expression
    asset_id: str
    grid: Grid
    pyramiding: str
    request_id: str


class State(StrEnum):
    """States of a task, as the service names them."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    CANCELLING = "CANCELLING"
    SUCCEEDED = "SUCCEEDED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What an engine says of a task.

    Attributes:
        name: id to ask for it again.
        state: where it stands.
        description: as submitted.
        error: the engine's words where it failed, else "".
        eecu_seconds: compute charged so far; 0 where the engine does not say.
    """

    name: str
    state: State
    description: str
    error: str
    eecu_seconds: float

    @property
    def done(self) -> bool:
        """Whether it will not change any more."""
        return self.state in (State.SUCCEEDED, State.CANCELLED, State.FAILED)


class Engine(Protocol):
    """Earth Engine, or something that gives the same answers.

    All methods raise `EngineError` with the engine's own words where it refuses, `EngineUnreachable` where it
    does not answer, `EngineBusy` where it has too much to answer, `AssetMissing` where an asset is not there. Threads
    may share one.
    """

    @property
    def name(self) -> str:
        """ "cloud" or "local"."""

    @property
    def project(self) -> str:
        """Cloud project that pays and owns the assets."""

    @property
    def buckets(self) -> Path | None:
        """The folder that stands for Cloud Storage, a folder a bucket; None where Cloud Storage is meant."""

    @property
    def credentials(self) -> object | None:
        """What Cloud Storage is opened with, a `google.auth` object; None where `buckets` is a folder."""

    def compute(self, expression: Expression) -> Any:
        """The value of a graph, as JSON values."""

    def pages(self, expression: Expression, *, patient: bool = True) -> Iterator[list[dict[str, Any]]]:
        """`features`, some at a time in their order, for those who need not hold them all."""

    def features(self, expression: Expression, *, patient: bool = True) -> list[dict[str, Any]]:
        """All features of a feature collection, as GeoJSON.

        An engine that does not answer is asked again for about a minute; not if `patient` is False, for those who
        must know at once that they ask too much.
        """

    def pixels(self, expression: Expression, grid: Grid) -> bytes:
        """Pixels of an image as an NPY file: a structured array (rows, columns) with a field a band; masked = 0."""

    def export(self, task: TableExport | PatchExport | ImageExport) -> Operation:
        """Submit an export."""

    def ingest_image(self, manifest: Mapping[str, Any]) -> Operation:
        """Submit an image manifest; refused where the asset that it names is there."""

    def ingest_table(self, manifest: Mapping[str, Any], *, overwrite: bool = False) -> Operation:
        """Submit a table manifest; refused where the asset that it names is there, unless it may be replaced."""

    def import_external(self, manifest: Mapping[str, Any]) -> None:
        """Make an image asset whose pixels stay in their bucket; refused where the asset is there."""

    def operation(self, name: str) -> Operation:
        """How a task stands."""

    def operations(self, names: Collection[str]) -> dict[str, Operation]:
        """How tasks stand, by name; those that the engine does not know are left out."""

    def cancel(self, name: str) -> None:
        """Ask a task to stop."""

    def asset(self, asset_id: str) -> dict[str, Any] | None:
        """An asset's description, None where it is not there."""

    def set_properties(self, asset_id: str,
                       properties: Mapping[str, str | float | list[str] | list[int] | None]) -> None:
        """Give an asset properties, or others; None takes one away, those that are not named stay."""

    def readers(self, asset_id: str) -> list[str]:
        """Who may only read an asset, e.g. "user:…", "group:…" or "allUsers"."""

    def add_readers(self, asset_id: str, members: Sequence[str]) -> None:
        """Let these read an asset, too; what others may stays."""

    def create_folder(self, asset_id: str) -> None:
        """Make a folder and the folders above it, where they are not there yet."""

    def used_eecu_seconds(self) -> float | None:
        """Compute that the project has used this month, EECU-seconds; None where nobody counts.

        What a task under way has used is added when it ends.
        """

    def close(self) -> None:
        """Let go of servers and connections."""
