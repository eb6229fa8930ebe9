"""The contract of an account: opening and closing it, its tariffs, its policy and its power."""

from __future__ import annotations

from dataclasses import replace

from gateway.prepayment import civil
from gateway.prepayment.account import Account, Outcome, Supply, Terms
from gateway.prepayment.contract import opening_due
from gateway.prepayment.events import AccountOpened, Opening, PolicySet, TariffSet
from gateway.prepayment.intervals import IntervalState, advance
from gateway.prepayment.ledger import Entry, EntryKind, Verdict
from gateway.prepayment.money import wire_money
from gateway.prepayment.policy import Policy
from gateway.prepayment.power import valid_power_w
from gateway.prepayment.rating import Usage
from gateway.prepayment.register import Register
from gateway.prepayment.supply import Commodity, SupplyState
from gateway.prepayment.taken import APPLIED, Taken, refused
from gateway.prepayment.tariff import Tariff

TARIFFS_MAX = 8
NEW_ID = "an id names one contract for ever, also one that ended or is due: choose another account_id"


def open_account(event: AccountOpened, terms: Terms) -> Outcome | Verdict:
    """Begin an account; refused when its meter cannot do what its policy needs (S0-11)."""
    refusal = _policy_refusal(event.policy, event.currency, terms)
    if refusal is None:
        refusal = _tariff_refusal(event.tariff, event.currency, event.commodity)
    if refusal is None and not terms.can_disconnect and event.policy.delinquency is None:
        refusal = refused("no_actuator")
    if refusal is None and not valid_power_w(event.contract_power_w):
        refusal = refused("invalid_step", power_w=event.contract_power_w)
    if refusal is None and event.kind is Opening.SUBENTRO and not event.contract_id:
        refusal = refused("no_contract")
    if refusal is None and event.policy.above_cap(event.opening_balance_nano):
        cap = f"{wire_money(event.policy.balance_max_nano)} {event.currency}"
        refusal = refused("balance_above_cap", cap=cap)
    if refusal is not None:
        return refusal
    start = event.opening_register_wh
    dated = event.at if event.at.trust.dated else None
    register = Register() if start is None else Register(wh=start, at=event.at, unobserved=True, dated=dated)
    account = Account(
        account_id=event.account_id,
        meter_id=event.meter_id,
        meter_serial=event.meter_serial,
        currency=event.currency,
        contract_power_w=event.contract_power_w,
        policy=event.policy,
        tariffs=(event.tariff,),
        opened=event.at,
        opening_nano=event.opening_balance_nano,
        supply=Supply(event.policy.first_state, event.at),
        usage=Usage(),
        register=register,
        intervals=advance(IntervalState(), event.at, 0)[0],
        settled_register_wh=start,
        contact_running_ms=event.at.running_ms,
        delivery_point=event.delivery_point,
        commodity=event.commodity,
        voltage=event.voltage,
        domestic=event.domestic,
        contract_id=event.contract_id,
        plant_power_w=event.plant_power_w,
        agenda=opening_due(event),
    )
    opening = Entry(
        at=event.at,
        account_id=event.account_id,
        kind=EntryKind.OPENING,
        currency=event.currency,
        amount_nano=event.opening_balance_nano,
        balance_nano=event.opening_balance_nano,
        reference=event.command_id,
        to_register_wh=start,
    )
    return Outcome(account, (opening,), verdict=APPLIED)


def after_refusal(event: AccountOpened, other: Account | None) -> Verdict | None:
    """Why a contract may not begin where the meter has served this account last; None when it may.

    After a contract that ended, the same customer first pays what was owed (S1-15); somebody else does not. The
    account that is served, or owes, may be a neighbour's: a refusal never names it (S2-02).
    """
    if other is not None and other.supply.state is not SupplyState.TERMINATED:
        hint = "a contract is open on this meter: end it with account_close, or change its holder with account_rollover"
        return refused("meter_in_use", meter_id=event.meter_id, hint=hint)
    if event.kind is Opening.SUBENTRO and (other is None or other.contract_id == event.contract_id):
        return refused("no_contract" if other is not None else "nothing_to_take_over")
    if event.kind is not Opening.SUBENTRO and other is not None and other.arrears:
        hint = "the contract before ended with arrears: the same customer pays first; another one's kind is subentro"
        return refused("arrears_unpaid", hint=hint)
    return None


