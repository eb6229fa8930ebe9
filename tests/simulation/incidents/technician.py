"""A technician on site, and customers who ring up: log in by a challenge, look, put right, type in what was sold.

Nobody here is dishonest; fingers slip, the line goes, the phone call comes late, the same code is typed again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from tests.simulation.console import Line, LineLost
from tests.simulation.incidents import incident
from tests.simulation.site import GATEWAY
from tests.simulation.till import NANO
from tests.simulation.world import HOUR_S, World

FAMILY = "visit"
ROSSI = "M.Rossi"
PASSWORD = "Correct-Horse-7"
_AMOUNTS_NANO = (2 * NANO, 5 * NANO, 10 * NANO, 20 * NANO)
_LOOKS = (
    "status", "account.list", "account.show", "account.why", "account.ledger", "account.topups", "account.usage",
    "clock.show", "config.show", "log.show", "meter.list", "meter.show", "meter.registers", "bus.list", "alerts",
    "job.list", "outage.list", "names",
)  # fmt: skip
REAL = frozenset({"network.show", "doctor", "bus.identify", "stick.list", "stick.export"})
"""These need a network, threads or a machine, which this world has not; their own tests have."""
_ARGS: dict[str, dict[str, Any]] = {"names": {"kind": "account"}}
_WHY = "seen on site"


def at_line(world: World, name: str, doing: Callable[[Line], Awaitable[None]]) -> None:
    """Somebody sits down at the console; when the daemon goes, so do they."""

    async def sit() -> None:
        line = world.process.console.line(name)
        try:
            await doing(line)
            await line.hang_up()
        except LineLost:
            world.tell(f"line {name} is lost")

    def left(task: asyncio.Task[None]) -> None:
        world.seats.discard(task)
        if not task.cancelled():
            task.result()  # who fell over for another reason is heard of (run.py)

    task = world.loop.create_task(sit(), name=f"line {name}")
    world.seats.add(task)
    task.add_done_callback(left)


async def proven(world: World, line: Line, role: str = "technician", *, call_s: float = 60.0) -> bool:
    """Ask for a challenge, ring up, type the answer. False: not let in."""
    shown = await line.ask("challenge", name=ROSSI, role=role)
    if not shown["ok"]:
        return False
    data = shown["data"]
    await asyncio.sleep(call_s)
    code = world.phone.answer(GATEWAY, data["name"], data["role"], data["challenge"])
    return bool((await line.ask("login", code=code))["ok"])


@incident(FAMILY, 1.0)
def visit(world: World, chance: random.Random) -> None:
    """The usual: let in by a code, a look at everything, some work, and away; sometimes the call takes too long."""

    async def doing(line: Line) -> None:
        if not await proven(world, line, call_s=chance.choice((20.0, 200.0, 1200.0, 2400.0))):
            return
        for do in chance.sample(_LOOKS, 6):
            await line.ask(do, **_ARGS.get(do, {}))
            await asyncio.sleep(chance.choice((0.3, 20.0, 400.0)))
        for work in chance.sample(_WORK, 2):
            await work(world, line, chance)
        if chance.random() < 0.5:
            await line.ask("logout")
        elif chance.random() < 0.5:
            await asyncio.sleep(1000.0)  # forgotten; whoever comes next finds nobody logged in
            await line.ask("account.list")

    at_line(world, "technician", doing)


@incident(FAMILY, 0.7)
def with_a_password(world: World, chance: random.Random) -> None:
    """Enrolment by a supervisor, then days with a password, now and then mistyped, changed once."""
    role = chance.choice(("viewer", "technician"))

    async def enrol(line: Line) -> None:
        if await proven(world, line, "supervisor"):
            await line.ask("user.add", name="bianchi", role=role, password=PASSWORD)
            await line.ask("user.list")

    async def look(line: Line) -> None:
        typed = PASSWORD if chance.random() < 0.8 else PASSWORD.lower()
        if (await line.ask("login", name="bianchi", password=typed))["ok"]:
            await line.ask("status")
            await line.ask(chance.choice(("meter.registers", "safety.off", "user.list")))
            if chance.random() < 0.2:
                await line.ask("passwd", old=PASSWORD, new=PASSWORD)

    at_line(world, "supervisor", enrol)
    for number in range(chance.randint(1, 6)):
        world.meanwhile(number * 8 * HOUR_S * chance.uniform(0.3, 1) + 600, lambda: at_line(world, "bianchi", look))


@incident(FAMILY, 1.5)
def sold_by_telephone(world: World, chance: random.Random) -> None:
    """Credit as forty digits: typed at once, hours later, twice, with a slip, or never."""
    account_id = world.center.account_id
    if world.setting.post_paid is not None:
        return
    code = world.phone.sell(account_id, chance.choice(_AMOUNTS_NANO))
    if code is None:
        return
    world.tell(f"sold by telephone {code}")
    for _ in range(chance.choice((0, 1, 1, 1, 2))):
        typed = _slip(code, chance) if chance.random() < 0.15 else code
        world.meanwhile(
            chance.choice((30.0, 900.0, 20 * HOUR_S)) * chance.uniform(0.5, 2), partial(_type, world, typed)
        )


@incident(FAMILY, 0.7)
def sold_both_ways(world: World, chance: random.Random) -> None:
    """A sale that has no answer yet is read out as well: the code and its twin arrive in any order (I3)."""
    center = world.center
    if world.setting.post_paid is not None:
        return
    center.sell(center.account_id, chance.choice(_AMOUNTS_NANO))
    code = world.phone.sell(center.account_id, chance.choice(_AMOUNTS_NANO))
    if code is not None:
        world.meanwhile(chance.choice((0.0, 0.2, 5.0, HOUR_S)), partial(_type, world, code))


def _type(world: World, code: str, account: str = "") -> None:
    async def doing(line: Line) -> None:
        await line.ask("topup.code", code=code, account=account)

    at_line(world, "customer", doing)


def _slip(code: str, chance: random.Random) -> str:
    at = chance.choice([place for place, sign in enumerate(code) if sign.isdigit()])
    return f"{code[:at]}{chance.randrange(10)}{code[at + 1 :]}"


async def _override(world: World, line: Line, chance: random.Random) -> None:
    """Full supply for some hours, ended by hand or by itself."""
    args = {"reason": _WHY, "account": world.center.account_id}
    await line.ask("override.set", **args, hours=chance.choice((1, 4, 24)), energy_wh=chance.choice((500, 10_000)))
    if chance.random() < 0.4:
        await asyncio.sleep(300.0)
        await line.ask("override.end", **args)


async def _safety(world: World, line: Line, chance: random.Random) -> None:
    """Off for safety, and closed again before the technician leaves; or some other day."""
    args = {"reason": _WHY, "account": world.center.account_id}
    await line.ask("safety.on", **args)
    await asyncio.sleep(chance.choice((60.0, 700.0)))
    await line.ask("safety.off", **args)


async def _trial(world: World, line: Line, chance: random.Random) -> None:
    """The switch is opened and closed, with its read-back."""
    await line.ask("meter.try", meter="m1", reason=_WHY if chance.random() < 0.9 else "  ")


async def _reading(world: World, line: Line, chance: random.Random) -> None:
    """What the display shows."""
    shown_wh = world.meter.import_wh + chance.choice((0, 0, -200_000))
    await line.ask("reading.enter", value_wh=max(0, shown_wh), source="technician", account=world.center.account_id)


_WORK = (_override, _safety, _trial, _reading)
