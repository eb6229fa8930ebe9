"""One MQTT connection: the only file that imports paho, whose queue is never trusted with anything.

Each connection is a client of its own, so nothing of an old one is ever sent again. Two threads serve it: one that
connects (DNS and TLS block) and paho's own, which ends with the connection. Callbacks run in paho's thread and only
hand over to the event loop; the end of the thread, for whatever reason, is the end of the connection, so a thread can
not die unnoticed. Everything below `Session._post` runs in the event loop.

`on_publish` is set only while something waits for its PUBACK: paho calls it for QoS 0 too, and that would wake the
event loop for every reading published.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, cast

# paho asks urllib.request for a proxy, and with it come http and e-mail: 1 MB on a small machine, for nothing here.
_BARE = "urllib.request" not in sys.modules
if _BARE:
    sys.modules["urllib.request"] = ModuleType("urllib.request")
from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

if _BARE:
    del sys.modules["urllib.request"]

from gateway.errors import LinkError
from gateway.headend.link import TAKEN_OVER, Broker, Inbound, Will
from gateway.headend.trouble import explain, refused

WINDOW = 20
PACKET_ROOM_BYTES = 16 * 1024  # for topic and properties, and for a message to be too large and still be told so
INBOUND_MAX = 200
LOSSY_BACKLOG_MAX = 200
LOSSY_GATHER_S = 0.1
"""What is lossy leaves together: waking paho's thread for each reading costs a quarter of the whole daemon's time."""
CONNECT_TIMEOUT_S = 10.0
V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
_FAILURE = 0x80
_TAKEN_OVER = 0x8E
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux


class Refused(LinkError):
    """The broker answered and said no; `code` is its reason."""

    def __init__(self, broker: Broker, code: int, name: str) -> None:
        self.code = code
        super().__init__(refused(broker, code, name))


class Hung(LinkError):
    """The other side took the connection and ended it, or never answered, instead of saying yes or no."""


class _Client(Client):
    """paho's client, which tells when its thread ends: `loop_forever` is what that thread runs."""

    ended: Callable[[], None]

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read, and acknowledge to the other side's TCP at once: a broker with Nagle's algorithm waits for that."""
        code = super().loop_read(max_packets)
        opened = self.socket()
        if opened is not None and _QUICKACK is not None:
            with contextlib.suppress(OSError):  # closed meanwhile: the next read says so
                cast("socket.socket", opened).setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        return code

    def _get_proxy(self) -> dict[str, Any] | None:
        """None: what the environment says of proxies is for other programs."""
        return None

    def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
        """As paho's, but a handshake that fails closes the socket."""
        assert self._ssl_context is not None
        wrapped = self._ssl_context.wrap_socket(tcp_sock, server_hostname=self._host, do_handshake_on_connect=False)
        try:
            wrapped.settimeout(CONNECT_TIMEOUT_S)
            wrapped.do_handshake()
        except (OSError, ValueError):
            wrapped.close()
            raise
        return wrapped

    def backlog(self) -> int:
        """How many packets wait to be written."""
        return len(self._out_packet)

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:  # noqa: FBT001, FBT002 - paho's signature
        """Run until the connection is over."""
        try:
            return super().loop_forever(timeout, retry_first_connection)
        finally:
            self.ended()


