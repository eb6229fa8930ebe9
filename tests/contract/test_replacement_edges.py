"""Another meter, to the Wh: what a report may say of the old one, what is refused, and every field that it leaves."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.prepayment.certificate import Certificate
from gateway.prepayment.events import Moment, TimeTrust
from gateway.prepayment.ledger import Happening
from gateway.prepayment.operations import MeterReplaced
from gateway.prepayment.register import Case, CaseKind, Register
from tests.contract.test_replacement import charges, hung, report, verdict
from tests.prepayment.worlds import HOUR_MS, NANO, TERMS, World, opened

LEAP, MINUTE_MS = CaseKind.DISCONTINUITY, 60_000
DISPLAYS_WH = 2 * 1_000  # whole kWh on both displays
MINUTE_WH = 288 + DISPLAYS_WH
HOURS_WH = 2 * 13_800 * 125 // 100 + DISPLAYS_WH
CONSENT = "consent: how the customer agreed and signed the reading shown, such as the number of the signed sheet"
TECHNICIAN = "technician: who read and changed the meter"


def asked(place: World, request: MeterReplaced) -> tuple[str, dict[str, str | int]]:
    """The reason and all that the verdict says beside it."""
    answer = verdict(place, request)
    return answer.reason, dict(answer.detail)


def told(place: World) -> dict[str, str | int]:
    """What the row of the change says."""
    [row] = [one for one in place.records if isinstance(one, Happening) and one.what == "meter.replaced"]
    return dict(row.detail)


@pytest.mark.parametrize(
    ("changes", "reason", "says"),
    [
        ({"consent": " "}, "no_consent", {"missing": "consent", "hint": CONSENT}),
        ({"technician": " "}, "no_technician", {"missing": "technician", "hint": TECHNICIAN}),
        ({"old_end_wh": 1_199}, "implausible_register",
         {"old_end_wh": 1_199, "last_wh": 1_200, "most_wh": 1_200 + MINUTE_WH}),
        ({"old_end_wh": 1_201 + MINUTE_WH}, "implausible_register",
         {"old_end_wh": 1_201 + MINUTE_WH, "last_wh": 1_200, "most_wh": 1_200 + MINUTE_WH}),
        ({"old_end_wh": 1_200 + MINUTE_WH}, "",
         {"old_end_wh": 1_200 + MINUTE_WH, "new_start_wh": 7, "charged_wh": MINUTE_WH}),
        ({"old_export_end_wh": 4}, "implausible_register", {"old_export_end_wh": 4, "last_wh": 5}),
        ({"old_export_end_wh": 5}, "", {"old_end_wh": 1_200, "new_start_wh": 7, "charged_wh": 0}),
    ],
)  # fmt: skip
def test_the_answer_to_a_report(changes: dict[str, Any], reason: str, says: dict[str, str | int]) -> None:
    """I24, S4-09, S2-21: what is missing and how to say it; the last register and the most there can be."""
    place = hung()
    place.read(serial="S-1", export_wh=5)
    before = place.account
    assert asked(place, report(place, **changes)) == (reason, says)
    assert (place.account == before) is (reason != "")


def test_what_no_one_knows_of_the_old_meter_is_held_against_nothing() -> None:
    """S4-09: where neither meter nor configuration told a serial, any is taken; so is an export never read before."""
    place = World(opened())
    place.read()
    assert asked(place, report(place, old_serial="S-9", old_export_end_wh=3))[0] == ""
    assert place.account.meter_serial == "S-2"


@pytest.mark.parametrize("by_model", [True, False])
@pytest.mark.parametrize(
    ("last_wh", "end_wh", "charged_wh"),
    [
        pytest.param(998_800, 998_799, None, id="a wrap of almost all the register is more than there can be"),
        pytest.param(999_900, 50, 150, id="over the wrap"),
        pytest.param(999_999, 0, 1, id="the first value after it"),
        pytest.param(0, 0, 0, id="nothing used is no wrap"),
        pytest.param(0, 1, 1, id="one Wh is one"),
        pytest.param(1_000_000 - MINUTE_WH, 0, MINUTE_WH, id="the most there can be"),
        pytest.param(1_000_000 - MINUTE_WH - 1, 0, None, id="one Wh more"),
    ],
)
def test_the_end_of_a_register_that_wraps(last_wh: int, end_wh: int, charged_wh: int | None, by_model: bool) -> None:
    """Threat 14, I6: over the wrap only where the end lies below the last reading; the account or the model knows."""
    terms = replace(TERMS, wraps_at_wh=1_000_000 if by_model else None)
    place = World(opened(register_wh=last_wh), terms=terms, register_wh=last_wh)
    place.read()
    place.account = replace(place.account, wraps_at_wh=None if by_model else 1_000_000)
    reason, says = asked(place, report(place, old_end_wh=end_wh))
    assert (reason, says.get("charged_wh")) == ("" if charged_wh is not None else "implausible_register", charged_wh)


@pytest.mark.parametrize(("end_wh", "used_wh"), [(0, 0), (1, 1), (999, 999), (-1, 999)])
def test_a_register_that_could_have_wrapped_once_more_did_not(end_wh: int, used_wh: int) -> None:
    """I6: two hours could wrap it many times; what the displays show is charged, and nothing on top."""
    place = hung(register_wh=0)
    place.account = replace(place.account, wraps_at_wh=1_000)
    place.running_ms, place.utc_ms = place.running_ms + 2 * HOUR_MS, place.utc_ms + 2 * HOUR_MS
    assert asked(place, report(place, old_end_wh=1_200 + end_wh))[1]["charged_wh"] == used_wh


@pytest.mark.parametrize(("over_wh", "reason"), [(0, ""), (1, "implausible_register")])
@pytest.mark.parametrize(
    ("running_ms", "utc_ms", "dated", "most_wh"),
    [
        pytest.param(2 * HOUR_MS, 2 * HOUR_MS, True, HOURS_WH, id="both clocks"),
        pytest.param(1_000, 2 * HOUR_MS, True, HOURS_WH, id="the gateway was off: the date tells"),
        pytest.param(2 * HOUR_MS, 0, True, HOURS_WH, id="the wall clock was put back: the running time tells"),
        pytest.param(1_000, 2 * HOUR_MS, False, MINUTE_WH, id="no reading has a date: only what was observed"),
        pytest.param(0, 0, True, MINUTE_WH, id="at once: as old as a display may be"),
    ],
)
def test_the_time_an_old_meter_had(
    running_ms: int, utc_ms: int, dated: bool, most_wh: int, over_wh: int, reason: str
) -> None:
    """S4-09, I6: rated power since the last reading, by the clock that saw more of it, and not a Wh more."""
    place = hung()
    if not dated:
        place.account = replace(place.account, register=replace(place.account.register, dated=None))
    place.running_ms, place.utc_ms = place.running_ms + running_ms, place.utc_ms + utc_ms
    assert asked(place, report(place, old_end_wh=1_200 + most_wh + over_wh))[0] == reason


@pytest.mark.parametrize("trust", [TimeTrust.AUTHENTICATED, TimeTrust.RESTORED])
def test_the_first_register_of_a_point_never_read(trust: TimeTrust) -> None:
    """S4-09, I16: nothing is charged; the new meter's start has a date only if the gateway knew it."""
    place = World(opened(meter_serial="S-1", register_wh=None), trust=trust)
    place.running_ms = HOUR_MS
    request = report(place, old_end_wh=5_000, old_export_end_wh=11, new_export_start_wh=13)
    assert asked(place, request)[1] == {"old_end_wh": 5_000, "new_start_wh": 7, "charged_wh": 0}
    assert (told(place)["charged_wh"], told(place)["register_case"]) == (0, 0)
    dated = place.now() if trust.dated else None
    assert place.account.register == Register(wh=7, at=place.now(), dated=dated)
    old, new = [one for one in place.records if isinstance(one, Certificate)]
    assert (old.export_wh, new.export_wh) == (11, 13)
    assert {old.asked_utc_ms, new.asked_utc_ms, old.stands_utc_ms, new.stands_utc_ms} == {
        place.utc_ms if trust.dated else None
    }


