"""What the end of a contract leaves behind: nothing unread is certified as read, nothing waiting is lost in silence."""

from datetime import date
from pathlib import Path

import pytest
from msgspec import structs

from gateway.commands import Command
from gateway.commands.agreement import AccountCloseBody
from gateway.commands.books import AccountResyncBody, PositionBody
from gateway.commands.fieldwork import JobAssignBody, MeterTestBeginBody, MeterTestEndBody, ReadingManualBody
from gateway.commands.postings import BonusSetBody
from gateway.prepayment.agenda import JobKind, MeterTestOutcome, ReadingSource
from gateway.prepayment.entitlement import control
from gateway.prepayment.events import TimeTrust
from gateway.prepayment.fieldwork import frozen
from gateway.prepayment.ledger import VerdictStatus
from gateway.prepayment.supply import SupplyState, SwitchState
from tests.contract.premises import HOUR_MS, Premises, instant, run
from tests.contract.test_rollover import HOLDER, rollover
from tests.counter import Counter
from tests.prepayment.worlds import DAY_MS, TERMS

APPLIED, REFUSED = VerdictStatus.APPLIED, VerdictStatus.REFUSED
CLOSE = AccountCloseBody("CH-1", "moved")


@pytest.fixture
def home(tmp_path: Path) -> Premises:
    """A delivery point in a fresh store."""
    return Premises(Counter(tmp_path / "store.db"))


async def _away_for_a_week(home: Premises) -> None:
    """The gateway is off for a week while the house uses 50 kWh; it starts and has not read the meter yet."""
    await home.begin()
    await home.live(HOUR_MS)
    await home.counter.stop()
    home.counter.clock.utc_ms += 7 * DAY_MS
    home.register_wh += 50_000
    await home.counter.start()


def test_a_change_of_holder_waits_for_the_first_reading_after_a_start(home: Premises) -> None:
    """S2-03, I6: what A used while the gateway was off is A's, and neither nobody's nor B's."""

    async def story() -> None:
        await _away_for_a_week(home)
        answer = await home.order(Command.ACCOUNT_ROLLOVER, rollover())
        assert (answer.status, answer.reason) == (REFUSED, "meter_untrusted")
        await home.live(HOUR_MS)
        assert (await home.order(Command.ACCOUNT_ROLLOVER, rollover())).status is APPLIED
        old = home.counter.teller.accounts["CH-1"]
        assert (old.usage.wh, old.register.cases, home.account.register.cases) == (home.register_wh, (), ())
        await home.counter.stop()

    run(story())


def test_a_register_from_before_a_start_is_no_reading_of_now(home: Premises) -> None:
    """S2-33: the running clock stood still while the gateway was off; the certificate says so."""

    async def story() -> None:
        await _away_for_a_week(home)
        await home.order(Command.ACCOUNT_CLOSE, CLOSE)
        [row] = await home.certificates()
        assert (row["import_wh"], row["quality"], row["stands"]) == (1_200, "nearest", "2026-03-02T09:00:00.000Z")
        await home.counter.stop()

    run(story())


