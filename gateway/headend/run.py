"""The head-end side put together: one object for the composition root."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

import structlog

from gateway.clock import SystemClock
from gateway.commands import Command, Keyring
from gateway.config.loader import Configuration, beside
from gateway.documents.key import DeviceKey
from gateway.documents.seal import Document
from gateway.errors import ConfigError
from gateway.headend.connection import MqttLink
from gateway.headend.delivery import Delivery
from gateway.headend.downlink import Downlink
from gateway.headend.link import TAKEN_OVER, Broker, Link, OnTrouble, Will
from gateway.headend.live import LivePublisher
from gateway.headend.status import StatusKeeper, will
from gateway.headend.timesync import TimeSync
from gateway.headend.topics import Topics
from gateway.headend.uplink import Uplink
from gateway.prepayment.export import DocumentAsked
from gateway.store import Answer, Store
from gateway.teller import Teller

LinkFactory = Callable[[Broker, Sequence[str], Will, SystemClock, OnTrouble], Link]
"""Makes the link: where, what to subscribe to, the last will, the clock, whom to tell of trouble."""

CLONE_AGAIN_S = 3600.0
"""Two gateways of one name throw each other out for ever: on record once in so long."""
SHORT_MS = 120_000
FLAPS = 5
"""So many connections in a row that were this short: not every broker says who threw whom out (mosquitto does not)."""

log = structlog.get_logger()


class Headend:
    """Everything that talks over one link. `live` publishes readings; `run` serves until cancelled.

    A signed read_now needs no wiring: its verdict reaches the teller's subscribers like every other.
    """

    def __init__(
        self,
        configuration: Configuration,
        keys: Keyring,
        *,
        store: Store,
        teller: Teller,
        clock: SystemClock,
        factory: LinkFactory | None = None,
        device: DeviceKey | None = None,
    ) -> None:
        table = configuration.settings.headend
        gateway_id = configuration.settings.gateway.id
        topics = Topics(gateway_id)
        link = (factory or mqtt_link)(broker_of(configuration), topics.inbound, will(gateway_id), clock, self._trouble)
        self._link = link
        self._away = ""
        self._teller = teller
        self._clock = clock
        self._signs: Counter[str] = Counter()
        self._sign = asyncio.Event()
        public = None if device is None else device.public
        self._status = StatusKeeper(link, store, teller, clock, topics, public)
        self._delivery: Delivery | None = None
        if device is not None:

            async def make(asked: DocumentAsked) -> Document:
                # Documents are asked for seldom: what makes them is loaded when the first one is (a megabyte of RSS).
                from gateway.documents.maker import Maker

                return await Maker(store, device, gateway_id, teller.note).make(asked)

            self._delivery = Delivery(link, make, topics, clock.sleep, teller.note)
        self._uplink = Uplink(link, store, teller, topics, clock=clock, acknowledges=table.acknowledges)
        self._timesync = TimeSync(link, clock, topics, clock.authenticate)
        self._downlink = Downlink(
            link,
            teller,
            clock,
            topics,
            keys,
            status=self._status,
            uplink=self._uplink,
            timesync=self._timesync,
        )
        self._downlink.delivery = self._delivery
        self.live = LivePublisher(link, topics, period_ms=table.live_s * 1000)
        teller.subscribe_committed(self._uplink.wake)

    @property
    def connected(self) -> bool:
        """Whether there is a connection at this moment."""
        return self._link.session > 0

    @property
    def away(self) -> str:
        """Why there is no connection; "" while there is one, or before the first attempt ended."""
        return self._away

    async def present(self, token: bytes, only: frozenset[Command] | None = None) -> Answer:
        """Carry out a signed command that was brought by hand, `only` these; as if the broker had. CommandRefused."""
        return await self._downlink.present(token, only)

    async def run(self) -> None:
        """Serve until cancelled; an error of the store ends it (ExceptionGroup), the connection's never do."""
        async with asyncio.TaskGroup() as group:
            for part in (self._link, self._status, self._uplink, self._timesync, self._downlink):
                group.create_task(part.run(), name=f"headend.{type(part).__name__.lower()}")
            if self._delivery is not None:
                group.create_task(self._delivery.run(), name="headend.delivery")
            group.create_task(self._announce(), name="headend.announce")
            group.create_task(self._suspect_clone(), name="headend.clone")

    async def farewell(self) -> None:
        """Say that this side goes off line; a last will is not sent for a clean end. Takes a second at most."""
        await self._status.farewell()

    async def _announce(self) -> None:
        short = 0
        while True:
            session = await self._link.connected()
            began_ms = self._clock.monotonic_ms()
            self._away = ""
            log.info("headend.connected", session=session)
            await self._link.lost(session)
            short = short + 1 if self._clock.monotonic_ms() - began_ms < SHORT_MS else 0
            if short and short % FLAPS == 0:
                self._suspicious("headend.flapping")

    def _suspicious(self, what: str) -> None:
        self._signs[what] += 1
        self._sign.set()

    async def _suspect_clone(self) -> None:
        """Put on record that somebody else may use this gateway's name (threat 4); the head-end tells the two apart."""
        while True:
            await self._sign.wait()
            self._sign.clear()
            signs, self._signs = self._signs, Counter()
            for what, times in signs.items():
                log.warning(what, times=times)
                await self._teller.note(what, (("times", times),))
            await self._clock.sleep(CLONE_AGAIN_S)

    def _trouble(self, why: str) -> None:
        """Log why there is no connection, once for each reason: a link may be away for weeks."""
        if TAKEN_OVER in why:
            self._suspicious("headend.taken_over")
        if why != self._away:
            self._away = why
            log.warning("headend.away", reason=why)


def mqtt_link(broker: Broker, topics: Sequence[str], last_will: Will, clock: SystemClock, trouble: OnTrouble) -> Link:
    """The production link."""
    return MqttLink(broker, topics, will=last_will, sleep=clock.sleep, on_trouble=trouble)


def broker_of(configuration: Configuration) -> Broker:
    """The broker in the configuration. Raises ConfigError when the password file cannot be read."""
    table = configuration.settings.headend

    def path(name: str) -> str:
        return str(beside(configuration.file, name)) if name else ""

    password = ""
    if table.password_file:
        try:
            password = beside(configuration.file, table.password_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            file = str(configuration.file)
            raise ConfigError(f"cannot be read: {error}", file=file, key="[headend] password_file") from error
    return Broker(
        table.host,
        table.port,
        f"prepaid-gateway-{configuration.settings.gateway.id}",
        table.tls,
        path(table.ca),
        path(table.cert),
        path(table.key),
        table.username,
        password,
        table.keepalive_s,
    )