def test_what_goes_on_with_another_meter() -> None:
    """Decision 6, S4-09: a segment of its own; cases, absence and the times of the last reading stay."""
    place = hung()
    case = Case(2, LEAP, 5, 900, 895, place.now(), place.now(), 0)
    before = replace(place.account.register, segment=4, unobserved=True, cases=(case,), cases_opened=2, moved_ms=9)
    place.account = replace(place.account, register=before)
    place.running_ms += 1_000
    assert asked(place, report(place, old_end_wh=1_210))[0] == ""
    assert place.account.register == replace(before, wh=7, segment=5)


def mistaken(place: World, **changes: Any) -> Case:
    """S-1 had 1,200 Wh; readings of S-2 were taken for its own, and the register goes on from there: 800,000 Wh."""
    known = Case(3, LEAP, 1_200, 799_990, 798_790, place.now(), place.now(), 0)
    case = replace(known, **changes)
    register = replace(place.account.register, wh=800_000, segment=2, cases=(case,), cases_opened=3)
    place.account = replace(place.account, register=register, settled_register_wh=799_990, unsettled=())
    return case


def later(moment: Moment, ms: int) -> Moment:
    """So much later by the wall clock alone."""
    return replace(moment, utc_ms=moment.utc_ms + ms)


@pytest.mark.parametrize(("over_wh", "reason"), [(0, ""), (1, "implausible_register")])
@pytest.mark.parametrize(
    ("observed_ms", "wall_ms", "most_wh"),
    [
        (0, 0, MINUTE_WH),
        (MINUTE_MS, 0, MINUTE_WH),
        (2 * HOUR_MS, 0, HOURS_WH),
        (0, 2 * HOUR_MS, HOURS_WH),
        (2 * HOUR_MS, HOUR_MS, HOURS_WH),
    ],
)
def test_a_case_is_the_change_if_its_time_allows_what_was_used(
    observed_ms: int, wall_ms: int, most_wh: int, over_wh: int, reason: str
) -> None:
    """S4-09, I6: rated power over the time around it, observed or by the clock, or as old as a display may be."""
    place = hung()
    mistaken(place, observed_ms=observed_ms, ended=later(place.now(), wall_ms))
    of_old_wh = most_wh // 2
    of_new_wh = most_wh - of_old_wh + over_wh
    request = report(place, old_end_wh=1_200 + of_old_wh, new_start_wh=799_990 - of_new_wh)
    assert asked(place, request)[0] == reason


