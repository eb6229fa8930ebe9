"""A tariff at its edges: the least and the most that a coefficient of gas may be."""

from dataclasses import replace

import pytest

from tests.prepayment.test_gas import GAS


@pytest.mark.parametrize("ppm", [900_000, 1_100_000])
def test_the_least_and_the_most_coefficient_are_coefficients(ppm: int) -> None:
    """Requirements 4.5: the bounds themselves are places with gas."""
    assert replace(GAS, coefficient_ppm=ppm).coefficient_ppm == ppm


@pytest.mark.parametrize("ppm", [899_999, 1_100_001])
def test_a_coefficient_beyond_is_refused_with_its_bounds(ppm: int) -> None:
    """Requirements 4.5: whoever wrote the file reads between which numbers a C lies."""
    with pytest.raises(ValueError, match=r"^a coefficient C lies between 0\.9 and 1\.1$"):
        replace(GAS, coefficient_ppm=ppm)
