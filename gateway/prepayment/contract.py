"""Reading certificates, and what is due at a later instant: the contract operations every other one is built on.

A certificate for now is the last accepted reading; for an instant gone by it is what the stored quarter-hours say (the
caller looks them up, `known_at` computes); for one to come it waits in the agenda for the first reading at or after it.
Which instant the value stands for, and how good it is, is part of every certificate (S2-33).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import assert_never

from gateway.prepayment import civil
from gateway.prepayment.account import Account, Outcome, Parallel
from gateway.prepayment.agenda import DUE_MAX, Agenda, CertificateDue, PowerDue
from gateway.prepayment.certificate import Certificate, CertificateQuality, CertificateReason, Known
from gateway.prepayment.civil import QUARTER_MS
from gateway.prepayment.events import AccountOpened, Moment, Opening, PowerSet
from gateway.prepayment.intervals import Interval, IntervalState, Quality, remainder
from gateway.prepayment.ledger import Happening, Record, Verdict, VerdictStatus
from gateway.prepayment.operations import CertificateAsked, DueCancelled, ManuallyRead, RolledOver
from gateway.prepayment.power import available_power_w, valid_power_w
from gateway.prepayment.register import Register
from gateway.prepayment.supply import SupplyState
from gateway.prepayment.taken import Taken, refused

AHEAD_MAX_MS = 400 * 24 * 3_600_000
"""How far ahead an operation may be ordered."""
Past = CertificateAsked | RolledOver | ManuallyRead
"""Requests that may ask what the register showed at an instant gone by."""


def certificate_asked(account: Account, request: CertificateAsked) -> Taken | Verdict:
    """Certify a register value; refused when there is none for that instant."""
    wanted_utc_ms, at = request.at_utc_ms, request.at
    due = CertificateDue(request.command_id, request.reason, wanted_utc_ms, request.reference, wanted_utc_ms)
    if wanted_utc_ms is None:
        return _told(now(account, at, due)) if account.register.wh is not None else no_data(account)
    if not at.trust.dated:
        return refused("clock_untrusted")
    if not to_come(account, wanted_utc_ms) or (account.opened.trust.dated and wanted_utc_ms < account.opened.utc_ms):
        known = request.known
        return no_data(account) if known is None else _told(of_known(account, at, due, known))
    refusal = _not_possible(at, wanted_utc_ms, len(account.agenda.certificates_due))
    if refusal is not None:
        return refusal
    return Taken(
        lambda a: replace(a, agenda=replace(a.agenda, certificates_due=(*a.agenda.certificates_due, due))),
        _put_off(wanted_utc_ms),
    )


def no_data(account: Account) -> Verdict:
    """Nothing is stored for the instant asked about, and nothing is guessed: says from when on there is something."""
    register, parallel = account.register, account.parallel
    if register.wh is None:
        return refused("no_data", hint="the meter was never read for this account; send read_now, then this again")
    opened_utc_ms = account.opened.utc_ms if account.opened.trust.dated else 0
    if parallel is None or parallel.since_utc_ms is None:
        hint = "since the register was replaced, wrapped or leapt no reading has a date yet; ask again when one has"
        return refused("no_data", hint=hint)
    since_utc_ms = max(parallel.since_utc_ms, opened_utc_ms)
    hint = "ask for an instant from then on, and no older than what is kept"
    return refused("no_data", stored_from_utc_ms=since_utc_ms, hint=hint)


def power_set(account: Account, request: PowerSet) -> Taken | Verdict:
    """Another contract power, in the steps that are sold (S2-07), at once or from an instant to come (S2-06)."""
    power_w, from_utc_ms, at = request.contract_power_w, request.from_utc_ms, request.at
    if not valid_power_w(power_w):
        return refused("invalid_step", power_w=power_w)
    due = PowerDue(request.command_id, power_w, at.utc_ms if from_utc_ms is None else from_utc_ms, at.utc_ms)
    if from_utc_ms is None:
        return Taken(
            lambda a: replace(a, contract_power_w=power_w), told=lambda before, _after: (_power_done(before, due, at),)
        )
    refusal = _ahead(at, from_utc_ms) or _not_possible(at, from_utc_ms, len(account.agenda.powers_due))
    if refusal is not None:
        return refusal
    if any(known.at_utc_ms == from_utc_ms for known in account.agenda.powers_due):
        return refused("already_due", due_utc_ms=from_utc_ms)
    powers = tuple(sorted((*account.agenda.powers_due, due), key=lambda known: known.at_utc_ms))
    return Taken(lambda a: replace(a, agenda=replace(a.agenda, powers_due=powers)), _put_off(from_utc_ms))


def due_cancelled(account: Account, request: DueCancelled) -> Taken | Verdict:
    """Take something off the agenda before its instant; refused when nothing of this id waits."""
    agenda, due_id = account.agenda, request.due_id
    left = replace(
        agenda,
        certificates_due=tuple(due for due in agenda.certificates_due if due.certificate_id != due_id),
        powers_due=tuple(due for due in agenda.powers_due if due.command_id != due_id),
        rollover_due=agenda.rollover_due
        if agenda.rollover_due is not None and agenda.rollover_due.command_id != due_id
        else None,
    )
    return refused("nothing_due", due_id=due_id) if left == agenda else Taken(lambda a: replace(a, agenda=left))


def past_asked(account: Account | None, request: object) -> tuple[int, ...]:
    """The instants gone by at which a request wants to know the register; the caller answers them with `informed`."""
    if account is None:
        return ()
    match request:
        case CertificateAsked(at_utc_ms=int() as wanted) | RolledOver(at_utc_ms=int() as wanted):
            return () if to_come(account, wanted) else (wanted,)
        case ManuallyRead():
            day, zone = date.fromisoformat(request.read_on), account.policy.time_zone
            return civil.midnight_utc_ms(day, zone), civil.midnight_utc_ms(day + timedelta(days=1), zone)
        case _:
            return ()


def informed(request: Past, known: list[Known | None]) -> Past:
    """The request with what the store knows, in the order of `past_asked`."""
    match request:
        case ManuallyRead():
            return replace(request, floor=known[0], ceiling=known[1])
        case CertificateAsked() | RolledOver():
            return replace(request, known=known[0])
        case _ as never:
            assert_never(never)


def to_come(account: Account, utc_ms: int) -> bool:
    """No dated reading has reached this instant yet."""
    dated = account.register.dated
    return dated is None or utc_ms > dated.utc_ms


def known_at(account: Account, utc_ms: int, intervals: Iterable[Interval], oldest_utc_ms: int | None) -> Known | None:
    """The registers at the stored quarter-hour's boundary nearest to `utc_ms`; None beyond what is stored.

    `intervals` are all of the account from a quarter-hour before `utc_ms` on, `oldest_utc_ms` the start of the oldest
    that is stored. The register now, less what was used since: true as far as register and load curve ran in parallel.
    """
    curve, register, parallel = account.intervals, account.register, account.parallel
    if (
        curve.at_utc_ms is None
        or utc_ms > curve.at_utc_ms
        or register.wh is None
        or parallel is None
        or parallel.since_utc_ms is None
    ):
        return None
    open_utc_ms = curve.at_utc_ms // QUARTER_MS * QUARTER_MS
    rows = sorted(intervals, key=lambda row: row.start_utc_ms)
    starts = [row.start_utc_ms for row in rows] + [open_utc_ms]
    oldest_utc_ms = min(starts) if oldest_utc_ms is None else min(oldest_utc_ms, *starts)
    earliest_utc_ms = max(parallel.since_utc_ms, oldest_utc_ms)
    starts = [start for start in starts if start >= parallel.since_utc_ms]
    if utc_ms < earliest_utc_ms or not starts:
        return None
    boundary_utc_ms = min(starts, key=lambda start: (abs(start - utc_ms), start))
    since = [row for row in rows if row.start_utc_ms >= boundary_utc_ms]
    around = [row for row in rows if row.start_utc_ms in (boundary_utc_ms - QUARTER_MS, boundary_utc_ms)]
    estimated = any(row.quality is Quality.ESTIMATED for row in around)
    estimated = estimated or (boundary_utc_ms == open_utc_ms and curve.open_estimated)
    quality = CertificateQuality.ACTUAL if boundary_utc_ms == utc_ms else CertificateQuality.NEAREST
    used_wh = account.usage.wh - curve.register_wh + curve.open_import_wh + sum(row.import_wh for row in since)
    export_wh = None
    exported = [row.export_wh for row in since]
    if curve.export_wh is not None and None not in exported:
        export_wh = curve.export_wh - curve.open_export_wh - sum(wh for wh in exported if wh is not None)
    return Known(
        boundary_utc_ms,
        CertificateQuality.ESTIMATED if estimated else quality,
        register.wh - used_wh,
        export_wh,
    )


def now(account: Account, at: Moment, due: CertificateDue) -> Certificate:
    """The last accepted reading, certified; at an instant that is not known when no clock was believable."""
    register = account.register
    fresh = register.trusted and register.at is not None and at.running_ms - register.at.running_ms <= QUARTER_MS
    fresh = fresh and not register.unobserved  # while the gateway was off, running time stood still
    quality = CertificateQuality.ACTUAL if fresh else CertificateQuality.NEAREST
    stands = register.at if register.at is not None and register.at.trust.dated else None
    asked_utc_ms = due.asked_utc_ms
    if asked_utc_ms is None and at.trust.dated:
        asked_utc_ms = at.utc_ms
    stands_utc_ms = None if stands is None else stands.utc_ms
    return _certificate(account, at, replace(due, asked_utc_ms=asked_utc_ms), quality, stands_utc_ms)


def of_known(account: Account, at: Moment, due: CertificateDue, known: Known) -> Certificate:
    """What the store knows, certified."""
    made = _certificate(account, at, due, known.quality, known.stands_utc_ms)
    return replace(made, import_wh=known.import_wh, export_wh=known.export_wh, production_wh=known.production_wh)


def opening_due(event: AccountOpened) -> Agenda:
    """A contract that is signed for begins with a certificate, and its first period at that quarter-hour (S1-20)."""
    if event.kind not in (Opening.ACTIVATION, Opening.SUBENTRO):
        return Agenda()
    asked_utc_ms = event.at.utc_ms // QUARTER_MS * QUARTER_MS if event.at.trust.dated else None
    due = CertificateDue(event.command_id, CertificateReason.ACTIVATION, None, asked_utc_ms=asked_utc_ms)
    return Agenda(certificates_due=(due,))


def _begins(due: CertificateDue) -> bool:
    """It is the one of `opening_due`; an activation that somebody asks for has an instant."""
    return due.reason is CertificateReason.ACTIVATION and due.at_utc_ms is None


def opening_certified(account: Account, at: Moment) -> tuple[Account, tuple[Certificate, ...]]:
    """Before another meter hangs: the register that was declared when the contract began is the old one's."""
    due = tuple(one for one in account.agenda.certificates_due if _begins(one))
    left = tuple(one for one in account.agenda.certificates_due if not _begins(one))
    made = tuple(_opening(account, account.register, at, one) for one in due)
    return replace(account, agenda=replace(account.agenda, certificates_due=left)), made


