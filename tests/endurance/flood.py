"""Ten times the normal load of commands as junk, through a real broker into the real daemon, while it polls.

Twenty meters on one Modbus TCP line are polled each second. Normal is one command per meter in ten seconds, all of the
time, which no head-end sends; the junk is ten times that, and in a second part as much as the gate before the signature
check lets through. Punctuality is measured beside the meters (`tap`): each meter has its own grid of seconds, found
without junk, and a cycle counts as missed when its first request has not arrived before the next is due. What is missed
without junk, on a machine that is busy with something else, is allowed with junk too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bench.children import Child, child
from bench.plant import GATEWAY_ID, Ports, account_id
from bench.rig import daemon, simulator
from bench.targets import METERS
from gateway.reference.headend import HeadEnd
from tests.brokers import Mosquitto
from tests.endurance.hurry import took
from tests.figures import record

NORMAL_PER_S = METERS // 10
TENFOLD_PER_S = 10 * NORMAL_PER_S
GATE_PER_S = 200
QUIET_S = 5.0
TELLING = 30
"""A smaller run, a share of a landing, leaves no figures."""
MISSED_MAX = 0.01
ANSWER_MAX_S = 5.0
GROWN_MAX_KB = 3_000
SALE_EVERY_S = 0.25
_NS = 1_000_000_000
EARLY_NS = _NS // 5
"""The grid is the median of a few polls: so much earlier than it still belongs to the same cycle."""


@dataclass(frozen=True, slots=True)
class Punctuality:
    """Of all cycles of all meters in one part: how many there were, how many were missed, the worst delay."""

    cycles: int
    missed: int
    worst_ms: int


def arrivals(file: Path) -> dict[int, list[int]]:
    """When each meter was asked, in ns: the first request of each poll (requests of one poll follow each other)."""
    asked: dict[int, list[int]] = {unit: [] for unit in range(1, METERS + 1)}
    for line in file.read_text("ascii").splitlines():
        parts = line.split()
        if len(parts) == 3 and int(parts[1]) in asked:
            times = asked[int(parts[1])]
            at_ns = int(parts[0])
            if not times or at_ns - times[-1] > _NS // 4:
                times.append(at_ns)
    return asked


def punctual(asked: Sequence[int], grid_ns: int, begin_ns: int, end_ns: int) -> tuple[int, int, int]:
    """Cycles between two instants, those without a request before the next was due, and the worst delay."""
    first, last = -(-(begin_ns - grid_ns) // _NS), (end_ns - grid_ns) // _NS
    on_time = {(at_ns - grid_ns + EARLY_NS) // _NS: at_ns for at_ns in asked}
    cycles = range(first, last)
    late = [on_time[cycle] - grid_ns - cycle * _NS for cycle in cycles if cycle in on_time]
    return len(cycles), len(cycles) - len(late), max(late, default=0)


def judge(asked: dict[int, list[int]], quiet: tuple[int, int], part: tuple[int, int]) -> Punctuality:
    """All meters of one part, each against its own grid from the quiet time."""
    cycles = missed = worst_ns = 0
    for times in asked.values():
        calm = [at_ns for at_ns in times if quiet[0] <= at_ns < quiet[1]]
        begin = calm[0]
        grid_ns = begin + round(median((at_ns - begin + _NS // 2) % _NS - _NS // 2 for at_ns in calm))
        found = punctual(times, grid_ns, *part)
        cycles, missed, worst_ns = cycles + found[0], missed + found[1], max(worst_ns, found[2])
    return Punctuality(cycles, missed, worst_ns // 1_000_000)


async def _sales(headend: HeadEnd, until_s: float, latencies_s: list[float]) -> None:
    number = 0
    while time.monotonic() < until_s:
        begun_s = time.monotonic()
        verdict = await headend.topup(account_id(1 + number % METERS), "0.01", "CHF", timeout_s=30)
        assert verdict.status == "applied", verdict
        latencies_s.append(time.monotonic() - begun_s)
        number += 1
        await asyncio.sleep(SALE_EVERY_S)


async def _part(folder: Path, port: int, headend: HeadEnd, *, rate: int, seconds: float, seed: int) -> dict[str, Any]:
    """Junk at one rate while honest top-ups are sold; when it began and ended, and how long the honest waited."""
    token = (folder / "replayed.txt").read_text()
    latencies_s: list[float] = []
    begin_ns = time.monotonic_ns()
    arguments = (str(port), GATEWAY_ID, str(rate), str(seconds), str(seed), token)
    async with child(folder / f"junk{rate}.log", "-m", "tests.endurance.junk", *arguments, piped=True) as junk:
        await _sales(headend, time.monotonic() + seconds, latencies_s)
        published = int(await junk.line())
    latencies_s.sort()
    return {"part": (begin_ns, time.monotonic_ns()), "published": published, "latencies": latencies_s}


async def _run(folder: Path, broker: Mosquitto, *, seed: int, seconds: float, stall: bool) -> dict[str, Any]:
    parts: dict[int, dict[str, Any]] = {}
    tapped = folder / "tap.txt"
    async with (
        simulator(folder) as modbus,
        child(folder / "tap.log", "-m", "tests.endurance.tap", str(modbus), str(tapped), piped=True) as tap,
    ):
        ports = Ports(int(await tap.line()), broker.port)
        async with daemon(folder, ports, opening_balance="500.00", grace="72h") as (gateway, headend):
            await _replayable(folder, headend)
            quiet_begin_ns = time.monotonic_ns()
            await _sales(headend, time.monotonic() + max(QUIET_S, seconds), [])
            quiet = (quiet_begin_ns, time.monotonic_ns())
            held_kb = [_held_kb(gateway)]
            for rate in (TENFOLD_PER_S, GATE_PER_S):
                if stall:
                    asyncio.get_running_loop().call_later(1.0, gateway.pause)
                    asyncio.get_running_loop().call_later(3.0, gateway.resume)
                parts[rate] = await _part(folder, broker.port, headend, rate=rate, seconds=seconds, seed=seed)
                held_kb.append(_held_kb(gateway))
    asked = arrivals(tapped)
    calm = judge(asked, quiet, quiet)
    figures: dict[str, Any] = {
        "meters": METERS,
        "held kB": held_kb,
        "cycles without junk": calm.cycles,
        "missed without junk": calm.missed,
        "worst delay without junk, ms": calm.worst_ms,
    }
    for rate, part in parts.items():
        found = judge(asked, quiet, part["part"])
        latencies = part["latencies"]
        figures |= {
            f"junk at {rate}/s": part["published"],
            f"cycles at {rate}/s": found.cycles,
            f"missed at {rate}/s": found.missed,
            f"worst delay at {rate}/s, ms": found.worst_ms,
            f"top-ups at {rate}/s": len(latencies),
            f"verdict p50 at {rate}/s, ms": round(1000 * latencies[len(latencies) // 2]),
            f"verdict worst at {rate}/s, ms": round(1000 * latencies[-1]),
        }
    return figures


async def _replayable(folder: Path, headend: HeadEnd) -> None:
    """A true token that has been carried out, for the strangers to send again."""
    tokens: list[bytes] = []
    send = headend.send_token

    async def noted(jti: str, token: bytes, *, topic: str = "", timeout_s: float = 10.0) -> Any:
        tokens.append(token)
        return await send(jti, token, topic=topic, timeout_s=timeout_s)

    headend.send_token = noted  # type: ignore[method-assign]
    await headend.topup(account_id(1), "0.01", "CHF")
    headend.send_token = send  # type: ignore[method-assign]
    (folder / "replayed.txt").write_text(tokens[0].decode())


def _held_kb(process: Child) -> int:
    """Resident memory of the daemon."""
    return round(process.memory_mib()[0] * 1024)


def prove(seed: int, seconds: int, *, stall: bool = False) -> list[str]:
    """Two floods of so many seconds each; what is wrong, nothing if all is well. A miss is measured once more."""
    return _once(seed, seconds, stall=stall) and _once(seed + 1, seconds, stall=stall)


def _once(seed: int, seconds: int, *, stall: bool) -> list[str]:
    begun_s = time.monotonic()
    with TemporaryDirectory() as name:
        (Path(name) / "mosquitto").mkdir()
        broker = Mosquitto(Path(name) / "mosquitto")
        broker.start()
        try:
            figures = asyncio.run(_run(Path(name), broker, seed=seed, seconds=seconds, stall=stall))
        finally:
            broker.stop()
    figures["seconds"] = took(begun_s)
    held_kb = figures.pop("held kB")
    figures["memory grown by, kB"] = held_kb[-1] - held_kb[0]
    print(figures)
    if not stall and seconds >= TELLING:
        record("endurance-flood", figures)
    wrong = []
    calm = figures["missed without junk"] / figures["cycles without junk"]
    for rate in (TENFOLD_PER_S, GATE_PER_S):
        missed, cycles = figures[f"missed at {rate}/s"], figures[f"cycles at {rate}/s"]
        if missed > (MISSED_MAX + calm) * cycles:
            wrong.append(f"{missed} of {cycles} poll deadlines missed at {rate} junk messages a second")
        if figures[f"verdict worst at {rate}/s, ms"] > ANSWER_MAX_S * 1000:
            wrong.append(f"a top-up waited {figures[f'verdict worst at {rate}/s, ms']} ms behind the junk at {rate}/s")
    if held_kb[-1] - held_kb[0] > GROWN_MAX_KB:
        wrong.append(f"the daemon's memory grew from {held_kb[0]} to {held_kb[-1]} kB")
    return wrong
