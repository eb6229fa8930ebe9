"""Another meter at the delivery point: not a Wh lost, not one charged twice (S4-09, S2-21).

Consumption across the change is (end of the old meter - last reading of it) + (reading of the new meter - its start).
The first part is charged when the command comes, the second by the next reading, which may lie hours after the change:
until then the new meter is measured against the time since the last reading of the old one. Where meters tell no serial
number, readings of the new meter may have been taken for the old one's before the command came; they opened a case of
their register, and the command settles it by the same sum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gateway.prepayment.account import Account, Outcome, Terms
from gateway.prepayment.certificate import Certificate, CertificateQuality, CertificateReason
from gateway.prepayment.contract import opening_certified
from gateway.prepayment.events import Moment
from gateway.prepayment.intervals import rebased_export
from gateway.prepayment.ledger import Happening, Record, Verdict, VerdictStatus
from gateway.prepayment.operations import MeterReplaced
from gateway.prepayment.rating import rate
from gateway.prepayment.register import REFRESH_MS, Case, CaseKind, Register, plausible_wh
from gateway.prepayment.settle import merge, post_charges
from gateway.prepayment.taken import Taken, refused

_QUANTUM_WH = 1_000  # a technician reads whole kWh where a display shows no more
_Exchange = Callable[[Account], tuple[Account, tuple[Record, ...]]]


def meter_replaced(account: Account, request: MeterReplaced, terms: Terms) -> Taken | Verdict:
    """Go on with another meter; refused without consent, for another serial or for an end that cannot be."""
    refusal = _refusal(account, request, terms)
    if refusal is not None:
        return refusal
    register, at = account.register, request.at
    if register.wh is None or register.at is None:
        return _taken(account, request, 0, lambda a: (_rehung(a, request, _fresh(request)), ()))
    used_wh = request.old_end_wh - register.wh
    wraps_at_wh = account.wraps_at_wh or terms.wraps_at_wh
    if used_wh < 0 and wraps_at_wh is not None:
        used_wh += wraps_at_wh
    if 0 <= used_wh <= most_wh(register, at, terms):
        return _taken(account, request, used_wh, lambda a: _exchanged(a, request, used_wh, terms))
    case = _mistaken(register, request, terms)
    if case is not None:
        across_wh = request.old_end_wh - case.from_wh + case.to_wh - request.new_start_wh
        return _taken(account, request, across_wh, lambda a: _settled(a, request, case, across_wh, terms), case.case_id)
    highest_wh = register.wh + most_wh(register, at, terms)
    return refused("implausible_register", old_end_wh=request.old_end_wh, last_wh=register.wh, most_wh=highest_wh)


def _refusal(account: Account, request: MeterReplaced, terms: Terms) -> Verdict | None:
    if not request.consent.strip():
        hint = "consent: how the customer agreed and signed the reading shown, such as the number of the signed sheet"
        return refused("no_consent", missing="consent", hint=hint)
    if not request.technician.strip():
        return refused("no_technician", missing="technician", hint="technician: who read and changed the meter")
    expected = account.meter_serial or terms.serial
    if expected is not None and request.old_serial != expected:
        return refused("wrong_serial", expected=expected, got=request.old_serial)
    if request.new_serial in ("", request.old_serial):
        return refused("wrong_serial", got=request.new_serial)
    last_wh, end_wh = account.intervals.export_wh, request.old_export_end_wh
    if end_wh is not None and last_wh is not None and end_wh < last_wh:
        return refused("implausible_register", old_export_end_wh=end_wh, last_wh=last_wh)
    return None


def most_wh(register: Register, at: Moment, terms: Terms) -> int:
    """What the old meter may have counted since its last reading: rated power over the time, by whichever clock."""
    assert register.at is not None
    elapsed_ms = max(at.running_ms - register.at.running_ms, REFRESH_MS)
    if register.dated is not None and at.trust.dated:
        elapsed_ms = max(elapsed_ms, at.utc_ms - register.dated.utc_ms)
    return plausible_wh(elapsed_ms, terms.rated_power_w, _QUANTUM_WH)


def _mistaken(register: Register, request: MeterReplaced, terms: Terms) -> Case | None:
    """The case that was opened because the new meter's readings were taken for the old one's."""
    for case in reversed(register.cases):
        if case.kind is not CaseKind.DISCONTINUITY:
            continue
        elapsed_ms = max(case.observed_ms, case.ended.utc_ms - case.began.utc_ms, REFRESH_MS)
        most_wh = plausible_wh(elapsed_ms, terms.rated_power_w, _QUANTUM_WH)
        of_old_wh, of_new_wh = request.old_end_wh - case.from_wh, case.to_wh - request.new_start_wh
        if of_old_wh >= 0 and of_new_wh >= 0 and of_old_wh + of_new_wh <= most_wh:
            return case
    return None


def _taken(account: Account, request: MeterReplaced, wh: int, exchange: _Exchange, case_id: int = 0) -> Taken:
    detail = (("old_end_wh", request.old_end_wh), ("new_start_wh", request.new_start_wh), ("charged_wh", wh))

    def told(before: Account, _after: Account) -> tuple[Record, ...]:
        happened = Happening(request.at, account.account_id, "meter.replaced", _report(request, wh, case_id))
        _, records = exchange(before)
        return (*records, happened, _certificate(before, request, old=True), _certificate(before, request, old=False))

    return Taken(lambda a: exchange(a)[0], Verdict(VerdictStatus.APPLIED, "", detail), told=told)


def _exchanged(
    account: Account, request: MeterReplaced, used_wh: int, terms: Terms
) -> tuple[Account, tuple[Record, ...]]:
    """Charge what the old meter counted last, at the price of its last reading, and go on from the new one's start."""
    account, opening = opening_certified(account, request.at)
    register = account.register
    assert register.at is not None
    rated = rate(account.usage, register.at, register.at, used_wh, account.tariffs, terms.calendars)
    charged = replace(
        account,
        usage=rated.usage,
        unsettled=merge(account.unsettled, rated.lines),
        register=replace(register, wh=request.old_end_wh),
    )
    settled = post_charges(Outcome(charged), request.at)
    follows = Register(
        wh=request.new_start_wh,
        at=register.at,
        segment=register.segment + 1,
        unobserved=register.unobserved,
        cases=register.cases,
        cases_opened=register.cases_opened,
        dated=register.dated,
        moved_ms=register.moved_ms,
    )
    return _rehung(settled.account, request, follows), (*opening, *settled.records)


