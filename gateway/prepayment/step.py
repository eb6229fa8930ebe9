"""The one step: an account, an event and the terms give the next account and everything that must be put on record.

`apply` is total and pure: it never raises for an event, never asks the time and changes nothing in place. The order is
always the same. The event is taken in (a reading is judged and rated, a request accepted or refused); then the ladder
decides at most one rule; then charges that were only in memory are settled into an entry if the balance is about to be
spoken of (a top-up, a change of rung, a new day, decision 7). `entitlement.control` says what must be so at the meter
(facts by transaction, control by reconciliation). `next_deadline_ms` says when to look again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from gateway.prepayment import civil, delinquency, overriding
from gateway.prepayment.account import Account, Outcome, Spending, Supply, Terms
from gateway.prepayment.arrears import Reconnected
from gateway.prepayment.bonus import pay
from gateway.prepayment.charging import charged
from gateway.prepayment.contract import closing, passed, read
from gateway.prepayment.ending import left_open, read_after
from gateway.prepayment.events import (
    Confirmed,
    Contact,
    Detail,
    MeterEvent,
    Moment,
    Reading,
    Restarted,
    Suspected,
    Tick,
)
from gateway.prepayment.fieldwork import reminded
from gateway.prepayment.holds import disputed_nano
from gateway.prepayment.ladder import (
    PREPAID,
    Effect,
    Guard,
    Rule,
    Situation,
    by_state,
    decide,
    situation_of,
    slot_left_ms,
    term_left_ms,
)
from gateway.prepayment.ledger import Entry, EntryKind, Happening, Record, Transition, Verdict
from gateway.prepayment.notices import notice, tell, template_of
from gateway.prepayment.overriding import lifted
from gateway.prepayment.power import limit_w
from gateway.prepayment.protection import holding
from gateway.prepayment.rating import Rated, standing
from gateway.prepayment.register import judge
from gateway.prepayment.requests import Request, take
from gateway.prepayment.rollback import begun, confirmed, suspected, waited
from gateway.prepayment.rollover import due as rollover_due
from gateway.prepayment.schedule import planned
from gateway.prepayment.settle import merge, post_charges
from gateway.prepayment.supply import SupplyState
from gateway.prepayment.taken import Taken
from gateway.prepayment.voltage import ended, sampled

Event = Reading | Tick | Restarted | Confirmed | Suspected | Contact | MeterEvent | Reconnected | Request
"""Everything that `apply` takes in."""
_RULES = by_state(PREPAID)
_DAYS_KEPT = 7


def apply(account: Account, event: Event, terms: Terms) -> Outcome:  # noqa: PLR0911 - one for each kind of event
    """Take in one event; the outcome's account, records and intervals belong into one transaction."""
    match event:
        case Reading():
            return _reading(account, event, terms)
        case Tick():
            return _evaluate(pay(_day_changes(Outcome(account), event.at, terms), event.at), event.at, terms)
        case Restarted():
            return begun(account, event)
        case Confirmed():
            return _evaluate(confirmed(account, event), event.at, terms)
        case Suspected():
            return lifted(suspected(account, event), event.at)
        case Contact():
            if not event.at.trust.proven:  # reach means: somebody is there *and* the time is known (decision 12)
                return Outcome(account)
            return Outcome(replace(account, contact_running_ms=event.at.running_ms))
        case MeterEvent():
            return Outcome(account, (Happening(event.at, account.account_id, event.what, event.detail),))
        case Reconnected():
            return delinquency.reconnected(account, event)
        case _:
            taken = take(account, event, terms)
            if isinstance(taken, Verdict):
                return Outcome(account, verdict=taken)
            return _evaluate(_taken(account, taken, event.at, terms), event.at, terms)


def next_deadline_ms(account: Account, terms: Terms, at: Moment) -> int | None:
    """How long from `at` until a timer of this account may fire; None when none runs. A hint: `Tick` then decides."""
    waits = (_ladder_left_ms(account, terms, at), overriding.left_ms(account, at))
    return min((wait for wait in waits if wait is not None), default=None)


