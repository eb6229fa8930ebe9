"""Child processes that cannot outlive the benchmark, and what the kernel says they cost.

CPU time is read from the process's own CPU clock (`clock_getcpuclockid(3)`): user and system time of all its threads,
ended ones included, in nanoseconds. The ticks of /proc/PID/stat are 10 ms, as much as some twenty readings.
"""

from __future__ import annotations

import asyncio
import ctypes
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from bench.plant import ROOT

READY_WITHIN_S = 20.0
_END_WITHIN_S = 10.0
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class ChildFailed(Exception):
    """A child ended or did not become ready; the message holds the end of its log."""


class Child:
    """A running child process; its standard error (and output, if `piped` is false) goes to `log`."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self.pid = process.pid
        self.log = log

    def cpu_s(self) -> float:
        """CPU seconds it has used so far."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def memory_mib(self) -> tuple[float, float]:
        """Resident and proportional set size (shared pages divided by who shares them)."""
        rss_kib = _field(Path(f"/proc/{self.pid}/status"), "VmRSS:")
        pss_kib = _field(Path(f"/proc/{self.pid}/smaps_rollup"), "Pss:")
        return rss_kib / 1024, pss_kib / 1024

    def pause(self) -> None:
        """Stop it where it stands; its connections stay."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    async def line(self) -> str:
        """The next line of its piped output. Raises ChildFailed when none comes in time."""
        assert self.process.stdout is not None
        try:
            raw = await asyncio.wait_for(self.process.stdout.readline(), READY_WITHIN_S)
        except TimeoutError:
            raw = b""
        if not raw:
            raise ChildFailed(f"a child said nothing; the end of its log:\n{self.tail()}")
        return raw.decode().strip()

    def check(self) -> None:
        """Raise ChildFailed if it has ended."""
        if self.process.returncode is not None:
            raise ChildFailed(f"a child ended with {self.process.returncode}; the end of its log:\n{self.tail()}")

    def tail(self) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-15:])


@asynccontextmanager
async def child(log: Path, *arguments: str, piped: bool = False) -> AsyncIterator[Child]:
    """Run `python ARGUMENTS`; at the end it is asked to stop, then killed."""
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE if piped else out,
            stderr=out,
            preexec_fn=_die_with_parent,
        )
    running = Child(process, log)
    try:
        yield running
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGCONT)
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _END_WITHIN_S)
    except TimeoutError:
        process.kill()
        await process.wait()


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _field(file: Path, name: str) -> int:
    for line in file.read_text("ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise ChildFailed(f"{file} has no {name}")
