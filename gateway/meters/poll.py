"""One meter, one account, one loop body: read, post, compare, correct. Facts by transaction, control by reconciliation.

    meter.read() -> desk.post(Reading) -> control(account, terms) -> limiter -> differs from what was observed? -> act

Nothing is remembered about what was commanded: each poll starts from what the device shows, so a lost command, a relay
moved by hand and a restart all heal in the same way. Opening is careful (a dwell after closing, five tries with growing
pauses, then an alarm and an hour of rest); closing is tried at every poll for ever (decisions 11 and 15), but a supply
that is ready for reconnection is closed by somebody on site (decision 14).

A failing *read* goes up to the bus task, which leaves the meter alone for a while. A switch in another device is looked
after all the same: it is closed when it must be, and opened for a safety lock-out, but never opened for money without a
reading. A failing *actuator* ends here, as an event: it must not stop the meter from being charged, nor its neighbours
from being read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from gateway.clock import Clock
from gateway.errors import MeterError
from gateway.meters.breaker import FAILURES_UNTIL_SILENT
from gateway.meters.limiter import LimiterRules, LimiterState, Phase, Sample, forgotten, step
from gateway.meters.meter import Meter, Observation
from gateway.meters.onsite import ClosedAllAlong
from gateway.meters.trial import Trials
from gateway.meters.troubles import Troubles
from gateway.prepayment.account import Account, Outcome, Terms
from gateway.prepayment.arrears import Reconnected
from gateway.prepayment.entitlement import control
from gateway.prepayment.events import MeterEvent, Reading
from gateway.prepayment.holds import mutes
from gateway.prepayment.supply import Control, SwitchState
from gateway.prepayment.tenminutes import Samples

REREAD_AFTER_MS, MOST_REREADS = 5_000, 3  # a meter that boots shows 0 for seconds, and that is no new register
OWED_FIRST_MS, OWED_MAX_MS = 1_000, 60_000
DWELL_AFTER_CLOSE_MS = 10_000
OPEN_TRIES = 5
OPEN_REST_MS = 3_600_000
WARNING, MOVED = "limit.warning", "switch.moved_by_others"
LOCKOUT = "lockout"
"""The reason `control` gives for a safety lock-out."""
VOLTAGE_EVERY_MS = 60_000
"""How often voltages are read at least while a voltage check runs, however long the periods are (S4-12)."""
OVER_LIMIT = "over_limit"
"""The limiter's own reason; its window and its trips per hour spare the contactor already."""


class Desk(Protocol):
    """What the poll needs of the teller, asked by meter: which account a meter serves may change at any time."""

    async def post(self, meter_id: str, event: Reading | MeterEvent | Reconnected) -> Outcome:
        """Apply and record one event of the account; returns after the commit, if one was needed."""
        ...

    def account(self, meter_id: str) -> Account | None:
        """The account this meter serves now; None while there is none."""
        ...

    def terms(self, meter_id: str) -> Terms:
        """The installation at the account's delivery point."""
        ...


Seen = Callable[[str, Observation], None]
"""Told after each poll: meter id and what was observed, with the switch as it is after the poll's own action."""


