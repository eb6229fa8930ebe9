"""A statement as one page for a customer: nothing is loaded from anywhere, no script, prints on A4."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from html import escape

from gateway.documents import formats
from gateway.documents.seal import HTML, Draft
from gateway.documents.statement import Quantity, Statement
from gateway.documents.words import LANGUAGE, word
from gateway.prepayment import civil
from gateway.prepayment.export import DocumentKind, Locale
from gateway.prepayment.money import CENT_NANO, wire_money
from gateway.prepayment.supply import Commodity

_STYLE = (
    "body{font:14px/1.45 system-ui,sans-serif;color:#111;max-width:46rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.5rem;margin:0 0 .2rem}h2{font-size:1.05rem;margin:1.8rem 0 .4rem}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .5rem;border-bottom:1px solid #ddd;"
    "vertical-align:top}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "tr.t td{font-weight:600;border-top:2px solid #111;border-bottom:0}"
    "footer{margin-top:2rem;color:#555;font-size:12px}"
    "@media print{body{margin:0;max-width:none}}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
Cell = tuple[str, bool]
"""Text of a cell, and whether it is a number."""


def draft(made: Statement, locale: Locale) -> Draft:
    """The statement as a page. Every text in it is escaped, whoever chose it."""
    return Draft(DocumentKind.STATEMENT, f"{made.stem}.html", HTML, page(made, locale).encode(), made.facts)


def page(made: Statement, locale: Locale) -> str:
    """The page as text."""
    title = word("title", locale)
    parts = [
        f'<!doctype html><html lang="{LANGUAGE[locale]}"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{escape(title)} {escape(made.account.account_id)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        _table([], _head(made, locale)),
        _section(word("consumption", locale), _quantities(made, locale)),
        _section(word("topups", locale), _sales(made, locale)),
        _section(word("movements", locale), _ledger(made, locale)),
        f"<footer>{escape(word('signed', locale))}</footer></body></html>\n",
    ]
    return "".join(parts)


def _head(made: Statement, locale: Locale) -> list[list[Cell]]:
    account, currency = made.account, made.account.currency
    meter = f"{account.meter_id} {account.meter_serial or ''}".strip()
    last = made.period.to_day - timedelta(days=1)
    days = f"{formats.day(made.period.from_day, locale)} - {formats.day(last, locale)}"
    rows = [
        ("account", account.account_id),
        ("point", account.delivery_point),
        ("meter", meter),
        ("period", days),
        ("opening", _used(made.opening_wh, _unit(made), locale)),
        ("closing", _used(made.closing_wh, _unit(made), locale)),
        ("balance_before", formats.money(made.opening_nano, currency, locale)),
        ("balance_after", formats.money(made.closing_nano, currency, locale)),
    ]
    return [[(word(key, locale), False), (text, True)] for key, text in rows if text]


def _quantities(made: Statement, locale: Locale) -> str:
    currency = made.account.currency
    rows = [
        [
            (_item(row, locale), False),
            (_quantity(row, _unit(made), locale), True),
            (_exact(row.amount_nano, currency, locale), True),
        ]
        for row in made.quantities
    ]
    body = _table([("component", False), ("quantity", True), ("amount", True)], rows, locale)
    return body + _totals(made.charges.exact_nano, made.charges.line_nano, made.charges.rounded_nano, made, locale)


def _totals(exact_nano: int, line_nano: int, rounded_nano: int, made: Statement, locale: Locale) -> str:
    currency = made.account.currency
    rows = [("sum", exact_nano), ("rounding", line_nano)]
    found = [[(word(key, locale), False), (_exact(nano, currency, locale), True)] for key, nano in rows]
    last = f"<td>{escape(word('total', locale))}</td>{_cell((formats.money(rounded_nano, currency, locale), True))}"
    return _table([], found).removesuffix("</table>") + f'<tr class="t">{last}</tr></table>'


def _sales(made: Statement, locale: Locale) -> str:
    currency = made.account.currency
    if not made.sales:
        return f"<p>{escape(word('none', locale))}</p>"
    rows = [
        [
            (_day(sale.utc_ms, made, locale), False),
            ("" if sale.sequence is None else str(sale.sequence), True),
            (formats.money(sale.amount_nano, currency, locale), True),
            (formats.money(sale.balance_nano, currency, locale), True),
        ]
        for sale in made.sales
    ]
    return _table([("date", False), ("number", True), ("amount", True), ("balance", True)], rows, locale)


def _ledger(made: Statement, locale: Locale) -> str:
    currency = made.account.currency
    rows = [
        [
            (_day(item.utc_ms, made, locale), False),
            (word(f"kind.{item.body.kind}", locale), False),
            (_exact(item.body.amount_nano, currency, locale), True),
            (_exact(item.body.balance_nano, currency, locale), True),
        ]
        for item in made.ledger
    ]
    body = _table([("date", False), ("kind", False), ("amount", True), ("balance", True)], rows, locale)
    total = made.ledger_total
    return body + _totals(total.exact_nano, total.line_nano, total.rounded_nano, made, locale)


def _item(row: Quantity, locale: Locale) -> str:
    name, _, which = row.component.partition(":")
    parts = [word(name, locale), which, row.band if row.band not in (None, "all") else "", f"({row.tariff})"]
    return " ".join(part for part in parts if part)


def _quantity(row: Quantity, unit: str, locale: Locale) -> str:
    if row.days:
        return f"{row.days} {word('days', locale)}"
    if not row.wh:
        return ""
    text = _used(row.wh, unit, locale)
    return f"{text} ({word('estimated', locale)} {_used(row.estimated_wh, unit, locale)})" if row.estimated_wh else text


def _exact(nano: int, currency: str, locale: Locale) -> str:
    """An amount to the cent, or with all its digits where a cent would hide some: the sums on the page are exact."""
    if nano % CENT_NANO == 0:
        return formats.money(nano, currency, locale)
    return f"{formats.number(wire_money(nano), locale)}{formats.NO_BREAK}{currency}"


def _unit(made: Statement) -> str:
    return "m³" if made.account.commodity is Commodity.GAS else "kWh"


def _used(wh: int | None, unit: str, locale: Locale) -> str:
    return "" if wh is None else f"{formats.number(formats.kwh(wh), locale)}{formats.NO_BREAK}{unit}"


def _day(utc_ms: int, made: Statement, locale: Locale) -> str:
    return formats.day(civil.local_date(utc_ms, made.period.zone), locale)


def _section(title: str, body: str) -> str:
    return f"<h2>{escape(title)}</h2>{body}"


def _table(columns: list[tuple[str, bool]], rows: Iterable[list[Cell]], locale: Locale | None = None) -> str:
    head = ""
    if locale is not None:
        cells = "".join(f"<th{_numeric(number)}>{escape(word(key, locale))}</th>" for key, number in columns)
        head = f"<tr>{cells}</tr>"
    return "<table>" + head + "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows) + "</table>"


def _cell(cell: Cell) -> str:
    text, number = cell
    return f"<td{_numeric(number)}>{escape(text)}</td>"


def _numeric(number: bool) -> str:  # noqa: FBT001 - a cell has two kinds
    return ' class="n"' if number else ""
