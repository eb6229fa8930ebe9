"""What goes on record, fact by fact: the evidence a person asks for later (I24, requirements 2.8)."""

from dataclasses import replace

import pytest

from gateway.prepayment import charging, civil
from gateway.prepayment.account import Account, Spending, Start, Supply, Terms
from gateway.prepayment.entitlement import control
from gateway.prepayment.events import (
    AccountClosed,
    Contact,
    HoldKind,
    HoldSet,
    MeterEvent,
    Moment,
    Reading,
    Tick,
    TimeTrust,
)
from gateway.prepayment.ledger import Entry, EntryKind, Happening, Notice, Record, Transition
from gateway.prepayment.policy import Slots, Term
from gateway.prepayment.power import available_power_w, limit_w
from gateway.prepayment.rating import Line, Usage
from gateway.prepayment.register import Span
from gateway.prepayment.step import apply, next_deadline_ms, settle
from gateway.prepayment.supply import Control, SupplyState, SwitchState
from tests.prepayment.test_notices import told_facts
from tests.prepayment.worlds import DAY_MS, HOUR_MS, NANO, TERMS, at, opened, policy, tariff, world

S = SupplyState
PROVEN = TimeTrust.AUTHENTICATED
RICH = 50 * NANO


def account(state: SupplyState, balance_nano: int, **supply: object) -> Account:
    """An account on a rung since Monday morning, read at the start, with notice given then."""
    made = world(balance_nano).account
    anchors = {"notice_running_ms": 0, "dated_on": "2026-03-02", **supply}
    made = replace(made, low_told_at=None)
    return replace(made, supply=Supply(state, at(), **anchors))  # type: ignore[arg-type]


def only(records: tuple[Record, ...], kind: type[Record]) -> list[Record]:
    """The records of one kind."""
    return [record for record in records if isinstance(record, kind)]


def after(made: Account, ms: int, trust: TimeTrust = PROVEN, terms: Terms = TERMS) -> tuple[Record, ...]:
    """What a tick so much later puts on record, with a fresh reading and contact, and no new day."""
    now = at(ms, trust)
    made = replace(made, contact_running_ms=ms, register=replace(made.register, at=now))
    made = replace(made, spending=Spending(today_of(now)))
    return apply(made, Tick(now), terms).records


def today_of(now: Moment) -> str:
    """The civil date in the policy's zone."""
    return civil.local_date(now.utc_ms, "Europe/Zurich").isoformat()


@pytest.mark.parametrize(
    ("state", "balance_nano", "can_limit", "rule", "target", "template"),
    [
        (S.NORMAL, 9 * NANO, True, "credit_low", S.LOW_CREDIT, "low"),
        (S.NORMAL, -NANO, True, "credit_gone", S.GRACE, "grace"),
        (S.LOW_CREDIT, RICH, True, "low_cleared", S.NORMAL, None),
        (S.GRACE, RICH, True, "credit_back", S.NORMAL, None),
        (S.GRACE, NANO, True, "credit_back_low", S.LOW_CREDIT, None),
        (S.GRACE, -16 * NANO, True, "grace_over", S.LIMITED, "limited"),
        (S.GRACE, -16 * NANO, False, "grace_over_no_limit", S.SUSPENDED, "suspended"),
        (S.LIMITED, -NANO, True, "limit_over", S.SUSPENDED, "suspended"),
        (S.SUSPENDED, RICH, True, "restored", S.NORMAL, "restored"),
        (S.LIMITED, NANO, True, "restored_low", S.LOW_CREDIT, "restored"),
    ],
)
def test_a_change_of_rung_is_recorded_with_its_evidence_and_told(
    state: SupplyState, balance_nano: int, can_limit: bool, rule: str, target: SupplyState, template: str | None
) -> None:
    """I24: from, to, rule, policy, balance, register, limit, and how long each term had run."""
    ms = 11 * DAY_MS
    made = account(state, balance_nano)
    records = after(made, ms, terms=replace(TERMS, can_limit=can_limit))
    (moved,) = only(records, Transition)
    assert isinstance(moved, Transition)
    limited_w = 495 if target is S.LIMITED else None
    evidence = (("in_state_ms", ms), ("notice_age_ms", ms), ("dated_on", "2026-03-02"), ("reading_age_ms", 0))
    assert moved == Transition(
        at(ms), "CH-1", state, target, rule, "test@1", balance_nano, "CHF", 0, limited_w, evidence
    )
    term_ms = 72 * HOUR_MS if target is S.GRACE else 11 * DAY_MS - 9 * HOUR_MS  # ten days, from midnight
    facts = told_facts(template or "", balance_nano, ms + term_ms)
    told = [Notice(at(ms), "CH-1", template, balance_nano, "CHF", facts)] if template else []
    assert only(records, Notice) == told


