"""Contract operations as signed commands on a real store: a contract's end, the next one, meters, tests, visits."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from msgspec import structs

from gateway.commands import Command
from gateway.commands.agreement import AccountCloseBody, AccountOpenBody, PowerSetBody
from gateway.commands.fieldwork import (
    JobAssignBody,
    JobStateBody,
    MeterReplaceBody,
    MeterTestBeginBody,
    MeterTestEndBody,
    ReadingManualBody,
    ReadingValidateBody,
)
from gateway.commands.kinds import KINDS
from gateway.prepayment.agenda import JobKind, JobState, MeterTestOutcome, ReadingSource
from gateway.prepayment.entitlement import control
from gateway.prepayment.fieldwork import frozen
from gateway.prepayment.ledger import VerdictStatus
from gateway.prepayment.supply import SupplyState, SwitchState
from tests.contract.premises import HOUR_MS, POLICY, POLL_MS, TARIFF, Premises, instant, run
from tests.counter import Counter
from tests.prepayment.worlds import DAY_MS, NANO, TERMS

APPLIED, REFUSED = VerdictStatus.APPLIED, VerdictStatus.REFUSED
NEXT = AccountOpenBody("CH-2", "m1", "CHF", 3_000, POLICY, TARIFF, "7.50", kind="subentro", contract_id="C-2")
REPORT = MeterReplaceBody("CH-1", "S-1", 1_230, "S-2", 50, "E-D", "M. R.", "sheet 4", "age", "case 7")


@pytest.fixture
def home(tmp_path: Path) -> Premises:
    """A delivery point in a fresh store."""
    return Premises(Counter(tmp_path / "store.db"))


def test_a_contract_ends_with_a_certified_reading(home: Premises) -> None:
    """S2-10: final reading, refund and the open switch in one transaction; the customer asked, so no term runs."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS + POLL_MS)
        answer = await home.order(Command.ACCOUNT_CLOSE, AccountCloseBody("CH-1", "moved"))
        assert answer.status is APPLIED
        closed = home.counter.teller.accounts["CH-1"]
        assert (closed.supply.state, control(closed, TERMS).switch) == (
            SupplyState.TERMINATED, SwitchState.DISCONNECTED,
        )  # fmt: skip
        [row] = await home.certificates()
        assert (row["reason"], row["import_wh"], row["quality"]) == ("termination", 1_300, "actual")
        [refund] = await home.rows("event", what="account.refund_due")
        assert refund["detail"]["balance"] == (await home.rows("entry"))[-1]["balance"]
        quarters = await home.quarters("CH-1")
        assert sum(quarter["import_wh"] for quarter in quarters) == closed.usage.wh
        assert quarters[-1]["quality"] == "estimated"
        await home.counter.stop()

    run(story())


def test_the_next_customer_begins_from_off(home: Premises) -> None:
    """S2-02, S1-15, S1-20: a new contract closes the switch; its first period begins with an activation certificate."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS)
        await home.order(Command.ACCOUNT_CLOSE, AccountCloseBody("CH-1", "moved"))
        old = home.counter.teller.accounts["CH-1"]
        await home.live(20 * 60_000, wh=0)
        assert (await home.order(Command.ACCOUNT_OPEN, NEXT)).status is APPLIED
        assert control(home.account, TERMS).switch is SwitchState.CONNECTED
        await home.live(HOUR_MS)
        made = [row for row in await home.certificates() if row["account_id"] == "CH-2"]
        [row] = made
        assert (row["reason"], row["contract_id"], row["quality"]) == ("activation", "C-2", "actual")
        assert row["asked"] == "2026-03-02T09:15:00.000Z", "the quarter-hour the first period begins with"
        assert home.account.usage.wh + row["import_wh"] == home.register_wh
        sealed = home.counter.teller.accounts["CH-1"]
        assert (sealed.usage, sealed.balance_nano, sealed.supply) == (old.usage, old.balance_nano, old.supply)
        await home.counter.crash()
        await home.counter.start()
        assert home.account.account_id == "CH-2"
        await home.counter.stop()

    run(story())


def test_a_register_that_the_contract_declares_is_certified_as_declared(home: Premises) -> None:
    """S1-20: the opening register of the command is where charging begins, and the certificate says who said so."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS)
        await home.order(Command.ACCOUNT_CLOSE, AccountCloseBody("CH-1", "moved"))
        await home.order(Command.ACCOUNT_OPEN, structs.replace(NEXT, opening_register_wh=1_150))
        await home.live(HOUR_MS)
        [row] = [row for row in await home.certificates() if row["account_id"] == "CH-2"]
        assert (row["import_wh"], row["quality"], row["stands"]) == (1_150, "declared", "2026-03-02T09:00:00.000Z")
        assert home.account.usage.wh == home.register_wh - 1_150
        await home.counter.stop()

    run(story())


