"""What the holds and outages of an account mean now: what they keep from getting worse, what they take out of the debt.

Three effects (docs/holds.md). A *protective* hold gives full supply back and keeps it. A *blocking* hold keeps the
account from the rungs it names (none: from all). A *dispute* nets: its amount counts as if it had never been charged,
in what escalates and in what restores, so that it neither cuts nor keeps anybody limited (S2-23); the balance itself
does not move. An *outage*, planned or not, blocks and lets the terms of a rung stand still (S4-06).

The self-checks `clock_untrusted` and `meter_untrusted` of the requirements are no holds but guards of `ladder`: nobody
sets or releases them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from gateway.prepayment.account import Account
from gateway.prepayment.events import Hold, HoldKind, Moment
from gateway.prepayment.outages import OUTAGES_MAX, Outage, Window, days_touched, overlap_ms
from gateway.prepayment.supply import SupplyState

HELD_RUNGS = (SupplyState.LIMITED, SupplyState.SUSPENDED, SupplyState.TERMINATED)
"""The rungs a hold may name; of the others nobody is kept."""
_UNTIMED = (SupplyState.NORMAL, SupplyState.LOW_CREDIT, SupplyState.REGULAR, SupplyState.TERMINATED)
"""Rungs that no term counts from."""


def holds_in_force(account: Account, at: Moment) -> tuple[Hold, ...]:
    """The holds that count now; one with an end stands until that end is *proven* to have passed."""
    return tuple(hold for hold in account.holds if not _over(hold.until_utc_ms, at))


def outages_in_force(account: Account, at: Moment) -> tuple[Outage, ...]:
    """The planned outages that are going on, by the clock as it is.

    Not until their end is proven, as with holds: a gateway that restarts in one and has no link would be held for ever.
    What a forged clock could gain by leaving one is what it has anyway: money bounds a point without proven time.
    """
    return tuple(o for o in account.outages if o.begins_utc_ms <= at.utc_ms < o.ends_utc_ms)


def protecting(account: Account, at: Moment) -> Hold | None:
    """The first hold under which the point never leaves full supply for debt (requirements 2.8, invariant 9)."""
    return next((hold for hold in holds_in_force(account, at) if hold.kind.protective), None)


def blocked_by(account: Account, at: Moment, target: SupplyState | None = None) -> str:
    """The id of the first hold, outage or override that keeps the account from this rung (None: any); "" for none."""
    held = (hold.hold_id for hold in holds_in_force(account, at) if _blocks(hold, target))
    off = (outage.outage_id for outage in outages_in_force(account, at))
    override = "" if account.override is None else account.override.override_id
    return next(held, "") or next(off, "") or override


def disputed_nano(account: Account, at: Moment | None = None) -> int:
    """What is disputed of all that was charged; without an instant also what may be over by now."""
    holds = account.holds if at is None else holds_in_force(account, at)
    return sum(hold.amount_nano for hold in holds if hold.kind is HoldKind.DISPUTE)


def windows(account: Account, at: Moment) -> tuple[Window, ...]:
    """All outages as windows of wall-clock time; an unplanned one that still lasts ends now."""
    planned = ((outage.begins_utc_ms, outage.ends_utc_ms) for outage in account.outages)
    unplanned = (window(hold, at) for hold in account.holds if hold.kind is HoldKind.OUTAGE)
    return (*planned, *unplanned)


def frozen_ms(account: Account, at: Moment) -> int:
    """How much of the present rung so far does not count in its hour terms."""
    return overlap_ms(windows(account, at), _rung_began_ms(account, at), at.utc_ms)


def frozen_days(account: Account, at: Moment) -> frozenset[date]:
    """The civil days of the present rung that do not count in its date terms."""
    return days_touched(windows(account, at), _rung_began_ms(account, at), account.policy.time_zone)


def mutes(account: Account, at: Moment) -> bool:
    """A meter that does not answer is what an outage looks like: no alarm while one goes on (S4-06)."""
    unplanned = any(hold.kind is HoldKind.OUTAGE for hold in holds_in_force(account, at))
    return unplanned or bool(outages_in_force(account, at))


def tidied(account: Account, at: Moment) -> Account:
    """Without holds that are over, and without outages that no term of the present rung can still count.

    An unplanned outage that is over stays as a window as long as a planned one would.
    """
    kept = holds_in_force(account, at)
    ended = tuple(
        Outage(hold.hold_id, *window(hold, at), hold.reason, hold.set_by)
        for hold in account.holds
        if hold not in kept and hold.kind is HoldKind.OUTAGE
    )
    return replace(account, holds=kept, outages=_remembered(account, (*account.outages, *ended), at))


def _remembered(account: Account, outages: tuple[Outage, ...], at: Moment) -> tuple[Outage, ...]:
    """Outages to come or going on, and of those that are over the ones within a rung that has a term."""
    past = [outage for outage in outages if _over(outage.ends_utc_ms, at)]
    ahead = tuple(outage for outage in outages if outage not in past)
    began_ms = _rung_began_ms(account, at)
    timed = account.supply.state not in _UNTIMED
    counted = sorted((o for o in past if timed and o.ends_utc_ms > began_ms), key=lambda o: o.begins_utc_ms)
    while len(counted) > OUTAGES_MAX:  # bounded: the two oldest become one, with the time between them
        first, second = counted[:2]
        counted[:2] = [replace(second, begins_utc_ms=first.begins_utc_ms, ends_utc_ms=_later(first, second))]
    return (*counted, *ahead)


def _later(first: Outage, second: Outage) -> int:
    return max(first.ends_utc_ms, second.ends_utc_ms)


def _blocks(hold: Hold, target: SupplyState | None) -> bool:
    if hold.kind is HoldKind.DISPUTE and hold.amount_nano:  # one of before amounts were said holds everything
        return False
    return target is None or not hold.rungs or target in hold.rungs


def _over(until_utc_ms: int | None, at: Moment) -> bool:
    return until_utc_ms is not None and at.trust.proven and at.utc_ms >= until_utc_ms


def window(hold: Hold, at: Moment) -> Window:
    """From when it was set at the latest; one whose beginning nobody knows (a resync) has lasted for ever."""
    began = hold.began
    begins_ms = 0 if began is None else min(began.utc_ms, at.utc_ms - (at.running_ms - began.running_ms))
    ends_ms = at.utc_ms if hold.until_utc_ms is None or not _over(hold.until_utc_ms, at) else hold.until_utc_ms
    return begins_ms, max(begins_ms, ends_ms)


def _rung_began_ms(account: Account, at: Moment) -> int:
    """When the present rung was reached at the latest: what ran since then lies after it, whatever a clock said."""
    since = account.supply.since
    return min(since.utc_ms, at.utc_ms - (at.running_ms - since.running_ms))
