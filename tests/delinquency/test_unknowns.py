"""What nobody knows keeps a supply as it is: a date, a calendar, a slot; each order says which (requirements 0.7)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.prepayment.account import Terms
from gateway.prepayment.arrears import Proof, Reconnected
from gateway.prepayment.calendar import Calendar
from gateway.prepayment.delinquency import Phase, phase_of
from gateway.prepayment.events import (
    AccountClosed,
    CloseCause,
    Hold,
    HoldKind,
    HoldSet,
    PolicySet,
    Suspected,
    SuspicionCause,
    TimeTrust,
)
from gateway.prepayment.ledger import Verdict
from gateway.prepayment.policy import Anchor
from gateway.prepayment.position import Position, Resynced
from gateway.prepayment.supply import SupplyState, Voltage
from tests.delinquency.debtor import ITALY, TERMS, Debtor, debtor, shipped, utc_ms
from tests.prepayment.worlds import NANO

S = SupplyState
OPEN_DAY = "2026-04-07"
"""The first day on which the usual notice lets the supply be limited, in an open slot."""
LIMIT_OVER = "2026-04-20"


def _told(verdict: Verdict) -> tuple[str, dict[str, str | int]]:
    return verdict.reason, dict(verdict.detail)


def _ready(**changes: Any) -> Debtor:
    home = debtor(**changes)
    home.notice()
    home.stand(OPEN_DAY)
    return home


def _limited() -> Debtor:
    home = _ready()
    assert home.limit().reason == ""
    home.stand(LIMIT_OVER)
    return home


def _suspended() -> Debtor:
    home = _limited()
    assert home.suspend().reason == ""
    home.stand("2026-05-11")
    return home


def _forget_the_date(home: Debtor) -> None:
    """As a resync leaves it when the head-end does not know either."""
    home.account = replace(home.account, supply=replace(home.account.supply, dated_on=None))


def _unlisted_moratorium(home: Debtor) -> None:
    """The policy names a moratorium that no calendar of this gateway lists."""
    slots = replace(home.account.policy.slots, moratoria=("frost",))
    home.account = replace(home.account, policy=replace(home.account.policy, slots=slots))


def test_nothing_follows_a_limit_whose_day_is_not_known() -> None:
    """S1-12: 10 days from a day nobody knows are not over; they count from the first day that is known again."""
    home = _limited()
    _forget_the_date(home)
    assert _told(home.suspend()) == ("calendar_not_covered", {"calendar": "it"})
    home.stand("2026-04-21")
    refusal = _told(home.suspend())
    assert (refusal[0], refusal[1]["rule"], refusal[1]["legal_from"]) == ("too_early", "limited", "2026-05-02")
    assert home.state is S.LIMITED


def test_no_contract_ends_while_the_day_of_the_suspension_is_not_known() -> None:
    """S1-14: neither by the phase that is shown nor by the command."""
    home = _suspended()
    end = AccountClosed(home.at(), "close", "arrears", CloseCause.DELINQUENCY)
    assert phase_of(home.account, home.terms, home.at()) is Phase.TERMINABLE
    _forget_the_date(home)
    assert phase_of(home.account, home.terms, home.at()) is Phase.SUSPENDED
    assert _told(home.said(end)) == ("too_early", {"rule": "suspended", "not_before": ""})


def test_a_moratorium_that_no_calendar_lists_keeps_every_slot_shut() -> None:
    """Requirements 4.4: no instant is named, nothing is queued, and too early is said without one."""
    home = _ready()
    _unlisted_moratorium(home)
    assert _told(home.limit()) == ("slot_blocked", {})
    assert _told(home.limit(queue=True)) == ("calendar_not_covered", {"calendar": "it"})
    assert home.account.ordered is None
    home = debtor()
    home.notice()
    home.stand("2026-04-03")
    _unlisted_moratorium(home)
    assert _told(home.limit()) == ("too_early", {"rule": "final_term", "legal_from": "2026-04-04"})


def test_every_year_between_the_due_day_and_the_first_legal_one_is_known() -> None:
    """Requirements 4.4: a notice of a debt from a year without holidays is not taken."""
    home = debtor(terms=replace(TERMS, calendars={"it": replace(ITALY, years=(2026,))}))
    for due_on, reason in (("2025-12-31", "calendar_not_covered"), ("2026-01-01", "")):
        assert home.notice(due_on=due_on).reason == reason


def test_a_notice_that_another_policy_counts_from_a_day_it_does_not_name() -> None:
    """3.1: the day of the notification was not needed when the notice came; the policy of today needs it."""
    easy = shipped("estenergy-electricity")
    assert easy.delinquency is not None
    rules = replace(easy.delinquency, anchor=Anchor.DUE, notified_limited_days=0, notified_other_days=0)
    home = debtor(policy=replace(easy, delinquency=rules))
    taken = home.notice(proof=Proof.REGISTERED_LETTER, sent_on="2026-02-27", notified_on=None)
    assert taken.reason == ""
    strict = replace(easy, version=2, delinquency=replace(rules, notified_limited_days=25))
    assert home.said(PolicySet(home.at(), "p", strict)).reason == ""
    home.stand(OPEN_DAY)
    assert _told(home.limit()) == ("calendar_not_covered", {"calendar": "it"})
    assert phase_of(home.account, home.terms, home.at()) is Phase.NOTICED


def test_a_rung_is_held_for_its_shortest_time() -> None:
    """I9, 2.4: an order right after another says when its turn comes."""
    base = shipped("estenergy-electricity", min_dwell_ms=60_000)
    home = _ready(policy=base, voltage=Voltage.LV)
    home.limit()
    moved = replace(home.account.supply, dated_on="2026-03-01", since=replace(home.at(), running_ms=home.running_ms))
    home.account = replace(home.account, supply=moved)
    told = _told(home.suspend())
    assert told == ("too_early", {"rule": "dwell", "not_before_utc_ms": utc_ms(OPEN_DAY) + 60_000})
    home.stand(OPEN_DAY, "10:01")
    assert home.suspend().reason == ""


def test_the_shortest_time_of_a_rung_that_outlasts_the_slot() -> None:
    """2.4: the instant that a refusal names is one at which the order is taken, in a slot."""
    home = _ready(policy=shipped("estenergy-electricity", min_dwell_ms=60_000), voltage=Voltage.LV)
    home.limit()
    home.stand(OPEN_DAY, "14:59")
    moved = replace(home.account.supply, dated_on="2026-03-01", since=home.at())
    home.account = replace(home.account, supply=moved)
    assert _told(home.suspend()) == ("too_early", {"rule": "dwell", "not_before_utc_ms": utc_ms("2026-04-08", "08:00")})
    home.stand("2026-04-08", "08:00")
    assert home.suspend().reason == ""


def test_what_protects_again_is_in_the_way_before_it_restores() -> None:
    """Invariant 9 of 2.8: an order and a protective hold at the same instant: the hold."""
    home = _limited()
    home.account = replace(home.account, holds=(Hold("care", HoldKind.LIFE_SUPPORT, None),))
    assert _told(home.suspend()) == ("held", {})
    home.stand(LIMIT_OVER, "10:01")
    assert home.state is S.NOTICED


@pytest.mark.parametrize(
    ("spoil", "answer"),
    [
        (lambda home: setattr(home, "account", replace(home.account, arrears=())), ("no_notice", {})),
        (lambda home: setattr(home, "trust", TimeTrust.SYNCHRONISED), ("clock_untrusted", {})),
        (
            lambda home: setattr(
                home, "account", replace(home.account, holds=(Hold("h-1", HoldKind.COMPLAINT, None),))
            ),
            ("held", {"hold": "h-1"}),
        ),
        (lambda home: home.said(HoldSet(home.at(), "h", "d-1", HoldKind.DISPUTE, amount_nano=NANO)), ("", {})),
        (lambda home: _owe(home, 10 * NANO), ("debt_floor", {})),
        (lambda home: _owe(home, 10 * NANO + 1), ("", {})),
    ],
)
def test_why_a_contract_does_not_end_for_arrears(spoil: Any, answer: tuple[str, dict[str, str]]) -> None:
    """S1-14, invariants 1 and 7 of 2.8: no claim, no clock, a hold, a debt at the floor; else it ends on the day."""
    home = _suspended()
    rules = home.account.policy.delinquency
    assert rules is not None
    floor = replace(home.account.policy, delinquency=replace(rules, debt_floor_nano=10 * NANO))
    home.account = replace(home.account, policy=floor)
    spoil(home)
    verdict = home.said(AccountClosed(home.at(), "c", "arrears", CloseCause.DELINQUENCY))
    assert verdict.reason == answer[0]
    assert answer[0] == "" or dict(verdict.detail) == answer[1]
    assert (home.state is S.TERMINATED) is (answer[0] == "")


def _owe(home: Debtor, nano: int) -> None:
    claim = replace(home.account.arrears[0], amount_nano=nano)
    home.account = replace(home.account, arrears=(claim,))


def test_a_switch_found_closed_ends_the_wait_once() -> None:
    """Decision 14: on record with nobody's name; what does not wait is not touched."""
    home = debtor()
    home.account = replace(home.account, armed=True)
    home.post(Reconnected(home.at()))
    assert home.account.armed is False
    assert home.last("supply.reconnected") == {"by": ""}
    before, told = home.account, len(home.records)
    home.post(Reconnected(home.at()))
    assert (home.account, len(home.records)) == (before, told)


