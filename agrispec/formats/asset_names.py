"""Names of assets and addresses of objects: which there are, and where below a folder they stand."""

from __future__ import annotations

import re
from pathlib import Path

from agrispec.errors import DataError

# https://developers.google.com/earth-engine/guides/manage_assets ("Asset IDs")
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
_PROJECT = re.compile(r"([\w.-]+:)?[a-z0-9-]+")  # Projects of organisations look like example.com:project.
# https://cloud.google.com/storage/docs/buckets#naming
_OBJECT = re.compile(r"gs://([a-z0-9][-_.a-z0-9]{1,220}[a-z0-9])/(.+)", re.DOTALL)
# Names of files need not be Unicode, names of objects are.
_NO_TEXT = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
# https://cloud.google.com/storage/docs/objects#naming
_LONGEST_OBJECT = 1024
# Most file systems take 255 bytes, of which an unfinished file needs some for itself.
_LONGEST_NAME = 200
_PREFIX = re.compile(r"projects/earthengine-(public|legacy)/assets/")
_PROJECT_ROOT = re.compile(r"projects/[^/]+(/assets)?")


def canonical_id(name: str) -> str:
    """The id of an asset's resource name: public and legacy assets lose `projects/earthengine-…/assets/`.

    Raises:
        DataError: an asset cannot have that id.
    """
    asset_id = _PREFIX.sub("", name, count=1).rstrip("/")
    segments = asset_id.split("/")
    project = 1 if segments[0] == "projects" else -1
    for position, segment in enumerate(segments):
        if not (_PROJECT if position == project else _SEGMENT).fullmatch(segment) or len(segment) > _LONGEST_NAME:
            raise DataError(f"{name!r} is not an asset id",
                            mend=f"use letters, digits, hyphens and underscores, at most {_LONGEST_NAME} in a name, "
                                 "with slashes between folders")
    return asset_id


def is_project_root(asset_id: str) -> bool:
    """Whether an id is that of a project's root folder, or of the project."""
    return _PROJECT_ROOT.fullmatch(asset_id) is not None


def asset_path(root: Path, asset_id: str) -> Path:
    """Where the files of an asset stand below `root`: the folder of one that holds others, else what their names
    begin with.

    Raises:
        DataError: an asset cannot have that id.
    """
    return root / "assets" / canonical_id(asset_id)


def bucket_folder(root: Path) -> Path:
    """The folder below `root` that stands for Cloud Storage."""
    return root / "buckets"


def is_object_part(part: str) -> bool:
    """Whether a part of an object's name, between slashes, may be one: what begins with a dot is unfinished."""
    return part[:1] not in ("", ".") and not _NO_TEXT.search(part) and len(part.encode()) <= _LONGEST_NAME


def object_path(root: Path, uri: str) -> Path:
    """Where the object of `gs://bucket/object` stands below `root`.

    Raises:
        DataError: not such an address.
    """
    found = _OBJECT.fullmatch(uri)
    if not found or not all(map(is_object_part, found[2].split("/"))) or len(found[2].encode()) > _LONGEST_OBJECT:
        raise DataError(f"{uri!r} is not the address of an object",
                        mend="write it as gs://bucket/folder/file; a bucket has 3 or more lower case letters, digits "
                             f"or hyphens, and a folder or file at most {_LONGEST_NAME} bytes and no dot before them")
    return bucket_folder(root) / found[1] / found[2]
