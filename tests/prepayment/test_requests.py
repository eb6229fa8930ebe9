"""What an account accepts from the central system and why it refuses: money first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.prepayment.agreement import TARIFFS_MAX, open_account
from gateway.prepayment.entitlement import control
from gateway.prepayment.events import (
    AccountClosed,
    AccountOpened,
    HoldKind,
    HoldReleased,
    HoldSet,
    PolicySet,
    PowerSet,
    TariffSet,
    TimeTrust,
    TopUp,
    TopUpReversal,
)
from gateway.prepayment.ledger import Entry, EntryKind, Transition, Verdict, VerdictStatus
from gateway.prepayment.power import valid_power_w
from gateway.prepayment.protection import HOLDS_MAX
from gateway.prepayment.supply import SupplyState, SwitchState
from gateway.prepayment.tariff import Price

from .worlds import DAY_MS, NANO, TERMS, World, at, opened, policy, tariff, world


def _top_up(w: World, number: int, paid_nano: int, lifetime_nano: int, **changes: object) -> Verdict:
    event = TopUp(w.now(), f"t-{number}", number, paid_nano, lifetime_nano, "CHF", "counter")
    verdict = w.post(replace(event, **changes)).verdict  # type: ignore[arg-type]
    assert verdict is not None
    return verdict


def test_a_top_up_is_credited_once_whatever_is_repeated() -> None:
    """S0-12, I3: the same top-up three times credits once; the later answers say that it is already included."""
    w = world(0)
    said = [_top_up(w, 1, 5 * NANO, 5 * NANO).status for _ in range(3)]
    assert said == [VerdictStatus.APPLIED, VerdictStatus.ALREADY_INCLUDED, VerdictStatus.ALREADY_INCLUDED]
    assert w.account.balance_nano == 5 * NANO


def test_top_ups_out_of_order_give_the_same_money() -> None:
    """Decision 4: number 3 arrives first and carries the lifetime total; 1 and 2 then add nothing."""
    w = world(0)
    assert _top_up(w, 3, 20 * NANO, 35 * NANO).status is VerdictStatus.APPLIED
    assert _top_up(w, 1, 5 * NANO, 5 * NANO).status is VerdictStatus.ALREADY_INCLUDED
    assert _top_up(w, 2, 10 * NANO, 15 * NANO).status is VerdictStatus.ALREADY_INCLUDED
    assert w.account.balance_nano == 35 * NANO


def test_two_equal_top_ups_in_one_minute_are_both_credited() -> None:
    """S0-15: counter and web, the same amount, the same minute: two sequences, twice the money."""
    w = world(0)
    _top_up(w, 1, 10 * NANO, 10 * NANO, channel="web")
    _top_up(w, 2, 10 * NANO, 20 * NANO, channel="counter")
    assert w.account.balance_nano == 20 * NANO


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"currency": "EUR"}, "wrong_currency"),
        ({"amount_nano": 501 * NANO, "total_nano": 501 * NANO}, "above_cap"),
        ({"amount_nano": 0, "total_nano": 0}, "invalid_amount"),
        ({"amount_nano": -NANO, "total_nano": -NANO}, "invalid_amount"),
        ({"total_nano": 6 * NANO}, "total_mismatch"),
        ({"total_nano": 4 * NANO}, "total_mismatch"),
        ({"sequence": 0}, "invalid_amount"),
        ({"sequence": 4, "total_nano": 4 * NANO}, "total_mismatch"),
    ],
)
def test_a_wrong_top_up_changes_nothing(change: dict[str, object], reason: str) -> None:
    """Bad input: refused with a reason code, balance, sequence and record untouched."""
    w = world(0)
    before, recorded = w.account, list(w.records)
    verdict = _top_up(w, 1, 5 * NANO, 5 * NANO, **change)
    assert (verdict.status, verdict.reason) == (VerdictStatus.REFUSED, reason)
    assert w.account == before
    assert w.records == recorded


def test_caps_scale_with_the_missed_top_ups() -> None:
    """Decision 4: two missed top-ups allow three caps' worth, and not a cent more."""
    assert _top_up(world(0), 3, NANO, 1_500 * NANO).status is VerdictStatus.APPLIED
    assert _top_up(world(0), 3, NANO, 1_500 * NANO + 1).reason == "above_cap"