def test_everything_that_waited_is_named_as_dropped(home: Premises) -> None:
    """S2-10, I14: a change of holder, a visit and a reading by eye that the end takes with it are on record."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS)
        ordered = await home.order(Command.ACCOUNT_ROLLOVER, rollover(5 * HOUR_MS))
        window = instant(2 * HOUR_MS), instant(3 * HOUR_MS)
        await home.order(Command.JOB_ASSIGN, JobAssignBody("CH-1", "job-1", JobKind.READING, *window))
        seen = await home.order(
            Command.READING_MANUAL, ReadingManualBody("CH-1", 1_200, date(2026, 3, 2), ReadingSource.SELF)
        )
        await home.order(Command.ACCOUNT_CLOSE, CLOSE)
        [row] = await home.rows("event", what="agenda.dropped")
        assert row["detail"]["due_ids"].split() == [ordered.command_id, seen.command_id, "job-1"]
        await home.counter.stop()

    run(story())


def test_a_test_of_the_meter_ends_after_the_contract(home: Premises) -> None:
    """S2-13, S2-14: the last bill may hang on it: its result is taken, and its quarter-hours are not kept for ever."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS)
        await home.order(Command.METER_TEST_BEGIN, MeterTestBeginBody("CH-1", "t-1", "case 7"))
        await home.order(Command.ACCOUNT_ROLLOVER, rollover())
        body = MeterTestEndBody("CH-1", "t-1", date(2026, 3, 2), MeterTestOutcome.CORRECT, "M. R.")
        assert (await home.order(Command.METER_TEST_END, body)).status is APPLIED
        [row] = await home.rows("event", what="meter_test.result")
        assert row["account_id"] == "CH-1"
        [span] = frozen(home.counter.teller.accounts.values())["CH-1"]
        assert span[1] == home.counter.clock.utc_ms
        await home.counter.stop()

    run(story())


def test_the_old_holder_gets_the_days_until_the_change(home: Premises) -> None:
    """S2-35, S2-03: ten days without proven time; the reading that hands over first settles them with A."""

    async def story() -> None:
        await home.begin()
        bonus = BonusSetBody("CH-1", "b", date(2026, 3, 1), date(2026, 12, 31), "CHF", per_day="0.10")
        await home.order(Command.BONUS_SET, bonus)
        await home.order(Command.ACCOUNT_ROLLOVER, rollover(5 * DAY_MS))
        home.counter.clock.trust = TimeTrust.UNKNOWN
        await home.live(10 * DAY_MS, wh=1, poll_ms=900_000)
        assert home.account.account_id == "CH-1"
        home.counter.clock.trust = TimeTrust.AUTHENTICATED
        await home.live(HOUR_MS, wh=1)
        assert home.account.account_id == "CH-2"
        paid = [row["amount"] for row in await home.rows("entry", account_id="CH-1") if row["kind"] == "bonus"]
        assert paid == ["1.20"]
        assert home.counter.teller.accounts["CH-1"].usage.standing_through == "2026-03-12"
        assert home.account.usage.standing_through == "2026-03-12", "B pays from the day after"
        await home.counter.stop()

    run(story())


def test_a_change_of_holder_that_old_books_still_await_can_be_repeated(home: Premises) -> None:
    """Threat 3, S2-03: without it B would not exist, and the resync of A, who is closed, would cut B off."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS)
        await home.order(Command.ACCOUNT_ROLLOVER, rollover(5 * HOUR_MS))
        await home.counter.teller.suspect("epoch", 99)
        await home.live(6 * HOUR_MS)
        assert home.account.account_id == "CH-1", "it may have been cancelled"
        other = rollover(to=structs.replace(HOLDER, account_id="CH-3"))
        assert (await home.order(Command.ACCOUNT_ROLLOVER, other)).reason == "already_due"
        assert (await home.order(Command.ACCOUNT_ROLLOVER, rollover(9 * HOUR_MS))).reason == "account_exists"
        assert (await home.order(Command.ACCOUNT_ROLLOVER, rollover())).status is APPLIED
        assert (home.account.account_id, control(home.account, TERMS).switch) == ("CH-2", None)
        position = PositionBody("9.00", SupplyState.TERMINATED, 1)
        body = AccountResyncBody("CH-1", home.counter.store.epoch, "epoch", 99, "0" * 64, "CHF", position)
        assert (await home.order(Command.ACCOUNT_RESYNC, body)).status is APPLIED
        position = PositionBody("4.00", SupplyState.NORMAL, 1, register_wh=home.register_wh)
        body = structs.replace(body, account_id="CH-2", position=position)
        assert (await home.order(Command.ACCOUNT_RESYNC, body)).status is APPLIED
        await home.live(HOUR_MS)
        assert control(home.account, TERMS).switch is SwitchState.CONNECTED
        await home.counter.stop()

    run(story())