def read(outcome: Outcome, before: Account, at: Moment) -> Outcome:
    """After a reading was judged: follow register and load curve, and make the certificates that are due by it."""
    account = outcome.account
    if account.register.at is not at or account.supply.state is SupplyState.TERMINATED:
        return outcome
    parallel = _parallel(account, at)
    if parallel is not account.parallel:
        account = replace(account, parallel=parallel)
        outcome = replace(outcome, account=account)
    agenda = account.agenda
    ready = tuple(due for due in agenda.certificates_due if is_due(due.at_utc_ms, at))
    if not ready:
        return outcome
    left = tuple(due for due in agenda.certificates_due if due not in ready)
    made = tuple(_at_reading(account, before, at, due) for due in ready)
    account = replace(account, agenda=replace(agenda, certificates_due=left))
    return replace(outcome, account=account, records=(*outcome.records, *made))


def passed(outcome: Outcome, at: Moment) -> Outcome:
    """Carry out the changes of power whose instant has come, in proven time."""
    account = outcome.account
    powers = account.agenda.powers_due
    if not powers or not is_due(powers[0].at_utc_ms, at):
        return outcome
    records: tuple[Record, ...] = ()
    for due in powers:
        if is_due(due.at_utc_ms, at):
            records = (*records, _power_done(account, due, at))
            account = replace(account, contract_power_w=due.contract_power_w)
    left = tuple(due for due in powers if not is_due(due.at_utc_ms, at))
    account = replace(account, agenda=replace(account.agenda, powers_due=left))
    return replace(outcome, account=account, records=(*outcome.records, *records))


