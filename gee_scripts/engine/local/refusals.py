"""Refusals: an HTTP status with the service's words, which each surface puts into its own form.

The client repeats requests answered by 429, 500 or 503 five times, so what a user's graph or file caused is
never one of them. https://cloud.google.com/apis/design/errors
"""

from __future__ import annotations

import os
from pathlib import Path

from agrispec.errors import AgrispecError, AssetExists, AssetMissing


class Refusal(Exception):
    """A request is answered by an error.

    Args:
        code: HTTP status.
        message: what the client says when it raises its error.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def refusal_of(error: AgrispecError) -> Refusal:
    """How an error of ours is answered."""
    code = 404 if isinstance(error, AssetMissing) else 409 if isinstance(error, AssetExists) else 400
    return Refusal(code, f"{error.message.rstrip('.')}.")


def inside(root: Path, message: str) -> str:
    """A message without the folder that is served: who asks knows assets and objects, not where they are kept."""
    return message.replace(f"{root}{os.sep}", "")


def internal_error(error: Exception) -> Refusal:
    """How a fault of ours is answered: the client would repeat a 500 five times, and it would fail five times."""
    return Refusal(400, f"Internal error in the local engine: {type(error).__name__}: {error}")


def asset_missing(asset_id: str) -> Refusal:
    """The service's words for an asset that is not there."""
    return Refusal(404, f"Asset '{asset_id}' does not exist or doesn't allow this operation.")
