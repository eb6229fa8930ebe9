"""One meter, one account, one loop body: read, post, compare, correct. Facts by transaction, control by reconciliation.

    meter.read() -> desk.post(Reading) -> control(account, terms) -> limiter -> differs from what was observed? -> act

Nothing is remembered about what was commanded: each poll starts from what the device shows, so a lost command, a relay
moved by hand and a restart all heal in the same way. Opening is careful (a dwell after closing, five tries with growing
pauses, then an alarm and an hour of rest); closing is tried at every poll for ever (decisions 11 and 15).

A failing *read* goes up to the bus task, which leaves the meter alone for a while. A failing *actuator* ends here, as
an event: it must not stop the meter from being charged, nor its neighbours from being read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from gateway.clock import Clock
from gateway.errors import MeterError
from gateway.meters.breaker import FAILURES_UNTIL_SILENT
from gateway.meters.limiter import LimiterRules, LimiterState, Sample, step
from gateway.meters.meter import Meter, Observation
from gateway.prepayment.account import Account, Outcome, Terms
from gateway.prepayment.events import MeterEvent, Reading
from gateway.prepayment.step import control
from gateway.prepayment.supply import Control, SwitchState

REREAD_AFTER_MS = 500
MOST_REREADS = 3
DWELL_AFTER_CLOSE_MS = 10_000
OPEN_TRIES = 5
OPEN_REST_MS = 3_600_000


class Desk(Protocol):
    """What the poll needs of the teller."""

    async def post(self, account_id: str, event: Reading | MeterEvent) -> Outcome:
        """Apply and record one event; returns after the commit, if one was needed."""
        ...

    def account(self, account_id: str) -> Account | None:
        """The account as it is now; None while it is not open."""
        ...

    def terms(self, account_id: str) -> Terms:
        """The installation at the account's delivery point."""
        ...


Seen = Callable[[str, Observation], None]
"""Told after each poll: account id and what was observed, with the switch as it is after the poll's own action."""


