"""The end of a contract for arrears, and of an order: nothing shortens a term, and nothing vanishes unrecorded."""

from dataclasses import replace

import pytest

from gateway.prepayment.delinquency import Phase, phase_of
from gateway.prepayment.events import AccountClosed, CloseCause, Suspected, SuspicionCause
from gateway.prepayment.ledger import Verdict
from gateway.prepayment.outages import Outage, OutagePlanned
from gateway.prepayment.supply import SupplyState
from tests.delinquency.debtor import Debtor, debtor, utc_ms


def suspended() -> Debtor:
    """Limited on Tuesday 7 April, suspended on 12 May; by itself the contract may end on 2 June."""
    home = debtor()
    home.notice()
    home.stand("2026-04-07", "08:30")
    home.limit()
    home.stand("2026-05-12", "08:30")
    home.suspend()
    assert home.state is SupplyState.SUSPENDED
    return home


def end(home: Debtor) -> Verdict:
    """The order to end the contract."""
    return home.said(AccountClosed(home.at(), "close-1", "arrears", CloseCause.DELINQUENCY))


def test_an_outage_makes_the_term_to_the_end_stand_still() -> None:
    """S4-06, S1-14: each civil day an outage touched is added whole, here ten; also after the outage is over."""
    home = suspended()
    home.said(
        OutagePlanned(home.at(), "o-1", Outage("o-1", utc_ms("2026-05-14", "00:00"), utc_ms("2026-05-24", "00:00")))
    )
    home.stand("2026-06-02", "08:30")
    assert dict(end(home).detail)["not_before"] == "2026-06-12"
    assert phase_of(home.account, home.terms, home.at()) is Phase.SUSPENDED
    home.stand("2026-06-11", "23:59")
    assert end(home).reason == "too_early"
    home.stand("2026-06-12", "00:00")
    assert phase_of(home.account, home.terms, home.at()) is Phase.TERMINABLE
    assert end(home).reason == ""
    assert home.state is SupplyState.TERMINATED


def test_books_that_may_be_old_end_no_contract_for_arrears() -> None:
    """Threat 4, S1-14: the day of suspension may be another's, and the claim paid; the resync says."""
    home = suspended()
    home.post(Suspected(home.at(), SuspicionCause.FORK, "epoch", 5))
    home.stand("2026-07-01", "08:30")
    assert end(home).reason == "rollback_suspected"
    home.account = replace(home.account, suspicion=None)
    assert end(home).reason == ""


@pytest.mark.parametrize("queue", [True, False])
def test_an_order_that_another_one_replaces_is_on_record(queue: bool) -> None:
    """2.4: who ordered it is told that it will not be carried out, whether the next one waits or acts."""
    home = debtor()
    home.notice()
    home.notice(arrears_id="a-2")
    home.stand("2026-04-04", "08:30")
    assert home.limit(queue=True).reason == "queued"
    if not queue:
        home.now_ms = utc_ms("2026-04-07", "08:30")  # nothing looked at the clock since
    home.limit(queue=queue, arrears_id="a-2")
    said = home.last("supply.order_refused")
    assert (said["command_id"], said["arrears"], said["reason"]) == ("order-1", "a-1", "replaced")
    home.stand("2026-04-07", "08:31")
    assert (home.state, len(home.moves())) == (SupplyState.LIMITED, 2)