def _ladder_left_ms(account: Account, terms: Terms, at: Moment) -> int | None:
    situation = situation_of(account, terms, at)
    policy, supply = account.policy, account.supply
    if policy.delinquency is not None:
        return delinquency.queue_left_ms(account, at)
    term = {SupplyState.GRACE: policy.grace, SupplyState.LIMITED: policy.limit_term}.get(supply.state)
    if term is None:
        return None
    waits = [term_left_ms(term, situation), slot_left_ms(situation)]
    waits.append(supply.since.running_ms + policy.min_dwell_ms - at.running_ms)
    if supply.notice_running_ms is not None:
        waits.append(supply.notice_running_ms + policy.min_after_notice_ms - at.running_ms)
    left_ms = waits[0]
    if supply.state is SupplyState.GRACE and left_ms is not None and not supply.grace_warned:
        waits.append(left_ms - policy.grace_warn_before_ms)
    return min((wait for wait in waits if wait is not None and wait > 0), default=None)


def settle(account: Account, at: Moment) -> Outcome:
    """Post what was charged since the last entry, if anything (decision 7)."""
    return post_charges(Outcome(account), at)


def _reading(account: Account, reading: Reading, terms: Terms) -> Outcome:
    judged = judge(
        account.register,
        reading,
        serial=account.meter_serial,
        rated_power_w=terms.rated_power_w,
        wraps_at_wh=account.wraps_at_wh or terms.wraps_at_wh,
    )
    if account.supply.state is SupplyState.TERMINATED:
        account, judged = read_after(account, judged)
    outcome = charged(account, judged, reading, terms)
    if judged.events:
        happened = tuple(Happening(reading.at, account.account_id, what, detail) for what, detail in judged.events)
        outcome = replace(outcome, records=(*outcome.records, *happened))
    if judged.reread:
        outcome = replace(outcome, reread=True)
    outcome = sampled(outcome, reading)
    outcome = read(planned(outcome, reading.at), account, reading.at)
    # The days up to a change of holder are the old one's: their standing charge and bonus come before it.
    outcome = pay(_day_changes(outcome, reading.at, terms), reading.at)
    return _evaluate(_handed_over(outcome, reading.at, terms), reading.at, terms)


def _handed_over(outcome: Outcome, at: Moment, terms: Terms) -> Outcome:
    """A change of holder whose instant has come is carried out by this reading."""
    due = rollover_due(outcome.account, at, terms)
    if due is None:
        return outcome
    handed = _taken(outcome.account, due, at, terms)
    records, intervals = (*outcome.records, *handed.records), (*outcome.intervals, *handed.intervals)
    return replace(outcome, account=handed.account, records=records, intervals=intervals, opened=handed.opened)


def _day_changes(outcome: Outcome, at: Moment, terms: Terms) -> Outcome:
    """At a new civil day: standing charge, what the day before cost, a settlement; only in proven time (I16)."""
    account = outcome.account
    if not at.trust.proven or account.supply.state is SupplyState.TERMINATED:
        return outcome
    today = civil.local_date(at.utc_ms, account.policy.time_zone).isoformat()
    spending = account.spending
    if spending.day == today:
        return outcome
    if spending.day is not None and today < spending.day:
        return outcome
    charged_nano = account.usage.charge_total_nano
    began_nano = None if spending.day is None else charged_nano  # the day of opening is no complete day
    spending = Spending(today, began_nano, _complete_days(spending, today, charged_nano))
    rated = standing(account.usage, at, account.tariffs, terms.calendars)
    account = _with_charge(account, rated)
    account = replace(account, spending=spending)
    outcome = post_charges(replace(outcome, account=account), at)
    caught_up = sum(line.days for line in rated.lines if line.component == "standing") > 1
    return _told_again(outcome, at, terms) if caught_up else outcome


