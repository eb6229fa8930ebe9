"""The change of holder: one account closes and another opens on the same register value, without interruption (S2-03).

Both get the same certificate. The new account begins with nothing of the old one but what belongs to the place: meter
and register, a safety lock-out, work in the field, an outage. Rung, debts, arrears, holds of a person, load curve and
ledger stay behind.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.prepayment import civil
from gateway.prepayment.account import Account, Parallel, Terms
from gateway.prepayment.agenda import CertificateDue, RolloverDue, RolloverKind
from gateway.prepayment.agreement import NEW_ID, open_account
from gateway.prepayment.certificate import CertificateReason
from gateway.prepayment.contract import AHEAD_MAX_MS, certified, is_due, no_data, now, to_come
from gateway.prepayment.events import AccountOpened, HoldKind, Moment, Opening
from gateway.prepayment.intervals import IntervalState, advance
from gateway.prepayment.ladder import Effect, Rule
from gateway.prepayment.ledger import Happening, Verdict, VerdictStatus
from gateway.prepayment.operations import RolledOver
from gateway.prepayment.rating import Usage
from gateway.prepayment.register import Register
from gateway.prepayment.supply import SupplyState
from gateway.prepayment.taken import Taken, refused
from gateway.prepayment.tariff import tariff_at

OF_THE_PLACE = frozenset({HoldKind.FIELD_WORK, HoldKind.OUTAGE, HoldKind.SHARED_POINT})
"""Holds that outlast the holder."""
_ROLLED_OVER = Rule("rolled_over", tuple(SupplyState), SupplyState.TERMINATED, Effect.INFORM, ())


def rolled_over(account: Account, request: RolledOver, terms: Terms) -> Taken | Verdict:
    """Change the holder now, or put it on the agenda; refused when register, time or books cannot carry it."""
    at, wanted_utc_ms = request.at, request.at_utc_ms
    if request.to.delivery_point not in ("", account.delivery_point):
        return refused("wrong_delivery_point", expected=account.delivery_point)
    to = _at_this_point(account, request.to)
    if to.account_id == account.account_id:
        return refused("account_exists", hint=NEW_ID)
    waiting = account.agenda.rollover_due
    if waiting is not None and not repeats(account, request):
        return refused("already_due", due_utc_ms=waiting.at_utc_ms)
    if wanted_utc_ms is None:
        return _now(account, request, to, terms)
    if not at.trust.proven:
        return refused("clock_untrusted")
    if wanted_utc_ms <= at.utc_ms:
        if not to_come(account, wanted_utc_ms) and request.known is None:
            return no_data(account)
        return refused("in_the_past", now_utc_ms=at.utc_ms)
    if wanted_utc_ms > at.utc_ms + AHEAD_MAX_MS:
        return refused("too_far_ahead", latest_utc_ms=at.utc_ms + AHEAD_MAX_MS)
    tried = open_account(to, terms)
    if isinstance(tried, Verdict):
        return tried
    due = RolloverDue(request.command_id, request.kind, wanted_utc_ms, to)
    verdict = Verdict(VerdictStatus.APPLIED, "", (("due_utc_ms", wanted_utc_ms),))
    return Taken(lambda a: replace(a, agenda=replace(a.agenda, rollover_due=due)), verdict)


def repeats(account: Account, request: RolledOver) -> bool:
    """Books that may be an old image still await what was done long ago: the same change, ordered for now, is it."""
    waiting = account.agenda.rollover_due
    known = waiting is not None and waiting.to.account_id == request.to.account_id
    return known and account.suspicion is not None and request.at_utc_ms is None


def due(account: Account, at: Moment, terms: Terms) -> Taken | None:
    """The change of holder whose instant has come by this accepted reading; None when there is none.

    Books that may be an old image may have forgotten that it was cancelled: then it waits. One that is ordered now is
    carried out even so, because that is how a head-end repeats what the image lacks.
    """
    waiting = account.agenda.rollover_due
    if waiting is None or account.register.at is not at or account.suspicion is not None:
        return None
    if not is_due(waiting.at_utc_ms, at) or account.supply.state is SupplyState.TERMINATED:
        return None
    to = _at_this_point(account, replace(waiting.to, at=at))
    taken = _handed_over(account, to, waiting.command_id, waiting.kind, waiting.at_utc_ms, terms)
    if isinstance(taken, Taken):
        return taken
    detail = (("command_id", waiting.command_id), ("reason", taken.reason), *taken.detail)
    failed = Happening(at, account.account_id, "rollover.failed", detail)
    return Taken(
        lambda a: replace(a, agenda=replace(a.agenda, rollover_due=None)), told=lambda _before, _after: (failed,)
    )


def _now(account: Account, request: RolledOver, to: AccountOpened, terms: Terms) -> Taken | Verdict:
    register, at = account.register, request.at
    if not register.trusted or register.at is None or register.unobserved:  # what was used while off is the old one's
        return refused("meter_untrusted")
    if at.running_ms - register.at.running_ms > account.policy.max_reading_age_ms:
        return refused("meter_untrusted", reading_age_ms=at.running_ms - register.at.running_ms)
    return _handed_over(account, to, request.command_id, request.kind, None, terms)


def _at_this_point(account: Account, to: AccountOpened) -> AccountOpened:
    """What belongs to the place is not the new contract's to say (S2-11)."""
    return replace(
        to,
        meter_id=account.meter_id,
        meter_serial=account.meter_serial,
        delivery_point=account.delivery_point,
        commodity=account.commodity,
        voltage=account.voltage,
        plant_power_w=account.plant_power_w,
        opening_register_wh=account.register.wh,
        kind=Opening.ROLLOVER,
    )


