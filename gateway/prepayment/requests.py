"""What an account accepts from the central system, and why it refuses (the *validation* step of a command).

`take` answers a request with a `Verdict` (refused, or already included) that changes nothing, or with a `Taken` that
says how the account changes. Signature, audience and freshness were checked before (`gateway.commands`); sequences of
an account's own money live here, because only the account knows them (decision 4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import assert_never

from gateway.prepayment import civil
from gateway.prepayment.account import Account, Outcome, Supply, Terms
from gateway.prepayment.calendar import CalendarNotCovered, day_term_end
from gateway.prepayment.events import (
    AccountClosed,
    AccountOpened,
    Hold,
    HoldKind,
    HoldReleased,
    HoldSet,
    LockoutReleased,
    LockoutSet,
    PolicySet,
    Position,
    PowerSet,
    Request,
    Resynced,
    TariffSet,
    TopUp,
    TopUpReversal,
)
from gateway.prepayment.intervals import IntervalState, advance
from gateway.prepayment.ladder import Effect, Rule, holds_in_force
from gateway.prepayment.ledger import Entry, EntryKind, Record, Verdict, VerdictStatus
from gateway.prepayment.money import wire_money
from gateway.prepayment.policy import DayKind, Policy
from gateway.prepayment.rating import Usage
from gateway.prepayment.register import Register
from gateway.prepayment.rollback import resync_records, resynced, withholds
from gateway.prepayment.supply import SupplyState
from gateway.prepayment.tariff import Tariff

TARIFFS_MAX = 8
HOLDS_MAX = 16
SEQUENCE_STEPS_MAX = 1000
"""How many top-ups may be missing before one: a wild number would use up all numbers after it, and stretch its cap."""
POWER_MIN_W = 500
POWER_MAX_W = 1_000_000
_APPLIED = Verdict(VerdictStatus.APPLIED)
_CLOSE = Rule("closed", tuple(SupplyState), SupplyState.TERMINATED, Effect.INFORM, ())


@dataclass(frozen=True, slots=True)
class Taken:
    """An accepted request: how it changes the account, the entry it posts (if money moves) and a forced transition.

    `told` makes what else goes on record, of the account before and after.
    """

    change: Callable[[Account], Account]
    verdict: Verdict = _APPLIED
    kind: EntryKind | None = None
    reference: str = ""
    transition: Rule | None = None
    told: Callable[[Account, Account], tuple[Record, ...]] = lambda _before, _after: ()


def take(account: Account, request: Request, terms: Terms) -> Taken | Verdict:  # noqa: C901, PLR0911 - a line per request
    """Accept or refuse one request. A closed account accepts nothing (S1-15)."""
    if account.supply.state is SupplyState.TERMINATED and not isinstance(request, Resynced):
        return _refused("account_closed")
    match request:
        case TopUp():
            return _top_up(account, request)
        case TopUpReversal():
            return _reversal(account, request)
        case TariffSet():
            return _tariff(account, request)
        case PolicySet():
            return _policy(account, request, terms)
        case PowerSet():
            return _power(request)
        case HoldSet():
            return _hold(account, request, terms)
        case HoldReleased():
            return _release(account, request)
        case LockoutSet():
            return _lockout(account, request)
        case LockoutReleased():
            return _unlock(account)
        case AccountClosed():
            return _close(account, request)
        case Resynced():
            return _resync(account, request)
        case _:
            assert_never(request)


def open_account(event: AccountOpened, terms: Terms) -> Outcome | Verdict:
    """Begin an account; refused when its meter cannot do what its policy needs (S0-11)."""
    refusal = _policy_refusal(event.policy, event.currency, terms)
    if refusal is None and event.tariff.currency != event.currency:
        refusal = _refused("wrong_currency", expected=event.currency, got=event.tariff.currency)
    if refusal is None and not terms.can_disconnect:
        refusal = _refused("no_actuator")
    if refusal is None and not valid_power_w(event.contract_power_w):
        refusal = _refused("invalid_step", power_w=event.contract_power_w)
    if refusal is None and event.opening_balance_nano > event.policy.balance_max_nano:
        refusal = _refused("balance_above_cap")
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
        supply=Supply(SupplyState.NORMAL, event.at),
        usage=Usage(),
        register=register,
        intervals=advance(IntervalState(), event.at, 0)[0],
        settled_register_wh=start,
        contact_running_ms=event.at.running_ms,
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
    return Outcome(account, (opening,), verdict=_APPLIED)


def valid_power_w(power_w: int) -> bool:
    """The steps in which contract power is sold: 0.5 kW up to 6 kW, 1 kW up to 10 kW, 5 kW above (S2-07)."""
    if not POWER_MIN_W <= power_w <= POWER_MAX_W:
        return False
    step_w = 500 if power_w <= 6_000 else 1_000 if power_w <= 10_000 else 5_000
    return power_w % step_w == 0


def _refused(reason: str, **detail: str | int) -> Verdict:
    return Verdict(VerdictStatus.REFUSED, reason, tuple(detail.items()))


def _credit(request: TopUp | TopUpReversal, account: Account, last: int, total_nano: int) -> Verdict | None:
    """The checks that top-ups and reversals share: own sequence, lifetime total, currency, cap (decision 4)."""
    if request.currency != account.currency:
        return _refused("wrong_currency", expected=account.currency, got=request.currency)
    if request.amount_nano <= 0 or request.sequence <= 0:
        return _refused("invalid_amount")
    if request.sequence <= last:
        # Each number adds something, so what is included has less in total. Anything else is other money under a
        # number already used, and to call it included would lose it.
        if request.total_nano != total_nano if request.sequence == last else request.total_nano >= total_nano:
            return _refused("total_mismatch", last_sequence=last)
        return Verdict(VerdictStatus.ALREADY_INCLUDED, "already_included", (("last_sequence", last),))
    gained_nano = request.total_nano - total_nano
    steps = request.sequence - last
    if steps > SEQUENCE_STEPS_MAX:
        return _refused("sequence_gap", last_sequence=last)
    if gained_nano < request.amount_nano or (steps == 1 and gained_nano != request.amount_nano):
        return _refused("total_mismatch", last_sequence=last)
    if gained_nano > account.policy.top_up_max_nano * steps:
        cap = f"{wire_money(account.policy.top_up_max_nano)} {account.currency} a top-up"
        return _refused("above_cap", cap=cap, last_sequence=last)
    return None


def _credited(request: TopUp | TopUpReversal) -> Verdict:
    """Names the account's own number and total, so that the record alone tells how far each of them is."""
    return Verdict(VerdictStatus.APPLIED, "", (("sequence", request.sequence), ("total_nano", request.total_nano)))


