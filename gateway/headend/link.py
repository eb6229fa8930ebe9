"""What the rest of the head-end side needs of a connection; `connection.MqttLink` is one, the simulation has another.

A link is one session that comes and goes. Nothing is queued while it is away: who sends waits for `connected` or is
told by LinkError that the connection went. What came in is acknowledged by `Inbound.ack`, after the commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

SESSION_S = 30 * 24 * 3600
TAKEN_OVER = "another client connected under the same name"
"""In what is told of a connection that ended so (MQTT 5 reason 0x8E): a clone of this gateway may be alive."""


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message that arrived. Until `ack` is called the broker keeps it and sends it again after a reconnect."""

    topic: str
    payload: bytes
    retained: bool
    ack: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and how to be let in. Paths are files; `ca` empty means the system's authorities.

    `session_s` is how long the broker keeps the session of an absent client; 0 for a client that will not come back.
    Of a message longer than `inbound_max_bytes` the beginning arrives, enough to be refused for its size.
    """

    host: str
    port: int
    client_id: str
    tls: bool = False
    ca: str = ""
    cert: str = ""
    key: str = ""
    username: str = ""
    password: str = ""
    keepalive_s: int = 30
    session_s: int = SESSION_S
    inbound_max_bytes: int = 16 * 1024


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, retained, when this side vanishes."""

    topic: str
    payload: bytes


class Link(Protocol):
    """A connection to the head-end's broker, kept up by `run`."""

    @property
    def session(self) -> int:
        """The number of the current connection, counted from 1; 0 while there is none."""
        ...

    async def run(self) -> None:
        """Keep the connection up until cancelled; tells `on_trouble` about each failed attempt and never gives up."""
        ...

    async def connected(self) -> int:
        """Wait until connected (and subscribed); the number of the session."""
        ...

    async def lost(self, session: int) -> None:
        """Wait until this session is over."""
        ...

    async def send(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[None]:
        """Publish with QoS 1 as soon as the window has room; the future ends with the PUBACK, or with LinkError.

        Raises LinkError when there is no connection.
        """
        ...

    def send_lossy(self, topic: str, payload: bytes) -> bool:
        """Publish with QoS 0 if that can be done now; False: dropped."""
        ...

    def messages(self) -> AsyncIterator[Inbound]:
        """What arrives, for ever; one reader."""
        ...


OnTrouble = Callable[[str], None]
"""Told in a sentence, for an operator, why there is no connection."""
Sleep = Callable[[float], Awaitable[None]]
