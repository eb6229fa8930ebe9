"""Amounts, durations, dates and hours as people write them: ValueError with a sentence, or a value within bounds."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from gateway.config import quantities
from gateway.meters.planner import parse_line
from gateway.prepayment.money import parse_money, parse_price_per_kwh, wire_money
from tests.fuzz.mutation import HOSTILE, mutate_bytes
from tests.fuzz.target import Target

_PARSERS: tuple[Callable[[str], Any], ...] = (
    quantities.parse_duration_ms,
    quantities.parse_power_w,
    quantities.parse_energy_wh,
    quantities.parse_percent_ppm,
    quantities.parse_term,
    quantities.parse_hours_min,
    quantities.parse_weekday,
    quantities.parse_date,
    quantities.parse_zone,
    quantities.parse_currency,
    quantities.parse_name,
    parse_price_per_kwh,
    parse_line,
)
_GOOD = (
    "72h",
    "15 min",
    "3 kW",
    "100 kWh",
    "8.1%",
    "10 calendar days",
    "3 working days",
    "08:00-15:00",
    "mon",
    "9600 8N1",
    "2026-01-31",
    "Europe/Zurich",
    "CHF",
    "ch-flat",
    "20.00",
    "-3.2147",
    "0.3247",
    "99 d",
)


def check(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for parse in _PARSERS:
        try:
            found = parse(text)
        except ValueError as error:
            str(error)
        else:
            assert not isinstance(found, int) or abs(found) < 1 << 63, (parse, text)
    try:
        nano = parse_money(text)
    except ValueError:
        return
    assert Decimal(text) * 10**9 == nano, "an amount means what another reader of decimals says"
    assert parse_money(wire_money(nano)) == nano


def seeds() -> Iterator[bytes]:
    return (text.encode() for text in _GOOD)


def mutate(data: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.2:
        return chance.choice((*HOSTILE, *_GOOD)).strip('"').encode()
    return mutate_bytes(data, chance)


TARGET = Target(check, seeds, mutate, max_bytes=300)
