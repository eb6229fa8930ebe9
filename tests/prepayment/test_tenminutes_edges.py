"""S4-12: hours of ten-minute means that are over at once."""

from dataclasses import replace

from gateway.prepayment.tenminutes import HOUR_MS, TEN_MS, TenMinutes, rolled
from tests.prepayment.test_tenminutes import CHECK


def test_hours_that_are_over_together_are_given_out_in_their_order() -> None:
    """S4-12: after a silence of two hours the rows are those of 07:00 and of 08:00, in that order."""
    early = TenMinutes("voltage_l1", 8 * HOUR_MS - TEN_MS, 1, 2_300)
    late = TenMinutes("voltage_l1", 8 * HOUR_MS, 1, 2_310)
    check, hours = rolled(replace(CHECK, hour=(early, late)), 9 * HOUR_MS)
    assert hours == ((early,), (late,))
    assert check.hour == ()