def test_who_may_take_a_delivery_point_over(home: Premises) -> None:
    """S2-02, requirements 2.8 (10): not while the old contract is open, not without a contract, not from nobody."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS)
        assert (await home.order(Command.ACCOUNT_OPEN, NEXT)).reason == "meter_in_use"
        await home.order(Command.ACCOUNT_CLOSE, AccountCloseBody("CH-1", "moved"))
        for changes, reason in (
            ({"account_id": "CH-1"}, "account_exists"),
            ({"contract_id": ""}, "no_contract"),
            ({"meter_id": "m7"}, "nothing_to_take_over"),
        ):
            answer = await home.order(Command.ACCOUNT_OPEN, structs.replace(NEXT, **changes))
            assert (answer.status, answer.reason) == (REFUSED, reason)
        assert list(home.counter.teller.accounts) == ["CH-1"]
        await home.order(Command.ACCOUNT_OPEN, NEXT)
        await home.order(Command.ACCOUNT_CLOSE, AccountCloseBody("CH-2", "moved"))
        again = structs.replace(NEXT, account_id="CH-3")
        assert (await home.order(Command.ACCOUNT_OPEN, again)).reason == "no_contract", "the old contract ended"
        await home.counter.stop()

    run(story())


def test_a_closed_account_takes_no_operation(home: Premises) -> None:
    """S1-15: after the end nothing of the kind is accepted, and nothing that waited happens."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS)
        await home.order(Command.POWER_SET, PowerSetBody("CH-1", 6_000, instant(2 * HOUR_MS)))
        await home.order(Command.ACCOUNT_CLOSE, AccountCloseBody("CH-1", "moved"))
        [dropped] = await home.rows("event", what="agenda.dropped")
        assert dropped["detail"]["due_ids"] == home.answers[0].command_id
        assert (await home.order(Command.METER_REPLACE, REPORT)).reason == "account_closed"
        await home.live(2 * HOUR_MS, wh=0)
        assert home.account.contract_power_w == 3_000
        await home.counter.stop()

    run(story())


def test_another_meter_through_the_books(home: Premises) -> None:
    """S4-09, S2-21: signed report, certificates of both meters, and a redelivery that charges nothing again (I3)."""

    async def story() -> None:
        await home.begin()
        account = replace(home.account, meter_serial="S-1")
        home.counter.teller._keep(account)
        home.serial = "S-1"
        await home.live(HOUR_MS)
        order = home.counter.order(Command.METER_REPLACE, REPORT)
        first = await home.counter.teller.execute(order)
        assert first.status is APPLIED
        paid = home.account.balance_nano
        assert (await home.counter.teller.execute(order)).duplicate
        assert home.account.balance_nano == paid
        assert [row["meter_serial"] for row in await home.certificates()] == ["S-1", "S-2"]
        await home.counter.crash()
        await home.counter.start()
        home.serial, home.register_wh = "S-2", 50
        await home.live(HOUR_MS)
        assert (home.account.usage.wh, home.account.meter_serial) == (1_230 + 1_200, "S-2")
        refused = await home.order(Command.METER_REPLACE, structs.replace(REPORT, old_serial="S-2", consent=""))
        assert refused.reason == "no_consent"
        await home.counter.stop()

    run(story())


def test_a_meter_test_keeps_its_quarter_hours_from_pruning(home: Premises) -> None:
    """S2-13: the retention takes everything but the frozen window; the result is on record (S2-14)."""

    async def story() -> None:
        await home.begin()
        await home.live(4 * HOUR_MS)
        body = MeterTestBeginBody("CH-1", "t-1", "case 7", instant(2 * HOUR_MS))
        assert (await home.order(Command.METER_TEST_BEGIN, body)).status is APPLIED
        found = MeterTestEndBody("CH-1", "t-1", date(2026, 3, 2), MeterTestOutcome.CORRECT, "M. R.")
        assert (await home.order(Command.METER_TEST_END, found)).status is APPLIED
        await home.counter.teller.checkpoint()
        at = home.counter.clock.now()
        late = replace(at, utc_ms=at.utc_ms + 600 * DAY_MS)
        deleted = await home.counter.store.prune_intervals(late, frozen([home.account]))
        kept = await home.quarters("CH-1")
        assert deleted == 8
        assert [row["start"][11:16] for row in kept] == [f"{h}:{m:02}" for h in (10, 11) for m in (0, 15, 30, 45)]
        assert await home.rows("event", what="meter_test.result")
        await home.counter.stop()

    run(story())


