"""Tariff documents -> `Tariff`: the files in `config/tariffs/` and the body of the signed command "set tariff".

Prices are decimal text per kWh. A block says up to which monthly amount it reaches; the last one has no limit. With a
table `[gas]` the tariff is one of gas: prices are per Smc, and `coefficient` turns the meter's cubic metres into Smc.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import msgspec

from gateway.config import document, quantities
from gateway.config.document import Keys
from gateway.prepayment.money import NANO, parse_money, parse_price_per_kwh
from gateway.prepayment.supply import Commodity
from gateway.prepayment.tariff import HOLIDAY, ONE_PPM, Price, Surcharge, Tariff, Window

MAX_WINDOWS = 64
MAX_BLOCKS = 16
MAX_SURCHARGES = 16

_Prices: TypeAlias = tuple[Price, ...]


class WindowDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One stretch of the week: `days` such as "mon", "mon-fri", "holiday"; `hours` such as "08:00-19:00"."""

    band: str
    days: tuple[str, ...]
    hours: str = "00:00-24:00"


class BandsDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which hours belong to which band; windows in order, else `default`; `calendar` lists the bands' holidays."""

    default: str = "all"
    calendar: str | None = None
    window: tuple[WindowDocument, ...] = ()


class BlockDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The price per kWh (per Smc for gas) of each band, up to `up_to` kWh used in the civil month."""

    price_per_kwh: dict[str, str] = msgspec.field(default_factory=dict)
    price_per_smc: dict[str, str] = msgspec.field(default_factory=dict)
    up_to: str | None = None


class SurchargeDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An amount per kWh (per Smc for gas) on top, under its own name on the bill."""

    name: str
    price_per_kwh: str | None = None
    price_per_smc: str | None = None


class StandingDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An amount per civil day, whether anything is used or not."""

    per_day: str


class VatDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rate, and whether the prices above contain it already."""

    percent: str
    included: bool


class GasDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The coefficient C of the place, as the grid operator publishes it: six decimals; "1" if the meter corrects."""

    coefficient: str


class TariffDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One version of one tariff as a product manager writes it."""

    tariff: str
    version: int
    description: str
    currency: str
    time_zone: str
    valid_from: str
    block: tuple[BlockDocument, ...]
    vat: VatDocument
    valid_to: str | None = None
    example: bool = False
    bands: BandsDocument = BandsDocument()
    surcharge: tuple[SurchargeDocument, ...] = ()
    standing: StandingDocument | None = None
    gas: GasDocument | None = None

    @property
    def price_key(self) -> str:
        """How prices are called in this document."""
        return "price_per_kwh" if self.gas is None else "price_per_smc"


def load_tariff(path: Path) -> Tariff:
    """The tariff in a file; ConfigError."""
    return to_tariff(document.load(path, TariffDocument), str(path))


def to_tariff(doc: TariffDocument, where: str) -> Tariff:
    """The document as the core wants it; ConfigError names `where` (a file, or a command) and the key."""
    keys = Keys(where)
    if doc.version < 1:
        raise keys.error("version", f"{doc.version} is not a version; count from 1")
    blocks_wh = _blocks(doc, keys)
    vat_ppm = keys.parse("vat.percent", quantities.parse_percent_ppm, doc.vat.percent)
    try:
        return Tariff(
            tariff_id=keys.parse("tariff", quantities.parse_name, doc.tariff),
            version=doc.version,
            currency=keys.parse("currency", quantities.parse_currency, doc.currency),
            time_zone=keys.parse("time_zone", quantities.parse_zone, doc.time_zone),
            valid_from=keys.parse("valid_from", quantities.parse_date, doc.valid_from),
            valid_to=None if doc.valid_to is None else keys.parse("valid_to", quantities.parse_date, doc.valid_to),
            prices=_prices(doc, keys),
            calendar=doc.bands.calendar,
            default_band=keys.parse("bands.default", quantities.parse_name, doc.bands.default),
            windows=_windows(doc.bands, keys),
            blocks_wh=blocks_wh,
            surcharges=_surcharges(doc, keys),
            standing_nano_per_day=_standing(doc, keys),
            vat_ppm=0 if doc.vat.included else vat_ppm,
            prices_include_vat=doc.vat.included,
            example=doc.example,
            commodity=Commodity.ELECTRICITY if doc.gas is None else Commodity.GAS,
            coefficient_ppm=_coefficient(doc, keys),
        )
    except ValueError as error:
        raise keys.error("", str(error)) from None


