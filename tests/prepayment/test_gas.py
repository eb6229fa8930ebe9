"""Gas: litres of the register, money of standard cubic metres, exactly, at a dated coefficient."""

import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.tariffs import TariffDocument, load_tariff, to_tariff
from gateway.errors import ConfigError
from gateway.prepayment import civil
from gateway.prepayment.events import Moment, TariffSet, TimeTrust
from gateway.prepayment.gas import coefficient_ppm, smc
from gateway.prepayment.rating import PPM, Usage, rate
from gateway.prepayment.supply import Commodity
from gateway.prepayment.tariff import Price, Surcharge, Tariff
from tests.prepayment.worlds import HOUR_MS, NANO, opened, tariff, world

FILE = Path(__file__).parent.parent.parent / "config" / "tariffs" / "it-gas.toml"
ZONE = "Europe/Rome"
START_MS = civil.midnight_utc_ms(date(2026, 3, 1), ZONE)
GAS = Tariff(
    "gas", 1, "CHF", ZONE, "2020-01-01", None, (Price(0, "all", 1_000_000),),
    commodity=Commodity.GAS, coefficient_ppm=1_027_235,
)  # fmt: skip
TAXED = replace(
    GAS, prices=(Price(0, "all", 950_001),), surcharges=(Surcharge("transport", 121_007),), vat_ppm=100_000,
    prices_include_vat=False,
)  # fmt: skip


def at(ms: int) -> Moment:
    """A moment of the day."""
    return Moment(START_MS + ms, TimeTrust.AUTHENTICATED, ms)


@pytest.mark.parametrize(
    ("cubic_metres", "ppm", "standard"),
    [(110, 1_027_235, "112.99585"), (1500, 982_492, "1473.738"), (7, PPM, "7"), (0, 982_492, "0")],
)
def test_standard_cubic_metres(cubic_metres: int, ppm: int, standard: str) -> None:
    """Requirements 2.7 (R23): 110 mc at 1.027235 are 112.99585 Smc, 1500 at 0.982492 are 1473.738."""
    assert smc(cubic_metres * 1000, ppm) == standard
    rated = rate(Usage(), at(0), at(1000), cubic_metres * 1000, (replace(GAS, coefficient_ppm=max(ppm, 1)),), {})
    whole, _, fraction = standard.partition(".")
    assert rated.usage.net_nano == int(whole + fraction.ljust(9, "0")), "at 1.00 a Smc the Smc are the price"
    assert rated.usage.wh == cubic_metres * 1000, "the register's litres are kept"


@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=60))
def test_gas_costs_the_same_however_often_it_is_read(parts: list[int]) -> None:
    """I2, decision 1: price, surcharge and tax of litres times C are those of the sum, remainders carried."""
    usage, paid_nano = Usage(), 0
    for number, litres in enumerate(parts):
        rated = rate(usage, at(number), at(number + 1), litres, (TAXED,), {})
        usage = rated.usage
        paid_nano += sum(line.amount_nano for line in rated.lines)
        assert paid_nano == usage.charge_total_nano
    total = sum(parts)
    exact_ppm = total * (950_001 + 121_007) * 1_027_235
    assert (usage.net_nano, usage.volume_rest_ppm) == divmod(exact_ppm, PPM)
    assert (usage.vat_nano, usage.vat_rest_ppm) == divmod(usage.net_nano * 100_000, PPM)


def test_another_coefficient_counts_from_its_day() -> None:
    """Decision 2: C is dated; two months read at both ends are split by days, each at its own C."""
    new = replace(GAS, version=2, valid_from="2026-04-01", coefficient_ppm=982_492)
    end = Moment(civil.midnight_utc_ms(date(2026, 4, 30), ZONE), TimeTrust.AUTHENTICATED, 0)
    rated = rate(Usage(), at(0), end, 60_000, (GAS, new), {})
    amounts = {line.tariff_ref: (line.wh, line.amount_nano) for line in rated.lines}
    assert amounts == {"gas@1": (31_000, 31_000 * 1_027_235), "gas@2": (29_000, 29_000 * 982_492)}


