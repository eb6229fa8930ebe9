"""The vectors of requirements 2.7, end to end: refused the day before, accepted in the first slot."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from gateway.prepayment.delinquency import Phase, phase_of
from gateway.prepayment.entitlement import control
from gateway.prepayment.events import AccountClosed, CloseCause
from gateway.prepayment.policy import Anchor
from gateway.prepayment.supply import Commodity, SupplyState, SwitchState
from tests.delinquency.debtor import Debtor, debtor, shipped, utc_ms, weekday

S = SupplyState


def eve(day: str) -> str:
    """The civil day before."""
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()


@pytest.mark.parametrize(
    ("policy", "final", "legal", "limit_on", "over", "suspend_on"),
    [
        ("estenergy-electricity", "2026-03-31", "2026-04-04", "2026-04-07", "2026-04-18", "2026-04-20"),
        ("it-timoe-2026", "2026-03-31", "2026-04-04", "2026-04-07", "2026-04-23", "2026-04-23"),
        ("estenergy-electricity", "2026-04-21", "2026-04-25", "2026-04-27", "2026-05-08", "2026-05-11"),
        ("it-timoe-2026", "2026-04-21", "2026-04-25", "2026-04-27", "2026-05-13", "2026-05-13"),
        ("it-timoe-2026", "2026-03-20", "2026-03-28", "2026-03-30", "2026-04-15", "2026-04-15"),
    ],
    ids=["V1 10 days", "V1 15 days", "V2 10 days", "V2 15 days", "V8"],
)
def test_electricity_is_limited_and_suspended_on_the_first_legal_day_with_a_slot(
    policy: str, final: str, legal: str, limit_on: str, over: str, suspend_on: str
) -> None:
    """V1, V2, V8, S1-09, S1-11, S1-12: 3 working days, 25 days from the notice, 10 or 15 days at 15 %, slots."""
    home = debtor(policy)
    answer = home.notice(final_term_on=final)
    assert dict(answer.detail)["legal_from"] == legal
    home.stand(eve(legal))
    assert phase_of(home.account, home.terms, home.at()) is Phase.NOTICED
    refusal = home.limit()
    assert refusal.reason == "too_early"
    assert dict(refusal.detail)["legal_from"] == legal
    assert dict(refusal.detail)["not_before_utc_ms"] == utc_ms(limit_on, "08:00")
    home.stand(legal)
    assert phase_of(home.account, home.terms, home.at()) is Phase.REQUESTABLE
    first = home.limit()
    assert (first.reason, dict(first.detail)["next_slot_utc_ms"]) == ("slot_blocked", utc_ms(limit_on, "08:00"))
    home.stand(limit_on, "07:59")
    assert home.limit().reason == "slot_blocked"
    home.stand(limit_on, "08:00")
    assert home.limit().reason == ""
    assert home.state is S.LIMITED
    assert control(home.account, home.terms).limit_w == 495, "S1-11: 15 % of 3.3 kW"
    home.stand(eve(over))
    early = home.suspend()
    assert (early.reason, dict(early.detail)["rule"]) == ("too_early", "limited")
    assert dict(early.detail)["not_before_utc_ms"] == utc_ms(suspend_on, "08:00"), weekday(suspend_on)
    home.stand(suspend_on, "08:00")
    assert home.suspend().reason == ""
    assert home.state is S.SUSPENDED
    assert home.moves() == [
        ("noticed", "2026-03-02"), ("ordered_limit", limit_on), ("ordered_suspend", suspend_on)
    ]  # fmt: skip


def _suspended(letter_days: int = 0) -> Debtor:
    """V1: suspended on Monday 2026-04-20."""
    home = debtor("estenergy-electricity")
    home.notice(letter_days=letter_days)
    home.stand("2026-04-07")
    assert home.limit().reason == ""
    home.stand("2026-04-20")
    assert home.suspend().reason == ""
    return home


@pytest.mark.parametrize(("letter_days", "first"), [(0, "2026-05-11"), (15, "2026-05-11"), (30, "2026-05-21")])
def test_a_contract_ends_for_arrears_after_20_days_or_what_the_letter_says(letter_days: int, first: str) -> None:
    """V10, S1-14: suspended on 20 April, terminable from 11 May; a letter of 30 days makes it 21 May."""
    home = _suspended(letter_days)
    home.stand(eve(first))
    assert phase_of(home.account, home.terms, home.at()) is Phase.SUSPENDED
    end = AccountClosed(home.at(), "close", "arrears", CloseCause.DELINQUENCY)
    refusal = home.said(end)
    assert (refusal.reason, dict(refusal.detail)["not_before"]) == ("too_early", first)
    home.stand(first, "00:00")
    assert phase_of(home.account, home.terms, home.at()) is Phase.TERMINABLE
    assert home.said(replace(end, at=home.at())).reason == ""
    assert home.state is S.TERMINATED
    assert home.pay().reason == "", "S1-15: what is owed can be paid"
    home.stand("2026-06-01")
    assert home.state is S.TERMINATED, "and brings nothing back"
    assert home.last("restore.refused") == {"reason": "no_contract"}
    assert control(home.account, home.terms).switch is SwitchState.DISCONNECTED


@pytest.mark.parametrize(
    ("anchor", "legal", "slot"),
    [(Anchor.DUE, "2026-03-13", "2026-03-16"), (Anchor.NOTICE, "2026-04-03", "2026-04-07")],
)
def test_the_multi_service_bill_waits_20_and_40_days(anchor: Anchor, legal: str, slot: str) -> None:
    """V11, S3-13: due 31 January, notice from 21 February, cut from 13 March (due) or 3 April (notice)."""
    base = shipped("multiservice")
    assert base.delinquency is not None
    policy = replace(base, delinquency=replace(base.delinquency, anchor=anchor))
    home = debtor(policy=policy, day="2026-02-02")
    home.stand("2026-02-20")
    letter = {"notified_on": "2026-02-20", "final_term_on": "2026-03-10"}
    early = home.notice(issued_on="2026-02-20", **letter)
    assert (early.reason, dict(early.detail)["not_before"]) == ("too_early", "2026-02-21")
    home.stand("2026-02-21")
    answer = home.notice(issued_on="2026-02-21", notified_on="2026-02-21", final_term_on="2026-03-10")
    assert dict(answer.detail)["legal_from"] == legal
    home.stand(eve(legal))
    assert home.suspend().reason == "too_early"
    home.stand(legal)
    assert home.suspend().reason == "slot_blocked"
    home.stand(slot, "08:00")
    assert home.suspend().reason == ""
    assert home.moves()[-1] == ("ordered_suspend_direct", slot)


def test_gas_is_cut_without_a_power_stage_and_waits_for_somebody_on_site() -> None:
    """S1-10, decision 14: no limit for gas; paid, the valve stays ready until somebody has looked."""
    home = debtor("it-gas-2026", commodity=Commodity.GAS)
    answer = home.notice()
    assert dict(answer.detail) == {"legal_from": "2026-04-12", "rule": "notified"}, "40 days from 2 March"
    home.stand("2026-04-13")
    assert home.limit().reason == "not_applicable"
    assert home.suspend().reason == ""
    home.stand("2026-04-14", "22:00")
    assert home.pay().reason == ""
    assert home.state is S.REGULAR
    assert control(home.account, home.terms).switch is SwitchState.READY_FOR_RECONNECTION


@pytest.mark.parametrize(
    ("final", "legal"),
    [
        ("2026-04-01", "2026-04-08"),  # Thursday, Good Friday (a working day in Italy), Easter Monday is none, Tuesday
        ("2026-04-02", "2026-04-09"),
        ("2026-04-04", "2026-04-10"),
        ("2026-04-28", "2026-05-05"),  # 1 May and a weekend in between
        ("2026-05-29", "2026-06-05"),  # 2 June in between
        ("2026-10-01", "2026-10-07"),  # 4 October is a Sunday in 2026
        ("2026-12-23", "2026-12-30"),  # 25 and 26 December and a Sunday in between
    ],
)
def test_three_working_days_are_no_three_days(final: str, legal: str) -> None:
    """S1-09, requirements 2.2: weekends and holidays are not counted; action from the day after the third."""
    home = debtor("estenergy-gas", commodity=Commodity.GAS)
    assert dict(home.notice(final_term_on=final).detail)["legal_from"] == legal
    home.stand(eve(legal))
    assert home.suspend().reason == "too_early"


def test_what_waits_for_the_site_waits_on_when_the_next_notice_comes() -> None:
    """Decision 14: another unpaid invoice opens no valve; nor does the order that follows, and its payment."""
    home = debtor("estenergy-gas", commodity=Commodity.GAS)
    home.notice()
    home.stand("2026-04-07")
    home.suspend()
    home.pay()
    home.notice()
    assert home.state is S.NOTICED
    assert control(home.account, home.terms).switch is SwitchState.READY_FOR_RECONNECTION
    home.stand("2026-04-08")
    assert home.suspend().reason == ""
    assert control(home.account, home.terms).switch is SwitchState.DISCONNECTED
    home.pay()
    assert control(home.account, home.terms).switch is SwitchState.READY_FOR_RECONNECTION
