"""An object of Cloud Storage: one version of it, what may be said of it, and what must hold before it is changed.

https://cloud.google.com/storage/docs/json_api/v1/objects#resource
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gee_scripts.engine.local.refusals import Refusal

# What an uploader may say of an object.
_SAID = ("contentType", "contentEncoding", "contentDisposition", "contentLanguage", "cacheControl", "customTime",
         "metadata", "crc32c", "md5Hash")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One version of an object.

    Attributes:
        generation: of the content, microseconds; greater than that of every version before.
        metageneration: of what is said about it, from 1.
        properties: contentType, metadata, … as they were given.
        components: number of objects it was composed of; 0 for others.
        updated: when anything about it changed, microseconds.
    """

    bucket: str
    name: str
    path: Path
    size: int
    generation: int
    metageneration: int = 1
    properties: Mapping[str, Any] = field(default_factory=dict)
    components: int = 0
    updated: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Preconditions:
    """What must hold of the present version. https://cloud.google.com/storage/docs/request-preconditions"""

    generation: int | None = None
    not_generation: int | None = None
    metageneration: int | None = None
    not_metageneration: int | None = None

    def check(self, present: Stored | None, *, reading: bool = False) -> None:
        """Whether they hold of `present`, None standing for no object: generation 0.

        Raises:
            Refusal: 412, they do not; 304 where a version is only read that the client has already.
        """
        generation, metageneration = (present.generation, present.metageneration) if present else (0, 0)
        if (self.generation not in (None, generation)
                or (self.metageneration is not None and (not present or self.metageneration != metageneration))):
            raise precondition_failed()
        if self.not_generation == generation or (present and self.not_metageneration == metageneration):
            raise precondition_failed(304 if reading else 412)


def precondition_failed(code: int = 412) -> Refusal:
    """The service's words for a precondition that does not hold."""
    return Refusal(code, "At least one of the pre-conditions you specified did not hold.")


def said(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a resource says of an object and may say.

    Raises:
        Refusal: 400, it says what is no text, or no text that can be sent.
    """
    texts = {key: body[key] for key in _SAID if key in body}
    metadata = texts.get("metadata")
    flat = list(metadata.values()) if isinstance(metadata, dict) else [metadata]
    if not all(value is None or isinstance(value, str) for value in
               [*flat, *(value for key, value in texts.items() if key != "metadata")]):
        raise Refusal(400, "Invalid value in the object resource: texts are expected.")
    # They become headers of answers.
    if not all(value.isascii() and value.isprintable() for value in texts.values() if isinstance(value, str)):
        raise Refusal(400, "Invalid value in the object resource: printable ASCII is expected.")
    return texts


def merged(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Properties after a change; None takes one away, in `metadata` too."""
    found = {**before, **changes}
    if isinstance(changes.get("metadata"), dict):
        both = {**(before.get("metadata") or {}), **changes["metadata"]}
        found["metadata"] = {key: value for key, value in both.items() if value is not None}
    return {key: value for key, value in found.items() if value is not None}