def test_the_anchors_of_a_rung() -> None:
    """Decision 16: a term counts from the entry; a civil day only when it is proven."""
    for trust, dated_on in ((PROVEN, "2026-03-02"), (TimeTrust.SYNCHRONISED, None)):
        made = replace(account(S.NORMAL, -NANO), contact_running_ms=9)
        supply = apply(made, Tick(at(9, trust)), TERMS).account.supply
        assert supply == Supply(S.GRACE, at(9, trust), notice_running_ms=9, dated_on=dated_on)
    made = account(S.GRACE, RICH, notice_running_ms=3)
    assert apply(made, Tick(at(9)), TERMS).account.supply.notice_running_ms is None
    protected = replace(account(S.LIMITED, -NANO, notice_running_ms=3), spending=Spending("2026-03-02"))
    hold = HoldSet(at(9), "h", "h", HoldKind.LIFE_SUPPORT)
    assert apply(protected, hold, TERMS).account.supply == Supply(S.GRACE, at(9), 3, "2026-03-02")
    later = account(S.GRACE, -NANO, dated_on=None)
    for rung in (S.GRACE, S.LIMITED):
        undated = replace(later, supply=replace(later.supply, state=rung))
        assert apply(undated, Tick(at(DAY_MS)), TERMS).account.supply.dated_on == "2026-03-03"
    assert apply(later, Tick(at(DAY_MS, TimeTrust.SYNCHRONISED)), TERMS).account.supply.dated_on is None
    for state in (S.NORMAL, S.LOW_CREDIT, S.SUSPENDED):
        calm = account(
            state, 5 * NANO if state is S.LOW_CREDIT else RICH if state is S.NORMAL else -NANO, dated_on=None
        )
        assert apply(calm, Tick(at(9)), TERMS).account.supply.dated_on is None


def test_days_left_are_told_with_low_credit() -> None:
    """S0-16: at the pace of the last complete days."""
    made = replace(account(S.NORMAL, 9 * NANO), spending=Spending("2026-03-02", 0, (2 * NANO, NANO)))
    (notice,) = only(apply(made, Tick(at(9)), TERMS).records, Notice)
    assert isinstance(notice, Notice)
    assert (notice.template, notice.detail) == ("low", (("days_left", 6),))


@pytest.mark.parametrize(("left_ms", "warned"), [(12 * HOUR_MS + 1, False), (12 * HOUR_MS, True), (1, True)])
def test_the_end_of_grace_is_announced_once(left_ms: int, warned: bool) -> None:
    """Requirements 2.3: twelve hours before, and not again."""
    made = account(S.GRACE, -NANO)
    now = at(72 * HOUR_MS - left_ms)
    outcome = apply(replace(made, spending=Spending(today_of(now))), Tick(now), TERMS)
    facts = told_facts("grace_expiring", -NANO, 72 * HOUR_MS)
    told = [Notice(now, "CH-1", "grace_expiring", -NANO, "CHF", facts)] if warned else []
    assert only(outcome.records, Notice) == told
    assert outcome.account.supply.grace_warned is warned
    again = apply(outcome.account, Tick(now), TERMS)
    assert only(again.records, Notice) == []


