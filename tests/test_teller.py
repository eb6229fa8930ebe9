"""The single writer: committed before told, once whatever is repeated, nothing lost that the meter or the file has."""

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import CommitUnknown
from gateway.prepayment.account import Account, Outcome, Terms
from gateway.prepayment.events import AccountOpened, MeterEvent, Reading, TimeTrust
from gateway.store import Store
from gateway.teller import Teller
from tests.counter import Counter, opening, terms
from tests.prepayment.worlds import NANO


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    """Books in a fresh file."""
    return Counter(tmp_path / "store.db")


def run(story: Coroutine[Any, Any, None]) -> None:
    """One test's story."""
    asyncio.run(story)


def test_an_ordinary_reading_stays_in_memory(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decision 8: a reading that only moves the charge does not touch the store."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        await counter.run_for_long()
        await teller.post("CH-1", counter.reading(0))

        async def never(**_: object) -> list[object]:
            raise AssertionError("the store was touched")

        monkeypatch.setattr(counter.store, "commit", never)
        for number in range(1, 100):
            await teller.post("CH-1", counter.reading(number))
        assert teller.accounts["CH-1"].balance_nano == 20 * NANO - 99 * 250_000
        await counter.crash()

    run(story())


def test_what_was_only_in_memory_is_charged_by_the_next_reading(counter: Counter) -> None:
    """I6, I19: a crash costs nobody a Wh: after it the register difference is charged, exactly once."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        await counter.run_for_long()
        for wh in range(0, 300, 3):
            await teller.post("CH-1", counter.reading(wh))
        await counter.crash()
        teller = await counter.start()
        assert teller.accounts["CH-1"].balance_nano == 20 * NANO, "as saved"
        await teller.post("CH-1", counter.reading(300))
        assert teller.accounts["CH-1"].balance_nano == 20 * NANO - 300 * 250_000
        await counter.stop()

    run(story())


def test_a_quarter_of_an_hour_later_everything_is_saved(counter: Counter) -> None:
    """Decision 8: after 900 s of running the snapshot is on the medium, without a settlement row."""

    async def story() -> None:
        teller = await counter.start("CH-1", "CH-2")
        counter.clock.trust = TimeTrust.UNKNOWN
        await teller.post("CH-2", counter.reading(5))
        await teller.post("CH-1", counter.reading(0))
        await teller.post("CH-1", counter.reading(500, 901_000))
        rows = counter.store.head.seq
        await counter.crash()
        teller = await counter.start()
        assert teller.accounts["CH-1"].usage.wh == 500
        assert teller.accounts["CH-2"].register.wh == 5, "every account is saved at a checkpoint"
        assert counter.store.head.seq == rows + 1, "only the epoch's row is new"
        await counter.stop()

    run(story())


def test_accounts_that_finish_a_quarter_hour_together_are_saved_together(counter: Counter) -> None:
    """Decision 8: one transaction holds the intervals of all meters and every account that changed: flash is spared."""
    commits: list[int] = []

    async def story() -> None:
        teller = await counter.start("CH-1", "CH-2")
        for account_id in ("CH-1", "CH-2"):
            await teller.post(account_id, counter.reading(0))
        await counter.run_for_long()
        await teller.post("CH-1", counter.reading(100, 400_000))
        await teller.checkpoint()
        teller.subscribe_committed(lambda: commits.append(1))
        for account_id in ("CH-1", "CH-2"):
            assert (await teller.post(account_id, counter.reading(200, 250_000))).intervals or account_id == "CH-1"
        assert (await teller.post("CH-1", counter.reading(200, 1_000))).intervals
        assert commits == [], "the others may still come"
        await teller.post("CH-2", counter.reading(200, 6_000))
        assert commits == [1]
        await counter.crash()
        teller = await counter.start()
        assert [teller.accounts[name].usage.wh for name in ("CH-1", "CH-2")] == [200, 200]
        assert {row.account_id for row in await counter.store.intervals_after(0, 9)} == {"CH-1", "CH-2"}
        await counter.stop()

    run(story())


def test_what_is_told_takes_its_quarter_hours_along(counter: Counter) -> None:
    """A snapshot that has given out a quarter-hour is never stored without it; one that was lost is given out again."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        await counter.run_for_long()
        await teller.post("CH-1", counter.reading(0))
        await teller.post("CH-1", counter.reading(50, 400_000))
        await teller.checkpoint()
        assert (await teller.post("CH-1", counter.reading(100, 500_000))).intervals
        await counter.crash()
        teller = await counter.start()
        assert await counter.store.intervals_after(1, 9) == []
        assert (await teller.post("CH-1", counter.reading(100, 1_000))).intervals, "nothing was lost: it is made again"
        await teller.execute(counter.top_up(5 * NANO))
        assert len(await counter.store.intervals_after(1, 9)) == 1
        await counter.stop()

    run(story())


def test_subscribers_hear_of_it_after_the_commit(counter: Counter) -> None:
    """Facts by transaction: when a subscriber is told, the row is already stored and memory is already new (I12)."""
    told: list[tuple[str, int, int]] = []
    grown: list[int] = []

    async def story() -> None:
        teller = await counter.start("CH-1")
        store = counter.store

        def hear(account_id: str, account: Account, outcome: Outcome) -> None:
            assert teller.account(account_id) is account is outcome.account
            told.append((account_id, account.top_up_sequence, store.head.seq))

        teller.subscribe(hear)
        teller.subscribe_committed(lambda: grown.append(store.head.seq))
        before = store.head.seq
        answer = await teller.execute(counter.top_up(5 * NANO))
        assert told == [("CH-1", 1, before + 2)]
        assert grown == [before + 2]
        assert answer.journal_seq == before + 2
        await teller.post("CH-1", counter.reading(0))
        assert (len(told), len(grown)) == (2, 1), "an ordinary reading tells subscribers, but the journal has not grown"
        await counter.stop()

    run(story())


def test_a_failed_commit_changes_nothing_in_memory_and_ends_the_books(counter: Counter) -> None:
    """Decision 8: CommitUnknown is not "rejected"; nothing further is written; the file is the truth."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        order = counter.top_up(5 * NANO)
        await counter.store._database.run(
            lambda raw: raw.execute(
                "CREATE TEMP TRIGGER full BEFORE INSERT ON command BEGIN SELECT raise(ABORT, 'disk full'); END"
            )
        )
        with pytest.raises(CommitUnknown):
            await teller.execute(order)
        assert teller.accounts["CH-1"].balance_nano == 20 * NANO
        for attempt in (teller.execute(order), teller.checkpoint(), teller.post("CH-1", counter.reading(5))):
            with pytest.raises(CommitUnknown):
                await attempt
        await teller.close()  # writes nothing
        await counter.store.close()
        teller = await counter.start()
        assert teller.accounts["CH-1"].balance_nano == 20 * NANO
        assert (await teller.execute(order)).balance_nano == 25 * NANO, "redelivered, and done now"
        await counter.stop()

    run(story())


def test_a_cancelled_caller_does_not_leave_memory_behind_the_store(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I3: a task cancelled during its commit waits for it, so the next snapshot cannot undo the top-up."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        begun, go_on = asyncio.Event(), asyncio.Event()
        commit = counter.store.commit

        async def slow(**arguments: Any) -> Any:
            begun.set()
            await go_on.wait()
            return await commit(**arguments)

        monkeypatch.setattr(counter.store, "commit", slow)
        order = counter.top_up(5 * NANO)
        task = asyncio.create_task(teller.execute(order))
        await begun.wait()
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert teller.accounts["CH-1"].balance_nano == 25 * NANO
        assert (await teller.execute(order)).duplicate
        await counter.stop()
        assert (await counter.start()).accounts["CH-1"].balance_nano == 25 * NANO
        await counter.stop()

    run(story())


def test_a_crash_between_apply_and_commit_leaves_the_command_undone(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I19: nothing was stored but the attempt; the redelivered command is then carried out, once."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        order = counter.top_up(5 * NANO)
        with monkeypatch.context() as patched:

            async def crash(**_: object) -> None:
                raise SystemError("power cut")

            patched.setattr(counter.store, "commit", crash)
            with pytest.raises(SystemError):
                await teller.execute(order)
        await counter.crash()
        teller = await counter.start()
        assert teller.accounts["CH-1"].balance_nano == 20 * NANO
        assert (await teller.execute(order)).balance_nano == 25 * NANO
        await counter.stop()

    run(story())


def test_events_of_the_gateway_itself_are_on_record(counter: Counter) -> None:
    """I24: a clock step or a key change is a row without an account."""

    async def story() -> None:
        teller = await counter.start()
        await teller.note("clock.step", (("by_ms", -5_000),))
        row = (await counter.store.rows_after(0, 9))[-1]
        body = json.loads(row.body)
        assert (body["type"], body["account_id"], body["what"]) == ("event", "", "clock.step")
        await counter.stop()

    run(story())


def test_contact_reaches_every_account_in_memory(counter: Counter) -> None:
    """Decision 12: the head-end's sign of life resets the offline clocks and costs no commit."""

    async def story() -> None:
        teller = await counter.start("CH-1", "CH-2")
        seq = counter.store.head.seq
        await teller.contact(counter.clock.advance(5_000))
        assert [account.contact_running_ms for account in teller.accounts.values()] == [5_000, 5_000]
        assert counter.store.head.seq == seq
        await counter.stop()

    run(story())


def test_an_orderly_end_settles_everything(counter: Counter) -> None:
    """Decision 8: at shutdown the journal's entries add up to the balance of every account, to the last nano."""

    async def story() -> None:
        teller = await counter.start("CH-1", "CH-2")
        for account_id in ("CH-1", "CH-2"):
            await teller.post(account_id, counter.reading(0))
            await teller.post(account_id, counter.reading(77, 60_000))
        await counter.stop()
        with pytest.raises(CommitUnknown):
            await teller.post("CH-1", counter.reading(80))
        teller = await counter.start()
        rows = [json.loads(row.body) for row in await counter.store.rows_after(0, 99)]
        for account_id, account in teller.accounts.items():
            entries = [row for row in rows if row["type"] == "entry" and row["account_id"] == account_id]
            assert account.balance_nano == account.settled_balance_nano == 20 * NANO - 77 * 250_000
            assert entries[-1]["balance"] == "19.98075"
        await counter.stop()

    run(story())


def test_a_restart_tells_every_account_that_it_was_away(counter: Counter) -> None:
    """Decision 6: after a start the time without observation is unknown, until the next reading."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        await teller.post("CH-1", counter.reading(0))
        assert not teller.accounts["CH-1"].register.unobserved
        await counter.crash()
        teller = await counter.start()
        assert teller.accounts["CH-1"].register.unobserved
        await counter.stop()

    run(story())


def test_many_writers_leave_one_consistent_book(counter: Counter) -> None:
    """I2, I3: readings, top-ups and meter events of several tasks at once add up exactly."""

    async def story() -> None:
        teller = await counter.start("CH-1", "CH-2")
        orders = [counter.top_up(NANO, name) for name in ("CH-1", "CH-2") for _ in range(10)]
        for name in ("CH-1", "CH-2"):
            await teller.post(name, counter.reading(0))

        async def read(name: str) -> None:
            for wh in range(1, 60):
                await teller.post(name, Reading(counter.clock.advance(1_000), wh))
                await asyncio.sleep(0)

        async def report(name: str) -> None:
            for _ in range(5):
                await teller.post(name, MeterEvent(counter.clock.advance(1_000), "switch.moved"))

        async with asyncio.TaskGroup() as group:
            for name in ("CH-1", "CH-2"):
                group.create_task(read(name))
                group.create_task(report(name))
            for order in (*orders, *orders):
                group.create_task(teller.execute(order))
        for account in teller.accounts.values():
            assert account.balance_nano == 30 * NANO - 59 * 250_000
        await counter.stop()
        await counter.start()
        await counter.stop()

    run(story())


def test_terms_follow_a_new_policy(counter: Counter) -> None:
    """The installation is asked again when the policy changes, and not at every reading."""
    asked: list[str] = []

    def counted(account: Account | AccountOpened) -> Terms:
        asked.append(account.account_id)
        return terms(account)

    async def story() -> None:
        counter._store = await Store.open(counter.path)
        teller = await Teller.open(counter.store, counter.clock, counted)
        await teller.open_account(opening())
        before = len(asked)
        for wh in range(5):
            await teller.post("CH-1", counter.reading(wh))
        assert len(asked) == before
        assert teller.terms("CH-1") == terms(opening())
        await teller.close()
        await counter.store.close()

    run(story())