@pytest.mark.parametrize(
    ("of_old_wh", "of_new_wh", "reason"),
    [(0, 0, ""), (0, 5, ""), (5, 0, ""), (-1, 5, "implausible_register"), (5, -1, "implausible_register")],
)
def test_a_case_is_the_change_if_neither_meter_went_back(of_old_wh: int, of_new_wh: int, reason: str) -> None:
    """S4-09: the old one ended where it was read last or later, the new one began where it was read first or before."""
    place = hung()
    mistaken(place)
    request = report(place, old_end_wh=1_200 + of_old_wh, new_start_wh=799_990 - of_new_wh)
    assert asked(place, request)[0] == reason


def test_the_change_that_a_case_was_is_charged_in_an_entry_of_its_own() -> None:
    """S4-09, I5: what lies across it, between its own registers; the account goes on from the new one."""
    place = hung()
    case = mistaken(place)
    before_wh, rows = place.account.usage.wh, len(charges(place))
    request = report(place, old_end_wh=1_230, new_start_wh=799_950)
    assert asked(place, request)[1] == {"old_end_wh": 1_230, "new_start_wh": 799_950, "charged_wh": 30 + 40}
    assert (told(place)["charged_wh"], told(place)["register_case"]) == (70, 3)
    assert place.account.usage.wh == before_wh + 70
    entry = charges(place)[rows]
    assert (entry.reference, entry.amount_nano) == ("case:3", -70 * 250_000)
    assert (entry.from_register_wh, entry.to_register_wh) == (case.from_wh, case.to_wh)
    assert (place.account.register.cases, place.account.unsettled, place.account.register.segment) == ((), (), 2)
    place.running_ms += MINUTE_MS
    place.read(serial="S-2", import_wh=800_010)
    place.top_up(NANO)
    last = charges(place)[-1]
    assert (last.reference, last.from_register_wh, last.to_register_wh) == ("", 800_000, 800_010)
    assert len(charges(place)) == rows + 2
