"""The scripted story: one household walks down the ladder and comes back, in about half a minute.

What each step prints was published by the gateway and checked by the reference head-end; the relay is compared with
the simulator as well, which knows where the contact really stands. The first thing that is not as promised ends it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from gateway.commands import Command
from gateway.commands.protection import LockoutReleaseBody, LockoutSetBody
from gateway.demo.files import CURRENCY, FLAT, PLACES, SHOP
from gateway.demo.programs import StageError
from gateway.demo.scene import Recorder, rounded
from gateway.demo.stage import Plan, Stage, set_up
from gateway.errors import GatewayError
from gateway.headend.payloads import Live
from gateway.reference.chain import Checked
from gateway.reference.headend import NoAnswer

TOP_UP = "20.00"
BACK_WITHIN_MS = 1000
WHOLE_WITHIN_S = 60.0
LIMIT_W = 495
"""15 % of the available power of a 3 kW contract, which is 3300 W (S1-11)."""
LADDER = ["LOW_CREDIT", "GRACE", "LIMITED", "SUSPENDED", "NORMAL"]
_TRUTH_EVERY_S = 0.01


class StoryFailed(GatewayError):
    """A step did not happen as promised: what was expected and what was seen instead."""


async def tell(plan: Plan) -> None:
    """Play the story. Raises StoryFailed or StageError."""
    recorder = Recorder(PLACES)
    troubles: list[str] = []
    began_s = time.monotonic()

    def on_live(live: Live) -> None:
        recorder.live(live, time.monotonic() - began_s)

    async with set_up(plan, on_row=recorder.row, on_live=on_live, on_trouble=troubles.append) as stage:
        story = _Story(stage, recorder, began_s)
        print(f"     s  {'step':<14}{'balance':>10}      {'limit':>6}  {'relay read back':<16}")
        try:
            await story.play()
        except (StoryFailed, NoAnswer, StageError) as error:
            said = f"\nthe daemon said at the end:\n{stage.daemon.tail()}" if stage.daemon.running else ""
            heard = f"\nthe head-end noticed: {'; '.join(troubles[-3:])}" if troubles else ""
            raise StoryFailed(f"step {story.step}: {error}{heard}{said}") from error


class _Story:
    def __init__(self, stage: Stage, recorder: Recorder, began_s: float) -> None:
        self.step = "start"
        self._stage = stage
        self._recorder = recorder
        self._began_s = began_s

    async def play(self) -> None:
        """All steps in their order, in under a minute."""
        try:
            async with asyncio.timeout(WHOLE_WITHIN_S - self._elapsed()):
                await self._steps()
        except TimeoutError:
            raise StoryFailed(f"expected the whole story within {WHOLE_WITHIN_S:g} s; {self._seen()}") from None

    async def _steps(self) -> None:
        await self._begin()
        await self._spend()
        await self._limited()
        await self._lock_out()
        await self._suspended()
        await self._top_up()
        await self._chain()

    async def _begin(self) -> None:
        self.step = "NORMAL"
        await self._until("the time proven by a signed answer", lambda: self._recorder.trust == "AUTHENTICATED", 15)
        for place in PLACES:
            await self._until(
                f"{place.account_id} read over Modbus and NORMAL",
                partial(self._ready, place.account_id),
                15,
            )
            await self._line("NORMAL", place.account_id, f"{place.name}: {place.wire}")
        await self._stage.simulator.say(f"load {FLAT.device} {FLAT.big_load_w}")

    async def _spend(self) -> None:
        await self._arrive("LOW_CREDIT", "CONNECTED", 15, "the oven is on; the customer is warned", "low")
        await self._arrive("GRACE", "CONNECTED", 15, "credit used up, supply goes on, the customer is told", "grace")

    async def _limited(self) -> None:
        await self._arrive("LIMITED", "CONNECTED", 15, "15 % of 3300 W available (3 kW contract)", "limited")
        shown_w = self._recorder.account(FLAT.account_id).limit_w
        self._check(shown_w == LIMIT_W, f"a power limit of {LIMIT_W} W", f"{shown_w} W")
        self.step = "limiter"
        await self._until("a warning of the limiter", lambda: self._happened("limit.warning"), 10)
        await self._until(
            "the limiter opens the supply",
            lambda: self._happened("limit.trip") and self._shows(FLAT.account_id, "LIMITED", "DISCONNECTED"),
            10,
        )
        await self._line(
            "  trip", FLAT.account_id, f"{FLAT.big_load_w} W were too much; warned, then off", closed=False
        )
        await self._stage.simulator.say(f"load {FLAT.device} 300")
        await self._until(
            "the limiter closes the supply by itself",
            lambda: self._happened("limit.reclosed") and self._shows(FLAT.account_id, "LIMITED", "CONNECTED"),
            10,
        )
        await self._line("  closed again", FLAT.account_id, "by itself; the oven is off, 300 W stay on")

    async def _lock_out(self) -> None:
        """While the limit lasts: the other meter's relay board, over TCP."""
        self.step = "lock-out"
        headend, at = self._stage.headend, SHOP.account_id
        verdict = await headend.command(Command.LOCKOUT_SET, LockoutSetBody(at, "work on the installation"))
        self._check(verdict.status == "applied", "a lock-out that is applied", f"{verdict.status} {verdict.reason}")
        await self._until("the relay board opens", lambda: self._shows(at, "NORMAL", "DISCONNECTED"), 5)
        await self._line("  lock-out", at, "signed safety lock-out of the shop", closed=False)
        verdict = await headend.command(Command.LOCKOUT_RELEASE, LockoutReleaseBody(at))
        self._check(verdict.status == "applied", "a release that is applied", f"{verdict.status} {verdict.reason}")
        await self._until("the relay board closes", lambda: self._shows(at, "NORMAL", "CONNECTED"), 5)
        await self._line("  released", at, "and on again")

    async def _suspended(self) -> None:
        await self._arrive("SUSPENDED", "DISCONNECTED", 35, "supply is cut", "suspended")

    async def _top_up(self) -> None:
        self.step = "top-up"
        began_s = time.monotonic()
        truth = asyncio.ensure_future(self._lights_back())
        try:
            verdict = await self._stage.headend.topup(FLAT.account_id, TOP_UP, CURRENCY)
            self._check(verdict.status == "applied", "a top-up that is applied", f"{verdict.status} {verdict.reason}")
            relay = "the relay read back CONNECTED after the top-up"
            await self._until(relay, lambda: self._shows(FLAT.account_id, "NORMAL", "CONNECTED"), 5)
            told_ms = round((time.monotonic() - began_s) * 1000)
            async with asyncio.timeout(5):
                lights_ms = round((await truth - began_s) * 1000)
        except TimeoutError:
            raise StoryFailed("expected the contact in the meter to close; it is still open") from None
        finally:
            truth.cancel()
        said = f"signed over MQTT; published -> read back in {told_ms} ms (contact closed after {lights_ms} ms)"
        self._check(told_ms < BACK_WITHIN_MS, f"supply back within {BACK_WITHIN_MS} ms", f"{told_ms} ms")
        await self._line(f"+{TOP_UP} {CURRENCY}", FLAT.account_id, said)
        await self._arrive("NORMAL", "CONNECTED", 5, "full supply, no limit", "restored")

    async def _chain(self) -> None:
        self.step = "journal"
        await self._stage.simulator.say(f"load {FLAT.device} {FLAT.base_load_w}")
        headend = self._stage.headend
        rows = headend.rows
        self._check(not headend.trouble, "a journal without a fork and messages that can be read", headend.trouble)
        numbers = [row.seq for row in rows]
        self._check(numbers == list(range(1, len(rows) + 1)), "rows numbered from 1 without a gap", f"{numbers}")
        moves = [row.body["target"] for row in rows if _is(row, "transition", FLAT.account_id)]
        self._check(moves == LADDER, f"the ladder {' -> '.join(LADDER)}", " -> ".join(moves))
        strays = [row.body["target"] for row in rows if _is(row, "transition", SHOP.account_id)]
        self._check(not strays, f"{SHOP.account_id} untouched by its neighbour", " -> ".join(strays))
        head = rows[-1]
        print(f"{self._elapsed():6.1f}  journal chain verified: {len(rows)} rows, no gap, head {head.hash[:12]}  ✓")

    async def _arrive(self, state: str, relay: str, within_s: float, said: str, notice: str) -> None:
        """Wait for a rung with its relay and its notice, and print the line."""
        self.step = state
        await self._until(
            f"{state} with the relay {relay}", lambda: self._shows(FLAT.account_id, state, relay), within_s
        )
        await self._until(
            f"the notice {notice!r} to the customer",
            lambda: any(row.body["template"] == notice for row in self._rows("notice")),
            5,
        )
        await self._line(state, FLAT.account_id, said, closed=relay == "CONNECTED")

    async def _line(self, step: str, account_id: str, said: str, *, closed: bool = True) -> None:
        """Compare with the physical truth and print."""
        device = next(place.device for place in PLACES if place.account_id == account_id)
        truth = await self._stage.simulator.device(device)
        place = "closed" if truth["supply_closed"] else "open"
        self._check(truth["supply_closed"] is closed, f"the contact {'closed' if closed else 'open'}", place)
        scene = self._recorder.account(account_id)
        limit = "-" if scene.limit_w is None else f"{scene.limit_w} W"
        balance = f"{rounded(scene.balance):>10} {scene.currency}"
        print(
            f"{self._elapsed():6.1f}  {step:<14}{balance}  {limit:>6}  {scene.relay or '?':<13} ✓  {said}", flush=True
        )

    async def _lights_back(self) -> float:
        while not (await self._stage.simulator.device(FLAT.device))["supply_closed"]:  # noqa: ASYNC110
            await asyncio.sleep(_TRUTH_EVERY_S)
        return time.monotonic()

    async def _until(self, what: str, true: Callable[[], bool], within_s: float) -> None:
        """Wait for something the gateway says; what was seen instead goes into the error."""
        waits: list[Awaitable[object]] = [self._stage.headend.until(true, within_s), self._stage.fallen()]
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            heard, fallen = tasks
            if heard.done():
                try:
                    heard.result()
                except NoAnswer:
                    raise StoryFailed(f"expected {what} within {within_s:g} s; {self._seen()}") from None
            else:
                raise StageError(str(fallen.result()))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)  # awaiting each would swallow our own cancellation

    def _seen(self) -> str:
        scenes = [self._recorder.account(place.account_id) for place in PLACES]
        seen = "; ".join(f"{s.account_id} {s.state}, {s.balance} {s.currency}, relay {s.relay}" for s in scenes)
        last = [f"{row.seq} {row.text}" for row in self._recorder.rows[-4:]]
        return f"seen: {seen}; last rows: {', '.join(last) or 'none'}"

    def _check(self, fine: bool, expected: str, seen: str) -> None:  # noqa: FBT001 - reads like an assertion
        if not fine:
            raise StoryFailed(f"expected {expected}; seen: {seen}; {self._seen()}")

    def _shows(self, account_id: str, state: str, relay: str) -> bool:
        scene = self._recorder.account(account_id)
        return scene.state == state and scene.relay == relay

    def _ready(self, account_id: str) -> bool:
        """Supplied, and its register has been read often enough to charge from."""
        opened = any(row.body["what"] == "register.opened" for row in self._rows("event", account_id))
        return opened and self._shows(account_id, "NORMAL", "CONNECTED")

    def _happened(self, what: str) -> bool:
        return any(row.body["what"] == what for row in self._rows("event"))

    def _rows(self, kind: str, account_id: str = FLAT.account_id) -> list[Checked]:
        return [row for row in self._stage.headend.rows if _is(row, kind, account_id)]

    def _elapsed(self) -> float:
        return time.monotonic() - self._began_s


def _is(row: Checked, kind: str, account_id: str) -> bool:
    body: dict[str, Any] = row.body
    return bool(body["type"] == kind and body.get("account_id") == account_id)