def test_an_escalation_that_waits_says_why_when_the_reason_changes() -> None:
    """I24: once for each reason, and nothing when it is gone."""
    made = account(S.GRACE, -16 * NANO, notice_running_ms=0)
    ms = 30 * HOUR_MS
    first = apply(replace(made, spending=Spending(today_of(at(ms)))), Tick(at(ms, TimeTrust.RESTORED)), TERMS)
    held = Happening(at(ms, TimeTrust.RESTORED), "CH-1", "supply.escalation_held", (("reason", "clock_untrusted"),))
    assert (first.records, first.account.supply.held_by) == ((held,), "clock_untrusted")
    assert apply(first.account, Tick(at(ms, TimeTrust.RESTORED)), TERMS).records == ()
    second = apply(first.account, Tick(at(ms)), TERMS)
    assert second.account.supply.held_by == "meter_untrusted"
    paid = replace(second.account, opening_nano=-NANO)
    third = apply(paid, Tick(at(ms)), TERMS)
    assert (third.account.supply.held_by, only(third.records, Happening)) == ("", [])


@pytest.mark.parametrize(
    ("state", "lockout", "can_limit", "wanted"),
    [
        (S.NORMAL, None, True, Control(SwitchState.CONNECTED, None, "supplied")),
        (S.LOW_CREDIT, None, True, Control(SwitchState.CONNECTED, None, "supplied")),
        (S.GRACE, None, True, Control(SwitchState.CONNECTED, None, "supplied")),
        (S.LIMITED, None, True, Control(SwitchState.CONNECTED, 495, "limited")),
        (S.LIMITED, None, False, Control(SwitchState.CONNECTED, None, "supplied")),
        (S.SUSPENDED, None, True, Control(SwitchState.DISCONNECTED, None, "suspended")),
        (S.TERMINATED, None, True, Control(SwitchState.DISCONNECTED, None, "terminated")),
        (S.TERMINATED, "fire", True, Control(SwitchState.DISCONNECTED, None, "terminated")),
        (S.NORMAL, "fire", True, Control(SwitchState.DISCONNECTED, None, "lockout")),
        (S.SUSPENDED, "fire", True, Control(SwitchState.DISCONNECTED, None, "lockout")),
    ],
)
def test_what_must_be_so_at_the_meter(
    state: SupplyState, lockout: str | None, can_limit: bool, wanted: Control
) -> None:
    """Decision 13: the end of the contract, then the lock-out, then the rung; a limit only where there is a means."""
    made = replace(opened(), supply=Supply(state, at()), lockout=lockout)
    assert control(made, replace(TERMS, can_limit=can_limit)) == wanted


@pytest.mark.parametrize(
    ("contract_w", "available_w", "limited_w"),
    [(500, 550, 83), (3_000, 3_300, 495), (30_000, 33_000, 4_950), (30_001, 30_001, 4_501), (35_000, 35_000, 5_250)],
)
def test_the_limit_is_a_share_of_the_available_power(contract_w: int, available_w: int, limited_w: int) -> None:
    """S1-11, S2-39: ten per cent more up to 30 kW; rounded up to whole W."""
    assert (available_power_w(contract_w), limit_w(contract_w, policy())) == (available_w, limited_w)


FAR = policy(min_dwell_ms=0, min_after_notice_ms=0, grace_warn_before_ms=0)


