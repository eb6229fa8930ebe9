"""What a reading may charge (decision 6, I6): the most important correctness tests of a prepaid product."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prepayment.events import Moment, Reading, Restarted, TimeTrust
from gateway.prepayment.ledger import Happening
from gateway.prepayment.register import CONFIRMATIONS, CaseKind, Register, judge, plausible_wh

from .worlds import HOUR_MS, NANO, World, at, opened, world

RATED_W = 13_800


def _happened(w: World) -> list[str]:
    return [record.what for record in w.records if isinstance(record, Happening)]


def _pass(w: World, ms: int) -> None:
    w.running_ms += ms
    w.utc_ms += ms


def test_plausible_is_rated_power_over_time_and_two_quanta() -> None:
    """Decision 6: the bound is rated power and a quarter x elapsed + 2 register quanta, rounded up."""
    assert plausible_wh(HOUR_MS, RATED_W, 1) == 17_250 + 2
    assert plausible_wh(0, RATED_W, 10) == 20
    assert plausible_wh(1_000, RATED_W, 1) == 5 + 2


def test_hours_at_full_current_and_high_voltage_are_charged() -> None:
    """I6: 63 A at 253 V on a supply rated 60 A at 230 V is consumption; left to a person it would be free."""
    w = world()
    for _ in range(180):
        _pass(w, 60_000)
        w.register_wh += 266
        w.read()
    assert w.account.usage.wh == w.register_wh
    assert w.account.register.trusted


def test_ordinary_consumption_is_charged_exactly() -> None:
    """S0-10: 1.000 kWh at 0.25 costs 0.25, exactly."""
    w = world()
    w.use(1_000)
    assert w.account.balance_nano == 20 * NANO - 250_000_000


@pytest.mark.parametrize("garbage_wh", [0, 4_294_967_295, 53_700_000])
def test_one_wrong_value_charges_nothing(garbage_wh: int) -> None:
    """Peers book a transient zero or a glitch as tens of MWh; here it charges nothing and is asked for again."""
    w = world()
    w.use(5_000)
    before = w.account.balance_nano
    _pass(w, 1_000)
    outcome = w.read(import_wh=garbage_wh)
    assert outcome.reread
    assert w.account.balance_nano == before
    assert not w.account.register.trusted
    w.use(500)
    assert w.account.balance_nano == before - 500 * 250_000
    assert w.account.register.trusted
    assert _happened(w) == ["register.quarantined", "register.transient"]


@pytest.mark.parametrize("defect", ["nan", "all_ones"])
def test_a_value_unbelievable_by_itself_charges_nothing(defect: str) -> None:
    """NaN and 0xFFFF are put on record once and never become a number."""
    w = world()
    w.use(100)
    before = w.account.balance_nano
    for _ in range(4):
        _pass(w, 1_000)
        outcome = w.read(import_wh=None, defect=defect)
        assert outcome.reread
    assert w.account.balance_nano == before
    assert _happened(w) == ["register.unreadable"]
    w.use(10)
    assert w.account.register.trusted
    assert w.account.balance_nano == before - 10 * 250_000


@pytest.mark.parametrize("jump_wh", [-4_000, 90_000])
def test_a_stable_discontinuity_is_left_to_a_person(jump_wh: int) -> None:
    """Decision 6, threat 15: stable is not consumption: charging goes on, the difference stays open."""
    w = world()
    w.use(5_000)
    before = w.account.balance_nano
    w.register_wh += jump_wh
    for _ in range(CONFIRMATIONS):
        _pass(w, 1_000)
        w.read()
    assert w.account.balance_nano == before
    assert [case.kind for case in w.account.register.cases] == [CaseKind.DISCONTINUITY]
    assert w.account.register.cases[0].to_wh - w.account.register.cases[0].from_wh == jump_wh
    w.use(1_000)
    assert w.account.balance_nano == before - 1_000 * 250_000
    assert w.account.register.segment == 2


def test_a_wrap_is_charged_only_where_the_profile_knows_it() -> None:
    """Threat 14: a wrap is explicit, plausible and confirmed, and charges what was used across it."""
    w = World(opened(register_wh=999_950), register_wh=999_950)
    w.terms = replace(w.terms, wraps_at_wh=1_000_000)
    w.read()
    before = w.account.balance_nano
    w.register_wh = 30
    for _ in range(CONFIRMATIONS):
        _pass(w, 60_000)
        w.read()
    assert w.account.balance_nano == before - 80 * 250_000
    assert "register.wrapped" in _happened(w)
    assert not w.account.register.cases


def test_the_load_curve_adds_up_to_what_was_charged() -> None:
    """Decision 5: quarter-hours, the open one included, hold every Wh rated, across a wrap and a gap."""
    w = World(opened(900 * NANO, register_wh=999_000), register_wh=999_000)
    w.terms = replace(w.terms, wraps_at_wh=1_000_000)
    curve_wh = 0
    for step in range(200):
        _pass(w, 400_000 if step % 7 else 3 * HOUR_MS)
        w.register_wh = (w.register_wh + 250) % 1_000_000
        for _ in range(CONFIRMATIONS):
            _pass(w, 1_000)
            curve_wh += sum(interval.import_wh for interval in w.read().intervals)
    assert curve_wh + w.account.intervals.open_import_wh == w.account.usage.wh == 200 * 250


def test_a_week_without_the_gateway_charges_exactly_what_was_used() -> None:
    """The register is the log of consumption: with known time the gap is charged after it was read three times."""
    w = world(400 * NANO)
    w.use(1_000)
    before = w.account.balance_nano
    w.utc_ms += 7 * 24 * HOUR_MS
    w.running_ms += 1_000
    w.register_wh += 60_000
    w.post(Restarted(w.now()))
    for _ in range(CONFIRMATIONS):
        assert w.account.balance_nano == before
        w.read()
        _pass(w, 1_000)
    assert w.account.balance_nano == before - 60_000 * 250_000
    assert not w.account.register.cases


def test_a_gap_of_unknown_length_waits_for_the_time() -> None:
    """Without trusted time the gap is neither charged nor forgotten; the time settles it."""
    w = world(400 * NANO)
    w.use(1_000)
    before = w.account.balance_nano
    true_utc_ms = w.utc_ms + 7 * 24 * HOUR_MS
    w.running_ms += 1_000
    w.trust = TimeTrust.RESTORED
    w.register_wh += 60_000
    w.post(Restarted(w.now()))
    for _ in range(CONFIRMATIONS):
        w.read()
        _pass(w, 1_000)
    assert w.account.balance_nano == before
    assert [case.kind for case in w.account.register.cases] == [CaseKind.UNOBSERVED]
    w.trust, w.utc_ms = TimeTrust.SYNCHRONISED, true_utc_ms + 10_000
    _pass(w, 1_000)
    w.read()
    assert w.account.balance_nano == before - 60_000 * 250_000
    assert not w.account.register.cases


def test_a_gap_that_the_time_does_not_explain_is_left_to_a_person() -> None:
    """The same gap after an absence of an hour cannot be consumption."""
    w = world(400 * NANO)
    before = w.account.balance_nano
    w.trust = TimeTrust.UNKNOWN
    w.register_wh += 60_000
    w.running_ms += 1_000
    w.post(Restarted(w.now()))
    for _ in range(CONFIRMATIONS):
        w.read()
        _pass(w, 1_000)
    w.trust = TimeTrust.SYNCHRONISED
    w.utc_ms += HOUR_MS
    w.read()
    assert w.account.balance_nano == before
    assert [case.kind for case in w.account.register.cases] == [CaseKind.DISCONTINUITY]


def test_a_clock_step_does_not_make_a_jump_plausible() -> None:
    """I16: while running, only observed time bounds a reading; a wall clock a year ahead explains nothing."""
    w = world(400 * NANO)
    before = w.account.balance_nano
    w.utc_ms += 365 * 24 * HOUR_MS
    w.running_ms += 1_000
    w.register_wh += 60_000
    w.read()
    assert w.account.balance_nano == before
    assert not w.account.register.trusted


def test_a_foreign_meter_charges_nothing() -> None:
    """Threat 11: another serial number is put on record; neither credit nor charge moves."""
    w = world(meter_serial="A1")
    w.use(100)
    before = w.account.balance_nano
    _pass(w, 1_000)
    w.read(import_wh=100, serial="B2")
    assert w.account.balance_nano == before
    assert not w.account.register.trusted
    assert _happened(w) == ["register.foreign_serial"]
    _pass(w, 1_000)
    w.read(serial="A1")
    assert w.account.register.trusted


def test_the_first_register_value_needs_confirmation() -> None:
    """An account opened without a register starts from a value read three times, not from the first glitch."""
    w = World(opened(register_wh=None), register_wh=7_000)
    w.read(import_wh=0)
    for _ in range(CONFIRMATIONS):
        assert w.account.register.wh is None
        _pass(w, 1_000)
        w.read()
    assert w.account.register.wh == 7_000
    assert w.account.balance_nano == 20 * NANO


@given(st.lists(st.tuples(st.integers(0, 2**33), st.integers(0, 600_000)), min_size=1, max_size=60))
def test_never_more_than_the_rated_power_is_charged(steps: list[tuple[int, int]]) -> None:
    """I6: whatever the register says, energy charged is bounded by rated power over observed time plus quanta."""
    register = Register(wh=0, at=at())
    charged = running_ms = 0
    for value_wh, wait_ms in steps:
        running_ms += wait_ms
        judged = judge(
            register, Reading(at(running_ms), value_wh), serial=None, rated_power_w=RATED_W, wraps_at_wh=None
        )
        register = judged.register
        assert all(span.wh >= 0 for span in judged.spans)
        charged += sum(span.wh for span in judged.spans)
    assert charged <= RATED_W * 5 * running_ms // (4 * HOUR_MS) + 3 * len(steps)


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=40), st.data())
def test_glitches_never_change_what_honest_consumption_costs(steps: list[int], data: st.DataObject) -> None:
    """I6: with single glitches strewn in, the charge equals the register difference exactly."""
    w = World(opened(900 * NANO, register_wh=5_000), register_wh=5_000)
    w.read()
    for wh in steps:
        _pass(w, 600_000)
        w.register_wh += wh
        if data.draw(st.booleans()):
            w.read(import_wh=data.draw(st.sampled_from([0, 2**32 - 1, w.register_wh + 50_000, None])), defect="nan")
            _pass(w, 1_000)
        w.read()
    assert w.account.usage.charge_total_nano == (w.register_wh - 5_000) * 250_000


def test_undated_moments_of_a_first_boot_charge_from_the_opening_register() -> None:
    """A gateway that has never known the time still charges ordinary consumption."""
    w = World(opened(register_wh=1_000, at=Moment(0, TimeTrust.UNKNOWN, 0)), register_wh=1_000, trust=TimeTrust.UNKNOWN)
    w.read()
    w.use(2_000)
    assert w.account.usage.charge_total_nano == 2_000 * 250_000
