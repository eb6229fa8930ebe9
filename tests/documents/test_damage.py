"""A quarter-hour that has rotted after its delivery: what needs it is refused, the daemon goes on (I21, threat 7)."""

import asyncio
import json
import sqlite3
from datetime import date
from pathlib import Path

import pytest

from gateway.commands import Command
from gateway.errors import CommandRefused
from gateway.prepayment.civil import QUARTER_MS
from gateway.prepayment.export import DocumentKind
from gateway.prepayment.intervals import Interval, Quality
from gateway.prepayment.ledger import VerdictStatus
from gateway.store import Store
from tests.console.desks import ask, at_line, opened
from tests.contract.premises import HOUR_MS, Premises, run
from tests.contract.test_certificates import certificate
from tests.counter import Counter
from tests.documents.test_maker import House

DIGIT, NO_TEXT = "replace(body, '_wh\":', '_wh\":1')", "CAST(x'7bff7d' AS TEXT)"


async def rot(store: Store, number: int, into: str = DIGIT) -> None:
    """A stored quarter-hour turns into something else."""
    await store._database.run(lambda raw: raw.execute(f"UPDATE interval SET body = {into} WHERE number = ?", (number,)))


async def rot_row(store: Store, seq: int, into: str) -> None:
    """A row of the journal turns into something else."""

    def work(raw: sqlite3.Connection) -> None:
        forbidden = raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'journal'")
        triggers = forbidden.fetchall()
        for name, _ in triggers:
            raw.execute(f"DROP TRIGGER {name}")
        raw.execute(f"UPDATE journal SET body = {into} WHERE seq = ?", (seq,))
        for _, again in triggers:
            raw.execute(again)

    await store._database.run(work)


@pytest.mark.parametrize("into", [DIGIT, NO_TEXT])
def test_a_rotten_quarter_hour_costs_the_document_alone(tmp_path: Path, into: str) -> None:
    """I11, I21: the refusal names the quarter-hour; documents that do not need it are made as before."""

    async def story() -> None:
        house = House(tmp_path / "store.db")
        await house.begin()
        await house.live(hours=26)
        await rot(house.counter.store, 3, into)
        with pytest.raises(CommandRefused, match=r"row_unreadable .*quarter-hour 3: it is not what was written"):
            await house.make(DocumentKind.LOAD_CURVE, to_day=date(2026, 10, 2))
        curve = await house.make(DocumentKind.LOAD_CURVE, from_day=date(2026, 10, 2), to_day=date(2026, 10, 3))
        assert curve.content
        await house.live(hours=1)
        await house.counter.stop()

    asyncio.run(story())


def test_a_rotten_quarter_hour_costs_the_certificate_alone(tmp_path: Path) -> None:
    """S2-33, I21: what the register was is not guessed from rot; from later quarter-hours it is told."""

    async def story() -> None:
        home = Premises(Counter(tmp_path / "store.db"))
        await home.begin()
        await home.live(3 * HOUR_MS)
        await rot(home.counter.store, 3)
        before = home.account
        answer = await home.order(Command.READING_CERTIFICATE, certificate(HOUR_MS // 2))
        assert (answer.status, answer.reason) == (VerdictStatus.REFUSED, "row_unreadable")
        assert home.account == before
        later = await home.order(Command.READING_CERTIFICATE, certificate(2 * HOUR_MS))
        assert later.status is VerdictStatus.APPLIED
        await home.live(HOUR_MS)
        await home.counter.stop()

    run(story())


@pytest.mark.parametrize("into", ['replace(body, \'"amount":"\', \'"amount":"1\')', NO_TEXT])
def test_a_rotten_row_of_the_journal_costs_the_document_alone(tmp_path: Path, into: str) -> None:
    """I7, I21: a start verifies but the end of a long journal; no statement is made from what has rotted."""

    async def story() -> None:
        house = House(tmp_path / "store.db")
        await house.begin()
        await house.live(hours=30)
        house.counter.clock.advance(40 * 24 * HOUR_MS)
        rows = [json.loads(row.body) for row in await house.counter.store.rows_after(0, 100)]
        entry = next(row["seq"] for row in rows if row["type"] == "entry")
        assert (await house.make(DocumentKind.STATEMENT)).content
        await rot_row(house.counter.store, entry, into)
        with pytest.raises(CommandRefused, match=f"row_unreadable .*'seq': {entry}"):
            await house.make(DocumentKind.STATEMENT)
        await house.live(hours=1)
        await house.counter.stop()

    asyncio.run(story())


def test_rot_costs_the_console_an_answer_alone(tmp_path: Path) -> None:
    """I21: hours and ledger at the console, from a card that rots: a code and a sentence, and then the next answer."""

    async def story() -> None:
        async with opened(tmp_path) as desk:
            session, store = at_line(desk), desk.store
            [account, *_] = await store.accounts()
            began_ms = desk.clock.now().utc_ms // QUARTER_MS * QUARTER_MS
            quarter = Interval(began_ms - QUARTER_MS, 100, None, Quality.ACTUAL)
            await store.commit(at=desk.clock.now(), intervals=[(account.account_id, quarter)])
            assert (await ask(desk, session, "account.usage", account=account.account_id)).ok
            await rot(store, await store.last_interval(), NO_TEXT)
            told = await ask(desk, session, "account.usage", account=account.account_id)
            assert (told.ok, told.code, told.reason) == (False, "E-DOC-05", "row_unreadable")
            await rot_row(store, store.head.seq, NO_TEXT)
            told = await ask(desk, session, "account.ledger", account=account.account_id)
            assert (told.ok, told.code) == (False, "E-DOC-05")
            assert (await ask(desk, session, "status")).ok

    asyncio.run(story())
