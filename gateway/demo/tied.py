"""Starts a program that cannot outlive the one that started it, however that one ends.

    python -m gateway.demo.tied PARENT_PID ARGUMENTS...      runs `python ARGUMENTS...` in this process

The kernel sends SIGTERM when the parent is gone (Linux); on other systems this only runs the program.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def command(*arguments: str) -> list[str]:
    """The argument vector that runs `python ARGUMENTS...` tied to this process."""
    return [sys.executable, "-m", "gateway.demo.tied", str(os.getpid()), *arguments]


def _main(parent: int, arguments: list[str]) -> None:
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:  # it went before the kernel was asked to watch
        sys.exit(1)
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - this project's own programs


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2:])