@pytest.mark.parametrize(
    ("state", "changes", "supply", "at_ms", "wait_ms"),
    [
        (S.NORMAL, {}, {}, 0, None),
        (S.SUSPENDED, {}, {}, 0, None),
        (S.GRACE, {}, {}, 1_000, 72 * HOUR_MS - 1_000),
        (S.GRACE, {}, {}, 72 * HOUR_MS, None),
        (S.GRACE, {"grace_warn_before_ms": HOUR_MS}, {}, 0, 71 * HOUR_MS),
        (S.GRACE, {"grace_warn_before_ms": HOUR_MS}, {"grace_warned": True}, 0, 72 * HOUR_MS),
        (S.GRACE, {"min_dwell_ms": 60_000}, {}, 1_000, 59_000),
        (S.GRACE, {}, {}, 72 * HOUR_MS - 1, 1),
        (S.GRACE, {"min_after_notice_ms": HOUR_MS}, {"notice_running_ms": 500}, 1_000, HOUR_MS - 500),
        (S.GRACE, {"min_after_notice_ms": HOUR_MS}, {"notice_running_ms": None}, 1_000, 72 * HOUR_MS - 1_000),
        (S.GRACE, {"slots": Slots(from_minute=600)}, {}, 0, HOUR_MS),
        (S.GRACE, {"grace": Term()}, {}, 0, None),
        (S.LIMITED, {"limit_term": Term(duration_ms=5_000)}, {}, 1_000, 4_000),
        (S.LIMITED, {"limit_term": Term(duration_ms=5_000), "grace_warn_before_ms": 1_000}, {}, 0, 5_000),
    ],
)
def test_when_to_look_again(
    state: SupplyState, changes: dict[str, object], supply: dict[str, object], at_ms: int, wait_ms: int | None
) -> None:
    """I10: the nearest of term, warning, slot, dwell and notice that still lies ahead."""
    made = replace(account(state, -NANO, **supply), policy=replace(FAR, **changes))  # type: ignore[arg-type]
    assert next_deadline_ms(made, TERMS, at(at_ms)) == wait_ms


def test_a_new_day_settles_and_counts_what_the_last_one_cost() -> None:
    """S0-16, decision 7: complete days only, the last seven; the day of opening tells nothing about the pace."""
    made = replace(world().account, usage=Usage(net_nano=7 * NANO))
    line = Line("energy", "all", 0, 1, 0, 2 * NANO, "flat@1", estimated=False)
    first = apply(replace(made, unsettled=(line,)), Tick(at(DAY_MS)), TERMS)
    assert first.account.spending == Spending("2026-03-03", 7 * NANO, ())
    (entry,) = only(first.records, Entry)
    assert isinstance(entry, Entry)
    assert (entry.kind, entry.amount_nano, entry.lines) == (EntryKind.CHARGE, -2 * NANO, (line,))
    second = replace(first.account, usage=Usage(net_nano=10 * NANO))
    days = tuple(range(1, 8))
    second = replace(second, spending=replace(second.spending, days_nano=days))
    assert apply(second, Tick(at(2 * DAY_MS)), TERMS).account.spending == Spending(
        "2026-03-04", 10 * NANO, (*days[1:], 3 * NANO)
    )
    skipped = apply(second, Tick(at(3 * DAY_MS)), TERMS).account.spending
    assert skipped == Spending("2026-03-05", 10 * NANO, days)
    for same in (at(DAY_MS + 1), at(0), at(2 * DAY_MS, TimeTrust.SYNCHRONISED)):
        assert apply(second, Tick(same), TERMS).account.spending == second.spending
    closed = replace(second, supply=Supply(S.TERMINATED, at()))
    assert apply(closed, Tick(at(2 * DAY_MS)), TERMS).account.spending == second.spending
    unseen = replace(second, spending=Spending("2026-03-03", None, days))
    assert apply(unseen, Tick(at(2 * DAY_MS)), TERMS).account.spending == Spending("2026-03-04", 10 * NANO, days)


@pytest.mark.parametrize(
    ("state", "balance_nano", "days", "notice_ms", "template"),
    [
        (S.GRACE, -NANO, 2, 0, "grace"),
        (S.LIMITED, -NANO, 2, 0, "limited"),
        (S.GRACE, -NANO, 1, 0, None),
        (S.GRACE, -NANO, 2, 5, None),
        (S.GRACE, 2 * NANO - 1, 2, 0, "grace"),
        (S.GRACE, 2 * NANO, 2, 0, None),
        (S.LOW_CREDIT, 9 * NANO, 2, 0, None),
    ],
)
def test_days_of_standing_charge_that_come_at_once_are_told_before_they_escalate(
    state: SupplyState, balance_nano: int, days: int, notice_ms: int, template: str | None
) -> None:
    """Threat 24: notice is given anew, once on each rung; one day's charge is no news."""
    price = tariff(standing_nano_per_day=NANO)
    made = account(state, balance_nano, notice_running_ms=notice_ms)
    made = replace(made, tariffs=(price,), spending=Spending("2026-03-02", 0), supply=replace(made.supply, held_by=""))
    made = replace(made, usage=replace(made.usage, standing_through="2026-03-02"), contact_running_ms=days * DAY_MS)
    now = at(days * DAY_MS)
    outcome = apply(made, Tick(now), TERMS)
    owed_nano = balance_nano - days * NANO
    ends_ms = 72 * HOUR_MS if template == "grace" else 11 * DAY_MS - 9 * HOUR_MS
    facts = told_facts(template or "", owed_nano, ends_ms)
    told = [Notice(now, "CH-1", template, owed_nano, "CHF", facts)] if template else []
    assert only(outcome.records, Notice) == told
    (entry,) = only(outcome.records, Entry)
    assert isinstance(entry, Entry)
    assert (entry.amount_nano, entry.lines[0].component) == (-days * NANO, "standing")
    if template:
        assert outcome.account.supply.notice_running_ms == now.running_ms