def _complete_days(spending: Spending, today: str, charged_nano: int) -> tuple[int, ...]:
    """What the last complete days cost; a day seen in part, or several seen as one, tells nothing about the pace."""
    if spending.day is None or spending.day_began_nano is None:
        return spending.days_nano
    if date.fromisoformat(today) - date.fromisoformat(spending.day) != timedelta(days=1):
        return spending.days_nano
    return (*spending.days_nano, charged_nano - spending.day_began_nano)[-_DAYS_KEPT:]


def _told_again(outcome: Outcome, at: Moment, terms: Terms) -> Outcome:
    """Days of standing charge came at once: a debt that nobody knew of escalates nothing before it was told.

    Only once on each rung, so that hiding the time again and again puts nothing off for ever (threat 24).
    """
    account, supply = outcome.account, outcome.account.supply
    template = {SupplyState.GRACE: "grace", SupplyState.LIMITED: "limited"}.get(supply.state)
    if template is None or account.balance_nano >= 0 or supply.notice_running_ms != supply.since.running_ms:
        return outcome
    account = replace(account, supply=replace(supply, notice_running_ms=at.running_ms))
    return replace(outcome, account=account, records=(*outcome.records, notice(account, terms, at, template)))


def _with_charge(account: Account, rated: Rated) -> Account:
    return replace(account, usage=rated.usage, unsettled=merge(account.unsettled, rated.lines))


def _taken(account: Account, taken: Taken, at: Moment, terms: Terms) -> Outcome:
    """A request was accepted: settle at the old terms first, then let it take effect."""
    settled = post_charges(Outcome(account), at)
    after = taken.change(settled.account)
    entries: tuple[Record, ...] = ()
    if taken.kind is not None:
        resync = taken.kind is EntryKind.RESYNC
        entry = Entry(
            at=at,
            account_id=account.account_id,
            kind=taken.kind,
            currency=account.currency,
            amount_nano=after.balance_nano - settled.account.balance_nano,
            balance_nano=after.balance_nano,
            reference=taken.reference,
            from_register_wh=settled.account.settled_register_wh if resync else None,
            to_register_wh=after.settled_register_wh if resync else None,
        )
        entries = (entry,)
    told = taken.told(settled.account, after)
    outcome = Outcome(after, (*settled.records, *entries, *told), verdict=taken.verdict)
    if taken.transition is None:
        return outcome
    if taken.transition.target is not SupplyState.TERMINATED:
        return _move(outcome, taken.transition, situation_of(after, terms, at))
    outcome = left_open(replace(outcome, opened=taken.opens), at, terms)
    return closing(_move(outcome, taken.transition, situation_of(outcome.account, terms, at)), at)


def _evaluate(outcome: Outcome, at: Moment, terms: Terms) -> Outcome:
    """Let the ladder decide one rule and carry it out; an override that is over neither holds nor lifts any more."""
    return lifted(_decided(lifted(outcome, at), at, terms), at)


def _decided(outcome: Outcome, at: Moment, terms: Terms) -> Outcome:
    outcome = reminded(passed(ended(outcome, at), at), at)
    account = waited(outcome.account, at)
    supply = account.supply
    if account is not outcome.account:
        outcome = replace(outcome, account=account)
    if supply.dated_on is None and at.trust.proven and account.policy.counts_days(supply.state):
        today = civil.local_date(at.utc_ms, account.policy.time_zone).isoformat()
        account = replace(account, supply=replace(supply, dated_on=today))
        outcome = replace(outcome, account=account)
    if account.policy.delinquency is not None:
        outcome, decision = delinquency.review(outcome, terms, at)
        situation = situation_of(outcome.account, terms, at)
    else:
        situation = situation_of(account, terms, at)
        decision = decide(_RULES[supply.state], situation)
    if decision.rule is not None:
        return _move(outcome, decision.rule, situation)
    outcome = _warned(outcome, situation)
    if decision.blocked == situation.account.supply.held_by:
        return outcome
    return _held(outcome, decision.blocked, situation)


