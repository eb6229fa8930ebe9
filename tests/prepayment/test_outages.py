"""Planned and unplanned outages: terms stand still, nothing gets worse, and what has passed stays counted (S4-06)."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.prepayment.account import Account, Supply
from gateway.prepayment.calendar import day_term_end
from gateway.prepayment.events import Hold, HoldKind, HoldReleased, HoldSet, Moment, TimeTrust
from gateway.prepayment.holds import blocked_by, frozen_days, frozen_ms, mutes, tidied
from gateway.prepayment.ladder import situation_of, term_left_ms
from gateway.prepayment.ledger import Happening
from gateway.prepayment.outages import (
    OUTAGE_MAX_MS,
    OUTAGES_MAX,
    Outage,
    OutageCancelled,
    OutagePlanned,
    days_touched,
    overlap_ms,
    paused_term_end,
)
from gateway.prepayment.policy import DayKind, Term
from gateway.prepayment.supply import SupplyState
from tests.prepayment.worlds import CALENDAR, DAY_MS, HOUR_MS, MONDAY_MS, TERMS, World, at, opened, policy, world

ROME = "Europe/Rome"


def plan(w: World, begins_ms: int, ends_ms: int, outage_id: str = "o") -> str:
    """Announce an outage so long after Monday morning; the reason of a refusal, which changes nothing."""
    before = w.account
    outage = Outage(outage_id, MONDAY_MS + begins_ms, MONDAY_MS + ends_ms, "works 7", "utility")
    asked = OutagePlanned(w.now(), "p", outage)
    verdict = w.post(asked).verdict
    assert verdict is not None
    assert verdict.reason == "" or w.account == before
    return str(verdict.reason)


def in_grace(*outages: Outage, holds: tuple[Hold, ...] = (), **changes: object) -> Account:
    """In debt and in grace since Monday morning."""
    made = opened(-1, policy=policy(**changes))
    supply = Supply(SupplyState.GRACE, at(), notice_running_ms=0, dated_on="2026-03-02")
    return replace(made, supply=supply, outages=outages, holds=holds)


def off(begins_ms: int, ends_ms: int, outage_id: str = "o") -> Outage:
    """A window so long after Monday morning."""
    return Outage(outage_id, MONDAY_MS + begins_ms, MONDAY_MS + ends_ms)


def test_nobody_is_limited_in_an_outage_and_the_term_waits_for_its_end() -> None:
    """S4-06: 72 hours of grace with 5 hours of outage in them are 77 hours."""
    w = world(0)
    w.use(1_000)
    since_ms = w.account.supply.since.running_ms
    assert plan(w, 20 * HOUR_MS, 25 * HOUR_MS) == ""
    w.use(0, (since_ms + 76.9 * HOUR_MS - w.running_ms) / HOUR_MS, poll_ms=60_000)
    assert w.account.supply.state is SupplyState.GRACE
    w.use(0, 0.2, poll_ms=60_000)
    assert w.account.supply.state is SupplyState.LIMITED


def test_an_outage_at_the_end_of_a_term_keeps_the_rung() -> None:
    """S4-06: within the window nothing gets worse whatever is over; the record says what holds it."""
    w = world(0)
    w.use(1_000)
    w.use(0, 73)
    assert w.account.supply.state is SupplyState.LIMITED
    other = world(0)
    plan(other, 60 * HOUR_MS, 90 * HOUR_MS)
    other.use(1_000)
    other.use(0, 88)
    assert other.account.supply.state is SupplyState.GRACE
    debt = replace(other.account, policy=policy(grace_debt_cap_nano=1))
    other.account = debt
    other.use(0, 0.1)
    assert other.account.supply.state is SupplyState.GRACE
    held = [dict(record.detail) for record in other.records if isinstance(record, Happening) and "held" in record.what]
    assert held == [{"reason": "held", "hold": "o"}]


def test_an_unplanned_outage_freezes_from_its_hold_to_its_release() -> None:
    """S4-06: what stood still stays counted when the hold is gone, also when it was replaced or ended by its date."""
    for ending in ("released", "until"):
        w = world(0)
        w.use(1_000)
        since_ms = w.account.supply.since.running_ms
        until = w.utc_ms + 10 * HOUR_MS if ending == "until" else None
        w.post(HoldSet(w.now(), "h", "storm", HoldKind.OUTAGE, until))
        w.use(0, 4)
        w.post(HoldSet(w.now(), "h", "storm", HoldKind.OUTAGE, until))
        w.use(0, 6)
        if ending == "released":
            w.post(HoldReleased(w.now(), "r", "storm"))
        else:
            w.use(0, 1)
            w.post(HoldSet(w.now(), "h", "other", HoldKind.DISPUTE, None, 1))
            w.post(HoldReleased(w.now(), "r", "other"))
        assert [hold.hold_id for hold in w.account.holds] == []
        w.use(0, (since_ms + 81.9 * HOUR_MS - w.running_ms) / HOUR_MS, poll_ms=60_000)
        assert w.account.supply.state is SupplyState.GRACE
        w.use(0, 0.2, poll_ms=60_000)
        assert w.account.supply.state is SupplyState.LIMITED


def test_an_unplanned_outage_is_counted_although_the_clock_was_wrong() -> None:
    """S4-06: the time that ran since the hold was set counts, whatever the wall clock said then."""
    w = world(0)
    w.use(1_000)
    w.trust, w.utc_ms = TimeTrust.UNKNOWN, w.utc_ms + 900 * DAY_MS
    w.post(HoldSet(w.now(), "h", "storm", HoldKind.OUTAGE))
    w.use(0, 10)
    w.trust, w.utc_ms = TimeTrust.AUTHENTICATED, w.utc_ms - 900 * DAY_MS
    assert frozen_ms(w.account, w.now()) == 10 * HOUR_MS
    w.post(HoldReleased(w.now(), "r", "storm"))
    w.use(0, 5)
    assert frozen_ms(w.account, w.now()) == 10 * HOUR_MS


def test_a_hold_that_came_back_with_a_resync_has_lasted_all_the_rung() -> None:
    """Threat 3: the head-end's rows do not say since when; in doubt the term has not begun."""
    account = in_grace(holds=(Hold("storm", HoldKind.OUTAGE, None),))
    assert frozen_ms(account, at(9)) == 9
    assert term_left_ms(account.policy.grace, situation_of(account, TERMS, at(9))) == 72 * HOUR_MS


