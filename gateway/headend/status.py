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
from gateway.headend.payloads import Rollback, Status
from gateway.headend.topics import Topics
from gateway.prepayment.account import Account, Outcome
from gateway.prepayment.civil import instant
from gateway.prepayment.rollback import suspicion_of
from gateway.store import Store
from gateway.teller import Teller

ROLLBACK_SUSPECTED = "ROLLBACK_SUSPECTED"
ROTATE_S = 3600.0
FAREWELL_S = 1.0


def will(gateway_id: str) -> Will:
    """What the broker says when this gateway vanishes."""
    return Will(Topics(gateway_id).status, msgspec.json.encode(Status(gateway_id, online=False)))


class StatusKeeper:
    """Publishes the status at each connection and whenever the challenge, or a suspicion of rollback, changes."""

    def __init__(
        self, link: Link, store: Store, teller: Teller, clock: Clock, topics: Topics, device_key: str | None = None
    ) -> None:
        self._link = link
        self._device_key = device_key
        self._store = store
        self._clock = clock
        self._topics = topics
        self._challenge = _fresh()
        self._before: str | None = None
        self._teller = teller
        self._waiting = self._waits()
        self._renewed = asyncio.Event()
        teller.subscribe(self._told)

    @property
    def challenges(self) -> frozenset[str]:
        """The challenges that prove a command fresh at this moment."""
        return frozenset({self._challenge, self._before} - {None})  # type: ignore[arg-type]

    async def run(self) -> None:
        """Publish at each connection until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._rotate())
            while True:
                await self._serve(await self._link.connected())

    async def farewell(self) -> None:
        """Publish that this side goes off line, and wait a second at most until the broker has it."""
        offline = msgspec.json.encode(Status(self._topics.gateway_id, online=False))
        try:
            async with asyncio.timeout(FAREWELL_S):
                await (await self._link.send(self._topics.status, offline, retain=True))
        except (LinkError, TimeoutError):
            return  # then the last will says it

    async def _serve(self, session: int) -> None:
        """Publish now, and again when a suspicion begins or ends, until the session is over."""
        lost = asyncio.ensure_future(self._link.lost(session))
        try:
            while not lost.done():
                self._renewed.clear()
                await self._publish()
                renewed = asyncio.ensure_future(self._renewed.wait())
                try:
                    await asyncio.wait({lost, renewed}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    renewed.cancel()
        finally:
            lost.cancel()

    def _told(self, account_id: str, account: Account, _outcome: Outcome) -> None:
        if (account.suspicion is not None) != (account_id in self._waiting):
            self._waiting = self._waits()
            self._renewed.set()

    def _waits(self) -> frozenset[str]:
        """The accounts that wait for a resync."""
        accounts = self._teller.accounts.values()
        return frozenset(account.account_id for account in accounts if account.suspicion is not None)

    def _rollback(self) -> Rollback | None:
        suspicion, accounts = suspicion_of(self._teller.accounts.values())
        if suspicion is None:
            return None
        since = instant(suspicion.since.utc_ms)
        return Rollback(ROLLBACK_SUSPECTED, suspicion.cause, since, suspicion.seq, accounts)

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
            rollback=self._rollback(),
            device_key=self._device_key,
        )
        try:
            await self._link.send(self._topics.status, msgspec.json.encode(status), retain=True)
        except LinkError:
            return  # the next connection publishes it again


def _fresh() -> str:
    return secrets.token_urlsafe(18)
