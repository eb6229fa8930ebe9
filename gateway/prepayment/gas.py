"""Gas: the register counts litres, the price is per standard cubic metre (Smc), and a coefficient lies between them.

The core's quantities end in `_wh` and count *units of the commodity*: Wh of electricity, litres of gas (decision 2). So
`Usage.wh`, `Line.wh`, a register and a quarter-hour of a gas account are litres, `rated_power_w` is its meter's largest
flow in litres an hour, and a price per Smc is nano per standard litre. A tariff of gas carries the C of its utility,
dated like its prices (`Tariff.coefficient_ppm`); rating multiplies litres by C and carries what is left below one
nano-unit, so that charges add up exactly however often the meter is read. This file converts quantities for people and
computes C for tools and tests (requirements 4.5); the gateway itself never makes one up.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, localcontext

SMC_DECIMALS = 9
COEFFICIENT_PPM = (900_000, 1_100_000)
"""What a C may be: 0.9 at high altitude and 1.1 are beyond any place with gas; anything else is a slip of the pen."""

_SIX = Decimal("0.000001")


def smc(litres: int, coefficient_ppm: int) -> str:
    """Standard cubic metres as exact decimal text: 110 m³ at C = 1.027235 are "112.99585"."""
    whole, fraction = divmod(litres * coefficient_ppm, 10**SMC_DECIMALS)
    digits = f"{fraction:09d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def coefficient_ppm(altitude_m: int, degree_days: int, heating_days: int) -> int:
    """C of a place from its altitude, its degree days and the days of its heating period; six decimals at each step.

    pb = 1.01325 (1 - 0.0000225577 H)^5.2559, kp = (pb + 0.020) / 1.01325, kt = 288.15 / (295.15 - gg), C = kp kt.
    """
    if not 0 <= altitude_m <= 5_000 or heating_days < 1 or not 0 <= degree_days <= 60 * heating_days:
        raise ValueError(f"no such place: {altitude_m} m, {degree_days} degree days in {heating_days} days")
    with localcontext(Context(prec=28)):
        bar = Decimal("1.01325")
        pressure = _six(bar * (1 - Decimal("0.0000225577") * altitude_m) ** Decimal("5.2559"))
        by_pressure = _six((pressure + Decimal("0.020")) / bar)
        colder = _six(Decimal(degree_days) / heating_days)
        by_temperature = _six(Decimal("288.15") / (Decimal("295.15") - colder))
        return int(_six(by_pressure * by_temperature) / _SIX)


def _six(value: Decimal) -> Decimal:
    return value.quantize(_SIX, ROUND_HALF_UP)
