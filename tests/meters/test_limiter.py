from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.meters.limiter import HOUR_MS, LimiterRules, LimiterState, Phase, Sample, step

RATED_W = 13_800
LIMIT_W = 495


class House:
    """A supply behind a switched limiter, one poll a second, energy counted exactly in the given register step."""

    def __init__(
        self, rules: LimiterRules, *, quantum_wh: int = 1, tells_power: bool = True, poll_ms: int = 1000
    ) -> None:
        self.rules = rules
        self.state = LimiterState()
        self.now_ms = 0
        self.energy_w_ms = 0
        self.quantum_wh = quantum_wh
        self.tells_power = tells_power
        self.poll_ms = poll_ms
        self.trips_ms: list[int] = []
        self.told: list[str] = []

    def run(self, seconds: int, load_w: int, limit_w: int | None = LIMIT_W) -> None:
        """Let the load ask for `load_w` for so long."""
        for _ in range(seconds * 1000 // self.poll_ms):
            flowing_w = 0 if self.state.wants_open else load_w
            self.now_ms += self.poll_ms
            self.energy_w_ms += flowing_w * self.poll_ms
            wh = self.energy_w_ms // HOUR_MS // self.quantum_wh * self.quantum_wh
            sample = Sample(self.now_ms, wh, self.quantum_wh, flowing_w if self.tells_power else None)
            was_open = self.state.wants_open
            self.state, events = step(self.state, self.rules, sample, limit_w, RATED_W)
            self.told += [event.what for event in events]
            if self.state.wants_open and not was_open:
                self.trips_ms.append(self.now_ms)


def test_overload_is_warned_then_cut_then_closed_by_itself() -> None:
    """S2-05, decision 15: mean over the window, warning, open for open_s, closed again without anybody coming."""
    house = House(LimiterRules())
    house.run(119, 2000)
    assert house.told == []
    house.run(5, 2000)
    assert house.told == ["limit.warning"]
    house.run(10, 2000)
    assert house.state.phase is Phase.OPEN
    house.run(301, 0)
    assert house.told == ["limit.warning", "limit.trip", "limit.reclosed"]
    assert not house.state.wants_open


def test_a_fridge_inrush_does_not_trip() -> None:
    """Requirements 2.9: 1800 W for two seconds every ten minutes on 120 W is below 495 W in any 120 s window."""
    house = House(LimiterRules())
    for _ in range(6):
        house.run(2, 1800)
        house.run(598, 120)
    assert house.told == []


def test_the_trip_that_fills_the_hour_cools_down_and_closes() -> None:
    """Four trips, then an hour open with an alarm, then closed again, never a trip that needs somebody."""
    house = House(LimiterRules())
    house.run(3 * 3600, 3000)
    assert house.told.count("limit.cooldown") >= 1
    first = house.told.index("limit.cooldown")
    assert house.told[:first].count("limit.trip") == 4
    assert "limit.reclosed" in house.told[first:]


def test_lifting_the_limit_closes_at_once() -> None:
    """A top-up ends an opening in the same poll (decision 11: restoration never waits)."""
    house = House(LimiterRules())
    house.run(140, 3000)
    assert house.state.wants_open
    house.run(1, 3000, limit_w=None)
    assert not house.state.wants_open


def test_a_coarse_register_without_power_still_limits() -> None:
    """An Acrel tells energy only, in 10 Wh steps: 3 kW is cut, 495 W is not."""
    heavy, light = (House(LimiterRules(), quantum_wh=10, tells_power=False) for _ in range(2))
    heavy.run(300, 3000)
    light.run(3600, LIMIT_W)
    assert heavy.told[:2] == ["limit.warning", "limit.trip"]
    assert light.told == []


def test_a_jump_of_the_register_is_no_load() -> None:
    """Decision 6: a register that jumps by 50 kWh is a case for prepayment, not a reason to cut."""
    house = House(LimiterRules(), tells_power=False)
    house.run(200, 100)
    house.energy_w_ms += 50_000 * HOUR_MS
    house.run(300, 100)
    assert house.told == []


RULES = st.builds(
    lambda window, warn, opened, trips, cool: LimiterRules(window, warn, opened, trips, opened + cool),
    st.integers(1, 300),
    st.integers(0, 60),
    st.integers(1, 900),
    st.integers(1, 6),
    st.integers(0, 4000),
)
LOADS = st.lists(st.tuples(st.integers(1, 120), st.integers(0, 13_000)), min_size=1, max_size=25)


@given(RULES, LOADS, st.sampled_from([1, 10]), st.booleans(), st.sampled_from([1000, 10_000, 60_000]))
def test_never_more_trips_than_allowed_in_any_hour_and_always_closed_again(
    rules: LimiterRules, loads: list[tuple[int, int]], quantum_wh: int, tells_power: bool, poll_ms: int
) -> None:
    """Decision 15: at most N trips in any rolling hour, and every opening has an end no later than it promises."""
    house = House(rules, quantum_wh=quantum_wh, tells_power=tells_power, poll_ms=poll_ms)
    for minutes, load_w in loads:
        house.run(max(1, minutes) * 60 // (6 if poll_ms == 1000 else 1), load_w)
    for index, trip_ms in enumerate(house.trips_ms):
        assert sum(1 for other in house.trips_ms[index:] if other - trip_ms < HOUR_MS) <= rules.trips_per_hour
    if house.state.wants_open:
        left_ms = house.state.reclose_at_ms - house.now_ms
        assert left_ms <= max(rules.cooldown_s * 1000, HOUR_MS)
        house.run(left_ms // 1000 + 2 * poll_ms // 1000, 0)
        assert not house.state.wants_open


@given(RULES, st.lists(st.tuples(st.integers(1, 60), st.integers(0, LIMIT_W)), min_size=1, max_size=20),
       st.sampled_from([1, 10]), st.booleans())  # fmt: skip
def test_a_supply_below_its_limit_is_never_cut(
    rules: LimiterRules, loads: list[tuple[int, int]], quantum_wh: int, tells_power: bool
) -> None:
    """S1-11: whoever stays within the limit keeps the supply, whatever the steps of the register."""
    house = House(rules, quantum_wh=quantum_wh, tells_power=tells_power)
    for seconds, load_w in loads:
        house.run(seconds * 5, load_w)
    assert house.told == []


def test_rules_that_lock_a_customer_out_are_refused() -> None:
    """A cool-down shorter than a usual opening, or no trip at all, is a mistake in the settings."""
    with pytest.raises(ValueError, match="shorter"):
        LimiterRules(open_s=300, cooldown_s=60)
    with pytest.raises(ValueError, match="at least 1"):
        LimiterRules(trips_per_hour=0)
