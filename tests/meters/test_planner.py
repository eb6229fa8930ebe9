from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.meters.planner import Line, Span, bus_time_ms, parse_line, plan

SPANS = st.builds(Span, st.sampled_from([3, 4]), st.integers(0, 60), st.sampled_from([1, 2, 4]))


@given(st.lists(SPANS, max_size=12), st.integers(4, 20), st.integers(0, 12), st.sets(SPANS, max_size=6))
def test_a_plan_covers_all_splits_nothing_and_keeps_the_limits(
    wanted: list[Span], limit: int, bridge: int, readable: set[Span]
) -> None:
    """Every value lies whole in a request, no request exceeds the model's limit or reads a forbidden hole."""
    requests = plan(wanted, max_registers=limit, bridge=bridge, readable=readable)
    for value in wanted:
        assert any(r.fc == value.fc and r.address <= value.address and value.end <= r.end for r in requests)
    for request in requests:
        assert 1 <= request.count <= limit
        free = {x for s in [*readable, *wanted] if s.fc == request.fc for x in range(s.address, s.end)}
        run = 0
        for register in range(request.address, request.end):
            run = 0 if register in free else run + 1
            assert run <= bridge


def fewest(values: list[Span], limit: int, bridge: int) -> int:
    """The smallest number of requests, by trying all sets of windows that begin and end at values."""
    taken = {x for s in values for x in range(s.address, s.end)}

    def allowed(start: int, end: int) -> bool:
        run = 0
        for register in range(start, end):
            run = 0 if register in taken else run + 1
            if run > bridge:
                return False
        return end - start <= limit

    starts, ends = {s.address for s in values}, {s.end for s in values}
    windows = [(a, b) for a in starts for b in ends if b > a and allowed(a, b)]
    for size in range(len(values) + 1):
        for chosen in combinations(windows, size):
            if all(any(a <= s.address and s.end <= b for a, b in chosen) for s in values):
                return size
    raise AssertionError


@settings(max_examples=150)
@given(
    st.lists(st.builds(Span, st.just(3), st.integers(0, 24), st.sampled_from([1, 2])), max_size=5),
    st.integers(4, 12),
    st.integers(0, 6),
)
def test_no_plan_has_fewer_requests(wanted: list[Span], limit: int, bridge: int) -> None:
    """Against brute force on small cases: the number of requests is minimal."""
    assert len(plan(wanted, max_registers=limit, bridge=bridge)) == fewest(wanted, limit, bridge)


def test_a_value_that_fits_no_request_is_refused() -> None:
    """A limit below the value's size is a defect of the profile, told at start."""
    with pytest.raises(ValueError, match="does not fit"):
        plan([Span(3, 0, 4)], max_registers=2)


def test_bus_time_of_a_known_poll() -> None:
    """24 registers at 9600 8N1: 61 characters of 1.04 ms, the turnaround and the gap."""
    line = parse_line("9600 8N1")
    assert line == Line(9600, 8, "N", 1)
    assert bus_time_ms([Span(4, 52, 24)], line, 50) == pytest.approx(61 * 10 / 9.6 + 20 + 50)


@pytest.mark.parametrize("text", ["", "9600", "fast 8N1", "9600 8X1", "9600 7E1", "50 8N1", "9600 8N3"])
def test_a_wrong_line_is_refused(text: str) -> None:
    """Bad input: line settings that Modbus cannot have."""
    with pytest.raises(ValueError, match=r"baud|frame|data bits"):
        parse_line(text)
