"""A file that leads a browser to an address which holds a token: all accounts see the arguments of a process."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agrispec.formats.atomic import storage_error


@contextmanager
def to(url: str, folder: Path) -> Iterator[Path]:
    """A page in a folder, for this account alone, that leads to an address until the block ends.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        # Such a file is its owner's to read, and nobody else's.
        descriptor, name = tempfile.mkstemp(prefix="open-", suffix=".html", dir=folder.resolve())
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write('<!doctype html>\n<meta charset="utf-8">\n<title>Review</title>\n'
                       f'<meta http-equiv="refresh" content="0; url={html.escape(url)}">\n')
    except OSError as error:
        raise storage_error(folder, error) from error
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
