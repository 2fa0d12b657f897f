"""Requests under a name: what the address of a map, a thumbnail or a table to download stands for."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from gee_scripts.engine.local.recent import Recent
from gee_scripts.engine.local.refusals import Refusal

# The service forgets them after some hours.
_MOST = 256


class NamedRequests:
    """The requests that were used last, whatever they ask for."""

    def __init__(self) -> None:
        self._bodies: Recent[str, Mapping[str, Any]] = Recent(_MOST)

    def put(self, parent: str, kind: str, body: Mapping[str, Any]) -> str:
        """The new name of a request, below a project: maps/ID, thumbnails/ID or tables/ID."""
        name = f"{parent}/{kind}/{secrets.token_hex(16)}"
        self._bodies.put(name, body)
        return name

    def get(self, name: str) -> Mapping[str, Any]:
        """The request of a name.

        Raises:
            Refusal: 404, it was not used for long, or never given.
        """
        body = self._bodies.get(name)
        if body is None:
            raise Refusal(404, f"'{name}' not found: the local engine keeps the {_MOST} maps and thumbnails that were "
                               "used last.")
        return body
