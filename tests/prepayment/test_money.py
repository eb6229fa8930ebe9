import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prepayment import money

nanos = st.integers(min_value=-(10**18) + 1, max_value=10**18 - 1)


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        ("20.00", 20_000_000_000),
        ("0", 0),
        ("-3.2147", -3_214_700_000),
        ("0.000000001", 1),
        ("999999999.999999999", 999_999_999_999_999_999),
    ],
)
def test_amounts_are_read_exactly(text: str, nano: int) -> None:
    """A decimal becomes the integer it says (decision 1)."""
    assert money.parse_money(text) == nano


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1,00",
        "1'200.00",
        "1e3",
        "NaN",
        "Infinity",
        "+1",
        ".5",
        "5.",
        "1.0000000001",
        "1234567890",
        "१.00",
        "1\n",
    ],
)
def test_what_is_not_exact_is_refused(text: str) -> None:
    """Exponents, NaN, group signs, foreign digits and a tenth decimal are no amounts."""
    with pytest.raises(ValueError, match="is not an amount"):
        money.parse_money(text)


@given(nanos)
def test_the_wire_form_reads_back(nano: int) -> None:
    """What is stored and sent is exact, with at least two decimals and never a trailing zero beyond them."""
    text = money.wire_money(nano)
    assert money.parse_money(text) == nano
    decimals = text.partition(".")[2]
    assert len(decimals) == 2 or not decimals.endswith("0")


@given(nanos, st.integers(min_value=0, max_value=9))
def test_a_digit_is_lost_only_when_asked(nano: int, decimals: int) -> None:
    """format_money shows all there is or refuses; rounded it is off by at most half the last place."""
    step = 10 ** (9 - decimals)
    if nano % step:
        with pytest.raises(ValueError, match="without rounding"):
            money.format_money(nano, decimals)
    else:
        assert money.parse_money(money.format_money(nano, decimals)) == nano
    rounded = money.format_money(nano, decimals, rounded=True)
    assert abs(int(rounded.replace(".", "")) * step - nano) * 2 <= step


@pytest.mark.parametrize(("nano", "paid"), [(0, "0.00"), (1, "0.01"), (10_000_000, "0.01"), (10_000_001, "0.02")])
def test_what_is_to_be_paid_is_rounded_up(nano: int, paid: str) -> None:
    """Requirements 4.2: who pays what a message or the console names has paid enough, and not a cent too much."""
    assert money.wire_money(money.up_to_cent(nano)) == paid


@pytest.mark.parametrize(
    ("text", "rounded"),
    [("1.1610", "1.16"), ("0.8836", "0.88"), ("0.005", "0.01"), ("-0.005", "-0.01"), ("0.0049", "0.00")],
)
def test_cents_round_half_away_from_zero(text: str, rounded: str) -> None:
    """Requirements 2.7: 1.1610 is 1.16, 0.8836 is 0.88; a half goes away from zero."""
    assert money.format_money(money.round_cent(money.parse_money(text))) == rounded


@pytest.mark.parametrize(
    ("text", "rounded"),
    [
        ("12.32", "12.30"),
        ("12.33", "12.35"),
        ("12.37", "12.35"),
        ("12.38", "12.40"),
        ("12.325", "12.35"),
        ("-3.22", "-3.20"),
        ("-3.23", "-3.25"),
    ],
)
def test_cash_in_francs_rounds_to_five_rappen(text: str, rounded: str) -> None:
    """The seven vectors of requirements 2.7."""
    assert money.format_money(money.round_5_rappen(money.parse_money(text))) == rounded


def test_a_price_is_exact_per_watt_hour() -> None:
    """0.3247 per kWh is 324 700 nano per Wh, and reads back (decision 1)."""
    assert money.parse_price_per_kwh("0.3247") == 324_700
    assert money.parse_price_per_kwh("0.000001") == 1
    assert money.format_price_per_kwh(324_700) == "0.3247"


def test_a_price_finer_than_a_watt_hour_can_carry_is_refused() -> None:
    """The seventh decimal of a price per kWh would make rating inexact (decision 1)."""
    with pytest.raises(ValueError, match="finer than 6 decimals"):
        money.parse_price_per_kwh("0.3247001")