def _handed_over(
    account: Account,
    to: AccountOpened,
    command_id: str,
    kind: RolloverKind,
    asked_utc_ms: int | None,
    terms: Terms,
) -> Taken | Verdict:
    outcome = open_account(to, terms)
    if isinstance(outcome, Verdict):
        return outcome
    opened = _successor(account, outcome.account, to.at)
    asked = CertificateDue(command_id, CertificateReason.VOLTURA, asked_utc_ms, asked_utc_ms=asked_utc_ms)
    closes = now(account, to.at, asked)
    opens = replace(closes, account_id=opened.account_id, contract_id=opened.contract_id)
    detail = (("command_id", command_id), ("kind", kind.value), ("register_wh", _known_wh(account)))
    told = (closes, Happening(to.at, account.account_id, "account.rolled_over", detail), *outcome.records, opens)
    return Taken(
        lambda a: replace(a, agenda=replace(a.agenda, rollover_due=None)),
        verdict=certified(closes),
        transition=_ROLLED_OVER,
        told=lambda _before, _after: told,
        opens=opened,
    )


def _successor(account: Account, opened: Account, at: Moment) -> Account:
    """The new account goes on from the very reading the old one ends with."""
    old = account.register
    register = Register(wh=old.wh, at=old.at, dated=old.dated, moved_ms=old.moved_ms)
    since = old.at if old.at is not None else at
    tariff, _ = tariff_at(opened.tariffs, at.utc_ms)
    today = civil.local_date(at.utc_ms, tariff.time_zone).isoformat()
    booked = account.usage.standing_through
    return replace(
        opened,
        register=register,
        # A day has one standing charge: the old holder has paid for it if it was booked already.
        usage=Usage(standing_through=booked if booked == today else None),
        intervals=advance(IntervalState(), since, 0, account.intervals.export_wh)[0],
        parallel=Parallel(_known_wh(account), since.utc_ms if since.trust.dated else None),
        holds=tuple(hold for hold in account.holds if hold.kind in OF_THE_PLACE),
        outages=account.outages,
        lockout=account.lockout,
        armed=account.armed or (account.supply.state is SupplyState.SUSPENDED and opened.waits_on_site),
        start=account.start,
        suspicion=account.suspicion,
        lost_epochs=account.lost_epochs,
        contact_running_ms=account.contact_running_ms,
        wraps_at_wh=account.wraps_at_wh,
    )


def _known_wh(account: Account) -> int:
    assert account.register.wh is not None, "a change of holder needs a reading"
    return account.register.wh
