"""Is a statement, a register of top-ups, a file of evidence what the journal says? Added up again from its rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from typing import Any

from tests.simulation.papers import Paper, Row, Shelf, midnight_ms
from tests.simulation.till import NANO, nano_of

SOLD = {"top_up": "top_up", "top_up_reversal": "top_up_reverse"}
Order = Callable[[str], Any]


def wrong(paper: Paper, body: dict[str, Any], shelf: Shelf, zone: str, order_of: Order) -> str:
    """What is not right about it; "" when all is."""
    must, may = shelf.within(midnight_ms(body["from_day"], zone), midnight_ms(body["to_day"], zone))
    match body["kind"]:
        case "statement" if paper.content_is_json:
            return _statement(json.loads(paper.content), body, shelf, (must, may))
        case "statement":
            return "" if body["account_id"].encode() in paper.content else "it names nobody"
        case "topups":
            return _top_ups(paper, body, shelf, (must, may), order_of)
        case "certificates":
            return _certificates(json.loads(paper.content), body, shelf, (must, may))
        case _:
            return _evidence(paper.content, body, shelf, (must, may), zone)


def own(shelf: Shelf, body: dict[str, Any], seqs: Iterable[int], type_: str) -> set[int]:
    """Of these rows, the account's of one type."""
    rows = (shelf.rows[seq - 1] for seq in seqs)
    return {row["seq"] for row in rows if row["type"] == type_ and row["account_id"] == body["account_id"]}


def _differs(told: list[int], bounds: tuple[set[int], set[int]]) -> str:
    must, may = bounds
    if told != sorted(set(told)) or not must <= set(told) <= may:
        return f"its rows are {told}, due are {sorted(must)}"
    return ""


def _statement(made: dict[str, Any], body: dict[str, Any], shelf: Shelf, bounds: tuple[set[int], set[int]]) -> str:
    must, may = (own(shelf, body, seqs, "entry") for seqs in bounds)
    if why := _differs([line["seq"] for line in made["ledger"]], (must, may)):
        return why
    rows = [shelf.rows[line["seq"] - 1] for line in made["ledger"]]
    for line, row in zip(made["ledger"], rows, strict=True):
        said = {name: line[name] for name in ("amount", "balance", "kind", "reference")}
        if any(row[name] != value for name, value in said.items()) or line["at"] != row["at"]["utc"]:
            return f"its line {line}, row {row['seq']} says {row['amount']} {row['balance']} {row['kind']}"
    total_nano = sum(nano_of(row["amount"]) for row in rows)
    charged_nano = -sum(nano_of(row["amount"]) for row in rows if row["kind"] == "charge")
    opening_nano = _opening(shelf, body, rows[0]["seq"]) if rows else nano_of(made["balance"]["opening"])
    balances = {"opening": opening_nano, "closing": opening_nano + total_nano}
    if {name: nano_of(text) for name, text in made["balance"].items()} != balances:
        return f"its balances are {made['balance']}, they come to {balances}"
    step_nano = NANO // 20 if body.get("five_rappen") else NANO // 100
    for name, nano in (("total", total_nano), ("charges", charged_nano)):
        if why := _rounded(made[name], nano, step_nano):
            return f"{name}: {why}"
    if _quantities(made) != _charged(rows):
        return f"its quantities are {made['quantities']}, the rows have {_charged(rows)}"
    sold = [(row["seq"], row["amount"]) for row in rows if row["kind"] in SOLD]
    return "" if [(one["seq"], one["amount"]) for one in made["top_ups"]] == sold else f"sold was {sold}"


def _opening(shelf: Shelf, body: dict[str, Any], first: int) -> int:
    """The balance that the entry before the first one left."""
    before = own(shelf, body, range(1, first), "entry")
    return nano_of(shelf.rows[max(before) - 1]["balance"]) if before else 0


def _rounded(said: dict[str, str], exact_nano: int, step_nano: int) -> str:
    """Half away from zero, with the line between."""
    steps = (2 * abs(exact_nano) + step_nano) // (2 * step_nano)
    rounded_nano = steps * step_nano * (1 if exact_nano >= 0 else -1)
    due = {"exact": exact_nano, "rounding": rounded_nano - exact_nano, "rounded": rounded_nano}
    return "" if {name: nano_of(text) for name, text in said.items()} == due else f"{said}, due is {due}"


Sums = dict[tuple[Any, ...], tuple[int, int, int, int]]


