"""Objects, buckets and errors as Cloud Storage's JSON API describes them.

https://cloud.google.com/storage/docs/json_api/v1/objects#resource and …/buckets#resource
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.storage.checksums import Sums
from gee_scripts.engine.local.storage.objects import Stored
from gee_scripts.engine.local.times import timestamp

# https://cloud.google.com/storage/docs/json_api/v1/status-codes
_REASONS = {304: "notModified", 400: "invalid", 403: "forbidden", 404: "notFound", 405: "methodNotAllowed",
            409: "conflict", 410: "gone", 412: "conditionNotMet", 413: "uploadTooLarge",
            416: "requestedRangeNotSatisfiable", 507: "insufficientStorage"}


def error_body(refusal: Refusal) -> dict[str, Any]:
    """The answer that says why not."""
    each = {"message": refusal.message, "domain": "global", "reason": _REASONS[refusal.code]}
    return {"error": {"code": refusal.code, "message": refusal.message, "errors": [each]}}


def bucket_resource(name: str, url: str) -> dict[str, Any]:
    """A bucket of the server at `url`."""
    return {"kind": "storage#bucket", "id": name, "name": name, "selfLink": f"{url}/storage/v1/b/{name}",
            "location": "US", "storageClass": "STANDARD", "metageneration": "1", "etag": "CAE="}


def object_resource(stored: Stored, sums: Sums | None, url: str) -> dict[str, Any]:
    """A version of an object of the server at `url`, with its checksums where they are given."""
    address = f"/storage/v1/b/{stored.bucket}/o/{quote(stored.name, safe='')}"
    created, updated = _time(stored.generation), _time(stored.updated)
    resource: dict[str, Any] = {
        "kind": "storage#object", "id": f"{stored.bucket}/{stored.name}/{stored.generation}",
        "selfLink": url + address,
        "mediaLink": f"{url}/download{address}?generation={stored.generation}&alt=media",
        "contentType": "application/octet-stream", **stored.properties,
        "bucket": stored.bucket, "name": stored.name, "size": str(stored.size), "storageClass": "STANDARD",
        "generation": str(stored.generation), "metageneration": str(stored.metageneration),
        "etag": etag(stored), "timeCreated": created, "updated": updated, "timeStorageClassUpdated": created}
    if sums is not None:
        resource |= {"crc32c": sums.crc32c, "md5Hash": sums.md5}
    if stored.components:
        # https://cloud.google.com/storage/docs/composite-objects
        resource |= {"componentCount": stored.components}
        resource.pop("md5Hash", None)
    return resource


def etag(stored: Stored) -> str:
    """What changes whenever anything about an object does."""
    return base64.b64encode(f"{stored.generation}/{stored.metageneration}".encode()).decode()


def _time(microseconds: int) -> str:
    return timestamp(datetime.fromtimestamp(microseconds / 1e6, UTC))
