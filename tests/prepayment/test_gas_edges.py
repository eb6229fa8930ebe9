"""A coefficient at the edge: the last place there is, and where half a millionth goes."""

import pytest

from gateway.prepayment.gas import coefficient_ppm


@pytest.mark.parametrize(
    ("place", "ppm"),
    [((5_000, 0, 1), 539_760), ((0, 60, 1), 1_249_575), ((0, 120, 2), 1_249_575)],
)
def test_the_last_places_there_are(place: tuple[int, int, int], ppm: int) -> None:
    """Requirements 4.5: 5000 m, and 60 degrees below 20 on every day of the period, are still places."""
    assert coefficient_ppm(*place) == ppm


def test_half_a_millionth_is_rounded_up() -> None:
    """Requirements 4.5: at 905 m with 12 degree days in 183 days kp times kt ends in exactly half of the last digit."""
    assert coefficient_ppm(905, 12, 183) == 895_451
