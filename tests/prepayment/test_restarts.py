"""What a restart alone must not do to a customer: the head-end is asked first, and no earlier run decides for it."""

from dataclasses import replace

import pytest

from gateway.prepayment.account import Account, Start, Suspicion
from gateway.prepayment.events import Confirmed, Restarted, SuspicionCause, Tick
from gateway.prepayment.rollback import LEAVE_MS, unanswered
from gateway.prepayment.supply import SupplyState
from tests.prepayment.worlds import NANO, World, opened, policy, world


def in_debt(wh: int) -> World:
    """In grace for a day and more, with a debt that ends no term: the policy gives three days whatever is owed."""
    found = world(0)
    found.account = replace(found.account, policy=policy(grace_debt_cap_nano=None))
    found.use(wh, 30)
    assert found.account.supply.state is SupplyState.GRACE
    return found


def look_after(found: World, ms: int) -> SupplyState:
    """Tick and read the meter so much later; the rung then."""
    found.running_ms += ms
    found.utc_ms += ms
    found.post(Tick(found.now()))
    found.read()
    return found.account.supply.state


def test_a_reboot_limits_nobody_before_the_head_end_could_answer() -> None:
    """Decision 12, I8: a head-end that confirms within seconds keeps the grace that was given."""
    found = in_debt(90_000)
    assert found.account.balance_nano < -found.account.policy.offline_debt_cap_nano
    found.post(Restarted(found.now(), awaits=True))
    assert look_after(found, 1_000) is SupplyState.GRACE
    found.post(Confirmed(found.now()))
    assert look_after(found, LEAVE_MS) is SupplyState.GRACE


def test_after_two_minutes_without_an_answer_money_bounds_the_loss() -> None:
    """Threat 24: nobody has confirmed the books, so the offline debt cap counts."""
    found = in_debt(90_000)
    found.post(Restarted(found.now(), awaits=True))
    assert look_after(found, LEAVE_MS - 1) is SupplyState.GRACE
    assert look_after(found, 1) is SupplyState.LIMITED


def test_switching_off_and_on_within_the_two_minutes_is_bounded_too() -> None:
    """Threat 24: at twice the cap a restart waits for nobody."""
    found = in_debt(161_000)
    assert found.account.balance_nano < -40 * NANO
    found.post(Restarted(found.now(), awaits=True))
    assert look_after(found, 1_000) is SupplyState.LIMITED


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        (opened(), False),
        (replace(opened(), start=Start(0, known=True)), False),
        (replace(opened(), start=Start(0, known=True, leaves_switch=False)), True),
        (replace(opened(), suspicion=Suspicion(SuspicionCause.FORK, opened().opened)), True),
    ],
)
def test_a_suspicion_is_an_answer_and_a_start_is_none_yet(account: Account, expected: bool) -> None:
    """Threat 3: what the head-end said counts at once, its silence after a while."""
    assert unanswered(account) is expected
