"""Refusals of the REST surface: an HTTP status with the service's words.

The client repeats requests answered by 429, 500 or 503 five times, so what a user's graph or file caused is
never one of them. https://cloud.google.com/apis/design/errors
"""

from __future__ import annotations

from typing import Any

from agrispec.errors import AgrispecError, AssetExists, AssetMissing

_STATUS = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 405: "UNIMPLEMENTED",
           409: "ALREADY_EXISTS"}


class Refusal(Exception):
    """A request is answered by an error.

    Args:
        code: HTTP status.
        message: what the client's EEException says.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def body(self) -> dict[str, Any]:
        """The answer."""
        return {"error": {"code": self.code, "message": self.message, "status": _STATUS.get(self.code, "UNKNOWN")}}


def refusal_of(error: AgrispecError) -> Refusal:
    """How an error of ours is answered."""
    code = 404 if isinstance(error, AssetMissing) else 409 if isinstance(error, AssetExists) else 400
    return Refusal(code, f"{error.message.rstrip('.')}.")


def asset_missing(asset_id: str) -> Refusal:
    """The service's words for an asset that is not there."""
    return Refusal(404, f"Asset '{asset_id}' does not exist or doesn't allow this operation.")
