"""What waits to be sent on one channel, and what is next. No I/O and no clock: the time is an argument.

The journal is the queue; this is the part of it that is not done yet, for each recipient. It never grows beyond its
bounds, and it forgets what is no longer true: who has paid is not told any more that credit is low. Durations count
observed running time (`running_ms`); the wall clock only decides on quiet hours, and only when it is dated.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gateway.alerts.occasions import Occasion
from gateway.alerts.recipients import Recipient
from gateway.prepayment import civil
from gateway.prepayment.account import Account
from gateway.prepayment.events import Moment
from gateway.prepayment.supply import SupplyState

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
PENDING_MAX = 500
"""Messages that may wait on one channel; warnings of overloads give way, then the oldest that can wait."""
PENDING_PER_RECIPIENT = 20
BACK_OFF_FIRST_MS = 60_000
BACK_OFF_MAX_MS = HOUR_MS
UNSURE_MS = 4 * HOUR_MS
"""How long until a message that may have gone is tried the second and last time."""
OVERLOAD_MS = 900_000
"""A warning of an overload is worth nothing later."""
CUT_HALVES, USUAL_HALVES, OVERLOAD_HALVES = 4, 2, 1
"""How much of the rates, in halves: what announces a cut, or that supply is back, may use twice what the rest may. A
load that trips its limiter all day must not use up what the notice of the suspension needs, so it gets a half."""

_S = SupplyState
_CUT = (_S.LIMITED, _S.SUSPENDED, _S.TERMINATED)
_CAN_WAIT = frozenset({"low", "topup"})
_OVERLOAD = "overload"
_ONCE = frozenset({"topup", _OVERLOAD})


@dataclass(frozen=True, slots=True)
class Limits:
    """The rules of `[alerts]`: minutes of the day that are quiet, rates, and when to give up."""

    zone: str
    quiet: tuple[int, int] | None = None
    give_up_ms: int = 48 * HOUR_MS
    per_recipient_day: int = 12
    per_channel_hour: int = 60


@dataclass(slots=True)
class Job:
    """One occasion for one recipient."""

    occasion: Occasion
    recipient: Recipient
    tries: int = 0
    not_before_ms: int = 0
    reason: str = ""
    unsure: bool = False
    restarts: int = 0

    @property
    def can_wait(self) -> bool:
        """Nothing is cut and nothing comes back: quiet hours and rates hold it."""
        return self.occasion.message in _CAN_WAIT

    @property
    def halves(self) -> int:
        """Its share of the rates, which is also its worth when a queue is full."""
        if self.occasion.message == _OVERLOAD:
            return OVERLOAD_HALVES
        return USUAL_HALVES if self.can_wait else CUT_HALVES


@dataclass(slots=True)
class Counts:
    """What became of messages in this run."""

    sent: int = 0
    delivered: int = 0
    given_up: int = 0
    superseded: int = 0
    expired: int = 0


AccountOf = Callable[[str], Account | None]


@dataclass(slots=True)
class Queue:
    """The messages of one channel that are not done."""

    limits: Limits
    account_of: AccountOf
    jobs: dict[tuple[int, str], Job] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    expired: list[int] = field(default_factory=list)
    _sent: deque[tuple[int, str]] = field(default_factory=deque)

    def add(self, occasion: Occasion, recipients: Iterable[Recipient]) -> None:
        """Something to tell. What an earlier message of the same kind says is old news then."""
        for recipient in recipients:
            if occasion.message not in _ONCE:
                self._supersede(recipient)
            self.jobs[occasion.seq, recipient.key] = Job(occasion, recipient)
            self._bound(recipient)

    def done(self, seq: int, recipient: str) -> None:
        """Rows say that this one is sent or given up."""
        self.jobs.pop((seq, recipient), None)

    def restarted(self, now: Moment) -> None:
        """The daemon began anew with these not done: maybe one of them went just before, so the next try waits.

        A start counts like a try that failed: a daemon that dies again and again sends no message each time.
        """
        for job in self.jobs.values():
            job.not_before_ms = now.running_ms + back_off_ms(job.restarts)
            job.restarts += 1

    def oldest_seq(self) -> int | None:
        """The first row that still needs something."""
        return min((seq for seq, _ in self.jobs), default=None)

    def tidy(self, now: Moment) -> None:
        """Drop what is not true any more, and what is too old to be worth anything and was never tried."""
        for key, job in tuple(self.jobs.items()):
            account = self.account_of(job.occasion.account_id)
            if account is None or not holds(job.occasion, account, now):
                del self.jobs[key]
                self.counts.superseded += 1
            elif not job.tries and self.too_old(job, now):
                self._expire(key)

    def too_old(self, job: Job, now: Moment) -> bool:
        """Past the time to give up: of running, or of the wall clock where both ends of it are dated."""
        then = job.occasion.at
        age_ms = now.running_ms - then.running_ms
        if now.trust.dated and then.trust.dated:
            age_ms = max(age_ms, now.utc_ms - then.utc_ms)
        return age_ms >= self.limits.give_up_ms

    def next(self, now: Moment) -> Job | None:
        """The message to send now: what announces a cut or says that supply is back first, then the oldest."""
        rates = self._rates(now)
        due = [job for job in self.jobs.values() if self._wait_ms(job, now, rates) == 0]
        return min(due, key=lambda job: (job.can_wait, -job.halves, job.tries, job.occasion.seq), default=None)

    def wait_ms(self, job: Job, now: Moment) -> int:
        """How long this one waits, at least."""
        return self._wait_ms(job, now, self._rates(now))

    def left_ms(self, now: Moment) -> int | None:
        """How long until something may be due; None when nothing waits."""
        rates = self._rates(now)
        return min((self._wait_ms(job, now, rates) for job in self.jobs.values()), default=None)

    def later(self, job: Job, now: Moment, reason: str, *, unsure: bool) -> None:
        """Not sent: try again with growing pauses."""
        job.reason = reason
        job.not_before_ms = now.running_ms + (UNSURE_MS if unsure else back_off_ms(job.tries))
        job.unsure = job.unsure or unsure
        job.tries += 1

    def counted(self, recipient: Recipient, now: Moment) -> None:
        """One message went out: it counts for the rates."""
        self._sent.append((now.running_ms, recipient.whom))

    def recalled(self, sent: Iterable[tuple[int, str]]) -> None:
        """What rows say was sent before this run, and to whom: the rates hold across restarts."""
        self._sent.extend(sorted(sent))

    def _wait_ms(self, job: Job, now: Moment, rates: dict[str, list[int]]) -> int:
        """How long this one still waits, at least: for its back-off, the rates, the quiet hours."""
        of_person, of_channel = (
            max(1, job.halves * rate // 2) for rate in (self.limits.per_recipient_day, self.limits.per_channel_hour)
        )
        waits = [
            job.not_before_ms - now.running_ms,
            _room_ms(rates.get(job.recipient.whom, []), of_person, DAY_MS, now),
            _room_ms(rates.get("", []), of_channel, HOUR_MS, now),
        ]
        if job.can_wait:
            waits.append(quiet_ms(self.limits, now))
        return max(0, *waits)

    def _rates(self, now: Moment) -> dict[str, list[int]]:
        """When messages went out: of the last day by recipient, of the last hour all of them under ""."""
        while self._sent and now.running_ms - self._sent[0][0] >= DAY_MS:
            self._sent.popleft()
        found: dict[str, list[int]] = {}
        for at_ms, whom in self._sent:
            found.setdefault(whom, []).append(at_ms)
            if now.running_ms - at_ms < HOUR_MS:
                found.setdefault("", []).append(at_ms)
        return found

    def _supersede(self, recipient: Recipient) -> None:
        for key, job in tuple(self.jobs.items()):
            if job.recipient == recipient and job.occasion.message not in _ONCE:
                del self.jobs[key]
                self.counts.superseded += 1

    def _bound(self, recipient: Recipient) -> None:
        own = [key for key, job in self.jobs.items() if job.recipient == recipient]
        if len(own) > PENDING_PER_RECIPIENT:
            self._expire(min(own, key=self._worth))
        if len(self.jobs) > PENDING_MAX:
            self._expire(min(self.jobs, key=self._worth))

    def _worth(self, key: tuple[int, str]) -> tuple[int, int]:
        return self.jobs[key].halves, key[0]

    def _expire(self, key: tuple[int, str]) -> None:
        del self.jobs[key]
        self.counts.expired += 1
        self.expired.append(key[0])


def holds(occasion: Occasion, account: Account, now: Moment) -> bool:
    """What the message says is still so."""
    state = account.supply.state
    match occasion.message.partition("_")[0]:
        case "low":
            return state is _S.LOW_CREDIT
        case "grace" | "expiring":
            return state is _S.GRACE
        case "limited":
            return state is _S.LIMITED
        case "suspended":
            return state is _S.SUSPENDED
        case "restored":
            return state not in _CUT
        case "ready" | "gas":
            return account.armed
        case "overload":
            return now.running_ms - occasion.at.running_ms < OVERLOAD_MS
        case _:
            return True


def back_off_ms(tries: int) -> int:
    """1, 2, 4 ... minutes, an hour at most."""
    return min(BACK_OFF_FIRST_MS << min(tries, 16), BACK_OFF_MAX_MS)


def quiet_ms(limits: Limits, now: Moment) -> int:
    """How long the quiet hours still last; 0 outside them and while the clock cannot say."""
    if limits.quiet is None or not now.trust.dated:
        return 0
    begins, ends = limits.quiet
    minute = civil.local_minute(now.utc_ms, limits.zone)
    inside = begins <= minute < ends if begins < ends else minute >= begins or minute < ends
    return (ends - minute) % civil.MINUTES_PER_DAY * 60_000 if inside else 0


def _room_ms(sent: list[int], most: int, window_ms: int, now: Moment) -> int:
    """How long until fewer than `most` of these lie in the window."""
    return 0 if len(sent) < most else sent[-most] + window_ms - now.running_ms
