"""Credit codes at the head-end: made from the same book as signed top-ups, so that both count in one line of sales.

A code that was read out cannot be taken back, so it is booked as sold when it is made. A sale that got no answer may be
handed out as its code: same number, same total, and whichever arrives first is the one that counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from gateway.commands.credit import BY_CODE
from gateway.commands.creditcode import Credit, Place, encode
from gateway.errors import ConfigError
from gateway.prepayment.money import parse_money, wire_money
from gateway.reference.book import Book, Content, Total


@dataclass(frozen=True, slots=True)
class Made:
    """A code with what it is worth, and why it is this one."""

    code: str
    sequence: int
    amount: str
    total: str
    currency: str
    said: str


def issue(book: Book, place: Place, key: bytes, amount: str = "") -> Made:
    """Sell `amount` by code; without one, the code of the unanswered or else of the last sale again.

    Raises ConfigError when there is nothing to repeat or another currency was sold so far, CommandRefused(code_range)
    for what a code cannot say; then nothing is booked.
    """
    with book.change() as content:
        place = replace(place, currency=_currency(content, place, selling=bool(amount)))
        before, waiting = content.topups.get(place.account_id, Total()), content.pending.get(place.account_id)
        codes = content.codes.setdefault(place.account_id, [])
        if not amount and waiting is None:
            if not codes:
                hint = "say the amount to sell: headend code CH-0001 20.00"
                raise ConfigError(f"no code was ever made for {place.account_id}", file=str(book.path), hint=hint)
            return _made(place, key, codes[-1], "the last code again; nothing was sold", "")
        if waiting is not None and (not amount or parse_money(amount) == waiting.after.total_nano - before.total_nano):
            after, said = waiting.after, "the sale that got no answer, as a code; nothing more was sold"
        elif waiting is not None:
            after = _sold(waiting.after, amount)
            said = f"includes the sale that got no answer ({wire_money(waiting.after.total_nano - before.total_nano)})"
        else:
            after, said = _sold(before, amount), "sold"
        made = _made(place, key, after, said, wire_money(after.total_nano - before.total_nano))
        codes.append(after)
        content.currencies[place.account_id] = place.currency
        content.topups[place.account_id] = after
        content.pending.pop(place.account_id, None)
    return made


def never_made(book: Book, rows: Iterable[dict[str, Any]]) -> list[str]:
    """The rows that credit a code which this book never made: somebody else has this gateway's key."""
    found = [row for row in rows if _took_code(row)]
    made = book.read().codes if found else {}
    strange = [row for row in found if _total(row) not in made.get(row["account_id"], [])]
    return [f"row {row['seq']}: {row['account_id']} took a code that was never made here" for row in strange]


def further(content: Content, account_id: str, reached: Total) -> None:
    """Book that a sale was settled; a code may have been sold meanwhile, and booked further."""
    known = content.topups.get(account_id, Total())
    content.topups[account_id] = max(reached, known, key=lambda total: total.sequence)


def _currency(content: Content, place: Place, *, selling: bool) -> str:
    """The one that this account's sales are in; by its rows where no code was made yet."""
    rows = content.trail.main.accounts.get(place.account_id)
    known = content.currencies.get(place.account_id) or (rows.currency if rows else "") or place.currency
    if selling and known != place.currency:
        raise ConfigError(
            f"{place.account_id} is sold in {known}, not {place.currency}",
            hint=f"name the currency after the amount: {known}; nothing was sold",
        )
    return known


def _took_code(row: dict[str, Any]) -> bool:
    applied = row.get("type") == "receipt" and row.get("status") == "applied" and row.get("command") == "top_up"
    return applied and str(row.get("command_id", "")).startswith(f"{BY_CODE}-")


def _total(row: dict[str, Any]) -> Total:
    return Total(row["detail"]["sequence"], parse_money(str(row["detail"]["total"])))


def _sold(before: Total, amount: str) -> Total:
    return Total(before.sequence + 1, before.total_nano + parse_money(amount))


def _made(place: Place, key: bytes, after: Total, said: str, amount: str) -> Made:
    code = encode(key, place, Credit(after.sequence, after.total_nano))
    return Made(code, after.sequence, amount, wire_money(after.total_nano), place.currency, said)
