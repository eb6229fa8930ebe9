"""Somebody at a pseudo terminal with the console on it: types, reads what comes, sees the end."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
import tty
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 20.0


class Person:
    """Starts `tests.terminal.verbs` (or the real program) at a pty; `seen` is every byte that came."""

    def __init__(self, *options: str, serial: bool = False, module: str = "tests.terminal.verbs") -> None:
        self.master, slave = pty.openpty()
        self.before = termios.tcgetattr(slave)
        self.slave_name = os.ttyname(slave)
        program = [sys.executable, "-m", module, *options]
        environment = {**os.environ, "TERM": "vt100", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
        if serial:
            tty.setraw(self.master)
            self.process = subprocess.Popen(
                [*program, "--port", self.slave_name], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL
            )
        else:
            self.process = subprocess.Popen(
                program, stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, env=environment, start_new_session=True
            )
        self._slave = slave
        self.seen = b""
        self._told = 0

    def type(self, text: str | bytes) -> None:
        """Type, as fast as the line takes it."""
        data = text.encode() if isinstance(text, str) else text
        os.set_blocking(self.master, False)
        deadline = time.monotonic() + PATIENCE_S
        while data:
            assert time.monotonic() < deadline, "the line takes nothing"
            _, ready, _ = select.select([], [self.master], [], 0.05)
            self._gather(0)
            if ready:
                with suppress(BlockingIOError):
                    data = data[os.write(self.master, data[:1024]) :]

    def sees(self, text: str | bytes) -> str:
        """Wait for this; gives what came before it since the last time."""
        wanted = text.encode() if isinstance(text, str) else text
        deadline = time.monotonic() + PATIENCE_S
        while (at := self.seen.find(wanted, self._told)) < 0:
            assert time.monotonic() < deadline, f"{wanted!r} never came; since then: {self.seen[self._told :]!r}"
            self._gather(0.1)
        told = self.seen[self._told : at]
        self._told = at + len(wanted)
        return told.decode("utf-8", "replace")

    def sees_nothing(self, seconds: float) -> None:
        """Nothing comes for so long."""
        size = len(self.seen)
        self._gather(seconds)
        assert len(self.seen) == size, self.seen[size:]

    def ends(self) -> int:
        """Wait for the program's end."""
        deadline = time.monotonic() + PATIENCE_S
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it goes on: {self.seen[-300:]!r}"
            self._gather(0.05)
        self._gather(0)
        return self.process.returncode

    def memory_kib(self) -> int:
        """Resident memory of the program, the most there ever was."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+)", status)
        assert found
        return int(found[1])

    def close(self) -> None:
        """Pull the cable: whatever the program is at, it must end by itself, and clears up behind it."""
        os.close(self.master)
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            with suppress(OSError):
                os.close(self._slave)

    def _gather(self, seconds: float) -> None:
        wait = seconds
        while select.select([self.master], [], [], wait)[0]:
            try:
                data = os.read(self.master, 65_536)
            except OSError:
                return
            if not data:
                return
            self.seen += data
            wait = 0