def after(account: Account, other: Account) -> Account:
    """A new contract at a supply that an earlier one left off.

    Somebody may be at work on that line: it is not closed over them (decision 13), and where supply waits for somebody
    on site it does so now (decision 14).
    """
    return replace(account, lockout=other.lockout, armed=account.waits_on_site)


def tariff_set(account: Account, request: TariffSet) -> Taken | Verdict:
    """Another tariff, from today or later; energy already used keeps the price it had (decision 5)."""
    tariff = request.tariff
    refusal = _tariff_refusal(tariff, account.currency, account.commodity)
    if refusal is not None:
        return refusal
    if any(known.tariff_id == tariff.tariff_id and known.version >= tariff.version for known in account.tariffs):
        return refused("stale_version")
    today = civil.local_date(request.at.utc_ms, tariff.time_zone).isoformat()
    if not request.at.trust.dated:
        return refused("clock_untrusted")
    if tariff.valid_from < today and account.suspicion is None:  # a forgotten tariff is not a new one
        return refused("retroactive", valid_from=tariff.valid_from)
    needed = today  # energy used before today and not read yet has its price from then
    if account.register.dated is not None:
        needed = min(today, civil.local_date(account.register.dated.utc_ms, tariff.time_zone).isoformat())
    kept = tuple(
        known
        for known in account.tariffs
        if (known.valid_to is None or known.valid_to >= needed) and not _replaces(tariff, known)
    )
    kept = kept or tuple(
        known for known in account.tariffs[-1:] if not _replaces(tariff, known)
    )  # an expired tariff stays in force until another begins (decision 5)
    if len(kept) >= TARIFFS_MAX:
        superseded = [known for known in kept if known.valid_from <= today]
        if len(superseded) < 2:
            return refused("too_many_tariffs")
        kept = tuple(known for known in kept if known is not min(superseded, key=lambda k: (k.valid_from, k.version)))
    return Taken(lambda a: replace(a, tariffs=(*kept, tariff)))


def _replaces(tariff: Tariff, known: Tariff) -> bool:
    """Another product from the same day on: versions cannot tell which counts, so the one set last stays alone."""
    outlasts = tariff.valid_to is None or (known.valid_to is not None and known.valid_to <= tariff.valid_to)
    return known.tariff_id != tariff.tariff_id and known.valid_from == tariff.valid_from and outlasts


def _tariff_refusal(tariff: Tariff, currency: str, commodity: Commodity) -> Verdict | None:
    if tariff.currency != currency:
        return refused("wrong_currency", expected=currency, got=tariff.currency)
    if tariff.commodity is not commodity:
        return refused("wrong_commodity", expected=commodity.value, got=tariff.commodity.value)
    return None


def _policy_refusal(policy: Policy, currency: str, terms: Terms) -> Verdict | None:
    if policy.currency != currency:
        return refused("wrong_currency", expected=currency, got=policy.currency)
    if policy.limit_enabled and policy.limit_required and not terms.can_limit:
        return refused("cannot_limit")
    if policy.calendar not in terms.calendars:
        return refused("unknown_calendar", calendar=policy.calendar)
    known = {moratorium.name for moratorium in terms.calendars[policy.calendar].moratoria}
    for name in policy.slots.moratoria:
        if name not in known:
            return refused("unknown_moratorium", moratorium=name)
    return None


def policy_set(account: Account, request: PolicySet, terms: Terms) -> Taken | Verdict:
    """Another policy, or a newer version of the same."""
    policy = request.policy
    refusal = _policy_refusal(policy, account.currency, terms)
    if refusal is not None:
        return refusal
    if policy.policy_id == account.policy.policy_id and policy.version <= account.policy.version:
        return refused("stale_version")
    if policy.initiator is not account.policy.initiator:
        return refused("other_initiator", initiator=account.policy.initiator.value)
    return Taken(lambda a: replace(a, policy=policy))
