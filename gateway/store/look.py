"""A look into the store of a running gateway: its files are copied, and the copy is opened and verified as at a start.

The daemon holds its store exclusively, so nobody else can read through SQLite. Its files can be read, though: between
two moves of the log into the file, the file stands still and the log only grows, and every frame of the log carries
its checksum. So a copy during which the file did not change and the log did not begin anew is a state that was
committed; one that was not lucky is taken again. What `Store.open` checks of it is all that a start checks.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.errors import StoreDamaged, StoreError
from gateway.store.store import Store

TRIES = 5
WAL_HEADER_BYTES = 32
_State = tuple[int, int, bytes]


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Store]:
    """The store as it was committed a moment ago, in a copy that is thrown away. Raises StoreError, StoreDamaged."""
    with tempfile.TemporaryDirectory(prefix="prepaid-gateway-") as folder:
        store = await _opened(path, Path(folder))
        try:
            yield store
        finally:
            await store.close()


async def _opened(path: Path, folder: Path) -> Store:
    trouble: StoreError = StoreError(f"{path}: changes all the time; try again")
    for number in range(TRIES):
        copy = folder / f"look-{number}.db"
        if not _copied(path, copy):
            continue
        try:
            return await Store.open(copy)
        except StoreDamaged as damage:
            trouble = StoreDamaged(str(damage).replace(str(copy), str(path)))  # nobody can examine the copy
    raise trouble


def _copied(path: Path, copy: Path) -> bool:
    """Copy file and log; False when a checkpoint fell into it. Raises StoreError."""
    log, log_copy = _log_of(path), _log_of(copy)
    if not path.exists():
        raise StoreError(f"{path}: there is no store yet; the daemon makes it at its first start")
    try:
        before = _state(path, log)
        if not before[1] and not log.exists():
            raise StoreError(f"{path}: the file is empty; what the daemon makes of that: docs/damaged-store.md")
        shutil.copyfile(path, copy)
        if log.exists():
            shutil.copyfile(log, log_copy)
        return before == _state(path, log)
    except FileNotFoundError:  # the log went: the daemon has just ended
        return False
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror}); run this as the gateway's user") from error


def _state(path: Path, log: Path) -> _State:
    found = path.stat()
    try:
        with log.open("rb") as file:
            header = file.read(WAL_HEADER_BYTES)
    except FileNotFoundError:
        header = b""
    return found.st_mtime_ns, found.st_size, header


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")
