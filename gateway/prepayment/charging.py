"""What a judged reading costs: spans are rated, the load curve follows, a case gets an entry of its own (I5)."""

from __future__ import annotations

from dataclasses import replace

from gateway.prepayment.account import Account, Outcome, Terms
from gateway.prepayment.events import Moment, Reading
from gateway.prepayment.intervals import advance, rebased_export
from gateway.prepayment.ledger import Happening
from gateway.prepayment.rating import rate
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
    after, alarms = rated(replace(account, register=judged.register), known, terms)
    if judged.spans:
        # The load curve follows what was rated, not the register: it adds up across wraps, segments and cases.
        rated_wh = after.usage.wh + sum(span.wh for span in judged.spans if span.case is not None)
        curve = after.intervals
        if judged.register.segment != account.register.segment:  # whatever leapt, it was no export (decision 6)
            curve = replace(rebased_export(curve, None, reading.export_wh), open_estimated=True)
        curve, finished = advance(curve, reading.at, rated_wh, reading.export_wh)
        began = replace(began, intervals=finished)
        after = replace(after, intervals=curve)
    if account.settled_register_wh is None and known and judged.register.wh is not None:
        after = replace(after, settled_register_wh=judged.register.wh - known[-1].wh)
    outcome = alarmed(replace(began, account=after), alarms, reading.at)
    for span in judged.spans:
        if span.case is not None:
            outcome = case_charged(outcome, span, span.case, reading.at, terms)
    return outcome


def rated(account: Account, spans: list[Span], terms: Terms) -> tuple[Account, tuple[str, ...]]:
    """The account with these spans charged, still in memory, and what is wrong with its tariffs now."""
    usage, lines = account.usage, account.unsettled
    alarms = () if spans else account.alarms
    for span in spans:
        rated = rate(usage, span.before, span.after, span.wh, account.tariffs, terms.calendars)
        usage, lines = rated.usage, merge(lines, rated.lines)
        alarms = tuple(dict.fromkeys((*alarms, *rated.alarms))) if rated.alarms else alarms
    return replace(account, usage=usage, unsettled=lines), alarms


def case_charged(outcome: Outcome, span: Span, case: Case, at: Moment, terms: Terms) -> Outcome:
    """Charge an open case in an entry of its own: its registers lie before those of the entries around it (I5)."""
    outcome = post_charges(outcome, at)
    account, _ = rated(outcome.account, [span], terms)
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
