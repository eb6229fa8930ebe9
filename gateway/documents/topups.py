"""The register of all top-ups of an account: each with its own number, when it was applied, the balance after (S0-17).

The account counts its top-ups, and its reversals, itself; a number that is not in the register is named as a gap. What
it was worth is not lost: the next one credited it with its lifetime total (decision 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.documents.rows import Period, Placed
from gateway.documents.seal import CSV, JSON, Draft, Fact, json_content
from gateway.prepayment.account import Account
from gateway.prepayment.export import DocumentKind, Form
from gateway.prepayment.ledger import EntryKind
from gateway.prepayment.money import wire_money

MONEY_KINDS = {EntryKind.TOP_UP.value: "top_up", EntryKind.TOP_UP_REVERSAL.value: "top_up_reverse"}
"""The kinds of entry that are sold or taken back, with the commands that make them."""


@dataclass(frozen=True, slots=True)
class Sale:
    """One top-up or reversal; `sequence` None: credit that no command of its own brought (it had been withheld)."""

    utc_ms: int
    seq: int
    kind: str
    sequence: int | None
    amount_nano: int
    balance_nano: int
    reference: str
    at: str
    trust: str

    @property
    def wire(self) -> dict[str, object]:
        """How documents write it."""
        found: dict[str, object] = {
            "seq": self.seq,
            "kind": self.kind,
            "amount": wire_money(self.amount_nano),
            "balance": wire_money(self.balance_nano),
            "reference": self.reference,
            "applied_at": self.at,
            "trust": self.trust,
        }
        return found if self.sequence is None else {**found, "sequence": self.sequence}


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers of an account's own count that are missing between two sales, both included."""

    kind: str
    first: int
    last: int


def sales(own: Iterable[Placed]) -> list[Sale]:
    """The sales in the rows of one account, with the numbers their receipts name."""
    rows = list(own)
    numbers = {
        (item.body.command, item.body.command_id): item.body.detail["sequence"]
        for item in rows
        if item.body.type == "receipt" and item.body.status == "applied" and "sequence" in item.body.detail
    }
    found = []
    for item in rows:
        body = item.body
        if body.type != "entry" or body.kind not in MONEY_KINDS:
            continue
        number = numbers.get((MONEY_KINDS[body.kind], body.reference))
        found.append(
            Sale(
                item.utc_ms,
                body.seq,
                body.kind,
                number if isinstance(number, int) else None,
                body.amount_nano,
                body.balance_nano,
                body.reference,
                body.at.utc,
                body.at.trust.value,
            )
        )
    return found


def gaps(found: Sequence[Sale]) -> list[Gap]:
    """The numbers that are missing, of top-ups and of reversals, counted from the account's first."""
    missing = []
    for kind in MONEY_KINDS:
        last = 0
        for number in sorted(sale.sequence for sale in found if sale.kind == kind and sale.sequence is not None):
            if number > last + 1:
                missing.append(Gap(kind, last + 1, number - 1))
            last = number
    return missing


def draft(placed: Iterable[Placed], account: Account, period: Period, form: Form) -> Draft:
    """The register of a period; the gaps are those of the whole life up to its end."""
    every = sales(item for item in placed if item.body.account_id == account.account_id)
    chosen = [sale for sale in every if period.holds(sale.utc_ms)]
    missing = gaps([sale for sale in every if sale.utc_ms < period.to_utc_ms])
    total_nano = sum(sale.amount_nano for sale in chosen)
    facts: dict[str, Fact] = {
        "account_id": account.account_id,
        "from": period.from_day.isoformat(),
        "to": period.to_day.isoformat(),
        "currency": account.currency,
        "total": wire_money(total_nano),
        "gaps": len(missing),
    }
    stem = f"topups-{account.account_id}-{period.from_day}-{period.to_day}"
    if form is Form.CSV:
        return Draft(DocumentKind.TOPUPS, f"{stem}.csv", CSV, _csv(chosen, account.currency), facts)
    content: dict[str, object] = {
        "format": 1,
        "kind": DocumentKind.TOPUPS.value,
        "account_id": account.account_id,
        "delivery_point": account.delivery_point,
        "currency": account.currency,
        "period": period.wire,
        "rows": [sale.wire for sale in chosen],
        "total": wire_money(total_nano),
        "gaps": [{"kind": gap.kind, "first": gap.first, "last": gap.last} for gap in missing],
    }
    return Draft(DocumentKind.TOPUPS, f"{stem}.json", JSON, json_content(content), facts)


def _csv(chosen: Sequence[Sale], currency: str) -> bytes:
    lines = ["applied_at,kind,sequence,amount,currency,balance,reference,journal_seq"]
    for sale in chosen:
        number = "" if sale.sequence is None else str(sale.sequence)
        amounts = f"{wire_money(sale.amount_nano)},{currency},{wire_money(sale.balance_nano)}"
        lines.append(f"{sale.at},{sale.kind},{number},{amounts},{sale.reference},{sale.seq}")
    return ("\r\n".join(lines) + "\r\n").encode()
