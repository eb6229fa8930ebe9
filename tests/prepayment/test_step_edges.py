"""The step at its edges: nothing that one event leads to gets lost, and what waits for the site waits for a reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.prepayment.account import Account
from gateway.prepayment.events import AccountClosed, Hold, HoldKind, Reading, TopUp
from gateway.prepayment.ledger import Entry, EntryKind, Happening, Transition
from gateway.prepayment.policy import Reconnect, Slots
from gateway.prepayment.register import CONFIRMATIONS
from gateway.prepayment.step import Event, apply, next_deadline_ms
from gateway.prepayment.supply import Commodity, SupplyState
from tests.contract.test_rollover_any_time import order
from tests.prepayment.test_override import after, asked, owing
from tests.prepayment.worlds import DAY_MS, HOUR_MS, MONDAY_MS, NANO, TERMS, World, at, opened, policy, tariff

S = SupplyState


def paid_up(account: Account) -> Account:
    """The account after a top-up that pays all its debt."""
    top_up = TopUp(at(DAY_MS), "t-1", 1, 50 * NANO, 50 * NANO, "CHF", "web")
    return apply(account, top_up, TERMS).account


def moved(account: Account, event: Event) -> tuple[Account, Transition]:
    """The account after this event, and its one transition."""
    outcome = apply(account, event, TERMS)
    (transition,) = [record for record in outcome.records if isinstance(record, Transition)]
    return outcome.account, transition


def test_a_change_of_holder_loses_nothing_of_the_old_one() -> None:
    """S2-03, I6: entry of the day, change and quarter-hours come of one reading; each Wh is in one quarter-hour."""
    w = World(opened(200 * NANO, tariff=tariff(standing_nano_per_day=NANO)))
    w.read()
    midnight_ms = 15 * HOUR_MS
    w.post(order(w, midnight_ms))
    w.running_ms, w.utc_ms, w.register_wh = midnight_ms + 300_000, MONDAY_MS + midnight_ms + 300_000, 9_000
    outcome = w.read()
    old, new = outcome.account, outcome.opened
    assert new is not None
    assert (old.supply.state, new.account_id) == (S.TERMINATED, "CH-2")
    assert sum(quarter.import_wh for quarter in outcome.intervals) == old.usage.wh == 9_000
    assert [quarter.start_utc_ms for quarter in outcome.intervals] == [
        MONDAY_MS + number * 900_000 for number in range(15 * 4 + 1)
    ]
    (charge,) = [record for record in outcome.records if isinstance(record, Entry) and record.kind is EntryKind.CHARGE]
    assert (charge.account_id, charge.balance_nano, charge.to_register_wh) == ("CH-1", old.balance_nano, 9_000)
    told = [record.what for record in outcome.records if isinstance(record, Happening)]
    assert "account.rolled_over" in told


def test_the_next_look_is_at_the_first_of_all_timers() -> None:
    """I8: whichever comes first, a term of the rung or the end of an override."""
    account, _ = after(owing(S.LIMITED), asked(1_000, hours=1))
    assert next_deadline_ms(account, TERMS, at(1_000)) == 59_000, "the rung's shortest time"
    assert next_deadline_ms(account, TERMS, at(60_000)) == HOUR_MS + 1_000 - 60_000, "the override"
    assert next_deadline_ms(replace(account, override=None), TERMS, at(60_000)) == DAY_MS - 60_000, "the notice"


def test_a_register_wraps_where_the_meter_that_hangs_there_does() -> None:
    """Threat 14: the account's own meter counts, whatever the installation says of the first one."""
    w = World(opened(register_wh=9_950), terms=replace(TERMS, wraps_at_wh=1_000_000), register_wh=9_950)
    w.account = replace(w.account, wraps_at_wh=10_000)
    w.read()
    w.register_wh = 30
    for _ in range(CONFIRMATIONS):
        w.running_ms += 60_000
        w.utc_ms += 60_000
        w.read()
    assert (w.account.usage.wh, w.account.register.cases) == (80, ())


@pytest.mark.parametrize(
    ("state", "reconnect", "commodity", "armed"),
    [
        (S.SUSPENDED, Reconnect.AUTO, Commodity.ELECTRICITY, False),
        (S.SUSPENDED, Reconnect.ARMED, Commodity.ELECTRICITY, True),
        (S.SUSPENDED, Reconnect.AUTO, Commodity.GAS, True),
        (S.LIMITED, Reconnect.ARMED, Commodity.ELECTRICITY, False),
    ],
)
def test_only_what_was_off_waits_for_somebody_on_site(
    state: SupplyState, reconnect: Reconnect, commodity: Commodity, armed: bool
) -> None:
    """Decision 14: reduced power was never off; electricity closes by itself unless the policy says otherwise."""
    account = owing(state, commodity=commodity, policy=policy(reconnect=reconnect))
    assert account.armed is False
    account = paid_up(account)
    assert (account.supply.state, account.armed) == (S.NORMAL, armed)


@pytest.mark.parametrize("armed", [False, True])
def test_what_is_off_waits_for_nobody(armed: bool) -> None:
    """Decision 14: the word from the site is asked for when the supply may come back, not while it is off."""
    due = replace(owing(S.LIMITED, policy=policy(limit_debt_cap_nano=NANO)), armed=armed)
    due = replace(due, contact_running_ms=2 * DAY_MS)
    account, cut = moved(due, Reading(at(2 * DAY_MS), 0))
    assert (cut.rule, account.supply.state, account.armed) == ("limit_over", S.SUSPENDED, False)
    account, end = moved(replace(opened(), armed=armed), AccountClosed(at(1_000), "c-1", "moved"))
    assert (end.target, account.armed) == (S.TERMINATED, False)


@pytest.mark.parametrize(("left_ms", "disputed"), [(1, [30 * NANO]), (0, [])])
def test_the_evidence_names_what_is_disputed_at_that_instant(left_ms: int, disputed: list[int]) -> None:
    """2.8, 11: a dispute that is over is none."""
    hold = Hold("d-1", HoldKind.DISPUTE, MONDAY_MS + DAY_MS + left_ms, amount_nano=30 * NANO)
    account = replace(owing(S.LIMITED), holds=(hold,))
    _, transition = moved(account, TopUp(at(DAY_MS), "t-1", 1, 50 * NANO, 50 * NANO, "CHF", "web"))
    assert [value for name, value in transition.detail if name == "disputed_nano"] == disputed


def test_why_an_escalation_waits_comes_after_what_the_event_did() -> None:
    """I1, 2.8: a payment too small to help is in the ledger; that the slot is closed stands beside it."""
    shut = policy(slots=Slots(closed_weekdays=(0, 1, 2, 3, 4, 5, 6)))
    account = replace(owing(S.LIMITED, policy=replace(shut, limit_debt_cap_nano=NANO)), contact_running_ms=2 * DAY_MS)
    account = replace(account, register=replace(account.register, at=at(2 * DAY_MS)))
    top_up = TopUp(at(2 * DAY_MS), "t-1", 1, NANO, NANO, "CHF", "web")
    outcome = apply(account, top_up, TERMS)
    entry, held = outcome.records
    assert isinstance(entry, Entry)
    assert isinstance(held, Happening)
    assert (entry.kind, held.what, outcome.account.supply.held_by) == (
        EntryKind.TOP_UP, "supply.escalation_held", "slot_blocked",
    )  # fmt: skip
