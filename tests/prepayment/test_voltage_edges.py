"""S4-12: what a voltage check says, whole, and the instant at which it is over."""

import pytest

from gateway.prepayment.events import Reading, Tick, TimeTrust
from gateway.prepayment.ledger import Verdict, VerdictStatus
from gateway.prepayment.taken import refused
from gateway.prepayment.voltage import CHECK_MAX_MS
from tests.prepayment.test_voltage import TEN_MS, begin, live, rows, world
from tests.prepayment.worlds import HOUR_MS, MONDAY_MS, TERMS


def test_a_check_that_begins_says_its_bounds_and_no_reason() -> None:
    """S4-12: from and to as they were rounded to ten minutes, and how many values each phase will give."""
    w = world()
    w.utc_ms += 1
    detail = (("from_utc_ms", MONDAY_MS + TEN_MS), ("to_utc_ms", MONDAY_MS + 7 * TEN_MS), ("expected", 6))
    assert begin(w, HOUR_MS) == Verdict(VerdictStatus.APPLIED, "", detail)


def test_a_refusal_says_what_would_do() -> None:
    """S4-12: which instant it is, which is the latest, which check runs, what the meter must tell."""
    w = world()
    now_ms = w.utc_ms
    assert begin(w, 0) == refused("in_the_past", now_utc_ms=now_ms)
    assert begin(w, CHECK_MAX_MS + 1) == refused("too_far_ahead", latest_utc_ms=now_ms + CHECK_MAX_MS)
    assert begin(w, CHECK_MAX_MS).status is VerdictStatus.APPLIED
    assert begin(w, HOUR_MS, "v-2") == refused("check_running", check_id="v-1")
    w.terms = TERMS
    hint = "the meter's model tells no voltage of a low-voltage phase"
    assert begin(w, HOUR_MS) == refused("not_applicable", hint=hint)


@pytest.mark.parametrize(
    ("before_end_ms", "trust", "over"),
    [
        (1, TimeTrust.SYNCHRONISED, False),
        (0, TimeTrust.SYNCHRONISED, True),
        (-1, TimeTrust.SYNCHRONISED, True),
        (-1, TimeTrust.RESTORED, False),
    ],
)
def test_a_clock_that_is_set_ahead_ends_the_check_at_its_instant(
    before_end_ms: int, trust: TimeTrust, over: bool
) -> None:
    """S4-12: by dated time as soon as that says so; a time that nobody dated ends nothing."""
    w = world()
    begin(w, HOUR_MS)
    w.running_ms, w.utc_ms, w.trust = 1_000, MONDAY_MS + HOUR_MS - before_end_ms, trust
    w.post(Tick(w.now()))
    assert (w.account.voltage_check is None) is over
    assert len(rows(w, "voltage.report")) == over


def test_a_single_value_of_an_hour_is_a_row_of_its_check() -> None:
    """S4-12: the row of an hour with one value names check and case like any other."""
    w = world()
    begin(w, HOUR_MS)
    w.running_ms, w.utc_ms = 50 * 60_000, MONDAY_MS + 50 * 60_000
    w.post(Reading(w.now(), w.register_wh, voltages=(("voltage_l1", 2_300),)))
    live(w, 20 * 60_000, step_ms=20 * 60_000)
    assert rows(w, "voltage.hour") == [
        {
            "check_id": "v-1", "case_id": "case 7", "from_utc_ms": MONDAY_MS,
            "voltage_l1_50_dv": 2_300, "voltage_l1_50_samples": 1,
        }
    ]  # fmt: skip


def test_a_short_check_from_its_first_row_to_its_last() -> None:
    """S4-12: begun, an hour, the summary: each row names check and case, and shows all that belongs to it."""
    w = world()
    named = {"check_id": "v-1", "case_id": "case 7"}
    bounds = {"from_utc_ms": MONDAY_MS, "to_utc_ms": MONDAY_MS + TEN_MS}
    begin(w, TEN_MS)
    assert rows(w, "voltage.begun") == [
        {"command_id": "c-v-1", **named, **bounds, "expected": 1, "phases": "voltage_l1 voltage_l2"}
    ]
    live(w, TEN_MS, 2_540, step_ms=300_000)
    assert rows(w, "voltage.hour") == [
        {
            **named, "from_utc_ms": MONDAY_MS, "voltage_l1_00_dv": 2_540, "voltage_l1_00_samples": 1,
            "voltage_l2_00_dv": 2_530, "voltage_l2_00_samples": 1,
        }
    ]  # fmt: skip
    assert rows(w, "voltage.report") == [
        {
            **named, **bounds, "reason": "complete", "expected": 1,
            "voltage_l1_values": 1, "voltage_l1_min_dv": 2_540, "voltage_l1_max_dv": 2_540, "voltage_l1_outside": 1,
            "voltage_l2_values": 1, "voltage_l2_min_dv": 2_530, "voltage_l2_max_dv": 2_530, "voltage_l2_outside": 0,
        }
    ]  # fmt: skip
