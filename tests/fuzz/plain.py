"""Seeded mutation without guidance: runs everywhere, in one process, and the same seed gives the same inputs."""

from __future__ import annotations

import random
import resource
import signal
import time
from dataclasses import dataclass

from tests.fuzz import mutation
from tests.fuzz.measure import Stopwatch, TooSlow
from tests.fuzz.target import Target, corpus, load

MEMORY_GROWTH_MB = 64
GIVE_UP_S = 3.0
_WARM = 2000
_WANDERERS = 64


@dataclass(frozen=True, slots=True)
class Result:
    """What a run of one target came to, in CPU seconds; when `error` is not empty, `found` is the input."""

    inputs: int
    seconds: float
    slowest_ms: float
    error: str = ""
    found: bytes = b""


def run(name: str, runs: int, seed: int, *, seconds: float = 1e9) -> Result:
    """The whole corpus of a target and then `runs` mutations of it, or as many as fit into the time."""
    return run_target(name, load(name), runs, seed, seconds=seconds)


def run_target(name: str, target: Target, runs: int, seed: int, *, seconds: float) -> Result:
    """The same for a target that is given."""
    watch = Stopwatch(target.check)
    before = signal.signal(signal.SIGVTALRM, _give_up)
    began, began_cpu_s = time.perf_counter(), time.process_time()
    known = [*corpus(name).values(), *target.seeds()]
    chance = random.Random(f"{name}/{seed}")
    count, data, before_kb = 0, b"", 0
    try:
        for data in known:
            _guarded(watch, data)
            count += 1
        wandering = list(known)
        for number in range(runs):
            data = _next(target, known, wandering, chance)
            _guarded(watch, data)
            count += 1
            if number == _WARM:
                before_kb = memory_kb()
            if number % 256 == 0 and time.perf_counter() - began > seconds:
                break
    except Exception as error:  # noqa: BLE001 - whatever a parser lets through is what is looked for
        return Result(
            count, time.process_time() - began_cpu_s, watch.slowest_ms, f"{type(error).__name__}: {error}", data
        )
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    spent = time.process_time() - began_cpu_s
    grown_mb = (memory_kb() - before_kb) / 1024 if before_kb else 0.0
    error_ = "" if grown_mb <= MEMORY_GROWTH_MB else f"the process grew by {grown_mb:.0f} MB, nothing was kept"
    return Result(count, spent, watch.slowest_ms, error_)


def _guarded(watch: Stopwatch, data: bytes) -> None:
    """An input that would take for ever is stopped after some seconds of CPU (of wall time nobody is sure)."""
    signal.setitimer(signal.ITIMER_VIRTUAL, GIVE_UP_S)
    watch.run(data)


def _give_up(signum: int, frame: object) -> None:
    raise TooSlow(f"stopped after {GIVE_UP_S} s of CPU")


def _next(target: Target, known: list[bytes], wandering: list[bytes], chance: random.Random) -> bytes:
    start = chance.choice(known if chance.random() < 0.5 else wandering)
    data = mutation.several(target.mutate, start, chance, known)[: target.max_bytes]
    if chance.random() < 0.1:
        if len(wandering) < _WANDERERS:
            wandering.append(data)
        else:
            wandering[chance.randrange(len(wandering))] = data
    return data


def memory_kb() -> int:
    """The most this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