def _settled(
    account: Account, request: MeterReplaced, case: Case, wh: int, terms: Terms
) -> tuple[Account, tuple[Record, ...]]:
    """The new meter is being charged already: charge what lies across the change, and close the case."""
    register = account.register
    posted = post_charges(Outcome(account), request.at)
    rated = rate(posted.account.usage, case.began, case.ended, wh, account.tariffs, terms.calendars)
    charged = replace(posted.account, usage=rated.usage, unsettled=rated.lines)
    posted = post_charges(replace(posted, account=charged), request.at, case)
    follows = replace(register, cases=tuple(known for known in register.cases if known.case_id != case.case_id))
    rehung = _rehung(posted.account, request, follows)
    return replace(rehung, settled_register_wh=register.wh), posted.records


def _fresh(request: MeterReplaced) -> Register:
    """The old meter was never read: there is nothing to charge, and the new one begins here."""
    dated = request.at if request.at.trust.dated else None
    return Register(wh=request.new_start_wh, at=request.at, dated=dated)


def _rehung(account: Account, request: MeterReplaced, follows: Register) -> Account:
    curve = rebased_export(account.intervals, request.old_export_end_wh, request.new_export_start_wh)
    return replace(
        account,
        register=follows,
        intervals=curve,
        meter_serial=request.new_serial,
        wraps_at_wh=request.wraps_at_wh,
        settled_register_wh=request.new_start_wh,
    )


def _report(request: MeterReplaced, wh: int, case_id: int) -> tuple[tuple[str, str | int], ...]:
    """What the report said; `register_case` is the case of the register it settled, 0 where there was none."""
    return (
        ("old_serial", request.old_serial),
        ("old_end_wh", request.old_end_wh),
        ("new_serial", request.new_serial),
        ("new_start_wh", request.new_start_wh),
        ("charged_wh", wh),
        ("register_case", case_id),
        ("company", request.company),
        ("technician", request.technician),
        ("consent", request.consent),
        ("reason", request.reason),
        ("case_id", request.case_id),
        ("model", request.model),
    )


def _certificate(account: Account, request: MeterReplaced, *, old: bool) -> Certificate:
    utc_ms = request.at.utc_ms if request.at.trust.dated else None
    return Certificate(
        at=request.at,
        account_id=account.account_id,
        certificate_id=f"{request.command_id}.{'old' if old else 'new'}",
        reason=CertificateReason.REPLACEMENT,
        quality=CertificateQuality.DECLARED,
        delivery_point=account.delivery_point,
        contract_id=account.contract_id,
        reference=request.case_id,
        asked_utc_ms=utc_ms,
        stands_utc_ms=utc_ms,
        meter_serial=request.old_serial if old else request.new_serial,
        import_wh=request.old_end_wh if old else request.new_start_wh,
        export_wh=request.old_export_end_wh if old else request.new_export_start_wh,
        production_wh=None,
    )
