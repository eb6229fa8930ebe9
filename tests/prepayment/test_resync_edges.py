"""A resync at its edges: how long an outage in a position may last."""

from dataclasses import replace

import pytest

from gateway.prepayment.ledger import VerdictStatus
from gateway.prepayment.outages import OUTAGE_MAX_MS, Outage
from gateway.prepayment.step import apply
from gateway.prepayment.taken import refused
from tests.prepayment.test_resync import THEIRS, request, suspect
from tests.prepayment.worlds import MONDAY_MS, TERMS


@pytest.mark.parametrize("length_ms", [-1, 0, 1, OUTAGE_MAX_MS, OUTAGE_MAX_MS + 1])
def test_an_outage_of_a_position_lasts_from_a_millisecond_to_a_month(length_ms: int) -> None:
    """S4-06: an empty window stops nothing, and one too long would keep a term from ever ending."""
    outage = Outage("o-1", MONDAY_MS, MONDAY_MS + length_ms)
    outcome = apply(suspect(), request(replace(THEIRS, outages=(outage,))), TERMS)
    assert outcome.verdict is not None
    if 0 < length_ms <= OUTAGE_MAX_MS:
        assert (outcome.verdict.status, outcome.account.outages) == (VerdictStatus.APPLIED, (outage,))
    else:
        assert outcome.verdict == refused("outage_length", outage="o-1", max_ms=OUTAGE_MAX_MS)
        assert outcome.account == suspect()
