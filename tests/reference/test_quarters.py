"""Quarter-hours at the reference head-end: in order, none lost, and what exists no more holds nothing up."""

from typing import Any

from gateway.reference.quarters import REPEAT_AFTER_S, REPEATS, WAITING_MAX, Quarters


def interval(number: int) -> dict[str, Any]:
    """One quarter-hour as it arrives."""
    return {"number": number}


def test_a_lost_quarter_hour_is_waited_for() -> None:
    """I23, threat 20: what a broker lost is not acknowledged with those after it; once it comes, all follow."""
    quarters = Quarters()
    assert quarters.take(interval(1), 0.0) == [interval(1)]
    assert quarters.take(interval(3), 0.0) == []
    assert quarters.take(interval(4), 0.0) == []
    assert quarters.number == 1
    assert quarters.take(interval(2), 0.0) == [interval(2), interval(3), interval(4)]
    assert quarters.take(interval(2), 9.0) == []


def test_what_is_delivered_twice_at_once_says_nothing() -> None:
    """QoS 1 repeats a message; a gap is given up only for repeats that the gateway made, one after the other."""
    quarters = Quarters(7)
    for _ in range(9):
        assert quarters.take(interval(9), 1.0) == []
    assert quarters.number == 7


def test_what_is_past_its_retention_is_given_up() -> None:
    """I20: deleted quarter-hours never come; the first that exists comes again and again, and then counts."""
    quarters = Quarters(7)
    quarters.take(interval(100), 0.0)
    quarters.take(interval(101), 0.0)
    for repeat in range(1, REPEATS):
        assert quarters.take(interval(100), repeat * REPEAT_AFTER_S) == []
    assert quarters.take(interval(100), REPEATS * REPEAT_AFTER_S) == [interval(100), interval(101)]
    assert quarters.number == 101


def test_those_that_wait_are_bounded() -> None:
    """I20: a gap in front of a long absence does not fill the head-end's memory; the rest comes again later."""
    quarters = Quarters(1)
    for number in range(3, 3 * WAITING_MAX):
        quarters.take(interval(number), 0.0)
    assert len(quarters.take(interval(2), 0.0)) == WAITING_MAX + 1
