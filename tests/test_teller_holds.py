"""Holds and outages as signed commands on a real store: kept over a restart, on record, refused with a reason."""

import asyncio
import json
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.commands import Command
from gateway.commands.claims import Body
from gateway.commands.protection import HoldReleaseBody, HoldSetBody, OutageCancelBody, OutagePlanBody
from gateway.prepayment.account import Account
from gateway.prepayment.events import HoldKind, TimeTrust
from gateway.prepayment.ledger import VerdictStatus
from gateway.prepayment.supply import SupplyState
from gateway.reference.known import Signed
from gateway.teller import Teller
from tests.counter import Counter
from tests.prepayment.worlds import HOUR_MS, MONDAY_MS, NANO

MONDAY = datetime.fromtimestamp(MONDAY_MS / 1000, UTC)
DISPUTE = HoldSetBody("CH-1", "d", HoldKind.DISPUTE, None, "180.00", (), "M. R.", "case 7", MONDAY - timedelta(days=30))


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    """Books in a fresh file."""
    return Counter(tmp_path / "store.db")


def run(story: Coroutine[Any, Any, None]) -> None:
    """One test's story."""
    asyncio.run(story)


def account(teller: Teller) -> Account:
    """The one account."""
    found = teller.account("CH-1")
    assert found is not None
    return found


async def told(counter: Counter, what: str) -> list[dict[str, Any]]:
    """The events of this name in the journal, as the head-end reads them."""
    rows = [json.loads(row.body) for row in await counter.store.rows_after(0, 1_000)]
    return [row["detail"] for row in rows if row["type"] == "event" and row["what"] == what]


def test_a_dispute_is_kept_with_its_amount_and_told_with_who_and_why(counter: Counter) -> None:
    """S2-22, S2-23: signed, stored, restored after a crash, released with a reason; each of it a row."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        answer = await teller.execute(counter.order(Command.HOLD_SET, DISPUTE))
        assert answer.status is VerdictStatus.APPLIED
        before = account(teller).holds
        assert (before[0].amount_nano, before[0].set_by, before[0].reason) == (180 * NANO, "utility/M. R.", "case 7")
        await counter.crash()
        teller = await counter.start()
        assert account(teller).holds == before
        release = HoldReleaseBody("CH-1", "d", "A. B.", "settled at 90.00")
        assert (await teller.execute(counter.order(Command.HOLD_RELEASE, release))).status is VerdictStatus.APPLIED
        facts = {
            "hold": "d", "kind": "dispute", "set_by": "utility/M. R.", "reason": "case 7", "rungs": "all",
            "amount": "180.00",
        }  # fmt: skip
        assert await told(counter, "hold.set") == [{**facts, "command_id": "jti-1"}]
        who = {"command_id": "jti-2", "released_by": "utility/A. B.", "release_reason": "settled at 90.00"}
        assert await told(counter, "hold.released") == [{**facts, **who}]
        assert account(teller).holds == ()
        await counter.stop()

    run(story())


def hold(kind: HoldKind, **more: Any) -> HoldSetBody:
    """A hold of CH-1."""
    return HoldSetBody("CH-1", "h", kind, **more)


def outage(begins_h: float, ends_h: float, outage_id: str = "o") -> OutagePlanBody:
    """An outage so long after Monday morning."""
    begins, ends = MONDAY + timedelta(hours=begins_h), MONDAY + timedelta(hours=ends_h)
    return OutagePlanBody("CH-1", outage_id, begins, ends, "works 7", "M. R.")


REFUSALS: tuple[tuple[Command, Body, str], ...] = (
    (Command.HOLD_SET, hold(HoldKind.COMPLAINT, until=MONDAY - timedelta(hours=1)), "hold_over"),
    (Command.HOLD_SET, hold(HoldKind.DISPUTE), "bad_payload"),
    (Command.HOLD_SET, hold(HoldKind.DISPUTE, amount="0.00"), "bad_payload"),
    (Command.HOLD_SET, hold(HoldKind.COMPLAINT, amount="1.00"), "bad_payload"),
    (Command.HOLD_SET, hold(HoldKind.COMPLAINT, notice_at=MONDAY), "bad_payload"),
    (Command.HOLD_SET, hold(HoldKind.COMPLAINT, override=True), "bad_payload"),
    (Command.HOLD_SET, hold(HoldKind.LIFE_SUPPORT, rungs=(SupplyState.SUSPENDED,)), "not_applicable"),
    (Command.HOLD_SET, hold(HoldKind.COMPLAINT, rungs=(SupplyState.NORMAL,)), "not_applicable"),
    (
        Command.HOLD_SET,
        hold(HoldKind.DISPUTE, amount="1.00", notice_at=MONDAY - timedelta(days=31)),
        "dispute_too_late",
    ),
    (Command.HOLD_SET, hold(HoldKind.DISPUTE, amount="1.00", notice_at=MONDAY + timedelta(1)), "notice_ahead"),
    (Command.HOLD_SET, HoldSetBody("CH-1", "known", HoldKind.COMPLAINT), "hold_exists"),
    (Command.HOLD_SET, HoldSetBody("CH-9", "h", HoldKind.COMPLAINT), "unknown_account"),
    (Command.HOLD_RELEASE, HoldReleaseBody("CH-1", "nobody"), "no_hold"),
    (Command.OUTAGE_PLAN, outage(2, 1), "outage_length"),
    (Command.OUTAGE_PLAN, outage(1, 1 + 31 * 24 + 1), "outage_length"),
    (Command.OUTAGE_PLAN, outage(-2, -1), "outage_over"),
    (Command.OUTAGE_PLAN, outage(2, 3, "known"), "outage_exists"),
    (Command.OUTAGE_CANCEL, OutageCancelBody("CH-1", "nobody"), "no_outage"),
)


def test_what_cannot_be_is_refused_with_a_reason_and_changes_nothing(counter: Counter) -> None:
    """I24: every mistake a head-end can make with a hold or an outage; the refusal is a receipt."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        await teller.execute(counter.order(Command.HOLD_SET, HoldSetBody("CH-1", "known", HoldKind.LIFE_SUPPORT)))
        await teller.execute(counter.order(Command.OUTAGE_PLAN, outage(1, 5, "known")))
        before = account(teller)
        for command, body, reason in REFUSALS:
            answer = await teller.execute(counter.order(command, body))
            assert (body, answer.reason) == (body, reason)
            row = await counter.store.row(answer.journal_seq)
            assert row is not None
            assert json.loads(row.body)["reason"] == reason
        assert account(teller) == before
        late = hold(HoldKind.DISPUTE, amount="1.00", notice_at=MONDAY - timedelta(days=31), override=True)
        assert (await teller.execute(counter.order(Command.HOLD_SET, late))).status is VerdictStatus.APPLIED
        await counter.stop()

    run(story())


