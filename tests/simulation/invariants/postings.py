"""Postings and the social bonus: only what somebody signed, each once, to the last nano-unit (S1-16, S2-35).

What an entry may be is computed again from docs/postings.md and the order it names: kind, sign, sides, the posting it
undoes. A day of bonus is held against the signed schedule and the true calendar.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.simulation.invariants.witness import Row, Witness, posted_nano
from tests.simulation.till import nano_of

ZONE = ZoneInfo("Europe/Zurich")
SIGNS = {
    "fee": "-", "interest": "-+", "compensation": "+", "indemnity": "+", "reconstruction": "-0+", "estimate": "-",
    "conguaglio": "-0+", "setoff": "0", "adjustment": "-+", "refund": "-",
}  # fmt: skip
PERIODS = frozenset({"interest", "reconstruction", "estimate", "conguaglio"})
BONUS = "bonus"
POSTED = frozenset({*SIGNS, BONUS})
LATE_MS = 120_000


@dataclass(slots=True)
class Sheet:
    """The postings of one account, as its rows tell them."""

    entries: dict[str, list[int]] = field(default_factory=dict)
    """Amounts by order, in the order of the rows."""
    numbers: dict[int, str] = field(default_factory=dict)
    references: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Of each posting, its kind and amount."""
    undone: set[str] = field(default_factory=set)
    through: dict[str, str] = field(default_factory=dict)
    """The last day credited of each bonus."""
    paid: dict[str, tuple[str, int]] = field(default_factory=dict)
    """By order of a bonus: the first day credited under it, and how much since."""
    total_nano: int = 0
    resynced: bool = False
    elsewhere: set[int] = field(default_factory=set)
    """Numbers that a branch given up has posted; the balance of the resync includes them."""


