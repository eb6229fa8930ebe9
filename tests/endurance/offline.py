"""Sixty days without a broker, then all of it sent: in order, without a gap, while commands are answered promptly.

The house lives on with several accounts: quarter-hours, daily charges, rungs, troubles of meters, steps of the clock.
Then the broker comes back, goes away again in the middle of the drain several times, delivers some messages twice and
loses some that it has acknowledged. Latency counts in virtual time: round trips, window and order of sending, not CPU
(`connections` and the bench measure that).
"""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gateway.reference.headend import NoAnswer
from tests.endurance import gauge
from tests.endurance.home import ACCOUNTS, Home, living
from tests.endurance.hurry import Hurried, hurrying, took
from tests.endurance.ledger_check import Heard, compare
from tests.endurance.postbox import Postbox
from tests.figures import record

POLL_S = 300
STARTED_UTC_S = 1_767_600_000
DAY_S = 86_400
METERS = ("m1", "m2", "m3", "m4")
BREAKS = 5
TELLING = 30
"""A smaller run, a share of a landing, leaves no figures."""
BYTES_PER_QUARTER, BYTES_PER_ROW, BYTES_FIXED = 450, 1_000, 400_000
DRAIN_HELD_MAX = 4_500_000
"""What the drain may hold on to. Of this the head-end, which lives in the same process, may take 3 MB for quarter-hours
that wait for one that was lost; a daemon that loaded sixty days at once would hold 9 MB."""
VERDICT_P99_MAX_S = 1.0
LOOK_EVERY_S, QUIET_S = 1.0, 6.0
SETTLED_AFTER_S = 3600.0
"""Until what was lost in the drain has been repeated: quarter-hours are noticed missing and sent again every 5 s."""


async def _absence(home: Home, chance: random.Random, days: int) -> None:
    """Days that nobody hears of."""
    loop = asyncio.get_running_loop()
    for _ in range(days):
        lines = [f"load {chance.choice(METERS)} {chance.choice((0, 90, 300, 700))}" for _ in range(6)]
        lines.append(f"fault {chance.choice(METERS)} {chance.choice(('silence 3000', 'ones 1', 'zero 1'))}")
        for line in lines:
            loop.call_later(chance.uniform(0, DAY_S - 1), _soon, home, line)
        if chance.random() < 0.3:
            home.clocks.stepped_ms += chance.choice((-20_000, 20_000))
        await asyncio.sleep(DAY_S)


def _soon(home: Home, line: str) -> None:
    asyncio.ensure_future(home.sim.do(line))  # noqa: RUF006 - ends at once


async def _sales(home: Home, done: asyncio.Event, latencies_s: list[float]) -> None:
    """Top-ups, one account after the other, until the drain is over."""
    loop = asyncio.get_running_loop()
    number = asked_again = 0
    while not done.is_set():
        begun_s = loop.time()
        try:
            verdict = await home.office.topup(ACCOUNTS[number % len(ACCOUNTS)], "0.01", "CHF", timeout_s=10)
        except NoAnswer:
            asked_again += 1  # the broker lost the command or the verdict; the next sale sends it again first
            continue
        assert verdict.status == "applied", verdict
        latencies_s.append(loop.time() - begun_s)
        number += 1
        await asyncio.sleep(0.1)
    assert asked_again <= 2 + number // 20, f"{asked_again} of {number} top-ups got no verdict"


async def _drain(home: Home, heard: Heard, latencies_s: list[float]) -> tuple[float, list[gauge.Look]]:
    """Several broken connections, then one that holds. How long that took, and the looks meanwhile."""
    loop = asyncio.get_running_loop()
    looks = gauge.Looks(1000)
    looks.look(0)
    for _ in range(BREAKS):
        home.box.up()
        await asyncio.sleep(0.7)
        looks.look(heard.intervals)
        home.box.down()
        await asyncio.sleep(45)
    begun_s = loop.time()
    home.box.up()
    done = asyncio.Event()
    sales = asyncio.create_task(_sales(home, done, latencies_s))
    seen, last_s = -1, begun_s
    while loop.time() < last_s + QUIET_S:
        if heard.intervals > seen:
            seen, last_s = heard.intervals, loop.time()
            looks.look(seen)
        await asyncio.sleep(LOOK_EVERY_S)
    drained_s = last_s - begun_s
    done.set()
    await sales
    await asyncio.sleep(SETTLED_AFTER_S)
    looks.look(heard.intervals)
    return drained_s, looks.taken()


async def _run(folder: Path, clocks: Hurried, *, seed: int, days: int) -> tuple[dict[str, Any], list[str]]:
    box, chance, latencies_s = Postbox(seed, again=0.02, lost=0.002), random.Random(seed), list[float]()
    heard = Heard(folder / "heard.txt")
    async with living(folder, clocks, box, poll_s=POLL_S) as home:
        home.office.heard = heard.take
        await asyncio.sleep(600)
        before = heard.rows, heard.intervals
        box.down()
        await _absence(home, chance, days)
        assert (heard.rows, heard.intervals) == before
        store_bytes = sum(path.stat().st_size for path in folder.glob("data/store.db*"))
        drained_s, looks = await _drain(home, heard, latencies_s)
        rows, intervals = home.office.place
    latencies_s.sort()
    bound = BYTES_FIXED + intervals * BYTES_PER_QUARTER + rows * BYTES_PER_ROW
    figures = {
        "days away": days,
        "journal rows": rows,
        "quarter-hours": intervals,
        "messages heard, with repeats": heard.rows + heard.intervals,
        "store after the absence, MB": round(store_bytes / 1e6, 2),
        "its bound, MB": round(bound / 1e6, 2),
        "connections broken in the drain": BREAKS,
        "drained in, virtual s": round(drained_s, 1),
        "held by the drain, kB": round((max(one.held_bytes for one in looks) - looks[0].held_bytes) / 1000),
        "top-ups during the drain": len(latencies_s),
        "verdict p50, virtual ms": round(1000 * latencies_s[len(latencies_s) // 2]),
        "verdict p99, virtual ms": round(1000 * latencies_s[len(latencies_s) * 99 // 100]),
    }
    wrong = compare(heard, home.store, rows, intervals)
    if intervals < len(ACCOUNTS) * 96 * days:
        wrong.append(f"{intervals} quarter-hours for {days} days of {len(ACCOUNTS)} accounts")
    if store_bytes > bound:
        wrong.append(f"the store has {store_bytes} bytes, its bound is {bound}")
    if figures["held by the drain, kB"] * 1000 > DRAIN_HELD_MAX:
        wrong.append(f"the drain holds {figures['held by the drain, kB']} kB")
    if figures["verdict p99, virtual ms"] > VERDICT_P99_MAX_S * 1000:
        wrong.append(f"p99 of a verdict during the drain is {figures['verdict p99, virtual ms']} ms")
    return figures, wrong


def prove(seed: int, days: int) -> list[str]:
    """`days` without a broker; what is wrong, nothing if all is well."""
    begun_s = time.monotonic()
    with TemporaryDirectory() as folder, hurrying(STARTED_UTC_S, synchronised=True) as (loop, clocks):
        figures, wrong = loop.run_until_complete(_run(Path(folder), clocks, seed=seed, days=days))
    figures["seconds"] = took(begun_s)
    print(figures)
    if days >= TELLING:
        record("endurance-offline", figures)
    return wrong
