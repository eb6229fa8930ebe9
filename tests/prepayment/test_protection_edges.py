"""Holds, outages and the lock-out where their answers change: refusals whole, windows and amounts to the unit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.prepayment.account import Account, Supply, Suspicion
from gateway.prepayment.events import (
    Detail,
    Hold,
    HoldKind,
    HoldReleased,
    HoldSet,
    LockoutReleased,
    SuspicionCause,
    TimeTrust,
)
from gateway.prepayment.ledger import Happening, Verdict, VerdictStatus
from gateway.prepayment.outages import OUTAGE_MAX_MS, OUTAGES_MAX, Outage, OutageCancelled, OutagePlanned
from gateway.prepayment.protection import holding
from gateway.prepayment.requests import Request
from gateway.prepayment.step import apply
from gateway.prepayment.supply import SupplyState
from tests.prepayment.worlds import DAY_MS, HOUR_MS, MONDAY_MS, NANO, TERMS, at, opened

S = SupplyState
K = HoldKind
NOW = at(HOUR_MS)
HELD = "LIMITED SUSPENDED TERMINATED"


def on(state: SupplyState = S.GRACE, **changes: Any) -> Account:
    """An account in debt, on this rung since Monday morning."""
    made = replace(opened(-5 * NANO), supply=Supply(state, at(), notice_running_ms=0, dated_on="2026-03-02"))
    return replace(made, **changes)


def asked(kind: HoldKind, **changes: Any) -> HoldSet:
    """A hold asked for now."""
    return replace(HoldSet(NOW, "c-1", "h", kind), **changes)


def off(begins_ms: int, ends_ms: int, outage_id: str = "o") -> Outage:
    """A window so long after Monday morning."""
    return Outage(outage_id, MONDAY_MS + begins_ms, MONDAY_MS + ends_ms, "works 7", "utility")


def planned(begins_ms: int, ends_ms: int, outage_id: str = "o") -> OutagePlanned:
    """It is announced now."""
    return OutagePlanned(NOW, "p-1", off(begins_ms, ends_ms, outage_id))


def answer(account: Account, request: Request) -> tuple[str, dict[str, str | int]]:
    """The reason of a refusal and its detail; empty when it is accepted. A refusal changes nothing."""
    outcome = apply(account, request, TERMS)
    verdict = outcome.verdict
    assert isinstance(verdict, Verdict)
    assert verdict.status is VerdictStatus.APPLIED or outcome.account == account
    return verdict.reason, dict(verdict.detail)


def row(account: Account, request: Request, what: str) -> Detail:
    """The detail of the one such row."""
    (found,) = (one for one in apply(account, request, TERMS).records if isinstance(one, Happening))
    assert found.what == what
    return found.detail


LATE_MS = NOW.utc_ms - 31 * DAY_MS
PLANNED_MS = MONDAY_MS + 2 * HOUR_MS


@pytest.mark.parametrize(
    ("request_", "reason", "detail"),
    [
        (asked(K.COMPLAINT, amount_nano=1), "not_applicable", {"field": "amount", "kind": "complaint"}),
        (asked(K.LIFE_SUPPORT, rungs=(S.LIMITED,)), "not_applicable", {"field": "rungs", "kind": "life_support"}),
        (asked(K.DISPUTE, rungs=(S.LIMITED,)), "not_applicable", {"field": "rungs", "kind": "dispute"}),
        (asked(K.OUTAGE, rungs=(S.LIMITED,)), "not_applicable", {"field": "rungs", "kind": "outage"}),
        (asked(K.COMPLAINT, rungs=(S.GRACE,)), "not_applicable", {"field": "rungs", "allowed": HELD}),
        (asked(K.COMPLAINT, until_utc_ms=NOW.utc_ms), "hold_over", {"until_utc_ms": NOW.utc_ms}),
        (asked(K.DISPUTE, notice_utc_ms=NOW.utc_ms + 1), "notice_ahead", {"notice_utc_ms": NOW.utc_ms + 1}),
        (
            asked(K.DISPUTE, notice_utc_ms=LATE_MS),
            "dispute_too_late",
            {"last_day": "2026-03-01", "hint": "override: true accepts it all the same"},
        ),
        (HoldReleased(NOW, "r-1", "x"), "no_hold", {"hold": "x"}),
        (planned(2 * HOUR_MS, 2 * HOUR_MS), "outage_length", {"max_ms": OUTAGE_MAX_MS}),
        (planned(0, OUTAGE_MAX_MS + 1), "outage_length", {"max_ms": OUTAGE_MAX_MS}),
        (planned(0, HOUR_MS), "outage_over", {"ends_utc_ms": NOW.utc_ms}),
        (OutageCancelled(NOW, "q-1", "x"), "no_outage", {"outage": "x"}),
        (LockoutReleased(NOW, "l-1"), "no_lockout", {}),
    ],
)
def test_a_refusal_says_what_would_be_right(request_: Request, reason: str, detail: dict[str, str | int]) -> None:
    """S2-22, S4-06, decision 13: which field, which bound, which day."""
    assert answer(on(), request_) == (reason, detail)


@pytest.mark.parametrize(
    "request_",
    [
        asked(K.DISPUTE, amount_nano=1),
        asked(K.COMPLAINT, rungs=(S.LIMITED, S.SUSPENDED, S.TERMINATED)),
        asked(K.COMPLAINT, until_utc_ms=NOW.utc_ms + 1),
        asked(K.COMPLAINT, until_utc_ms=1, at=replace(NOW, trust=TimeTrust.SYNCHRONISED)),
        asked(K.DISPUTE, notice_utc_ms=NOW.utc_ms),
        asked(K.DISPUTE, notice_utc_ms=LATE_MS + DAY_MS),
        asked(K.DISPUTE, notice_utc_ms=LATE_MS, override=True),
        planned(2 * HOUR_MS, 2 * HOUR_MS + 1),
        planned(0, OUTAGE_MAX_MS),
        planned(0, HOUR_MS + 1),
        replace(planned(0, HOUR_MS), at=replace(NOW, trust=TimeTrust.SYNCHRONISED)),
    ],
)
def test_the_least_that_is_enough_is_taken(request_: Request) -> None:
    """S2-22, S4-06: one unit more, one millisecond or one day earlier; without proven time no date is judged."""
    assert answer(on(), request_) == ("", {})


PART = (S.LIMITED, S.SUSPENDED)


@pytest.mark.parametrize(
    ("known", "then", "reason"),
    [
        (asked(K.DISPUTE, amount_nano=2), asked(K.DISPUTE, amount_nano=1), "hold_exists"),
        (asked(K.DISPUTE, amount_nano=2), asked(K.DISPUTE, amount_nano=2), ""),
        (asked(K.DISPUTE, amount_nano=1), asked(K.DISPUTE, amount_nano=2), ""),
        (asked(K.DISPUTE), asked(K.DISPUTE, amount_nano=1), "hold_exists"),
        (asked(K.DISPUTE), asked(K.DISPUTE), ""),
        (asked(K.COMPLAINT), asked(K.DISPUTE, amount_nano=1), "hold_exists"),
        (asked(K.COMPLAINT), asked(K.DISPUTE), ""),
        (asked(K.COMPLAINT, rungs=PART), asked(K.COMPLAINT, rungs=PART), ""),
        (asked(K.COMPLAINT, rungs=PART), asked(K.COMPLAINT, rungs=(*PART, S.TERMINATED)), ""),
        (asked(K.COMPLAINT, rungs=PART), asked(K.COMPLAINT, rungs=(S.LIMITED, S.TERMINATED)), "hold_exists"),
        (asked(K.COMPLAINT, rungs=PART), asked(K.COMPLAINT), ""),
        (asked(K.COMPLAINT), asked(K.COMPLAINT, rungs=PART), "hold_exists"),
        (asked(K.COMPLAINT, rungs=PART), asked(K.LIFE_SUPPORT), ""),
        (asked(K.LIFE_SUPPORT), asked(K.SHARED_POINT), ""),
        (asked(K.LIFE_SUPPORT), asked(K.COMPLAINT), "hold_exists"),
        (asked(K.OUTAGE), asked(K.OUTAGE), ""),
        (asked(K.OUTAGE), asked(K.COMPLAINT), "hold_exists"),
        (asked(K.OUTAGE), asked(K.LIFE_SUPPORT), "hold_exists"),
        (asked(K.COMPLAINT), asked(K.OUTAGE), ""),
    ],
)
def test_a_hold_is_only_replaced_by_one_that_helps_as_much(known: HoldSet, then: HoldSet, reason: str) -> None:
    """Decision 17: less of an amount, of the rungs, or another effect is a release, which must prove freshness."""
    account = apply(on(), known, TERMS).account
    assert answer(account, then) == (reason, {"hold": "h"} if reason else {})


def test_a_dispute_takes_no_other_hold_away_whatever_amount_a_resync_gave_it() -> None:
    """Decision 17, threat 4: a complaint holds all of the debt, also one that the head-end stated with an amount."""
    account = on(holds=(Hold("h", K.COMPLAINT, None, NANO),))
    assert answer(account, asked(K.DISPUTE, amount_nano=NANO)) == ("hold_exists", {"hold": "h"})


def test_an_outage_begins_once() -> None:
    """S4-06: said again it goes on from where it began; in the place of another hold it begins now."""
    later = replace(asked(K.OUTAGE), at=at(2 * HOUR_MS))
    for first, began in ((asked(K.OUTAGE), NOW), (asked(K.COMPLAINT), later.at)):
        (hold,) = apply(apply(on(), first, TERMS).account, later, TERMS).account.holds
        assert (hold.kind, hold.began) == (K.OUTAGE, began)


def test_an_outage_that_is_released_stays_beside_the_others_with_who_said_so() -> None:
    """S4-06: what it held up stays held up, and so does what the planned ones did."""
    account = on(
        outages=(off(0, 10),), holds=(Hold("h", K.OUTAGE, None, set_by="utility", reason="storm", began=at()),)
    )
    after = apply(account, HoldReleased(NOW, "r-1", "h"), TERMS).account
    assert (after.holds, set(after.outages)) == (
        (),
        {off(0, 10), Outage("h", MONDAY_MS, NOW.utc_ms, "storm", "utility")},
    )


def test_an_outage_that_is_announced_is_told_whole() -> None:
    """S4-06: its window, whose works, who said so and by which command."""
    assert row(on(), planned(2 * HOUR_MS, 3 * HOUR_MS), "outage.planned") == (
        ("outage", "o"),
        ("begins_utc_ms", PLANNED_MS),
        ("ends_utc_ms", PLANNED_MS + HOUR_MS),
        ("reference", "works 7"),
        ("set_by", "utility"),
        ("command_id", "p-1"),
    )


@pytest.mark.parametrize(("begins", "ends"), [(1, 0), (0, -1)])
def test_a_window_is_not_shortened_under_its_id(begins: int, ends: int) -> None:
    """Decision 17: at either end by a millisecond; the answer names it."""
    account = apply(on(), planned(2 * HOUR_MS, 3 * HOUR_MS), TERMS).account
    assert answer(account, planned(2 * HOUR_MS + begins, 3 * HOUR_MS + ends)) == ("outage_exists", {"outage": "o"})


@pytest.mark.parametrize(("ends_ms", "reason"), [(HOUR_MS, ""), (HOUR_MS + 1, "too_many_outages")])
def test_outages_that_are_over_take_no_place(ends_ms: int, reason: str) -> None:
    """I20: those that end now are over, although without proven time none is forgotten."""
    full = on(outages=tuple(off(0, ends_ms, f"o{number}") for number in range(OUTAGES_MAX)))
    more = replace(planned(2 * HOUR_MS, 3 * HOUR_MS), at=replace(NOW, trust=TimeTrust.SYNCHRONISED))
    assert answer(full, more) == (reason, {})


@pytest.mark.parametrize(("begins_ms", "left_ms"), [(-1, 1), (0, None), (1, None)])
def test_an_outage_that_never_began_leaves_nothing(begins_ms: int, left_ms: int | None) -> None:
    """S4-06: cancelled as it begins there was none; a millisecond later there was one of a millisecond."""
    account = on(outages=(off(HOUR_MS + begins_ms, 2 * HOUR_MS),))
    left = apply(account, OutageCancelled(NOW, "q-1", "o"), TERMS).account.outages
    assert [one.ends_utc_ms - one.begins_utc_ms for one in left] == ([] if left_ms is None else [left_ms])


@pytest.mark.parametrize(
    ("state", "rungs", "held"),
    [
        (S.GRACE, (S.LIMITED,), True),
        (S.GRACE, (S.TERMINATED,), True),
        (S.GRACE, (), True),
        (S.LIMITED, (S.LIMITED,), False),
        (S.LIMITED, (S.SUSPENDED,), True),
        (S.LIMITED, (S.TERMINATED,), True),
        (S.SUSPENDED, (S.LIMITED, S.SUSPENDED), False),
        (S.SUSPENDED, (S.TERMINATED,), True),
        (S.TERMINATED, (), False),
    ],
)
def test_only_a_hold_of_a_rung_to_come_keeps_waiting(state: SupplyState, rungs: tuple[S, ...], held: bool) -> None:
    """2.8, 11: the record of a wait names the hold that keeps from a lower rung, none of a rung already passed."""
    account = on(state, holds=(Hold("h", K.COMPLAINT, None, rungs=rungs),))
    assert holding(account, NOW) == ((("hold", "h"),) if held else ())
    assert holding(on(state), NOW) == ()


def test_a_switch_that_waits_for_the_site_goes_on_waiting_after_a_lockout() -> None:
    """Decision 14: the release of a lock-out, or of one that may be forgotten, takes the wait from nobody."""
    for locked in (on(lockout="fire"), on(suspicion=Suspicion(SuspicionCause.BACKUP, at()))):
        for armed in (False, True):
            after = apply(replace(locked, armed=armed), LockoutReleased(NOW, "l-1"), TERMS).account
            assert (after.lockout, after.armed) == (None, armed)
