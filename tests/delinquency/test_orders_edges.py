"""Orders, word for word: what a refusal answers, what a row names, and which of several claims an order is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.prepayment.account import Supply
from gateway.prepayment.arrears import ReconnectAllowed
from gateway.prepayment.delinquency import Phase, phase_of, queue_left_ms
from gateway.prepayment.events import AccountClosed, CloseCause, HoldKind, HoldReleased, HoldSet, TimeTrust
from gateway.prepayment.ledger import Happening, Transition, Verdict
from gateway.prepayment.supply import Commodity, SupplyState
from gateway.prepayment.taken import refused
from tests.delinquency.debtor import TERMS, Debtor, debtor, utc_ms
from tests.prepayment.worlds import NANO, World, world

S = SupplyState
OPEN_DAY = "2026-04-07"
"""The first day on which the usual notice lets the supply be limited, in an open slot."""
QUEUED = {
    "command_id": "order-1",
    "target": "LIMITED",
    "arrears": "a-1",
    "legal_ref": "decision 12/2026",
    "next_slot_utc_ms": utc_ms(OPEN_DAY, "08:00"),
}


def ready(**changes: Any) -> Debtor:
    """Noticed, in an open slot on the first legal day."""
    home = debtor(**changes)
    home.notice()
    home.stand(OPEN_DAY)
    return home


def limited() -> Debtor:
    """Limited, and ten days later."""
    home = ready()
    assert home.limit().reason == ""
    home.stand("2026-04-20")
    return home


def suspended() -> Debtor:
    """Suspended, and so long that the contract may end."""
    home = limited()
    assert home.suspend().reason == ""
    home.stand("2026-05-11")
    return home


def disputed(**changes: Any) -> Debtor:
    """All of the claim is in dispute: it is known, and noticed no more."""
    home = ready(**changes)
    home.said(HoldSet(home.at(), "h", "d-1", HoldKind.DISPUTE, amount_nano=120 * NANO))
    return home


def held(home: Debtor, hold_id: str, *rungs: SupplyState) -> None:
    """A complaint that keeps the supply from these rungs, or from all."""
    assert home.said(HoldSet(home.at(), "h", hold_id, HoldKind.COMPLAINT, rungs=rungs)).reason == ""


def two_holds() -> Debtor:
    """The older one is about the suspension alone."""
    home = ready()
    held(home, "h-1", S.SUSPENDED)
    held(home, "h-2")
    return home


def end(home: Debtor | World) -> Verdict | None:
    """The order to end the contract for arrears."""
    now = home.at() if isinstance(home, Debtor) else home.now()
    return home.post(AccountClosed(now, "close-1", "arrears", CloseCause.DELINQUENCY)).verdict


def rows(home: Debtor, what: str) -> list[dict[str, str | int]]:
    """The details of all happenings of this name."""
    return [dict(one.detail) for one in home.records if isinstance(one, Happening) and one.what == what]


@pytest.mark.parametrize(
    ("home", "target", "refusal"),
    [
        (
            lambda: ready(name="estenergy-gas", commodity=Commodity.GAS),
            S.LIMITED,
            refused("not_applicable", commodity="gas", voltage="LV"),
        ),
        (disputed, S.LIMITED, refused("debt_floor", arrears="a-1")),
        (limited, S.LIMITED, refused("not_applicable", state="LIMITED")),
        (suspended, S.SUSPENDED, refused("not_applicable", state="SUSPENDED")),
        (two_holds, S.LIMITED, refused("held", hold="h-2")),
    ],
)
def test_a_refused_order_says_what_is_in_its_way(home: Any, target: SupplyState, refusal: Verdict) -> None:
    """2.4, S1-08, S1-10: the class of supply, the claim, the rung, or the hold that is about this very rung."""
    made: Debtor = home()
    assert made.order(target) == refusal


def test_a_claim_that_nobody_noticed_or_that_is_too_small_is_named() -> None:
    """2.4, 3.1: the answer names the claim it was about."""
    assert ready().limit(arrears_id="a-9") == refused("no_arrears", arrears="a-9")
    home = debtor()
    rules = home.account.policy.delinquency
    assert rules is not None
    floor = replace(home.account.policy, delinquency=replace(rules, debt_floor_nano=120 * NANO))
    home.account = replace(home.account, policy=floor)
    home.notice()
    home.stand(OPEN_DAY)
    assert home.limit() == refused("debt_floor", arrears="a-1")


def test_a_supply_without_a_switch_can_still_be_limited() -> None:
    """S1-11, S0-11: reduced power needs the limiter alone; only a suspension needs something to open."""
    home = ready(terms=replace(TERMS, can_disconnect=False))
    assert home.limit().reason == ""
    assert home.state is S.LIMITED


def test_an_order_is_judged_by_its_own_claim() -> None:
    """Invariant 11 of 2.8: of two claims with their own dates the order's counts, in a refusal and on record."""
    home = debtor()
    home.notice()
    home.notice(arrears_id="a-2", amount_nano=30 * NANO, final_term_on="2026-04-30")
    home.stand(OPEN_DAY)
    late: dict[str, str | int] = {
        "rule": "final_term",
        "legal_from": "2026-05-07",
        "not_before_utc_ms": utc_ms("2026-05-07", "08:00"),
    }
    assert home.limit(arrears_id="a-2") == refused("too_early", **late)
    home.stand("2026-05-07")
    assert home.limit(arrears_id="a-2").reason == ""
    told = dict([row for row in home.records if isinstance(row, Transition)][-1].detail)
    assert (told["arrears"], told["net_nano"], told["legal_from"]) == ("a-2", 30 * NANO, "2026-05-07")


