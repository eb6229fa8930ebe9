"""Keys as they are pressed; the terminal is as before when the block ends, however it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import termios
import tty
from collections.abc import Callable, Iterator

_BYTES_AT_ONCE = 64


@contextlib.contextmanager
def keys(descriptor: int, pressed: Callable[[str], None]) -> Iterator[None]:
    """Call `pressed` with each key inside the block. Escape sequences (arrows) come as nothing."""
    loop = asyncio.get_running_loop()
    before = termios.tcgetattr(descriptor)
    stopped = signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # Ctrl-Z would leave a shell with our screen
    try:
        tty.setcbreak(descriptor)
        loop.add_reader(descriptor, _read, loop, descriptor, pressed)
        yield
    finally:
        loop.remove_reader(descriptor)
        with contextlib.suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        signal.signal(signal.SIGTSTP, stopped)


def _read(loop: asyncio.AbstractEventLoop, descriptor: int, pressed: Callable[[str], None]) -> None:
    try:
        text = os.read(descriptor, _BYTES_AT_ONCE).decode("utf-8", "ignore")
    except OSError:
        text = ""
    if not text:  # hung up: SIGHUP ends the demonstration
        loop.remove_reader(descriptor)
    if text.startswith("\x1b"):
        return
    for key in text:
        pressed(key)
