"""A technician's override where its answers change: each refusal whole, each bound to the unit, each row complete."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.prepayment.account import Account, Start, Supply, Suspicion
from gateway.prepayment.events import (
    Detail,
    LockoutReleased,
    Reading,
    Restarted,
    Suspected,
    SuspicionCause,
    Tick,
    TopUp,
)
from gateway.prepayment.ledger import Happening, Record, Transition, VerdictStatus
from gateway.prepayment.override import ENERGY_MAX_WH, HOURS_MAX, Override, OverrideEnded, OverrideSet
from gateway.prepayment.overriding import left_ms, used_wh
from gateway.prepayment.policy import Reconnect
from gateway.prepayment.step import Event, apply
from gateway.prepayment.supply import Commodity, SupplyState
from tests.prepayment.worlds import HOUR_MS, NANO, TERMS, at, opened, policy

S = SupplyState
WHO = "who does it, and why"
ASKED = OverrideSet(at(HOUR_MS), "o-1", "anna", "ill child", 2, 1_000)
ENDED = OverrideEnded(at(2 * HOUR_MS), "o-2", "bruno", "moved out")
SUSPICION = Suspicion(SuspicionCause.BACKUP, at())


def owing(state: SupplyState = S.SUSPENDED, **changes: Any) -> Account:
    """An account in debt on this rung."""
    return replace(opened(-5 * NANO, **changes), supply=Supply(state, at(), notice_running_ms=0))


def overridden(used: int = 0, **changes: Any) -> Account:
    """One whose register has shown 700 Wh before its override and so much since."""
    account = apply(owing(**changes), Reading(at(HOUR_MS - 1), 700), TERMS).account
    account = apply(account, ASKED, TERMS).account
    account = apply(account, Reading(at(2 * HOUR_MS - 1), 700 + used), TERMS).account
    assert account.usage.wh == 700 + used
    return account


def ended(account: Account, event: Event) -> dict[str, str | int] | None:
    """What goes on record about the end, if this ends it; the override is gone then."""
    outcome = apply(account, event, TERMS)
    rows = [dict(one.detail) for one in outcome.records if isinstance(one, Happening) and one.what == "override.ended"]
    assert (outcome.account.override is None) is bool(rows)
    return rows[0] if rows else None


@pytest.mark.parametrize(
    ("account", "changes", "reason", "detail"),
    [
        (owing(), {"technician": ""}, "no_reason", {"hint": WHO}),
        (owing(), {"technician": " \t"}, "no_reason", {"hint": WHO}),
        (owing(), {"reason": ""}, "no_reason", {"hint": WHO}),
        (owing(), {"reason": " \n"}, "no_reason", {"hint": WHO}),
        (owing(), {"hours": 0}, "override_bounds", {"hours_max": 72, "energy_max_wh": 30_000}),
        (owing(), {"hours": HOURS_MAX + 1}, "override_bounds", {"hours_max": 72, "energy_max_wh": 30_000}),
        (owing(), {"cap_wh": 0}, "override_bounds", {"hours_max": 72, "energy_max_wh": 30_000}),
        (owing(), {"cap_wh": ENERGY_MAX_WH + 1}, "override_bounds", {"hours_max": 72, "energy_max_wh": 30_000}),
        (replace(owing(), lockout="fire"), {}, "locked_out", {"by": "fire"}),
        (overridden(), {"command_id": "o-2"}, "override_in_force", {"override": "o-1"}),
        (owing(S.GRACE), {}, "supply_full", {"state": "GRACE"}),
        (
            replace(owing(), suspicion=SUSPICION),
            {},
            "rollback_suspected",
            {"hint": "these books may have forgotten a lock-out: release it first"},
        ),
    ],
)
def test_a_refusal_says_what_would_be_right(
    account: Account, changes: dict[str, Any], reason: str, detail: dict[str, str | int]
) -> None:
    """Decision 13: who and why, within the bounds, over no lock-out, once, where supply is not full already."""
    outcome = apply(account, replace(ASKED, **changes), TERMS)
    assert outcome.account == account
    assert outcome.verdict is not None
    assert (outcome.verdict.status, outcome.verdict.reason) == (VerdictStatus.REFUSED, reason)
    assert dict(outcome.verdict.detail) == detail


@pytest.mark.parametrize(
    ("account", "changes", "reason"),
    [
        (owing(), {}, "no_override"),
        (overridden(), {"technician": ""}, "no_reason"),
        (overridden(), {"technician": " "}, "no_reason"),
        (overridden(), {"reason": ""}, "no_reason"),
        (overridden(), {"reason": "\t"}, "no_reason"),
    ],
)
def test_nobody_ends_one_without_a_name_and_a_reason(account: Account, changes: dict[str, Any], reason: str) -> None:
    """Decision 13: nor one that is not there."""
    outcome = apply(account, replace(ENDED, **changes), TERMS)
    assert outcome.account == account
    assert outcome.verdict is not None
    assert (outcome.verdict.reason, outcome.verdict.detail) == (reason, ())


@pytest.mark.parametrize(
    ("account", "changes"),
    [
        (owing(), {"hours": 1, "cap_wh": 1}),
        (owing(S.LIMITED), {"hours": HOURS_MAX, "cap_wh": ENERGY_MAX_WH}),
        (replace(owing(), suspicion=replace(SUSPICION, leaves_switch=False)), {}),
        (replace(owing(), start=Start(0, known=True)), {}),
        (apply(owing(), Restarted(at(HOUR_MS - 1), awaits=True), TERMS).account, {}),
    ],
)
def test_what_is_accepted(account: Account, changes: dict[str, Any]) -> None:
    """Decision 13: the least and the most; while books wait for their confirmation; after a lock-out was released."""
    override = apply(account, replace(ASKED, **changes), TERMS).account.override
    assert override is not None
    asked = replace(ASKED, **changes)
    assert (override.cap_wh, override.ends_running_ms) == (asked.cap_wh, (1 + asked.hours) * HOUR_MS)


@pytest.mark.parametrize(
    ("account", "armed"),
    [
        (owing(), False),
        (owing(policy=policy(reconnect=Reconnect.ARMED)), True),
        (owing(commodity=Commodity.GAS), True),
        (owing(S.LIMITED, policy=policy(reconnect=Reconnect.ARMED)), False),
        (replace(owing(S.LIMITED, policy=policy(reconnect=Reconnect.ARMED)), armed=True), True),
        (replace(owing(S.LIMITED), armed=True), True),
    ],
)
def test_a_switch_that_waits_for_the_site_goes_on_waiting(account: Account, armed: bool) -> None:
    """Decision 14: an override arms what is open and has to wait, and takes the wait from nobody."""
    assert apply(account, ASKED, TERMS).account.armed is armed


@pytest.mark.parametrize(
    ("ms", "left"), [(HOUR_MS, 2 * HOUR_MS), (3 * HOUR_MS - 1, 1), (3 * HOUR_MS, 0), (9 * HOUR_MS, 0)]
)
def test_its_time_is_counted_down_to_nothing(ms: int, left: int) -> None:
    """Decision 13: what is left of it, and never less than nothing."""
    assert left_ms(apply(owing(), ASKED, TERMS).account, at(ms)) == left
    assert left_ms(owing(), at(ms)) is None


@pytest.mark.parametrize(("wh", "used"), [(699, 0), (700, 0), (701, 1), (1_700, 1_000)])
def test_its_energy_is_counted_from_where_it_began(wh: int, used: int) -> None:
    """Decision 13: what was charged before is not its own, and what was taken back since gives it nothing."""
    account = overridden()
    override = account.override
    assert isinstance(override, Override)
    assert override.from_wh == 700
    assert used_wh(replace(account, usage=replace(account.usage, wh=wh)), override) == used


@pytest.mark.parametrize(("used", "cause"), [(999, ""), (1_000, "energy"), (1_001, "energy")])
def test_it_ends_with_the_last_of_its_energy(used: int, cause: str) -> None:
    """Decision 13: at exactly the cap it is used up."""
    row = ended(overridden(), Reading(at(3 * HOUR_MS - 1), 700 + used))
    assert (row["cause"] if row else "") == cause


FACTS: Detail = (("override", "o-1"), ("technician", "anna"), ("reason", "ill child"))


@pytest.mark.parametrize(
    ("event", "facts"),
    [
        (
            ENDED,
            (
                ("cause", "hand"),
                ("used_wh", 20),
                ("lasted_ms", HOUR_MS),
                ("ended_by", "bruno"),
                ("end_reason", "moved out"),
            ),
        ),
        (Tick(at(3 * HOUR_MS)), (("cause", "time"), ("used_wh", 20), ("lasted_ms", 2 * HOUR_MS))),
    ],
)
def test_its_end_is_told_with_all_that_began_it(event: Event, facts: Detail) -> None:
    """Decision 13: whose it was and why, what ended it, what was used and for how long."""
    assert ended(overridden(20), event) == dict((*FACTS, *facts))


def test_one_that_used_nothing_says_so() -> None:
    """Decision 13: the row of an end by hand before anything was used."""
    row = ended(overridden(), ENDED)
    assert row is not None
    assert row["used_wh"] == 0


def test_what_ends_it_is_told_beside_it() -> None:
    """Decision 11, I5: a payment that restores leaves its entry, its change of rung and the end of the override."""
    outcome = apply(overridden(), TopUp(at(2 * HOUR_MS), "t-1", 1, 40 * NANO, 40 * NANO, "CHF", "web"), TERMS)
    told: tuple[Record, ...] = outcome.records
    moves = [record.rule for record in told if isinstance(record, Transition)]
    assert moves == ["restored"]
    assert [record.what for record in told if isinstance(record, Happening)] == ["override.ended"]
    assert told.index(next(one for one in told if isinstance(one, Transition))) < len(told) - 1


@pytest.mark.parametrize(("after_ms", "ends"), [(-1, False), (0, True), (1, True)])
def test_a_suspicion_of_its_own_instant_ends_it(after_ms: int, ends: bool) -> None:
    """Threat 3: one that was there before and was looked at does not; one that came with it or after it does."""
    account, seen = owing(), Suspected(at(HOUR_MS + after_ms), SuspicionCause.FORK, "e", 9)
    event: Event = seen
    if not ends:
        account = apply(account, seen, TERMS).account
        account = apply(account, LockoutReleased(at(HOUR_MS), "l-1"), TERMS).account
        event = Tick(at(HOUR_MS + 1))
    account = apply(account, ASKED, TERMS).account
    assert account.override is not None
    row = ended(account, event)
    assert (row["cause"] if row else "") == ("rollback_suspected" if ends else "")
