"""A medium that fails while the books are kept: unknown, never "rejected"; and rot (decision 8, threats 7, 8, 9)."""

import asyncio
from pathlib import Path
from unittest import mock

import pytest

from gateway.errors import CommitUnknown, StoreDamaged
from gateway.store import Origin, Store, mark
from tests.counter import Counter
from tests.prepayment.worlds import NANO
from tests.storage import faults, rot
from tests.storage.faults import Saboteur, Trouble
from tests.storage.vfs import witnessed


def test_a_failing_call_anywhere_in_the_day_loses_and_invents_nothing() -> None:
    """Decision 8, threats 8 and 9: every 37th call of a day fails, in six ways; commands are carried out once."""
    found = faults.some(1, range(1, faults.calls(1), 37))
    assert found.wrong == []
    assert found.days > 40


def test_a_disk_that_is_full_for_a_day_does_not_use_up_a_top_up(tmp_path: Path) -> None:
    """Decision 8, threat 8: ten starts end in a commit that failed; then there is room, and the customer has it."""
    books = Counter(tmp_path / "store.db")

    async def story() -> None:
        await books.start("CH-1")
        order = books.top_up(5 * NANO)
        await books.stop()
        for _ in range(10):
            with witnessed(saboteur):
                saboteur.trouble = room
                await books.start()
                saboteur.trouble = full
                with pytest.raises(CommitUnknown, match="SQLITE_FULL"):
                    await books.teller.execute(order)
                await books.store.close()
        await books.start()
        answer = await books.teller.execute(order)
        assert (answer.status, answer.balance_nano) == ("applied", 25 * NANO)
        await books.stop()

    room, full = Trouble("none", 1, 0), Trouble("log full", 1, 10**9)
    saboteur = Saboteur(room)
    asyncio.run(story())


def test_two_power_cuts_do_not_use_up_a_top_up(tmp_path: Path) -> None:
    """Decision 8: dying while a command is executed counts against it only if the machine stayed up."""
    books = Counter(tmp_path / "store.db")

    async def story() -> None:
        await books.start("CH-1")
        order = books.top_up(5 * NANO)
        origin = Origin(order.issuer, order.command_id, order.sequence, own_sequence=True)
        for boot in range(3):
            assert (await books.store.attempt(origin, attempts_max=2)).attempts == 0
            await books.crash()
            with mock.patch.object(mark, "boot_id", return_value=f"boot {boot}"):
                await books.start()
        assert (await books.teller.execute(order)).status == "applied"
        await books.stop()

    asyncio.run(story())


def test_flipped_bits_never_change_money_or_state_unseen() -> None:
    """Threat 7: in database, log or mark, one bit or eight: what was there, or a refused start."""
    found = rot.rot(1, 500)
    assert found.wrong == []
    assert min(found.damaged, found.harmless) > 50


def test_the_last_commit_of_the_log_is_not_lost_unseen(tmp_path: Path) -> None:
    """Threat 7: SQLite drops a broken end of the log without a word; the mark remembers that it had been stored."""
    books = Counter(tmp_path / "store.db")
    image = tmp_path / "image"
    image.mkdir()

    async def story() -> None:
        await books.start("CH-1")
        await books.teller.execute(books.top_up(5 * NANO))
        for file in tmp_path.glob("store.db*"):
            (image / file.name).write_bytes(file.read_bytes())
        await books.stop()
        log = image / "store.db-wal"
        log.write_bytes(log.read_bytes()[:-1] + b"\xff")
        with pytest.raises(StoreDamaged, match="had been stored"):
            await Store.open(image / "store.db")

    asyncio.run(story())
