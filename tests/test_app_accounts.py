"""What the daemon starts with: accounts it refuses, meters that went with their contracts, meters that are nobody's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from gateway.app import run
from gateway.clock import SystemClock
from gateway.errors import ConfigError
from gateway.installation import load
from gateway.prepayment.events import Moment, TimeTrust
from gateway.prepayment.supply import SupplyState
from gateway.store import Store, peek
from tests.config.drafts import A1, A2, GOOD, M1, M2, write
from tests.test_plan_kinds import OUTPUT, PLAIN

AWAY = GOOD.replace("port = 5020", "port = 1")


def lives(folder: Path, text: str) -> list[dict[str, object]]:
    """One run of the daemon on this configuration, until it has started; what it logged."""
    (folder / "data").mkdir(exist_ok=True)

    async def start_and_stop(logged: Sequence[Mapping[str, object]]) -> None:
        stop = asyncio.Event()
        daemon = asyncio.create_task(run(load(write(folder, text)), clock=SystemClock(), stop=stop))
        while not daemon.done() and not any(line["event"] == "gateway.started" for line in logged):
            await asyncio.sleep(0.01)
        stop.set()
        await daemon

    with structlog.testing.capture_logs() as logged:
        asyncio.run(start_and_stop(logged))
    return [dict(line) for line in logged]


def accounts(folder: Path) -> list[str]:
    """Whom the store serves."""
    return sorted(account.account_id for account in peek.accounts(folder / "data" / "store.db"))


def end_of(folder: Path, account_id: str) -> None:
    """This contract ended in the past."""

    async def ended() -> None:
        store = await Store.open(folder / "data" / "store.db")
        now = Moment(0, TimeTrust.UNKNOWN, 0)
        await store.open_epoch(now)
        old = next(account for account in await store.accounts() if account.account_id == account_id)
        over = replace(old, supply=replace(old.supply, state=SupplyState.TERMINATED))
        await store.commit(at=now, accounts=[over])
        await store.close()

    asyncio.run(ended())


def test_an_account_that_is_refused_costs_its_neighbour_nothing(tmp_path: Path) -> None:
    """S2-07, decision 3: the log names account, reason and value; the other account opens and the daemon goes on."""
    logged = lives(tmp_path, AWAY.replace("contract_power_w = 3000", "contract_power_w = 3030", 1))
    [refused] = [line for line in logged if line["event"] == "account.not_opened"]
    assert (refused["account_id"], refused["reason"], refused["power_w"]) == ("CH-0001", "invalid_step", 3030)
    assert [line["account_id"] for line in logged if line["event"] == "account.opened"] == ["CH-0002"]
    assert accounts(tmp_path) == ["CH-0002"]


def test_a_meter_may_go_with_its_contract_and_not_before(tmp_path: Path) -> None:
    """S2-10, decision 3: without its meter an account that is served ends the start; one that ended does not."""
    lives(tmp_path, AWAY)
    without = AWAY.replace(M2, "").replace(A2, "")
    with pytest.raises(ConfigError, match="the store holds an account on meter 'm2', which is not there any more"):
        lives(tmp_path, without)
    end_of(tmp_path, "CH-0002")
    logged = lives(tmp_path, without)
    assert any(line["event"] == "gateway.started" for line in logged)
    assert accounts(tmp_path) == ["CH-0001", "CH-0002"]


def test_meters_that_only_measure_and_switch_themselves_are_built(tmp_path: Path) -> None:
    """Decision 15: a meter without a switch and one with an output of its own are polled like others."""
    text = AWAY.replace(M1, PLAIN).replace(A1, "").replace(M2, OUTPUT)
    logged = lives(tmp_path, text)
    assert any(line["event"] == "gateway.started" for line in logged)
    assert not any(line["log_level"] == "critical" for line in logged)
    assert accounts(tmp_path) == ["CH-0002"]
