"""Numbers, money and dates as people read them in five locales (requirements 4.1); machines never see these.

The Swiss Italian thousands mark is the straight apostrophe that the utility itself writes (S0-02); the others are as
the locales of the Unicode project have them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from gateway.prepayment.export import Locale
from gateway.prepayment.money import format_money

NARROW = "\u202f"
NO_BREAK = "\u00a0"
MINUS = "-"
_SYMBOL = {"EUR": "€"}


@dataclass(frozen=True, slots=True)
class Marks:
    """How a locale writes numbers; `money` has {sign}, {unit} and {number}."""

    decimal: str
    thousands: str
    day: str
    money: str
    negative: str
    symbol: bool


_SWISS = "{unit}\u00a0{number}"
_SWISS_NEGATIVE = "{unit}-{number}"
MARKS = {
    Locale.IT_CH: Marks(".", "'", "%d.%m.%y", _SWISS, _SWISS_NEGATIVE, symbol=False),
    Locale.IT_IT: Marks(",", ".", "%d/%m/%y", "{number}\u00a0{unit}", "-{number}\u00a0{unit}", symbol=True),
    Locale.DE_CH: Marks(".", "\u2019", "%d.%m.%y", _SWISS, _SWISS_NEGATIVE, symbol=False),
    Locale.FR_CH: Marks(",", NARROW, "%d.%m.%y", "{number}\u00a0{unit}", "-{number}\u00a0{unit}", symbol=False),
    Locale.EN_GB: Marks(".", ",", "%d/%m/%Y", "{unit}{number}", "-{unit}{number}", symbol=True),
}


def number(text: str, locale: Locale) -> str:
    """A decimal such as "-12345.678" with the marks of the locale."""
    marks = MARKS[locale]
    sign, digits = (MINUS, text[1:]) if text.startswith("-") else ("", text)
    whole, dot, fraction = digits.partition(".")
    grouped = f"{int(whole):,}".replace(",", marks.thousands)
    return sign + grouped + (marks.decimal + fraction if dot else "")


def money(nano: int, currency: str, locale: Locale) -> str:
    """An amount to the cent, half away from zero: "CHF 12'345.65", "-3,20 €"."""
    marks = MARKS[locale]
    text = format_money(nano, rounded=True)
    form = marks.negative if text.startswith("-") else marks.money
    unit = _SYMBOL.get(currency, currency) if marks.symbol else currency
    return form.format(unit=unit, number=number(text.lstrip("-"), locale))


def day(of: date, locale: Locale) -> str:
    """A short date."""
    return of.strftime(MARKS[locale].day)


def kwh(wh: int) -> str:
    """Wh as kWh with three decimals and a dot: exact."""
    return f"{'-' if wh < 0 else ''}{abs(wh) // 1000}.{abs(wh) % 1000:03d}"
