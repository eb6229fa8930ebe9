"""A broker in memory with the rules that matter: QoS 1, a window per client, sessions, retained messages, absences.

Both sides use the production `Link` contract. A PUBACK comes after a round trip, what was not acknowledged by a client
comes again after its next connection, and while the broker is away nobody is connected. `again` makes it deliver some
messages twice, which QoS 1 allows.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Sequence

from gateway.errors import LinkError
from gateway.headend.link import Inbound

WINDOW = 20
ROUND_TRIP_S = 0.04


class Postbox:
    """The broker; `links` are made by `link`, all connected or none."""

    def __init__(self, seed: int = 0, *, again: float = 0.0, lost: float = 0.0) -> None:
        self.is_up = True
        self.sessions = 0
        self._chance = random.Random(seed)
        self._again = again
        self._lost = lost
        self._retained: dict[str, bytes] = {}
        self._links: list[PostboxLink] = []

    def link(self, topics: Sequence[str]) -> PostboxLink:
        """One more client."""
        made = PostboxLink(self, tuple(topics))
        self._links.append(made)
        if self.is_up:
            made.arrive(self._retained)
        return made

    def down(self) -> None:
        """The broker goes away; what it holds for its clients stays."""
        self.is_up = False
        for link in self._links:
            link.drop("the broker went away")

    def up(self) -> None:
        """The broker is back and everybody connects; nothing happens when it is there."""
        if self.is_up:
            return
        self.is_up = True
        for link in self._links:
            link.arrive(self._retained)

    def take(self, topic: str, payload: bytes, *, retain: bool, lossy: bool) -> None:
        """A message has arrived from a client: to everybody who wants it."""
        if not self.is_up:
            return
        if retain:
            self._retained[topic] = payload
        for link in self._links:
            if link.wants(topic):
                copies = 1 if lossy or self._chance.random() >= self._again else 2
                for _ in range(copies):
                    link.bring(topic, payload, lossy=lossy)

    def loses(self) -> bool:
        """This message is acknowledged and then forgotten: brokers do that too."""
        return self._chance.random() < self._lost


class PostboxLink:
    """A `Link` to the postbox."""

    def __init__(self, box: Postbox, topics: tuple[str, ...]) -> None:
        self._box = box
        self._exact = {topic for topic in topics if not topic.endswith("+")}
        self._below = tuple(topic[:-1] for topic in topics if topic.endswith("+"))
        self._number = 0
        self._up = asyncio.Event()
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._room = asyncio.Event()
        self._inbound: asyncio.Queue[Inbound] = asyncio.Queue()
        self._held: dict[int, tuple[str, bytes]] = {}
        self._next = 0

    @property
    def session(self) -> int:
        return self._number

    @property
    def owed(self) -> int:
        """How many messages the broker keeps for this client."""
        return len(self._held)

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def connected(self) -> int:
        while not self._number:
            await self._up.wait()
        return self._number

    async def lost(self, session: int) -> None:
        if self._number == session:
            await asyncio.shield(self._over)

    async def send(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[None]:
        """As the production session does it: everybody waits for room, nobody has a place in a queue."""
        while self._number and len(self._waiting) >= WINDOW:
            self._room.clear()
            await self._room.wait()
        if not self._number:
            raise LinkError("not connected")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append(future)
        loop.call_later(ROUND_TRIP_S, self._arrived, future, topic, payload, retain)
        return future

    def send_lossy(self, topic: str, payload: bytes) -> bool:
        if self._number:
            asyncio.get_running_loop().call_soon(self._take_lossy, topic, payload)
        return bool(self._number)

    async def messages(self) -> AsyncIterator[Inbound]:
        while True:
            yield await self._inbound.get()

    # ------------------------------------------------------------------------------------------------ the broker's side

    def wants(self, topic: str) -> bool:
        """Whether this client has subscribed to it."""
        return topic in self._exact or topic.startswith(self._below or ("\0",))

    def arrive(self, retained: dict[str, bytes]) -> None:
        """Connected: what is retained comes, and what was not acknowledged comes again."""
        self._box.sessions += 1
        self._number = self._box.sessions
        self._over = asyncio.get_running_loop().create_future()
        for topic, payload in retained.items():
            if self.wants(topic):
                self._inbound.put_nowait(Inbound(topic, payload, True, _nothing))
        for number in self._held:
            self._hand_over(number)
        self._up.set()

    def drop(self, why: str) -> None:
        """The connection is over."""
        self._number = 0
        self._up.clear()
        while not self._inbound.empty():
            self._inbound.get_nowait()
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_exception(LinkError(why))
                future.exception()
        self._room.set()
        if not self._over.done():
            self._over.set_result(why)

    def bring(self, topic: str, payload: bytes, *, lossy: bool) -> None:
        """A message for this client: kept until it is acknowledged, at once if there is a connection."""
        if lossy:
            if self._number:
                self._inbound.put_nowait(Inbound(topic, payload, False, _nothing))
            return
        self._next += 1
        self._held[self._next] = (topic, payload)
        if self._number:
            self._hand_over(self._next)

    def _hand_over(self, number: int) -> None:
        topic, payload = self._held[number]
        self._inbound.put_nowait(Inbound(topic, payload, False, lambda: self._held.pop(number, None) and None))

    def _arrived(self, future: asyncio.Future[None], topic: str, payload: bytes, retain: bool) -> None:
        if future.done():
            return  # the connection broke under way
        if not self._box.loses():
            self._box.take(topic, payload, retain=retain, lossy=False)
        self._waiting.remove(future)
        future.set_result(None)
        self._room.set()

    def _take_lossy(self, topic: str, payload: bytes) -> None:
        self._box.take(topic, payload, retain=False, lossy=True)


def _nothing() -> None:
    """A message that nobody keeps."""
