"""What counts as the head-end's word about the books of this run."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateway.commands.link import AckBody
from gateway.prepayment.events import SuspicionCause
from gateway.prepayment.ledger import GENESIS
from tests.rollback.estate import Estate


def test_an_old_message_does_not_vouch_for_old_books(tmp_path: Path) -> None:
    """Threat 3: an acknowledgement that waited at the broker is true of old rows and proves nothing about this run."""
    estate = Estate(tmp_path)

    async def story() -> None:
        await estate.start()
        await estate.contact()
        old = AckBody(estate.store.epoch, estate.store.head.seq, estate.store.head.hash)
        await estate.stop(orderly=True)
        await estate.start()
        await estate.acknowledge(old)
        assert estate.account.start is not None, "not confirmed"
        assert estate.account.suspicion is None, "and not suspected"
        await estate.acknowledge(AckBody(old.epoch, old.seq, old.head, run="another-run"))
        assert estate.account.start is not None
        await estate.acknowledge(AckBody(old.epoch, old.seq, old.head, run=estate.store.epoch))
        assert estate.account.start is None
        await estate.stop(orderly=True)

    asyncio.run(story())


def test_a_head_end_that_knows_nothing_confirms_a_new_gateway(tmp_path: Path) -> None:
    """Threat 3: the first answer ever names no row; books that were never acknowledged are a new life if they fork."""
    estate = Estate(tmp_path)

    async def story() -> None:
        await estate.start()
        assert estate.account.start is not None
        assert not estate.account.start.known
        await estate.acknowledge(AckBody("", 0, GENESIS, run=estate.store.epoch))
        assert estate.account.start is None
        await estate.acknowledge(AckBody("elsewhere", 9, "ab" * 32, run=estate.store.epoch))
        assert estate.account.suspicion is not None
        assert estate.account.suspicion.cause is SuspicionCause.LOST
        await estate.stop(orderly=True)

    asyncio.run(story())


def test_a_suspicion_survives_a_restart(tmp_path: Path) -> None:
    """Threat 3: it lives in the store, and a good word about another row does not end it."""
    estate = Estate(tmp_path)

    async def story() -> None:
        await estate.start()
        await estate.contact()
        await estate.acknowledge(AckBody("elsewhere", 900, "ab" * 32))
        await estate.stop(orderly=False)
        await estate.start()
        await estate.contact()
        assert estate.account.suspicion is not None
        assert estate.account.suspicion.cause is SuspicionCause.FORK
        assert estate.account.suspicion.seq == 0, "this run has not heard how much the head-end knows"
        await estate.acknowledge(AckBody("elsewhere", 800, "ab" * 32))
        assert estate.account.suspicion.seq == 800
        await estate.stop(orderly=True)

    asyncio.run(story())