class Postings:
    """Follows every posted entry."""

    def __init__(self, witness: Witness) -> None:
        self.sheets: dict[str, Sheet] = {}
        self._witness = witness
        self._fresh: list[tuple[Row, str]] = []
        witness.follow(self)
        witness.after(self.compare)

    def begin(self) -> None:
        """See `Reader`."""
        self.sheets, self._fresh = {}, []

    def row(self, row: Row, true_ms: int) -> None:
        """See `Reader`."""
        if row["type"] == "receipt" and (row["command"], row["status"]) == ("account_resync", "applied"):
            self._resynced(self.sheets.setdefault(row["account_id"], Sheet()), row["command_id"])
        if row["type"] != "entry" or row["kind"] not in POSTED:
            return
        sheet, amount_nano = self.sheets.setdefault(row["account_id"], Sheet()), nano_of(row["amount"])
        sheet.total_nano += amount_nano
        order, wanted = self._witness.order_of(row["reference"]), "bonus_set" if row["kind"] == BONUS else "posting"
        if order is None or order.typ != wanted or order.body["account_id"] != row["account_id"]:
            self._violated("I14", row, f"nobody signed {row['kind']} {row['reference']}")
        elif row["kind"] == BONUS:
            self._bonus(sheet, row, order.body, true_ms)
        else:
            self._posting(sheet, row, order, amount_nano)

    def compare(self) -> None:
        """After a transaction: each posting made its two sides, or its amount; the sum is the account's."""
        for row, jti in self._fresh:
            sheet, body = self.sheets[row["account_id"]], self._witness.order_of(jti).body
            if sheet.entries[jti] != sides(body):
                self._violated("I3", row, f"{body['kind']} {body['amount']} was booked as {sheet.entries[jti]}")
        self._fresh.clear()
        for account_id, account in self._witness.accounts.items():
            sheet = self.sheets.get(account_id, Sheet())
            if posted_nano(account) != sheet.total_nano:
                told = f"{posted_nano(account)} are posted, its rows say {sheet.total_nano}"
                self._witness.world.violated("I2", f"{account_id}: {told}")
            self._numbers(account_id, account, sheet)

    def _resynced(self, sheet: Sheet, jti: str) -> None:
        """The head-end has said what the lost branch posted: none of it may come again."""
        order = self._witness.order_of(jti)
        known = {} if order is None else order.body.get("position", {})
        sheet.resynced = True
        numbers = set(range(1, known.get("posting_sequence", 0) + 1)) - set(known.get("posting_missing", ()))
        sheet.elsewhere |= numbers - set(sheet.numbers)
        for bonus in known.get("bonuses", ()):
            sheet.through[bonus["reference"]] = max(sheet.through.get(bonus["reference"], ""), bonus["through"])

    def _numbers(self, account_id: str, account: dict[str, Any], sheet: Sheet) -> None:
        numbers = account.get("postings", {}).get("numbers", {"highest": 0, "missing": []})
        taken = set(range(1, numbers["highest"] + 1)) - set(numbers["missing"])
        if taken != set(sheet.numbers) and not (sheet.resynced and taken >= set(sheet.numbers)):
            told = f"the numbers {sorted(taken ^ set(sheet.numbers))} are in on one side only"
            self._witness.world.violated("I1", f"{account_id}: {told}")

    def _posting(self, sheet: Sheet, row: Row, order: Any, amount_nano: int) -> None:
        body, jti = order.body, order.jti
        known = sheet.entries.setdefault(jti, [])
        known.append(amount_nano)
        if len(known) > len(sides(body)):
            self._violated("I3", row, f"{jti} took effect twice")
            return
        if len(known) > 1:
            return
        self._fresh.append((row, jti))
        kind, number, name = body["kind"], body["sequence"], body["reference"]
        if row["kind"] != kind or row["currency"] != body["currency"]:
            self._violated("I14", row, f"{row['kind']} in {row['currency']}, signed was {kind} in {body['currency']}")
        if sheet.numbers.setdefault(number, jti) != jti or name in sheet.references or number in sheet.elsewhere:
            self._violated("I3", row, f"number {number} or {name} is used twice")
        why = self._wrong(sheet, body, nano_of(body["amount"]))
        if why:
            self._violated("I14", row, f"{kind} {name}: {why}")
        sheet.references[name] = (kind, nano_of(body["amount"]))
        sheet.undone |= {undone for undone in (body.get("reverses"), body.get("supersedes")) if undone}
        if body.get("reverses"):
            sheet.undone.add(name)

    def _wrong(self, sheet: Sheet, body: dict[str, Any], amount_nano: int) -> str:
        """Why this should have been refused; "" for a good one. What is limited by the past is not judged after it."""
        kind, undoes = body["kind"], body.get("reverses") or body.get("supersedes")
        sign = "-0+"[(amount_nano > 0) - (amount_nano < 0) + 1]
        if not undoes and sign not in SIGNS[kind]:
            return f"its amount is {body['amount']}"
        if kind in ("setoff", "reconstruction"):
            credit_nano, debit_nano = nano_of(body["credit"]), nano_of(body["debit"])
            if kind == "reconstruction" and credit_nano - debit_nano != amount_nano:
                return "its sides are not its amount"
        if kind in PERIODS and not undoes and not body.get("from", "9") <= body.get("to", ""):
            return "it has no period"
        if not undoes or undoes not in sheet.references:
            return "" if not undoes or sheet.resynced else f"nothing is known of {undoes}"
        earlier_kind, earlier_nano = sheet.references[undoes]
        if undoes in sheet.undone:
            return f"{undoes} was undone before"
        if body.get("reverses") and (earlier_kind, -earlier_nano) != (kind, amount_nano):
            return f"it takes back {earlier_kind} of {earlier_nano} nano"
        if body.get("supersedes") and (earlier_kind, kind) != ("estimate", "conguaglio"):
            return f"it settles {earlier_kind}"
        return ""

    def _bonus(self, sheet: Sheet, row: Row, body: dict[str, Any], true_ms: int) -> None:
        """Days that follow those before, within the schedule, begun by now; their share and the sum are exact."""
        name, detail, amount_nano = body["reference"], row["detail"], nano_of(row["amount"])
        begin, end = detail["from"], detail["to"]
        known = sheet.through.get(name, "")
        first, last = date.fromisoformat(body["from"]), date.fromisoformat(body["to"])
        days, credited = (last - first).days + 1, _days(begin, end)
        if known and begin <= known:
            self._violated("I3", row, f"{name}: {begin} is credited, {known} was before")
        if not (body["from"] <= begin <= end <= body["to"]) or detail["reference"] != name:
            self._violated("I14", row, f"{name}: {begin} to {end} of {body['from']} to {body['to']}")
        today = datetime.fromtimestamp((true_ms + LATE_MS) / 1000, UTC).astimezone(ZONE).date().isoformat()
        if end > today and not self._witness.head_lied:
            self._violated("I16", row, f"{name}: {end} has not begun, it is {today}")
        if sheet.resynced:
            sheet.through[name] = end
            return
        skipped = _days(known, begin) - 2 if known else _days(body["from"], begin) - 1
        total_nano = nano_of(body["total"]) if "total" in body else nano_of(body["per_day"]) * days
        began = row["reference"] in sheet.paid or (not known and self._only(row["account_id"], name))
        if skipped > 0 and began and total_nano >= days:  # else a day may be worth nothing, and has no entry
            self._violated("I2", row, f"{name}: {skipped} days before {begin} are not credited")
        since, sum_nano = sheet.paid.get(row["reference"], (begin, 0))
        sheet.paid[row["reference"]] = (since, sum_nano + amount_nano)
        due = total_nano * _days(since, end)
        if (
            abs(amount_nano * days - total_nano * credited) >= days
            or abs((sum_nano + amount_nano) * days - due) >= days
        ):
            self._violated("I2", row, f"{name}: {amount_nano} nano for {credited} of {days} days of {total_nano}")
        if end == body["to"] and since == body["from"] and sum_nano + amount_nano != total_nano:
            self._violated("I2", row, f"{name}: {sum_nano + amount_nano} nano in all, {total_nano} were signed")
        sheet.through[name] = end

    def _only(self, account_id: str, name: str) -> bool:
        """One bonus of this name was ever ordered: nothing was credited under other terms."""
        bodies = [one.body for one in self._witness.world.center.orders.values() if one.typ == "bonus_set"]
        mine = [body for body in bodies if (body["account_id"], body["reference"]) == (account_id, name)]
        return all(body is mine[0] for body in mine)

    def _violated(self, invariant: str, row: Row, what: str) -> None:
        self._witness.world.violated(invariant, f"row {row['seq']}: {what}")