def is_due(utc_ms: int | None, at: Moment) -> bool:
    """The instant has come, in proven time; None is now."""
    return utc_ms is None or (at.trust.proven and at.utc_ms >= utc_ms)


def closing(outcome: Outcome, at: Moment) -> Outcome:
    """The account ends here: its last quarter-hour, its credit for refund, and nothing waits any more."""
    account = outcome.account
    left = remainder(account.intervals, account.usage.wh)
    records = outcome.records
    if account.balance_nano > 0:
        detail = (("balance_nano", account.balance_nano), ("currency", account.currency))
        records = (*records, Happening(at, account.account_id, "account.refund_due", detail))
    agenda = account.agenda
    waiting = [due.certificate_id for due in agenda.certificates_due] + [due.command_id for due in agenda.powers_due]
    waiting += [agenda.rollover_due.command_id] if agenda.rollover_due is not None else []
    waiting += [reading.reading_id for reading in agenda.readings] + [job.job_id for job in agenda.jobs]
    if waiting:
        dropped = (("due_ids", " ".join(waiting)),)
        records = (*records, Happening(at, account.account_id, "agenda.dropped", dropped))
    account = replace(account, agenda=Agenda(tests=agenda.tests), intervals=IntervalState())
    return replace(outcome, account=account, records=records, intervals=(*outcome.intervals, *left))


