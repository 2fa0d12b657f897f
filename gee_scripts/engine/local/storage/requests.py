"""What requests to Cloud Storage's JSON API say in their headers, queries and bodies: values, or a refusal.

https://cloud.google.com/storage/docs/json_api/v1/parameters
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.storage.objects import Preconditions

MOST_JSON = 2**20
"""Bytes of a description."""

# https://cloud.google.com/storage/docs/json_api/v1/objects/list
_PAGE = 1000
_CONDITIONS = {"ifGenerationMatch": "generation", "ifGenerationNotMatch": "not_generation",
               "ifMetagenerationMatch": "metageneration", "ifMetagenerationNotMatch": "not_metageneration"}


def json_object(content: bytes) -> dict[str, Any]:
    """The JSON object of a body; {} of none.

    Raises:
        Refusal: 413, it is too large; 400, it is none.
    """
    if len(content) > MOST_JSON:
        raise Refusal(413, "Request body is too large.")
    try:
        found = json.loads(content) if content.strip() else {}
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "Parse Error") from error
    if not isinstance(found, dict):
        raise Refusal(400, "Parse Error")
    return found


def integer(query: Mapping[str, Any], name: str) -> int | None:
    """A number of a query, None where it is not given.

    Raises:
        Refusal: 400, it is none.
    """
    text = "" if query.get(name) is None else str(query[name])
    if text and not re.fullmatch(r"-?[0-9]{1,19}", text):
        raise Refusal(400, f"Invalid value for {name}: '{text}'")
    return int(text) if text else None


def preconditions(query: Mapping[str, str], source: bool = False) -> Preconditions:
    """The preconditions of a request; `source` for those of the object that is copied.

    Raises:
        Refusal: 400, one is no number.
    """
    names = {name.replace("if", "ifSource", 1) if source else name: key for name, key in _CONDITIONS.items()}
    return Preconditions(**{key: integer(query, name) for name, key in names.items()})


def page(names: list[str], query: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """The names of the page that a query asks for, and the field that names the next one, if any.

    Raises:
        Refusal: 400, the token is not one of ours, or the size is none.
    """
    size = integer(query, "maxResults")
    if size is not None and size < 0:
        raise Refusal(400, f"Invalid value for maxResults: '{size}'")
    try:
        after = base64.urlsafe_b64decode(query.get("pageToken", "")).decode()
    except (binascii.Error, ValueError) as error:
        raise Refusal(400, "Invalid value for pageToken.") from error
    left = [name for name in names if name.encode(errors="replace") > after.encode()] if after else names
    found = left[:min(size or _PAGE, _PAGE)]
    if len(found) == len(left):
        return found, {}
    return found, {"nextPageToken": base64.urlsafe_b64encode(found[-1].encode(errors="replace")).decode()}


def byte_range(header: str | None, size: int) -> tuple[int, int]:
    """First byte and the one after the last of a Range header; all of them where there is none that is understood.

    Raises:
        Refusal: 416, it begins behind the end.
    """
    found = re.fullmatch(r"bytes=([0-9]*)-([0-9]*)", header or "")
    if not found or not (found[1] or found[2]):
        return 0, size
    if not found[1]:
        first, last = max(0, size - int(found[2])), size
    else:
        first, last = int(found[1]), min(size, int(found[2]) + 1 if found[2] else size)
    if first >= last and not (size == 0 and first == 0):
        raise Refusal(416, "Request range not satisfiable")
    return first, last


def content_range(headers: Mapping[str, str]) -> tuple[int, int | None, int | None]:
    """First and last byte and total of a Content-Range; without one the content is all there is.

    Raises:
        Refusal: 400, it is not understood.
    """
    header = headers.get("content-range")
    if header is None:
        return 0, None, None
    found = re.fullmatch(r"bytes (?:([0-9]{1,15})-([0-9]{1,15})|\*)/([0-9]{1,15}|\*)", header)
    if not found:
        raise Refusal(400, f"Failed to parse Content-Range header: '{header}'")
    total = None if found[3] == "*" else int(found[3])
    if found[1] is None:
        return 0, -1, total
    first, last = int(found[1]), int(found[2])
    if last < first or (total is not None and last >= total):
        raise Refusal(400, f"Failed to parse Content-Range header: '{header}'")
    return first, last, total


def hashes(headers: Mapping[str, str]) -> dict[str, str]:
    """The checksums that headers name, as properties of the object."""
    keys = {"crc32c": "crc32c", "md5": "md5Hash"}
    given = (each.strip().partition("=") for each in headers.get("x-goog-hash", "").split(","))
    return {keys[name]: value for name, _, value in given if name in keys}