def _top_up(account: Account, request: TopUp) -> Taken | Verdict:
    refusal = _credit(request, account, account.top_up_sequence, account.top_up_total_nano)
    if refusal is not None:
        return refusal
    withheld_nano = request.total_nano - account.top_up_total_nano - request.amount_nano if withholds(account) else 0
    gained_nano = request.total_nano - account.top_up_total_nano - withheld_nano
    if account.balance_nano + gained_nano > account.policy.balance_max_nano:
        return _refused("balance_above_cap", cap=f"{wire_money(account.policy.balance_max_nano)} {account.currency}")
    return Taken(
        lambda a: replace(
            a,
            top_up_sequence=request.sequence,
            top_up_total_nano=request.total_nano,
            withheld_nano=a.withheld_nano + withheld_nano,
        ),
        _credited(request),
        EntryKind.TOP_UP,
        request.command_id,
    )


def _reversal(account: Account, request: TopUpReversal) -> Taken | Verdict:
    refusal = _credit(request, account, account.reversal_sequence, account.reversal_total_nano)
    if refusal is not None:
        return refusal
    if request.total_nano > account.top_up_total_nano:
        return _refused("reversal_exceeds_top_ups")
    earlier_nano = request.total_nano - account.reversal_total_nano - request.amount_nano if withholds(account) else 0
    of_withheld_nano = min(earlier_nano, account.withheld_nano)  # books before these took it from what they credited
    return Taken(
        lambda a: replace(
            a,
            reversal_sequence=request.sequence,
            reversal_total_nano=request.total_nano,
            withheld_nano=a.withheld_nano - of_withheld_nano,
        ),
        _credited(request),
        EntryKind.TOP_UP_REVERSAL,
        request.command_id,
    )