def test_standing_charge_that_takes_the_last_credit_is_told_by_the_rung_alone() -> None:
    """Threat 24: who falls into debt by it gets the notice of grace and no other."""
    made = account(S.LOW_CREDIT, NANO)
    made = replace(made, tariffs=(tariff(standing_nano_per_day=NANO),), spending=Spending("2026-03-02", 0))
    made = replace(made, usage=replace(made.usage, standing_through="2026-03-02"))
    records = apply(made, Tick(at(2 * DAY_MS)), TERMS).records
    assert [notice.template for notice in records if isinstance(notice, Notice)] == ["grace"]


def test_evidence_counts_from_its_own_anchors() -> None:
    """Requirements 2.8: how long on the rung, since the notice, since the reading."""
    made = account(S.GRACE, RICH, notice_running_ms=300, dated_on=None)
    made = replace(made, supply=replace(made.supply, since=at(100)), register=replace(made.register, at=at(600)))
    moved = only(apply(made, Tick(at(1_000, TimeTrust.RESTORED)), TERMS).records, Transition)[0]
    assert isinstance(moved, Transition)
    assert moved.detail == (("in_state_ms", 900), ("notice_age_ms", 700), ("reading_age_ms", 400))
    bare = replace(made, supply=replace(made.supply, notice_running_ms=None), register=replace(made.register, at=None))
    moved = only(apply(bare, Tick(at(1_000, TimeTrust.RESTORED)), TERMS).records, Transition)[0]
    assert isinstance(moved, Transition)
    assert moved.detail == (("in_state_ms", 900),)


def test_alarms_of_all_that_a_reading_explains_are_told() -> None:
    """Decision 5: of each span, once, in the order they came up."""
    old = tariff(tariff_id="old", valid_from="2026-03-01", valid_to="2026-03-03", calendar="none")
    made = replace(world().account, tariffs=(old,))
    spans = [Span(at(), at(1), 5), Span(at(3 * DAY_MS), at(3 * DAY_MS + 1), 5), Span(at(), at(1), 5)]
    usage, lines, alarms = charging.rated(made, spans, TERMS)
    assert alarms == ("tariff_calendar_missing", "tariff_expired")
    assert (usage.wh, sum(line.wh for line in lines)) == (15, 15)


def test_rating_alarms_are_told_when_they_appear() -> None:
    """Decision 5: tariff_expired once, and again only after it was over."""
    made = world(tariff=tariff(valid_to="2026-03-01", valid_from="2026-01-01")).account
    outcome = apply(replace(made, alarms=()), Reading(at(1_000), 1), TERMS)
    assert only(outcome.records, Happening) == [Happening(at(1_000), "CH-1", "tariff.tariff_expired", ())]
    assert outcome.account.alarms == ("tariff_expired",)
    again = apply(outcome.account, Reading(at(2_000), 1), TERMS)
    assert only(again.records, Happening) == []
    unreadable = apply(again.account, Reading(at(3_000), None), TERMS)
    assert unreadable.account.alarms == ("tariff_expired",)
    good = replace(unreadable.account, tariffs=(tariff(),), register=replace(unreadable.account.register, trouble=""))
    assert apply(good, Reading(at(4_000), 2), TERMS).account.alarms == ()


