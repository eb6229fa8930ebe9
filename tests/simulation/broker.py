"""The broker and the gateway's link to it: sessions, redelivery, duplicates, lost acknowledgements, weeks of silence.

The broker outlives the gateway; a `SimLink` is one life's connection and speaks the `Link` protocol of the head-end
side. Messages of one direction keep their order unless a fault says otherwise, as MQTT promises of one connection; a
bridge, a cluster or a redelivery between both ends keeps none.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from gateway.errors import LinkError
from gateway.headend.link import Broker as Address
from gateway.headend.link import Inbound, OnTrouble, Will
from tests.simulation.medium import PowerCut

QUEUE_MAX = 1000
WINDOW = 20
RETRY_S = 30.0
LATE_S = (0.5, 25.0)
"""By how much a message that loses its place is late: those after it overtake it."""


@dataclass(slots=True)
class Message:
    """One message for the gateway, kept until it is acknowledged."""

    topic: str
    payload: bytes
    retained: bool = False
    sent: bool = False


@dataclass(frozen=True, slots=True)
class Weather:
    """What is wrong with the network now; probabilities per message."""

    reachable: bool = True
    delay_s: tuple[float, float] = (0.02, 0.2)
    lose_puback: float = 0.0
    duplicate_up: float = 0.0
    duplicate_down: float = 0.0
    reorder_down: float = 0.0
    reorder_up: float = 0.0

    def worse(self, other: Weather) -> Weather:
        """Both at once."""
        return Weather(
            self.reachable and other.reachable,
            max(self.delay_s, other.delay_s),
            max(self.lose_puback, other.lose_puback),
            max(self.duplicate_up, other.duplicate_up),
            max(self.duplicate_down, other.duplicate_down),
            max(self.reorder_down, other.reorder_down),
            max(self.reorder_up, other.reorder_up),
        )


@dataclass(slots=True)
class _Session:
    queue: deque[Message] = field(default_factory=deque)


class SimBroker:
    """What lies between: `to_center` is called with each message the gateway published, once it has travelled."""

    def __init__(self, chance: random.Random) -> None:
        self.weather = Weather()
        self.to_center: Callable[[str, bytes], None] = lambda _topic, _payload: None
        self.published: Callable[[SimLink, str, bytes], None] = lambda _link, _topic, _payload: None
        self.said: Callable[[SimLink, str, bytes], None] = lambda _link, _topic, _payload: None
        self.links: list[SimLink] = []
        self._chance = chance
        self._session = _Session()
        self._up_s = 0.0
        self._spells: list[Weather] = []
        self.history: deque[tuple[str, bytes]] = deque(maxlen=300)
        """What was sent down: an eavesdropper has it, too."""

    def begin(self, spell: Weather) -> None:
        """Worse weather, on top of what there is; `end` takes it away."""
        self._spells.append(spell)
        self._look_out()

    def end(self, spell: Weather) -> None:
        """This spell is over; others may go on."""
        self._spells = [kept for kept in self._spells if kept is not spell]
        self._look_out()

    def heal(self) -> None:
        """Fine weather; what a slow line still owes hours of is sent anew over another connection."""
        self._spells.clear()
        self._look_out()
        if any(link.behind_s > RETRY_S for link in self.links):
            self.cut()

    def _look_out(self) -> None:
        weather = Weather()
        for spell in self._spells:
            weather = weather.worse(spell)
        self.weather = weather
        if not weather.reachable:
            self.cut()

    @property
    def reachable(self) -> bool:
        """Whether a connection can be made now."""
        return self.weather.reachable

    def cut(self) -> None:
        """Every connection breaks now."""
        for link in list(self.links):
            link.lose("the connection broke")

    def forget(self) -> None:
        """The broker restarts without its memory: what was queued is gone."""
        self._session.queue.clear()
        self.cut()

    def send_down(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        """Somebody publishes to the gateway; queued while it is away."""
        self.history.append((topic, payload))
        queue = self._session.queue
        if len(queue) >= QUEUE_MAX:
            return
        copies = 2 if self._chance.random() < self.weather.duplicate_down else 1
        for _ in range(copies):
            queue.append(Message(topic, payload, retained))
        if len(queue) > 1 and self._chance.random() < self.weather.reorder_down:
            moved = queue.pop()
            queue.insert(self._chance.randrange(len(queue)), moved)
        self.deliver()

    def deliver(self) -> None:
        """Start what is queued on its way to whoever is connected."""
        for link in self.links:
            for message in self._session.queue:
                if not message.sent:
                    message.sent = True
                    link.arrive_later(message, self._delay_s(), self._late_s(self.weather.reorder_down))

    def opened(self, link: SimLink) -> None:
        """A connection: what was not acknowledged comes again. Whoever had this client id before is thrown out."""
        for other in list(self.links):
            other.lose("session taken over")
        self.links.append(link)
        for message in self._session.queue:
            message.sent = False
        self.deliver()

    def closed(self, link: SimLink) -> None:
        """The connection is over."""
        if link in self.links:
            self.links.remove(link)

    def acknowledged(self, message: Message) -> None:
        """The gateway has it."""
        queue = self._session.queue
        for index, kept in enumerate(queue):
            if kept is message:
                del queue[index]
                return

    def take_up(self, link: SimLink, topic: str, payload: bytes) -> bool:
        """A message of the gateway has arrived; False when its acknowledgement gets lost."""
        self.published(link, topic, payload)
        copies = 2 if self._chance.random() < self.weather.duplicate_up else 1
        loop = asyncio.get_running_loop()
        for _ in range(copies):
            self._up_s = max(self._up_s, loop.time()) + self._delay_s() / 10
            loop.call_at(self._up_s + self._late_s(self.weather.reorder_up), self.to_center, topic, payload)
        return self._chance.random() >= self.weather.lose_puback

    def _delay_s(self) -> float:
        return self._chance.uniform(*self.weather.delay_s)

    def _late_s(self, share: float) -> float:
        """How long this message waits while others pass it; 0 for most, and where nothing is re-ordered."""
        return self._chance.uniform(*LATE_S) if share and self._chance.random() < share else 0.0

    def up_delay_s(self) -> float:
        """How long a message and its acknowledgement take."""
        return self._delay_s()


class SimLink:
    """The `Link` of one life of the gateway."""

    def __init__(
        self, broker: SimBroker, _address: Address, _topics: Sequence[str], will: Will, trouble: OnTrouble
    ) -> None:
        self.dead = False
        self.owner: object = None
        self._broker = broker
        self._will = will
        self._trouble = trouble
        self._count = 0
        self._session = 0
        self._change = asyncio.Event()
        self._inbound: asyncio.Queue[Inbound] = asyncio.Queue()
        self._pending: list[asyncio.Future[None]] = []
        self._room = asyncio.Event()
        self._arrive_s = 0.0

    @property
    def session(self) -> int:
        """See `Link`."""
        return self._session

    @property
    def behind_s(self) -> float:
        """How long the last message on its way down will still take."""
        return self._arrive_s - asyncio.get_running_loop().time()

    async def run(self) -> None:
        """See `Link`: looks for the broker every half minute."""
        while True:
            if not self._session and self._broker.reachable:
                await asyncio.sleep(self._broker.up_delay_s())
                self._count += 1
                self._session = self._count
                self._changed()
                self._broker.opened(self)
            oldest = self._pending[0] if self._pending else None
            await asyncio.sleep(RETRY_S)
            if oldest is not None and self._pending and self._pending[0] is oldest:
                self.lose("the broker acknowledged nothing")

    async def connected(self) -> int:
        """See `Link`."""
        while not self._session:
            await self._change.wait()
        return self._session

    async def lost(self, session: int) -> None:
        """See `Link`."""
        while self._session == session:
            await self._change.wait()

    async def send(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[None]:
        """See `Link`."""
        session = self._session
        while len(self._pending) >= WINDOW and self._session == session and session:
            self._room.clear()
            await self._room.wait()
        self._check()
        if not self._session or self._session != session:
            raise LinkError("not connected")
        self._broker.said(self, topic, payload)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_seen)
        self._pending.append(future)
        asyncio.get_running_loop().call_later(self._broker.up_delay_s(), self._take, future, topic, payload)
        return future

    def send_lossy(self, topic: str, payload: bytes) -> bool:
        """See `Link`; live values are not followed any further."""
        return self._session > 0

    async def messages(self) -> AsyncIterator[Inbound]:
        """See `Link`."""
        while True:
            yield await self._inbound.get()
            self._check()

    def arrive_later(self, message: Message, delay_s: float, late_s: float) -> None:
        """A message is on its way down; the order is kept, but for one that is late by itself."""
        loop = asyncio.get_running_loop()
        self._arrive_s = max(self._arrive_s, loop.time()) + delay_s
        loop.call_at(self._arrive_s + late_s, self._arrive, message, self._session)

    def lose(self, why: str) -> None:
        """The connection is over: everything unacknowledged fails."""
        if not self._session:
            return
        self._session = 0
        self._arrive_s = 0.0  # what was on its way is sent anew
        self._broker.closed(self)
        self._broker.take_up(self, self._will.topic, self._will.payload)
        if not self.dead:
            self._trouble(why)
        for future in self._pending:
            if not future.done():
                future.set_exception(PowerCut() if self.dead else LinkError(why))
        self._pending.clear()
        self._room.set()
        self._changed()

    def die(self) -> None:
        """The power is off; the broker notices and says so for us."""
        self.dead = True
        self.lose("the power is off")

    def _check(self) -> None:
        if self.dead:
            raise PowerCut

    def _arrive(self, message: Message, session: int) -> None:
        if self._session == session:
            self._inbound.put_nowait(
                Inbound(message.topic, message.payload, message.retained, lambda: self._ack(message, session))
            )

    def _ack(self, message: Message, session: int) -> None:
        if self._session == session:
            self._broker.acknowledged(message)

    def _take(self, future: asyncio.Future[None], topic: str, payload: bytes) -> None:
        if future not in self._pending:
            return
        if not self._broker.take_up(self, topic, payload):
            return  # the connection will break over it
        self._pending.remove(future)
        self._room.set()
        if not future.done():
            future.set_result(None)

    def _changed(self) -> None:
        self._change.set()
        self._change = asyncio.Event()


def _seen(future: asyncio.Future[None]) -> None:
    if not future.cancelled():
        future.exception()  # nobody may wait for it any more