def _quantities(made: dict[str, Any]) -> Sums:
    return {
        (one["tariff"], one["component"], one.get("band"), one.get("block")): (
            one["wh"], one["days"], nano_of(one["amount"]), one["estimated_wh"],
        )
        for one in made["quantities"]
    }  # fmt: skip


def _charged(rows: list[Row]) -> Sums:
    found: Sums = {}
    for line in (line for row in rows if row["kind"] == "charge" for line in row["lines"]):
        key = (line["tariff_ref"], line["component"], line.get("band"), line.get("block"))
        more = (line["wh"], line["days"], nano_of(line["amount"]), line["wh"] if line.get("estimated") else 0)
        known = found.get(key, (0, 0, 0, 0))
        found[key] = tuple(a + b for a, b in zip(known, more, strict=True))
    return found


def _top_ups(
    paper: Paper, body: dict[str, Any], shelf: Shelf, bounds: tuple[set[int], set[int]], order_of: Order
) -> str:
    must, may = ({seq for seq in own(shelf, body, seqs, "entry") if _sold(shelf, seq)} for seqs in bounds)
    if paper.content_is_json:
        made = json.loads(paper.content)
        told, total = made["rows"], made["total"]
    else:
        told = list(csv.DictReader(io.StringIO(paper.content.decode(), newline="")))
        total = paper.claims["facts"]["total"]
    named = [int(one.get("seq") or one.get("journal_seq")) for one in told]
    if why := _differs(named, (must, may)):
        return why
    for one, seq in zip(told, named, strict=True):
        row = shelf.rows[seq - 1]
        order = order_of(row["reference"])
        number = "" if order is None else order.body["sequence"]
        if (one["amount"], one["balance"]) != (row["amount"], row["balance"]) or str(one.get("sequence", "")) not in (
            str(number), "",
        ):  # fmt: skip
            return f"its line {one}, row {seq} says {row['amount']} {row['balance']} as number {number}"
    sum_nano = sum(nano_of(shelf.rows[seq - 1]["amount"]) for seq in named)
    return "" if nano_of(total) == sum_nano else f"its total is {total}, the rows sum to {sum_nano}"


def _sold(shelf: Shelf, seq: int) -> bool:
    return shelf.rows[seq - 1]["kind"] in SOLD


def _certificates(made: dict[str, Any], body: dict[str, Any], shelf: Shelf, bounds: tuple[set[int], set[int]]) -> str:
    must, may = (own(shelf, body, seqs, "certificate") for seqs in bounds)
    if why := _differs([one["seq"] for one in made["certificates"]], (must, may)):
        return why
    for one in made["certificates"]:
        if (one["row"], one["hash"]) != (shelf.bodies[one["seq"] - 1], shelf.hashes[one["seq"]]):
            return f"certificate {one['seq']} is not its row to the byte"
    return ""


def _evidence(content: bytes, body: dict[str, Any], shelf: Shelf, bounds: tuple[set[int], set[int]], zone: str) -> str:
    about, *lines = [json.loads(line) for line in content.splitlines()]
    rows = [line for line in lines if "hash" in line]
    if why := _differs([row["seq"] for row in rows], bounds):
        return why
    seqs = [row["seq"] for row in rows]
    if seqs != list(range(seqs[0], seqs[0] + len(seqs))) or about["before"] != shelf.hashes[seqs[0] - 1]:
        return f"its rows {seqs} are no chain from {about['before']}"
    for row in rows:
        foreign = body["account_id"] and _of_whom(shelf.rows[row["seq"] - 1]) not in ("", body["account_id"])
        shown = None if foreign else shelf.bodies[row["seq"] - 1]
        if (row["hash"], row.get("body")) != (shelf.hashes[row["seq"]], shown):
            return f"row {row['seq']} of it is not the stored one, or shows what is another's (foreign: {foreign})"
    span = range(midnight_ms(body["from_day"], zone), midnight_ms(body["to_day"], zone))
    told = [line["number"] for line in lines if "hash" not in line]
    must, may = (
        {
            one["number"]
            for start, found in shelf.curve(body["account_id"], certain=sure).items()
            for one in found
            if start in span
        }
        for sure in (True, False)
    )
    return _differs(sorted(told), (must, may))


def _of_whom(row: Row) -> str:
    if str(row.get("what", "")).startswith("document."):
        return str(row["detail"].get("account", "?"))
    return str(row.get("account_id", ""))
