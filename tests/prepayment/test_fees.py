"""The sums of the sources: each example to the cent, and no row outside its validity."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.fees import load_fees
from gateway.errors import ConfigError
from gateway.prepayment.fees import (
    Fees,
    Late,
    NoRow,
    PaidBy,
    Rate,
    cash,
    compensation_nano,
    domestic_power_nano,
    late_interest_nano,
    other_power_nano,
    paid_by,
    set_off,
    to_medium_voltage_nano,
)
from gateway.prepayment.money import format_money, parse_money, round_cent

FILE = Path(__file__).parent.parent.parent / "config" / "fees" / "it.toml"
FEES = load_fees(FILE)
DUE, IN_2018, IN_2026 = date(2026, 3, 31), date(2018, 5, 1), date(2026, 3, 1)
EUR = 1_000_000_000


def cents(nano: int) -> str:
    """As it is billed."""
    return format_money(round_cent(nano))


@pytest.mark.parametrize(
    ("days", "good_payer", "exact", "billed"),
    [
        (30, False, "1.1610", "1.16"),
        (30, True, "0.8836", "0.88"),
        (10, True, "0.1096", "0.11"),
        (11, True, "0.1483", "0.15"),
        (0, False, "0.0000", "0.00"),
    ],
)
def test_late_interest(days: int, good_payer: bool, exact: str, billed: str) -> None:
    """S1-18, S1-19: 250 EUR at TUR 2.15 + 3.5 points, ACT/365; a good payer owes the legal rate for ten days."""
    paid = date.fromordinal(DUE.toordinal() + days)
    nano = late_interest_nano(250 * EUR, DUE, paid, FEES, Late(), good_payer=good_payer)
    assert (format_money(nano, 4, rounded=True), cents(nano)) == (exact, billed)


def test_each_day_has_its_own_rate() -> None:
    """S1-18: a rate that changes in between counts from its day; a day without a rate is refused, not guessed."""
    changed = Fees("EUR", (), (Rate("tur", "2026-01-01", 10_000), Rate("tur", "2026-04-11", 20_000)))
    spread = Late(spread_ppm=0)
    both = late_interest_nano(365 * EUR, DUE, date(2026, 4, 20), changed, spread, good_payer=False)
    assert both == 10 * EUR // 100 + 10 * 2 * EUR // 100
    with pytest.raises(NoRow, match="tur"):
        late_interest_nano(EUR, date(2025, 12, 1), DUE, FEES, Late(), good_payer=False)


@pytest.mark.parametrize(
    ("from_kw", "to_kw", "billed"),
    [(3, 4.5, "106.00"), (5, 8, "218.31"), (6, 10, "302.96"), (4.5, 3, "23.00"), (6, 5.5, "23.00"), (10, 8, "23.00")],
)
def test_power_fees_of_a_household(from_kw: float, to_kw: float, billed: str) -> None:
    """S2-08, G6: 55.33 a kW up to 6, 69.99 above, 23 fixed; less power costs nothing but that."""
    assert cents(domestic_power_nano(int(from_kw * 1000), int(to_kw * 1000), FEES, IN_2018)) == billed


@pytest.mark.parametrize(("more_kw", "billed"), [(5, "398.81"), (-5, "48.86"), (0, "48.86")])
def test_power_fees_of_other_uses(more_kw: int, billed: str) -> None:
    """S2-09: 69.99 a kW of more available power, 25.86 and 23 fixed."""
    assert cents(other_power_nano(10_000, 10_000 + 1000 * more_kw, FEES, IN_2018)) == billed


def test_from_low_to_medium_voltage() -> None:
    """S2-34: 436.79 and 26.13 fixed; the price per kW is the grid operator's."""
    assert cents(to_medium_voltage_nano(0, 0, FEES, IN_2018)) == "462.92"
    assert cents(to_medium_voltage_nano(2_500, 10 * EUR, FEES, IN_2018)) == "487.92"


