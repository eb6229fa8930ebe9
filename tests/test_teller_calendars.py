"""Seasons and hours of help that arrive in a signed policy: kept with the account, and refused when unknown."""

import asyncio
import json
import tomllib
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.commands import Command
from gateway.commands.agreement import PolicySetBody
from gateway.config.policies import PolicyDocument
from gateway.prepayment.ledger import VerdictStatus
from gateway.prepayment.policy import Slots
from tests.counter import Counter
from tests.prepayment.test_moratoria import CALENDAR
from tests.prepayment.worlds import TERMS

CONFIG = Path(__file__).parent.parent / "config"


@pytest.fixture
def counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counter:
    """Books of a gateway that knows the seasons `frost` and `heat`."""
    monkeypatch.setattr("tests.counter.TERMS", replace(TERMS, calendars={"test": CALENDAR}))
    return Counter(tmp_path / "store.db")


def run(story: Coroutine[Any, Any, None]) -> None:
    """One test's story."""
    asyncio.run(story)


def careful(**slots: object) -> PolicySetBody:
    """The shipped policy with other slots, as a product manager sends it."""
    content = tomllib.loads((CONFIG / "policies" / "prepaid.toml").read_text(encoding="utf-8"))
    content["slots"] |= slots
    document = msgspec.convert(content | {"calendar": "test", "version": 2}, PolicyDocument)
    return PolicySetBody("CH-1", document)


def test_seasons_and_hours_of_help_outlive_a_restart(counter: Counter) -> None:
    """I4, S0-07: the slots that a signed policy brought are those of the account after a crash."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        body = careful(moratoria=["frost", "heat"], help_hours=["08:30-12:00", "13:30-17:00"], min_open_after="3h")
        answer = await teller.execute(counter.order(Command.POLICY_SET, body))
        assert answer.status is VerdictStatus.APPLIED
        await counter.crash()
        teller = await counter.start()
        assert teller.accounts["CH-1"].policy.slots == Slots(
            (4, 5, 6), closed_on_holidays=True, closed_on_eves=True, from_minute=480, to_minute=900,
            moratoria=("frost", "heat"), help_hours=((510, 720), (810, 1020)), min_open_after_ms=3 * 3_600_000,
        )  # fmt: skip
        await counter.stop()

    run(story())


def test_a_season_nobody_knows_is_refused_and_on_record(counter: Counter) -> None:
    """I21, I24: `unknown_moratorium` with its name in the receipt; the policy in force stays, now and after a crash."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        before = teller.accounts["CH-1"].policy
        answer = await teller.execute(counter.order(Command.POLICY_SET, careful(moratoria=["frost", "flood"])))
        assert (answer.status, answer.reason) == (VerdictStatus.REFUSED, "unknown_moratorium")
        row = await counter.store.row(answer.journal_seq)
        assert row is not None
        assert b"flood" in row.body
        assert json.loads(row.body)["reason"] == "unknown_moratorium"
        await counter.crash()
        teller = await counter.start()
        assert teller.accounts["CH-1"].policy == before
        await counter.stop()

    run(story())
