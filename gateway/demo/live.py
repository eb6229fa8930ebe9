"""The live view: the stage in a terminal, with keys that do what a household, a utility or a bad day would do."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress

from rich.console import Console
from rich.live import Live as LiveScreen

from gateway.commands import Command
from gateway.commands.protection import LockoutReleaseBody, LockoutSetBody
from gateway.demo.files import CURRENCY, PLACES
from gateway.demo.keyboard import keys
from gateway.demo.picture import render
from gateway.demo.programs import StageError
from gateway.demo.scene import Recorder, Snapshot
from gateway.demo.stage import Plan, Stage, set_up
from gateway.headend.payloads import Live
from gateway.reference.chain import Checked
from gateway.reference.headend import NoAnswer

TOP_UP = "10.00"
REFRESH_S = 0.25
_ANSWER_WITHIN_S = 5.0
_WELCOME = "The oven of account 1 is on and its credit runs out: watch, then press t."


async def show(plan: Plan) -> None:
    """Run until q or a signal. Raises StageError when something of the demonstration ends by itself."""
    view = View()
    async with set_up(plan, on_row=view.row, on_live=view.live) as stage:
        await view.run(stage)


class View:
    """What the person at the keyboard sees and does."""

    def __init__(self) -> None:
        self._recorder = Recorder(PLACES)
        self._began_s = time.monotonic()
        self._news = asyncio.Event()
        self._quit = asyncio.Event()
        self._selected = 0
        self._loads = [True, True]
        self._lines = [True, True]
        self.note = _WELCOME
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._stage: Stage | None = None
        self._actions: dict[str, Callable[[Stage], Coroutine[None, None, None]]] = {
            "t": self._top_up,
            "l": self._load,
            "b": self._broker,
            "m": self._meter,
            "s": self._lock_out,
        }

    def row(self, row: Checked) -> None:
        """A checked journal row."""
        self._recorder.row(row)
        self._news.set()

    def live(self, live: Live) -> None:
        """A live value."""
        self._recorder.live(live, self._elapsed())
        self._news.set()

    def watch(self, stage: Stage) -> None:
        """This is what the pictures are of."""
        self._stage = stage

    async def run(self, stage: Stage) -> None:
        """Draw until somebody quits."""
        self.watch(stage)
        for place in PLACES:
            await stage.simulator.say(f"load {place.device} {place.big_load_w}")
        console = Console()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGWINCH, self._news.set)
        fallen = asyncio.ensure_future(stage.fallen())
        try:
            with (
                keys(sys.stdin.fileno(), self.press),
                LiveScreen(console=console, screen=True, auto_refresh=False, transient=True) as screen,
            ):
                while not self._quit.is_set():
                    if fallen.done():
                        raise StageError(fallen.result())
                    size = console.size
                    screen.update(render(self.snapshot(), size.width, size.height), refresh=True)
                    await self._pause()
        finally:
            loop.remove_signal_handler(signal.SIGWINCH)
            await self._end([fallen, *self._busy.values()])

    def press(self, key: str) -> None:
        """One key. While an action runs, the same key does nothing."""
        if key in ("q", "Q", "\x03", "\x04"):
            self._quit.set()
        elif key in ("1", "2"):
            self._selected = int(key) - 1
        elif key == "\t":
            self._selected = (self._selected + 1) % len(PLACES)
        elif key in self._actions and self._stage is not None and key not in self._busy:
            task = asyncio.ensure_future(self._act(self._actions[key](self._stage)))
            self._busy[key] = task
            task.add_done_callback(lambda _: self._busy.pop(key))
        self._news.set()

    def snapshot(self) -> Snapshot:
        """What is known now."""
        at_s = self._elapsed()
        headend = self._stage.headend if self._stage is not None else None
        status = headend.status if headend is not None else None
        heard = headend is not None and headend.link.session > 0
        return Snapshot(
            accounts=self._recorder.accounts(at_s),
            rows=self._recorder.rows,
            elapsed_s=at_s,
            selected=self._selected,
            broker=self._stage is not None and self._stage.broker.running,
            gateway=heard and status is not None and status.online,
            trust=self._recorder.trust,
            lines=tuple(self._lines),
            loads=tuple(self._loads),
            verified=self._recorder.verified,
            trouble=headend.trouble if headend is not None else "",
            note=self.note,
        )

    async def _act(self, action: Awaitable[None]) -> None:
        try:
            await action
        except (NoAnswer, StageError) as error:
            self.note = str(error).splitlines()[0]
        self._news.set()

    async def _top_up(self, stage: Stage) -> None:
        place = PLACES[self._selected]
        dark = self._recorder.account(place.account_id).relay == "DISCONNECTED"
        self.note = f"selling {TOP_UP} {CURRENCY} to {place.account_id} ..."
        began_s = time.monotonic()
        try:
            verdict = await stage.headend.topup(place.account_id, TOP_UP, CURRENCY, timeout_s=_ANSWER_WITHIN_S)
        except NoAnswer as error:
            raise NoAnswer(f"{error}; the sale is kept and goes out before the next one") from error
        answered_ms = round((time.monotonic() - began_s) * 1000)
        if verdict.status != "applied":
            self.note = f"top-up {verdict.status}: {verdict.reason}"
            return
        self.note = f"top-up of {TOP_UP} {CURRENCY} applied in {answered_ms} ms, signed over MQTT"
        receipt = verdict.journal_seq or 0  # the row after the one that says what became of the supply
        await stage.headend.until(lambda: self._recorder.verified >= receipt, _ANSWER_WITHIN_S)
        scene = self._recorder.account(place.account_id)
        if dark and scene.state not in ("SUSPENDED", "TERMINATED") and not scene.lockout:
            await stage.headend.until(
                lambda: self._recorder.account(place.account_id).relay == "CONNECTED", _ANSWER_WITHIN_S
            )
            back_ms = round((time.monotonic() - began_s) * 1000)
            self.note = f"{TOP_UP} {CURRENCY} and the lights are back: relay read back CONNECTED after {back_ms} ms"
        elif dark:
            self.note += "; not enough to come back"

    async def _load(self, stage: Stage) -> None:
        at = self._selected
        place = PLACES[at]
        on = not self._loads[at]
        watts = place.big_load_w if on else place.base_load_w
        await stage.simulator.say(f"load {place.device} {watts}")
        self._loads[at] = on
        self.note = f"{place.account_id}: the {place.appliance} is {'on' if on else 'off'}, {watts} W are asked for"

    async def _broker(self, stage: Stage) -> None:
        if stage.broker.running:
            await stage.broker.stop()
            self.note = "the broker is gone: the gateway goes on by itself, the journal waits (b: back)"
        else:
            await stage.broker.start()
            self.note = "the broker is back: both sides find it by themselves, nothing is lost"

    async def _meter(self, stage: Stage) -> None:
        at = self._selected
        place = PLACES[at]
        pulled = self._lines[at]
        await stage.simulator.say(f"{'unplug' if pulled else 'replug'} {place.line}")
        self._lines[at] = not pulled
        where = f"{place.account_id}: the meter's line"
        self.note = f"{where} is pulled (m: back)" if pulled else f"{where} is back; what was used is charged"

    async def _lock_out(self, stage: Stage) -> None:
        account_id = PLACES[self._selected].account_id
        locked = self._recorder.account(account_id).lockout
        if locked:
            verdict = await stage.headend.command(
                Command.LOCKOUT_RELEASE, LockoutReleaseBody(account_id), timeout_s=_ANSWER_WITHIN_S
            )
        else:
            body = LockoutSetBody(account_id, "work on the installation")
            verdict = await stage.headend.command(Command.LOCKOUT_SET, body, timeout_s=_ANSWER_WITHIN_S)
        did = "released" if locked else "set, it wins over any credit"
        became = did if verdict.status == "applied" else f"{verdict.status}: {verdict.reason}"
        self.note = f"safety lock-out of {account_id} {became}"

    async def _pause(self) -> None:
        """Until something is new, but draw now and then: time passes on the sparkline."""
        with suppress(TimeoutError):
            async with asyncio.timeout(REFRESH_S):
                await self._news.wait()
        self._news.clear()
        await asyncio.sleep(0.03)  # news come in bursts: one picture for all

    async def _end(self, tasks: list[asyncio.Task[None] | asyncio.Task[str]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _elapsed(self) -> float:
        return time.monotonic() - self._began_s
