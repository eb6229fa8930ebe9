"""The change of holder: one register value for both, no interruption, and nothing of the old one for the new."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from gateway.commands import Command
from gateway.commands.agreement import AccountOpenBody
from gateway.commands.contract import AccountRolloverBody, DueCancelBody, NextHolderBody
from gateway.commands.protection import HoldSetBody, LockoutSetBody
from gateway.prepayment.agenda import RolloverKind
from gateway.prepayment.entitlement import control
from gateway.prepayment.events import HoldKind, TimeTrust
from gateway.prepayment.ledger import VerdictStatus
from gateway.prepayment.supply import SupplyState, SwitchState
from gateway.store import codec
from tests.contract.premises import HOUR_MS, POLICY, POLL_MS, TARIFF, Premises, instant, run
from tests.counter import Counter
from tests.prepayment.worlds import NANO, TERMS

APPLIED, REFUSED = VerdictStatus.APPLIED, VerdictStatus.REFUSED
HOLDER = NextHolderBody("CH-2", "CHF", 4_500, POLICY, TARIFF, "5.00", contract_id="C-2")


@pytest.fixture
def home(tmp_path: Path) -> Premises:
    """A delivery point in a fresh store."""
    return Premises(Counter(tmp_path / "store.db"))


def rollover(at_ms: int | None = None, **changes: Any) -> AccountRolloverBody:
    """A change of holder so long after the beginning; None: now."""
    when = None if at_ms is None else instant(at_ms)
    return structs.replace(AccountRolloverBody("CH-1", RolloverKind.VOLTURA, HOLDER, when), **changes)


def test_both_get_the_same_register_and_the_supply_goes_on(home: Premises) -> None:
    """S2-03: A's closing register = B's opening register, same certificate; charged to the last Wh, once."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS + POLL_MS)
        paid = home.account.balance_nano
        answer = await home.order(Command.ACCOUNT_ROLLOVER, rollover())
        assert (answer.status, answer.balance_nano) == (APPLIED, paid)
        old, new = home.counter.teller.accounts["CH-1"], home.account
        assert (old.supply.state, new.account_id, new.supply.state) == (
            SupplyState.TERMINATED, "CH-2", SupplyState.NORMAL,
        )  # fmt: skip
        assert control(new, TERMS).switch is SwitchState.CONNECTED
        closes, opens = await home.certificates()
        assert (closes["account_id"], opens["account_id"]) == ("CH-1", "CH-2")
        for name in ("certificate_id", "import_wh", "stands", "quality", "reason", "meter_serial"):
            assert closes.get(name) == opens.get(name)
        assert (closes["import_wh"], opens["contract_id"]) == (1_300, "C-2")
        await home.live(HOUR_MS)
        assert (home.account.account_id, home.account.usage.wh, old.usage.wh) == ("CH-2", 1_200, 1_300)
        assert home.account.balance_nano == 5 * NANO - home.account.usage.charge_total_nano
        assert home.counter.teller.accounts["CH-1"].balance_nano == old.balance_nano
        await home.counter.crash()
        await home.counter.start()
        assert home.account.account_id == "CH-2"
        await home.counter.stop()

    run(story())


