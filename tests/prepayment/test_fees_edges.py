"""Fees at the edge: which row counts, what less power gives back, and where half a nano-unit goes."""

from datetime import date

import pytest

from gateway.prepayment.fees import (
    FeeRow,
    Fees,
    Late,
    NoRow,
    Rate,
    domestic_power_nano,
    late_interest_nano,
)

DAY = date(2026, 3, 1)
PER_KW = {"increase_to_6kw": 0, "increase_above_6kw": 0, "decrease": 0, "distributor_fixed": 0, "supplier_fixed": 0}


def priced(**amounts: int) -> Fees:
    """Fees of a household whose amounts not named are nothing."""
    return Fees("EUR", (FeeRow("power_lv_domestic", "2026-01-01", None, {**PER_KW, **amounts}),), ())


def test_a_row_without_an_end_counts_until_the_next_of_its_name() -> None:
    """S2-08: the later one of two that are valid, in whatever order the file has them."""
    old, new = (FeeRow("visit", day, None, {"fee": fee}) for day, fee in (("2025-01-01", 5), ("2026-03-01", 7)))
    for rows in ((old, new), (new, old)):
        fees = Fees("EUR", rows, ())
        assert [fees.row("visit", day)["fee"] for day in (date(2026, 2, 28), DAY)] == [5, 7]


def test_a_day_without_a_row_is_answered_with_the_rows_there_are() -> None:
    """S2-08: NoRow names each validity; one that lasts until it is replaced ends in three dots."""
    rows = (FeeRow("visit", "2026-03-02", "2026-03-03", {}), FeeRow("visit", "2026-03-05", None, {}))
    for day in (DAY, date(2026, 3, 4)):
        with pytest.raises(NoRow) as found:
            Fees("EUR", rows, ()).row("visit", day)
        assert str(found.value).endswith("rows: 2026-03-02 to 2026-03-03, 2026-03-05 to ...")


@pytest.mark.parametrize(
    ("from_w", "to_w", "nano"),
    [
        (3_000, 3_000, 53),
        (3_000, 4_000, 53 + 700),
        (5_000, 8_000, 53 + 700 + 2 * 1_100),
        (6_000, 7_000, 53 + 1_100),
        (4_000, 3_000, 53 + 2_000),
        (8_000, 5_000, 53 + 3 * 2_000),
    ],
)
def test_each_part_of_a_power_fee_counts(from_w: int, to_w: int, nano: int) -> None:
    """S2-08: so much a kW up to 6, above and less, to the watt, and both fixed parts whichever way it goes."""
    fees = priced(increase_to_6kw=700, increase_above_6kw=1_100, decrease=2_000, distributor_fixed=50, supplier_fixed=3)
    assert domestic_power_nano(from_w, to_w, fees, DAY) == nano


@pytest.mark.parametrize(("less_w", "nano"), [(1, 0), (499, 0), (500, 1), (501, 1), (1_499, 1), (1_500, 2)])
def test_half_a_nano_unit_goes_away_from_zero(less_w: int, nano: int) -> None:
    """Requirements 4.2: what is given back is rounded like what is asked for."""
    for sign in (1, -1):
        assert domestic_power_nano(3_000, 3_000 - less_w, priced(decrease=sign), DAY) == sign * nano


def test_interest_on_what_is_owed_to_the_customer_is_the_same_sum() -> None:
    """S1-18: the side that is late does not change the amount."""
    fees = Fees("EUR", (), (Rate("tur", "2026-01-01", 21_500),))
    sums = [late_interest_nano(n * 999_999_937, DAY, date(2026, 3, 8), fees, Late(), good_payer=False) for n in (1, -1)]
    assert sums == [1_083_562, -1_083_562], "1083561.58 before it is rounded"