def _move(outcome: Outcome, rule: Rule, situation: Situation) -> Outcome:
    """Settle, change the rung, record the transition with its evidence and tell the customer."""
    at = situation.at
    outcome = post_charges(outcome, at)
    account = outcome.account
    source, ordered = account.supply, delinquency.evidence(account, rule, situation.terms, at)
    told = rule.effect is not Effect.RESTORE
    supply = Supply(state=rule.target, since=at, notice_running_ms=at.running_ms if told else None)
    if rule.name == "protected":  # still in debt: the notice given stays given
        supply = replace(supply, notice_running_ms=source.notice_running_ms)
    if at.trust.proven:
        supply = replace(supply, dated_on=civil.local_date(at.utc_ms, account.policy.time_zone).isoformat())
    account = replace(account, supply=supply, ordered=None, armed=_armed(account, rule.target))
    limited_w = limit_w(account.contract_power_w, account.policy) if rule.target is SupplyState.LIMITED else None
    transition = Transition(
        at=at,
        account_id=account.account_id,
        source=source.state,
        target=rule.target,
        rule=rule.name,
        policy=f"{account.policy.policy_id}@{account.policy.version}",
        balance_nano=account.balance_nano,
        currency=account.currency,
        register_wh=account.register.wh,
        limit_w=limited_w,
        detail=(*_evidence(source, account, at), *ordered),
    )
    records: tuple[Record, ...] = (*outcome.records, transition, *delinquency.dropped(outcome.account, rule, at))
    template = template_of(rule.name, account)
    if template is not None:
        account, said = tell(account, situation.terms, at, template)
        records = (*records, *said)
    return replace(outcome, account=account, records=records)


def _armed(account: Account, target: SupplyState) -> bool:
    """Whether supply that comes back with this rung waits for somebody on site (decision 14)."""
    if target in (SupplyState.SUSPENDED, SupplyState.TERMINATED):
        return False
    was_off = account.supply.state is SupplyState.SUSPENDED
    return account.armed or (was_off and account.waits_on_site)


def _evidence(source: Supply, account: Account, at: Moment) -> Detail:
    """What a person would ask about an escalation later (requirements 2.8, invariant 11)."""
    detail: list[tuple[str, str | int]] = [("in_state_ms", at.running_ms - source.since.running_ms)]
    if source.notice_running_ms is not None:
        detail.append(("notice_age_ms", at.running_ms - source.notice_running_ms))
    if source.dated_on is not None:
        detail.append(("dated_on", source.dated_on))
    if account.register.at is not None:
        detail.append(("reading_age_ms", at.running_ms - account.register.at.running_ms))
    if disputed := disputed_nano(account, at):
        detail.append(("disputed_nano", disputed))
    return tuple(detail)


def _warned(outcome: Outcome, situation: Situation) -> Outcome:
    """Say once that grace is about to end (requirements 2.3)."""
    account, at = outcome.account, situation.at
    if account.supply.state is not SupplyState.GRACE or account.supply.grace_warned:
        return outcome
    left_ms = term_left_ms(account.policy.grace, situation)
    if left_ms is None or left_ms > account.policy.grace_warn_before_ms:
        return outcome
    account = replace(account, supply=replace(account.supply, grace_warned=True))
    warning = notice(account, situation.terms, at, "grace_expiring")
    return replace(outcome, account=account, records=(*outcome.records, warning))


def _held(outcome: Outcome, blocked: str, situation: Situation) -> Outcome:
    """Put on record why an escalation waits, when the reason changes; for a slot, from when on it could be done."""
    at = situation.at
    account = replace(outcome.account, supply=replace(outcome.account.supply, held_by=blocked))
    if not blocked:
        return replace(outcome, account=account)
    detail: Detail = (("reason", blocked), *(holding(account, at) if blocked == Guard.HOLD else ()))
    left_ms = slot_left_ms(situation) if blocked == Guard.SLOT else None
    if left_ms is not None:
        detail = (*detail, ("next_slot_utc_ms", at.utc_ms + left_ms))
    happening = Happening(at, account.account_id, "supply.escalation_held", detail)
    return replace(outcome, account=account, records=(*outcome.records, happening))
