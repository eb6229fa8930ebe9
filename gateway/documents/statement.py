"""The statement of a period: all that an invoice is made from, as JSON (S0-01, S0-03, S3-09).

Amounts are exact decimal text. The sum of the ledger lines is the statement's total, to the last digit; what is paid
or printed is that sum rounded, and the difference stands in a line of its own (requirements 4.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.documents.rows import Body, Period, Placed
from gateway.documents.seal import JSON, Draft, Fact, json_content
from gateway.documents.topups import Sale, sales
from gateway.errors import CommandRefused
from gateway.prepayment.account import Account
from gateway.prepayment.export import DocumentKind
from gateway.prepayment.ledger import EntryKind
from gateway.prepayment.money import parse_money, round_5_rappen, round_cent, wire_money
from gateway.prepayment.supply import Commodity

CHARGE = EntryKind.CHARGE.value


@dataclass(frozen=True, slots=True)
class Quantity:
    """What one row of a tariff came to: Wh or days, and money; `estimated_wh` is the part nobody read in time."""

    tariff: str
    component: str
    band: str | None
    block: int | None
    wh: int
    days: int
    amount_nano: int
    estimated_wh: int


@dataclass(frozen=True, slots=True)
class Rounded:
    """An exact sum, what is paid or printed, and the rounding line between the two."""

    exact_nano: int
    rounded_nano: int

    @property
    def line_nano(self) -> int:
        """What rounding adds."""
        return self.rounded_nano - self.exact_nano


@dataclass(frozen=True, slots=True)
class Statement:
    """A period of one account, in values; `document` and `html.page` are its two forms."""

    account: Account
    period: Period
    opening_wh: int | None
    closing_wh: int | None
    opening_nano: int
    closing_nano: int
    ledger: tuple[Placed, ...]
    quantities: tuple[Quantity, ...]
    sales: tuple[Sale, ...]
    ledger_total: Rounded
    charges: Rounded
    step: str

    @property
    def stem(self) -> str:
        """How its files are called."""
        return f"statement-{self.account.account_id}-{self.period.from_day}-{self.period.to_day}"

    @property
    def facts(self) -> dict[str, Fact]:
        """What the seal says of it."""
        return {
            "account_id": self.account.account_id,
            "from": self.period.from_day.isoformat(),
            "to": self.period.to_day.isoformat(),
            "currency": self.account.currency,
            "total": wire_money(self.ledger_total.exact_nano),
        }


def statement(placed: Iterable[Placed], account: Account, period: Period, *, five_rappen: bool = False) -> Statement:
    """The statement of an account, from the whole journal up to now.

    Raises CommandRefused(books_do_not_add_up) when the balances in the rows are not the sum of their amounts.
    """
    own = [item for item in placed if item.body.account_id == account.account_id]
    entries = [item for item in own if item.body.type == "entry"]
    before = [item for item in entries if item.utc_ms < period.from_utc_ms]
    ledger = tuple(item for item in entries if period.holds(item.utc_ms))
    opening_nano = _balance_before(entries, ledger, before)
    total_nano = sum(item.body.amount_nano for item in ledger)
    closing_nano = ledger[-1].body.balance_nano if ledger else opening_nano
    if opening_nano + total_nano != closing_nano:
        raise CommandRefused("books_do_not_add_up", opening_nano=opening_nano, closing_nano=closing_nano)
    charged_nano = -sum(item.body.amount_nano for item in ledger if item.body.kind == CHARGE)
    opening_wh, closing_wh = _registers(before, ledger)
    rounding = round_5_rappen if five_rappen else round_cent
    return Statement(
        account,
        period,
        opening_wh,
        closing_wh,
        opening_nano,
        closing_nano,
        ledger,
        quantities([item.body for item in ledger if item.body.kind == CHARGE]),
        tuple(sale for sale in sales(own) if period.holds(sale.utc_ms)),
        Rounded(total_nano, rounding(total_nano)),
        Rounded(charged_nano, rounding(charged_nano)),
        "0.05" if five_rappen else "0.01",
    )


def quantities(charges: Sequence[Body]) -> tuple[Quantity, ...]:
    """What was charged, by row of the tariff, in the order the rows first came up."""
    found: dict[tuple[str, str, str | None, int | None], list[int]] = {}
    for charge in charges:
        for line in charge.lines:
            sums = found.setdefault((line.tariff_ref, line.component, line.band, line.block), [0, 0, 0, 0])
            for index, more in enumerate((line.wh, line.days, parse_money(line.amount), line.wh * line.estimated)):
                sums[index] += more
    return tuple(Quantity(*key, *sums) for key, sums in found.items())


def draft(made: Statement) -> Draft:
    """The statement as canonical JSON."""
    return Draft(DocumentKind.STATEMENT, f"{made.stem}.json", JSON, json_content(_document(made)), made.facts)


def _document(made: Statement) -> dict[str, object]:
    account = made.account
    found: dict[str, object] = {
        "format": 1,
        "kind": DocumentKind.STATEMENT.value,
        "account_id": account.account_id,
        "delivery_point": account.delivery_point,
        "commodity": account.commodity.value,
        "unit": "l" if account.commodity is Commodity.GAS else "Wh",
        "meter_id": account.meter_id,
        "meter_serial": account.meter_serial or "",
        "contract_power_w": account.contract_power_w,
        "currency": account.currency,
        "period": made.period.wire,
        "registers": _present(opening_wh=made.opening_wh, closing_wh=made.closing_wh),
        "balance": {"opening": wire_money(made.opening_nano), "closing": wire_money(made.closing_nano)},
        "quantities": [_quantity(row) for row in made.quantities],
        "tariffs": [_tariff(made, ref) for ref in dict.fromkeys(row.tariff for row in made.quantities)],
        "ledger": [_line(item) for item in made.ledger],
        "top_ups": [sale.wire for sale in made.sales],
        "rounding_step": made.step,
        "total": _rounded(made.ledger_total),
        "charges": _rounded(made.charges),
    }
    return found


def _rounded(of: Rounded) -> dict[str, str]:
    return {
        "exact": wire_money(of.exact_nano),
        "rounding": wire_money(of.line_nano),
        "rounded": wire_money(of.rounded_nano),
    }


def _quantity(row: Quantity) -> dict[str, object]:
    found: dict[str, object] = {
        "tariff": row.tariff,
        "component": row.component,
        "wh": row.wh,
        "days": row.days,
        "amount": wire_money(row.amount_nano),
        "estimated_wh": row.estimated_wh,
    }
    return found | _present(band=row.band, block=row.block)


def _tariff(made: Statement, ref: str) -> dict[str, object]:
    """VAT of a tariff: the rate while the account still has that version, and what it came to in the period."""
    vat_nano = sum(row.amount_nano for row in made.quantities if (row.tariff, row.component) == (ref, "vat"))
    found: dict[str, object] = {"tariff": ref, "vat": wire_money(vat_nano)}
    known = next((tariff for tariff in made.account.tariffs if tariff.ref == ref), None)
    if known is not None:
        found |= {"prices_include_vat": known.prices_include_vat, "vat_ppm": known.vat_ppm}
    return found


def _line(item: Placed) -> dict[str, object]:
    body = item.body
    found: dict[str, object] = {
        "seq": body.seq,
        "at": body.at.utc,
        "trust": body.at.trust.value,
        "kind": body.kind,
        "amount": body.amount,
        "balance": body.balance,
        "reference": body.reference,
        "estimated": any(line.estimated for line in body.lines),
    }
    found |= _present(from_register_wh=body.from_register_wh, to_register_wh=body.to_register_wh)
    if body.detail:
        found["detail"] = dict(body.detail)
    return found


def _present(**members: str | int | None) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}


def _balance_before(entries: list[Placed], ledger: tuple[Placed, ...], before: list[Placed]) -> int:
    """The balance the period began with: that of the entry written before its first one."""
    if not ledger:
        return before[-1].body.balance_nano if before else 0
    index = entries.index(ledger[0])
    return entries[index - 1].body.balance_nano if index else 0


def _registers(before: list[Placed], ledger: tuple[Placed, ...]) -> tuple[int | None, int | None]:
    """Where the register stood at both ends, as far as it was charged; a case is charged late and says nothing."""
    known = [item.body for item in before if item.body.to_register_wh is not None and not _case(item.body)]
    inside = [item.body for item in ledger if item.body.to_register_wh is not None and not _case(item.body)]
    opening = known[-1].to_register_wh if known else None
    if opening is None and inside:
        first = inside[0]
        opening = first.from_register_wh if first.from_register_wh is not None else first.to_register_wh
    return opening, inside[-1].to_register_wh if inside else opening


def _case(body: Body) -> bool:
    return body.kind == CHARGE and body.reference.startswith("case:")
