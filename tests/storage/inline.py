"""aiosqlite without its thread: each function runs at once, on the loop's own thread.

Opening an image has one task and no race to look for, and a change of threads costs more than the work itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import aiosqlite.core


class _Queue:
    """Runs what is put into it."""

    def put_nowait(self, work: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        """The result, or the error, belongs to whoever waits, as in aiosqlite."""
        future, function = work
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001  same
            if future is not None:
                future.set_exception(error)
        else:
            if future is not None:
                future.set_result(result)


class _NoThread:
    """Stands where aiosqlite would start a thread."""

    daemon = False

    def __init__(self, **_: object) -> None:
        """Nothing is started."""

    def start(self) -> None:
        """Nothing to start."""


@contextmanager
def inline() -> Iterator[None]:
    """As long as the block lasts."""
    with mock.patch.multiple(aiosqlite.core, Thread=_NoThread, SimpleQueue=_Queue):
        yield
