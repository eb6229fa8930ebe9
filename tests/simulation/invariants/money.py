"""Every nano-unit is accounted for: credit as signed, charges as used, balances that chain (I1, I2, I3, I5).

The books are kept again from the rows alone, with the head-end's own orders beside them; after each transaction the
snapshot of the account must say the same.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.invariants.postings import POSTED
from tests.simulation.invariants.witness import Row, Witness, agreed, lifetime, vouched
from tests.simulation.site import tariff_text
from tests.simulation.till import nano_of

SEEDED = "file:"
WITHHELD = "withheld"
"""The reference of what was held back until the head-end had confirmed the books."""
REPLACED = "meter.replaced"
PPM = 1_000_000
SHARED_NANO = 500
"""What two lines of gas may owe each other, one nano-unit for each reading; all charges together owe less than one."""


@dataclass(slots=True)
class Book:
    """One account, as its entries tell it."""

    balance_nano: int = 0
    opened: bool = False
    closed: bool = False
    credited_nano: int = 0
    reversed_nano: int = 0
    forgone_nano: int = 0
    """Taken back by books before these, out of what these have not credited yet."""
    register_wh: int | None = None
    """Where the next charge begins."""
    gap: tuple[int | None, int] | None = None
    """A charge began elsewhere than the one before ended: the same transaction must say why."""
    excess_wh: int = 0
    wraps_wh: int = 0
    """Charged beyond the difference of the registers, and the wraps on record, since they were last the same."""
    references: set[str] = field(default_factory=set)
    settled_ms: int | None = None
    """When a case was charged last."""
    last_top_up: Any = None
    resynced: bool = False
    """After a lost or restored store the head-end's books went on: totals are its, entries are no longer their sum."""
    last_reversal: Any = None
    rest_ppm: int = 0
    """Of gas: what lies below one nano-unit and is carried to the next charge, in millionths of one."""


@dataclass(frozen=True, slots=True)
class Prices:
    """A tariff: nano per Wh, or per standard litre of gas, and the C by which its litres become those."""

    nano_by_band: dict[str, int]
    coefficient_ppm: int = PPM


