"""ROLLBACK_SUSPECTED: what an account does when its books may be an old image, and how that ends (threats 3 and 4).

An old image brings back old credit totals, an old rung, old notices, and forgets lock-outs. Credit is cumulative and
consumption comes from the meter's register, so neither makes money; the rest needs somebody who knows more. So each
start waits to hear from the head-end whether it knows rows that these books do not:

    start --confirmed--> trusted                     the ordinary case, within seconds
      |------suspected--> ROLLBACK_SUSPECTED --resync, signed--> trusted

While it waits at a start, and while it suspects, the switch is left as it was found: an open one may be a lock-out
that these books have forgotten, a closed one may have been paid for. While it suspects nothing escalates, until money
bounds it (`ladder`). What has been used and is not charged yet counts as spent in that bound, or somebody could put an
old image back again and again and never owe anything. A resync takes over what the head-end's rows say of the account
and lets charging go on from the register in them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gateway.prepayment import civil
from gateway.prepayment.account import Account, Outcome, Spending, Start, Supply, Suspicion
from gateway.prepayment.events import Confirmed, Hold, Moment, Restarted, Suspected, SuspicionCause, TimeTrust
from gateway.prepayment.ledger import Entry, EntryKind, Happening, Record, Transition
from gateway.prepayment.outages import Outage
from gateway.prepayment.policy import Policy
from gateway.prepayment.position import Position, Resynced
from gateway.prepayment.posting import bonuses_after, numbers_of, only_ours_nano
from gateway.prepayment.rating import rate
from gateway.prepayment.register import Case, CaseKind, Register
from gateway.prepayment.settle import post_charges
from gateway.prepayment.supply import SupplyState
from gateway.prepayment.tariff import tariff_at

LEAVE_MS = 120_000
"""How long a start leaves the switch as it was found while nobody has confirmed the books."""
LEAVE_LEAST_MS = 30_000
"""The same of a start after others that nobody confirmed: a head-end that is there answers within seconds.

What they waited counts, or a gateway that starts every minute would leave a paid supply dark for ever (I10).
"""
LOST_EPOCHS_MAX = 16
HOLDS_KEPT_MAX = 32
OUTAGES_KEPT_MAX = 32


def restarted(account: Account, event: Restarted) -> Account:
    """A start: how long nobody looked at the meter is unknown, and so is whether these are the newest books.

    A suspicion goes on, but the row that raised it may be of a branch given up since: in an old image its number says
    nothing of what the head-end knows now, which that will say in this run.
    """
    start = None
    if event.awaits:
        now_ms, before = event.at.running_ms, account.start
        waited_ms = 0 if before is None else min(now_ms - before.since_ms, LEAVE_MS - LEAVE_LEAST_MS)
        start = Start(now_ms - waited_ms, event.known)
    suspicion = None if account.suspicion is None else replace(account.suspicion, seq=0)
    return replace(account, register=replace(account.register, unobserved=True), start=start, suspicion=suspicion)


def begun(account: Account, event: Restarted) -> Outcome:
    """A start; where nobody will ever confirm the books nothing waits for it, neither a bound nor withheld credit."""
    after = restarted(account, event)
    if event.awaits or after.suspicion is not None:
        return Outcome(after)
    return confirmed(after, Confirmed(event.at))


def suspected(account: Account, event: Suspected) -> Outcome:
    """Begin a suspicion, once; a head-end's row of a branch that was given up before is no news."""
    known = account.suspicion
    worse = known is None or (known.cause is SuspicionCause.BACKUP and event.cause is not SuspicionCause.BACKUP)
    if event.epoch in account.lost_epochs:
        return Outcome(account)
    if not worse:
        assert known is not None
        return Outcome(replace(account, suspicion=replace(known, seq=max(known.seq, event.seq))))
    since, leaves = (event.at, True) if known is None else (known.since, known.leaves_switch)
    suspicion = Suspicion(event.cause, since, event.seq, leaves)
    detail = (("cause", event.cause.value), ("seq", event.seq), ("epoch", event.epoch))
    happening = Happening(event.at, account.account_id, "rollback.suspected", detail)
    return Outcome(replace(account, suspicion=suspicion, start=None), (happening,))