def test_the_balance_has_a_cap() -> None:
    """A credit that would lift the balance above the policy's maximum is refused whole."""
    w = world(1_900 * NANO)
    assert _top_up(w, 1, 200 * NANO, 200 * NANO).reason == "balance_above_cap"


def test_charges_are_settled_before_money_moves() -> None:
    """Decision 7: the entry before a top-up holds every charge up to it, so balances in the journal add up."""
    w = world(20 * NANO)
    w.use(2_000)
    _top_up(w, 1, 5 * NANO, 5 * NANO)
    charge, credit = [record for record in w.records if isinstance(record, Entry)]
    assert (charge.kind, charge.amount_nano, charge.from_register_wh, charge.to_register_wh) == (
        EntryKind.CHARGE,
        -500_000_000,
        0,
        2_000,
    )
    assert (credit.kind, credit.amount_nano, credit.balance_nano) == (EntryKind.TOP_UP, 5 * NANO, 24_500_000_000)


def test_a_reversal_takes_back_what_was_given_and_no_more() -> None:
    """Decision 4: reversals have their own sequence and total; more than was ever topped up is refused."""
    w = world(0)
    _top_up(w, 1, 10 * NANO, 10 * NANO)
    event = TopUpReversal(w.now(), "r-1", 1, 4 * NANO, 4 * NANO, "CHF", "chargeback")
    told = (("sequence", 1), ("total_nano", 4 * NANO))
    assert w.post(event).verdict == Verdict(VerdictStatus.APPLIED, "", told)
    again = w.post(event).verdict
    assert again is not None
    assert again.status is VerdictStatus.ALREADY_INCLUDED
    assert w.account.balance_nano == 6 * NANO
    more = w.post(replace(event, sequence=2, amount_nano=7 * NANO, total_nano=11 * NANO)).verdict
    assert more is not None
    assert more.reason == "reversal_exceeds_top_ups"


def test_a_new_tariff_prices_only_what_comes_after_its_day() -> None:
    """S0-08, S3-07: the product switched for tomorrow changes the price from that local midnight on."""
    w = world(100 * NANO)
    tomorrow = tariff(version=2, valid_from="2026-03-03", prices=(Price(0, "all", 500_000),))
    assert w.post(TariffSet(w.now(), "x", tomorrow)).verdict == Verdict(VerdictStatus.APPLIED)
    w.use(1_500, 15)
    assert w.account.usage.charge_total_nano == 1_500 * 250_000
    w.use(1_000, 10)
    assert w.account.usage.charge_total_nano == 1_500 * 250_000 + 1_000 * 500_000


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"currency": "EUR"}, "wrong_currency"),
        ({"version": 1, "valid_from": "2026-04-01"}, "stale_version"),
        ({"version": 2, "valid_from": "2026-03-01"}, "retroactive"),
    ],
)
def test_a_tariff_that_cannot_be_is_refused(changes: dict[str, Any], reason: str) -> None:
    """Decision 5: no other currency, no older version, nothing retroactive."""
    w = world()
    verdict = w.post(TariffSet(w.now(), "x", tariff(**changes))).verdict
    assert verdict is not None
    assert verdict.reason == reason


def test_tariffs_are_bounded_and_the_one_in_force_stays() -> None:
    """I20: a flood of tariffs is refused at the bound; the tariff in force is never dropped."""
    w = world()
    reasons = []
    for version in range(2, TARIFFS_MAX + 3):
        event = TariffSet(w.now(), "x", tariff(version=version, valid_from=f"2027-{version:02d}-01"))
        verdict = w.post(event).verdict
        assert verdict is not None
        reasons.append(verdict.reason)
    assert reasons.count("too_many_tariffs") == len(reasons) - TARIFFS_MAX + 1
    assert w.account.tariffs[0].version == 1


@pytest.mark.parametrize(
    ("kw", "good"),
    [
        *[(kw, True) for kw in (0.5, 4.5, 6, 7, 10, 15, 20)],
        *[(kw, False) for kw in (0.3, 6.5, 11, 12.5, 0)],
    ],
)
def test_contract_power_comes_in_steps(kw: float, good: bool) -> None:
    """S2-07: 0.5 kW up to 6, 1 kW up to 10, 5 kW above."""
    w = world()
    assert valid_power_w(int(kw * 1000)) is good
    verdict = w.post(PowerSet(w.now(), "x", int(kw * 1000))).verdict
    assert verdict is not None
    assert (verdict.reason == "") is good