def _ahead(at: Moment, utc_ms: int) -> Verdict | None:
    if not at.trust.proven:
        return refused("clock_untrusted")
    return refused("in_the_past", now_utc_ms=at.utc_ms) if utc_ms <= at.utc_ms else None


def _not_possible(at: Moment, utc_ms: int, waiting: int) -> Verdict | None:
    if utc_ms > at.utc_ms + AHEAD_MAX_MS:
        return refused("too_far_ahead", latest_utc_ms=at.utc_ms + AHEAD_MAX_MS)
    return refused("too_many_due", waiting=waiting) if waiting >= DUE_MAX else None


def _put_off(utc_ms: int) -> Verdict:
    return Verdict(VerdictStatus.APPLIED, "", (("due_utc_ms", utc_ms),))


def _told(made: Certificate) -> Taken:
    return Taken(lambda a: a, certified(made), told=lambda _before, _after: (made,))


def certified(made: Certificate) -> Verdict:
    """The verdict that names a certificate and what it says."""
    assert made.import_wh is not None, "what is certified was read"
    named = (("certificate_id", made.certificate_id), ("quality", made.quality.value), ("register_wh", made.import_wh))
    stands = () if made.stands_utc_ms is None else (("stands_utc_ms", made.stands_utc_ms),)
    return Verdict(VerdictStatus.APPLIED, "", (*named, *stands))


def _parallel(account: Account, at: Moment) -> Parallel:
    """Since when register and load curve run side by side; anew when something came between them."""
    known = account.parallel
    assert account.register.wh is not None
    offset_wh = account.register.wh - account.usage.wh
    if known is not None and known.offset_wh == offset_wh and known.since_utc_ms is not None:
        return known
    return Parallel(offset_wh, at.utc_ms if at.trust.dated else None)


def _at_reading(account: Account, before: Account, at: Moment, due: CertificateDue) -> Certificate:
    """The first reading at or after the instant; if it comes late, of the two around it the one that is nearer."""
    if _begins(due):
        return _opening(account, before.register, at, due)
    wanted_utc_ms = due.at_utc_ms
    if wanted_utc_ms is None or at.utc_ms - wanted_utc_ms <= QUARTER_MS:
        return now(account, at, due)
    last = before.register.at
    if last is not None and last.trust.dated and wanted_utc_ms - last.utc_ms < at.utc_ms - wanted_utc_ms:
        return _certificate(before, at, due, CertificateQuality.NEAREST, last.utc_ms)
    return _certificate(account, at, due, CertificateQuality.NEAREST, at.utc_ms)


def _opening(account: Account, before: Register, at: Moment, due: CertificateDue) -> Certificate:
    """Where charging begins: the register somebody declared before, else the first of the readings that agreed."""
    first = before.candidate if before.wh is None else None
    if first is None:
        stands, wh, quality = before.at, before.wh, CertificateQuality.DECLARED
    else:
        stands, wh = first.first_at, first.first_wh
        soon = stands.running_ms - account.opened.running_ms <= QUARTER_MS
        quality = CertificateQuality.ACTUAL if soon else CertificateQuality.NEAREST
    made = _certificate(account, at, due, quality, stands.utc_ms if stands is not None and stands.trust.dated else None)
    return replace(made, import_wh=wh)


def _certificate(
    account: Account, at: Moment, due: CertificateDue, quality: CertificateQuality, stands_utc_ms: int | None
) -> Certificate:
    return Certificate(
        at=at,
        account_id=account.account_id,
        certificate_id=due.certificate_id,
        reason=due.reason,
        quality=quality,
        delivery_point=account.delivery_point,
        contract_id=account.contract_id,
        reference=due.reference,
        asked_utc_ms=due.asked_utc_ms,
        stands_utc_ms=stands_utc_ms,
        meter_serial=account.meter_serial,
        import_wh=account.register.wh,
        export_wh=account.intervals.export_wh,
        production_wh=None,
    )


def _power_done(before: Account, due: PowerDue, at: Moment) -> Happening:
    detail = (
        ("command_id", due.command_id),
        ("received_utc_ms", due.received_utc_ms),
        ("executed_utc_ms", at.utc_ms),
        ("from_w", before.contract_power_w),
        ("to_w", due.contract_power_w),
        ("available_w", available_power_w(due.contract_power_w)),
    )
    return Happening(at, before.account_id, "power.set_done", detail)
