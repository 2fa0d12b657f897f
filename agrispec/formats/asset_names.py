"""Names of assets and addresses of objects: which there are, and where below a folder they stand."""

from __future__ import annotations

import re
from pathlib import Path

from agrispec.errors import DataError

# https://developers.google.com/earth-engine/guides/manage_assets ("Asset IDs")
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
_PROJECT = re.compile(r"([\w.-]+:)?[a-z0-9-]+")  # Projects of organisations look like example.com:project.
# https://cloud.google.com/storage/docs/buckets#naming
_OBJECT = re.compile(r"gs://([a-z0-9][-_.a-z0-9]{1,220}[a-z0-9])/([^\x00-\x1f\x7f]+)")
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


def object_path(root: Path, uri: str) -> Path:
    """Where the object of `gs://bucket/object` stands below `root`.

    Raises:
        DataError: not such an address.
    """
    found = _OBJECT.fullmatch(uri)
    if not found or any(part in ("", ".", "..") or len(part.encode(errors="replace")) > _LONGEST_NAME
                        for part in found[2].split("/")):
        raise DataError(f"{uri!r} is not the address of an object",
                        mend="write it as gs://bucket/folder/file; a bucket has 3 or more lower case letters, "
                             "digits or hyphens")
    return bucket_folder(root) / found[1] / found[2]