def _tariff(account: Account, request: TariffSet) -> Taken | Verdict:
    tariff = request.tariff
    if tariff.currency != account.currency:
        return _refused("wrong_currency", expected=account.currency, got=tariff.currency)
    if any(known.tariff_id == tariff.tariff_id and known.version >= tariff.version for known in account.tariffs):
        return _refused("stale_version")
    today = civil.local_date(request.at.utc_ms, tariff.time_zone).isoformat()
    if not request.at.trust.dated:
        return _refused("clock_untrusted")
    if tariff.valid_from < today and account.suspicion is None:  # a forgotten tariff is not a new one
        return _refused("retroactive", valid_from=tariff.valid_from)
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
            return _refused("too_many_tariffs")
        kept = tuple(known for known in kept if known is not min(superseded, key=lambda k: (k.valid_from, k.version)))
    return Taken(lambda a: replace(a, tariffs=(*kept, tariff)))


def _replaces(tariff: Tariff, known: Tariff) -> bool:
    """Another product from the same day on: versions cannot tell which counts, so the one set last stays alone."""
    outlasts = tariff.valid_to is None or (known.valid_to is not None and known.valid_to <= tariff.valid_to)
    return known.tariff_id != tariff.tariff_id and known.valid_from == tariff.valid_from and outlasts


def _policy_refusal(policy: Policy, currency: str, terms: Terms) -> Verdict | None:
    if policy.currency != currency:
        return _refused("wrong_currency", expected=currency, got=policy.currency)
    if policy.limit_enabled and policy.limit_required and not terms.can_limit:
        return _refused("cannot_limit")
    if policy.calendar not in terms.calendars:
        return _refused("unknown_calendar", calendar=policy.calendar)
    return None


def _policy(account: Account, request: PolicySet, terms: Terms) -> Taken | Verdict:
    policy = request.policy
    refusal = _policy_refusal(policy, account.currency, terms)
    if refusal is not None:
        return refusal
    if policy.policy_id == account.policy.policy_id and policy.version <= account.policy.version:
        return _refused("stale_version")
    return Taken(lambda a: replace(a, policy=policy))


def _power(request: PowerSet) -> Taken | Verdict:
    if not valid_power_w(request.contract_power_w):
        return _refused("invalid_step", power_w=request.contract_power_w)
    return Taken(lambda a: replace(a, contract_power_w=request.contract_power_w))


def _hold(account: Account, request: HoldSet, terms: Terms) -> Taken | Verdict:
    """Accept a hold unless it would take something away: that is a release, which must prove freshness."""
    now = holds_in_force(account, request.at)
    others = tuple(hold for hold in now if hold.hold_id != request.hold_id)
    of_its_kind = [hold for hold in others if hold.kind.protective or not request.kind.protective]
    if len(of_its_kind) >= HOLDS_MAX:
        return _refused("too_many_holds")
    until_utc_ms = request.until_utc_ms
    if until_utc_ms is None and request.kind is HoldKind.PAYMENT_PROOF:
        until_utc_ms = _proof_ends_ms(account, request, terms)
    hold = Hold(request.hold_id, request.kind, until_utc_ms)
    if any(_weaker(hold, than=known) for known in now if known.hold_id == request.hold_id):
        return _refused("hold_exists", hold=request.hold_id)
    return Taken(lambda a: replace(a, holds=(*others, hold)))


