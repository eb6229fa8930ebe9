"""The month's readings for those who settle production: a CSV that never changes once it was handed out (S4-17).

It is made when the month is over and the curve has gone past its end, so nothing that belongs to it can come later. The
first one that leaves is put on record with its SHA-256; one that would differ later is refused, not sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from gateway.documents.curve import csv, curve
from gateway.documents.rows import Period, Placed, Quarter
from gateway.documents.seal import CSV, Draft, Fact
from gateway.errors import CommandRefused
from gateway.prepayment import civil
from gateway.prepayment.account import Account
from gateway.prepayment.events import Detail
from gateway.prepayment.export import Channel, DocumentKind, Resolution
from gateway.prepayment.supply import Commodity, SupplyState

SENT = "document.month"
"""The journal's event that fixes a month: account, month, SHA-256."""


def draft(quarters: Iterable[Quarter], account: Account, period: Period) -> Draft:
    """The month as a CSV of quarter-hours in all channels. Raises CommandRefused(month_not_finished).

    Finished means that the account's curve has passed the end of the month, or that the account is closed.
    """
    reached = account.intervals.at_utc_ms
    ended = account.supply.state is SupplyState.TERMINATED
    if not ended and (reached is None or reached < period.to_utc_ms):
        raise CommandRefused("month_not_finished", until=period.to_day.isoformat(), hint="no reading since its end yet")
    values = list(curve(quarters, period, Resolution.QUARTER, tuple(Channel)))
    if all(value.missing for value in values):
        raise CommandRefused("nothing_there", hint="no quarter-hour of this month is stored")
    month = civil.month_of(period.from_day)
    facts: dict[str, Fact] = {
        "account_id": account.account_id,
        "month": month,
        "rows": len(values),
        "missing": sum(value.missing for value in values),
    }
    content = csv(values, period.zone, Resolution.QUARTER, tuple(Channel), gas=account.commodity is Commodity.GAS)
    return Draft(DocumentKind.MONTH, f"readings-{account.account_id}-{month}.csv", CSV, content, facts)


def record(made: Draft) -> Detail:
    """What goes on record when the month leaves for the first time."""
    return (
        ("account", str(made.facts["account_id"])),
        ("month", str(made.facts["month"])),
        ("sha256", hashlib.sha256(made.content).hexdigest()),
    )


def first_sent(placed: Sequence[Placed], made: Draft) -> Placed | None:
    """The record of this month, if it has left before. Raises CommandRefused(month_changed) if it was another."""
    account, month, digest = (value for _, value in record(made))
    for item in placed:
        detail = item.body.detail
        if item.body.what == SENT and (detail.get("account"), detail.get("month")) == (account, month):
            if detail.get("sha256") != digest:
                sent, hint = str(detail.get("sha256")), "what was sent stays; ask its receiver for it"
                raise CommandRefused("month_changed", sent=sent, now=str(digest), seq=item.row.seq, hint=hint)
            return item
    return None