def test_days_touched_by_an_outage_do_not_count() -> None:
    """S4-06: each civil day touched is added whole; the one of the rung itself only from there on."""
    account = in_grace(off(DAY_MS + 16 * HOUR_MS, DAY_MS + 18 * HOUR_MS), off(-5, -1))
    assert sorted(frozen_days(account, at(1))) == [date(2026, 3, 4)]  # 01:00 to 03:00 in Zurich
    assert days_touched([(0, 1)], 0, ROME) == {date(1970, 1, 1)}
    midnight = int(datetime(2026, 3, 3, 23, tzinfo=UTC).timestamp() * 1000)
    assert days_touched([(midnight - 1, midnight)], 0, ROME) == {date(2026, 3, 3)}
    assert days_touched([(midnight - 1, midnight + 1)], 0, ROME) == {date(2026, 3, 3), date(2026, 3, 4)}
    assert days_touched([(midnight - 1, midnight + 1)], midnight, ROME) == {date(2026, 3, 4)}
    assert days_touched([(midnight - 1, midnight)], midnight, ROME) == frozenset()
    term = Term(days=10, day_kind=DayKind.CALENDAR)
    without = term_left_ms(term, situation_of(in_grace(), TERMS, at(1)))
    assert without is not None
    assert term_left_ms(term, situation_of(account, TERMS, at(1))) == without + DAY_MS


@pytest.mark.parametrize(
    ("paused", "end"),
    [
        ((), 6),
        ((date(2026, 3, 2),), 7),
        ((date(2026, 3, 5),), 7),
        ((date(2026, 3, 6),), 6),
        ((date(2026, 3, 5), date(2026, 3, 6)), 8),
        ((date(2026, 3, 1),), 6),
        ((date(2026, 3, 5), date(2026, 3, 7)), 7),
    ],
)
def test_a_term_goes_on_behind_the_days_it_lost(paused: tuple[date, ...], end: int) -> None:
    """S4-06: also behind days that are touched only because the term grew into them; the day of the end is outside."""
    found = paused_term_end(date(2026, 3, 2), 3, DayKind.CALENDAR, CALENDAR, frozenset(paused))
    assert found == date(2026, 3, end)


def test_windows_that_overlap_count_once() -> None:
    """S4-06: two notices of the same works are one outage."""
    assert overlap_ms([(0, 10), (5, 15), (20, 30), (2, 3)], 0, 100) == 25
    assert overlap_ms([(0, 10), (5, 15)], 8, 12) == 4
    assert overlap_ms([(0, 10)], 10, 20) == 0
    assert overlap_ms([], 0, 20) == 0


