"""Good journal rows of each kind, a finished quarter-hour and a lived-in account: seeds for those who read them."""

from __future__ import annotations

from dataclasses import replace

from gateway.prepayment.account import Account
from gateway.prepayment.events import HoldKind, HoldSet, Reading, TopUp
from gateway.prepayment.intervals import Interval, Quality
from gateway.prepayment.ledger import EpochOpened, Happening, Record
from gateway.prepayment.step import Event, apply
from tests.prepayment.worlds import HOUR_MS, NANO, TERMS, at, opened
from tests.reference.rows import chained

INTERVAL = Interval(1_767_225_600_000, 250, None, Quality.ACTUAL)


def _lived() -> tuple[Account, list[Record]]:
    """An account after a few hours: read, topped up, under a hold, in debt."""
    account = opened()
    records: list[Record] = [
        EpochOpened(at(), "0123456789abcdef", "0" * 64, "1.0"),
        Happening(at(), "", "x", (("a", 1),)),
    ]
    events: list[Event] = [
        Reading(at(HOUR_MS), 5_000, power_w=5_000),
        TopUp(at(HOUR_MS + 1), "c1", 1, 5 * NANO, 5 * NANO, "CHF", "web"),
        HoldSet(at(HOUR_MS + 2), "c2", "h1", HoldKind.DISPUTE, None),
        Reading(at(20 * HOUR_MS), 150_000, power_w=7_000),
        Reading(at(21 * HOUR_MS), 155_000, power_w=7_000),
    ]
    for event in events:
        outcome = apply(account, event, TERMS)
        account = outcome.account
        records += outcome.records
    return replace(account, lockout="work"), records


ACCOUNT, RECORDS = _lived()
CHAINED = chained(RECORDS)
ROWS = [row.body for row in CHAINED]