class Session:
    """One connection, from CONNECT to its end."""

    number = 0
    on_accepted: Callable[[], None] = staticmethod(lambda: None)
    """Called at once when the broker accepts: what it kept for us may follow in the same breath and want an answer."""
    on_over: Callable[[], None] = staticmethod(lambda: None)
    """Called at once when the connection is over, before anybody who waits is told."""

    def __init__(
        self,
        broker: Broker,
        protocol: MQTTProtocolVersion,
        tls: ssl.SSLContext | None,
        will: Will | None,
        inbound: asyncio.Queue[Inbound],
    ) -> None:
        self._broker = broker
        self._protocol = protocol
        self._inbound = inbound
        self._loop = asyncio.get_running_loop()
        self._accepted: asyncio.Future[None] = self._loop.create_future()
        self._subscribed: asyncio.Future[None] = self._loop.create_future()
        self._over: asyncio.Future[str] = self._loop.create_future()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._room = asyncio.Event()
        self._room.set()
        self._window = WINDOW
        self._gathered: list[tuple[str, bytes]] = []
        self._client = self._make(tls, will)
        self.overflowed = False
        """QoS 1 messages were left unacknowledged for want of room; a new connection brings them again."""
        self.ended_here = False
        """This side ended it, not the broker."""

    async def open(self, topics: Sequence[str]) -> None:
        """Connect and subscribe. Raises LinkError that says what to do; Refused when the broker said no."""
        reached: asyncio.Future[None] = self._loop.create_future()
        threading.Thread(target=self._connect, args=(reached,), name="mqtt-connect", daemon=True).start()
        await reached
        self._client.loop_start()
        await self._within(self._accepted)
        options = [(topic, SubscribeOptions(qos=1)) for topic in topics]
        if self._protocol is V5:
            self._client.subscribe(options)
        else:
            self._client.subscribe([(topic, 1) for topic in topics])
        await self._within(self._subscribed)

    @property
    def oldest(self) -> asyncio.Future[None] | None:
        """What has waited longest for its PUBACK."""
        return next(iter(self._waiting.values()), None)

    async def over(self) -> str:
        """Wait for the end; why it came, in a sentence."""
        return await asyncio.shield(self._over)

    async def send(self, topic: str, payload: bytes, *, retain: bool) -> asyncio.Future[None]:
        """QoS 1 within the window."""
        while len(self._waiting) >= self._window:
            self._room.clear()
            await self._room.wait()
        if self._over.done():
            raise LinkError(self._over.result())
        self._client.on_publish = self._on_publish
        mid = self._client.publish(topic, payload, qos=1, retain=retain).mid
        future = self._waiting[mid] = self._loop.create_future()
        return future

    def send_lossy(self, topic: str, payload: bytes) -> bool:
        """QoS 0 in a moment, dropped when the connection is over or what was written before has not left yet."""
        if self._over.done() or self._client.backlog() + len(self._gathered) > LOSSY_BACKLOG_MAX:
            return False
        if not self._gathered:
            self._loop.call_later(LOSSY_GATHER_S, self._send_gathered)
        self._gathered.append((topic, payload))
        return True

    def end(self, why: str = "was closed by this side") -> None:
        """Let the connection go; whoever waits for a PUBACK is told. Does not block."""
        self.ended_here = not self._over.done()
        self._ended(f"the connection to {self._broker.host}:{self._broker.port} {why}")
        self._client.disconnect()
        # In a thread: it waits for paho's, which may hang in the network for seconds.
        threading.Thread(target=_stop, args=(self._client,), name="mqtt-stop", daemon=True).start()

    async def _within(self, future: asyncio.Future[Any]) -> Any:  # noqa: ANN401 - whatever the future holds
        done, _ = await asyncio.wait({future, self._over}, timeout=CONNECT_TIMEOUT_S, return_when="FIRST_COMPLETED")
        if future in done:
            return future.result()
        where = f"head-end broker {self._broker.host}:{self._broker.port}"
        what = "hangs up" if self._over in done else "does not answer"
        raise Hung(f"{where} takes the connection but {what}; is this an MQTT port, with TLS as configured?")

    def _make(self, tls: ssl.SSLContext | None, will: Will | None) -> _Client:
        five = self._protocol is V5
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._broker.client_id,
            clean_session=None if five else self._broker.session_s == 0,
            protocol=self._protocol,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.ended = lambda: self._post(self._ended, self._gone())
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(WINDOW)
        if self._broker.username:
            client.username_pw_set(self._broker.username, self._broker.password)
        if tls is not None:
            client.tls_set_context(tls)
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=True)
        client.on_socket_open = _undelayed
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        return client

    def _gone(self) -> str:
        return f"the connection to {self._broker.host}:{self._broker.port} is gone; trying again"

    # ---------------------------------------------------------------------------------------------- in other threads

    def _post(self, call: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop has ended: nobody is left to be told
            self._loop.call_soon_threadsafe(call, *arguments)

    def _connect(self, reached: asyncio.Future[None]) -> None:
        properties = None
        if self._protocol is V5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = self._broker.session_s
            properties.MaximumPacketSize = self._broker.inbound_max_bytes + PACKET_ROOM_BYTES
            properties.ReceiveMaximum = WINDOW
        broker = self._broker
        try:
            if self._protocol is V5:
                self._client.connect(
                    broker.host, broker.port, broker.keepalive_s, clean_start=False, properties=properties
                )
            else:
                self._client.connect(broker.host, broker.port, broker.keepalive_s)
        except (OSError, ValueError) as error:  # ValueError: ssl.CertificateError, a name that cannot be one
            self._post(_fail, reached, LinkError(explain(broker, error)))
        else:
            if self._over.done():
                self._client.disconnect()  # came too late: nobody waits any more
            self._post(_finish, reached, None)

    def _on_connect(
        self, _: Client, __: object, ___: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        if code.value >= _FAILURE:
            self._post(_fail, self._accepted, Refused(self._broker, code.value, code.getName()))
        else:
            maximum = getattr(properties, "ReceiveMaximum", WINDOW)
            self._post(self._accept, maximum)

    def _on_subscribe(self, _: Client, __: object, ___: int, codes: list[ReasonCode], ____: Properties | None) -> None:
        bad = next((code for code in codes if code.value >= _FAILURE), None)
        if bad is not None:
            name = "the broker does not let this client subscribe to its topics; check the access list"
            self._post(_fail, self._subscribed, Refused(self._broker, bad.value, f"{bad.getName()}: {name}"))
        else:
            self._post(_finish, self._subscribed, None)

    def _on_message(self, client: Client, _: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        mid, qos = message.mid, message.qos

        def ack() -> None:
            if not self._over.done():  # too late: paho's sockets are closed, and the broker sends it again
                client.ack(mid, qos)

        if self._inbound.qsize() >= INBOUND_MAX:  # mosquitto 2.0.11 does not keep to our receive maximum
            self.overflowed = self.overflowed or qos > 0
            return
        payload = bytes(message.payload[: self._broker.inbound_max_bytes + 1])
        self._post(self._inbound.put_nowait, Inbound(topic, payload, message.retain, ack))

    def _on_publish(self, _: Client, __: object, mid: int, code: ReasonCode, ___: Properties | None) -> None:
        self._post(self._acknowledged, mid, code.value, code.getName())

    def _on_disconnect(self, _: Client, __: object, ___: object, code: ReasonCode, ____: Properties | None) -> None:
        if code.value >= _FAILURE:
            why = TAKEN_OVER if code.value == _TAKEN_OVER else code.getName()
            self._post(self._ended, f"{self._gone()} ({why})")

    # ------------------------------------------------------------------------------------------------ in the event loop

    def _accept(self, receive_maximum: int) -> None:
        if not self._over.done():
            self._window = min(WINDOW, receive_maximum)
            self.on_accepted()
            _finish(self._accepted, None)

    def _send_gathered(self) -> None:
        gathered, self._gathered = self._gathered, []
        if not self._over.done():
            for topic, payload in gathered:
                self._client.publish(topic, payload, qos=0)

    def _acknowledged(self, mid: int, code: int, name: str) -> None:
        future = self._waiting.pop(mid, None)
        if not self._waiting:
            self._client.on_publish = None
        self._room.set()
        if future is None or future.done():
            return
        if code >= _FAILURE:
            future.set_exception(LinkError(f"the broker refused a message: {name}; check its access list and limits"))
        else:
            future.set_result(None)

    def _ended(self, why: str) -> None:
        if self._over.done():
            return
        self.on_over()
        self._over.set_result(why)
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(LinkError(why))
                future.exception()  # whoever sent it may be gone already
        self._room.set()


def _undelayed(_: Client, __: object, opened: Any) -> None:  # noqa: ANN401 - whatever paho calls a socket
    """Without this a small packet waits up to 40 ms for the other side's delayed acknowledgement."""
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _stop(client: _Client) -> None:
    client.loop_stop()
    client._reset_sockets(sockpair_only=True)  # noqa: SLF001 - paho closes its wake-up pair only when collected


def _finish(future: asyncio.Future[Any], value: object) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()
