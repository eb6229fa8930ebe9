"""The retained status: who is here, where the journal stands, and the challenge that proves a command fresh.

The challenge is random, changes every hour and with each start; the one before stays good for one more period, so a
command signed a moment ago is not refused because the hour struck.
"""

from __future__ import annotations

import asyncio
import secrets

import msgspec

from gateway import __version__
from gateway.clock import Clock
from gateway.errors import LinkError
from gateway.headend.link import Link, Will
from gateway.headend.payloads import Status
from gateway.headend.topics import Topics
from gateway.prepayment.civil import instant
from gateway.store import Store

ROTATE_S = 3600.0
FAREWELL_S = 1.0


def will(gateway_id: str) -> Will:
    """What the broker says when this gateway vanishes."""
    return Will(Topics(gateway_id).status, msgspec.json.encode(Status(gateway_id, online=False)))


class StatusKeeper:
    """Publishes the status at each connection and whenever the challenge changes."""

    def __init__(self, link: Link, store: Store, clock: Clock, topics: Topics) -> None:
        self._link = link
        self._store = store
        self._clock = clock
        self._topics = topics
        self._challenge = _fresh()
        self._before: str | None = None

    @property
    def challenges(self) -> frozenset[str]:
        """The challenges that prove a command fresh at this moment."""
        return frozenset({self._challenge, self._before} - {None})  # type: ignore[arg-type]

    async def run(self) -> None:
        """Publish at each connection until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._rotate())
            while True:
                session = await self._link.connected()
                await self._publish()
                await self._link.lost(session)

    async def farewell(self) -> None:
        """Publish that this side goes off line, and wait a second at most until the broker has it."""
        offline = msgspec.json.encode(Status(self._topics.gateway_id, online=False))
        try:
            async with asyncio.timeout(FAREWELL_S):
                await (await self._link.send(self._topics.status, offline, retain=True))
        except (LinkError, TimeoutError):
            return  # then the last will says it

    async def _rotate(self) -> None:
        while True:
            await self._clock.sleep(ROTATE_S)
            self._before, self._challenge = self._challenge, _fresh()
            if self._link.session:
                await self._publish()

    async def _publish(self) -> None:
        head, at = self._store.head, self._clock.now()
        status = Status(
            self._topics.gateway_id,
            online=True,
            epoch=head.epoch,
            seq=head.seq,
            head=head.hash,
            challenge=self._challenge,
            version=__version__,
            at=instant(at.utc_ms),
            trust=at.trust.value,
        )
        try:
            await self._link.send(self._topics.status, msgspec.json.encode(status), retain=True)
        except LinkError:
            return  # the next connection publishes it again


def _fresh() -> str:
    return secrets.token_urlsafe(18)
