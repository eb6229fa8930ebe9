"""Snapshots: what is loaded is what was written, and what the journal says (threats 3 and 7, I2, I11)."""

import asyncio
import hashlib
import random
import sqlite3
from pathlib import Path

import pytest

from gateway.errors import StoreDamaged
from gateway.store import Store
from tests.counter import Counter
from tests.prepayment.worlds import NANO


async def _lived(path: Path) -> None:
    """An account with a top-up, charges settled and unsettled, stopped without ceremony."""
    counter = Counter(path)
    teller = await counter.start("CH-1")
    for wh in range(0, 3_000, 3):
        await teller.post("CH-1", counter.reading(wh))
    await teller.execute(counter.top_up(5 * NANO))
    await teller.post("CH-1", counter.reading(3_003))
    await teller.checkpoint()
    await counter.crash()


async def _opened(path: Path) -> None:
    store = await Store.open(path)
    try:
        await store.accounts()
    finally:
        await store.close()


def _meddle(path: Path, statement: str, *values: object) -> None:
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute(statement, values)
    raw.close()


def _snapshot(path: Path) -> str:
    raw = sqlite3.connect(path)
    (text,) = raw.execute("SELECT snapshot FROM account").fetchone()
    raw.close()
    return str(text)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store that has lived."""
    asyncio.run(_lived(tmp_path / "store.db"))
    return tmp_path / "store.db"


def test_an_honest_store_opens_with_charges_unsettled(path: Path) -> None:
    """I19: what is charged and not yet in an entry is no contradiction."""
    asyncio.run(_opened(path))


def test_no_flipped_bit_of_a_snapshot_goes_unnoticed(path: Path) -> None:
    """Threat 7: a digit of the register, of a total, of a sequence: SQLite does not notice, the digest does."""
    text = _snapshot(path)
    chance = random.Random(7)
    for _ in range(40):
        place = chance.randrange(len(text))
        flipped = chr(ord(text[place]) ^ 1 << chance.randrange(3))
        _meddle(path, "UPDATE account SET snapshot = ?", text[:place] + flipped + text[place + 1 :])
        with pytest.raises(StoreDamaged, match="account CH-1"):
            asyncio.run(_opened(path))
    _meddle(path, "UPDATE account SET snapshot = ?", text)
    asyncio.run(_opened(path))


@pytest.mark.parametrize("old", ['"top_up_total_nano":5000000000', '"opening_nano":20000000000'])
def test_money_that_is_not_in_the_journal_is_not_believed(path: Path, old: str) -> None:
    """I2: a snapshot with another balance than its account's last entry stops the start, digest or not."""
    text = _snapshot(path)
    assert old in text
    richer = text.replace(old, old[:-10] + "9000000000")
    digest = hashlib.sha256(richer.encode()).hexdigest()
    _meddle(path, "UPDATE account SET snapshot = ?, digest = ?", richer, digest)
    with pytest.raises(StoreDamaged, match="its balance is"):
        asyncio.run(_opened(path))


def test_an_account_that_vanished_is_not_opened_anew(path: Path) -> None:
    """I3: the file would seed it a second time, with its opening balance; the journal knows that it was there."""
    _meddle(path, "DELETE FROM account")
    with pytest.raises(StoreDamaged, match="missing"):
        asyncio.run(_opened(path))