def confirmed(account: Account, event: Confirmed) -> Outcome:
    """The head-end knows nothing that these books do not have: what was withheld is credited (not in a fork)."""
    suspicion = account.suspicion
    if suspicion is not None and suspicion.cause is not SuspicionCause.BACKUP:
        return Outcome(account)
    if suspicion is None and account.start is None and not account.withheld_nano:
        return Outcome(account)
    if suspicion is None and not account.withheld_nano:
        return Outcome(replace(account, start=None))
    settled = post_charges(Outcome(account), event.at)
    after = replace(settled.account, start=None, suspicion=None, withheld_nano=0)
    records = settled.records
    if suspicion is not None:
        detail = (("cause", suspicion.cause.value),)
        records = (*records, Happening(event.at, account.account_id, "rollback.suspected.over", detail))
    if account.withheld_nano:
        released = Entry(
            at=event.at,
            account_id=account.account_id,
            kind=EntryKind.TOP_UP,
            currency=account.currency,
            amount_nano=account.withheld_nano,
            balance_nano=after.settled_balance_nano,
            reference="withheld",
        )
        records = (*records, released)
    return Outcome(after, records)


def waited(account: Account, at: Moment) -> Account:
    """A start does not leave the switch alone for ever."""
    start = account.start
    if start is None or not start.leaves_switch or at.running_ms - start.since_ms < LEAVE_MS:
        return account
    return replace(account, start=replace(start, leaves_switch=False))


def leaves_switch(account: Account) -> bool:
    """The switch stays as it was found, because these books may not know why it is so."""
    if account.suspicion is not None:
        return account.suspicion.leaves_switch
    return account.start is not None and account.start.leaves_switch


def given_up(epochs: Iterable[str]) -> tuple[str, ...]:
    """Runs that ended in branches given up, each once, the newest that are kept."""
    return tuple(dict.fromkeys(epochs))[-LOST_EPOCHS_MAX:]


def suspicion_of(accounts: Iterable[Account]) -> tuple[Suspicion | None, int]:
    """The suspicion of a gateway: the oldest of its accounts', and how many of them wait for a resync."""
    found = [account.suspicion for account in accounts if account.suspicion is not None]
    return min(found, key=lambda one: one.since.running_ms, default=None), len(found)


def vouched(account: Account) -> bool:
    """The head-end has confirmed the books in this run, or there is none that could."""
    return account.suspicion is None and account.start is None


def unanswered(account: Account) -> bool:
    """Nobody vouches for the books although there was time to: a head-end that is there says so within seconds."""
    return not vouched(account) and (account.suspicion is not None or not leaves_switch(account))


def withholds(account: Account) -> bool:
    """A top-up's lifetime total may cover what books before these have charged: only its own amount is credited."""
    if account.suspicion is not None:
        return account.suspicion.cause is SuspicionCause.LOST
    return account.start is not None and not account.start.known


def reckoned_nano(account: Account) -> int:
    """The balance the ladder looks at: while nobody vouches for the books, used and not yet charged counts as spent."""
    if vouched(account):
        return account.balance_nano
    waiting_wh = sum(case.wh for case in account.register.cases if case.kind is CaseKind.UNOBSERVED and case.wh > 0)
    if waiting_wh == 0:
        return account.balance_nano
    undated = Moment(0, TimeTrust.UNKNOWN, 0)
    rated = rate(account.usage, undated, undated, waiting_wh, account.tariffs, {})
    return account.balance_nano - (rated.usage.charge_total_nano - account.usage.charge_total_nano)


