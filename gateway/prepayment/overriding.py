"""When a technician may give full supply, what that means meanwhile, and when it is over (decision 13).

    refused while the supply is full, ended or locked out --set--> in force --time, energy, credit, hand--> over

It only ever makes things better: in force it closes the switch and lifts the limit, and nothing escalates; over, the
rung holds again that would have held without it. A lock-out dominates it, and books that may be an old image end it: an
image put back again and again must not give the energy again.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.prepayment.account import Account, Outcome
from gateway.prepayment.events import Detail, Moment
from gateway.prepayment.ledger import Happening, Record, Verdict
from gateway.prepayment.override import ENERGY_MAX_WH, HOURS_MAX, Override, OverrideEnded, OverrideSet
from gateway.prepayment.rollback import leaves_switch
from gateway.prepayment.supply import SupplyState
from gateway.prepayment.taken import Taken, refused

HOUR_MS = 3_600_000
DOWN = (SupplyState.LIMITED, SupplyState.SUSPENDED)
"""The rungs that an override lifts above."""


def override_set(account: Account, request: OverrideSet) -> Taken | Verdict:
    """Begin an override; a second one does not lengthen the first."""
    refusal = _refusal(account, request)
    if refusal is not None:
        return refusal
    at = request.at
    override = Override(
        request.command_id,
        request.technician,
        request.reason,
        at,
        at.running_ms + request.hours * HOUR_MS,
        account.usage.wh,
        request.cap_wh,
    )
    armed = account.armed or (account.supply.state is SupplyState.SUSPENDED and account.waits_on_site)
    detail = (*_facts(override), ("hours", request.hours), ("cap_wh", request.cap_wh))
    return Taken(
        lambda a: replace(a, override=override, armed=armed),
        told=lambda before, _after: (_told(before, at, "override.set", (*detail, *_stands(before))),),
    )


def override_ended(account: Account, request: OverrideEnded) -> Taken | Verdict:
    """End it by hand."""
    override = account.override
    if override is None:
        return refused("no_override")
    if not request.technician.strip() or not request.reason.strip():
        return refused("no_reason")
    who = (("ended_by", request.technician), ("end_reason", request.reason))
    return Taken(
        lambda a: replace(a, override=None),
        told=lambda before, _after: (_over(before, override, request.at, "hand", who),),
    )


def lifted(outcome: Outcome, at: Moment) -> Outcome:
    """The outcome without an override that is over, and why on record."""
    account, override = outcome.account, outcome.account.override
    if override is None:
        return outcome
    cause = _cause(account, override, at)
    if not cause:
        return outcome
    record = _over(account, override, at, cause)
    return replace(outcome, account=replace(account, override=None), records=(*outcome.records, record))


def left_ms(account: Account, at: Moment) -> int | None:
    """How long until an override ends by time; None when there is none."""
    return None if account.override is None else max(account.override.ends_running_ms - at.running_ms, 0)


def used_wh(account: Account, override: Override) -> int:
    """What was charged since it began."""
    return max(0, account.usage.wh - override.from_wh)


def _refusal(account: Account, request: OverrideSet) -> Verdict | None:
    if not request.technician.strip() or not request.reason.strip():
        return refused("no_reason", hint="who does it, and why")
    if not 1 <= request.hours <= HOURS_MAX or not 1 <= request.cap_wh <= ENERGY_MAX_WH:
        return refused("override_bounds", hours_max=HOURS_MAX, energy_max_wh=ENERGY_MAX_WH)
    if account.lockout is not None:
        return refused("locked_out", by=account.lockout)
    if account.override is not None:
        return refused("override_in_force", override=account.override.override_id)
    if account.supply.state not in DOWN:
        return refused("supply_full", state=account.supply.state.value)
    if account.suspicion is not None and leaves_switch(account):
        return refused("rollback_suspected", hint="these books may have forgotten a lock-out: release it first")
    return None


def _cause(account: Account, override: Override, at: Moment) -> str:
    """Why it is over; "" while it is not."""
    if account.supply.state is SupplyState.TERMINATED:
        return "closed"
    if account.supply.state not in DOWN:
        return "restored"
    if account.suspicion is not None and account.suspicion.since.running_ms >= override.since.running_ms:
        return "rollback_suspected"
    if at.running_ms >= override.ends_running_ms:
        return "time"
    return "energy" if used_wh(account, override) >= override.cap_wh else ""


def _over(account: Account, override: Override, at: Moment, cause: str, who: Detail = ()) -> Record:
    spent = (("used_wh", used_wh(account, override)), ("lasted_ms", at.running_ms - override.since.running_ms))
    return _told(account, at, "override.ended", (*_facts(override), ("cause", cause), *spent, *who))


def _facts(override: Override) -> Detail:
    return (
        ("override", override.override_id),
        ("technician", override.technician),
        ("reason", override.reason),
    )


def _stands(account: Account) -> Detail:
    register_wh = account.register.wh
    known = () if register_wh is None else (("register_wh", register_wh),)
    return (("state", account.supply.state.value), ("balance_nano", account.balance_nano), *known)


def _told(account: Account, at: Moment, what: str, detail: Detail) -> Record:
    return Happening(at, account.account_id, what, detail)
