"""The head-end side put together: one object for the composition root."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.clock import Clock
from gateway.commands import Keyring
from gateway.headend.downlink import Downlink
from gateway.headend.link import Link
from gateway.headend.live import LivePublisher
from gateway.headend.status import StatusKeeper
from gateway.headend.timesync import Authenticate, TimeSync
from gateway.headend.topics import Topics
from gateway.headend.uplink import Uplink
from gateway.store import Store
from gateway.teller import Teller


class Port:
    """Everything that talks over one link. `live` publishes readings; `run` serves until cancelled.

    `link` subscribes to `Topics(gateway_id).inbound` and carries `status.will(gateway_id)`; `authenticate` is the
    clock's; `read_now` wakes the poll of an account's meter; `live_ms` is the least time between live messages.
    """

    def __init__(  # noqa: PLR0913 - it connects all the parts
        self,
        gateway_id: str,
        link: Link,
        store: Store,
        teller: Teller,
        clock: Clock,
        keys: Keyring,
        *,
        authenticate: Authenticate,
        acknowledges: bool = True,
        read_now: Callable[[str], None] = lambda _: None,
        live_ms: int = 0,
    ) -> None:
        topics = Topics(gateway_id)
        self._link = link
        self.live = LivePublisher(link, topics, period_ms=live_ms)
        self._status = StatusKeeper(link, store, clock, topics)
        self._uplink = Uplink(link, store, topics, note=teller.note, sleep=clock.sleep, acknowledges=acknowledges)
        self._timesync = TimeSync(link, clock, topics, authenticate)
        self._downlink = Downlink(
            link,
            teller,
            clock,
            topics,
            keys,
            status=self._status,
            uplink=self._uplink,
            timesync=self._timesync,
            read_now=read_now,
        )
        teller.subscribe_committed(self._uplink.wake)

    @property
    def connected(self) -> bool:
        """Whether there is a connection at this moment."""
        return self._link.session > 0

    async def run(self) -> None:
        """Serve until cancelled; an error of the store ends it (ExceptionGroup), the connection's never do."""
        async with asyncio.TaskGroup() as group:
            for part in (self._link, self._status, self._uplink, self._timesync, self._downlink):
                group.create_task(part.run(), name=f"headend.{type(part).__name__.lower()}")
