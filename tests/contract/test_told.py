"""What refusals and rows of contract operations say, word for word: the numbers that help a person to correct them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.prepayment.agenda import JobKind, JobState, MeterTestOutcome, ReadingSource, RolloverKind
from gateway.prepayment.certificate import Certificate, CertificateReason
from gateway.prepayment.contract import AHEAD_MAX_MS
from gateway.prepayment.events import AccountOpened, Opening, PowerSet, Reading
from gateway.prepayment.fieldwork import FROZEN_BACK_MS
from gateway.prepayment.ledger import Happening
from gateway.prepayment.operations import (
    CertificateAsked,
    DueCancelled,
    JobAssigned,
    JobMoved,
    ManuallyRead,
    MeterReplaced,
    MeterTestBegun,
    MeterTestEnded,
    ReadingValidated,
    RolledOver,
)
from gateway.prepayment.step import Event
from tests.prepayment.worlds import HOUR_MS, MONDAY_MS, NANO, World, at, policy, tariff, world

LATER_MS = MONDAY_MS + HOUR_MS
NOW = at()
HOLDER = AccountOpened(NOW, "r-1", "CH-2", "", "CHF", 4_500, policy(), tariff(), 3 * NANO, kind=Opening.ROLLOVER,
                       contract_id="C-2")  # fmt: skip
ROLLOVER = RolledOver(NOW, "r-1", RolloverKind.VOLTURA, HOLDER, LATER_MS)
REPORT = MeterReplaced(NOW, "m-1", "S-1", 30, "S-2", 7, "E-D", "M. R.", "sheet 4", "age", "case 7", "sdm")
POWER = PowerSet(NOW, "p-1", 4_500, LATER_MS)
BEGUN = MeterTestBegun(NOW, "t-0", "t-1", "case 7", MONDAY_MS - 1)
ENDED = MeterTestEnded(NOW, "t-2", "t-1", "2026-03-02", MeterTestOutcome.CORRECT, "M. R.", -7, "lab 3")
EYE = ManuallyRead(NOW, "e-1", 900, "2026-03-02", ReadingSource.SELF)
JOB = JobAssigned(NOW, "w-0", "w-1", JobKind.INSPECTION, "case 7", MONDAY_MS, LATER_MS)


def told(place: World, request: Event) -> tuple[str, dict[str, str | int]]:
    """The reason and all that the verdict says beside it."""
    verdict = place.post(request).verdict
    assert verdict is not None
    return verdict.reason, dict(verdict.detail)


def rows(place: World, what: str) -> list[dict[str, str | int]]:
    """The details of everything on record under this name."""
    return [dict(row.detail) for row in place.records if isinstance(row, Happening) and row.what == what]


def home() -> World:
    """Meter S-1, a reading of nothing, one of everything that may wait."""
    place = world(meter_serial="S-1", contract_id="C-1", delivery_point="IT001")
    place.read(serial="S-1", export_wh=9)
    for request in (ROLLOVER, POWER, BEGUN, EYE, JOB, JobMoved(NOW, "w-3", "w-1", JobState.STARTED, "M. R.")):
        assert told(place, request)[0] in ("", "outside_window")
    return place


@pytest.mark.parametrize(
    ("request_", "reason", "says"),
    [
        (replace(POWER, contract_power_w=4_400), "invalid_step", {"power_w": 4_400}),
        (POWER, "already_due", {"due_utc_ms": LATER_MS}),
        (replace(POWER, from_utc_ms=MONDAY_MS), "in_the_past", {"now_utc_ms": MONDAY_MS}),
        (
            replace(POWER, from_utc_ms=MONDAY_MS + AHEAD_MAX_MS + 1),
            "too_far_ahead", {"latest_utc_ms": MONDAY_MS + AHEAD_MAX_MS},
        ),
        (replace(POWER, from_utc_ms=MONDAY_MS + AHEAD_MAX_MS), "", {"due_utc_ms": MONDAY_MS + AHEAD_MAX_MS}),
        (DueCancelled(NOW, "d-1", "x-9"), "nothing_due", {"due_id": "x-9"}),
        (CertificateAsked(NOW, "c-1", CertificateReason.SWITCH, LATER_MS), "", {"due_utc_ms": LATER_MS}),
        (replace(ROLLOVER, to=replace(HOLDER, account_id="CH-3")), "already_due", {"due_utc_ms": LATER_MS}),
        (
            replace(ROLLOVER, to=replace(HOLDER, delivery_point="IT9")),
            "wrong_delivery_point", {"expected": "IT001"},
        ),
        (replace(REPORT, old_serial="S-9"), "wrong_serial", {"expected": "S-1", "got": "S-9"}),
        (replace(REPORT, new_serial="S-1"), "wrong_serial", {"got": "S-1"}),
        (replace(REPORT, new_serial=""), "wrong_serial", {"got": ""}),
        (replace(REPORT, old_export_end_wh=8), "implausible_register", {"old_export_end_wh": 8, "last_wh": 9}),
        (BEGUN, "test_exists", {"test_id": "t-1"}),
        (
            replace(BEGUN, test_id="t-2", frozen_from_utc_ms=MONDAY_MS + 1),
            "contradictory_date", {"now_utc_ms": MONDAY_MS},
        ),
        (
            replace(BEGUN, test_id="t-2", frozen_from_utc_ms=MONDAY_MS - FROZEN_BACK_MS - 1),
            "reconstruction_limit", {"earliest_utc_ms": MONDAY_MS - FROZEN_BACK_MS},
        ),
        (replace(BEGUN, test_id="t-2", frozen_from_utc_ms=MONDAY_MS - FROZEN_BACK_MS), "", {}),
        (replace(ENDED, test_id="t-9"), "no_test", {"test_id": "t-9"}),
        (
            replace(ENDED, test_on="2026-03-03"),
            "contradictory_date", {"test_on": "2026-03-03", "begun_on": "2026-03-02"},
        ),
        (replace(EYE, read_on="2026-03-03"), "contradictory_date", {"read_on": "2026-03-03"}),
        (ReadingValidated(NOW, "v-1", "e-9", accept=True), "no_reading", {"reading_id": "e-9"}),
        (replace(JOB, job_id="w-9", to_utc_ms=MONDAY_MS, from_utc_ms=1), "in_the_past", {"now_utc_ms": MONDAY_MS}),
        (JOB, "job_started", {"job_id": "w-1"}),
        (JobMoved(NOW, "w-4", "w-9", JobState.DONE, "M. R."), "no_job", {"job_id": "w-9"}),
        (JobMoved(NOW, "w-4", "w-1", JobState.STARTED, "M. R."), "job_state", {"state": "started"}),
        (JobMoved(NOW, "w-4", "w-1", JobState.ASSIGNED, "M. R."), "job_state", {"state": "started"}),
    ],
)  # fmt: skip
def test_an_answer_says_what_helps(request_: Any, reason: str, says: dict[str, str | int]) -> None:
    """I24: the reason code with the value expected, the instant or the id; a refusal changes nothing."""
    place = home()
    before = place.account
    assert told(place, request_) == (reason, says)
    assert reason == "" or place.account == before


def test_an_old_reading_says_how_old() -> None:
    """S2-03: a change of holder now needs a register that somebody has just read."""
    place = world()
    place.running_ms += 900_001
    place.utc_ms += 900_001
    now = replace(ROLLOVER, at=place.now(), at_utc_ms=None)
    assert told(place, now) == ("meter_untrusted", {"reading_age_ms": 900_001})
    place.running_ms -= 1
    assert told(place, replace(now, at=place.now(), to=replace(HOLDER, at=place.now())))[0] == ""


def test_the_row_of_a_change_of_holder_and_what_the_old_one_is_owed() -> None:
    """S2-03: command, kind and register; the refund in the account's currency; and what waited is named."""
    place = home()
    cancelled = told(place, DueCancelled(NOW, "d-1", "r-1"))
    assert cancelled == ("", {})
    assert told(place, CertificateAsked(NOW, "c-9", CertificateReason.SWITCH, LATER_MS))[0] == ""
    now = replace(ROLLOVER, command_id="r-2", at_utc_ms=None)
    assert told(place, now) == (
        "", {"certificate_id": "r-2", "quality": "actual", "register_wh": 0, "stands_utc_ms": MONDAY_MS},
    )  # fmt: skip
    assert rows(place, "account.rolled_over") == [{"command_id": "r-2", "kind": "voltura", "register_wh": 0}]
    assert rows(place, "account.refund_due") == [{"balance_nano": 20 * NANO, "currency": "CHF"}]
    [waited] = rows(place, "agenda.dropped")
    assert {"c-9", "p-1"} <= set(str(waited["due_ids"]).split())
    closes, opens = [row for row in place.records if isinstance(row, Certificate)]
    assert (closes.account_id, closes.contract_id, opens.account_id, opens.contract_id) == (
        "CH-1", "C-1", "CH-2", "C-2",
    )  # fmt: skip


