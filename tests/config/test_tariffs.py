import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway import shipped
from gateway.config import document
from gateway.config.tariffs import MAX_WINDOWS, TariffDocument, load_tariff, to_tariff
from gateway.errors import ConfigError
from gateway.prepayment.tariff import HOLIDAY, Price, Surcharge, Window

TARIFFS = shipped.folder() / "tariffs"


def raw(name: str) -> dict[str, Any]:
    """A shipped tariff as raw TOML content, to be spoilt."""
    return tomllib.loads((TARIFFS / f"{name}.toml").read_text(encoding="utf-8"))


def refusal(content: dict[str, Any]) -> ConfigError:
    """The error this content is refused with."""
    with pytest.raises(ConfigError) as caught:
        to_tariff(document.convert(content, TariffDocument, where="t.toml"), "t.toml")
    assert caught.value.file == "t.toml"
    return caught.value


@pytest.mark.parametrize("path", sorted(TARIFFS.glob("*.toml")), ids=lambda path: path.stem)
def test_a_shipped_tariff_has_its_name_its_calendar_and_admits_to_be_an_example(path: Path) -> None:
    """No price of ours can be taken for a utility's."""
    tariff = load_tariff(path)
    assert tariff.tariff_id == path.stem
    assert tariff.example
    if tariff.calendar is not None:
        assert (shipped.folder() / "calendars" / f"{tariff.calendar}.toml").is_file()


def test_a_flat_tariff_is_one_price() -> None:
    """0.3247 per kWh is 324 700 nano per Wh (decision 1)."""
    assert load_tariff(TARIFFS / "ch-flat.toml").prices == (Price(0, "all", 324_700),)


def test_surcharges_standing_and_tax_arrive_as_integers() -> None:
    """The eco tariff of S0-08: three surcharges, a standing charge, 8.1 % on top."""
    tariff = load_tariff(TARIFFS / "ch-eco.toml")
    assert tariff.surcharges[0] == Surcharge("tiacqua", 10_000)
    assert tariff.standing_nano_per_day == 250_000_000
    assert (tariff.vat_ppm, tariff.prices_include_vat) == (81_000, False)


def test_bands_and_blocks_are_read_in_order() -> None:
    """Windows keep their order, "mon-fri" is five days, block limits are monthly Wh."""
    assert load_tariff(TARIFFS / "it-f123.toml").windows[0] == Window("f1", (0, 1, 2, 3, 4), 480, 1140)
    assert load_tariff(TARIFFS / "it-blocks.toml").blocks_wh == (100_000, 250_000)


def test_a_holiday_is_a_day_of_its_own() -> None:
    """The word "holiday" may be given a band like a weekday."""
    content = raw("it-f123")
    content["bands"]["window"].append({"band": "f2", "days": ["holiday", "sun"], "hours": "10:00-12:00"})
    tariff = to_tariff(document.convert(content, TariffDocument, where="t"), "t")
    assert tariff.windows[-1].days == (6, HOLIDAY)


def test_a_command_carries_the_same_document() -> None:
    """The command "set tariff" over the wire and the file give the same tariff."""
    sent = msgspec.json.decode(msgspec.json.encode(raw("ch-eco")), type=TariffDocument)
    assert to_tariff(sent, "set_tariff") == load_tariff(TARIFFS / "ch-eco.toml")


def test_dates_may_be_written_without_quotes(tmp_path: Path) -> None:
    """TOML has dates of its own; both ways of writing them are right."""
    text = (TARIFFS / "ch-flat.toml").read_text(encoding="utf-8").replace('"2026-01-01"', "2026-01-01")
    path = tmp_path / "t.toml"
    path.write_text(text, encoding="utf-8")
    assert load_tariff(path).valid_from == "2026-01-01"