def _coefficient(doc: TariffDocument, keys: Keys) -> int:
    if doc.gas is None:
        return ONE_PPM
    ppm, finer = divmod(keys.parse("gas.coefficient", parse_money, doc.gas.coefficient), NANO // ONE_PPM)
    if finer:
        raise keys.error("gas.coefficient", f"{doc.gas.coefficient} has more than six decimals")
    return ppm


def _blocks(doc: TariffDocument, keys: Keys) -> tuple[int, ...]:
    if not 1 <= len(doc.block) <= MAX_BLOCKS:
        raise keys.error("block", f"{len(doc.block)} blocks; a tariff has 1 to {MAX_BLOCKS}")
    limits = []
    for index, block in enumerate(doc.block):
        last = index == len(doc.block) - 1
        if (block.up_to is None) is not last:
            said = "the last block has no limit, leave it out" if last else 'say how far it reaches: up_to = "100 kWh"'
            raise keys.error(f"block[{index}].up_to", said)
        if block.up_to is not None:
            limits.append(keys.parse(f"block[{index}].up_to", quantities.parse_energy_wh, block.up_to))
    return tuple(limits)


def _prices(doc: TariffDocument, keys: Keys) -> _Prices:
    bands = {doc.bands.default, *(window.band for window in doc.bands.window)}
    prices = []
    for index, block in enumerate(doc.block):
        key = f"block[{index}].{doc.price_key}"
        given, other = block.price_per_kwh, block.price_per_smc
        if doc.gas is not None:
            given, other = other, given
        if other:
            raise keys.error(f"block[{index}]", f"the prices of this tariff are {doc.price_key}", "see the table [gas]")
        for band in sorted(bands - given.keys()):
            raise keys.error(f"{key}.{band}", "this price is missing", f"the bands are: {', '.join(sorted(bands))}")
        for band, text in given.items():
            if band not in bands:
                raise keys.error(f"{key}.{band}", "there is no such band", document.nearest(band, bands))
            prices.append(Price(index, band, _per_wh(f"{key}.{band}", text, keys)))
    return tuple(prices)


def _windows(bands: BandsDocument, keys: Keys) -> tuple[Window, ...]:
    if len(bands.window) > MAX_WINDOWS:
        raise keys.error("bands.window", f"{len(bands.window)} windows; at most {MAX_WINDOWS}")
    windows = []
    for index, window in enumerate(bands.window):
        key = f"bands.window[{index}]"
        band = keys.parse(f"{key}.band", quantities.parse_name, window.band)
        days = sorted({day for text in window.days for day in keys.parse(f"{key}.days", _days, text)})
        begin, end = keys.parse(f"{key}.hours", quantities.parse_hours_min, window.hours)
        if begin % 15 or end % 15:
            raise keys.error(f"{key}.hours", f"{window.hours!r}: a band begins on a quarter-hour", ":00, :15, :30, :45")
        windows.append(Window(band, tuple(days), begin, end))
    return tuple(windows)


def _days(text: str) -> range:
    if text == "holiday":
        return range(HOLIDAY, HOLIDAY + 1)
    first, _, last = text.partition("-")
    days = range(quantities.parse_weekday(first), quantities.parse_weekday(last or first) + 1)
    if not days:
        raise ValueError(f'{text!r} runs backwards; a week goes from mon to sun: write "sat-sun", "mon"')
    return days


def _surcharges(doc: TariffDocument, keys: Keys) -> tuple[Surcharge, ...]:
    names = [keys.parse(f"surcharge[{i}].name", quantities.parse_name, one.name) for i, one in enumerate(doc.surcharge)]
    if len(set(names)) != len(names) or len(names) > MAX_SURCHARGES:
        raise keys.error("surcharge", f"each has its own name, and there are at most {MAX_SURCHARGES}")
    surcharges = []
    for index, one in enumerate(doc.surcharge):
        key = f"surcharge[{index}].{doc.price_key}"
        given, other = one.price_per_kwh, one.price_per_smc
        if doc.gas is not None:
            given, other = other, given
        if given is None or other is not None:
            raise keys.error(key, "this price is missing, or there is another beside it")
        surcharges.append(Surcharge(one.name, _per_wh(key, given, keys)))
    return tuple(surcharges)


def _standing(doc: TariffDocument, keys: Keys) -> int:
    if doc.standing is None:
        return 0
    nano = keys.parse("standing.per_day", parse_money, doc.standing.per_day)
    if nano < 0:
        raise keys.error("standing.per_day", f"{doc.standing.per_day} is below zero")
    return nano


def _per_wh(key: str, text: str, keys: Keys) -> int:
    nano_per_wh = keys.parse(key, parse_price_per_kwh, text)
    if nano_per_wh < 0:
        raise keys.error(key, f"{text} is below zero", "a discount is a lower price; credit is a top-up")
    return nano_per_wh