def test_what_only_passes_by() -> None:
    """Contact counts when the time is proven (decision 12); a meter event is kept as it is; settle posts once."""
    made = world().account
    assert apply(made, Contact(at(7)), TERMS).account == replace(made, contact_running_ms=7)
    for trust in (TimeTrust.UNKNOWN, TimeTrust.RESTORED, TimeTrust.SYNCHRONISED):
        assert apply(made, Contact(at(7, trust)), TERMS).account == made
    event = MeterEvent(at(7), "switch.moved", (("to", "CONNECTED"),))
    outcome = apply(made, event, TERMS)
    assert (outcome.account, outcome.records) == (made, (Happening(at(7), "CH-1", "switch.moved", event.detail),))
    line = Line("energy", "all", 0, 4, 0, NANO, "flat@1", estimated=False)
    posted = settle(replace(made, unsettled=(line,), settled_register_wh=3), at(8))
    entry = Entry(
        at(8),
        "CH-1",
        EntryKind.CHARGE,
        "CHF",
        -NANO,
        made.settled_balance_nano - NANO,
        "",
        3,
        made.register.wh,
        (line,),
    )
    assert posted.records == (entry,)
    assert (posted.account.unsettled, posted.account.settled_register_wh) == ((), made.register.wh)
    assert settle(posted.account, at(9)).records == ()


def test_a_closed_account_is_read_and_charged_nothing() -> None:
    """S1-15: the register goes on, money does not."""
    closed = apply(world().account, AccountClosed(at(5), "c", "moved"), TERMS)
    (moved,) = only(closed.records, Transition)
    assert isinstance(moved, Transition)
    assert (moved.target, moved.rule, only(closed.records, Notice)) == (S.TERMINATED, "closed", [])
    read = apply(closed.account, Reading(at(HOUR_MS), 900), TERMS).account
    assert (read.register.wh, read.usage, read.balance_nano) == (900, closed.account.usage, 20 * NANO)


def test_offline_the_debt_cap_limits_and_says_so() -> None:
    """Decision 12: out of reach for longer than allowed, and no other guard asks the clock."""
    ms = 72 * HOUR_MS + 1
    made = account(S.GRACE, -20 * NANO)
    for running_ms, moved in ((ms, True), (ms - 1, False)):
        now = at(running_ms, TimeTrust.UNKNOWN)
        ready = replace(made, register=replace(made.register, at=now), supply=replace(made.supply, grace_warned=True))
        outcome = apply(ready, Tick(now), TERMS)
        rules = [record.rule for record in outcome.records if isinstance(record, Transition)]
        assert rules == (["offline_debt_cap"] if moved else [])
    started = replace(
        made, start=Start(0, known=True), opening_nano=-40 * NANO, register=replace(made.register, at=at(9))
    )
    moves = only(apply(started, Tick(at(9, TimeTrust.UNKNOWN)), TERMS).records, Transition)
    assert [move.rule for move in moves if isinstance(move, Transition)] == ["unconfirmed_debt_cap"]
    less = replace(started, opening_nano=-40 * NANO + 1)
    assert only(apply(less, Tick(at(9, TimeTrust.UNKNOWN)), TERMS).records, Transition) == []


def test_a_charge_never_spans_a_difference_that_stays_open() -> None:
    """I5: what was used before a discontinuity is settled at the old register, what comes after begins at the new."""
    w = world()
    w.use(600, hours=1)
    assert w.account.unsettled
    w.register_wh = 90
    for _ in range(3):
        w.running_ms += 1_000
        w.utc_ms += 1_000
        w.register_wh += 1
        w.read()
    (before,) = [record for record in w.records if isinstance(record, Entry)]
    assert (before.from_register_wh, before.to_register_wh, before.amount_nano) == (0, 600, -600 * 250_000)
    assert w.account.settled_register_wh == 91
    (after_it,) = only(settle(w.account, w.now()).records, Entry)
    assert isinstance(after_it, Entry)
    assert (after_it.from_register_wh, after_it.to_register_wh, after_it.amount_nano) == (91, 93, -2 * 250_000)