def test_a_contract_that_ends_names_the_first_of_its_claims() -> None:
    """Invariant 11 of 2.8: the claim that led here, not one that came later."""
    home = suspended()
    home.notice(arrears_id="a-2", amount_nano=30 * NANO)
    verdict = end(home)
    assert verdict is not None
    assert verdict.reason == ""
    told = dict([row for row in home.records if isinstance(row, Transition)][-1].detail)
    assert (told["arrears"], told["unpaid_nano"]) == ("a-1", 120 * NANO)


def queued() -> Debtor:
    """Ordered on Easter Sunday, kept for Tuesday 08:00."""
    home = debtor()
    home.notice()
    home.stand("2026-04-05", "12:00")
    assert home.limit(queue=True).reason == "queued"
    return home


def test_a_kept_order_is_on_record_with_its_slot_and_once() -> None:
    """2.4, 2.8: who looks at the journal finds the order and its instant; carried out it was not refused."""
    home = queued()
    assert rows(home, "supply.order_queued") == [QUEUED]
    home.stand(OPEN_DAY, "08:00")
    assert home.state is S.LIMITED
    assert rows(home, "supply.order_refused") == []


def test_a_kept_order_that_is_dropped_says_why_beside_what_dropped_it() -> None:
    """2.4, S1-08: the hold in its way is named, and the row of the hold itself is not lost."""
    home = queued()
    home.stand(OPEN_DAY, "07:55")
    home.now_ms, home.running_ms = home.now_ms + 300_000, home.running_ms + 300_000
    before = len(home.records)
    held(home, "h-1")
    happened = [one.what for one in home.records[before:] if isinstance(one, Happening)]
    assert happened == ["hold.set", "supply.order_refused"]
    assert rows(home, "supply.order_refused") == [{**QUEUED, "reason": "held", "hold": "h-1"}]


@pytest.mark.parametrize(("ms", "left_ms"), [(-2, 2), (-1, 1), (0, None), (1, None)])
def test_a_timer_runs_until_the_slot_and_no_longer(ms: int, left_ms: int | None) -> None:
    """2.4: an order that waits for something else than its slot is looked at by each poll, no timer spins for it."""
    home = queued()
    begins_ms = utc_ms(OPEN_DAY, "08:00")
    assert queue_left_ms(home.account, replace(home.at(), utc_ms=begins_ms + ms)) == left_ms


@pytest.mark.parametrize(
    ("kind", "amount_nano", "rule"),
    [(HoldKind.DISPUTE, 120 * NANO, "paid_restored"), (HoldKind.LIFE_SUPPORT, 0, "protected")],
)
def test_what_restores_a_supply_is_not_the_order_s_doing(kind: HoldKind, amount_nano: int, rule: str) -> None:
    """Invariant 11 of 2.8: an order that waited for its slot is no evidence of a step it did not ask for."""
    home = ready()
    assert home.limit().reason == ""
    home.stand("2026-04-19", "12:00")
    assert home.suspend(queue=True).reason == "queued"
    home.said(HoldSet(home.at(), "h", "h-1", kind, amount_nano=amount_nano))
    moved = [row for row in home.records if isinstance(row, Transition)][-1]
    assert (moved.rule, home.account.ordered) == (rule, None)
    assert {"command_id", "legal_ref", "arrears"} & {name for name, _ in moved.detail} == set()
    assert [row["reason"] for row in rows(home, "supply.order_refused")] == [rule]


def test_the_end_of_a_contract_for_arrears_is_for_a_suspended_debtor() -> None:
    """S1-14: the answer names the rung; a prepaid supply that is off has no claims and no such end."""
    assert end(ready()) == refused("not_applicable", state="NOTICED")
    prepaid = world()
    prepaid.account = replace(prepaid.account, supply=Supply(S.SUSPENDED, prepaid.now()))
    assert end(prepaid) == refused("not_applicable", state="SUSPENDED")


def test_a_hold_keeps_a_contract_from_ending_only_if_it_is_about_that() -> None:
    """S1-14, S1-08: a complaint about the suspension does not hold the end; the next one does, and is named."""
    home = suspended()
    held(home, "h-1", S.LIMITED, S.SUSPENDED)
    held(home, "h-2", S.TERMINATED)
    assert end(home) == refused("held", hold="h-2")
    home.said(HoldReleased(home.at(), "r", "h-2"))
    verdict = end(home)
    assert verdict is not None
    assert (verdict.reason, home.state) == ("", S.TERMINATED)


def test_no_term_is_over_by_a_clock_that_nobody_vouches_for() -> None:
    """Invariant 6 of 2.8: what is shown is the rung itself until the time is proven."""
    home = suspended()
    assert phase_of(home.account, home.terms, home.at()) is Phase.TERMINABLE
    for trust in (TimeTrust.SYNCHRONISED, TimeTrust.RESTORED, TimeTrust.UNKNOWN):
        assert phase_of(home.account, home.terms, replace(home.at(), trust=trust)) is Phase.SUSPENDED


def test_the_word_from_the_site_is_on_record_with_its_name() -> None:
    """Decision 14: refused with the rung where nothing waits, and with who is at work; else once, with who said so."""
    home = debtor("estenergy-gas", commodity=Commodity.GAS)
    said = ReconnectAllowed(home.at(), "c", "installer 12")
    assert home.said(said) == refused("not_armed", state="REGULAR")
    home.account = replace(home.account, armed=True, lockout="work")
    assert home.said(said) == refused("locked_out", by="work")
    home.account = replace(home.account, lockout=None)
    before = len(home.records)
    assert home.said(said).reason == ""
    assert home.account.armed is False
    assert home.records[before:] == [
        Happening(home.at(), home.account.account_id, "supply.reconnected", (("by", "installer 12"),))
    ]
    assert home.said(said) == refused("not_armed", state="REGULAR")
