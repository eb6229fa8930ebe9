"""A quarter-hour that has rotted after its delivery: what needs it is refused, the daemon goes on (I21, threat 7)."""

import asyncio
from datetime import date
from pathlib import Path

import pytest

from gateway.commands import Command
from gateway.errors import CommandRefused
from gateway.prepayment.export import DocumentKind
from gateway.prepayment.ledger import VerdictStatus
from gateway.store import Store
from tests.contract.premises import HOUR_MS, Premises, run
from tests.contract.test_certificates import certificate
from tests.counter import Counter
from tests.documents.test_maker import House


async def rot(store: Store, number: int) -> None:
    """One digit of a stored quarter-hour turns."""
    await store._database.run(
        lambda raw: raw.execute(
            "UPDATE interval SET body = replace(body, '_wh\":', '_wh\":1') WHERE number = ?", (number,)
        )
    )


def test_a_rotten_quarter_hour_costs_the_document_alone(tmp_path: Path) -> None:
    """I11, I21: the refusal names the quarter-hour; documents that do not need it are made as before."""

    async def story() -> None:
        house = House(tmp_path / "store.db")
        await house.begin()
        await house.live(hours=26)
        await rot(house.counter.store, 3)
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
