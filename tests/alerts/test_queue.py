"""What waits, for how long, and what is dropped because it is not true any more (S0-18)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.alerts.occasions import Occasion
from gateway.alerts.queue import (
    BACK_OFF_MAX_MS,
    DAY_MS,
    HOUR_MS,
    OVERLOAD_MS,
    PENDING_MAX,
    PENDING_PER_RECIPIENT,
    UNSURE_MS,
    Job,
    Limits,
    Queue,
    back_off_ms,
    holds,
    quiet_ms,
)
from gateway.alerts.recipients import Recipient
from gateway.prepayment.account import Account, Supply
from gateway.prepayment.events import Moment, TimeTrust
from gateway.prepayment.supply import SupplyState
from tests.prepayment.worlds import MONDAY_MS, at, opened

S = SupplyState
MINUTE_MS = 60_000
ANNA = Recipient("CH-1", 1, "a@example.org", "a***@e***.org", "it")
STATES = {
    "low": S.LOW_CREDIT,
    "grace": S.GRACE,
    "grace_limit": S.GRACE,
    "expiring": S.GRACE,
    "expiring_limit": S.GRACE,
    "limited": S.LIMITED,
    "limited_arrears": S.LIMITED,
    "suspended": S.SUSPENDED,
    "suspended_armed": S.SUSPENDED,
    "suspended_arrears": S.SUSPENDED,
}


def account(state: SupplyState, *, armed: bool = False) -> Account:
    """An account on a rung."""
    return replace(opened(), supply=Supply(state, at()), armed=armed)


def told(message: str, seq: int = 1, when: Moment | None = None) -> Occasion:
    """A row that asks for this message."""
    return Occasion(seq, "00", when or at(), "CH-1", message, 0, {})


def queue(state: SupplyState = S.LIMITED, **limits: object) -> Queue:
    """A queue for an account on a rung."""
    return Queue(Limits("Europe/Zurich", **limits), lambda _: account(state))  # type: ignore[arg-type]


@pytest.mark.parametrize("message", STATES)
def test_a_message_is_true_on_its_rung_only(message: str) -> None:
    """S0-18: who has paid is not told any more that credit is low or supply about to be cut."""
    for state in S:
        assert holds(told(message), account(state), at()) == (state is STATES[message])


def test_what_says_that_supply_is_back_is_true_until_it_is_cut() -> None:
    """S0-20, decision 14: `ready` and `gas_paid` while somebody on site is waited for; a receipt always."""
    for state in S:
        cut = state in (S.LIMITED, S.SUSPENDED, S.TERMINATED)
        for message in ("restored", "restored_arrears"):
            assert holds(told(message), account(state), at()) != cut
        for message in ("ready", "gas_paid"):
            assert holds(told(message), account(state, armed=True), at())
            assert not holds(told(message), account(state), at())
        assert holds(told("topup"), account(state), at())


def test_a_warning_of_an_overload_is_worth_nothing_later() -> None:
    """Decision 15: the limiter has opened and closed again by then."""
    assert holds(told("overload"), account(S.LIMITED), at(OVERLOAD_MS - 1))
    assert not holds(told("overload"), account(S.LIMITED), at(OVERLOAD_MS))


def test_pauses_grow_to_an_hour() -> None:
    """Back-off: 1, 2, 4 ... minutes, an hour at most."""
    assert [back_off_ms(tries) // MINUTE_MS for tries in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert back_off_ms(10_000) == BACK_OFF_MAX_MS


@pytest.mark.parametrize(
    ("hhmm", "left"),
    [("20:59", 0), ("21:00", 600), ("23:59", 421), ("00:00", 420), ("06:59", 1), ("07:00", 0), ("12:00", 0)],
)
def test_quiet_hours_over_midnight(hhmm: str, left: int) -> None:
    """S0-18: local time in Zurich, minutes until they end."""
    hours, minutes = map(int, hhmm.split(":"))
    utc_ms = MONDAY_MS + ((hours - 9) * 60 + minutes) * MINUTE_MS
    limits = Limits("Europe/Zurich", quiet=(21 * 60, 7 * 60))
    assert quiet_ms(limits, at(0, utc_ms=utc_ms)) == left * MINUTE_MS


def test_quiet_hours_within_a_day_and_without_a_dated_clock() -> None:
    """I16: a clock that cannot say what time it is keeps nothing back."""
    limits = Limits("Europe/Zurich", quiet=(8 * 60, 10 * 60))
    assert quiet_ms(limits, at()) == 60 * MINUTE_MS  # Monday 09:00
    assert quiet_ms(limits, at(0, TimeTrust.RESTORED)) == 0
    assert quiet_ms(limits, at(0, TimeTrust.SYNCHRONISED)) == 60 * MINUTE_MS
    assert quiet_ms(Limits("Europe/Zurich"), at()) == 0


def test_what_announces_a_cut_waits_for_no_quiet_hour() -> None:
    """S0-18: never for what announces a cut or says that supply is back."""
    for message, state in STATES.items():
        waiting = queue(state, quiet=(8 * 60, 10 * 60))
        waiting.add(told(message), [ANNA])
        assert (waiting.next(at()) is None) == (message == "low")
    receipts = queue(quiet=(8 * 60, 10 * 60))
    receipts.add(told("topup"), [ANNA])
    assert receipts.next(at()) is None
    assert receipts.left_ms(at()) == 60 * MINUTE_MS


def test_the_newest_word_about_the_supply_counts() -> None:
    """S0-18: never a storm; receipts are facts of their own and stay."""
    waiting = queue()
    for seq, message in enumerate(("topup", "low", "grace", "topup", "limited", "overload"), 1):
        waiting.add(told(message, seq), [ANNA])
    assert [job.occasion.message for job in waiting.jobs.values()] == ["topup", "topup", "limited", "overload"]
    assert waiting.counts.superseded == 2


def test_the_urgent_is_sent_first_then_the_oldest() -> None:
    """What announces a cut overtakes receipts; what was tried waits behind what was not."""
    waiting = queue()
    for seq, message in enumerate(("topup", "topup", "limited"), 1):
        waiting.add(told(message, seq), [ANNA])
    order = []
    while job := waiting.next(at()):
        order.append(job.occasion.seq)
        waiting.done(job.occasion.seq, ANNA.key)
    assert order == [3, 1, 2]


def test_rates_hold_back_and_let_go() -> None:
    """So many to one person in a day, so many on the channel in an hour; urgent ones may use twice that."""
    waiting = queue(per_recipient_day=2, per_channel_hour=3)
    waiting.add(told("topup", 1), [ANNA])
    for ms in (0, MINUTE_MS):
        assert waiting.next(at(2 * MINUTE_MS)) is not None
        waiting.counted(ANNA, at(ms))
    assert waiting.next(at(2 * MINUTE_MS)) is None
    assert waiting.left_ms(at(2 * MINUTE_MS)) == DAY_MS - 2 * MINUTE_MS
    waiting.add(told("limited", 2), [ANNA])
    assert waiting.next(at(2 * MINUTE_MS)) is not None
    other = replace(ANNA, number=2)
    waiting.counted(other, at(2 * MINUTE_MS))
    busy = queue(per_channel_hour=3)
    busy._sent = waiting._sent
    busy.add(told("topup", 3), [replace(ANNA, number=3)])
    assert busy.left_ms(at(3 * MINUTE_MS)) == HOUR_MS - 3 * MINUTE_MS
    assert busy.next(at(HOUR_MS)) is not None


def test_a_load_that_trips_all_day_does_not_use_up_what_the_notice_of_a_cut_needs() -> None:
    """S0-18, I14: a limited household may trip its limiter six times an hour; the suspension is told all the same."""
    waiting, state, sent, now = queue(), S.LIMITED, 0, at(0)
    waiting.account_of = lambda _: account(state)
    for seq in range(1, 24 * 6):
        now = at(seq * 10 * MINUTE_MS)
        waiting.add(told("overload", seq, now), [ANNA])
        waiting.tidy(now)
        while (job := waiting.next(now)) is not None:
            waiting.done(job.occasion.seq, ANNA.key)
            waiting.counted(ANNA, now)
            sent += 1
    assert sent == Limits("Europe/Zurich").per_recipient_day // 2
    state = S.SUSPENDED
    waiting.add(told("suspended", 1000, now), [ANNA])
    job = waiting.next(now)
    assert job is not None
    assert job.occasion.message == "suspended"


def test_a_full_queue_of_overloads_drops_no_notice_of_a_cut() -> None:
    """I20, S0-18: the notice is older than they are, and worth more than any of them."""
    waiting = queue()
    for seq, message in enumerate(["limited", "topup", *["overload"] * (PENDING_PER_RECIPIENT + 3)], 1):
        waiting.add(told(message, seq), [ANNA])
    assert len(waiting.jobs) == PENDING_PER_RECIPIENT
    assert waiting.oldest_seq() == 1
    assert waiting.expired == [3, 4, 5, 6, 7]


def test_nothing_waits_beyond_its_bounds() -> None:
    """I20: a full queue drops the oldest that can wait, counts it, and never what announces a cut."""
    waiting = queue()
    waiting.add(told("limited", 1), [ANNA])
    for seq in range(2, PENDING_PER_RECIPIENT + 5):
        waiting.add(told("topup", seq), [ANNA])
    assert len(waiting.jobs) == PENDING_PER_RECIPIENT
    assert waiting.expired == [2, 3, 4, 5]
    assert waiting.oldest_seq() == 1
    many = queue()
    for number in range(PENDING_MAX + 3):
        many.add(told("topup", number + 1), [replace(ANNA, number=number)])
    assert (len(many.jobs), many.counts.expired) == (PENDING_MAX, 3)


def test_what_is_too_old_and_was_never_tried_is_dropped() -> None:
    """Weeks without a channel: by running time, or by a wall clock that both times was dated (the gateway was off)."""
    for now, gone in (
        (at(48 * HOUR_MS - 1), False),
        (at(48 * HOUR_MS), True),
        (at(1, utc_ms=MONDAY_MS + 21 * DAY_MS), True),
        (at(1, TimeTrust.RESTORED, utc_ms=MONDAY_MS + 21 * DAY_MS), False),
        (at(1, utc_ms=MONDAY_MS - 21 * DAY_MS), False),
    ):
        waiting = queue()
        waiting.add(told("topup"), [ANNA])
        waiting.tidy(now)
        assert (not waiting.jobs, waiting.expired) == (gone, [1] if gone else [])


def test_a_message_that_may_have_gone_waits_for_hours() -> None:
    """An SMS that came twice is a nuisance, a cut without notice a wrong: one more try, not at once."""
    waiting = queue()
    job = Job(told("limited"), ANNA)
    waiting.later(job, at(), "timed out", unsure=True)
    assert (job.not_before_ms, job.unsure, job.tries) == (UNSURE_MS, True, 1)
    waiting.later(job, at(), "busy", unsure=False)
    assert (job.not_before_ms, job.unsure) == (back_off_ms(1), True)


def test_what_is_not_true_any_more_is_dropped() -> None:
    """S0-18: while the channel was away the customer has paid, or the account is gone: nothing of it is sent."""
    for state, kept in ((S.LIMITED, 1), (S.NORMAL, 0)):
        waiting = queue(state)
        waiting.add(told("limited"), [ANNA])
        waiting.tidy(at())
        assert (len(waiting.jobs), waiting.counts.superseded) == (kept, 1 - kept)
    gone = Queue(Limits("Europe/Zurich"), lambda _: None)
    gone.add(told("topup"), [ANNA])
    gone.tidy(at())
    assert gone.jobs == {}
