"""S4-15: the power of a plant behind a production point, below 10,000 kW."""

from pathlib import Path

import pytest
from msgspec import structs

from gateway.commands import Command
from gateway.commands.agreement import AccountOpenBody
from gateway.commands.contract import AccountRolloverBody, NextHolderBody
from gateway.commands.envelope import verify
from gateway.errors import CommandRefused
from gateway.prepayment.agenda import RolloverKind
from gateway.prepayment.ledger import VerdictStatus
from tests.contract.premises import HOUR_MS, POLICY, TARIFF, Premises, run
from tests.counter import Counter
from tests.fuzz.names import GATEWAY, KEYS, token

OPEN = AccountOpenBody("CH-7", "m7", "CHF", 3_000, POLICY, TARIFF, opening_register_wh=0)


@pytest.mark.parametrize("plant_power_w", [-1, 10_000_000, 1_000_000_000])
def test_a_plant_of_10000_kw_is_refused(plant_power_w: int) -> None:
    """S4-15: a well-signed command that opens such a point is a bad payload, and nothing changes."""
    with pytest.raises(CommandRefused) as refused:
        verify(token(Command.ACCOUNT_OPEN, structs.replace(OPEN, plant_power_w=plant_power_w)), KEYS, GATEWAY)
    assert refused.value.reason == "bad_payload"
    assert "plant_power_w" in str(refused.value.detail["error"])


@pytest.mark.parametrize("plant_power_w", [0, 6_000, 9_999_999])
def test_a_smaller_plant_is_kept_with_its_account(tmp_path: Path, plant_power_w: int) -> None:
    """S4-15: from the signed command to the store, and over a restart."""

    async def story() -> None:
        counter = Counter(tmp_path / "store.db")
        await counter.start()
        body = verify(token(Command.ACCOUNT_OPEN, structs.replace(OPEN, plant_power_w=plant_power_w)), KEYS, GATEWAY)
        answer = await counter.teller.execute(counter.order(Command.ACCOUNT_OPEN, body.body))
        assert answer.status is VerdictStatus.APPLIED
        await counter.crash()
        await counter.start()
        assert counter.teller.accounts["CH-7"].plant_power_w == plant_power_w
        await counter.stop()

    run(story())


def test_the_plant_stays_at_its_place_when_the_holder_changes(tmp_path: Path) -> None:
    """S4-15, S2-03: it is connected to the point, not to the person."""

    async def story() -> None:
        home = Premises(Counter(tmp_path / "store.db"))
        await home.counter.start()
        opened = structs.replace(OPEN, meter_id="m1", plant_power_w=6_000)
        await home.order(Command.ACCOUNT_OPEN, opened)
        await home.live(HOUR_MS)
        holder = NextHolderBody("CH-8", "CHF", 4_500, POLICY, TARIFF, contract_id="C-8")
        answer = await home.order(Command.ACCOUNT_ROLLOVER, AccountRolloverBody("CH-7", RolloverKind.VOLTURA, holder))
        assert answer.status is VerdictStatus.APPLIED
        assert (home.account.account_id, home.account.plant_power_w) == ("CH-8", 6_000)
        await home.counter.stop()

    run(story())
