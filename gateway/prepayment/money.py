"""Money as an integer number of nano-units (1e-9) of a currency; text only at the edges (decision 1).

Parsing refuses what it cannot hold exactly; formatting refuses to lose a digit unless it is asked to round. Rounding
for people is HALF_UP, away from zero, and belongs in a line of its own.
"""

from __future__ import annotations

import re

NANO = 1_000_000_000
CENT_NANO = NANO // 100
FIVE_RAPPEN_NANO = 5 * CENT_NANO
WH_PER_KWH = 1000

_DECIMAL = re.compile(r"(-?)([0-9]{1,9})(?:\.([0-9]{1,9}))?")  # 9 + 9 digits fit a signed 64-bit integer


def parse_money(text: str) -> int:
    """Nano-units of a decimal such as "20.00"; ValueError for exponents, signs other than -, more than 9 decimals."""
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(f'{text!r} is not an amount like "20.00": digits, a dot, at most 9 decimals')
    sign, whole, fraction = match.groups()
    nano = int(whole) * NANO + int((fraction or "").ljust(9, "0"))
    return -nano if sign else nano


def format_money(nano: int, decimals: int = 2, *, rounded: bool = False) -> str:
    """Decimal text with exactly 0 to 9 `decimals`; ValueError when a digit would be lost and `rounded` is not set."""
    step = 10 ** (9 - decimals)
    if rounded:
        nano = _round(nano, step)
    elif nano % step:
        raise ValueError(f"{wire_money(nano)} does not fit {decimals} decimals without rounding")
    whole, fraction = divmod(abs(nano), NANO)
    tail = f".{fraction:09d}"[: decimals + 1] if decimals else ""
    return f"{'-' if nano < 0 else ''}{whole}{tail}"


def wire_money(nano: int) -> str:
    """The shortest exact decimal with at least two decimals: "20.00", "-3.2147"; what is stored in rows and sent."""
    whole, fraction = divmod(abs(nano), NANO)
    digits = f"{fraction:09d}".rstrip("0").ljust(2, "0")
    return f"{'-' if nano < 0 else ''}{whole}.{digits}"


def round_cent(nano: int) -> int:
    """To 0.01, half away from zero (requirements 4.2)."""
    return _round(nano, CENT_NANO)


def up_to_cent(nano: int) -> int:
    """The next whole 0.01: who is told less than is missing pays in vain."""
    return -(-nano // CENT_NANO) * CENT_NANO


def round_5_rappen(nano: int) -> int:
    """To 0.05, half away from zero: CHF paid in cash at a counter, or a printed total (requirements 4.2)."""
    return _round(nano, FIVE_RAPPEN_NANO)


def parse_price_per_kwh(text: str) -> int:
    """Nano per Wh of a price per kWh such as "0.3247"; ValueError for a price finer than 1 nano per Wh (6 decimals)."""
    nano_per_wh, finer = divmod(parse_money(text), WH_PER_KWH)
    if finer:
        raise ValueError(f"{text!r} per kWh is finer than 6 decimals, so a Wh would have no exact price")
    return nano_per_wh


def format_price_per_kwh(nano_per_wh: int) -> str:
    """The price per kWh as `wire_money` writes it: 324700 is "0.3247"."""
    return wire_money(nano_per_wh * WH_PER_KWH)


def _round(nano: int, step: int) -> int:
    rounded = (abs(nano) + step // 2) // step * step
    return -rounded if nano < 0 else rounded
