"""What must be so at the meter, from the state of an account alone: the poll compares it with what is (decision 9)."""

from __future__ import annotations

from dataclasses import replace

from gateway.prepayment.account import Account, Terms
from gateway.prepayment.holds import disputed_nano
from gateway.prepayment.power import limit_w
from gateway.prepayment.rollback import leaves_switch, reckoned_nano
from gateway.prepayment.supply import Commodity, Control, SupplyState, SwitchState

UNCONFIRMED = "unconfirmed"
"""Why a switch is left as it is: nobody has said yet that these books are the newest."""


def control(account: Account, terms: Terms) -> Control:
    """What must be so at the meter, from state alone: the safety lock-out first, then the rung (decision 13).

    Books that may be an old image leave the switch as it was found, as long as money bounds what that can cost.
    """
    wanted = _entitled(account, terms)
    if account.lockout is not None or not leaves_switch(account):
        return wanted
    if wanted.switch is SwitchState.DISCONNECTED and not terms.can_limit:
        prepaid = account.policy.delinquency is None
        if prepaid and reckoned_nano(account) + disputed_nano(account) <= -2 * account.policy.offline_debt_cap_nano:
            return wanted
    elif wanted.switch is SwitchState.DISCONNECTED and account.commodity is Commodity.ELECTRICITY:
        wanted = replace(wanted, limit_w=limit_w(account.contract_power_w, account.policy))
    return replace(wanted, switch=None, reason=UNCONFIRMED)


def _entitled(account: Account, terms: Terms) -> Control:
    state = account.supply.state
    if state is SupplyState.TERMINATED:
        return Control(SwitchState.DISCONNECTED, None, "terminated")
    if account.lockout is not None:
        return Control(SwitchState.DISCONNECTED, None, "lockout")
    closed = SwitchState.READY_FOR_RECONNECTION if account.armed else SwitchState.CONNECTED
    if account.override is not None:
        return Control(closed, None, "override")
    if state is SupplyState.SUSPENDED:
        return Control(SwitchState.DISCONNECTED, None, "suspended")
    if state is SupplyState.LIMITED and terms.can_limit and account.commodity is Commodity.ELECTRICITY:
        return Control(closed, limit_w(account.contract_power_w, account.policy), "limited")
    return Control(closed, None, "armed" if account.armed else "supplied")
