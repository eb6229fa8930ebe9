"""A technician's override towards full supply (decision 13): bounded, on record, and never a step down."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prepayment.account import Account, Supply, Terms
from gateway.prepayment.entitlement import control
from gateway.prepayment.events import (
    AccountClosed,
    HoldKind,
    HoldSet,
    LockoutReleased,
    LockoutSet,
    Moment,
    Reading,
    Restarted,
    Suspected,
    SuspicionCause,
    Tick,
    TopUp,
)
from gateway.prepayment.holds import blocked_by
from gateway.prepayment.ledger import Happening, Record, Transition, VerdictStatus
from gateway.prepayment.override import ENERGY_MAX_WH, HOURS_MAX, OverrideEnded, OverrideSet
from gateway.prepayment.step import Event, apply, next_deadline_ms
from gateway.prepayment.supply import Commodity, Control, SupplyState, SwitchState
from gateway.store import codec
from tests.prepayment.worlds import DAY_MS, HOUR_MS, NANO, TERMS, at, opened

S = SupplyState
POLL_MS = 60_000


def owing(state: SupplyState = S.SUSPENDED, *, terms: Terms = TERMS, **changes: Any) -> Account:
    """An account in debt on this rung, in a policy whose terms are long over."""
    account = opened(-5 * NANO, terms=terms, **changes)
    return replace(account, supply=Supply(state, at(), notice_running_ms=0))


def asked(ms: int = 1_000, *, hours: int = 24, cap_wh: int = 10_000, command_id: str = "o-1") -> OverrideSet:
    """What a technician orders."""
    return OverrideSet(at(ms), command_id, "anna", "ill child", hours, cap_wh)


def after(account: Account, *events: Event) -> tuple[Account, list[Record]]:
    """The account after these events, all taken, and what went on record."""
    records: list[Record] = []
    for event in events:
        outcome = apply(account, event, TERMS)
        assert outcome.verdict is None or outcome.verdict.status is VerdictStatus.APPLIED, outcome.verdict
        account = outcome.account
        records += outcome.records
    return account, records


def happened(records: list[Record], what: str) -> dict[str, str | int]:
    """The detail of the one such happening."""
    (found,) = (one for one in records if isinstance(one, Happening) and one.what == what)
    return dict(found.detail)


def refusal(account: Account, event: Event) -> str:
    """Why; nothing has changed."""
    outcome = apply(account, event, TERMS)
    assert outcome.verdict is not None
    assert (outcome.verdict.status, outcome.account) == (VerdictStatus.REFUSED, account)
    return outcome.verdict.reason


@pytest.mark.parametrize("state", [S.LIMITED, S.SUSPENDED])
def test_full_supply_that_no_poll_undoes(state: SupplyState) -> None:
    """Decision 13: the entry is on record with who, why and its bounds; the rung stays, and the supply is full."""
    account, records = after(owing(state), asked())
    assert happened(records, "override.set") == {
        "override": "o-1",
        "technician": "anna",
        "reason": "ill child",
        "hours": 24,
        "cap_wh": 10_000,
        "state": state.value,
        "balance_nano": -5 * NANO,
        "register_wh": 0,
    }
    for poll in range(1, 60):
        account, records = after(account, Reading(at(1_000 + poll * POLL_MS), poll * 10))
        assert not any(isinstance(record, Transition) for record in records)
        assert control(account, TERMS) == Control(SwitchState.CONNECTED, None, "override")
    assert account.supply.state is state


def test_it_ends_with_its_hours_to_the_millisecond() -> None:
    """Decision 13: hours observed while running; the deadline is known, and at it the rung holds again."""
    account, _ = after(owing(), asked(hours=2))
    end_ms = 1_000 + 2 * HOUR_MS
    assert next_deadline_ms(account, TERMS, at(1_000)) == 2 * HOUR_MS
    account, _ = after(account, Tick(at(end_ms - 1)))
    assert control(account, TERMS).switch is SwitchState.CONNECTED
    account, records = after(account, Tick(at(end_ms)))
    assert happened(records, "override.ended")["cause"] == "time"
    assert control(account, TERMS) == Control(SwitchState.DISCONNECTED, None, "suspended")
    assert next_deadline_ms(account, TERMS, at(end_ms)) is None


def test_no_clock_lengthens_it() -> None:
    """Threat 24: a wall clock set back, or none, changes nothing: only running time counts."""
    account, _ = after(owing(), asked(hours=1))
    back = replace(at(1_000 + HOUR_MS), utc_ms=0, trust=at().trust.UNKNOWN)
    account, records = after(account, Tick(back))
    assert happened(records, "override.ended")["cause"] == "time"


def test_it_ends_with_its_energy() -> None:
    """Decision 13: at the first reading that shows the cap reached; what was used is on record."""
    account, _ = after(owing(), Reading(at(500), 0), asked(cap_wh=1_000))
    account, records = after(account, Reading(at(1_000 + 10 * POLL_MS), 999))
    assert account.override is not None
    account, records = after(account, Reading(at(1_000 + 20 * POLL_MS), 1_200))
    ended = happened(records, "override.ended")
    assert (ended["cause"], ended["used_wh"], ended["lasted_ms"]) == ("energy", 1_200, 20 * POLL_MS)
    assert control(account, TERMS).switch is SwitchState.DISCONNECTED


def test_it_ends_by_a_top_up_that_restores_and_only_by_that() -> None:
    """Decision 11: enough credit makes it needless; less leaves it as it is."""
    account, _ = after(owing(), asked())
    account, _ = after(account, TopUp(at(2_000), "t-1", 1, 3 * NANO, 3 * NANO, "CHF", "web"))
    assert account.override is not None
    account, records = after(account, TopUp(at(3_000), "t-2", 2, 30 * NANO, 33 * NANO, "CHF", "web"))
    assert happened(records, "override.ended")["cause"] == "restored"
    assert (account.override, account.supply.state) == (None, S.NORMAL)
    assert control(account, TERMS) == Control(SwitchState.CONNECTED, None, "supplied")


def test_it_ends_by_hand_by_closing_and_by_a_hold_that_protects() -> None:
    """Decision 13: each end has its cause on record."""
    account, _ = after(owing(), asked())
    _, records = after(account, OverrideEnded(at(2_000), "o-2", "bruno", "moved out"))
    ended = happened(records, "override.ended")
    assert (ended["cause"], ended["ended_by"], ended["end_reason"]) == ("hand", "bruno", "moved out")
    closed, records = after(account, AccountClosed(at(2_000), "c-1", "moved out"))
    assert happened(records, "override.ended")["cause"] == "closed"
    assert control(closed, TERMS) == Control(SwitchState.DISCONNECTED, None, "terminated")
    _, records = after(account, HoldSet(at(2_000), "h-1", "h", HoldKind.LIFE_SUPPORT), Tick(at(3_000)))
    assert happened(records, "override.ended")["cause"] == "restored"


def test_what_is_refused() -> None:
    """Decision 13: not on an ended contract, not over a lock-out, not twice, not on a full supply, not nameless."""
    assert refusal(opened(5 * NANO), asked()) == "supply_full"
    assert refusal(owing(S.GRACE), asked()) == "supply_full"
    assert refusal(owing(S.TERMINATED), asked()) == "account_closed"
    assert refusal(replace(owing(), lockout="fire"), asked()) == "locked_out"
    account, _ = after(owing(), asked())
    assert refusal(account, asked(command_id="o-2")) == "override_in_force"
    assert refusal(owing(), replace(asked(), reason=" ")) == "no_reason"
    assert refusal(owing(), replace(asked(), technician="")) == "no_reason"
    for hours, cap_wh in ((0, 1), (HOURS_MAX + 1, 1), (1, 0), (1, ENERGY_MAX_WH + 1)):
        assert refusal(owing(), asked(hours=hours, cap_wh=cap_wh)) == "override_bounds"
    assert after(owing(), asked(hours=HOURS_MAX, cap_wh=ENERGY_MAX_WH))[0].override is not None
    assert refusal(owing(), OverrideEnded(at(2_000), "x", "anna", "why")) == "no_override"
    assert refusal(account, OverrideEnded(at(2_000), "x", "anna", "")) == "no_reason"


def test_a_lockout_dominates_it() -> None:
    """Decision 13: whoever works on the line is safe from it, and its time goes on meanwhile."""
    account, _ = after(owing(), asked(hours=2), LockoutSet(at(2_000), "l-1", "work"))
    assert control(account, TERMS) == Control(SwitchState.DISCONNECTED, None, "lockout")
    account, _ = after(account, LockoutReleased(at(HOUR_MS), "l-2"))
    assert control(account, TERMS).reason == "override"
    account, _ = after(account, Tick(at(1_000 + 2 * HOUR_MS)))
    assert control(account, TERMS).reason == "suspended"


@pytest.mark.parametrize("state", [S.LIMITED, S.SUSPENDED])
def test_gas_still_waits_for_somebody_on_site(state: SupplyState) -> None:
    """Decision 14: an override of a closed valve arms it and opens no burner by itself."""
    gas = owing(state, commodity=Commodity.GAS)
    account, _ = after(gas, asked())
    expected = SwitchState.READY_FOR_RECONNECTION if state is S.SUSPENDED else SwitchState.CONNECTED
    assert control(account, TERMS).switch is expected


def test_books_that_may_be_an_old_image_end_it() -> None:
    """Threat 3: an image put back again and again does not give its energy again; nor does one begin unseen."""
    account, _ = after(owing(), asked())
    account, records = after(account, Restarted(at(2_000), awaits=True, known=True))
    assert account.override is not None
    account, records = after(account, Suspected(at(3_000), SuspicionCause.FORK, "e", 9))
    assert happened(records, "override.ended")["cause"] == "rollback_suspected"
    assert refusal(account, asked(4_000)) == "rollback_suspected"
    account, _ = after(account, LockoutReleased(at(5_000), "l-1"), asked(6_000), Tick(at(7_000)))
    assert control(account, TERMS).reason == "override"


def test_an_override_holds_what_would_make_things_worse() -> None:
    """Decision 11, 13: nobody is told of a cut while the supply is full; the wait has the override's name."""
    due = replace(owing(S.LIMITED), supply=Supply(S.LIMITED, at(), notice_running_ms=0, dated_on="2026-01-01"))
    now = 2 * DAY_MS
    story = (Reading(at(now), 5), Tick(at(now + 1_000)))
    twin, _ = after(due, *story)
    assert twin.supply.state is S.SUSPENDED
    account, records = after(due, asked(now - 60_000), *story)
    assert account.supply.state is S.LIMITED
    held = [dict(one.detail) for one in records if isinstance(one, Happening) and one.what == "supply.escalation_held"]
    assert held[-1] == {"reason": "held", "hold": "o-1"}, held
    assert blocked_by(account, at(now)) == "o-1"
    account, records = after(account, OverrideEnded(at(now + 2_000), "o-2", "anna", "done"))
    assert account.supply.state is S.SUSPENDED


