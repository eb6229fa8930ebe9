"""A fee file: ConfigError that names the key, or fees of which one row and one rate at most hold on any day."""

import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path

from gateway.config.fees import load_fees
from gateway.prepayment.fees import Fees, NoRow
from tests.fuzz import documents

_NANO = 10**9
_PPM = 10**4
_DAYS = [date(1, 1, 1), date(2017, 4, 1), date(2019, 6, 30), date(2019, 7, 1), date(9999, 12, 31)]


def load(path: Path) -> None:
    fees = load_fees(path)
    said = tomllib.loads(path.read_bytes().decode().removeprefix("\ufeff"))
    for row, text in zip(fees.rows, said.get("row", ()), strict=True):
        assert row.amounts_nano == {name: Decimal(amount) * _NANO for name, amount in text["amounts"].items()}
    for rate, text in zip(fees.rates, said.get("rate", ()), strict=True):
        assert rate.ppm == Decimal(text["percent"].removesuffix("%").strip()) * _PPM
    for day in _DAYS:
        _answers(fees, day)


def _answers(fees: Fees, day: date) -> None:
    for name in {row.name for row in fees.rows}:
        valid = [row for row in fees.rows if row.name == name and row.valid_on(day)]
        assert len(valid) <= 1, f"two rows of {name} hold on {day}"
        try:
            assert fees.row(name, day) == valid[0].amounts_nano
        except NoRow:
            assert not valid
    for name in {rate.name for rate in fees.rates}:
        begun = {rate.valid_from: rate.ppm for rate in fees.rates if rate.name == name and rate.valid_from <= f"{day}"}
        try:
            assert fees.rate_ppm(name, day) == begun[max(begun)]
        except NoRow:
            assert not begun


TARGET = documents.target("fees", load)