def test_the_row_of_another_meter_holds_the_whole_report() -> None:
    """S2-21, S4-09: serials, registers, what is charged, who, with whose consent, why and for which case."""
    place = home()
    answer = told(place, REPORT)
    assert answer == ("", {"old_end_wh": 30, "new_start_wh": 7, "charged_wh": 30})
    assert rows(place, "meter.replaced") == [{
        "old_serial": "S-1", "old_end_wh": 30, "new_serial": "S-2", "new_start_wh": 7, "charged_wh": 30,
        "register_case": 0, "company": "E-D", "technician": "M. R.", "consent": "sheet 4", "reason": "age",
        "case_id": "case 7", "model": "sdm",
    }]  # fmt: skip
    refused = told(place, replace(REPORT, old_serial="S-2", new_serial="S-3", old_end_wh=6))
    assert refused[0] == "implausible_register"
    assert (refused[1]["old_end_wh"], refused[1]["last_wh"]) == (6, 7)


def test_the_rows_of_field_work() -> None:
    """S2-13, S2-40, S4-05: each names its command, its case and what was asked."""
    place = home()
    assert rows(place, "meter_test.begun") == [
        {"command_id": "t-0", "test_id": "t-1", "case_id": "case 7", "frozen_from_utc_ms": MONDAY_MS - 1}
    ]
    assert rows(place, "reading.manual") == [{
        "command_id": "e-1", "reading_id": "e-1", "value_wh": 900, "read_on": "2026-03-02", "source": "self",
        "outside_window": 0, "status": "pending_validation", "checked": 0,
    }]  # fmt: skip
    of_job = {"job_id": "w-1", "kind": "inspection", "case_id": "case 7"}
    assert rows(place, "job.assigned") == [
        {"command_id": "w-0", **of_job, "from_utc_ms": MONDAY_MS, "to_utc_ms": LATER_MS}
    ]
    assert rows(place, "job.started") == [{"command_id": "w-3", **of_job, "technician": "M. R.", "outside_window": 0}]
    told(place, JobMoved(NOW, "w-5", "w-1", JobState.CANCELLED, "M. R."))
    assert rows(place, "job.cancelled") == [{"command_id": "w-5", **of_job, "technician": "M. R."}]
    answer = told(place, ReadingValidated(NOW, "v-1", "e-1", accept=True))
    assert (answer[0], answer[1]["certificate_id"], answer[1]["register_wh"]) == ("", "v-1", 900)
    by_eye = {"reading_id": "e-1", "value_wh": 900, "read_on": "2026-03-02", "source": "self"}
    assert rows(place, "reading.validated") == [{"command_id": "v-1", **by_eye}]
    [made] = [row for row in place.records if isinstance(row, Certificate)]
    midnight_ms = MONDAY_MS - 9 * HOUR_MS
    assert (made.asked_utc_ms, made.stands_utc_ms, made.delivery_point, made.contract_id, made.meter_serial) == (
        midnight_ms, midnight_ms, "IT001", "C-1", "S-1",
    )  # fmt: skip
    assert (made.export_wh, made.production_wh) == (None, None)


def test_a_reading_is_no_request() -> None:
    """I24: nobody is answered for a poll."""
    assert world().post(Reading(NOW, 0)).verdict is None