def test_the_credit_left_is_reported_for_refund(home: Premises) -> None:
    """S2-03: the old holder's credit stays theirs; the row says how much."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS)
        await home.order(Command.ACCOUNT_ROLLOVER, rollover())
        old = home.counter.teller.accounts["CH-1"]
        [row] = await home.rows("event", what="account.refund_due")
        assert (row["account_id"], row["detail"]["currency"]) == ("CH-1", "CHF")
        assert int(row["detail"]["balance"].replace(".", "")) > 0
        entries = await home.rows("entry", account_id="CH-1")
        assert row["detail"]["balance"] == entries[-1]["balance"]
        assert old.settled_balance_nano == old.balance_nano
        await home.counter.stop()

    run(story())


def test_the_new_holder_sees_nothing_of_the_old_one(home: Premises) -> None:
    """S2-03, S2-11: no rung, debt, hold, top-up, charge or quarter-hour passes over; what is of the place does."""

    async def story() -> None:
        await home.begin()
        await home.counter.teller.execute(home.counter.top_up(3 * NANO))
        await home.order(Command.HOLD_SET, HoldSetBody("CH-1", "h-1", HoldKind.COMPLAINT))
        await home.order(Command.HOLD_SET, HoldSetBody("CH-1", "h-2", HoldKind.FIELD_WORK))
        await home.live(2 * HOUR_MS, wh=1_000)
        assert len(home.account.holds) == 2
        await home.order(Command.ACCOUNT_ROLLOVER, rollover())
        new = home.account
        assert [hold.hold_id for hold in new.holds] == ["h-2"]
        assert (new.top_up_sequence, new.usage.wh, new.settled_charge_nano, new.register.cases) == (0, 0, 0, ())
        await home.live(HOUR_MS + POLL_MS)
        theirs = await home.quarters("CH-2")
        ours = await home.quarters("CH-1")
        assert sum(row["import_wh"] for row in theirs) + home.account.intervals.open_import_wh == home.account.usage.wh
        assert sum(row["import_wh"] for row in ours) == home.counter.teller.accounts["CH-1"].usage.wh
        assert min(row["start"] for row in theirs) >= max(row["start"] for row in ours)
        assert "CH-1" not in codec.snapshot(new)
        named = [row for row in [*await home.rows("entry"), *await home.certificates()] if row["account_id"] == "CH-2"]
        assert named
        assert all("CH-1" not in json.dumps(row) for row in named)
        await home.counter.stop()

    run(story())


def test_a_debt_stays_with_who_made_it_and_a_lockout_with_the_line(home: Premises) -> None:
    """S2-03, decision 13: B starts NORMAL behind A's debt; somebody at work on the line stays safe."""

    async def story() -> None:
        await home.begin()
        await home.live(10 * HOUR_MS, wh=1_000)
        assert home.account.balance_nano < 0
        await home.order(Command.LOCKOUT_SET, LockoutSetBody("CH-1", "works"))
        await home.order(Command.ACCOUNT_ROLLOVER, rollover())
        assert (home.account.supply.state, home.account.balance_nano) == (SupplyState.NORMAL, 5 * NANO)
        assert home.account.lockout == "works"
        assert control(home.account, TERMS).switch is SwitchState.DISCONNECTED
        assert await home.rows("event", what="account.refund_due") == []
        await home.counter.stop()

    run(story())