def test_it_survives_a_restart() -> None:
    """I19: the snapshot has it, bounds and all."""
    account, _ = after(owing(), asked())
    assert codec.restore("CH-1", codec.SNAPSHOT_FORMAT, codec.snapshot(account)) == account


STEPS = st.one_of(
    st.tuples(st.just("read"), st.integers(1, 900), st.integers(0, 2_500)),
    st.tuples(st.just("wait"), st.integers(1, 40 * 3_600), st.just(0)),
    st.tuples(st.just("pay"), st.integers(1, 60), st.integers(1, 12)),
    st.tuples(st.just("lock"), st.just(1), st.integers(0, 1)),
    st.tuples(st.just("hold"), st.just(1), st.just(0)),
)


def rank(found: Control) -> tuple[int, int]:
    """How much supply this is."""
    closed = found.switch is not SwitchState.DISCONNECTED
    return int(closed), 10**9 if found.limit_w is None else found.limit_w


def event_of(step: tuple[str, int, int], now: Moment, register_wh: int, paid: tuple[int, int]) -> Event:
    """What one step of a story is."""
    match step[0]:
        case "read":
            return Reading(now, register_wh)
        case "pay":
            return TopUp(now, f"t-{paid[0]}", paid[0], step[2] * NANO, paid[1] * NANO, "CHF", "web")
        case "lock":
            return LockoutSet(now, "l", "work") if step[2] else LockoutReleased(now, "l")
        case "hold":
            return HoldSet(now, "h", "h", HoldKind.COMPLAINT)
        case _:
            return Tick(now)


