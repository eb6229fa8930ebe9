"""One task per bus: polls its meters at a fixed rate, one after the other, and keeps silent ones from costing the rest.

Due times lie on each meter's own grid, so a slow poll neither drifts nor is made up for by a burst. A meter that
somebody waits for (`wake`) goes first, then those that answered last time, then those that did not: on a noisy line
everybody fails now and then. After three failures in a row a meter is *silent*: it is left alone for 1, 2, 4 .. 64
polls, at most five minutes (`breaker.py`), and the silent ones together get at most one try per cycle of the others,
the longest waiting first. When the line itself is away no meter is blamed: the link opens it again with a growing pause
and all are polled when it is back.

This is the one place where `MeterError` is caught.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from gateway.clock import Clock
from gateway.errors import ConfigError, MeterError
from gateway.meters.breaker import Breaker
from gateway.meters.meter import LineAway
from gateway.meters.modbus import ModbusLink

HURRY_FIRST_MS, HURRY_MAX_MS = 1_000, 60_000
"""A meter somebody waits for is tried again after these pauses until it answers, however long its period is."""
LONGEST_WAIT_MS = 30_000
"""An idle bus goes round at least this often, so that its heartbeat tells idle from stuck."""


class Job(Protocol):
    """What a bus does for one meter at each due time."""

    meter_id: str
    period_ms: int

    async def run(self) -> int | None:
        """One poll; milliseconds until an extra poll is wanted, or None. Raises `MeterError`."""
        ...

    async def failed(self, error: MeterError) -> int | None:
        """The poll failed, through the meter's own fault or not; milliseconds until it must be tried again, or None."""
        ...

    def wake(self) -> None:
        """Somebody waits for this meter."""
        ...


@dataclass(slots=True)
class _Slot:
    job: Job
    due_ms: int
    breaker: Breaker
    woken: bool = False
    hurry_ms: int = 0
    extra_ms: int | None = None

    def ready_ms(self, now_ms: int, next_probe_ms: int) -> int:
        """When this slot may run next; an extra poll is bound by no back-off."""
        if self.woken:
            return now_ms
        due_ms = self.due_ms
        if self.breaker.silent:
            due_ms = max(due_ms, next_probe_ms, now_ms + self.breaker.wait_ms(now_ms))
        return due_ms if self.extra_ms is None else min(due_ms, self.extra_ms)


class Bus:
    """A link and the meters on it."""

    def __init__(self, link: ModbusLink, clock: Clock) -> None:
        self.bus_id = link.bus_id
        self.link = link
        self._clock = clock
        self._units: dict[int, str] = {}
        self._single: set[int] = set()
        self._slots: dict[str, _Slot] = {}
        self._changed = asyncio.Event()
        self._next_probe_ms = 0
        self.heartbeat_ms = clock.monotonic_ms()
        """When the task last went round: the watchdog of the process looks at it."""

    def claim(self, unit: int, owner: str, *, shared: bool) -> None:
        """Give a unit address to a device; a board may serve several meters, two devices never share an address."""
        taken = self._units.setdefault(unit, owner)
        if taken != owner or (not shared and unit in self._single):
            raise ConfigError(
                f"address {unit} on bus {self.bus_id} is already used by {taken}",
                key=f"{owner}: address",
                hint="every device on a bus needs an address of its own",
            )
        if not shared:
            self._single.add(unit)

    def add(self, job: Job) -> None:
        """Poll this meter from now on; `ValueError` when it is already here."""
        if job.meter_id in self._slots:
            raise ValueError(f"meter {job.meter_id} is already on bus {self.bus_id}")
        now_ms = self._clock.monotonic_ms()
        self._slots[job.meter_id] = _Slot(job, now_ms, Breaker(job.period_ms))
        self._changed.set()

    def wake(self, meter_id: str) -> bool:
        """Poll this meter now, also when it is being left alone; False when it is not on this bus."""
        slot = self._slots.get(meter_id)
        if slot is None:
            return False
        slot.woken = True
        slot.hurry_ms = HURRY_FIRST_MS
        slot.breaker.wake()
        slot.job.wake()
        self._changed.set()
        return True

    async def run(self) -> None:
        """Poll until cancelled."""
        try:
            while True:
                self.heartbeat_ms = now_ms = self._clock.monotonic_ms()
                slot, wait_ms = self._next(now_ms)
                if slot is None:
                    await self._wait(wait_ms)
                else:
                    await self._poll(slot, now_ms)
        finally:
            await self.link.close()

    def _next(self, now_ms: int) -> tuple[_Slot | None, int]:
        """The meter to poll now, or how long to wait: the woken first, who failed last, else the longest due."""
        soonest_ms = now_ms + LONGEST_WAIT_MS
        best: _Slot | None = None
        best_rank, best_ms = 0, 0
        for slot in self._slots.values():
            ready_ms = slot.ready_ms(now_ms, self._next_probe_ms)
            if ready_ms > now_ms:
                soonest_ms = min(soonest_ms, ready_ms)
                continue
            rank = 0 if slot.woken else 2 if slot.breaker.failures else 1
            since_ms = slot.due_ms if slot.breaker.silent else ready_ms
            if best is None or rank < best_rank or (rank == best_rank and since_ms < best_ms):
                best, best_rank, best_ms = slot, rank, since_ms
        return (best, 0) if best else (None, soonest_ms - now_ms)

    async def _wait(self, wait_ms: int) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(wait_ms / 1000):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _poll(self, slot: _Slot, now_ms: int) -> None:
        silent = slot.breaker.silent
        slot.woken = False
        slot.extra_ms = None
        try:
            extra_ms = await slot.job.run()
        except MeterError as error:
            now_ms = self._clock.monotonic_ms()
            if not (isinstance(error, LineAway) and error.bus_id == self.bus_id):
                slot.breaker.failed(now_ms)
            extra_ms = await slot.job.failed(error)
            if slot.hurry_ms:
                extra_ms = slot.hurry_ms if extra_ms is None else min(extra_ms, slot.hurry_ms)
                slot.hurry_ms = min(2 * slot.hurry_ms, HURRY_MAX_MS)
        else:
            slot.breaker.answered()
            slot.hurry_ms = 0
            now_ms = self._clock.monotonic_ms()
        if extra_ms is not None:
            slot.extra_ms = now_ms + extra_ms
        if silent:
            self._next_probe_ms = now_ms + self._cycle_ms(slot)
        if slot.due_ms <= now_ms:
            period_ms = slot.job.period_ms
            slot.due_ms += period_ms * ((now_ms - slot.due_ms) // period_ms + 1)

    def _cycle_ms(self, probed: _Slot) -> int:
        """One round of the meters that answer; without any, nobody needs to be spared."""
        return min(
            (slot.job.period_ms for slot in self._slots.values() if slot is not probed and not slot.breaker.failures),
            default=0,
        )