@pytest.mark.parametrize(
    ("place", "ppm"),
    [((0, 0, 1), 995_553), ((0, 2404, 183), 1_041_927), ((122, 2404, 183), 1_027_235), ((2000, 4000, 200), 842_294)],
)
def test_a_coefficient_of_a_place(place: tuple[int, int, int], ppm: int) -> None:
    """Requirements 4.5: six decimals at each step; 122 m with 2404 degree days in 183 days is the 1.027235 of 2.7."""
    assert coefficient_ppm(*place) == ppm


@pytest.mark.parametrize("place", [(-1, 0, 1), (5_001, 0, 1), (0, 0, 0), (0, -1, 1), (0, 61, 1)])
def test_there_is_no_such_place(place: tuple[int, int, int]) -> None:
    """Requirements 4.5: numbers of another world give no coefficient."""
    with pytest.raises(ValueError, match="no such place"):
        coefficient_ppm(*place)


def test_the_shipped_gas_tariff() -> None:
    """Decision 2: prices per Smc, C with six decimals."""
    made = load_tariff(FILE)
    assert (made.commodity, made.coefficient_ppm) == (Commodity.GAS, 1_027_235)
    assert made.price_nano_per_wh(0, "all") == 950_000
    assert made.surcharges == (Surcharge("transport", 121_000),)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"gas": {"coefficient": "1.0272351"}}, "six decimals"),
        ({"gas": {"coefficient": "0.899999"}}, "lies between"),
        ({"gas": {"coefficient": "1.100001"}}, "lies between"),
        ({"gas": {"coefficient": "one"}}, "not an amount"),
        ({"gas": None}, "price_per_kwh"),
        ({"block": [{"price_per_kwh": {"all": "1"}}]}, "price_per_smc"),
        ({"block": [{"price_per_smc": {"all": "1"}, "price_per_kwh": {"all": "1"}}]}, "price_per_smc"),
        ({"surcharge": [{"name": "x", "price_per_kwh": "1"}]}, "price is missing"),
        ({"surcharge": [{"name": "x", "price_per_kwh": "1", "price_per_smc": "1"}]}, "another beside it"),
        (
            {"block": [{"price_per_smc": {"all": "1"}, "up_to": "5 kWh"}, {"price_per_smc": {"all": "2"}}]},
            "one block",
        ),
    ],
)
def test_a_gas_tariff_that_cannot_be(changes: dict[str, Any], said: str) -> None:
    """I24: what makes no sense for gas is refused with its key."""
    raw = {**tomllib.loads(FILE.read_text(encoding="utf-8")), **changes}
    with pytest.raises(ConfigError, match=said):
        to_tariff(msgspec.convert({k: v for k, v in raw.items() if v is not None}, TariffDocument), "x")


def test_a_coefficient_is_only_for_gas() -> None:
    """Decision 2: a Wh is a Wh."""
    with pytest.raises(ValueError, match="for gas"):
        replace(GAS, commodity=Commodity.ELECTRICITY)


def test_an_account_keeps_to_its_commodity() -> None:
    """Decision 3: a price per Smc is nothing for electricity, and the other way round."""
    w = world()
    verdict = w.post(TariffSet(w.now(), "t", replace(GAS, tariff_id="g"))).verdict
    assert verdict is not None
    assert verdict.reason == "wrong_commodity"
    with pytest.raises(AssertionError):
        opened(commodity=Commodity.GAS, tariff=tariff())


def test_a_gas_account_is_charged_by_its_register() -> None:
    """Decision 2, I2: 1500 litres at 0.95 and C; more than the rated flow allows is held back like any register."""
    w = world(100 * NANO, tariff=replace(GAS, prices=(Price(0, "all", 950_000),)), commodity=Commodity.GAS)
    w.terms = replace(w.terms, rated_power_w=6_000)  # a G4 meter: 6 m³ an hour
    w.use(1_500, 1)
    assert w.account.balance_nano == 100 * NANO - 1_500 * 950_000 * 1_027_235 // PPM
    w.running_ms += HOUR_MS
    w.utc_ms += HOUR_MS
    w.register_wh += 7_600
    w.read()
    assert w.account.register.candidate is not None, "7.6 m³ in an hour are more than 6 and a quarter"
    assert w.account.usage.wh == 1_500
    assert tariff().commodity is Commodity.ELECTRICITY