@pytest.mark.parametrize(
    ("key", "value", "at", "says"),
    [
        ("block", [], "block", "1 to 16"),
        ("block", [{"price_per_kwh": {"all": "0.32475550"}}], "block[0].price_per_kwh.all", "finer than 6 decimals"),
        ("block", [{"price_per_kwh": {"all": 0.32}}], "block[0].price_per_kwh[...]", "put it in quotes"),
        ("block", [{"price_per_kwh": {"all": "-1"}}], "block[0].price_per_kwh.all", "below zero"),
        ("block", [{"price_per_kwh": {}}], "block[0].price_per_kwh.all", "missing"),
        (
            "block",
            [{"price_per_kwh": {"all": "1", "al": "1"}}],
            "block[0].price_per_kwh.al",
            "did you mean 'all'?",
        ),
        ("block", [{"price_per_kwh": {"all": "1"}, "up_to": "5 kWh"}], "block[0].up_to", "leave it out"),
        ("block", [{"price_per_kwh": {"all": "1"}}] * 2, "block[0].up_to", "say how far"),
        ("block", [{"price": {"all": "1"}}], "block[0].price", "price_per_kwh"),
        ("surcharge", [{"name": "x", "price_per_kwh": "1"}] * 2, "surcharge", "its own name"),
        ("standing", {"per_day": "-1.00"}, "standing.per_day", "below zero"),
        ("vat", {"percent": "101", "included": True}, "vat.percent", "between 0 and 100"),
        ("vat", {"percent": "8,1", "included": True}, "vat.percent", "not a percentage"),
        ("valid_from", "2026-02-30", "valid_from", "not a date"),
        ("valid_to", "2020-01-01", "", "before valid_from"),
        ("version", 0, "version", "count from 1"),
        ("version", "1", "version", "expected `int`"),
        ("tarif", "x", "tarif", "did you mean 'tariff'?"),
    ],
)
def test_a_wrong_value_is_refused_with_what_would_be_right(key: str, value: object, at: str, says: str) -> None:
    """The error names the key, down to the block and the band."""
    error = refusal({**raw("ch-flat"), key: value})
    assert error.key == at
    assert says in str(error)


@pytest.mark.parametrize(
    ("window", "at", "says"),
    [
        ({"band": "f1", "days": ["mon"], "hours": "08:10-09:00"}, "hours", "begins on a quarter-hour"),
        ({"band": "f1", "days": ["mon"], "hours": "22:00-06:00"}, "hours", "passes midnight"),
        ({"band": "f1", "days": ["fri-mon"]}, "days", "runs backwards"),
        ({"band": "f1", "days": ["monday"]}, "days", "not a weekday"),
        ({"band": "F 1", "days": ["mon"]}, "band", "not a name"),
    ],
)
def test_a_window_that_cannot_be_is_refused(window: dict[str, Any], at: str, says: str) -> None:
    """Bands begin and end on quarter-hours of one day (decision 5)."""
    content = raw("it-f123")
    if window["band"] == "F 1":
        content["block"][0]["price_per_kwh"]["F 1"] = "1"
    content["bands"]["window"] = [window, *content["bands"]["window"]]
    error = refusal(content)
    assert error.key == f"bands.window[0].{at}"
    assert says in str(error)


def test_a_window_without_days_is_refused() -> None:
    """What the core itself refuses also comes back as an error of the file."""
    content = raw("it-f123")
    content["bands"]["window"][0]["days"] = []
    assert "names no day" in str(refusal(content))


def test_a_tariff_of_too_many_windows_is_refused() -> None:
    """I20: what is looked up at each quarter-hour is bounded, and the refusal says by how much it is over."""
    content = raw("it-f123")
    windows = content["bands"]["window"] * MAX_WINDOWS
    content["bands"]["window"] = windows[:MAX_WINDOWS]
    to_tariff(document.convert(content, TariffDocument, where="t.toml"), "t.toml")
    content["bands"]["window"] = windows[: MAX_WINDOWS + 1]
    error = refusal(content)
    assert (error.key, str(error)) == ("bands.window", "t.toml: bands.window: 65 windows; at most 64")
