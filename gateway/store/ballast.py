"""Room that nobody else can take: on a full disk a start gives it up, so that a top-up can be written (threat 8)."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

NAME = "ballast"
BALLAST_BYTES = 4 << 20
"""Thousands of rows, so weeks in which somebody makes room."""
LOW_BYTES = 1 << 20
"""With less than this free a commit may fail at any moment."""
AMPLE_BYTES = 64 << 20
"""Only from here on is it made (again): it must not be what fills the disk."""


def settle(folder: Path) -> bool:
    """Keep the ballast in this folder while there is room, and give it up when there is none; True: given up now.

    Raises nothing: a disk that cannot hold it, or a folder that is not there, is for the store to complain of.
    """
    path = folder / NAME
    with suppress(OSError):
        free = shutil.disk_usage(folder).free
        held = path.stat().st_size if path.exists() else 0
        if held and free < LOW_BYTES:
            path.unlink()
            return True
        if held < BALLAST_BYTES and free >= AMPLE_BYTES:
            _make(path)
    return False


def _make(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, BALLAST_BYTES)  # blocks, not a hole
    except OSError:
        path.unlink()  # a half one is none, and takes what the store may need
        raise
    finally:
        os.close(descriptor)
