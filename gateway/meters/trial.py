"""A trial of the supply switch, asked for by a person on site: open, read back, close, read back.

It runs inside the meter's own poll, so nothing else moves the switch meanwhile, and only where supply is due and the
switch is closed: it never gives what the account is not entitled to. Whatever fails, the last word is "closed", unless
supply has ceased to be due meanwhile: whoever locks it out then has hands on the wires. Should the process die in
between, the next start finds an open switch where supply is due and closes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.errors import MeterError
from gateway.meters.meter import Meter
from gateway.prepayment.supply import SwitchState

OPEN_S = 1.0
CLOSE_TRIES = 5
CLOSE_PAUSE_S = 0.5
NOT_DUE = "supply is not due any more: the switch stays open"


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it: times from the command to the confirmed read-back, None where it was not confirmed."""

    opened_ms: int | None
    closed_ms: int | None
    trouble: str = ""


class Trials:
    """Whoever asks for a trial, until the next poll has made it."""

    def __init__(self) -> None:
        self._asked: asyncio.Future[Trial | None] | None = None

    @property
    def wanted(self) -> bool:
        """Somebody waits for one."""
        return self._asked is not None

    def ask(self) -> asyncio.Future[Trial | None]:
        """A trial at the next poll: what came of it; None when supply is not due there, or not on; or MeterError."""
        if self._asked is None:
            self._asked = asyncio.get_running_loop().create_future()
        return self._asked

    async def made(self, meter: Meter, clock: Clock, due: Callable[[], bool]) -> Trial | None:
        """Make the trial somebody has asked for, if it is `due` now; None when none was made."""
        asked, self._asked = self._asked, None
        if asked is None or asked.cancelled():
            return None
        trial = await tried(meter, clock, due) if due() else None
        if not asked.cancelled():
            asked.set_result(trial)
        return trial

    def failed(self, error: MeterError) -> None:
        """The poll failed, so there is none."""
        asked, self._asked = self._asked, None
        if asked is not None and not asked.cancelled():
            asked.set_exception(error)


async def tried(meter: Meter, clock: Clock, due: Callable[[], bool]) -> Trial:
    """Open the switch of this meter now, and close it while that is `due`; `trouble` is what a MeterError said."""
    opened_ms, trouble = await _moved(meter, clock, SwitchState.DISCONNECTED)
    await clock.sleep(OPEN_S)
    closed_ms = None
    for _ in range(CLOSE_TRIES):
        if not due():
            return Trial(opened_ms, None, NOT_DUE)
        closed_ms, why = await _moved(meter, clock, SwitchState.CONNECTED)
        if closed_ms is not None:
            break
        trouble = why
        await clock.sleep(CLOSE_PAUSE_S)
    return Trial(opened_ms, closed_ms, trouble)


async def _moved(meter: Meter, clock: Clock, state: SwitchState) -> tuple[int | None, str]:
    began_ms = clock.monotonic_ms()
    try:
        await meter.set_switch(state)
    except MeterError as error:
        return None, str(error)
    return clock.monotonic_ms() - began_ms, ""
