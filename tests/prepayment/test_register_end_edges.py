"""The register at the end of a contract and after it, to the Wh: what is told, and what is left to a person."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.prepayment.events import Moment, Reading, TimeTrust
from gateway.prepayment.register import (
    CASES_MAX,
    Case,
    CaseKind,
    Found,
    Judgement,
    Register,
    Span,
    after_end,
    ended,
    judge,
    plausible_wh,
)
from tests.prepayment.worlds import HOUR_MS, MONDAY_MS, at

LEAP, ABSENT = CaseKind.DISCONTINUITY, CaseKind.UNOBSERVED
LAST = Register(wh=1_000, at=at(5_000), segment=3, dated=at(5_000), moved_ms=5_000, cases_opened=2)
SINCE = (Span(at(5_000), at(9_000), 7),)


def case(number: int, kind: CaseKind = LEAP, **changes: Any) -> Case:
    """An open case of 100 Wh."""
    return replace(Case(number, kind, 900, 1_000, 100, at(-HOUR_MS), at(-1), HOUR_MS), **changes)


def read(wh: int | None, events: tuple[Found, ...] = (), **changes: Any) -> Judgement:
    """A reading four seconds after the last one of the contract, accepted."""
    return Judgement(replace(LAST, wh=wh, at=at(9_000), **changes), SINCE, events)


def told(case_id: int, from_wh: int, to_wh: int, wh: int) -> Found:
    """What is on record of a difference that a person settles."""
    registers = (("case_id", case_id), ("from_wh", from_wh), ("to_wh", to_wh))
    return "register.discontinuity", (*registers, ("segment", 3), ("wh", wh))


def test_an_absence_that_nobody_can_date_is_a_person_s_at_the_end() -> None:
    """S2-10, decision 6: it is told with its registers, the segment and the energy; it stays open as any leap."""
    register = replace(LAST, cases=(case(1), case(2, ABSENT, wh=95)))
    judged = ended(register, Moment(0, TimeTrust.UNKNOWN, 9_000), 3_600)
    assert judged.events == (told(2, 900, 1_000, 95),)
    assert judged.register == replace(register, cases=(case(1), case(2, wh=95)))
    assert judged.spans == ()


@pytest.mark.parametrize("used_wh", [-5, 0, 1, 250])
def test_what_a_missed_last_reading_leaves_is_one_case(used_wh: int) -> None:
    """S2-10: from the last register of the contract to the first after it; where nothing was used there is none."""
    other: Found = ("register.transient", (("value_wh", 3),))
    judged = read(1_000 + used_wh, (other,), cases=(case(1),))
    left = after_end(LAST, judged, owed=True)
    assert left.spans == ()
    if used_wh <= 0:
        assert left == replace(judged, spans=())
        return
    open_case = Case(3, LEAP, 1_000, 1_000 + used_wh, used_wh, at(5_000), at(9_000), 4_000)
    assert left.register == replace(judged.register, cases=(case(1), open_case), cases_opened=3)
    assert left.events == (other, told(3, 1_000, 1_000 + used_wh, used_wh))


def test_a_last_reading_that_was_made_leaves_nothing_open() -> None:
    """S2-10: what is used after the end is not the customer's: it is neither charged nor a case."""
    judged = read(1_250, cases=(case(1),))
    assert after_end(LAST, judged, owed=False) == replace(judged, spans=())


def test_a_leap_after_the_end_holds_all_that_lies_between() -> None:
    """Decision 6, S2-10: the reading that opened a case of its own leaves no second one; an older case is no answer."""
    leapt = read(9_000, cases=(case(1), case(2), case(3)), cases_opened=3)
    assert after_end(LAST, leapt, owed=True) == replace(leapt, spans=())
    older = after_end(LAST, read(1_250, cases=(case(1), case(2))), owed=True)
    assert [one.case_id for one in older.register.cases] == [1, 2, 3]


def test_an_absence_after_the_end_is_no_contract_s() -> None:
    """S2-10: nobody is charged for it and no time will settle it; what the last reading missed is a case anyway."""
    charged: Found = ("register.unobserved_charged", (("case_id", 2),))
    opened: Found = ("register.unobserved", (("case_id", 3),))
    judged = read(1_250, (charged, opened), cases=(case(2), case(3, ABSENT)), cases_opened=3)
    paid_up = after_end(LAST, judged, owed=False)
    assert (paid_up.register.cases, paid_up.events, paid_up.spans) == ((case(2),), (opened,), ())
    left = after_end(LAST, judged, owed=True)
    assert [(one.case_id, one.wh) for one in left.register.cases] == [(2, 100), (4, 250)]
    assert left.events == (opened, told(4, 1_000, 1_250, 250))


def test_the_case_of_the_end_is_kept_among_the_newest() -> None:
    """I20: sixteen are kept, and the newest is one of them."""
    many = tuple(case(number) for number in range(1, CASES_MAX + 1))
    before = replace(LAST, cases=many, cases_opened=CASES_MAX)
    left = after_end(before, read(1_001, cases=many, cases_opened=CASES_MAX), owed=True)
    assert [one.case_id for one in left.register.cases] == list(range(2, CASES_MAX + 2))
    assert left.register.cases_opened == CASES_MAX + 1


def test_a_meter_that_was_never_read_leaves_no_case() -> None:
    """S2-10: without a register at the end there is nothing to count from."""
    judged = read(1_250)
    assert after_end(Register(), judged, owed=True) == replace(judged, spans=())


def test_a_clock_that_goes_back_makes_nothing_plausible() -> None:
    """Decision 6: no energy at all, on the largest supply as on the smallest."""
    for rated_power_w in (3_600, 3_000_000):
        assert [plausible_wh(ms, rated_power_w, 0) for ms in (0, -1, -HOUR_MS)] == [0, 0, 0]


def test_a_meter_that_says_an_empty_serial_is_named_by_none() -> None:
    """I8: it is not the meter that is bound here, and there is no number to tell."""
    judged = judge(LAST, Reading(at(9_000), 1_001, serial=""), serial="A", rated_power_w=3_600, wraps_at_wh=None)
    assert judged.events == (("register.foreign_serial", (("trouble", "serial"),)),)


@pytest.mark.parametrize("older", [(), (case(1),), (case(1), case(2))])
def test_absences_are_joined_whatever_was_open_before(older: tuple[Case, ...]) -> None:
    """Decision 6: two absences since one dated reading are one case, beside those that a person settles."""
    register = replace(LAST, cases=older, cases_opened=len(older))
    for absence in (1, 2):
        register = replace(register, unobserved=True)
        assert register.wh is not None
        leapt_wh = register.wh + 1_000
        for second in (1, 2, 3):
            moment = Moment(MONDAY_MS, TimeTrust.UNKNOWN, absence * 10_000 + second * 1_000)
            reading = Reading(moment, leapt_wh, quantum_wh=0)
            register = judge(register, reading, serial=None, rated_power_w=3_600, wraps_at_wh=None).register
    assert register.cases[:-1] == older
    assert (register.cases[-1].kind, register.cases[-1].wh) == (ABSENT, 2_000)
