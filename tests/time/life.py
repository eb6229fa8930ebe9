"""One life, minute by minute: the production clock, its questions to the head-end and the core, on a lying machine.

What the gateway did is written into a `Diary` in *true* time, which only the test knows.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import msgspec

from gateway.clock import SystemClock
from gateway.commands.link import TimeBody
from gateway.errors import CommandRefused
from gateway.headend.payloads import TimeAsk
from gateway.headend.timesync import TimeSync
from gateway.headend.topics import Topics
from gateway.prepayment.entitlement import control
from gateway.prepayment.events import (
    Contact,
    HoldKind,
    HoldSet,
    LockoutReleased,
    LockoutSet,
    Reading,
    Restarted,
    Tick,
    TimeTrust,
    TopUp,
)
from gateway.prepayment.ledger import Happening, Notice, Transition
from gateway.prepayment.step import Event, apply, next_deadline_ms
from gateway.prepayment.supply import SupplyState, SwitchState
from gateway.prepayment.tariff import Price, Tariff, Window
from gateway.store.life import Life as Saved
from gateway.store.pace import CHECKPOINT_MS
from gateway.store.store import _advance
from tests.prepayment.worlds import TERMS, opened, tariff

if TYPE_CHECKING:
    from gateway.headend.link import Link

from .machine import Machine
from .plans import HOUR_MS, MIN_MS, Lie, Plan

RANK = {SupplyState.GRACE: 2, SupplyState.LIMITED: 3, SupplyState.SUSPENDED: 4}
_PROVEN_MS = 24 * HOUR_MS + 30 * MIN_MS
_STUBBORN_MS = 50 * MIN_MS


@dataclass(frozen=True, slots=True)
class Move:
    """One change of rung: true instant, true time powered until then, the newest notice before it (same count)."""

    true_ms: int
    powered_ms: int
    rule: str
    source: SupplyState
    target: SupplyState
    noticed_ms: int | None
    proven: bool


@dataclass
class Diary:
    """What happened, in true time. `wrong` says what no single minute may show; in `absent` ones it slept."""

    moves: list[Move] = field(default_factory=list)
    ranks: list[int] = field(default_factory=list)
    balances_nano: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    absent: list[int] = field(default_factory=list)
    doubts: int = 0
    steps: int = 0


class Life:
    """Run with `live`; without lies it is the truthful life."""

    def __init__(self, plan: Plan, lies: tuple[Lie, ...] = ()) -> None:
        self.plan = plan
        self.diary = Diary()
        self.machine = Machine(plan.started_ms, plan.ppm)
        self.honest = not lies
        self.slack_ms = 30_000
        self._lies = list(lies)
        self._cuts = list(plan.cuts)
        self._commands = _commands(plan)
        self._used_wh = _used_wh(plan)
        self._powered_ms = 0
        self._noticed_ms: int | None = None
        self._saved = Saved()
        self._bound_ms = 0
        self._committed = 0
        self._rtc = True
        self._amended = False
        self._silent_until_ms = 0
        self._stubborn: tuple[int, int] | None = None
        self._ask_ms = 0
        self._asked = ""
        self._answered = ""
        self._believed_ms: int | None = None
        self.account = opened(
            plan.opening_nano, policy=plan.policy, register_wh=0, tariff=_tariff(plan), contract_power_w=3_000
        )
        self.account = replace(self.account, opened=replace(self.account.opened, utc_ms=plan.started_ms))
        self._boot()

    @property
    def now_ms(self) -> int:
        """True time since the life began."""
        return self.machine.true_ms - self.plan.started_ms

    def live(self) -> Diary:
        """All of it; the last two days are truthful again, so that what was only delayed is caught up with."""
        for minute in range((self.plan.days + 2) * 24 * 60):
            self._minute(minute * MIN_MS)
        return self.diary

    @property
    def diary_minute(self) -> int:
        """The minute that is written next."""
        return len(self.diary.ranks)

    def used_wh(self) -> int:
        """What the meter shows now."""
        hour, rest_ms = divmod(self.now_ms, HOUR_MS)
        hour = min(hour, len(self._used_wh) - 2)
        return self._used_wh[hour] + (self._used_wh[hour + 1] - self._used_wh[hour]) * rest_ms // HOUR_MS

    def _minute(self, until_ms: int) -> None:
        if self.now_ms < until_ms:
            self._run(until_ms - self.now_ms)
        if self.now_ms < until_ms + MIN_MS:  # else the machine was off or asleep
            if self._cuts and self._cuts[0][0] <= self.now_ms:
                self._cut(self._cuts.pop(0)[1])
                self._remember()
                return
            while self._lies and self._lies[0].at_ms <= self.now_ms:
                self._lie(self._lies.pop(0))
                self.clock.now()  # no two clocks of the machine leap between two looks
            if until_ms >= self.plan.days * 24 * HOUR_MS and not self._amended:
                self._amend()
            self._gateway(until_ms // MIN_MS)
        self._remember()

    def _gateway(self, minute: int) -> None:
        """What the daemon does in a minute: ask the time, take commands, let timers fire, poll each five minutes."""
        if self.now_ms >= max(self._ask_ms, self._silent_until_ms):
            self._ask()
            by_ms = 0
            if self._stubborn is not None:
                until_ms, by_ms = self._stubborn
                by_ms = by_ms if self.now_ms < until_ms else 0
            self._answer(by_ms)
        while self._commands and self._commands[0][0] <= self.now_ms:
            self._post(replace(self._commands.pop(0)[1], at=self.clock.now()))
        self._post(Tick(self.clock.now()))
        wait_ms = next_deadline_ms(self.account, TERMS, self.clock.now())
        if wait_ms is not None and wait_ms < MIN_MS:
            self._run(max(wait_ms, 100))
            self._post(Tick(self.clock.now()))
        if minute % 5 == 0:
            if self.now_ms >= self._silent_until_ms:
                self._post(Contact(self.clock.now()))
            for _ in range(4):
                if not self._post(Reading(self.clock.now(), self.used_wh())):
                    break
                self._run(500)
        if self.clock.now().running_ms - self._saved.running_ms >= CHECKPOINT_MS:
            self._commit()
        self.diary.doubts += len(self.clock.doubts())
        self.diary.steps += len(self.clock.steps())

    def _run(self, ms: int) -> None:
        self.machine.run(ms)
        self._powered_ms += ms

    def _boot(self) -> None:
        self.clock = SystemClock(self.machine.kernel())
        self.clock.resume(self._saved.running_ms, self._saved.bound_utc_ms)
        self._believed_ms = None
        self.sync = TimeSync(cast("Link", _Wire(self)), self.clock, Topics("gw"), self.clock.authenticate)
        self._ask_ms = self.now_ms
        self._post(Restarted(self.clock.now()))

    def _cut(self, off_ms: int) -> None:
        self._commit()
        self.machine.power_cut(off_ms, rtc=self._rtc)
        self._boot()
        if self.honest:
            self.machine.honest()

    def _amend(self) -> None:
        """From here on everybody tells the truth."""
        self._amended = True
        self._lies, self._rtc, self._stubborn, self._silent_until_ms = [], True, None, 0
        self.machine.honest()

    def _lie(self, lie: Lie) -> None:
        machine = self.machine
        match lie.what:
            case "step":
                machine.wall_ms = max(0, machine.wall_ms + lie.by_ms)
            case "claim" | "unclaim":
                machine.synchronised = lie.what == "claim"
            case "honest":
                machine.honest()
            case "rtc":
                self._rtc = not self._rtc
            case "back":
                machine.monotonic_ms = max(0, machine.monotonic_ms - abs(lie.by_ms))
                self.slack_ms += MIN_MS
            case "leap":
                machine.monotonic_ms += abs(lie.by_ms)
                self.slack_ms += 2 * MIN_MS
            case "suspend":
                machine.suspend(lie.by_ms)
                self.diary.absent += [*range(self.diary_minute, self.now_ms // MIN_MS + 7)]
            case "restart":
                self._commit()
                self._boot()
            case "silence":
                self._silent_until_ms = self.now_ms + lie.by_ms
            case "stubborn":
                self._stubborn = (self.now_ms + _STUBBORN_MS, lie.by_ms)
            case _:
                self._lying_answer(lie)

    def _lying_answer(self, lie: Lie) -> None:
        self._ask()
        match lie.what:
            case "answer":
                self._answer(lie.by_ms)
            case "late":
                self._run(11_000 if lie.by_ms > 0 else 31_000)
                self._answer(0)
            case "forged":
                self._take("somebody-elses-nonce", lie.by_ms)
            case _:
                self._take(self._answered, lie.by_ms)

    def _ask(self) -> None:
        with suppress(StopIteration):
            self.sync._ask().send(None)

    def heard(self, nonce: str) -> None:
        """The question as it goes over the wire."""
        self._asked = nonce

    def _answer(self, by_ms: int) -> None:
        taken = self._take(self._asked, by_ms)
        self._ask_ms = self.now_ms + (HOUR_MS if taken else MIN_MS // 2)
        if taken:
            self._answered, self._believed_ms = self._asked, self._powered_ms
            if abs(by_ms) > self.slack_ms:
                self.diary.wrong.append(f"{self.now_ms}: an answer {by_ms} ms wrong was believed")

    def _take(self, nonce: str, by_ms: int) -> bool:
        utc_ms = self.machine.true_ms + by_ms
        try:
            self.sync.answer(TimeBody(nonce, utc_ms))
        except CommandRefused:
            return False
        return True

    def _post(self, event: Event) -> bool:
        before = self.account.supply.state
        outcome = apply(self.account, event, TERMS)
        self.account = outcome.account
        for record in outcome.records:
            if isinstance(record, Transition):
                when, proven = (self.machine.true_ms, self._powered_ms), self._believed_ms is not None
                move = Move(*when, record.rule, before, record.target, self._noticed_ms, proven)
                self.diary.moves.append(move)
            if isinstance(record, Notice) and record.template in ("grace", "limited"):
                self._noticed_ms = self._powered_ms
        if any(not isinstance(record, Happening) for record in outcome.records):
            self._commit()
        return outcome.reread

    def _commit(self) -> None:
        self._saved = _advance(self._saved, self.clock.now())
        self._committed += 1

    def _remember(self) -> None:
        """The diary of this minute, and what must hold in each."""
        self.diary.ranks.append(RANK.get(self.account.supply.state, 0))
        self.diary.balances_nano.append(self.account.balance_nano)
        now, true_ms = self.clock.now(), self.machine.true_ms
        if now.trust is TimeTrust.AUTHENTICATED and abs(now.utc_ms - true_ms) > self.slack_ms:
            self.diary.wrong.append(f"{self.now_ms}: proven time is {now.utc_ms - true_ms} ms wrong")
        if now.trust.proven and (self._believed_ms is None or self._powered_ms - self._believed_ms > _PROVEN_MS):
            self.diary.wrong.append(f"{self.now_ms}: proven without an answer for more than a day (decision 16)")
        bound_ms = self.clock.bound_utc_ms
        if bound_ms > true_ms + self.slack_ms:
            self.diary.wrong.append(f"{self.now_ms}: the bound is {bound_ms - true_ms} ms ahead of the truth (I17)")
        if bound_ms < self._bound_ms - self._committed:
            self.diary.wrong.append(f"{self.now_ms}: the bound went back by {self._bound_ms - bound_ms} ms (I17)")
        self._bound_ms = max(bound_ms, self._bound_ms)
        if now.running_ms > self._powered_ms + self.slack_ms + self._powered_ms // 5_000:
            self.diary.wrong.append(f"{self.now_ms}: {now.running_ms - self._powered_ms} ms too many observed")
        locked = self.account.lockout is not None
        if locked and control(self.account, TERMS).switch is not SwitchState.DISCONNECTED:
            self.diary.wrong.append(f"{self.now_ms}: a lock-out was lifted")


class _Wire:
    """The link as `TimeSync` uses it: what is asked is heard at once."""

    def __init__(self, life: Life) -> None:
        self._life = life

    async def send(self, _topic: str, payload: bytes) -> None:
        """Give the nonce to the head-end."""
        self._life.heard(msgspec.json.decode(payload, type=TimeAsk).nonce)


def _tariff(plan: Plan) -> Tariff:
    prices = (Price(0, "day", plan.nano_per_wh), Price(0, "night", plan.night_nano_per_wh))
    night = Window("night", tuple(range(7)), 0, 360)
    return tariff(prices=prices, windows=(night,), default_band="day", standing_nano_per_day=plan.standing_nano)


def _commands(plan: Plan) -> list[tuple[int, Any]]:
    at = opened().opened
    commands: list[tuple[int, Any]] = []
    total_nano = 0
    for number, (at_ms, nano) in enumerate(plan.top_ups, start=1):
        total_nano += nano
        commands.append((at_ms, TopUp(at, f"t{number}", number, nano, total_nano, "CHF", "web")))
    for number, (at_ms, until_ms) in enumerate(plan.holds):
        until_utc_ms = plan.started_ms + until_ms
        commands.append((at_ms, HoldSet(at, f"h{number}", f"hold-{number}", HoldKind.DISPUTE, until_utc_ms)))
    if plan.lockout is not None:
        commands += [
            (plan.lockout[0], LockoutSet(at, "l", "work on the line")),
            (plan.lockout[1], LockoutReleased(at, "r")),
        ]
    return sorted(commands, key=lambda command: command[0])


def _used_wh(plan: Plan) -> list[int]:
    used = [0]
    for watts in (*plan.watts, *([100] * 50)):
        used.append(used[-1] + watts)
    return used
