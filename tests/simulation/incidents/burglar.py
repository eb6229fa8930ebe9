"""Somebody at the console who has no business there (threat 22): guesses, replays, reboots, asks for more.

The burglar has all the time there is, the plug of the gateway and its clock, and every code that was ever read out.
"""

from __future__ import annotations

import asyncio
import random
from functools import partial
from typing import Any

from tests.simulation.console import Line, LineLost
from tests.simulation.incidents import incident
from tests.simulation.incidents.technician import PASSWORD, REAL, ROSSI, at_line
from tests.simulation.phone import with_check_digits
from tests.simulation.site import GATEWAY
from tests.simulation.till import NANO
from tests.simulation.who_may import ACTIONS
from tests.simulation.world import DAY_S, HOUR_S, World

FAMILY = "burglar"
_PASSWORDS = ("admin", "1234", "Password1!", PASSWORD.upper(), "", "x" * 128)
_NAMES = (ROSSI, "bianchi", "root", "supervisor")


def _for_hours(world: World, chance: random.Random, guess: Any) -> None:
    """Guess again and again; meanwhile reboot, or turn the clock, to get rid of the lock."""
    every_s = chance.choice((20.0, 61.0, 300.0, 1800.0))
    for number in range(chance.choice((8, 40, 120))):
        at_s = number * every_s * chance.uniform(0.8, 1.2)
        world.meanwhile(at_s, partial(at_line, world, "burglar", guess))
        trick = chance.random()
        if trick < 0.10:
            world.meanwhile(at_s + chance.uniform(0.0, 2.0), partial(world.cut, 5.0))
        elif trick < 0.15:
            world.meanwhile(at_s + 1.0, world.process.kill)
        elif trick < 0.20:
            world.meanwhile(at_s + 1.0, partial(_turn, world, chance.choice((HOUR_S, DAY_S, -HOUR_S))))


def _turn(world: World, seconds: float) -> None:
    world.machine.ahead_ms += round(seconds * 1000)
    world.meanwhile(600.0, world.machine.ask_servers)


@incident(FAMILY, 0.7)
def guesses_passwords(world: World, chance: random.Random) -> None:
    """Names and passwords out of a list, for hours."""

    async def guess(line: Line) -> None:
        await line.ask("login", name=chance.choice(_NAMES), password=chance.choice(_PASSWORDS))

    _for_hours(world, chance, guess)


@incident(FAMILY, 0.6)
def guesses_answers(world: World, chance: random.Random) -> None:
    """One-time codes, each with right check digits."""

    async def guess(line: Line) -> None:
        shown = await line.ask("challenge", name=ROSSI, role="supervisor")
        if shown["ok"]:
            digits = f"{chance.randrange(10**12):012d}"
            await line.ask("login", code=f"{digits}{98 - int(digits) * 100 % 97:02d}")

    _for_hours(world, chance, guess)


@incident(FAMILY, 0.6)
def guesses_credit(world: World, chance: random.Random) -> None:
    """Credit codes that look right."""

    async def guess(line: Line) -> None:
        code = with_check_digits(f"{chance.randrange(2**104):032d}")
        await line.ask("topup.code", code=code, account=world.center.account_id)

    _for_hours(world, chance, guess)


@incident(FAMILY, 0.7)
def cuts_while_judged(world: World, chance: random.Random) -> None:
    """The plug is pulled a moment after each guess, so that the failure is never written, one hopes."""

    def guess_and_cut() -> None:
        async def guess(line: Line) -> None:
            await line.ask("login", name=chance.choice(_NAMES), password=chance.choice(_PASSWORDS))

        at_line(world, "burglar", guess)
        world.meanwhile(chance.uniform(0.0, 0.5), partial(world.cut, 5.0))

    for number in range(40):
        world.meanwhile(number * 100.0, guess_and_cut)