class Settled:
    """At the end every posting that was answered with success is in the books, and every day of bonus is paid."""

    def __init__(self, witness: Witness, postings: Postings) -> None:
        self._witness = witness
        self._postings = postings
        witness.world.on.settled.append(self.settled)

    def settled(self) -> None:
        """Compare the head-end's orders with the sheets."""
        world = self._witness.world
        rows = [*self._witness.lost, *world.center.chain.lost]
        gone = {row["reference"] for row in rows if row["type"] == "entry"}
        for jti, order in world.center.orders.items():
            sheet = self._postings.sheets.get(str(order.body.get("account_id")), Sheet())
            if order.typ == "posting" and order.status == "applied" and jti not in sheet.entries and jti not in gone:
                world.violated("I4", f"the posting {jti} was acknowledged and is in no entry")
        yesterday = datetime.fromtimestamp(world.machine.true_utc_ms() / 1000, UTC).astimezone(ZONE).date()
        yesterday -= timedelta(days=1)
        for account_id, account in self._witness.accounts.items():
            for bonus in account.get("bonuses", []) if account["supply"]["state"] != "TERMINATED" else []:
                due = min(yesterday.isoformat(), bonus["to_day"])
                if bonus["from_day"] <= due and bonus["through"] < due:
                    world.violated(
                        "I23", f"{account_id}: {bonus['reference']} is paid to {bonus['through']}, not {due}"
                    )


def sides(body: dict[str, Any]) -> list[int]:
    """The entries a posting makes, in nano-units."""
    amount_nano = nano_of(body["amount"])
    if body["kind"] == "setoff":
        settled_nano = min(nano_of(body["credit"]), nano_of(body["debit"]))
        return [settled_nano, -settled_nano]
    return [nano_of(body["credit"]), -nano_of(body["debit"])] if body["kind"] == "reconstruction" else [amount_nano]


def _days(first: str, last: str) -> int:
    """Civil days from one to the other, both included."""
    return (date.fromisoformat(last) - date.fromisoformat(first)).days + 1


def attach(witness: Witness) -> None:
    """Read every posting."""
    Settled(witness, Postings(witness))
