"""Resyncs at the edge: of a contract that has ended, of what waits on site, and of more than can be kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.prepayment.account import Account, Supply, Suspicion
from gateway.prepayment.arrears import Arrears, Ordered, Proof
from gateway.prepayment.events import SuspicionCause
from gateway.prepayment.ledger import Happening
from gateway.prepayment.outages import Outage
from gateway.prepayment.policy import Reconnect
from gateway.prepayment.position import Position, Resynced
from gateway.prepayment.rollback import OUTAGES_KEPT_MAX
from gateway.prepayment.step import apply
from gateway.prepayment.supply import Commodity, SupplyState
from tests.prepayment.worlds import HOUR_MS, MONDAY_MS, NANO, TERMS, at, opened, policy, tariff

NOW = at(10_000)
ENDED = SupplyState.TERMINATED
CLAIM = Arrears(
    "a-1", Commodity.ELECTRICITY, 9 * NANO, "2026-01-10", "2026-02-01", None, None, Proof.UNPROVEN, "2026-02-20", 20,
    (), "law 1", at(),
)  # fmt: skip


def resync(account: Account, known: Position | None) -> tuple[Account, dict[str, dict[str, str | int]]]:
    """The account after the head-end's word ten seconds in, and what happened by name."""
    suspected = replace(account, suspicion=Suspicion(SuspicionCause.FORK, at(), 5))
    outcome = apply(suspected, Resynced(NOW, "r-1", "run-1", "e-1", 5, "ab" * 32, "CHF", known), TERMS)
    told = [record for record in outcome.records if isinstance(record, Happening)]
    assert [record.what for record in told][:1] == ["rollback.resynced"]
    assert {(record.at, record.account_id) for record in told} == {(NOW, "CH-1")}
    return outcome.account, {record.what: dict(record.detail) for record in told}


def position(balance_nano: int, state: SupplyState = ENDED, **changes: Any) -> Position:
    """What the head-end's rows say: ended at 5 kWh an hour ago, unless told otherwise."""
    known = Position(5_000, MONDAY_MS - HOUR_MS, balance_nano, 0, 0, 0, 0, state, 1_000)
    return replace(known, **changes)


def ended(**changes: Any) -> Account:
    """Books in which the contract ended at 8 kWh with 20 francs left."""
    account = replace(opened(), supply=Supply(ENDED, at()), settled_register_wh=8_000)
    return replace(account, **changes)


@pytest.mark.parametrize(
    ("balance_nano", "told"), [(12 * NANO, True), (1, True), (0, False), (-1, False), (20 * NANO, False)]
)
def test_a_refund_that_became_another_is_told(balance_nano: int, told: bool) -> None:
    """S1-15, threat 4: of two ends the head-end's counts; a credit left that is not the one told before is due."""
    after, happened = resync(ended(), position(balance_nano))
    assert after.balance_nano == balance_nano
    due = {"balance_nano": balance_nano, "currency": "CHF"}
    assert happened.get("account.refund_due") == (due if told else None)


def test_a_contract_that_goes_on_owes_no_refund() -> None:
    """S1-15: credit of an open account is there to be used, whatever a resync makes of it."""
    after, happened = resync(opened(), position(12 * NANO, SupplyState.NORMAL))
    assert (after.balance_nano, list(happened)) == (12 * NANO, ["rollback.resynced"])


@pytest.mark.parametrize(
    ("register_wh", "arrears", "settled_wh", "claims"),
    [(5_000, (), 5_000, ()), (None, (), 8_000, ()), (5_000, None, 5_000, (CLAIM,))],
)
def test_where_both_know_the_end_theirs_is_it(
    register_wh: int | None, arrears: tuple[Arrears, ...] | None, settled_wh: int, claims: tuple[Arrears, ...]
) -> None:
    """S1-15, threat 4: register of the end and open claims are theirs; what they do not say stays as it is here."""
    account = ended(arrears=(CLAIM,), top_up_sequence=1, top_up_total_nano=NANO, withheld_nano=NANO)
    same: dict[str, Any] = {"top_up_sequence": 1, "top_up_total_nano": NANO}
    after, _ = resync(account, position(12 * NANO, register_wh=register_wh, arrears=arrears, **same))
    assert (after.settled_register_wh, after.arrears) == (settled_wh, claims)
    assert (after.withheld_nano, after.balance_nano, after.supply.state) == (0, 12 * NANO, ENDED)


def test_a_contract_that_ended_here_alone_stays_ended_with_its_own_money() -> None:
    """S1-15: what the head-end knew before the end says nothing of it; what was withheld is the customer's."""
    account = ended(arrears=(CLAIM,), top_up_total_nano=3 * NANO, withheld_nano=3 * NANO, top_up_sequence=1)
    same: dict[str, Any] = {"top_up_sequence": 1, "top_up_total_nano": 3 * NANO}
    after, happened = resync(account, position(12 * NANO, SupplyState.NORMAL, **same))
    assert (after.supply, after.settled_register_wh, after.arrears) == (account.supply, 8_000, (CLAIM,))
    assert (after.withheld_nano, after.adjusted_nano, after.balance_nano) == (0, 0, 23 * NANO)
    assert happened["account.refund_due"] == {"balance_nano": 23 * NANO, "currency": "CHF"}


@pytest.mark.parametrize(
    ("armed", "commodity", "reconnect", "waits"),
    [
        (False, Commodity.ELECTRICITY, Reconnect.AUTO, False),
        (True, Commodity.ELECTRICITY, Reconnect.AUTO, True),
        (False, Commodity.ELECTRICITY, Reconnect.ARMED, True),
        (True, Commodity.ELECTRICITY, Reconnect.ARMED, True),
        (False, Commodity.GAS, Reconnect.AUTO, True),
    ],
)
def test_a_switch_that_somebody_on_site_closes_waits_for_them(
    armed: bool, commodity: Commodity, reconnect: Reconnect, waits: bool
) -> None:
    """Decision 14: the image may have forgotten a suspension, so supply waits on site wherever it could have to."""
    account = opened(commodity=commodity, tariff=tariff(commodity=commodity), policy=policy(reconnect=reconnect))
    after, _ = resync(replace(account, armed=armed), position(12 * NANO, SupplyState.NORMAL))
    assert after.armed is waits


def test_an_order_that_waits_is_of_the_branch_given_up() -> None:
    """S1-12: whether an order to cut was carried out or dropped since, these books do not know; it is given anew."""
    order = Ordered(SupplyState.SUSPENDED, "a-1", "o-1", "law 1", at(), MONDAY_MS + HOUR_MS)
    after, _ = resync(replace(opened(), ordered=order), position(12 * NANO, SupplyState.NORMAL))
    assert after.ordered is None


@pytest.mark.parametrize("theirs", [0, OUTAGES_KEPT_MAX - 1, OUTAGES_KEPT_MAX, OUTAGES_KEPT_MAX + 1])
def test_no_more_outages_are_taken_over_than_are_kept(theirs: int) -> None:
    """I20: of more than 32 windows theirs come first."""
    windows = [Outage(f"t-{number}", MONDAY_MS + number, MONDAY_MS + HOUR_MS) for number in range(theirs)]
    ours = (Outage("o-1", MONDAY_MS, MONDAY_MS + HOUR_MS), Outage("o-2", MONDAY_MS, MONDAY_MS + HOUR_MS))
    known = position(12 * NANO, SupplyState.NORMAL, outages=tuple(windows))
    after, _ = resync(replace(opened(), outages=ours), known)
    assert after.outages == (*windows, *ours)[:OUTAGES_KEPT_MAX]
