"""A file that one process at a time holds; the lock ends with its process, however that ends."""

from __future__ import annotations

import os
import sys

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


def take(lock: int) -> None:
    """Lock an open file for this process, until it closes it or ends.

    Args:
        lock: descriptor of a file that was opened for writing.

    Raises:
        OSError: another process has it.
    """
    if sys.platform == "win32":
        # Far behind the text, which others may read.
        os.lseek(lock, 2**20, os.SEEK_SET)
        msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