@pytest.mark.parametrize(
    ("name", "total"),
    [("subentro", "48.86"), ("voltura", "48.86"), ("voltura_mortis_causa", "25.86"), ("meter_test", "46.59")],
)
def test_fixed_fees(name: str, total: str) -> None:
    """S2-02, S2-03, S2-04, S2-16: 25.86 and 23; between relatives 25.86 only; a meter that was right 46.59."""
    assert cents(sum(FEES.row(name, IN_2018).values())) == total


@pytest.mark.parametrize(
    ("day", "valid"),
    [("2017-03-31", False), ("2017-04-01", True), ("2019-06-30", True), ("2019-07-01", False)],
)
def test_no_fee_outside_its_validity(day: str, valid: bool) -> None:
    """S2-08: valid from 1 April 2017 to 30 June 2019; before and after the calculator refuses."""
    if valid:
        assert cents(domestic_power_nano(3000, 4500, FEES, date.fromisoformat(day))) == "106.00"
        return
    with pytest.raises(NoRow, match="2017-04-01 to 2019-06-30"):
        domestic_power_nano(3000, 4500, FEES, date.fromisoformat(day))
    with pytest.raises(NoRow, match="none"):
        FEES.row("nothing", IN_2018)


@pytest.mark.parametrize(
    ("days", "domestic", "other"),
    [(0, 0, 0), (5, 0, 0), (6, 35, 70), (10, 35, 70), (11, 70, 140), (15, 70, 140), (16, 105, 210), (90, 105, 210)],
)
def test_compensations_rise_in_steps(days: int, domestic: int, other: int) -> None:
    """S2-26: 35, 70, 105 and twice that for others, up to twice, three times, beyond the limit of 5."""
    assert compensation_nano(days, 5, FEES, IN_2026, domestic=True) == domestic * EUR
    assert compensation_nano(days, 5, FEES, IN_2026, domestic=False) == other * EUR


def test_indemnities() -> None:
    """G11: 30 EUR without notice, 20 for a term too short, as dated parameters."""
    assert FEES.row("indemnity", IN_2026) == {"no_notice": 30 * EUR, "wrong_term": 20 * EUR}


@pytest.mark.parametrize(
    ("amount", "paid"),
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
def test_cash_is_rounded_to_five_rappen(amount: str, paid: str) -> None:
    """Requirements 2.7, 4.2: half away from zero, and the difference is a line of its own."""
    nano, line = cash(parse_money(amount))
    assert format_money(nano) == paid
    assert nano - line == parse_money(amount)


@pytest.mark.parametrize(
    ("credit", "way"), [("2.99", PaidBy.NEXT_BILL), ("3.00", PaidBy.CHEQUE), ("9.00", PaidBy.CHEQUE)]
)
def test_small_credits_wait_for_the_next_bill(credit: str, way: PaidBy) -> None:
    """S3-11: below 3 EUR to the next bill, from 3.00 on by cheque."""
    assert paid_by(parse_money(credit), FEES.row("closing_credit", IN_2026)["cheque_from"]) is way


@given(st.lists(st.integers(0, 10**12), max_size=5), st.lists(st.integers(0, 10**12), max_size=5))
def test_a_set_off_loses_nothing(debits: list[int], lent: list[int]) -> None:
    """S3-12: what cancels is the smaller side; the rest is what was owed before. 40 against 55 leaves 15."""
    settled, net = set_off(debits, lent)
    assert (sum(lent) - settled) - (sum(debits) - settled) == net
    assert settled == min(sum(debits), sum(lent))
    assert set_off([40], [55]) == (40, 15)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('valid_to = "2019-06-30"', 'valid_to = "2016-06-30"', "lies before valid_from"),
        ('percent = "1.6"', 'percent = "1.6%%"', "percentage"),
        ('name = "voltura_mortis_causa"', 'name = "voltura"', "two rows of 'voltura'"),
        ('valid_from = "2025-01-01"', 'valid_from = "2026-01-01"', "two values"),
        ('no_notice = "30.00"', 'no_notice = "-30.00"', "below zero"),
        ('fees = "it"', 'fees = "it"\nfee = 1', "unknown"),
    ],
)
def test_a_fee_file_that_cannot_be_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    """S2-08, I24: what contradicts itself is named, with its file."""
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        load_fees(path)
