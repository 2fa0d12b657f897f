"""What every kind of bucket refuses, in the same words."""

from __future__ import annotations

from agrispec.errors import StorageError


def need_folder(prefix: str) -> None:
    if not prefix.strip("/") or not prefix.endswith("/"):
        raise ValueError(f"the prefix {prefix!r} of what to delete does not name a folder: end it in '/'")


def taken(uri: str) -> StorageError:
    return StorageError(f"{uri} is there already, with another content", mend="delete or rename that object first")
