"""Limits of the service, in one place: what a request may ask for, and how much may wait.

https://developers.google.com/earth-engine/guides/usage where nothing else is said.
"""

from __future__ import annotations

from dataclasses import dataclass

from agrispec.engine import QUEUED_TASKS, REQUEST_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one server answers; tests and large machines set others.

    Attributes:
        request_bytes: body of a request.
        seconds: an answer that computes, wall time.
        pixel_bytes, pixel_bands, pixel_side: pixels of one answer, uncompressed.
            https://developers.google.com/earth-engine/reference/rest/v1/projects.image/computePixels
        elements: of a collection that is sent as a value.
            https://developers.google.com/earth-engine/guides/debugging ("Collection query aborted")
        export_pixels: of an exported image where the request says nothing.
            https://developers.google.com/earth-engine/apidocs/export-image-tocloudstorage
        queued_tasks: operations that wait.
        concurrent_tasks: operations that run at once; of a project 2 on average.
        attempts: how often an operation is begun.
            https://developers.google.com/earth-engine/guides/processing_environments
    """

    request_bytes: int = REQUEST_BYTES
    seconds: float = 300.0
    pixel_bytes: int = 48 * 2**20
    pixel_bands: int = 1024
    pixel_side: int = 32_768
    elements: int = 5000
    export_pixels: int = 100_000_000
    queued_tasks: int = QUEUED_TASKS
    concurrent_tasks: int = 2
    attempts: int = 5
