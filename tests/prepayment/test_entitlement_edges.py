"""What must be so at the meter where the account stands between two rules: gas, post-paid debts, doubtful books."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.prepayment.account import Account, Suspicion
from gateway.prepayment.entitlement import UNCONFIRMED, control
from gateway.prepayment.events import SuspicionCause
from gateway.prepayment.supply import Commodity, Control, SupplyState, SwitchState
from tests.delinquency.debtor import TERMS, debtor
from tests.prepayment.worlds import NANO

S = SupplyState
NO_LIMITER = replace(TERMS, can_limit=False)


def on(state: SupplyState, commodity: Commodity = Commodity.ELECTRICITY, *, balance_nano: int = 0) -> Account:
    """A post-paid account on this rung."""
    name = "estenergy-gas" if commodity is Commodity.GAS else "estenergy-electricity"
    made = debtor(name, commodity=commodity, balance_nano=balance_nano).account
    return replace(made, supply=replace(made.supply, state=state))


def doubted(account: Account) -> Account:
    """The same account in books that may be an old image."""
    return replace(account, suspicion=Suspicion(SuspicionCause.FORK, account.opened))


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        (S.REGULAR, Control(SwitchState.CONNECTED, None, "supplied")),
        (S.LIMITED, Control(SwitchState.CONNECTED, None, "supplied")),
        (S.SUSPENDED, Control(SwitchState.DISCONNECTED, None, "suspended")),
    ],
)
def test_gas_is_on_or_off(state: SupplyState, wanted: Control) -> None:
    """S1-10: no power stage for gas, whatever rung a resync names and whatever the meter could limit."""
    assert control(on(state, Commodity.GAS), TERMS) == wanted
    closed = wanted.switch is SwitchState.CONNECTED
    armed = replace(wanted, switch=SwitchState.READY_FOR_RECONNECTION, reason="armed") if closed else wanted
    assert control(replace(on(state, Commodity.GAS), armed=True), TERMS) == armed


def test_doubtful_books_limit_electricity_and_leave_gas_as_it_is() -> None:
    """Threat 4, S1-10: what may have been paid for since stays as it was found; only electricity can be reduced."""
    assert control(doubted(on(S.SUSPENDED)), TERMS) == Control(None, 495, UNCONFIRMED)
    assert control(doubted(on(S.SUSPENDED, Commodity.GAS)), TERMS) == Control(None, None, UNCONFIRMED)


@pytest.mark.parametrize("balance_nano", [0, -(10**6) * NANO])
def test_what_a_post_paid_supply_has_used_opens_no_switch(balance_nano: int) -> None:
    """Threat 4, invariant 12 of 2.8: the bound in money is one of credit; a debt waits for the resync."""
    account = doubted(on(S.SUSPENDED, balance_nano=balance_nano))
    assert control(account, NO_LIMITER) == Control(None, None, UNCONFIRMED)
    assert control(replace(account, suspicion=None), NO_LIMITER).switch is SwitchState.DISCONNECTED
