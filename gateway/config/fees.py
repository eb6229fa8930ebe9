"""Fee files (`config/fees/*.toml`) -> `Fees`: dated rows of amounts and dated rates, checked as they are read."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import msgspec

from gateway.config import document, quantities
from gateway.config.document import Keys
from gateway.prepayment.fees import FeeRow, Fees, Rate
from gateway.prepayment.money import parse_money


class RowDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Amounts that belong together, from one civil day to another, both included."""

    name: str
    valid_from: str
    amounts: dict[str, str]
    source: str
    valid_to: str | None = None


class RateDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A yearly rate in percent, from this civil day until the next one of the same name."""

    name: str
    valid_from: str
    percent: str
    source: str
    example: bool = False


class FeesDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fees and rates of one utility or country."""

    fees: str
    description: str
    currency: str
    row: tuple[RowDocument, ...] = ()
    rate: tuple[RateDocument, ...] = ()


def load_fees(path: Path) -> Fees:
    """The fees in a file; ConfigError."""
    doc, keys = document.load(path, FeesDocument), Keys(str(path))
    keys.parse("fees", quantities.parse_name, doc.fees)
    rows = tuple(_row(f"row[{number}]", row, keys) for number, row in enumerate(doc.row))
    for index, row in enumerate(rows):
        if row.valid_to is not None and row.valid_to < row.valid_from:
            raise keys.error(f"row[{index}].valid_to", f"{row.valid_to} lies before valid_from {row.valid_from}")
    for one, other in pairwise(sorted(rows, key=lambda row: (row.name, row.valid_from))):
        if one.name == other.name and (one.valid_to is None or other.valid_from <= one.valid_to):
            raise keys.error("row", f"two rows of {one.name!r} are valid on {other.valid_from}", "end the older one")
    rates = tuple(_rate(f"rate[{number}]", rate, keys) for number, rate in enumerate(doc.rate))
    if len({(rate.name, rate.valid_from) for rate in rates}) != len(rates):
        raise keys.error("rate", "a rate has two values from the same day on")
    return Fees(keys.parse("currency", quantities.parse_currency, doc.currency), rows, rates)


def _row(key: str, row: RowDocument, keys: Keys) -> FeeRow:
    amounts = {
        keys.parse(f"{key}.amounts", quantities.parse_name, name): keys.parse(f"{key}.amounts.{name}", _amount, text)
        for name, text in row.amounts.items()
    }
    begin = keys.parse(f"{key}.valid_from", quantities.parse_date, row.valid_from)
    end = None if row.valid_to is None else keys.parse(f"{key}.valid_to", quantities.parse_date, row.valid_to)
    return FeeRow(keys.parse(f"{key}.name", quantities.parse_name, row.name), begin, end, amounts)


def _rate(key: str, rate: RateDocument, keys: Keys) -> Rate:
    return Rate(
        keys.parse(f"{key}.name", quantities.parse_name, rate.name),
        keys.parse(f"{key}.valid_from", quantities.parse_date, rate.valid_from),
        keys.parse(f"{key}.percent", quantities.parse_percent_ppm, rate.percent),
    )


def _amount(text: str) -> int:
    nano = parse_money(text)
    if nano < 0:
        raise ValueError(f"{text} is below zero")
    return nano
