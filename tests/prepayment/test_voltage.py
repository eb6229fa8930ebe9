"""S4-12: a voltage check from its command to its summary, one account under a clock that the test moves."""

from dataclasses import replace

import pytest

from gateway.prepayment.account import Terms
from gateway.prepayment.events import AccountClosed, Reading, Tick, TimeTrust
from gateway.prepayment.ledger import Happening, Verdict, VerdictStatus
from gateway.prepayment.supply import Commodity, Voltage
from gateway.prepayment.voltage import CHECK_MAX_MS, VoltageCheckBegun
from tests.prepayment.worlds import DAY_MS, HOUR_MS, MONDAY_MS, TERMS, World, opened

METERED = replace(TERMS, voltages=("voltage_l1", "voltage_l2"))
TEN_MS = 600_000


def world() -> World:
    """An account whose meter tells the voltage of two phases."""
    return World(opened(), terms=METERED)


def begin(w: World, span_ms: int, check_id: str = "v-1") -> Verdict:
    """Order a check for so long."""
    outcome = w.post(VoltageCheckBegun(w.now(), f"c-{check_id}", check_id, w.utc_ms + span_ms, "case 7"))
    assert outcome.verdict is not None
    return outcome.verdict


def live(w: World, span_ms: int, dv: int = 2_300, step_ms: int = 60_000) -> None:
    """Polls that see both phases, the second 1 V lower."""
    for _ in range(span_ms // step_ms):
        w.running_ms += step_ms
        w.utc_ms += step_ms
        w.post(Reading(w.now(), w.register_wh, voltages=(("voltage_l1", dv), ("voltage_l2", dv - 10))))


def rows(w: World, what: str) -> list[dict[str, str | int]]:
    """The details of the rows of this kind."""
    return [dict(row.detail) for row in w.records if isinstance(row, Happening) and row.what == what]


def test_a_week_is_1008_values_of_each_phase() -> None:
    """S4-12: an hour a row, 168 of them, and a summary that counts them."""
    w = world()
    answer = begin(w, 7 * DAY_MS)
    assert (answer.status, dict(answer.detail)["expected"]) == (VerdictStatus.APPLIED, 1_008)
    live(w, 7 * DAY_MS, step_ms=300_000)
    hours = rows(w, "voltage.hour")
    assert len(hours) == 168
    assert sum(key.startswith("voltage_l1") and key.endswith("_dv") for hour in hours for key in hour) == 1_008
    [report] = rows(w, "voltage.report")
    assert report == {
        "check_id": "v-1", "case_id": "case 7", "from_utc_ms": MONDAY_MS, "to_utc_ms": MONDAY_MS + 7 * DAY_MS,
        "reason": "complete", "expected": 1_008,
        "voltage_l1_values": 1_008, "voltage_l1_min_dv": 2_300, "voltage_l1_max_dv": 2_300, "voltage_l1_outside": 0,
        "voltage_l2_values": 1_008, "voltage_l2_min_dv": 2_290, "voltage_l2_max_dv": 2_290, "voltage_l2_outside": 0,
    }  # fmt: skip
    assert w.account.voltage_check is None
    assert rows(w, "voltage.begun") == [
        {
            "command_id": "c-v-1", "check_id": "v-1", "case_id": "case 7", "from_utc_ms": MONDAY_MS,
            "to_utc_ms": MONDAY_MS + 7 * DAY_MS, "expected": 1_008, "phases": "voltage_l1 voltage_l2",
        }
    ]  # fmt: skip


def test_the_rows_are_those_of_the_hour_and_say_how_many_samples() -> None:
    """S4-12: by phase and minute of the hour; what was not heard is not there, and the summary shows the gap."""
    w = world()
    begin(w, 2 * HOUR_MS)
    live(w, 9 * 60_000)
    live(w, 20 * 60_000, step_ms=20 * 60_000)
    live(w, 10 * 60_000, 2_540)
    live(w, HOUR_MS + 21 * 60_000)
    first, second = rows(w, "voltage.hour")
    assert first["from_utc_ms"] == MONDAY_MS
    assert [first[f"voltage_l1_{minute}_samples"] for minute in ("00", "20", "30", "40", "50")] == [9, 1, 10, 10, 10]
    assert (first["voltage_l1_20_dv"], first["voltage_l1_30_dv"], first["voltage_l2_30_dv"]) == (2_300, 2_540, 2_530)
    assert "voltage_l1_10_dv" not in first
    assert second["from_utc_ms"] == MONDAY_MS + HOUR_MS
    [report] = rows(w, "voltage.report")
    assert (report["expected"], report["voltage_l1_values"], report["voltage_l1_max_dv"]) == (12, 11, 2_540)
    assert (report["voltage_l1_outside"], report["voltage_l2_outside"]) == (1, 0)


def test_a_phase_that_said_nothing_is_named_with_no_values() -> None:
    """S4-12: neither a least nor a highest of nothing, in rows and summary; the other phase has its own."""
    w = world()
    begin(w, 20 * 60_000)
    for _ in range(25):
        w.running_ms += 60_000
        w.utc_ms += 60_000
        w.post(Reading(w.now(), w.register_wh, voltages=(("voltage_l1", 2_300),)))
    [report] = rows(w, "voltage.report")
    assert {key: value for key, value in report.items() if key.startswith("voltage")} == {
        "voltage_l1_values": 2, "voltage_l1_min_dv": 2_300, "voltage_l1_max_dv": 2_300, "voltage_l1_outside": 0,
        "voltage_l2_values": 0,
    }  # fmt: skip
    assert all(not key.startswith("voltage_l2") for row in rows(w, "voltage.hour") for key in row)


def test_nothing_is_kept_while_no_check_runs() -> None:
    """S4-12: a reading's voltages alone make no row and no state."""
    w = world()
    live(w, 2 * HOUR_MS)
    assert w.account.voltage_check is None
    assert [row for row in w.records if isinstance(row, Happening) and row.what.startswith("voltage")] == []


def test_only_dated_time_gives_values_and_the_end_comes_without_it() -> None:
    """S4-12: with a lost clock no value is placed anywhere, and the campaign ends by the running time."""
    w = world()
    begin(w, HOUR_MS)
    live(w, 20 * 60_000)
    w.trust = TimeTrust.RESTORED
    live(w, 39 * 60_000)
    assert rows(w, "voltage.report") == []
    w.running_ms += 60_000
    w.post(Tick(w.now()))
    [report] = rows(w, "voltage.report")
    assert (report["expected"], report["voltage_l1_values"]) == (6, 3)
    assert w.account.voltage_check is None


def test_the_end_of_the_contract_ends_the_check() -> None:
    """S4-12: with what was heard until then, in the same transaction."""
    w = world()
    begin(w, 2 * HOUR_MS)
    live(w, 25 * 60_000)
    w.post(AccountClosed(w.now(), "c-9", "moved"))
    [report] = rows(w, "voltage.report")
    assert (report["reason"], report["expected"], report["voltage_l1_values"]) == ("account_closed", 12, 3)
    assert len(rows(w, "voltage.hour")) == 1
    assert w.account.voltage_check is None


def test_a_check_that_cannot_be_is_refused_and_changes_nothing() -> None:
    """S4-12: each refusal has its reason."""
    w = world()
    before = w.account
    assert begin(w, 0).reason == "in_the_past"
    assert begin(w, CHECK_MAX_MS + 1).reason == "too_far_ahead"
    w.utc_ms += 1
    too_short = begin(w, 1)
    assert (too_short.reason, too_short.detail) == ("too_short", (("earliest_utc_ms", MONDAY_MS + 2 * TEN_MS),))
    w.trust = TimeTrust.RESTORED
    assert begin(w, HOUR_MS).reason == "clock_untrusted"
    assert w.account == before
    w.trust = TimeTrust.SYNCHRONISED
    assert begin(w, CHECK_MAX_MS).status is VerdictStatus.APPLIED
    again = begin(w, HOUR_MS, "v-2")
    assert (again.status, again.reason, again.detail) == (
        VerdictStatus.REFUSED,
        "check_running",
        (("check_id", "v-1"),),
    )
    assert w.account.voltage_check is not None
    assert w.account.voltage_check.expected == 8 * 144


@pytest.mark.parametrize(
    ("terms", "commodity", "voltage"),
    [
        (TERMS, Commodity.ELECTRICITY, Voltage.LV),
        (METERED, Commodity.GAS, Voltage.LV),
        (METERED, Commodity.ELECTRICITY, Voltage.MV),
    ],
    ids=["no register", "gas", "medium voltage"],
)
def test_where_no_phase_has_230_v_there_is_nothing_to_check(
    terms: Terms, commodity: Commodity, voltage: Voltage
) -> None:
    """S4-12: `not_applicable` when the meter tells no voltage, and where 230 V is not what a phase has."""
    w = World(replace(opened(), commodity=commodity, voltage=voltage), terms=terms)
    answer = begin(w, HOUR_MS)
    assert (answer.status, answer.reason) == (VerdictStatus.REFUSED, "not_applicable")
    assert w.account.voltage_check is None