def test_holds_are_bounded_and_released_by_id() -> None:
    """I20: at most 16 holds; releasing an unknown one is refused."""
    w = world()
    for number in range(HOLDS_MAX):
        w.post(HoldSet(w.now(), "x", f"h{number}", HoldKind.COMPLAINT))
    verdict = w.post(HoldSet(w.now(), "x", "one more", HoldKind.COMPLAINT)).verdict
    assert verdict is not None
    assert verdict.reason == "too_many_holds"
    verdict = w.post(HoldReleased(w.now(), "x", "nobody")).verdict
    assert verdict is not None
    assert verdict.reason == "no_hold"


def test_a_payment_proof_holds_five_working_days() -> None:
    """Requirements 2.5: without an end of its own a payment proof ends after five working days."""
    w = world()
    w.post(HoldSet(w.now(), "x", "proof", HoldKind.PAYMENT_PROOF))
    until = w.account.holds[0].until_utc_ms
    assert until is not None
    assert until == w.utc_ms - 9 * 3_600_000 + 8 * DAY_MS  # Monday 9:00 local -> Tuesday of next week 00:00


def test_closing_ends_the_account_for_good() -> None:
    """S1-15, invariant 10: a closed account is cut, accepts no money and never comes back by itself."""
    w = world(5 * NANO)
    w.use(1_000)
    outcome = w.post(AccountClosed(w.now(), "c-1", "moved out"))
    assert outcome.verdict is not None
    assert dict(outcome.verdict.detail)["register_wh"] == 1_000
    assert w.account.supply.state is SupplyState.TERMINATED
    assert control(w.account, TERMS).switch is SwitchState.DISCONNECTED
    assert any(isinstance(record, Transition) and record.rule == "closed" for record in w.records)
    before = w.account.balance_nano
    w.use(3_000)
    assert w.account.balance_nano == before
    assert _top_up(w, 1, 50 * NANO, 50 * NANO).reason == "account_closed"
    assert w.account.supply.state is SupplyState.TERMINATED


def test_a_protected_point_is_not_closed() -> None:
    """Invariant 9: life support keeps the contract from being ended over its head."""
    w = world()
    w.post(HoldSet(w.now(), "x", "care", HoldKind.LIFE_SUPPORT))
    verdict = w.post(AccountClosed(w.now(), "c-1", "debt")).verdict
    assert verdict is not None
    assert verdict.reason == "held"


@pytest.mark.parametrize(
    ("terms", "changes", "reason"),
    [
        ({"can_disconnect": False}, {}, "no_actuator"),
        ({"can_limit": False}, {"policy": policy(limit_required=True)}, "cannot_limit"),
        ({}, {"policy": policy(currency="EUR")}, "wrong_currency"),
        ({}, {"tariff": tariff(currency="EUR")}, "wrong_currency"),
        ({}, {"policy": policy(calendar="mars")}, "unknown_calendar"),
        ({}, {"contract_power_w": 3_100}, "invalid_step"),
        ({}, {"opening_balance_nano": 3_000 * NANO}, "balance_above_cap"),
    ],
)
def test_an_account_its_meter_cannot_serve_is_not_opened(
    terms: dict[str, bool], changes: dict[str, object], reason: str
) -> None:
    """S0-11: capability first; a point without a switch cannot be prepaid."""
    opening = AccountOpened(at(), "o", "CH-1", "m1", "CHF", 3_000, policy(), tariff())
    refusal = open_account(replace(opening, **changes), replace(TERMS, **terms))  # type: ignore[arg-type]
    assert isinstance(refusal, Verdict)
    assert refusal.reason == reason


def test_a_policy_that_needs_a_limiter_is_refused_later_too() -> None:
    """Decision 15: set by command, the same check as in a file."""
    w = World(opened(), terms=replace(TERMS, can_limit=False))
    verdict = w.post(PolicySet(w.now(), "x", policy(version=2, limit_required=True))).verdict
    assert verdict is not None
    assert verdict.reason == "cannot_limit"


def test_a_tariff_waits_for_a_dated_clock() -> None:
    """Decision 16: whether a tariff is retroactive cannot be said without a date."""
    w = world()
    w.trust = TimeTrust.RESTORED
    verdict = w.post(TariffSet(w.now(), "x", tariff(version=2, valid_from="2027-01-01"))).verdict
    assert verdict is not None
    assert verdict.reason == "clock_untrusted"
