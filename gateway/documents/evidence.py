"""Evidence: everything the gateway recorded in a period, in one file that proves itself offline (S2-12).

JSON lines. After the seal comes what it is about, then the rows of the journal with their hashes, then the
quarter-hours. The rows are contiguous, so the chain is whole. In evidence about one account the rows of others are
there by number and hash alone: the chain goes through them, and nobody reads a neighbour's data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from gateway.documents.rows import Body, Period, Placed, Quarter
from gateway.documents.seal import JSON_LINES, Draft, Fact
from gateway.errors import CommandRefused, NotGenuine
from gateway.prepayment.export import DocumentKind
from gateway.prepayment.ledger import GENESIS, chain
from gateway.store.codec import canonical

_SOMEBODY = "?"
"""No account's id: what was handed out and does not say of whom is shown to nobody alone."""
ROWS_MAX = 20_000
"""Rows of the journal in one file: some ten megabytes; a longer time is asked for in parts."""


class RowLine(Struct, frozen=True, forbid_unknown_fields=True):
    """A row of the journal; `body` is the text that was hashed, None for a row that is another account's."""

    seq: int
    hash: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    body: str | None = None


def draft(
    placed: Iterable[Placed], quarters: Iterable[Quarter], *, gateway_id: str, account_id: str, period: Period
) -> Draft:
    """The rows that count in the period (they stand together) as evidence.

    Raises CommandRefused: too_large, nothing_there.
    """
    chosen = [item for item in placed if period.holds(item.utc_ms)]
    if len(chosen) > ROWS_MAX:
        raise CommandRefused("too_large", rows=len(chosen), rows_max=ROWS_MAX, hint="ask for a shorter time")
    if not chosen:
        raise CommandRefused("nothing_there", hint="no row of the journal lies in this period")
    about: dict[str, object] = {
        "format": 1,
        "gateway_id": gateway_id,
        "account_id": account_id,
        "period": period.wire,
        "before": _previous(chosen[0]),
        "contents": _contents(chosen, account_id),
    }
    lines = [canonical(about)]
    for item in chosen:
        shown = {} if _foreign(item.body, account_id) else {"body": item.row.body.decode()}
        lines.append(canonical({"seq": item.row.seq, "hash": item.row.hash, **shown}))
    lines += (msgspec.json.encode(quarter, order="sorted") for quarter in quarters)
    facts: dict[str, Fact] = {
        "account_id": account_id,
        "from": period.from_day.isoformat(),
        "to": period.to_day.isoformat(),
        "first_seq": chosen[0].row.seq,
        "last_seq": chosen[-1].row.seq,
        "head": chosen[-1].row.hash,
    }
    name = f"evidence-{account_id or gateway_id}-{period.from_day}-{period.to_day}.jsonl"
    return Draft(DocumentKind.EVIDENCE, name, JSON_LINES, b"\n".join(lines) + b"\n", facts)


def proven_rows(content: bytes) -> int:
    """Check the chain in evidence whose seal was found good, and count its rows. Raises NotGenuine."""
    lines = content.split(b"\n")
    try:
        previous = msgspec.json.decode(lines[0], type=dict[str, msgspec.Raw])["before"]
        head = msgspec.json.decode(previous, type=str)
        bytes.fromhex(head)
    except (msgspec.MsgspecError, LookupError, ValueError, RecursionError) as error:
        raise NotGenuine("the first line does not say what this is evidence of") from error
    count, seq = 0, None
    for line in _rows(lines[1:]):
        if seq is not None and line.seq != seq + 1:
            raise NotGenuine(f"row {seq + 1} is missing")
        if line.body is not None:
            _check(line, head)
        head, seq, count = line.hash, line.seq, count + 1
    return count


def _rows(lines: list[bytes]) -> Iterator[RowLine]:
    for line in lines:
        if not line.startswith((b'{"body":', b'{"hash":')):
            continue  # a quarter-hour: the seal alone covers it
        try:
            yield msgspec.json.decode(line, type=RowLine)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise NotGenuine(f"a row cannot be read ({str(error)[:120]})") from error


def _check(line: RowLine, head: str) -> None:
    assert line.body is not None
    try:
        body = msgspec.json.decode(line.body, type=Body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise NotGenuine(f"row {line.seq} cannot be read ({str(error)[:120]})") from error
    if (body.seq, body.prev) != (line.seq, head) or chain(head, line.body.encode()) != line.hash:
        raise NotGenuine(f"row {line.seq} does not follow from the one before: the journal itself was changed")


def _previous(first: Placed) -> str:
    return first.body.prev if first.row.seq > 1 else GENESIS


def _foreign(body: Body, account_id: str) -> bool:
    about = body.account_id
    if body.what.startswith("document."):  # a row of the gateway, about what was handed out of somebody's data
        about = str(body.detail.get("account", _SOMEBODY))
    return bool(account_id) and about not in ("", account_id)


def _contents(chosen: list[Placed], account_id: str) -> dict[str, object]:
    """Where to find what people ask for, by the numbers of the rows."""
    found: dict[str, list[int]] = {
        name: [] for name in ("entries", "transitions", "certificates", "commands", "refusals", "clock", "keys")
    }
    for item in chosen:
        if not _foreign(item.body, account_id):
            for name in _sections(item.body):
                found[name].append(item.row.seq)
    return dict(found)


def _sections(body: Body) -> Iterator[str]:
    match body.type:
        case "entry":
            yield "entries"
        case "transition":
            yield "transitions"
        case "certificate":
            yield "certificates"
        case "receipt":
            yield "commands"
            if body.status == "refused":
                yield "refusals"
        case "event":
            if body.what.startswith("clock."):
                yield "clock"
            elif body.what.startswith("device."):
                yield "keys"
            elif body.what.startswith("reading."):
                yield "certificates"
            elif body.what in ("headend.refused", "headend.junk"):
                yield "refusals"
        case _:
            return
