"""What a route is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gee_scripts.engine.local.refusals import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: the route's parameters, the query and the body."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An answer that is not JSON; `name` is what it is saved as, "" where it is shown."""

    content: bytes
    media_type: str
    name: str = ""


# https://cloud.google.com/apis/design/errors
_STATUS = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 405: "UNIMPLEMENTED",
           409: "ALREADY_EXISTS"}

Answer = dict[str, Any] | File

Answers = Mapping[str, Callable[[Call], Answer]]
"""Id of a route in `discovery.ROUTES` -> what answers it."""


def error_body(refusal: Refusal) -> dict[str, Any]:
    """The answer that says why not."""
    return {"error": {"code": refusal.code, "message": refusal.message,
                      "status": _STATUS.get(refusal.code, "UNKNOWN")}}
