"""What a judged reading costs: spans are rated, the load curve follows, a case gets an entry of its own (I5)."""

from __future__ import annotations

from dataclasses import replace

from gateway.prepayment.account import Account, Outcome, Terms
from gateway.prepayment.events import Moment, Reading
from gateway.prepayment.intervals import advance, rebased_export
from gateway.prepayment.ledger import Happening
from gateway.prepayment.rating import Line, Usage, rate
from gateway.prepayment.register import Case, Judgement, Span
from gateway.prepayment.settle import merge, post_charges
from gateway.prepayment.supply import SupplyState


def charged(account: Account, judged: Judgement, reading: Reading, terms: Terms) -> Outcome:
    """Rate what the register says was used, and keep the load curve."""
    if account.supply.state is SupplyState.TERMINATED:
        return Outcome(replace(account, register=judged.register))
    began = Outcome(account)
    known = [span for span in judged.spans if span.case is None]
    if judged.register.cases_opened != account.register.cases_opened and judged.register.wh is not None:
        began = post_charges(began, reading.at)  # a charge never spans a difference that stays open (I5)
        resumed_wh = judged.register.wh - sum(span.wh for span in known)
        began = replace(began, account=replace(began.account, settled_register_wh=resumed_wh))
        account = began.account
    usage, lines, alarms = rated(account, known, terms)
    curve, finished = account.intervals, began.intervals
    if judged.spans:
        # The load curve follows what was rated, not the register: it adds up across wraps, segments and cases.
        rated_wh = usage.wh + sum(span.wh for span in judged.spans if span.case is not None)
        if judged.register.segment != account.register.segment:  # whatever leapt, it was no export (decision 6)
            curve = replace(rebased_export(curve, None, reading.export_wh), open_estimated=True)
        curve, finished = advance(curve, reading.at, rated_wh, reading.export_wh)
    settled_wh = account.settled_register_wh
    if settled_wh is None and known and judged.register.wh is not None:
        settled_wh = judged.register.wh - known[-1].wh
    after = replace(  # once: an account has some fifty fields, and this is done for each reading
        account,
        register=judged.register,
        usage=usage,
        unsettled=lines,
        intervals=curve,
        settled_register_wh=settled_wh,
    )
    outcome = alarmed(Outcome(after, began.records, finished), alarms, reading.at)
    for span in judged.spans:
        if span.case is not None:
            outcome = case_charged(outcome, span, span.case, reading.at, terms)
    return outcome


def rated(account: Account, spans: list[Span], terms: Terms) -> tuple[Usage, tuple[Line, ...], tuple[str, ...]]:
    """Usage and unsettled lines with these spans charged, and what is wrong with the account's tariffs now."""
    usage, lines = account.usage, account.unsettled
    alarms = () if spans else account.alarms
    for span in spans:
        rated = rate(usage, span.before, span.after, span.wh, account.tariffs, terms.calendars)
        usage, lines = rated.usage, merge(lines, rated.lines)
        alarms = tuple(dict.fromkeys((*alarms, *rated.alarms))) if rated.alarms else alarms
    return usage, lines, alarms


def case_charged(outcome: Outcome, span: Span, case: Case, at: Moment, terms: Terms) -> Outcome:
    """Charge an open case in an entry of its own: its registers lie before those of the entries around it (I5)."""
    outcome = post_charges(outcome, at)
    usage, lines, _ = rated(outcome.account, [span], terms)
    account = replace(outcome.account, usage=usage, unsettled=lines)
    return post_charges(replace(outcome, account=account), at, case)


def alarmed(outcome: Outcome, alarms: tuple[str, ...], at: Moment) -> Outcome:
    """Put rating alarms on record once, when they appear."""
    account = outcome.account
    if alarms == account.alarms:
        return outcome
    fresh = tuple(
        Happening(at, account.account_id, f"tariff.{alarm}") for alarm in alarms if alarm not in account.alarms
    )
    return replace(outcome, account=replace(account, alarms=alarms), records=(*outcome.records, *fresh))