@pytest.mark.parametrize(
    ("ms", "trust", "id_"),
    [
        (9, TimeTrust.AUTHENTICATED, ""),
        (10, TimeTrust.AUTHENTICATED, "o"),
        (19, TimeTrust.UNKNOWN, "o"),
        (20, TimeTrust.AUTHENTICATED, ""),
        (20, TimeTrust.RESTORED, ""),
    ],
)
def test_a_planned_outage_goes_on_from_its_first_to_before_its_last_moment(ms: int, trust: TimeTrust, id_: str) -> None:
    """S4-06, I13: by the clock as it is; a gateway without a link afterwards is not held for ever."""
    account = in_grace(off(10, 20))
    moment = Moment(MONDAY_MS + ms, trust, ms)
    assert blocked_by(account, moment) == id_
    assert mutes(account, moment) is bool(id_)


@pytest.mark.parametrize(
    ("begins_ms", "ends_ms", "reason"),
    [
        (10, 10, "outage_length"),
        (10, 9, "outage_length"),
        (10, 10 + OUTAGE_MAX_MS, ""),
        (10, 11 + OUTAGE_MAX_MS, "outage_length"),
        (-10, 0, "outage_over"),
        (-10, 1, ""),
    ],
)
def test_a_window_is_one_that_can_be(begins_ms: int, ends_ms: int, reason: str) -> None:
    """I24: turned round, longer than 31 days or over already: a reason code, nothing changed."""
    assert plan(world(), begins_ms, ends_ms) == reason


def test_a_window_may_only_grow_under_its_id() -> None:
    """Decision 17: to shorten one is to cancel it, which must prove freshness."""
    w = world()
    assert plan(w, 10 * HOUR_MS, 20 * HOUR_MS) == ""
    for begins, ends, reason in ((11, 20, "outage_exists"), (10, 19, "outage_exists"), (9, 20, ""), (9, 21, "")):
        assert plan(w, begins * HOUR_MS, ends * HOUR_MS) == reason
    assert [(o.begins_utc_ms, o.ends_utc_ms) for o in w.account.outages] == [
        (MONDAY_MS + 9 * HOUR_MS, MONDAY_MS + 21 * HOUR_MS)
    ]


def test_sixteen_outages_to_come_and_no_more() -> None:
    """I20: bounded for each account; those that are over make room."""
    w = world()
    for number in range(OUTAGES_MAX):
        assert plan(w, HOUR_MS, 2 * HOUR_MS, f"o{number}") == ""
    assert plan(w, HOUR_MS, 3 * HOUR_MS, "another") == "too_many_outages"
    assert plan(w, HOUR_MS, 3 * HOUR_MS, "o3") == ""
    w.use(0, 4)
    assert plan(w, 5 * HOUR_MS, 6 * HOUR_MS, "another") == ""
    assert [outage.outage_id for outage in w.account.outages] == ["another"], "in credit no term counts them"


def test_what_is_over_within_a_term_is_kept_and_bounded() -> None:
    """I20: the two oldest become one that covers both; a term never gets shorter by it."""
    outages = tuple(off(number * 10, number * 10 + 5, f"o{number}") for number in range(1, OUTAGES_MAX + 3))
    account = in_grace(*reversed(outages))
    kept = tidied(account, at(DAY_MS)).outages
    assert len(kept) == OUTAGES_MAX
    assert (kept[0].begins_utc_ms - MONDAY_MS, kept[0].ends_utc_ms - MONDAY_MS) == (10, 35)
    assert kept[1:] == outages[3:]
    assert tidied(account, at(DAY_MS, TimeTrust.SYNCHRONISED)).outages == account.outages, "unproven time forgets none"
    later = replace(account, supply=Supply(SupplyState.LIMITED, at(16), 0, "2026-03-02"))
    assert tidied(later, at(DAY_MS)).outages[0].begins_utc_ms == MONDAY_MS + 20, "before the rung nothing can count"