def test_at_an_instant_to_come(home: Premises) -> None:
    """S2-03: until the instant A pays, from it on B; a restart in between changes nothing (I19)."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS)
        answer = await home.order(Command.ACCOUNT_ROLLOVER, rollover(3 * HOUR_MS, kind=RolloverKind.MORTIS_CAUSA))
        assert answer.status is APPLIED
        await home.live(2 * HOUR_MS - POLL_MS)
        assert home.account.account_id == "CH-1"
        await home.counter.crash()
        await home.counter.start()
        await home.live(HOUR_MS)
        assert (home.account.account_id, home.counter.teller.accounts["CH-1"].usage.wh) == ("CH-2", 3_600)
        closes, opens = await home.certificates()
        assert closes["import_wh"] == opens["import_wh"] == 3_600
        assert closes["asked"] == closes["stands"]
        [row] = await home.rows("event", what="account.rolled_over")
        assert row["detail"]["kind"] == "voltura_mortis_causa"
        assert home.account.usage.wh == home.register_wh - 3_600
        await home.counter.stop()

    run(story())


def test_an_id_that_is_promised_is_taken(home: Premises) -> None:
    """Decision 3: the account that will open has its id from the order on; cancelled, the id is free again."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS)
        answer = await home.order(Command.ACCOUNT_ROLLOVER, rollover(3 * HOUR_MS))
        body = AccountOpenBody("CH-2", "m9", "CHF", 3_000, POLICY, TARIFF)
        assert (await home.order(Command.ACCOUNT_OPEN, body)).reason == "account_exists"
        assert (await home.order(Command.ACCOUNT_ROLLOVER, rollover(4 * HOUR_MS))).reason == "account_exists"
        again = rollover(4 * HOUR_MS, to=NextHolderBody("CH-3", "CHF", 4_500, POLICY, TARIFF))
        assert (await home.order(Command.ACCOUNT_ROLLOVER, again)).reason == "already_due"
        await home.order(Command.DUE_CANCEL, DueCancelBody("CH-1", answer.command_id))
        assert (await home.order(Command.ACCOUNT_OPEN, body)).status is APPLIED
        await home.live(4 * HOUR_MS)
        assert home.account.account_id == "CH-1"
        await home.counter.stop()

    run(story())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"at": instant(-1)}, "no_data"),
        ({"at": instant(-365 * 24 * HOUR_MS)}, "no_data"),
        ({"at": instant(HOUR_MS)}, "in_the_past"),
        ({"at": instant(401 * 24 * HOUR_MS)}, "too_far_ahead"),
        ({"to": NextHolderBody("CH-1", "CHF", 4_500, POLICY, TARIFF)}, "account_exists"),
        ({"to": NextHolderBody("CH-2", "CHF", 4_400, POLICY, TARIFF)}, "invalid_step"),
        ({"to": NextHolderBody("CH-2", "EUR", 4_500, POLICY, TARIFF)}, "wrong_currency"),
        ({"to": NextHolderBody("CH-2", "CHF", 4_500, POLICY, TARIFF, delivery_point="IT001")}, "wrong_delivery_point"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(home: Premises, changes: dict[str, Any], reason: str) -> None:
    """S2-03, S2-11: a change of holder beyond stored data, in the past, to another place: a reason, nothing changed."""

    async def story() -> None:
        await home.begin()
        await home.live(2 * HOUR_MS)
        before = home.account
        answer = await home.order(Command.ACCOUNT_ROLLOVER, rollover(**changes))
        assert (answer.status, answer.reason) == (REFUSED, reason)
        assert home.account == before
        assert "CH-2" not in home.counter.teller.accounts
        await home.counter.stop()

    run(story())


def test_an_old_reading_hands_nothing_over(home: Premises) -> None:
    """S2-30: a register nobody read for a quarter of an hour is no closing register; nor a doubtful one."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS)
        home.counter.clock.advance(16 * 60_000)
        assert (await home.order(Command.ACCOUNT_ROLLOVER, rollover())).reason == "meter_untrusted"
        home.register_wh += 900_000
        await home.read()
        assert (await home.order(Command.ACCOUNT_ROLLOVER, rollover())).reason == "meter_untrusted"
        await home.counter.stop()

    run(story())


def test_a_clock_that_is_only_claimed_hands_nothing_over(home: Premises) -> None:
    """I16: at an instant in proven time alone, however long the wait."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS)
        await home.order(Command.ACCOUNT_ROLLOVER, rollover(2 * HOUR_MS))
        home.counter.clock.trust = TimeTrust.SYNCHRONISED
        await home.live(2 * HOUR_MS)
        assert home.account.account_id == "CH-1"
        home.counter.clock.trust = TimeTrust.AUTHENTICATED
        await home.live(POLL_MS)
        assert home.account.account_id == "CH-2"
        await home.counter.stop()

    run(story())


def test_a_day_has_one_standing_charge(home: Premises) -> None:
    """S2-03: the day of the change was booked to the old holder; the new one pays from the next day on."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS)
        today = "2026-03-02"
        usage = replace(home.account.usage, standing_through=today)
        home.counter.teller._keep(replace(home.account, usage=usage))
        await home.order(Command.ACCOUNT_ROLLOVER, rollover())
        assert home.account.usage.standing_through == today
        await home.counter.stop()

    run(story())


def test_books_that_may_be_old_carry_out_what_is_ordered_now_alone(home: Premises) -> None:
    """Threat 3: what waits may have been cancelled since; what is signed now repeats what the image has forgotten."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS)
        waiting = await home.order(Command.ACCOUNT_ROLLOVER, rollover(2 * HOUR_MS))
        await home.counter.teller.suspect("another-run", 99)
        await home.live(2 * HOUR_MS)
        assert home.account.account_id == "CH-1"
        await home.order(Command.DUE_CANCEL, DueCancelBody("CH-1", waiting.command_id))
        assert (await home.order(Command.ACCOUNT_ROLLOVER, rollover())).status is APPLIED
        assert home.account.account_id == "CH-2"
        assert home.account.suspicion == home.counter.teller.accounts["CH-1"].suspicion
        await home.counter.stop()

    run(story())


def test_terms_that_became_impossible_fail_on_record(home: Premises) -> None:
    """I24: when the instant comes and the new contract cannot begin, the old one goes on and the record says why."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS)
        await home.order(Command.ACCOUNT_ROLLOVER, rollover(2 * HOUR_MS))
        account = home.account
        home.counter.teller._terms["CH-1"] = replace(TERMS, calendars={})
        await home.live(2 * HOUR_MS)
        [row] = await home.rows("event", what="rollover.failed")
        assert row["detail"]["reason"] == "unknown_calendar"
        assert (home.account.account_id, home.account.agenda.rollover_due) == ("CH-1", None)
        assert account.agenda.rollover_due is not None
        await home.counter.stop()

    run(story())