def _weaker(hold: Hold, *, than: Hold) -> bool:
    if than.kind.protective and not hold.kind.protective:
        return True
    return hold.until_utc_ms is not None and (than.until_utc_ms is None or hold.until_utc_ms < than.until_utc_ms)


def _proof_ends_ms(account: Account, request: HoldSet, terms: Terms) -> int | None:
    """A proof of payment holds for a few working days unless the command says otherwise (requirements 2.5)."""
    policy = account.policy
    calendar = terms.calendars.get(policy.calendar)
    if calendar is None or not request.at.trust.dated:
        return None
    today = civil.local_date(request.at.utc_ms, policy.time_zone)
    try:
        end = day_term_end(today, policy.payment_proof_working_days, DayKind.WORKING, calendar)
    except CalendarNotCovered:
        return None
    return civil.midnight_utc_ms(end, policy.time_zone)


def _release(account: Account, request: HoldReleased) -> Taken | Verdict:
    if all(hold.hold_id != request.hold_id for hold in account.holds):
        return _refused("no_hold", hold=request.hold_id)
    return Taken(lambda a: replace(a, holds=tuple(hold for hold in a.holds if hold.hold_id != request.hold_id)))


def _lockout(account: Account, request: LockoutSet) -> Taken | Verdict:
    if account.lockout is not None and account.lockout != request.reason:
        return _refused("locked_out", by=account.lockout)  # one release would end both, over somebody's head
    return Taken(lambda a: replace(a, lockout=request.reason))


def _unlock(account: Account) -> Taken | Verdict:
    """End a lock-out; under a suspicion also one that these books may have forgotten."""
    suspicion = account.suspicion
    if account.lockout is None and suspicion is None:
        return _refused("no_lockout")
    freed = None if suspicion is None else replace(suspicion, leaves_switch=False)
    return Taken(lambda a: replace(a, lockout=None, suspicion=freed))


def _resync(account: Account, request: Resynced) -> Taken | Verdict:
    """The head-end knows better: only while rollback is suspected, and only if it knows as much as it did then."""
    suspicion, known = account.suspicion, request.position
    if suspicion is None:
        return _refused("not_suspected")
    if request.currency != account.currency:
        return _refused("wrong_currency", expected=account.currency, got=request.currency)
    if request.seq < suspicion.seq:
        return _refused("stale_command", seq=request.seq, suspected_seq=suspicion.seq)
    if known is not None and not _consistent(account, known):
        return _refused("total_mismatch", last_sequence=account.top_up_sequence)
    return Taken(
        lambda a: resynced(a, request),
        kind=EntryKind.RESYNC,
        reference=request.command_id,
        told=lambda before, after: resync_records(before, after, request),
    )


def _consistent(account: Account, known: Position) -> bool:
    """Totals grow with their sequences, on both sides."""
    ours = (
        (account.top_up_sequence, account.top_up_total_nano, known.top_up_sequence, known.top_up_total_nano),
        (account.reversal_sequence, account.reversal_total_nano, known.reversal_sequence, known.reversal_total_nano),
    )
    return all(
        (sequence < theirs, sequence > theirs) == (total < their_total, total > their_total)
        for sequence, total, theirs, their_total in ours
    )


def _close(account: Account, request: AccountClosed) -> Taken | Verdict:
    protecting = next((hold for hold in holds_in_force(account, request.at) if hold.kind.protective), None)
    if protecting is not None:
        return _refused("held", hold=protecting.hold_id)
    detail = (
        ("reason", request.reason),
        ("register_wh", account.register.wh if account.register.wh is not None else -1),
    )
    return Taken(lambda a: a, verdict=Verdict(VerdictStatus.APPLIED, "", detail), transition=_CLOSE)
