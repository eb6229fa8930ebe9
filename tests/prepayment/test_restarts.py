"""What a restart alone must not do to a customer: the head-end is asked first, and no earlier run decides for it."""

from dataclasses import replace

import pytest

from gateway.prepayment.account import Account, Start, Suspicion
from gateway.prepayment.events import Confirmed, Restarted, Suspected, SuspicionCause, Tick, TopUp, TopUpReversal
from gateway.prepayment.ledger import Entry
from gateway.prepayment.position import Resynced
from gateway.prepayment.rollback import LEAVE_MS, resynced, suspected, unanswered, vouched, withholds
from gateway.prepayment.step import apply
from gateway.prepayment.supply import SupplyState
from tests.prepayment.worlds import NANO, TERMS, World, at, opened, policy, world


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


def test_without_a_head_end_that_acknowledges_nobody_is_waited_for() -> None:
    """I3, I8: `acknowledges = false` since the last run: no bound of that run stays, and what it withheld is paid."""
    withheld_nano = 30 * NANO
    account = replace(opened(0), start=Start(5, known=False), top_up_total_nano=40 * NANO, withheld_nano=withheld_nano)
    outcome = apply(account, Restarted(at(9), awaits=False), TERMS)
    after = outcome.account
    assert (after.start, after.withheld_nano, after.register.unobserved) == (None, 0, True)
    assert (vouched(after), withholds(after), after.balance_nano) == (True, False, 40 * NANO)
    (entry,) = outcome.records
    assert isinstance(entry, Entry)
    assert (entry.amount_nano, entry.reference) == (withheld_nano, "withheld")


@pytest.mark.parametrize("cause", list(SuspicionCause))
def test_without_a_head_end_that_acknowledges_a_suspicion_stays_until_its_resync(cause: SuspicionCause) -> None:
    """Threat 3: a line in a file is no word of anybody about these books."""
    suspicion = Suspicion(cause, at(1), 7)
    account = replace(opened(), start=Start(5, known=True), suspicion=suspicion, withheld_nano=NANO)
    outcome = apply(account, Restarted(at(9), awaits=False), TERMS)
    kept = replace(suspicion, seq=0)  # the row may be of a branch given up since
    assert (outcome.account.start, outcome.account.suspicion, outcome.account.withheld_nano) == (None, kept, NANO)
    assert outcome.records == ()


@pytest.mark.parametrize("epoch", ["", "run-now"])
def test_only_a_run_that_is_over_is_given_up(epoch: str) -> None:
    """Threat 3: this run goes on in rows that a later image may lack, and no row at all is no branch."""
    account = replace(opened(), suspicion=Suspicion(SuspicionCause.BACKUP, at(1)))
    resync = Resynced(at(2), "r-1", run="run-now", epoch=epoch, seq=0, head="0" * 64, currency="CHF", position=None)
    after = resynced(account, resync)
    assert after.lost_epochs == ()
    again = suspected(after, Suspected(at(3), SuspicionCause.FORK, epoch, 9)).account
    assert again.suspicion == Suspicion(SuspicionCause.FORK, at(3), 9)
    assert resynced(account, replace(resync, epoch="run-before")).lost_epochs == ("run-before",)


@pytest.mark.parametrize(("prior", "kept"), [(80, 420), (500, 0), (505, 0)])
def test_what_earlier_books_took_back_is_not_taken_again_from_empty_ones(prior: int, kept: int) -> None:
    """I3, I8: the reversals' lifetime total is part of what was withheld; nobody is limited for an old debt."""
    account = replace(opened(0), suspicion=Suspicion(SuspicionCause.LOST, at(1), 50))
    account = apply(account, TopUp(at(2), "t", 51, 10 * NANO, 510 * NANO, "CHF", "web"), TERMS).account
    assert (account.balance_nano, account.withheld_nano) == (10 * NANO, 500 * NANO)
    outcome = apply(account, TopUpReversal(at(3), "r", 3, 2 * NANO, (prior + 2) * NANO, "CHF", "x"), TERMS)
    after = outcome.account
    assert (after.reversal_total_nano, after.withheld_nano) == ((prior + 2) * NANO, kept * NANO)
    assert after.balance_nano == (8 - max(0, prior - 500)) * NANO
    (entry,) = (record for record in outcome.records if isinstance(record, Entry))
    assert entry.amount_nano == after.balance_nano - account.balance_nano


def test_books_that_are_vouched_for_take_back_the_whole_total() -> None:
    """I3: a missing reversal heals with the next."""
    account = replace(opened(0), top_up_sequence=1, top_up_total_nano=10 * NANO)
    after = apply(account, TopUpReversal(at(3), "r", 3, 2 * NANO, 7 * NANO, "CHF", "x"), TERMS).account
    assert (after.balance_nano, after.withheld_nano) == (3 * NANO, 0)