class Poll:
    """The `Job` of one meter on its bus."""

    def __init__(
        self,
        meter: Meter,
        account_id: str,
        desk: Desk,
        clock: Clock,
        *,
        period_ms: int,
        limiter: LimiterRules | None = None,
        seen: Seen | None = None,
    ) -> None:
        self.meter_id = meter.meter_id
        self.account_id = account_id
        self.period_ms = period_ms
        self._meter = meter
        self._desk = desk
        self._clock = clock
        self._rules = limiter
        self._seen = seen
        self._limiter = LimiterState()
        self._woken = False
        self._missed = 0
        self._rereads = 0
        self._alarms: dict[str, int] = {}
        self._confirmed: SwitchState | None = None
        self._closed_at_ms: int | None = None
        self._open_tries = 0
        self._open_at_ms = 0

    async def run(self) -> int | None:
        """See `Job`: one poll; raises `MeterError` when the meter could not be read."""
        woken, self._woken = self._woken, False
        try:
            observed = await self._meter.read()
        except MeterError:
            if woken:
                await self._restore_without_reading()
            raise
        if self._desk.account(self.account_id) is None:
            self._tell(observed)
            return None
        if self._missed >= FAILURES_UNTIL_SILENT:
            await self._happened("meter.back", ("missed", self._missed))
        self._missed = 0
        outcome = await self._desk.post(self.account_id, self._reading(observed))
        account = self._desk.account(self.account_id) or outcome.account
        terms = self._desk.terms(self.account_id)
        observed = await self._reconcile(control(account, terms), observed, terms)
        self._tell(observed)
        if not outcome.reread:
            self._rereads = 0
            return None
        self._rereads += 1
        return REREAD_AFTER_MS if self._rereads <= MOST_REREADS else None

    async def failed(self, error: MeterError, failures: int) -> None:
        """See `Job`: the third miss in a row is put on record, once."""
        del failures  # the bus counts only what the meter is to blame for; the record counts every missed poll
        self._missed += 1
        if self._missed == FAILURES_UNTIL_SILENT and self._desk.account(self.account_id) is not None:
            await self._happened("meter.silent", ("reason", str(error)))

    def wake(self) -> None:
        """See `Job`: a top-up was booked; no back-off stands in the way of the next poll."""
        self._woken = True
        self._open_tries = 0
        self._open_at_ms = 0
        self._meter.wake()

    def _reading(self, observed: Observation) -> Reading:
        return Reading(
            at=self._clock.now(),
            import_wh=observed.import_wh,
            quantum_wh=observed.quantum_wh,
            export_wh=observed.export_wh,
            power_w=observed.power_w,
            serial=observed.serial,
            defect=observed.defect,
        )

    async def _reconcile(self, wanted: Control, observed: Observation, terms: Terms) -> Observation:
        """Make the device what the account says; returns the observation with what was changed."""
        if self._meter.can_limit:
            observed = await self._reconcile_limit(wanted, observed)
        if not self._meter.can_switch:
            return observed
        closed = wanted.switch is SwitchState.CONNECTED
        reason = wanted.reason
        if self._rules is not None:
            await self._limit_by_switching(wanted.limit_w if closed else None, observed, terms)
            if closed and self._limiter.wants_open:
                closed, reason = False, "over_limit"
        await self._watch_switch(observed)
        shown = observed.switch
        if shown is not None and (shown is SwitchState.CONNECTED) == closed:
            self._confirmed = shown
            await self._cleared("switch.not_confirmed")
            return observed
        moved = await (self._close(reason) if closed else self._open(reason))
        return observed if moved is None else replace(observed, switch=moved, switch_trouble=None)

    async def _reconcile_limit(self, wanted: Control, observed: Observation) -> Observation:
        if observed.limit_w == wanted.limit_w:
            await self._cleared("limit.not_confirmed")
            return observed
        try:
            await self._meter.set_limit_w(wanted.limit_w)
        except MeterError as error:
            await self._alarm("limit.not_confirmed", str(error))
            return observed
        await self._cleared("limit.not_confirmed")
        await self._happened("limit.set", ("limit_w", -1 if wanted.limit_w is None else wanted.limit_w))
        return replace(observed, limit_w=wanted.limit_w)

    async def _limit_by_switching(self, limit_w: int | None, observed: Observation, terms: Terms) -> None:
        assert self._rules is not None
        sample = Sample(self._clock.monotonic_ms(), observed.import_wh, observed.quantum_wh, observed.power_w)
        self._limiter, events = step(self._limiter, self._rules, sample, limit_w, terms.rated_power_w)
        for event in events:
            await self._happened(
                event.what, ("mean_w", event.mean_w), ("limit_w", event.limit_w), ("seconds", event.seconds)
            )

    async def _watch_switch(self, observed: Observation) -> None:
        """Tell when the switch cannot be read, and when somebody else moved it."""
        if observed.switch is None:
            await self._alarm("switch.unreadable", observed.switch_trouble or "")
            return
        await self._cleared("switch.unreadable")
        if self._confirmed is not None and observed.switch is not self._confirmed:
            await self._happened("switch.moved_by_others", ("was", self._confirmed), ("is", observed.switch))
        self._confirmed = observed.switch

    async def _close(self, reason: str) -> SwitchState | None:
        self._open_tries = 0
        self._open_at_ms = 0
        return await self._move(SwitchState.CONNECTED, reason)

    async def _open(self, reason: str) -> SwitchState | None:
        now_ms = self._clock.monotonic_ms()
        if self._closed_at_ms is not None and now_ms - self._closed_at_ms < DWELL_AFTER_CLOSE_MS:
            return None
        if now_ms < self._open_at_ms:
            return None
        moved = await self._move(SwitchState.DISCONNECTED, reason)
        if moved is not None:
            self._open_tries = 0
            self._open_at_ms = 0
            return moved
        self._open_tries += 1
        if self._open_tries < OPEN_TRIES:
            self._open_at_ms = now_ms + (1 << (self._open_tries - 1)) * self.period_ms
        else:
            self._open_tries = 0
            self._open_at_ms = now_ms + OPEN_REST_MS
            await self._happened("switch.stuck_closed", ("tries", OPEN_TRIES), ("rest_s", OPEN_REST_MS // 1000))
        return None

    async def _move(self, state: SwitchState, reason: str) -> SwitchState | None:
        """One attempt; None when it failed, which is told once until it succeeds."""
        try:
            await self._meter.set_switch(state)
        except MeterError as error:
            await self._alarm("switch.not_confirmed", str(error))
            return None
        self._confirmed = state
        if state is SwitchState.CONNECTED:
            self._closed_at_ms = self._clock.monotonic_ms()
        await self._cleared("switch.not_confirmed")
        await self._happened("switch.closed" if state is SwitchState.CONNECTED else "switch.opened", ("reason", reason))
        return state

    async def _restore_without_reading(self) -> None:
        """A top-up came while the meter is silent: a separate relay may still answer, and restoration never waits."""
        account = self._desk.account(self.account_id)
        if account is None or not self._meter.can_switch:
            return
        wanted = control(account, self._desk.terms(self.account_id))
        if wanted.switch is not SwitchState.CONNECTED or wanted.limit_w is not None:
            return
        try:
            shown = await self._meter.read_switch()
        except MeterError:
            return  # the meter's own silence is about to be told
        if shown is not SwitchState.CONNECTED:
            await self._close(wanted.reason)

    async def _alarm(self, what: str, reason: str) -> None:
        """Tell a trouble at its first poll; later polls of the same trouble are only counted."""
        self._alarms[what] = self._alarms.get(what, 0) + 1
        if self._alarms[what] == 1:
            await self._happened(what, ("reason", reason))

    async def _cleared(self, what: str) -> None:
        """Tell that a trouble is over, if it was told."""
        if polls := self._alarms.pop(what, 0):
            await self._happened(f"{what}.over", ("polls", polls))

    async def _happened(self, what: str, *detail: tuple[str, str | int]) -> None:
        event = MeterEvent(self._clock.now(), what, (("meter_id", self.meter_id), *detail))
        await self._desk.post(self.account_id, event)

    def _tell(self, observed: Observation) -> None:
        if self._seen is not None:
            self._seen(self.account_id, observed)
