"""What a resync may say of outages and claims: as little as a millisecond, and no claim without its evidence."""

from dataclasses import replace

import pytest

from gateway.prepayment.arrears import Arrears, Proof
from gateway.prepayment.outages import OUTAGE_MAX_MS, Outage
from gateway.prepayment.step import apply
from gateway.prepayment.supply import Commodity, SupplyState
from tests.delinquency.debtor import TERMS, debtor
from tests.prepayment.test_resync import THEIRS, refused, request, suspect, taken
from tests.prepayment.worlds import MONDAY_MS, NANO, at


@pytest.mark.parametrize("lasts_ms", [1, 2, OUTAGE_MAX_MS - 1, OUTAGE_MAX_MS])
def test_an_outage_of_a_position_lasts_a_while(lasts_ms: int) -> None:
    """S4-06: from a millisecond to the longest window there is."""
    window = Outage("o-1", MONDAY_MS, MONDAY_MS + lasts_ms)
    assert taken(replace(THEIRS, outages=(window,))).outages == (window,)


@pytest.mark.parametrize("lasts_ms", [-1, 0, OUTAGE_MAX_MS + 1])
def test_an_outage_that_is_none_is_refused(lasts_ms: int) -> None:
    """S4-06, I24: one that ends before it begins, or keeps every term from ending; the refusal names which."""
    good, bad = Outage("o-1", MONDAY_MS, MONDAY_MS + 1), Outage("o-2", MONDAY_MS, MONDAY_MS + lasts_ms)
    answer = refused(suspect(), request(replace(THEIRS, outages=(good, bad))))
    assert answer == ("outage_length", {"outage": "o-2", "max_ms": OUTAGE_MAX_MS})


CLAIM = Arrears(
    "a-1", Commodity.ELECTRICITY, 120 * NANO, "2026-01-31", "2026-02-27", None, "2026-03-02",
    Proof.CERTIFIED_MAIL, "2026-03-31", 0, (), "letter 7/2026", at(),
)  # fmt: skip
OWES = replace(
    THEIRS, register_wh=0, top_up_sequence=0, top_up_total_nano=0, reversal_sequence=0, reversal_total_nano=0,
    state=SupplyState.REGULAR,
)  # fmt: skip


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        (CLAIM, ""),
        (replace(CLAIM, amount_nano=0), "invalid_amount"),
        (replace(CLAIM, due_on="2026-03-01"), "dates_contradict"),
        (replace(CLAIM, notified_on=None), "incomplete_evidence"),
    ],
)
def test_a_claim_of_a_position_is_held_against_its_evidence(claim: Arrears, reason: str) -> None:
    """2.4, threat 4: what no notice could have said no resync says either; the claim is named, and what to do."""
    account = suspect(debtor().account)
    order = request(replace(OWES, arrears=(claim,)), currency="EUR")
    if not reason:
        assert apply(account, order, TERMS).account.arrears == (claim,)
        return
    said, detail = refused(account, order)
    assert (said, detail["arrears"], detail["hint"]) == (reason, "a-1", "leave it out and give notice anew")
