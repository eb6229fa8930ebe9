"""Accepting a resync: it ends a suspicion, and it is the one request that may put an account on another rung.

So it is held against what it could do by mistake: totals that do not fit, an end of contract that these books do not
know (which would open the switch), a post-paid account whose claims are not said (which would restore or cut it).
"""

from __future__ import annotations

from gateway.prepayment.account import Account
from gateway.prepayment.events import Moment
from gateway.prepayment.ledger import EntryKind, Verdict
from gateway.prepayment.outages import OUTAGE_MAX_MS
from gateway.prepayment.position import Position, Resynced
from gateway.prepayment.rollback import resync_records, resynced
from gateway.prepayment.supply import SupplyState
from gateway.prepayment.taken import Taken, refused
from gateway.prepayment.unpaid import stated

_FIRST = "first account_close, or account_rollover to the next holder, again: a resync ends no contract"
_SAY = "the claims that are open, each with what is left of it; [] when nothing is owed"


def resync(account: Account, request: Resynced) -> Taken | Verdict:
    """The head-end knows better: only while rollback is suspected, and only if it knows as much as it did then."""
    suspicion, known = account.suspicion, request.position
    if suspicion is None:
        return refused("not_suspected")
    if request.currency != account.currency:
        return refused("wrong_currency", expected=account.currency, got=request.currency)
    if request.seq < suspicion.seq:
        return refused("stale_command", seq=request.seq, suspected_seq=suspicion.seq)
    refusal = None if known is None else _refusal(account, known, request.at)
    if refusal is not None:
        return refusal
    return Taken(
        lambda a: resynced(a, request),
        kind=EntryKind.RESYNC,
        reference=request.command_id,
        told=lambda before, after: resync_records(before, after, request),
    )


def _refusal(account: Account, known: Position, at: Moment) -> Verdict | None:
    if not _consistent(account, known):
        return refused("total_mismatch", last_sequence=account.top_up_sequence)
    if known.state is SupplyState.TERMINATED and account.supply.state is not SupplyState.TERMINATED:
        return refused("not_closed", state=account.supply.state.value, hint=_FIRST)
    if account.policy.delinquency is not None and known.arrears is None:
        return refused("missing_field", field="arrears", hint=_SAY)
    for outage in known.outages:
        if not 0 < outage.ends_utc_ms - outage.begins_utc_ms <= OUTAGE_MAX_MS:
            return refused("outage_length", outage=outage.outage_id, max_ms=OUTAGE_MAX_MS)
    return stated(account, known.arrears or (), at)


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