def test_setting_helps_and_taking_away_must_prove_that_it_is_fresh(counter: Counter) -> None:
    """Decision 17: without proven time and challenge a hold and an outage are taken, their end is not."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        counter.clock.trust = TimeTrust.SYNCHRONISED
        orders: list[tuple[Command, Body, str]] = [
            (Command.HOLD_SET, hold(HoldKind.FIELD_WORK), ""),
            (Command.OUTAGE_PLAN, outage(1, 5), ""),
            (Command.HOLD_RELEASE, HoldReleaseBody("CH-1", "h"), "stale_command"),
            (Command.OUTAGE_CANCEL, OutageCancelBody("CH-1", "o"), "stale_command"),
        ]
        for command, body, reason in orders:
            assert (await teller.execute(counter.order(command, body))).reason == reason
        await counter.stop()

    run(story())


def test_an_outage_is_kept_over_a_restart_and_freezes_the_term(counter: Counter) -> None:
    """S4-06: planned by command, remembered by the store, and the term ends later by it."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        assert (await teller.execute(counter.order(Command.OUTAGE_PLAN, outage(1, 5)))).status is VerdictStatus.APPLIED
        await counter.crash()
        teller = await counter.start()
        kept = account(teller).outages[0]
        assert (kept.begins_utc_ms, kept.ends_utc_ms) == (MONDAY_MS + HOUR_MS, MONDAY_MS + 5 * HOUR_MS)
        assert (kept.reference, kept.set_by) == ("works 7", "utility/M. R.")
        assert (await told(counter, "outage.planned"))[0]["begins"] == "2026-03-02T09:00:00.000Z"
        cancel = OutageCancelBody("CH-1", "o", "M. R.", "rain")
        assert (await teller.execute(counter.order(Command.OUTAGE_CANCEL, cancel))).status is VerdictStatus.APPLIED
        assert account(teller).outages == ()
        assert (await told(counter, "outage.cancelled"))[0]["cancel_reason"] == "rain"
        await counter.stop()

    run(story())


def test_what_is_owed_for_gas_leaves_the_electricity_alone(counter: Counter) -> None:
    """G10, 2.8 invariant 8: two accounts in one gateway; the debt of one moves nothing in the other."""

    async def story() -> None:
        teller = await counter.start("CH-1", "GAS-1")
        before = account(teller)
        for wh in (0, 13_000, 26_000, 39_000, 52_000, 65_000, 78_000, 91_000, 104_000):
            await teller.post("GAS-1", counter.reading(wh, HOUR_MS))
        gas = teller.account("GAS-1")
        assert gas is not None
        assert (gas.balance_nano, gas.supply.state) == (-6 * NANO, SupplyState.GRACE)
        assert account(teller) is before
        await counter.stop()

    run(story())


def test_a_head_end_says_again_all_that_it_signed() -> None:
    """Threat 3: after a rollback a resync brings a hold back with its amount, its rungs, who and why."""
    signed = Signed()
    signed.take(DISPUTE)
    signed.take(hold(HoldKind.MORATORIUM, rungs=(SupplyState.SUSPENDED,), until=MONDAY))
    first, second = signed.holds.values()
    assert (first.amount, first.set_by, first.reason, first.rungs) == ("180.00", "M. R.", "case 7", ())
    assert (second.amount, second.rungs, second.until) == ("0.00", (SupplyState.SUSPENDED,), MONDAY)
