"""Answers in pages: which part of a list is asked for, and the token of the next one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from gee_scripts.engine.local.assets.catalog import Catalog
from gee_scripts.engine.local.assets.tree import offset
from gee_scripts.engine.local.language.evaluate import evaluate
from gee_scripts.engine.local.operations.feature_files import as_features
from gee_scripts.engine.local.recent import Recent
from gee_scripts.engine.local.values import Collection

# https://developers.google.com/earth-engine/reference/rest/v1/projects.table/computeFeatures
PAGE = 1000
# Results kept between pages.
_KEPT = 8


def page(found: Sequence[Any], query: Mapping[str, str],
         most: int | None = None) -> tuple[Sequence[Any], dict[str, str]]:
    """The elements that a query's `pageToken` and `pageSize` ask for, and the field that names the next page, if any.

    Args:
        most: elements of a page, however many are asked for.

    Raises:
        Refusal: the token is not one of ours.
    """
    start = offset(query.get("pageToken", ""))
    size = _size(query)
    stop = start + (size if most is None else min(size, most))
    return found[start:stop], _next(str(stop) if stop < len(found) else "")


class Results:
    """The collections that graphs evaluate to, each computed once for all of its pages."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._kept: Recent[str, list[Any]] = Recent(_KEPT)

    def page(self, body: Mapping[str, Any]) -> tuple[list[Any], dict[str, str]]:
        """The elements of the page that a request asks for, and the field that names the next one, if any.

        Raises:
            Refusal: the token is not one of ours.
            AlgorithmError: the graph cannot be evaluated.
        """
        expression = body["expression"]
        digest = hashlib.sha256(json.dumps(expression, sort_keys=True).encode()).hexdigest()[:16]
        token = str(body.get("pageToken") or "")
        start = offset(token.partition("-")[2]) if token else 0
        # Later pages come from the result the first one came from: computed once, and of one state of the assets.
        found = self._kept.get(digest) if start else None
        if found is None:
            value = evaluate(expression, self._catalog)
            found = list(value.items) if isinstance(value, Collection) and value.kind == "Image" else as_features(value)
            self._kept.put(digest, found)
        stop = start + _size(body)
        return found[start:stop], _next(f"{digest}-{stop}" if stop < len(found) else "")


def _size(request: Mapping[str, Any]) -> int:
    """Elements of a page; 0, which may be written as "0", asks for as many as there are usually."""
    return int(request.get("pageSize") or 0) or PAGE


def _next(token: str) -> dict[str, str]:
    return {"nextPageToken": token} if token else {}