def resynced(account: Account, request: Resynced) -> Account:
    """Take over what the head-end's rows say; charging goes on from their register with the next reading."""
    # This run goes on: its later rows may be what a later image lacks, so it is never given up.
    over = (request.epoch,) if request.epoch not in ("", request.run) else ()
    account = replace(account, suspicion=None, start=None, lost_epochs=given_up((*account.lost_epochs, *over)))
    known = request.position
    if known is None:
        return replace(account, withheld_nano=0)
    if account.supply.state is SupplyState.TERMINATED:
        return _ended(account, known)
    after = replace(
        _counters(account, known),
        lockout=account.lockout if known.lockout is None else known.lockout,
        holds=_holds(account, known),
        outages=_outages(account, known),
        arrears=account.arrears if known.arrears is None else known.arrears,
        supply=_supply(known, request.at, account.policy),
        armed=account.armed or account.waits_on_site,
        ordered=None,
    )
    return _balanced(account, _from_register(after, known, request.at), known)


def _counters(account: Account, known: Position) -> Account:
    """The totals and numbers of either side, whichever is further."""
    return replace(
        account,
        top_up_sequence=max(account.top_up_sequence, known.top_up_sequence),
        top_up_total_nano=max(account.top_up_total_nano, known.top_up_total_nano),
        reversal_sequence=max(account.reversal_sequence, known.reversal_sequence),
        reversal_total_nano=max(account.reversal_total_nano, known.reversal_total_nano),
        withheld_nano=0,
        postings=replace(account.postings, numbers=account.postings.numbers.union(numbers_of(known))),
        bonuses=bonuses_after(account.bonuses, known),
    )


def _balanced(before: Account, after: Account, known: Position) -> Account:
    """Their balance, and what only these books know of it."""
    wanted_nano = (
        known.balance_nano
        + (after.top_up_total_nano - known.top_up_total_nano)
        - (after.reversal_total_nano - known.reversal_total_nano)
        + only_ours_nano(before.postings, before.bonuses, known)
    )
    return replace(after, adjusted_nano=after.adjusted_nano + wanted_nano - after.balance_nano)


def _ended(account: Account, known: Position) -> Account:
    """A contract that has ended here stays ended; where it has on both sides, its money is theirs.

    An image from before a change of holder ends the old contract anew, at the register of today: what lies beyond the
    register of the first end is the next holder's, and is charged to them from there.
    """
    if known.state is not SupplyState.TERMINATED:
        return replace(account, withheld_nano=0)
    after = replace(_counters(account, known), arrears=account.arrears if known.arrears is None else known.arrears)
    if known.register_wh is not None:
        after = replace(after, settled_register_wh=known.register_wh)
    return _balanced(account, after, known)


def resync_records(before: Account, after: Account, request: Resynced) -> tuple[Record, ...]:
    """Both heads side by side, the totals now in force, and the change of rung if there is one.

    The totals were taken over from another branch: without them the rows of this one would not tell them, and a
    head-end that resyncs from rows alone would credit again what a later image forgets (I1).
    """
    at = request.at
    detail = (
        ("lost_epoch", request.epoch),
        ("lost_seq", request.seq),
        ("lost_head", request.head),
        ("run", request.run),
        ("cause", before.suspicion.cause.value if before.suspicion is not None else ""),
        ("known", int(request.position is not None)),
        ("top_up_sequence", after.top_up_sequence),
        ("top_up_total_nano", after.top_up_total_nano),
        ("reversal_sequence", after.reversal_sequence),
        ("reversal_total_nano", after.reversal_total_nano),
        ("in_state_ms", at.running_ms - after.supply.since.running_ms),
    )
    records: tuple[Record, ...] = (Happening(at, after.account_id, "rollback.resynced", detail),)
    ended = after.supply.state is SupplyState.TERMINATED
    if ended and after.balance_nano > 0 and after.balance_nano != before.balance_nano:
        due = (("balance_nano", after.balance_nano), ("currency", after.currency))
        records = (*records, Happening(at, after.account_id, "account.refund_due", due))
    if before.supply.state is after.supply.state:
        return records
    moved = Transition(
        at=at,
        account_id=after.account_id,
        source=before.supply.state,
        target=after.supply.state,
        rule="resynced",
        policy=f"{after.policy.policy_id}@{after.policy.version}",
        balance_nano=after.balance_nano,
        currency=after.currency,
        register_wh=after.register.wh,
        limit_w=None,
        detail=(("in_state_ms", at.running_ms - after.supply.since.running_ms),),
    )
    return (*records, moved)


