"""The reading certificates of a period, with the rows they stand in: a register value for an instant, and its reason.

Each row is there as the journal has it, to the byte, with its hash: whoever holds the journal finds it again (S2-01).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from gateway.documents.rows import Period, Placed
from gateway.documents.seal import JSON, Draft, Fact, json_content
from gateway.errors import CommandRefused
from gateway.prepayment.account import Account
from gateway.prepayment.export import DocumentKind

ROW = "certificate"
"""The type of the rows."""


def draft(placed: Iterable[Placed], account: Account, period: Period) -> Draft:
    """The certificates made in the period. Raises CommandRefused(nothing_there) when there is none."""
    own = [item for item in placed if item.body.account_id == account.account_id and item.body.type == ROW]
    chosen = [item for item in own if period.holds(item.utc_ms)]
    if not chosen:
        raise CommandRefused("nothing_there", hint="no certificate was made in this period")
    content: dict[str, object] = {
        "format": 1,
        "kind": DocumentKind.CERTIFICATES.value,
        "account_id": account.account_id,
        "delivery_point": account.delivery_point,
        "period": period.wire,
        "certificates": [
            {"hash": item.row.hash, "row": item.row.body.decode(), **msgspec.json.decode(item.row.body, type=dict)}
            for item in chosen
        ],
    }
    facts: dict[str, Fact] = {
        "account_id": account.account_id,
        "from": period.from_day.isoformat(),
        "to": period.to_day.isoformat(),
        "certificates": len(chosen),
    }
    name = f"certificates-{account.account_id}-{period.from_day}-{period.to_day}.json"
    return Draft(DocumentKind.CERTIFICATES, name, JSON, json_content(content), facts)
