"""One transaction: rows, accounts, intervals and answers are there together or not at all."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import CommitUnknown
from gateway.prepayment.events import TimeTrust
from gateway.prepayment.intervals import Interval, Quality
from gateway.prepayment.ledger import Happening, VerdictStatus
from gateway.store import Answer, Origin, Store, quarters
from tests.prepayment.worlds import DAY_MS, MONDAY_MS, NANO, at, opened

ORIGIN = Origin("utility", "jti-1", 5, own_sequence=False)
ANSWER = Answer(at(), "CH-1", "jti-1", "power_set", 5, VerdictStatus.APPLIED, balance_nano=NANO, currency="CHF")


def quarter(number: int) -> tuple[str, Interval]:
    """The n-th quarter-hour since Monday morning."""
    return "CH-1", Interval(MONDAY_MS + number * 900_000, number, None, Quality.ACTUAL)


def test_everything_of_a_commit_is_there_after_reopening(tmp_path: Path) -> None:
    """I19: account, journal, interval, answer, running time and time bound survive together."""

    async def main() -> None:
        store = await Store.open(tmp_path / "store.db")
        await store.open_epoch(at())
        account = replace(opened(), top_up_total_nano=7)
        rows = await store.commit(
            at=at(5_000),
            accounts=[account],
            records=[Happening(at(), "CH-1", "x")],
            intervals=[quarter(1)],
            command=(ORIGIN, ANSWER),
        )
        assert [row.seq for row in rows] == [2, 3]
        await store.close()
        store = await Store.open(tmp_path / "store.db")
        assert await store.accounts() == [account]
        assert await store.rows_after(1, 9) == rows
        assert (store.saved.running_ms, store.saved.bound_utc_ms) == (5_000, MONDAY_MS + 5_000)
        assert [row.number for row in await store.intervals_after(0, 9)] == [1]
        known = await store.attempt(ORIGIN, attempts_max=2)
        assert known.answer == replace(ANSWER, journal_seq=3, duplicate=True)
        await store.close()

    asyncio.run(main())


def test_a_failed_commit_leaves_nothing_of_itself(tmp_path: Path) -> None:
    """I19: a transaction that fails at its last statement leaves neither rows nor account behind (threat 5)."""

    async def main() -> None:
        store = await Store.open(tmp_path / "store.db")
        await store.open_epoch(at())
        await store._database.run(
            lambda raw: raw.execute(
                "CREATE TEMP TRIGGER stop BEFORE INSERT ON command BEGIN SELECT raise(ABORT, 'stop'); END"
            )
        )
        with pytest.raises(CommitUnknown):
            await store.commit(at=at(), accounts=[opened()], intervals=[quarter(1)], command=(ORIGIN, ANSWER))
        with pytest.raises(CommitUnknown):
            await store.commit(at=at())
        await store.close()
        store = await Store.open(tmp_path / "store.db")
        assert (await store.accounts(), store.head.seq, await store.intervals_after(0, 9)) == ([], 1, [])
        await store.close()

    asyncio.run(main())


def test_only_proven_time_raises_the_bound(tmp_path: Path) -> None:
    """I17: a forged time server cannot push the bound ahead for ever; time observed does, and nothing takes it back."""

    async def main() -> None:
        store = await Store.open(tmp_path / "store.db")
        await store.open_epoch(at())
        far = MONDAY_MS + 50 * 365 * DAY_MS
        for trust in (TimeTrust.SYNCHRONISED, TimeTrust.RESTORED, TimeTrust.UNKNOWN):
            await store.commit(at=at(10, trust, utc_ms=far))
        assert store.saved.bound_utc_ms == MONDAY_MS + 9, "10 ms observed, less what a fast crystal may have made of it"
        await store.commit(at=at(20))
        await store.commit(at=at(5, utc_ms=1_000))
        assert (store.saved.bound_utc_ms, store.saved.running_ms) == (MONDAY_MS + 20, 20)
        await store.close()

    asyncio.run(main())


def test_attempts_count_when_the_process_died_in_them_and_answers_end_them(tmp_path: Path) -> None:
    """Decision 8: an attempt that ended in death counts, once; answered, used-up and out-of-sequence ones do not."""

    async def main() -> None:
        for died in range(3):
            store = await Store.open(tmp_path / "store.db")
            await store.open_epoch(at())
            assert [(await store.attempt(ORIGIN, attempts_max=2)).attempts for _ in range(2)] == [died, died]
            await store.close()
            again = await Store.open(tmp_path / "store.db")
            await again.close()
        store = await Store.open(tmp_path / "store.db")
        await store.open_epoch(at())
        assert (await store.attempt(ORIGIN, attempts_max=2)).attempts == 2
        await store.commit(at=at(), command=(ORIGIN, ANSWER))
        late = await store.attempt(replace(ORIGIN, jti="jti-0", sequence=4), attempts_max=2)
        assert (late.last_sequence, late.in_order(replace(ORIGIN, sequence=4))) == (5, False)
        own = replace(ORIGIN, jti="jti-2", sequence=1, own_sequence=True)
        assert (await store.attempt(own, attempts_max=2)).in_order(own)
        other = replace(ORIGIN, issuer="another")
        assert (await store.attempt(other, attempts_max=2)).answer is None, "ids belong to their issuer"
        await store.close()

    asyncio.run(main())


def test_quarter_hours_have_numbers_and_a_cursor_of_their_own(tmp_path: Path) -> None:
    """Decision 7: numbered without reuse, even when everything was deleted; the cursor never goes back."""

    async def main() -> None:
        store = await Store.open(tmp_path / "store.db")
        await store.open_epoch(at())
        await store.commit(at=at(), intervals=[quarter(n) for n in range(3)])
        await store.move_interval_cursor(2)
        await store.move_interval_cursor(1)
        assert await store.cursor(quarters.CURSOR) == 2
        assert [row.number for row in await store.intervals_after(2, 9)] == [3]
        assert await store.prune_intervals(at(utc_ms=MONDAY_MS + 600 * DAY_MS)) == 3
        await store.commit(at=at(), intervals=[quarter(9)])
        assert [row.number for row in await store.intervals_after(0, 9)] == [4]
        await store.close()

    asyncio.run(main())


def test_retention_follows_proven_time_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """18 months are kept, an unproven clock deletes nothing, and a count bounds the table in any case (I20)."""

    async def main() -> None:
        store = await Store.open(tmp_path / "store.db")
        await store.open_epoch(at())
        await store.commit(at=at(), intervals=[quarter(n) for n in range(10)], records=[Happening(at(), "", "kept")])
        later = MONDAY_MS + 4 * 900_000 + quarters.RETENTION_MS
        assert await store.prune_intervals(at(0, TimeTrust.SYNCHRONISED, utc_ms=later)) == 0
        assert await store.prune_intervals(at(utc_ms=later)) == 4
        monkeypatch.setattr(quarters, "ROWS_MAX", 2)
        assert await store.prune_intervals(at(0, TimeTrust.UNKNOWN)) == 4
        assert [row.number for row in await store.intervals_after(0, 99)] == [9, 10]
        assert store.head.seq == 2
        assert len(await store.rows_after(0, 99)) == 2, "the journal is never pruned"
        await store.close()

    asyncio.run(main())


def test_readers_and_the_writer_do_not_disturb_each_other(tmp_path: Path) -> None:
    """The uplink reads while the teller commits; a reader that is cancelled breaks nothing."""

    async def main() -> None:
        store = await Store.open(tmp_path / "store.db")
        await store.open_epoch(at())
        for number in range(20):
            reader = asyncio.create_task(store.rows_after(0, 1000))
            writer = asyncio.create_task(store.commit(at=at(), records=[Happening(at(number), "", "x")]))
            await asyncio.sleep(0)
            if number % 2:
                reader.cancel()
            await asyncio.wait({reader, writer})
            assert writer.exception() is None
        assert [row.seq for row in await store.rows_after(0, 1000)] == list(range(1, 22))
        await store.close()

    asyncio.run(main())
