"""What the ladder sees of an account: the balance a rule looks at, and whether power can be reduced here."""

from dataclasses import replace

import pytest

from gateway.prepayment.events import Hold, HoldKind, TimeTrust
from gateway.prepayment.ladder import can_limit, situation_of
from gateway.prepayment.supply import Commodity
from tests.prepayment.worlds import MONDAY_MS, NANO, TERMS, at, opened


@pytest.mark.parametrize(
    ("ms", "trust", "disputed"),
    [(9, TimeTrust.AUTHENTICATED, 3), (10, TimeTrust.AUTHENTICATED, 0), (10, TimeTrust.SYNCHRONISED, 3)],
)
def test_a_dispute_nets_until_its_end_is_proven(ms: int, trust: TimeTrust, disputed: int) -> None:
    """S2-22, S2-23: from that instant on a rule sees the whole debt, also before the hold is tidied away."""
    account = replace(opened(-20 * NANO), holds=(Hold("d", HoldKind.DISPUTE, MONDAY_MS + 10, 3 * NANO),))
    assert situation_of(account, TERMS, at(ms, trust)).balance_nano == (disputed - 20) * NANO


def test_only_the_power_of_electricity_can_be_reduced() -> None:
    """Decision 15: a policy with a limit and a meter that could make no other commodity flow more slowly."""
    account = opened()
    found = {kind: can_limit(situation_of(replace(account, commodity=kind), TERMS, at())) for kind in Commodity}
    assert found == {kind: kind is Commodity.ELECTRICITY for kind in Commodity}
