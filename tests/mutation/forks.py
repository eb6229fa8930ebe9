"""Work in forked children: each begins with what the parent has imported, is limited, and cannot change the parent."""

from __future__ import annotations

import os
import resource
import select
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.mutation import tree

MEMORY_MAX_BYTES = 3 * 1024**3
_WAIT_S = 0.5
_BROKEN = 70
CRASH = tree.CACHE / "crash.txt"
_SAY_MAX_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Job:
    """What a child does: `work` returns text for the parent. Past its limits it is ended."""

    key: str
    work: Callable[[], str]
    cpu_s: int
    wall_s: float


@dataclass(slots=True)
class _Child:
    job: Job
    pid: int
    answer: int
    ends_s: float


def run_all(jobs: Iterator[Job], at_once: int) -> Iterator[tuple[str, str | None]]:
    """What each child said, as they end; None for one that hung, crashed or ate too much."""
    children: dict[int, _Child] = {}
    more = True
    while more or children:
        while more and len(children) < at_once:
            job = next(jobs, None)
            if job is None:
                more = False
            else:
                child = _begun(job)
                children[child.answer] = child
        ready, _, _ = select.select(list(children), [], [], _WAIT_S)
        for child in [children[answer] for answer in ready]:
            del children[child.answer]
            yield child.job.key, _ended(child)
        for child in [child for child in children.values() if time.monotonic() > child.ends_s]:
            os.kill(child.pid, signal.SIGKILL)  # its pipe closes, and the next round sees it


def _begun(job: Job) -> _Child:
    answer, told = os.pipe()
    pid = os.fork()
    if pid:
        os.close(told)
        return _Child(job, pid, answer, time.monotonic() + job.wall_s)
    code = _BROKEN
    try:
        os.close(answer)
        _quiet()
        resource.setrlimit(resource.RLIMIT_CPU, (job.cpu_s, job.cpu_s + 1))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX_BYTES, MEMORY_MAX_BYTES))
        os.write(told, (job.work() + "\n").encode()[:_SAY_MAX_BYTES])
        code = 0
    except BaseException:
        with CRASH.open("a", encoding="utf-8") as file:
            file.write(f"{job.key}\n{traceback.format_exc()}\n")
        raise
    finally:
        os._exit(code)


def _quiet() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)


def _ended(child: _Child) -> str | None:
    said = b""
    while more := os.read(child.answer, _SAY_MAX_BYTES):
        said += more
    os.close(child.answer)
    _, status = os.waitpid(child.pid, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == _BROKEN:
        raise RuntimeError(f"the machinery itself failed at {child.job.key}: see {CRASH}")
    return said.decode().rstrip("\n") if said.endswith(b"\n") else None