def _supply(known: Position, at: Moment, policy: Policy) -> Supply:
    """The rung of the lost branch with its terms as far as they had run: none is shortened, none begins again."""
    notice_ms = None if known.notice_age_ms is None else at.running_ms - known.notice_age_ms
    since = replace(at, running_ms=at.running_ms - known.in_state_ms)
    dated = None if known.dated_utc_ms is None else civil.local_date(known.dated_utc_ms, policy.time_zone).isoformat()
    state = known.state if policy.has(known.state) else policy.first_state
    return Supply(state, since, notice_running_ms=notice_ms, dated_on=dated)


def _holds(account: Account, known: Position) -> tuple[Hold, ...]:
    """What either side knows: a hold too many does no harm until it is released, one too few may."""
    theirs = {hold.hold_id for hold in known.holds}
    return (*known.holds, *(hold for hold in account.holds if hold.hold_id not in theirs))[:HOLDS_KEPT_MAX]


def _outages(account: Account, known: Position) -> tuple[Outage, ...]:
    """Windows of either side; theirs of one id. One too many only lets a term end later."""
    theirs = {outage.outage_id for outage in known.outages}
    return (*known.outages, *(one for one in account.outages if one.outage_id not in theirs))[:OUTAGES_KEPT_MAX]


def _from_register(account: Account, known: Position, at: Moment) -> Account:
    """Charging goes on from the head-end's register: as if this gateway had been off since it was read.

    What this branch has charged beyond that register is charged again then, so it is taken off the counters that rate
    and sort consumption; the money of it is part of the adjustment.
    """
    usage = account.usage
    if known.standing_utc_ms is not None:
        tariff, _ = tariff_at(account.tariffs, known.standing_utc_ms)
        through = civil.local_date(known.standing_utc_ms, tariff.time_zone)
        usage = replace(usage, standing_through=through.isoformat())
    account = replace(account, spending=Spending(), usage=usage)
    if known.register_wh is None:
        return account
    again_wh = max(0, account.register.wh - known.register_wh) if account.register.wh is not None else 0
    usage = replace(usage, wh=max(0, usage.wh - again_wh), month_wh=max(0, usage.month_wh - again_wh))
    anchor = Moment(at.utc_ms, TimeTrust.UNKNOWN, at.running_ms)
    if known.at_utc_ms is not None:
        anchor = Moment(known.at_utc_ms, TimeTrust.SYNCHRONISED, at.running_ms)
    register = Register(
        wh=known.register_wh,
        at=anchor,
        segment=account.register.segment + 1,
        unobserved=True,
        cases=tuple(case for case in account.register.cases if _stays_open(case, known.register_wh, known.at_utc_ms)),
        cases_opened=account.register.cases_opened,
        dated=anchor if anchor.trust.dated else None,
    )
    return replace(account, usage=usage, register=register, settled_register_wh=known.register_wh)


def _stays_open(case: Case, register_wh: int, at_utc_ms: int | None) -> bool:
    """A case from before their reading is still nobody's; what lies beyond it is read again.

    The time says so where both are dated: the case may be of another meter, or of a register that began again.
    """
    if case.kind is not CaseKind.DISCONTINUITY:
        return False
    past = at_utc_ms is not None and case.ended.trust.dated and case.ended.utc_ms <= at_utc_ms
    return past or max(case.from_wh, case.to_wh) <= register_wh
