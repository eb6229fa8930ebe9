"""A pseudo terminal under a stable path (a symbolic link): the cable of a serial line.

The simulator keeps the client's side open too, so the line survives a client that closes and opens again; unplugging
closes both, and a client gets an I/O error. What nobody reads is lost once the pty is full, as on a wire.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tty
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_READ_BYTES = 4096


class Pty:
    """`hear` gets what a client wrote."""

    def __init__(self, path: Path, hear: Callable[[bytes], None]) -> None:
        self.path = path
        self.plugged = False
        self._hear = hear
        self._master = -1
        self._slave = -1
        self._generation = 0

    def plug(self) -> None:
        """A fresh pty under the same path; does nothing when plugged."""
        if self.plugged:
            return
        self._generation += 1
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        _point(self.path, os.ttyname(self._slave))
        asyncio.get_running_loop().add_reader(self._master, self._on_bytes)
        self.plugged = True

    def unplug(self) -> None:
        """Take the cable out; does nothing when unplugged."""
        if not self.plugged:
            return
        self.plugged = False
        asyncio.get_running_loop().remove_reader(self._master)
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        os.close(self._master)
        os.close(self._slave)

    def say(self, data: bytes, delay_s: float = 0.0) -> None:
        """Send, at once or so much later; what was on its way when the cable came out is lost."""
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, self._send, data, self._generation)
        else:
            self._send(data, self._generation)

    def _on_bytes(self) -> None:
        self._hear(os.read(self._master, _READ_BYTES))

    def _send(self, data: bytes, generation: int) -> None:
        if self.plugged and generation == self._generation:
            with contextlib.suppress(BlockingIOError):
                os.write(self._master, data)


def _point(path: Path, target: str) -> None:
    """Set the link in one step, so that a client never finds half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    fresh.symlink_to(target)
    fresh.replace(path)