@given(
    st.sampled_from((S.LIMITED, S.SUSPENDED)),
    st.integers(1, 5),
    st.integers(1, 4_000),
    st.integers(0, 3),
    st.lists(STEPS, max_size=25),
)
def test_it_never_makes_a_supply_worse_and_gives_no_more_than_its_bounds(
    state: SupplyState, hours: int, cap_wh: int, begins: int, story: list[tuple[str, int, int]]
) -> None:
    """I9, decision 13: beside a twin without it; energy at most the cap and one poll, time at most its hours."""
    lives = [owing(state), owing(state)]
    running_ms, register_wh, paid, since = 0, 0, (0, 0), (0, 0)
    for number, step in enumerate(story):
        running_ms += step[1] * 1000
        register_wh += step[2] * (step[0] == "read") * step[1] // 900
        paid = (paid[0] + 1, paid[1] + step[2]) if step[0] == "pay" else paid
        now = at(running_ms)
        before = lives[0].override
        lives = [apply(life, event_of(step, now, register_wh, paid), TERMS).account for life in lives]
        if number == begins:
            lives[0] = apply(lives[0], asked(running_ms, hours=hours, cap_wh=cap_wh), TERMS).account
            since = (running_ms, lives[0].usage.wh)
        assert rank(control(lives[0], TERMS)) >= rank(control(lives[1], TERMS))
        assert lives[0].balance_nano == lives[1].balance_nano
        if lives[0].override is not None:
            assert lives[0].usage.wh - since[1] < cap_wh
            assert running_ms - since[0] < hours * HOUR_MS
        elif before is not None:
            assert rank(control(lives[0], TERMS)) >= rank(control(lives[1], TERMS))
