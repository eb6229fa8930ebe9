"""What a central system puts into a posting: interest, fees, compensations, cash rounding; pure, exact and dated.

The gateway posts none of this by itself (S1-16): these are the sums a biller can check its own against, and what the
tests hold the sources' examples to. Amounts are nano-units, unrounded where it says so: rounding to the cent is the
caller's last step (`money.round_cent`). Rows are data with a validity, and a day outside it is refused (S2-08).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction

from gateway.prepayment.money import round_5_rappen

PPM = 1_000_000
DAYS_PER_YEAR = 365
"""ACT/365: a leap year costs one day more."""
UP_TO_W = 6_000
"""Where the price per kW of a domestic increase changes (S2-08)."""
W_PER_KW = 1_000


class NoRow(ValueError):
    """No row, or no rate, is valid on the day."""


class PaidBy(StrEnum):
    """How a closing credit reaches the customer (S3-11)."""

    NEXT_BILL = "next_bill"
    CHEQUE = "cheque"


@dataclass(frozen=True, slots=True)
class FeeRow:
    """Amounts that belong together, by name, from one day to another, both included; `until` None: until replaced."""

    name: str
    valid_from: str
    valid_to: str | None
    amounts_nano: Mapping[str, int]

    def valid_on(self, day: date) -> bool:
        """The day lies within the validity."""
        return self.valid_from <= day.isoformat() and (self.valid_to is None or day.isoformat() <= self.valid_to)


@dataclass(frozen=True, slots=True)
class Rate:
    """One value of a yearly rate, from its day until the next one of the same name; parts per million."""

    name: str
    valid_from: str
    ppm: int


@dataclass(frozen=True, slots=True)
class Fees:
    """One fee file."""

    currency: str
    rows: tuple[FeeRow, ...]
    rates: tuple[Rate, ...]

    def row(self, name: str, day: date) -> Mapping[str, int]:
        """The amounts valid on the day; NoRow outside every validity."""
        found = [row for row in self.rows if row.name == name and row.valid_on(day)]
        if not found:
            known = [f"{row.valid_from} to {row.valid_to or '...'}" for row in self.rows if row.name == name]
            raise NoRow(f"{name}: nothing is valid on {day.isoformat()}; rows: {', '.join(known) or 'none'}")
        return max(found, key=lambda row: row.valid_from).amounts_nano

    def rate_ppm(self, name: str, day: date) -> int:
        """The yearly rate in force on the day; NoRow before the first."""
        begun = [rate for rate in self.rates if rate.name == name and rate.valid_from <= day.isoformat()]
        if not begun:
            raise NoRow(f"{name}: no rate is known on {day.isoformat()}")
        return max(begun, key=lambda rate: rate.valid_from).ppm


@dataclass(frozen=True, slots=True)
class Late:
    """Late interest: `base` plus a spread; a good payer owes only `legal` for the first days (S1-18, S1-19)."""

    base: str = "tur"
    spread_ppm: int = 35_000
    legal: str = "legal"
    good_payer_days: int = 10


def late_interest_nano(debt_nano: int, due: date, paid: date, fees: Fees, terms: Late, *, good_payer: bool) -> int:
    """Interest for the days after `due` up to and with `paid`, each at its own rate, summed exactly, rounded once."""
    exact = Fraction(0)
    for number in range(1, (paid - due).days + 1):
        day = due + timedelta(days=number)
        if good_payer and number <= terms.good_payer_days:
            ppm = fees.rate_ppm(terms.legal, day)
        else:
            ppm = fees.rate_ppm(terms.base, day) + terms.spread_ppm
        exact += Fraction(debt_nano * ppm, PPM * DAYS_PER_YEAR)
    return _half_up(exact)


def domestic_power_nano(from_w: int, to_w: int, fees: Fees, day: date) -> int:
    """Another committed power of a low-voltage household, fixed parts included (S2-08); exact, not rounded to the cent.

    The source does not say which power; the committed one is taken as written (G6).
    """
    row = fees.row("power_lv_domestic", day)
    below_w = max(0, min(to_w, UP_TO_W) - from_w)
    above_w = max(0, to_w - max(from_w, UP_TO_W))
    less_w = max(0, from_w - to_w)
    by_power = below_w * row["increase_to_6kw"] + above_w * row["increase_above_6kw"] + less_w * row["decrease"]
    return _per_kw(by_power) + row["distributor_fixed"] + row["supplier_fixed"]


def other_power_nano(from_available_w: int, to_available_w: int, fees: Fees, day: date) -> int:
    """Another available power of any other low-voltage use (S2-09)."""
    row = fees.row("power_lv_other", day)
    more_w = max(0, to_available_w - from_available_w)
    return _per_kw(more_w * row["increase"]) + row["administrative"] + row["supplier_fixed"]


def to_medium_voltage_nano(more_available_w: int, nano_per_kw: int, fees: Fees, day: date) -> int:
    """From low to medium voltage: the price per kW of more available power is not in the source (S2-34)."""
    row = fees.row("low_to_medium_voltage", day)
    return _per_kw(more_available_w * nano_per_kw) + row["fixed"] + row["administrative"]


def compensation_nano(days: int, limit_days: int, fees: Fees, day: date, *, domestic: bool) -> int:
    """The automatic compensation for a service that took `days` instead of `limit_days` (S2-26): a step function."""
    row = fees.row("compensation_domestic" if domestic else "compensation_other", day)
    if days <= limit_days:
        return 0
    if days <= 2 * limit_days:
        return row["to_twice"]
    return row["to_three_times"] if days <= 3 * limit_days else row["beyond"]


def cash(amount_nano: int) -> tuple[int, int]:
    """What is paid in coins and the rounding line: 12.33 is 12.35 with 0.02 more (requirements 4.2)."""
    paid_nano = round_5_rappen(amount_nano)
    return paid_nano, paid_nano - amount_nano


def paid_by(credit_nano: int, cheque_from_nano: int) -> PaidBy:
    """A closing credit below the amount goes to the next bill, from it on by cheque (S3-11: "inferiori a 3")."""
    return PaidBy.NEXT_BILL if credit_nano < cheque_from_nano else PaidBy.CHEQUE


def set_off(debits_nano: Iterable[int], credits_nano: Iterable[int]) -> tuple[int, int]:
    """How much of debts and credits cancels, and what remains: credit above zero, debt below (S3-12)."""
    debit_nano, credit_nano = sum(debits_nano), sum(credits_nano)
    return min(debit_nano, credit_nano), credit_nano - debit_nano


def _per_kw(nano_w: int) -> int:
    """Nano x W / kW, half away from zero; exact for prices of the cent."""
    return _half_up(Fraction(nano_w, W_PER_KW))


def _half_up(exact: Fraction) -> int:
    nano = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)
    return nano if exact >= 0 else -nano