class Money:
    """Follows the entries of every account."""

    def __init__(self, witness: Witness) -> None:
        self.books: dict[str, Book] = {}
        self._witness = witness
        self._violated = witness.world.violated
        setting = witness.world.setting
        first = tomllib.loads(tariff_text(gas=setting.gas))
        self._prices: dict[str, Prices] = {"sim@1": prices_of(first)}
        witness.follow(self)
        witness.after(self.compare)

    def begin(self) -> None:
        """See `Reader`."""
        self.books = {}

    def row(self, row: Row, true_ms: int) -> None:
        """See `Reader`."""
        if row["type"] == "event" and (row["what"].startswith("register.") or row["what"] == REPLACED):
            self._register(self.books.setdefault(row["account_id"], Book()), row)
        if row.get("rule") in ("closed", "rolled_over") or (
            row.get("rule") == "resynced" and row["target"] == "TERMINATED"
        ):
            self.books.setdefault(row["account_id"], Book()).closed = True
        if row["type"] != "entry":
            return
        book = self.books.setdefault(row["account_id"], Book())
        amount_nano, balance_nano = nano_of(row["amount"]), nano_of(row["balance"])
        if book.balance_nano + amount_nano != balance_nano:
            self._violated("I2", f"row {row['seq']}: {book.balance_nano} + {amount_nano} is not {balance_nano}")
        book.balance_nano = balance_nano
        match row["kind"]:
            case "opening":
                self._opening(book, row, amount_nano)
            case "top_up":
                self._top_up(book, row, amount_nano)
            case "top_up_reversal":
                self._reversal(book, row, amount_nano)
            case "charge":
                self._charge(book, row, amount_nano)
            case "resync":
                book.resynced, book.register_wh = True, row.get("to_register_wh", book.register_wh)
            case kind if kind in POSTED:
                pass  # what each is for: postings.py
            case kind:
                self._violated("I2", f"row {row['seq']}: nobody knows an entry of kind {kind}")

    def compare(self) -> None:
        """The snapshot says what the rows say, to the last nano-unit (I1, I2)."""
        for account_id, account in self._witness.accounts.items():
            book = self.books.get(account_id, Book())
            credit_nano, charge_nano = lifetime(account)
            waiting_nano = sum(line["amount_nano"] for line in account["unsettled"])
            settled_nano = account["settled_charge_nano"]
            if (credit_nano - settled_nano, waiting_nano) != (book.balance_nano, charge_nano - settled_nano):
                told = f"{credit_nano} - {charge_nano} with {waiting_nano} not settled"
                self._violated("I2", f"{account_id}: the rows say {book.balance_nano}, the account {told}")
            self._signed(account_id, account, book)
            priced = {account["policy"].get("currency"), *(tariff.get("currency") for tariff in account["tariffs"])}
            if priced - {account["currency"], None}:
                self._violated("I2", f"{account_id} is kept in {account['currency']}, its terms are in {priced}")
            if book.gap is not None or (book.excess_wh and book.excess_wh != book.wraps_wh):
                self._violated("I5", f"{account_id}: a gap {book.gap}, {book.excess_wh} Wh beyond the registers")
            if book.excess_wh:
                book.excess_wh = book.wraps_wh = 0

    def _signed(self, account_id: str, account: dict[str, Any], book: Book) -> None:
        """The lifetime totals are those of the highest accepted sequence, as the head-end signed them (I1)."""
        for name, typ, order in (
            ("top_up", "top_up", book.last_top_up),
            ("reversal", "top_up_reverse", book.last_reversal),
        ):
            held = (account[f"{name}_sequence"], account[f"{name}_total_nano"])
            signed = (0, 0) if order is None else (order.body["sequence"], nano_of(order.body["total"]))
            if held != signed and not (book.resynced and self._was_signed(account_id, typ, held)):
                self._violated("I1", f"{account_id}: {name} {held} is held, {signed} was signed and accepted")
        credited_nano = book.credited_nano + account.get("withheld_nano", 0)
        if not book.resynced and credited_nano != account["top_up_total_nano"]:
            self._violated("I1", f"{account_id}: {credited_nano} credited or withheld, not its lifetime total")

    def _currency(self, row: Row, order: Any) -> None:
        """What was paid in another currency is no credit (I1)."""
        said = order.body.get("currency", row["currency"])
        if said != row["currency"]:
            self._violated("I1", f"row {row['seq']}: {row['amount']} {row['currency']}, signed in {said}")

    def _was_signed(self, account_id: str, typ: str, held: tuple[int, int]) -> bool:
        """The head-end has said this total under this number (a resync takes over its rows)."""
        if held == (0, 0):
            return True
        world = self._witness.world
        orders = [one.body for one in world.center.orders.values() if one.typ == typ]
        orders += [one.body for one in world.phone.codes.values() if typ == "top_up"]
        return any(
            (body["account_id"], body["sequence"], nano_of(body["total"])) == (account_id, *held) for body in orders
        )

    def _opening(self, book: Book, row: Row, amount_nano: int) -> None:
        order = self._witness.order_of(row["reference"])
        seeded = row["reference"].startswith(SEEDED)
        expected = order and order.body.get("opening_balance", "0.00")
        if seeded:
            expected = self._witness.world.setting.opening
        elif order is not None and order.typ == "account_rollover":
            expected = order.body["to"].get("opening_balance", "0.00")
        if book.opened or not expected or nano_of(expected) != amount_nano:
            self._violated("I3", f"row {row['seq']}: an opening of {row['amount']}, {expected} was said")
        book.opened, book.register_wh = True, row.get("to_register_wh")

    def _top_up(self, book: Book, row: Row, amount_nano: int) -> None:
        if row["reference"] == WITHHELD:
            book.credited_nano += amount_nano  # `_signed` holds the sum against what was signed
            return
        order = self._witness.order_of(row["reference"])
        if order is None or order.typ != "top_up" or order.body["account_id"] != row["account_id"]:
            self._violated("I14", f"row {row['seq']}: nobody sold {row['reference']}")
            return
        if row["reference"] in book.references:
            self._violated("I3", f"row {row['seq']}: {row['reference']} took effect twice")
        self._currency(row, order)
        book.references.add(row["reference"])
        book.credited_nano += amount_nano
        book.last_top_up = order
        total_nano = nano_of(order.body["total"])
        if amount_nano <= 0 or book.credited_nano > total_nano:
            said = f"{book.credited_nano} credited in all"
            self._violated("I1", f"row {row['seq']}: {said}, {total_nano} is what the head-end signed")

    def _reversal(self, book: Book, row: Row, amount_nano: int) -> None:
        order = self._witness.order_of(row["reference"])
        if order is None or order.typ != "top_up_reverse" or order.body["account_id"] != row["account_id"]:
            self._violated("I14", f"row {row['seq']}: nobody took back {row['reference']}")
            return
        if row["reference"] in book.references:
            self._violated("I3", f"row {row['seq']}: {row['reference']} took effect twice")
        self._currency(row, order)
        book.references.add(row["reference"])
        book.reversed_nano -= amount_nano
        book.last_reversal = order
        total_nano = nano_of(order.body["total"])
        if not vouched(self._witness.accounts.get(row["account_id"])):
            # Books before these took some of it back already, from credit that is withheld here.
            book.forgone_nano = max(book.forgone_nano, total_nano - book.reversed_nano)
        if amount_nano >= 0 or (not book.resynced and book.reversed_nano + book.forgone_nano != total_nano):
            self._violated("I1", f"row {row['seq']}: {book.reversed_nano} taken back, signed was {order.body['total']}")

    def _charge(self, book: Book, row: Row, amount_nano: int) -> None:
        lines = row["lines"]
        if sum(nano_of(line["amount"]) for line in lines) != -amount_nano or amount_nano > 0:
            self._violated("I2", f"row {row['seq']}: its lines are not its amount {row['amount']}")
        for line in lines:
            if line["component"] == "energy":
                self._priced(book, row, line)
        if not 0 <= book.rest_ppm < PPM and not book.resynced:
            self._violated("I2", f"row {row['seq']}: {book.rest_ppm} millionths of a nano-unit are carried on")
        wh = sum(line["wh"] for line in lines if line["component"] == "energy")
        if row["reference"].startswith("case:"):
            if row["reference"] in book.references:
                self._violated("I5", f"row {row['seq']}: {row['reference']} is charged twice")
            book.references.add(row["reference"])
            book.settled_ms = row["at"]["running_ms"]
            return  # a difference that was open until now; its registers lie before those of the rows around it
        begins, ends = row.get("from_register_wh"), row.get("to_register_wh")
        if begins is None or ends is None:
            if wh:
                self._violated("I5", f"row {row['seq']}: {wh} Wh without registers")
            return  # nothing but days
        begins, ends = int(begins), int(ends)  # beyond 2^53 they are text
        if begins != book.register_wh:
            book.gap = (book.register_wh, begins)
        book.excess_wh += wh - (ends - begins)
        book.register_wh = ends

    def _priced(self, book: Book, row: Row, line: dict[str, Any]) -> None:
        """Energy costs what its tariff says; the tariff is one the head-end signed (I2, I14).

        Litres of gas times C do not divide: what is left is carried to the next charge, perhaps in another line.
        """
        known = self._price(line["tariff_ref"])
        if known is None:
            self._violated("I14", f"row {row['seq']}: nobody set the tariff {line['tariff_ref']}")
        elif (price := known.nano_by_band.get(line["band"])) is not None:
            rest_ppm = line["wh"] * price * known.coefficient_ppm - nano_of(line["amount"]) * PPM
            book.rest_ppm += rest_ppm
            if rest_ppm and (known.coefficient_ppm == PPM or abs(rest_ppm) >= SHARED_NANO * PPM):
                told = f"{line['wh']} cost {line['amount']} at {price} nano and C {known.coefficient_ppm}"
                self._violated("I2", f"row {row['seq']}: {told}")

    def _price(self, reference: str) -> Prices | None:
        """The prices of "id@version". Orders are only ever added."""
        if reference not in self._prices:
            for order in self._witness.world.center.orders.values():
                document = agreed(order).get("tariff")
                if document is not None and f"{document['tariff']}@{document['version']}" == reference:
                    self._prices[reference] = prices_of(document)
        return self._prices.get(reference)

    def _replaced(self, book: Book, detail: dict[str, Any], running_ms: int) -> None:
        """Another meter: charged to the end of the old one, and from the start of the new one (S4-09).

        Where the new one was charged already, the row before settles the case across (replacements.py).
        """
        ends, begins = int(detail["old_end_wh"]), int(detail["new_start_wh"])
        if book.register_wh in (None, ends):
            book.register_wh = begins
            if book.excess_wh:  # the old one passed its end since its last reading
                book.wraps_wh += self._witness.world.meter.supply.modulus_wh
        elif detail["charged_wh"] and book.settled_ms != running_ms:
            self._violated("I5", f"another meter after {ends} Wh, charged until {book.register_wh}")

    def _register(self, book: Book, row: Row) -> None:
        """What the rows say of the register between two charges: where it began, wrapped, or left a difference open."""
        what, detail = row["what"], row["detail"]
        if book.closed:
            return  # the register is followed and nobody is charged any more
        jump: tuple[int | None, int] | None = None
        if what == REPLACED:
            self._replaced(book, detail, row["at"]["running_ms"])
        elif what == "register.opened":
            jump = (book.register_wh, int(detail["register_wh"]))
        elif what == "register.wrapped":
            book.wraps_wh += int(detail["wraps_at_wh"])
        elif what in ("register.discontinuity", "register.unobserved") and "wh" not in detail:
            jump = (int(detail["from_wh"]), int(detail["to_wh"]))
        if jump is None:
            return
        if book.gap is not None:
            book.gap = None if book.gap[1] == jump[1] and book.gap[0] in (None, jump[0]) else book.gap
        elif book.register_wh in (None, jump[0]):
            book.register_wh = jump[1]
        else:
            self._violated("I5", f"a difference from {jump[0]} to {jump[1]} Wh, charged until {book.register_wh}")


def prices_of(document: dict[str, Any]) -> Prices:
    """Those of a tariff document, where that is all there is: no blocks."""
    blocks, gas = document["block"], document.get("gas")
    per_unit = blocks[0]["price_per_kwh" if gas is None else "price_per_smc"] if len(blocks) == 1 else {}
    ppm = PPM if gas is None else nano_of(gas["coefficient"]) // 1000
    return Prices({band: nano_of(text) // 1000 for band, text in per_unit.items()}, ppm)


def attach(witness: Witness) -> None:
    """Keep the books a second time."""
    Money(witness)
