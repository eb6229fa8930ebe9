"""The end of a contract: the last register, and what of its energy is still open then (S1-14, S2-10).

A contract ends when it is ordered, whether its meter answers or not. A register that somebody reads on site is charged
up to; where nobody has, the last reading stays the last, the answer says so, and what the meter shows when it is read
again is left behind as a case of the register: some of it may have been used after the end, so a person settles it.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.prepayment.account import Account, Outcome, Terms
from gateway.prepayment.agenda import CertificateDue
from gateway.prepayment.certificate import Certificate, CertificateQuality, CertificateReason
from gateway.prepayment.charging import case_charged
from gateway.prepayment.contract import now
from gateway.prepayment.delinquency import close_refusal
from gateway.prepayment.events import AccountClosed, CloseCause, Moment
from gateway.prepayment.fieldwork import DISPLAY_WH
from gateway.prepayment.holds import protecting
from gateway.prepayment.ladder import Effect, Rule
from gateway.prepayment.ledger import Happening, Verdict, VerdictStatus
from gateway.prepayment.rating import rate
from gateway.prepayment.register import Judgement, Register, after_end, ended
from gateway.prepayment.replacement import most_wh
from gateway.prepayment.settle import merge, post_charges
from gateway.prepayment.supply import SupplyState
from gateway.prepayment.taken import Taken, refused

UNREAD = "final_reading_missing"
_CLOSE = Rule("closed", tuple(SupplyState), SupplyState.TERMINATED, Effect.INFORM, ())
_HINT = "the meter was not read lately: what it shows next is left open as a case; settle it with a posting"


def closed(account: Account, request: AccountClosed, terms: Terms) -> Taken | Verdict:
    """The end of the contract; refused while a protective hold is in force, or with a register that cannot be."""
    protection = protecting(account, request.at)
    if protection is not None:
        return refused("held", hold=protection.hold_id)
    refusal = close_refusal(account, request.at) if request.cause is CloseCause.DELINQUENCY else None
    if refusal is not None:
        return refusal
    used_wh, declared_wh = 0, request.final_register_wh
    if declared_wh is not None:
        most = _used_wh(account, declared_wh, request.at, terms)
        if isinstance(most, Verdict):
            return most
        used_wh = most
    unread = declared_wh is None and not _fresh(account, request.at)
    last_wh = declared_wh if declared_wh is not None else account.register.wh
    detail = (
        ("reason", request.reason),
        ("register_wh", last_wh if last_wh is not None else -1),
        *((("cause", request.cause.value),) if request.cause is CloseCause.DELINQUENCY else ()),
        *((("hint", _HINT),) if unread else ()),
    )
    return Taken(
        lambda a: _with_final(replace(a, unread_end=unread), used_wh, declared_wh, request.at, terms),
        verdict=Verdict(VerdictStatus.APPLIED, UNREAD if unread else "", detail),
        transition=_CLOSE,
        told=lambda _before, after: (_certified(after, request),),
    )


def left_open(outcome: Outcome, at: Moment, terms: Terms) -> Outcome:
    """Energy of absences that waited for the time: charged now if it is known, or left for a person."""
    judged = ended(outcome.account.register, at, terms.rated_power_w)
    if not judged.events:
        return outcome
    account_id = outcome.account.account_id
    happened = tuple(Happening(at, account_id, what, detail) for what, detail in judged.events)
    outcome = post_charges(outcome, at)
    account = replace(outcome.account, register=judged.register)
    outcome = replace(outcome, account=account, records=(*outcome.records, *happened))
    for span in judged.spans:
        assert span.case is not None, "an end charges absences only"
        outcome = case_charged(outcome, span, span.case, at, terms)
    return outcome


def read_after(account: Account, judged: Judgement) -> tuple[Account, Judgement]:
    """The meter is read after the end: once, if it was not read at the end, what lies between becomes a case."""
    accepted = judged.register.at is not account.register.at
    left = after_end(account.register, judged, owed=account.unread_end)
    return (replace(account, unread_end=False) if accepted else account), left


def _fresh(account: Account, at: Moment) -> bool:
    register = account.register
    if not register.trusted or register.at is None or register.unobserved:
        return False
    return at.running_ms - register.at.running_ms <= account.policy.max_reading_age_ms


def _used_wh(account: Account, declared_wh: int, at: Moment, terms: Terms) -> int | Verdict:
    """What was used up to the register that somebody read; in whole kWh it may lie just below the last reading."""
    register = account.register
    if register.wh is None or register.at is None:
        return 0
    used_wh, bound_wh = declared_wh - register.wh, most_wh(register, at, terms)
    wraps_at_wh = account.wraps_at_wh or terms.wraps_at_wh
    if used_wh < 0 and wraps_at_wh is not None and used_wh + wraps_at_wh <= bound_wh:
        return used_wh + wraps_at_wh
    if -DISPLAY_WH < used_wh < 0 and declared_wh % DISPLAY_WH == 0:
        return 0
    if 0 <= used_wh <= bound_wh:
        return used_wh
    told = {"final_register_wh": declared_wh, "last_wh": register.wh, "most_wh": register.wh + bound_wh}
    return refused("implausible_register", **told)


def _with_final(account: Account, used_wh: int, declared_wh: int | None, at: Moment, terms: Terms) -> Account:
    """Charge up to the register that was read on site, at the price of the last reading."""
    register = account.register
    if declared_wh is None:
        return account
    if register.wh is None or register.at is None:
        return replace(account, register=Register(wh=declared_wh, at=at, dated=at if at.trust.dated else None))
    rated = rate(account.usage, register.at, at, used_wh, account.tariffs, terms.calendars)
    final = replace(register, wh=max(declared_wh, register.wh) if used_wh <= 0 else declared_wh, at=at)
    unsettled = merge(account.unsettled, rated.lines)
    return replace(account, usage=rated.usage, unsettled=unsettled, register=final)


def _certified(account: Account, request: AccountClosed) -> Certificate:
    final = CertificateDue(request.command_id, CertificateReason.TERMINATION, None, request.reason)
    made = now(account, request.at, final)
    if request.final_register_wh is None:
        return made
    return replace(made, quality=CertificateQuality.DECLARED, import_wh=request.final_register_wh)
