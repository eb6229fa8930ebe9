"""A house's months: polls by the hundred thousand through the whole daemon, and nothing that only grows.

Four meters are polled each minute of virtual time while the customer, the line, the broker and the clock behave as
they do: loads change, credit runs out and is topped up, converters are unplugged, meters fall silent or tell nonsense,
the broker comes and goes, strangers send junk, the kernel's clock jumps. All of it by the seed.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gateway.meters.device import ModbusMeter
from gateway.meters.meter import Observation
from gateway.reference.headend import NoAnswer
from tests.endurance import gauge
from tests.endurance.home import ACCOUNTS, Home, living
from tests.endurance.hurry import Hurried, hurrying, took
from tests.endurance.postbox import Postbox
from tests.figures import record

POLL_S = 60
STARTED_UTC_S = 1_767_600_000  # a Monday of January 2026
SLOPE_MAX, SWING_MAX = 1.0, 120_000
"""Bytes per poll; and by how much a sound process swings (cancelled timers, caches), which a short run sees."""
ROWS_PER_ACCOUNT_DAY_MAX = 60
"""What this house gives occasion for: a dozen troubles a day, each with its end, notices, sales, charges."""
LOOKS = 120
TELLING = 100_000
"""A smaller run, a share of a landing, leaves no figures."""
METERS = ("m1", "m2", "m3", "m4")
SPOILS = (
    "silence 400", "silence 4000", "zero 1", "ones 1", "garbage 2", "stale 1", "unit 1", "count 1", "late 900 1",
    "exception 4 2", "jump 900 1",
)  # fmt: skip
BOARD_SPOILS = ("reboot 5", "stuck 900", "slow 3000 600", "silence 500")


class _Count:
    """How many polls were answered, and what a planted leak holds on to."""

    def __init__(self, *, leak: bool) -> None:
        self.polls = 0
        self._leak: list[bytes] | None = [] if leak else None

    def one(self) -> None:
        """One more."""
        self.polls += 1
        if self._leak is not None:
            self._leak.append(bytes(64))


@contextmanager
def counting(*, leak: bool) -> Iterator[_Count]:
    """Count every meter that was read, below everything that may go wrong with the reading."""
    count, read = _Count(leak=leak), ModbusMeter.read

    async def counted(self: ModbusMeter, *, slow_within_ms: int | None = None) -> Observation:
        observed = await read(self, slow_within_ms=slow_within_ms)
        count.one()
        return observed

    swap: Any = ModbusMeter
    swap.read = counted
    try:
        yield count
    finally:
        swap.read = read


class _Life:
    """What happens to this house, an hour at a time."""

    def __init__(self, home: Home, chance: random.Random) -> None:
        self._home = home
        self._chance = chance
        self.sold = 0
        self.disturbed = 0

    async def hour(self) -> None:
        """One hour: something happens somewhere in it, most of the time."""
        home, chance = self._home, self._chance
        before_s = chance.uniform(10, 3000)
        await asyncio.sleep(before_s)
        meter = chance.choice(METERS)
        await home.sim.do(f"load {meter} {chance.choice((0, 90, 400, 1200, 2600))}")
        if chance.random() < 0.5:
            self.disturbed += 1
            await self._disturb(meter)
        for account in ACCOUNTS:
            shown = home.office.live.get(account)
            if shown is not None and float(shown.balance) < 4 and home.box.is_up and chance.random() < 0.3:
                await self._sell(account)
        await asyncio.sleep(3600 - before_s)

    async def _sell(self, account: str) -> None:
        try:
            await self._home.office.topup(account, "25.00", "CHF", timeout_s=30)
            self.sold += 1
        except NoAnswer:
            return  # the broker went away: it is sent again with the next sale

    async def _disturb(self, meter: str) -> None:
        home, chance = self._home, self._chance
        match chance.randrange(8):
            case 0:
                home.box.down()
                asyncio.get_running_loop().call_later(chance.uniform(1, 5000), home.box.up)
            case 1:
                await home.sim.do("unplug lan-b")
                asyncio.get_running_loop().call_later(
                    chance.uniform(1, 900), lambda: asyncio.ensure_future(home.sim.do("replug lan-b"))
                )
            case 2:
                home.clocks.stepped_ms += chance.choice((-86_400_000, -60_000, 30_000, 3_600_000))
            case 3:
                junk = chance.randbytes(chance.choice((0, 10, 300, 20_000)))
                for _ in range(50):
                    home.box.take(home.office.topics.command, junk, retain=False, lossy=False)
            case 4:
                await home.sim.do(f"fault board {chance.choice(BOARD_SPOILS)}")
            case _:
                await home.sim.do(f"fault {meter} {chance.choice(SPOILS)}")


async def _run(folder: Path, clocks: Hurried, count: _Count, *, seed: int, size: int) -> dict[str, Any]:
    box, chance = Postbox(seed, again=0.05, lost=0.01), random.Random(seed)
    keeper = gauge.Looks(LOOKS)
    async with living(folder, clocks, box, poll_s=POLL_S) as home:
        life = _Life(home, chance)
        while count.polls < size:
            await life.hour()
            if keeper.due(count.polls, size):
                keeper.look(count.polls)
        days, looks = clocks.monotonic() / 86_400, keeper.taken()
        await home.quiet()
        rows, intervals = home.office.place
    with closing(sqlite3.connect(folder / "data" / "store.db")) as store:
        (kept,) = store.execute("SELECT count(*) FROM journal").fetchone()
    return {
        "polls": count.polls,
        "virtual days": round(days, 1),
        "bytes per poll (second half)": round(gauge.slope(looks), 3),
        "held at the end, MB": round(looks[-1].held_bytes / 1e6, 2),
        "files": looks[-1].files,
        "files risen by": gauge.risen(looks, "files"),
        "threads risen by": gauge.risen(looks, "threads"),
        "tasks risen by": gauge.risen(looks, "tasks"),
        "sessions": box.sessions,
        "troubles made": life.disturbed,
        "top-ups": life.sold,
        "journal rows per account and day": round(kept / days / len(ACCOUNTS), 1),
        "journal rows received": rows,
        "quarter-hours received": intervals,
        "store, kB per day": round((folder / "data" / "store.db").stat().st_size / days / 1000, 1),
    }


def prove(seed: int, size: int, *, leak: bool = False) -> list[str]:
    """`size` polls; what is wrong, nothing if all is well."""
    begun_s = time.monotonic()
    with (
        TemporaryDirectory() as folder,
        hurrying(STARTED_UTC_S, synchronised=False) as (loop, clocks),
        counting(leak=leak) as count,
    ):
        figures = loop.run_until_complete(_run(Path(folder), clocks, count, seed=seed, size=size))
    figures["seconds"] = took(begun_s)
    print(figures)
    if not leak and size >= TELLING:
        record("endurance-polls", figures)
    wrong = []
    if figures["bytes per poll (second half)"] >= max(SLOPE_MAX, SWING_MAX * 2 / size):
        wrong.append(f"memory grows by {figures['bytes per poll (second half)']} bytes per poll")
    wrong += [f"more {what} than before" for what in ("files", "threads", "tasks") if figures[f"{what} risen by"]]
    if figures["journal rows per account and day"] > ROWS_PER_ACCOUNT_DAY_MAX:
        wrong.append(f"{figures['journal rows per account and day']} journal rows per account and day")
    return wrong