@incident(FAMILY, 1.0)
def replays_credit(world: World, chance: random.Random) -> None:
    """Codes that were used, of another account, of another gateway, of a number to come."""

    def code() -> str:
        phone, kind = world.phone, chance.randrange(4)
        if kind == 0 and phone.texts:
            return chance.choice(phone.texts)[1]
        number, total_nano = chance.randint(1, 9), chance.choice((5, 50, 400)) * NANO
        gateway = chance.choice((GATEWAY, "gw-other"))
        account = chance.choice(("A1", "A2", "A9")) if gateway != GATEWAY else "A9"
        return phone.code(gateway, account, number, total_nano)

    async def replay(line: Line) -> None:
        for _ in range(chance.choice((1, 3))):
            await line.ask("topup.code", code=code(), account=chance.choice((world.center.account_id, "A1", "A9")))
            await asyncio.sleep(chance.choice((1.0, 90.0)))

    for number in range(chance.choice((1, 4, 12))):
        world.meanwhile(number * chance.uniform(600, 7200), partial(at_line, world, "burglar", replay))


@incident(FAMILY, 1.0)
def replays_answers(world: World, chance: random.Random) -> None:
    """An answer once overheard, one for another gateway, role or name, one that comes too late, one used twice."""

    async def replay(line: Line) -> None:
        shown = await line.ask("challenge", name=ROSSI, role="technician")
        if not shown["ok"]:
            return
        data, phone = shown["data"], world.phone
        right = (GATEWAY, data["name"], data["role"], data["challenge"])
        way = chance.randrange(5)
        if way == 0:
            await line.ask("login", code=phone.answer("gw-other", *right[1:]))
        elif way == 1:
            await line.ask("login", code=phone.answer(right[0], right[1], "supervisor", right[3]))
        elif way == 2:
            await asyncio.sleep(chance.choice((31 * 60.0, 5 * HOUR_S)))
            await line.ask("login", code=phone.answer(*right))
        elif way == 3:
            other = world.process.console.line("burglar's other")
            await other.ask("login", code=phone.answer(*right))
            await other.ask("challenge", name=ROSSI, role="technician")
            await other.ask("login", code=phone.answer(*right))
        else:  # the technician's own code, taken from the paper he left behind
            await line.ask("login", code=phone.answer(*right))
            again = await line.ask("login", code=phone.answer(*right))
            if again["ok"]:
                await line.ask("override.set", reason="mine", account=world.center.account_id)
        await _more(line, world)

    at_line(world, "burglar", replay)


@incident(FAMILY, 1.0)
def asks_for_more(world: World, chance: random.Random) -> None:
    """Everything there is, without a log-in or as a mere viewer; nonsense as arguments."""

    async def asks(line: Line) -> None:
        if chance.random() < 0.5:
            await line.ask("login", name="bianchi", password=PASSWORD)
        for do in chance.sample(sorted(ACTIONS), len(ACTIONS)):
            if do not in ("login", "logout", "passwd", *REAL):
                await line.ask(do, **chance.choice(_NONSENSE))
        await _more(line, world)

    at_line(world, "burglar", asks)


async def _more(line: Line, world: World) -> None:
    """What would be worth the trouble."""
    account = world.center.account_id
    try:
        await line.ask("override.set", reason="mine", account=account)
        await line.ask("safety.off", reason="mine", account=account)
        await line.ask("meter.try", meter="m1", reason="mine")
        await line.ask("user.add", name="mallory", role="supervisor", password="Mallory-1!")
    except LineLost:
        return


_NONSENSE: tuple[dict[str, Any], ...] = (
    {}, {}, {"account": "A1"}, {"account": "A9"}, {"reason": "mine"}, {"account": "A1", "reason": "mine"},
    {"meter": "m1", "reason": "mine"}, {"name": "mallory", "role": "supervisor", "password": "Mallory-1!"},
    {"name": ["x"]}, {"account": "A1", "value_wh": -1}, {"token": "a.b.c"}, {"bus": "lan"}, {"account": {}},
)  # fmt: skip