def test_a_cancelled_outage_counts_as_far_as_it_went() -> None:
    """S4-06: one to come is gone, one that goes on ends now; both on record with who and why."""
    w = world(0)
    w.use(1_000)
    plan(w, 2 * HOUR_MS, 9 * HOUR_MS, "now")
    plan(w, 20 * HOUR_MS, 29 * HOUR_MS, "later")
    w.use(0, 3)
    for outage_id in ("now", "later"):
        w.post(OutageCancelled(w.now(), "c", outage_id, "utility/M. R.", "rain"))
    assert [(outage.outage_id, outage.ends_utc_ms) for outage in w.account.outages] == [("now", w.utc_ms)]
    assert frozen_ms(w.account, w.now()) == 2 * HOUR_MS
    verdict = w.post(OutageCancelled(w.now(), "c", "later")).verdict
    assert verdict is not None
    assert (verdict.reason, dict(verdict.detail)) == ("no_outage", {"outage": "later"})
    told = [record for record in w.records if isinstance(record, Happening) and record.what.startswith("outage.")]
    assert [record.what for record in told] == ["outage.planned"] * 2 + ["outage.cancelled"] * 2
    assert dict(told[2].detail) == {
        "outage": "now", "begins_utc_ms": MONDAY_MS + 2 * HOUR_MS, "ends_utc_ms": MONDAY_MS + 9 * HOUR_MS,
        "reference": "works 7", "set_by": "utility", "command_id": "c", "cancelled_by": "utility/M. R.",
        "cancel_reason": "rain",
    }  # fmt: skip


SPANS = st.lists(st.tuples(st.integers(-200, 800), st.integers(1, 200)), max_size=5)


@given(spans=SPANS, hours=st.integers(1, 400), length=st.integers(1, 96))
@settings(max_examples=200, deadline=None)
def test_an_hour_term_ends_later_by_at_least_every_hour_of_outage_in_it(
    spans: list[tuple[int, int]], hours: int, length: int
) -> None:
    """S4-06, 2.8 invariant 6: what is left of a term is never less than all that it lost to outages."""
    outages = tuple(off(b * HOUR_MS, (b + n) * HOUR_MS, f"o{i}") for i, (b, n) in enumerate(spans))
    now = at(hours * HOUR_MS)
    lost = len({h for b, n in spans for h in range(max(b, 0), min(b + n, hours))})
    left_ms = term_left_ms(Term(duration_ms=length * HOUR_MS), situation_of(in_grace(*outages), TERMS, now))
    assert left_ms == max(length + lost - hours, 0) * HOUR_MS


@given(
    spans=SPANS,
    days=st.integers(1, 15),
    kind=st.sampled_from(list(DayKind)),
    start=st.dates(date(2026, 1, 1), date(2027, 1, 1)),
)
@settings(max_examples=200, deadline=None)
def test_a_date_term_ends_later_by_a_day_for_each_day_touched(
    spans: list[tuple[int, int]], days: int, kind: DayKind, start: date
) -> None:
    """S4-06: at least as many days later as outages touched from its first day to its new end, never fewer."""
    base_ms = int(datetime(start.year, start.month, start.day, tzinfo=UTC).timestamp() * 1000)
    spread = [(base_ms + b * HOUR_MS, base_ms + (b + n) * HOUR_MS) for b, n in spans]
    paused = days_touched(spread, base_ms, "UTC")
    end, plain = (paused_term_end(start, days, kind, CALENDAR, some) for some in (paused, frozenset()))
    assert plain == day_term_end(start, days, kind, CALENDAR)
    touched = [day for day in paused if start <= day < end]
    assert (end - plain).days >= len(touched)
    if kind is DayKind.CALENDAR:
        assert (end - plain).days == len(touched)


@given(
    set_h=st.integers(0, 40), lasts_h=st.integers(0, 40), lie_ms=st.integers(-(10**10), 10**10), trusted=st.booleans()
)
@settings(max_examples=200, deadline=None)
def test_an_unplanned_outage_never_counts_less_than_it_ran(
    set_h: int, lasts_h: int, lie_ms: int, trusted: bool
) -> None:
    """2.8 invariant 6: a lie of the wall clock when the hold is set advances no term."""
    trust = TimeTrust.AUTHENTICATED if trusted else TimeTrust.UNKNOWN
    began = Moment(max(MONDAY_MS + set_h * HOUR_MS + (0 if trusted else lie_ms), 0), trust, set_h * HOUR_MS)
    account = in_grace(holds=(Hold("storm", HoldKind.OUTAGE, None, began=began),))
    now = at((set_h + lasts_h) * HOUR_MS)
    assert frozen_ms(account, now) >= lasts_h * HOUR_MS
    w = World(account, running_ms=now.running_ms, utc_ms=now.utc_ms)
    w.post(HoldReleased(w.now(), "r", "storm"))
    w.use(0, 1)
    assert frozen_ms(w.account, w.now()) >= lasts_h * HOUR_MS
