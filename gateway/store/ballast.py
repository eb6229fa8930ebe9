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


def give_up(folder: Path) -> bool:
    """Give up the ballast in this folder when there is no room left; True: given up now. Raises nothing."""
    path = folder / NAME
    with suppress(OSError):
        if path.exists() and shutil.disk_usage(folder).free < LOW_BYTES:
            path.unlink()
            return True
    return False


def keep(folder: Path) -> None:
    """Keep a ballast in this folder, if there is ample room. Raises nothing: what is wrong here the store says."""
    path = folder / NAME
    with suppress(OSError):
        held = path.stat().st_size if path.exists() else 0
        if held < BALLAST_BYTES and shutil.disk_usage(folder).free >= AMPLE_BYTES:
            _make(path)


def _make(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, BALLAST_BYTES)  # blocks, not a hole
    except OSError:
        path.unlink()  # a half one is none, and takes what the store may need
        raise
    finally:
        os.close(descriptor)