class Poll:
    """The `Job` of one meter on its bus."""

    def __init__(
        self,
        meter: Meter,
        desk: Desk,
        clock: Clock,
        *,
        period_ms: int,
        limiter: LimiterRules | None = None,
        seen: Seen | None = None,
    ) -> None:
        self.meter_id = meter.meter_id
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
        self._owed_ms = 0
        self._troubles = Troubles()
        self._confirmed: SwitchState | None = None
        self._found: SwitchState | None = None
        self._all_along = ClosedAllAlong()
        self._untold = False
        self._closed_at_ms = -DWELL_AFTER_CLOSE_MS
        self._open_tries = self._open_at_ms = 0
        self._limit_tries = self._limit_at_ms = 0
        self._limit_aim_w: int | None = None
        self._cases: int | None = None
        self.trials = Trials()

    async def run(self) -> int | None:
        """See `Job`: one poll; raises `MeterError` when the meter could not be read."""
        woken, self._woken = self._woken, False
        try:
            observed = await self._meter.read(slow_within_ms=VOLTAGE_EVERY_MS if self._checks_voltage() else None)
        except MeterError:
            if woken or self._meter.switch_elsewhere:
                await self._switch_without_reading()
            raise
        if self._desk.account(self.meter_id) is None:
            await self.trials.made(self._meter, self._clock, lambda: False)
            self._tell(observed)
            return None
        if self._troubles.over("meter.silent"):
            await self._happened("meter.back", ("missed", self._missed))
        self._missed = 0
        outcome = await self._desk.post(self.meter_id, self._reading(observed))
        cases, self._cases = self._cases, outcome.account.register.cases_opened
        if outcome.reread or cases not in (None, self._cases):  # decision 6: what charges nothing also trips nothing
            self._limiter = forgotten(self._limiter)
        if self._meter.can_limit:
            observed = await self._reconcile_limit(self._wanted().limit_w, observed)
        if self._meter.can_switch:
            observed = await self._reconcile_switch(observed)
        trial_ms = await self._try_switch(observed)
        self._tell(observed)
        self._rereads = self._rereads + 1 if outcome.reread else 0
        waits_ms = [self._owed_again_ms(observed), self._trip_left_ms(), trial_ms]
        if self._checks_voltage() and self.period_ms > VOLTAGE_EVERY_MS:
            waits_ms.append(VOLTAGE_EVERY_MS)
        if 0 < self._rereads <= MOST_REREADS:
            waits_ms.append(REREAD_AFTER_MS)
        return min((wait_ms for wait_ms in waits_ms if wait_ms is not None), default=None)

    async def failed(self, error: MeterError) -> int | None:
        """See `Job`: the third miss in a row is put on record, once."""
        self._missed += 1
        self.trials.failed(error)
        if self._missed >= FAILURES_UNTIL_SILENT and self._desk.account(self.meter_id) is not None:
            await self._alarm("meter.silent", str(error))
        left_ms = self._trip_left_ms() if self._meter.switch_elsewhere else None
        return self._owed_pause_ms() if left_ms == 0 else left_ms

    def wake(self) -> None:
        """See `Job`: a top-up was booked; no back-off stands in the way of the next poll."""
        self._woken = True
        self._open_tries = self._open_at_ms = 0
        self._limit_at_ms = 0
        self._meter.wake()

    async def _try_switch(self, observed: Observation) -> int | None:
        """Make the trial that somebody on site asked for, where supply is due and on; how long it has to wait."""
        if self.trials.wanted and self._dwell_left_ms():
            return self._dwell_left_ms()
        closed = SwitchState.CONNECTED
        on = self._meter.can_switch and observed.switch is closed and not self._limiter.wants_open
        trial = await self.trials.made(self._meter, self._clock, lambda: on and self._wanted().switch is closed)
        if trial is not None:
            self._confirmed = None if trial.closed_ms is None else closed
            self._closed_at_ms = self._closed_at_ms if trial.closed_ms is None else self._clock.monotonic_ms()
            times = (("opened_ms", trial.opened_ms or 0), ("closed_ms", trial.closed_ms or 0))
            await self._happened("switch.tried", *times, ("trouble", trial.trouble))
        return None

    def _owed_again_ms(self, observed: Observation) -> int | None:
        """A supply or a power that could not be given back is tried again soon, however long the period is."""
        wanted = self._wanted()
        closed = wanted.switch is SwitchState.CONNECTED and not self._limiter.wants_open
        owed = self._meter.can_switch and closed and observed.switch is not SwitchState.CONNECTED
        if self._meter.can_limit and wanted.limit_w is None and observed.limit_w is not None:
            owed = True
        if owed:
            return self._owed_pause_ms()
        self._owed_ms = 0
        return None

    def _owed_pause_ms(self) -> int:
        self._owed_ms = min(max(2 * self._owed_ms, OWED_FIRST_MS), OWED_MAX_MS)
        return self._owed_ms

    def _trip_left_ms(self) -> int | None:
        """How long the limiter keeps the switch open; a trip ends in time, however long the period is."""
        if not self._limiter.wants_open:
            return None
        return max(0, self._limiter.reclose_at_ms - self._clock.monotonic_ms())

    def _reading(self, observed: Observation) -> Reading:
        return Reading(
            at=self._clock.now(),
            import_wh=observed.import_wh,
            quantum_wh=observed.quantum_wh,
            export_wh=observed.export_wh,
            power_w=observed.power_w,
            serial=observed.serial,
            defect=observed.defect,
            voltages=self._voltages(observed) if self._checks_voltage() else (),
        )

    def _checks_voltage(self) -> bool:
        account = self._desk.account(self.meter_id)
        return account is not None and account.voltage_check is not None

    def _voltages(self, observed: Observation) -> Samples:
        """The phases this poll has read, in tenths of a volt; most polls read none (`slow`)."""
        phases = self._desk.terms(self.meter_id).voltages
        return tuple((name, round(10 * observed.values[name])) for name in phases if name in observed.values)

    def _wanted(self) -> Control:
        """What must be so by what is booked at this moment; asked again before each action, which takes its time."""
        account = self._desk.account(self.meter_id)
        assert account is not None
        return control(account, self._desk.terms(self.meter_id))

    async def _reconcile_switch(self, observed: Observation, *, blind: bool = False) -> Observation:
        """Make the switch what the account says; returns the observation with what was changed.

        Without a reading (`blind`) nothing is opened but for a safety lock-out, which waits for nothing (decision 13).
        """
        wanted = self._wanted()
        if wanted.switch is SwitchState.READY_FOR_RECONNECTION and self._closed_on_site(observed):
            await self._desk.post(self.meter_id, Reconnected(self._clock.now()))
            wanted = self._wanted()
        self._all_along.seen(observed.switch, wanted, self._desk.account(self.meter_id))
        position = self._left_as_found(wanted, observed)
        if position is None:
            await self._watch_switch(observed)
            return observed
        closed = position is SwitchState.CONNECTED
        reason = wanted.reason
        if self._rules is not None:
            await self._limit_by_switching(wanted.limit_w if closed else None, observed)
            if closed and self._limiter.wants_open:
                closed, reason = False, OVER_LIMIT
        await self._watch_switch(observed)
        shown = observed.switch
        if shown is not None and (shown is SwitchState.CONNECTED) == closed:
            self._confirmed = shown
            await self._cleared("switch.not_confirmed")
            return observed
        now = self._wanted()
        if now != wanted and not (closed and now.switch is SwitchState.CONNECTED):
            return observed  # changed while this was told, paid or locked out: the poll that it woke decides anew
        if blind and not closed and reason != LOCKOUT:
            return observed
        moved = await (self._close(reason) if closed else self._open(reason))
        return observed if moved is None else replace(observed, switch=moved, switch_trouble=None)

    def _closed_on_site(self, observed: Observation) -> bool:
        """An armed supply is closed, and not by chance: by the meter's own button, or because it never was open.

        A relay that was seen open and shows closed has let go; it is opened again until a signed command comes.
        """
        return observed.switch is SwitchState.CONNECTED and (self._meter.switch_by_hand or self._all_along.so)

    def _left_as_found(self, wanted: Control, observed: Observation) -> SwitchState | None:
        """Where the switch must be; while nobody vouches for the books (threat 3), where it was seen first."""
        if wanted.switch is not None:
            self._found = None
            return wanted.switch
        if self._found is None:
            self._found = observed.switch
        return self._found

    async def _switch_without_reading(self) -> None:
        """The meter is silent, maybe because its own supply is open: a separate switch may still answer."""
        if self._desk.account(self.meter_id) is None or not self._meter.can_switch:
            return
        try:
            shown = await self._meter.read_switch()
        except MeterError:
            return  # the meter's own silence is about to be told
        await self._reconcile_switch(Observation(None, None, 1, None, None, shown, None, None, None, {}), blind=True)

    async def _reconcile_limit(self, limit_w: int | None, observed: Observation) -> Observation:
        """Write the threshold if another is shown; ever more rarely, because the memory of some meters wears out."""
        if limit_w is not None:
            limit_w = self._meter.settable_limit_w(limit_w)
        if observed.limit_w == limit_w:
            self._limit_tries = 0
            await self._cleared("limit.not_confirmed")
            return observed
        now_ms = self._clock.monotonic_ms()
        if limit_w != self._limit_aim_w:
            self._limit_aim_w, self._limit_tries, self._limit_at_ms = limit_w, 0, 0
        if self._limit_tries and now_ms < self._limit_at_ms:
            return observed
        longest_ms = OWED_MAX_MS if limit_w is None else OPEN_REST_MS
        self._limit_at_ms = now_ms + min(self.period_ms << min(self._limit_tries, 16), longest_ms)
        self._limit_tries += 1
        try:
            await self._meter.set_limit_w(limit_w)
        except MeterError as error:
            await self._alarm("limit.not_confirmed", str(error))
            return observed
        await self._cleared("limit.not_confirmed")
        await self._happened("limit.set", ("limit_w", -1 if limit_w is None else limit_w))
        return replace(observed, limit_w=limit_w)

    async def _limit_by_switching(self, limit_w: int | None, observed: Observation) -> None:
        assert self._rules is not None
        terms = self._desk.terms(self.meter_id)
        sample = Sample(self._clock.monotonic_ms(), observed.import_wh, observed.quantum_wh, observed.power_w)
        self._limiter, events = step(self._limiter, self._rules, sample, limit_w, terms.rated_power_w)
        if self._limiter.phase is Phase.OPEN:
            self._troubles.forget(WARNING)  # each trip is warned of, a load that hovers about its limit is not, always
        elif self._limiter.phase is Phase.WATCHING:
            self._troubles.over(WARNING)
        for event in events:
            if event.what == WARNING and not self._troubles.seen(WARNING, sample.at_ms):
                continue
            await self._happened(
                event.what, ("mean_w", event.mean_w), ("limit_w", event.limit_w), ("seconds", event.seconds)
            )

    async def _watch_switch(self, observed: Observation) -> None:
        """Tell when the switch cannot be read, and when somebody else moved it."""
        self._untold = False
        if observed.switch is None:
            await self._alarm("switch.unreadable", observed.switch_trouble or "")
            return
        await self._cleared("switch.unreadable")
        if self._confirmed is not None and observed.switch is not self._confirmed:
            # A board that lets go between two polls is corrected at each of them, and told four times an hour.
            self._untold = not self._troubles.seen(MOVED, self._clock.monotonic_ms())
            self._troubles.over(MOVED)
            if not self._untold:
                await self._happened(MOVED, ("was", self._confirmed), ("is", observed.switch))
        self._confirmed = observed.switch

    async def _close(self, reason: str) -> SwitchState | None:
        self._open_tries = self._open_at_ms = 0
        return await self._move(SwitchState.CONNECTED, reason)

    def _dwell_left_ms(self) -> int:
        return max(0, self._closed_at_ms + DWELL_AFTER_CLOSE_MS - self._clock.monotonic_ms())

    async def _open(self, reason: str) -> SwitchState | None:
        now_ms = self._clock.monotonic_ms()
        if self._dwell_left_ms() and reason not in (LOCKOUT, OVER_LIMIT):
            return None
        if now_ms < self._open_at_ms:
            return None
        moved = await self._move(SwitchState.DISCONNECTED, reason)
        if moved is not None:
            self._open_tries = self._open_at_ms = 0
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
        confirmed, self._confirmed = self._confirmed, state
        self._all_along.moved(state)
        if state is SwitchState.CONNECTED:
            self._closed_at_ms = self._clock.monotonic_ms()
        await self._cleared("switch.not_confirmed")
        if self._untold or confirmed is state:  # told before: what cannot be read is only moved there once more
            return state
        await self._happened("switch.closed" if state is SwitchState.CONNECTED else "switch.opened", ("reason", reason))
        return state

    async def _alarm(self, what: str, reason: str) -> None:
        """Tell a trouble at its first poll, later ones are only counted; in an outage nothing answers (S4-06)."""
        account = self._desk.account(self.meter_id)
        if account is not None and mutes(account, self._clock.now()):
            return
        if self._troubles.seen(what, self._clock.monotonic_ms()):
            await self._happened(what, ("reason", reason))

    async def _cleared(self, what: str) -> None:
        """Tell that a trouble is over, if it was told."""
        if polls := self._troubles.over(what):
            await self._happened(f"{what}.over", ("polls", polls))

    async def _happened(self, what: str, *detail: tuple[str, str | int]) -> None:
        event = MeterEvent(self._clock.now(), what, (("meter_id", self.meter_id), *detail))
        await self._desk.post(self.meter_id, event)

    def _tell(self, observed: Observation) -> None:
        if self._seen is not None:
            self._seen(self.meter_id, observed)
