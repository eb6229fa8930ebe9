"""The connection that is kept up: when to try again, in which version of MQTT, and who is told why it is away.

The wait between attempts doubles and carries jitter until a connection has lasted: two clients of one name throw each
other out for ever, and must not do it twice a second. A broker that says "not authorised" is left alone for the longest
wait, because a person has to change something first. One that no longer acknowledges is connected to anew: a full
window would hold up every verdict behind it.
"""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import AsyncIterator, Sequence

from gateway.errors import LinkError
from gateway.headend.link import Broker, Inbound, OnTrouble, Sleep, Will
from gateway.headend.mqtt import V5, V311, Hung, Refused, Session
from gateway.headend.tls import context

BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 60.0
PUBACK_WITHIN_S = 30.0
_PROTOCOL_REFUSED = {0x84, 0x01}
_NOT_AUTHORISED = {0x86, 0x87, 0x05, 0x04}


class MqttLink:
    """A `Link` over MQTT 5, or over 3.1.1 when the broker refuses 5; `topics` are subscribed with QoS 1."""

    def __init__(
        self,
        broker: Broker,
        topics: Sequence[str],
        *,
        will: Will | None = None,
        sleep: Sleep,
        on_trouble: OnTrouble = lambda _: None,
        backoff_s: tuple[float, float] = (BACKOFF_FIRST_S, BACKOFF_MAX_S),
    ) -> None:
        self._broker = broker
        self._topics = topics
        self._will = will
        self._sleep = sleep
        self._on_trouble = on_trouble
        self._backoff_s = backoff_s
        self._tls = context(broker) if broker.tls else None
        self._inbound: asyncio.Queue[Inbound] = asyncio.Queue()
        self._count = 0
        self._current: Session | None = None
        self._up = asyncio.Event()
        self._chance = random.Random()  # noqa: S311 - jitter, not a secret
        self.protocol = V5

    @property
    def session(self) -> int:
        """The number of the current connection; 0 while there is none."""
        return self._current.number if self._current is not None else 0

    async def run(self) -> None:
        """Keep the connection up until cancelled."""
        first_s, most_s = self._backoff_s
        delay_s = first_s
        while True:
            session = Session(self._broker, self.protocol, self._tls, self._will, self._inbound)
            session.on_accepted = functools.partial(self._accepted, session)
            session.on_over = self._away
            try:
                await session.open(self._topics)
                self._up.set()
                trouble, lasted = await self._end_of(session)
                if lasted:
                    delay_s = first_s
            except Refused as refusal:
                if refusal.code in _PROTOCOL_REFUSED and self.protocol is V5:
                    self.protocol = V311
                    continue
                if refusal.code in _NOT_AUTHORISED:
                    delay_s = most_s  # a person has to change something first
                trouble = str(refusal)
            except Hung as silence:
                # Some brokers hang up on a version they do not know.
                self.protocol = V311 if self.protocol is V5 else V5
                trouble = str(silence)
            except LinkError as error:
                trouble = str(error)
            finally:
                self._away()
                session.end()
            self._on_trouble(trouble)
            await self._sleep(delay_s * self._chance.uniform(0.5, 1.0))
            delay_s = min(delay_s * 2, most_s)

    async def _end_of(self, session: Session) -> tuple[str, bool]:
        """Wait for the end; why it came, and whether the next may come soon: it had lasted, or this side ended it."""
        over = asyncio.ensure_future(session.over())
        lasted, oldest = False, session.oldest
        while True:
            nap = asyncio.ensure_future(self._sleep(PUBACK_WITHIN_S))
            try:
                await asyncio.wait({over, nap}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                nap.cancel()
            if over.done():
                return over.result(), lasted or session.ended_here
            if oldest is not None and session.oldest is oldest:
                session.end(f"is made anew, because the broker acknowledged nothing for {PUBACK_WITHIN_S:.0f} s")
            else:
                lasted, oldest = True, session.oldest

    def _accepted(self, session: Session) -> None:
        self._count += 1
        session.number = self._count
        self._current = session

    def _away(self) -> None:
        self._current = None
        self._up.clear()

    async def connected(self) -> int:
        """Wait until connected and subscribed; the number of the session."""
        while self._current is None or not self._up.is_set():
            await self._up.wait()
        return self._current.number

    async def lost(self, session: int) -> None:
        """Wait until this session is over."""
        current = self._current
        if current is not None and current.number == session:
            await current.over()

    async def send(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[None]:
        """Publish with QoS 1 when the window has room. Raises LinkError without a connection."""
        if self._current is None:
            raise LinkError(f"not connected to {self._broker.host}:{self._broker.port}")
        return await self._current.send(topic, payload, retain=retain)

    def send_lossy(self, topic: str, payload: bytes) -> bool:
        """Publish with QoS 0 now, or drop it."""
        return self._current is not None and self._current.send_lossy(topic, payload)

    async def messages(self) -> AsyncIterator[Inbound]:
        """What arrives, for ever."""
        while True:
            current = self._current
            if current is not None and current.overflowed and self._inbound.empty():
                current.end("is made anew, because more came than there was room for")
            yield await self._inbound.get()