def test_a_supply_without_a_notice_shows_its_rung() -> None:
    """2.4: before a notice and without proven time no term says anything."""
    home = debtor()
    assert phase_of(home.account, home.terms, home.at()) is Phase.REGULAR
    home.notice()
    home.stand(OPEN_DAY)
    assert phase_of(home.account, home.terms, home.at()) is Phase.REQUESTABLE
    home.trust = TimeTrust.SYNCHRONISED
    assert phase_of(home.account, home.terms, home.at()) is Phase.NOTICED
    home.trust = TimeTrust.AUTHENTICATED
    bare: Terms = replace(TERMS, calendars={"it": Calendar("it", (2025,), frozenset())})
    assert phase_of(home.account, bare, home.at()) is Phase.NOTICED
    assert phase_of(home.account, replace(TERMS, calendars={}), home.at()) is Phase.NOTICED


@pytest.mark.parametrize("state", list(S))
def test_a_ladder_has_its_own_rungs(state: SupplyState) -> None:
    """2.4: credit knows NORMAL, LOW_CREDIT and GRACE, a debt REGULAR and NOTICED; the rest is common."""
    prepaid, postpaid = shipped("it-prepaid"), shipped("estenergy-electricity")
    assert prepaid.has(state) is (state not in (S.REGULAR, S.NOTICED))
    assert postpaid.has(state) is (state not in (S.NORMAL, S.LOW_CREDIT, S.GRACE))


@pytest.mark.parametrize(("theirs", "ours"), [(S.NORMAL, S.REGULAR), (S.GRACE, S.REGULAR), (S.REGULAR, S.REGULAR)])
def test_a_resync_with_a_rung_of_the_other_ladder_begins_at_the_first(theirs: SupplyState, ours: SupplyState) -> None:
    """Threat 4: a head-end that has no row of a change names the first rung it knows; nobody is worse off by it."""
    home = debtor()
    home.post(Suspected(home.at(), SuspicionCause.FORK, "epoch", 5))
    known = Position(0, home.now_ms, 0, 0, 0, 0, 0, theirs, 0, arrears=())
    verdict = home.said(Resynced(home.at(), "r-1", "run-1", "epoch", 9, "ab" * 32, "EUR", known))
    assert (verdict.reason, home.state) == ("", ours)