def test_pruning_by_count_spares_what_is_frozen(home: Premises, monkeypatch: pytest.MonkeyPatch) -> None:
    """S2-13, I20: also when only the number of rows bounds the table."""

    async def story() -> None:
        monkeypatch.setattr("gateway.store.quarters.ROWS_MAX", 4)
        await home.begin()
        await home.live(4 * HOUR_MS)
        await home.order(Command.METER_TEST_BEGIN, MeterTestBeginBody("CH-1", "t-1", "case 7", instant(0)))
        await home.order(
            Command.METER_TEST_END,
            MeterTestEndBody("CH-1", "t-1", date(2026, 3, 2), MeterTestOutcome.CORRECT, "M. R."),
        )
        home.counter.clock.advance(25 * HOUR_MS)
        await home.read()
        await home.counter.teller.checkpoint()
        kept = [row["start"] for row in await home.quarters("CH-1")]
        assert kept[0] == "2026-03-02T08:00:00.000Z"
        assert len([start for start in kept if start < "2026-03-02T12:00"]) == 16
        await home.counter.stop()

    run(story())


def test_a_self_reading_is_checked_against_the_stored_day(home: Premises) -> None:
    """S2-40: yesterday's register is known from its quarter-hours, also though the meter went on counting."""

    async def story() -> None:
        await home.begin()
        await home.live(2 * DAY_MS, wh=200)  # 57.6 kWh a day, from Monday 09:00 in Zurich on
        body = ReadingManualBody("CH-1", 60_000, date(2026, 3, 3), ReadingSource.SELF)
        answer = await home.order(Command.READING_MANUAL, body)
        assert (answer.status, answer.reason) == (APPLIED, "")
        for value_wh, reason in ((30_000, "lower_than_last"), (100_000, "implausible_register")):
            told = await home.order(Command.READING_MANUAL, structs.replace(body, value_wh=value_wh))
            assert told.reason == reason
        await home.order(Command.READING_VALIDATE, ReadingValidateBody("CH-1", answer.command_id, accept=True))
        [row] = await home.certificates()
        assert (row["reason"], row["quality"], row["import_wh"]) == ("self_reading", "declared", 60_000)
        assert home.account.usage.wh == home.register_wh
        await home.counter.stop()

    run(story())


def test_a_visit_is_on_record_with_its_case(home: Premises) -> None:
    """S4-03, S4-05, S4-08: assigned, started, done, each with the central case; all of it survives a crash."""

    async def story() -> None:
        await home.begin()
        body = JobAssignBody("CH-1", "w-1", JobKind.WORKS_COMPLETE, instant(0), instant(HOUR_MS), "case 7")
        await home.order(Command.JOB_ASSIGN, body)
        await home.counter.crash()
        await home.counter.start()
        await home.live(10 * 60_000)
        started = await home.order(Command.JOB_STATE, JobStateBody("CH-1", "w-1", JobState.STARTED, "M. R."))
        assert started.reason == ""
        await home.order(Command.JOB_STATE, JobStateBody("CH-1", "w-1", JobState.DONE, "M. R."))
        rows = [row for row in await home.rows("event") if row["what"].startswith("job.")]
        assert [(row["what"], row["detail"]["case_id"]) for row in rows] == [
            ("job.assigned", "case 7"), ("job.started", "case 7"), ("job.done", "case 7"),
        ]  # fmt: skip
        await home.counter.stop()

    run(story())


def test_what_was_loaded_stays_with_the_delivery_point(home: Premises) -> None:
    """S2-11: no command moves an account, its ledger or its meter to another delivery point."""

    async def story() -> None:
        await home.begin()
        await home.counter.teller.execute(home.counter.top_up(3 * NANO))
        bodies = {command.value: kind.body.__struct_fields__ for command, kind in KINDS.items()}
        movers = [kind for kind, fields in bodies.items() if "delivery_point" in fields or "meter_id" in fields]
        assert movers == ["account_open"], "and that one refuses an account that exists"
        again = structs.replace(NEXT, account_id="CH-1", kind="activation", meter_id="m9", delivery_point="IT002")
        assert (await home.order(Command.ACCOUNT_OPEN, again)).reason == "account_exists"
        await home.counter.stop()

    run(story())
