"""Refusals: an HTTP status with the service's words, which each surface puts into its own form.

The client repeats requests answered by 429, 500 or 503 five times, so what a user's graph or file caused is
never one of them. https://cloud.google.com/apis/design/errors
"""

from __future__ import annotations

import os
import re
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
    """How an error of ours is answered: what was found, then how to mend it.

    Where the service has words for what was found they come first and whole, as programs look for them.
    """
    code = 404 if isinstance(error, AssetMissing) else 409 if isinstance(error, AssetExists) else 400
    mend = error.mend.rstrip(".")
    return Refusal(code, f"{error.message.rstrip('.')}. {mend[:1].upper()}{mend[1:]}.")


def inside(root: Path, message: str) -> str:
    """A message without the folder that is served: who asks knows assets and objects, not where they are kept."""
    # Names that begin with a dot are of files that are no objects yet.
    objects = re.escape(f"{root / 'buckets'}{os.sep}") + r"(?!\.)"
    return re.sub(objects, "gs://", message).replace(f"{root}{os.sep}", "")


REPORT = "report it, with the graph or the request and what the server printed"
"""What a user can do about a fault of ours."""


def fault(error: Exception) -> str:
    """A fault of ours in words, without a final stop."""
    return f"Internal error of the local engine: {type(error).__name__}: {str(error).rstrip('.')}"


def internal_error(error: Exception) -> Refusal:
    """How a fault of ours is answered: the client would repeat a 500 five times, and it would fail five times."""
    return refusal_of(AgrispecError(fault(error), mend=REPORT))


def asset_missing(asset_id: str) -> Refusal:
    """The service's words for an asset that is not there."""
    return Refusal(404, f"Asset '{asset_id}' does not exist or doesn't allow this operation.")
