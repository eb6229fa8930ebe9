"""The MQTT connection, against real brokers: what is sent arrives, what fails is explained, it always comes back."""

import asyncio
import datetime as dt
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from gateway.errors import ConfigError, LinkError
from gateway.headend.connection import MqttLink
from gateway.headend.link import Broker, Inbound, Will
from gateway.headend.mqtt import LOSSY_BACKLOG_MAX, V5, V311
from gateway.headend.tls import context
from tests.brokers import ChildBroker, Iotcore, Mosquitto
from tests.conftest import StartMosquitto

FAST = (0.02, 0.2)
LIMIT_S = 10


@asynccontextmanager
async def running(link: MqttLink) -> AsyncIterator[MqttLink]:
    """The link runs while the block does."""
    task = asyncio.create_task(link.run())
    try:
        async with asyncio.timeout(LIMIT_S):
            yield link
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """A server that is no broker, on the port given; its connections are closed before the test ends."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(cast("asyncio.Task[None]", asyncio.current_task()))
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                await handler(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def make(
    port: int,
    client_id: str = "a",
    topics: tuple[str, ...] = ("down/#",),
    troubles: list[str] | None = None,
    will: Will | None = None,
    **where: Any,
) -> MqttLink:
    """A link that tries again quickly."""
    broker = replace(Broker("127.0.0.1", port, client_id), **where)
    on_trouble = troubles.append if troubles is not None else lambda _: None
    return MqttLink(broker, topics, sleep=asyncio.sleep, on_trouble=on_trouble, backoff_s=FAST, will=will)


async def received(link: MqttLink) -> Inbound:
    """The next message, acknowledged."""
    message = await anext(aiter(link.messages()))
    message.ack()
    return message


async def until(what: Callable[[], object]) -> None:
    """Wait for something another thread or program does."""
    while not what():
        await asyncio.sleep(0.01)


async def test_what_is_sent_arrives_in_order(broker: ChildBroker) -> None:
    """Hundreds of QoS 1 messages through a window of 20 arrive in order, on both brokers."""
    async with running(make(broker.port, "rx")) as receiver, running(make(broker.port, "tx", ("other",))) as sender:
        await receiver.connected()
        await sender.connected()
        sending = [await sender.send("down/x", str(number).encode()) for number in range(300)]
        got = [(await received(receiver)).payload for _ in range(300)]
        assert got == [str(number).encode() for number in range(300)]
        await asyncio.gather(*sending)


async def test_lossy_messages_arrive_when_connected_and_vanish_when_not(broker: ChildBroker) -> None:
    """QoS 0 is sent only while connected; nothing is queued for later."""
    sender = make(broker.port, "tx", ("other",))
    assert not sender.send_lossy("down/x", b"lost")
    async with running(make(broker.port, "rx")) as receiver, running(sender):
        await receiver.connected()
        await sender.connected()
        for number in range(50):
            assert sender.send_lossy("down/x", str(number).encode())
        assert [(await received(receiver)).payload for _ in range(50)] == [str(n).encode() for n in range(50)]


async def test_lossy_messages_are_bounded(broker: ChildBroker) -> None:
    """However fast they come, what has not left yet is bounded and the rest is dropped at once (I20)."""
    async with running(make(broker.port, "rx")) as receiver, running(make(broker.port, "tx", ("other",))) as sender:
        await receiver.connected()
        await sender.connected()
        taken = [sender.send_lossy("down/x", b"much") for _ in range(3 * LOSSY_BACKLOG_MAX)]
        assert taken == sorted(taken, reverse=True)
        assert LOSSY_BACKLOG_MAX // 2 < sum(taken) <= LOSSY_BACKLOG_MAX + 1
        assert [(await received(receiver)).payload for _ in range(sum(taken))] == [b"much"] * sum(taken)


async def test_a_message_not_acknowledged_comes_again(broker: ChildBroker) -> None:
    """What was delivered but not acknowledged is delivered again after a reconnect (commit, then speak)."""
    async with running(make(broker.port, "tx", ("other",))) as sender:
        await sender.connected()
        async with running(make(broker.port, "rx")) as receiver:
            await receiver.connected()
            await (await sender.send("down/x", b"twice"))
            assert (await anext(aiter(receiver.messages()))).payload == b"twice"
        async with running(make(broker.port, "rx")) as receiver:
            assert (await received(receiver)).payload == b"twice"


async def test_a_broker_down_at_start_is_waited_for(mosquitto: Mosquitto) -> None:
    """A broker that is not there yet is explained, then found when it comes."""
    mosquitto.stop()
    troubles: list[str] = []
    async with running(make(mosquitto.port, troubles=troubles)) as link:
        await until(lambda: len(troubles) > 1)
        assert f"127.0.0.1:{mosquitto.port}: nothing listens there" in troubles[0]
        with pytest.raises(LinkError):
            await link.send("x", b"")
        await asyncio.to_thread(mosquitto.start)
        assert await link.connected() == 1


async def test_a_broker_that_dies_is_found_again(broker: ChildBroker) -> None:
    """After kill -9 of the broker waiting senders are told, and the next session has another number."""
    troubles: list[str] = []
    async with running(make(broker.port, troubles=troubles)) as link:
        session = await link.connected()
        broker.kill()
        await link.lost(session)
        assert link.session == 0
        assert not link.send_lossy("x", b"")
        await asyncio.to_thread(broker.start)
        assert await link.connected() == session + 1
        await (await link.send("down/x", b"again"))
        assert (await received(link)).payload == b"again"
    assert "is gone" in troubles[0]


async def test_a_pending_message_is_told_that_the_connection_went() -> None:
    """Whoever waits for a PUBACK, or for room in the window, gets LinkError, never silence."""
    asked = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"\x20\x06\x00\x00\x03\x21\x00\x01")  # CONNACK: receive maximum 1
        subscribe = await reader.read(1000)
        writer.write(b"\x90\x04" + subscribe[2:4] + b"\x00\x01")  # SUBACK
        await reader.read(1000)  # the message, never acknowledged
        await asked.wait()

    async with serving(serve) as port, running(make(port)) as link:
        await link.connected()
        future = await link.send("x", b"1")
        second = asyncio.create_task(link.send("x", b"2"))
        await asyncio.sleep(0.05)
        assert not second.done()
        asked.set()
        with pytest.raises(LinkError):
            await future
        with pytest.raises(LinkError):
            await second


@pytest.mark.parametrize("text", ["MQTT/5 spoken here? no", ""])
async def test_a_stranger_on_the_port_is_explained(text: str) -> None:
    """Something that is no broker, or hangs up at once, gives a sentence and another attempt."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text.encode())
        await writer.drain()

    troubles: list[str] = []
    async with serving(serve) as port, running(make(port, troubles=troubles)):
        await until(lambda: len(troubles) >= 2)
    assert "is this an MQTT port" in troubles[0]


async def test_a_wrong_password_is_explained_and_not_hammered(start_mosquitto: StartMosquitto, tmp_path: Path) -> None:
    """0x87 not authorised: the reason is told and the next attempt comes after the longest wait."""
    (tmp_path / "pw").write_text("")
    config = f"listener {{port}} 127.0.0.1\nallow_anonymous false\npassword_file {tmp_path / 'pw'}\n"
    broker = start_mosquitto(config)
    troubles: list[str] = []
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0.01)

    where = Broker("127.0.0.1", broker.port, "a", username="u", password="wrong")
    link = MqttLink(where, ("x",), sleep=sleep, on_trouble=troubles.append)
    async with running(link):
        await until(lambda: troubles)
    assert "password is wrong" in troubles[0] or "not allowed in" in troubles[0]
    assert waits[0] >= 30


async def test_a_broker_that_hangs_up_on_mqtt_5_gets_3_1_1(iotcore_broker: Iotcore) -> None:
    """A broker that ends the connection instead of refusing version 5 is spoken to in 3.1.1."""
    async with running(make(iotcore_broker.port_v3)) as link:
        await link.connected()
        assert link.protocol is V311
        await (await link.send("down/x", b"old"))
        assert (await received(link)).payload == b"old"


async def test_connack_1_means_an_old_broker() -> None:
    """A 3.1.1 broker's CONNACK with return code 1 leads to 3.1.1 at once, without a wait."""
    seen: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(2)
        seen.append((await reader.readexactly(7))[6])
        writer.write(b"\x20\x02\x00\x01" if seen[-1] == 5 else b"\x20\x02\x00\x00")
        await writer.drain()
        await asyncio.sleep(0.2)

    async with serving(serve) as port, running(make(port)):
        await until(lambda: len(seen) >= 2)
    assert seen[:2] == [V5, V311]


async def test_the_will_speaks_when_this_side_vanishes(mosquitto: Mosquitto) -> None:
    """A connection that breaks leaves the retained last will behind."""
    async with running(make(mosquitto.port, "rx", ("status",))) as watcher:
        await watcher.connected()
        link = make(mosquitto.port, "tx", ("x",), will=Will("status", b"offline"))
        task = asyncio.create_task(link.run())
        await link.connected()
        assert link._current is not None
        sock = link._current._client.socket()
        assert isinstance(sock, socket.socket)
        sock.shutdown(socket.SHUT_RDWR)
        assert (await received(watcher)).payload == b"offline"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_huge_message_is_bounded(mosquitto: Mosquitto) -> None:
    """10 MB are never delivered over MQTT 5; the connection stays and serves the next message (I20, I21)."""
    async with running(make(mosquitto.port, "rx")) as receiver, running(make(mosquitto.port, "tx", ("x",))) as sender:
        session = await receiver.connected()
        await sender.connected()
        await (await sender.send("down/x", bytes(10_000_000)))
        await (await sender.send("down/x", b"small"))
        assert (await received(receiver)).payload == b"small"
        assert receiver.session == session


# ---------------------------------------------------------------------------------------------------------------- TLS

TLS = """listener {port} 127.0.0.1
allow_anonymous true
cafile FOLDER/ca.pem
certfile FOLDER/broker.pem
keyfile FOLDER/broker.key
require_certificate true
"""


class Authority:
    """A throw-away certificate authority."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.ca = folder / f"{name}.pem"
        certificate = self._signed(self._name, self._key, ca=True)
        self.ca.write_bytes(certificate.public_bytes(Encoding.PEM))

    def issue(self, name: str) -> tuple[Path, Path]:
        """A certificate for 127.0.0.1 and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        cert, key_file = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        cert.write_bytes(self._signed(subject, key, ca=False).public_bytes(Encoding.PEM))
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return cert, key_file

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
            )
        )
        return builder.sign(self._key, hashes.SHA256())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The CA that the broker trusts, as ca.pem."""
    made = Authority(tmp_path, "ca")
    made.issue("broker")
    made.issue("gw")
    return made


async def test_mutual_tls(authority: Authority, start_mosquitto: StartMosquitto) -> None:
    """With our CA and our certificate the connection stands."""
    broker = start_mosquitto(TLS.replace("FOLDER", str(authority.folder)))
    files: dict[str, Any] = {
        "ca": str(authority.ca),
        "cert": str(authority.folder / "gw.pem"),
        "key": str(authority.folder / "gw.key"),
    }
    async with running(make(broker.port, tls=True, **files)) as link:
        await link.connected()
        await (await link.send("down/x", b"secret"))
        assert (await received(link)).payload == b"secret"


async def test_a_wrong_ca_is_explained(authority: Authority, start_mosquitto: StartMosquitto) -> None:
    """A broker signed by somebody else's CA is refused by us, and the sentence names the CA file."""
    broker = start_mosquitto(TLS.replace("FOLDER", str(authority.folder)))
    other = Authority(authority.folder, "other")
    troubles: list[str] = []
    async with running(make(broker.port, troubles=troubles, tls=True, ca=str(other.ca))) as link:
        await until(lambda: troubles)
        assert link.session == 0
    assert str(other.ca) in troubles[0]


async def test_a_missing_client_certificate_is_explained(authority: Authority, start_mosquitto: StartMosquitto) -> None:
    """A broker that wants a certificate does not let us in without one, and we say where to look."""
    broker = start_mosquitto(TLS.replace("FOLDER", str(authority.folder)))
    troubles: list[str] = []
    async with running(make(broker.port, troubles=troubles, tls=True, ca=str(authority.ca))) as link:
        await until(lambda: troubles)
        assert link.session == 0
    assert "certificate" in troubles[0] or "TLS" in troubles[0]


@pytest.mark.parametrize("key", ["ca", "cert"])
async def test_a_file_that_is_no_certificate_is_a_configuration_error(tmp_path: Path, key: str) -> None:
    """A CA or certificate file that cannot be used names the file before any connection is tried."""
    file = tmp_path / "nonsense.pem"
    file.write_text("nonsense")
    with pytest.raises(ConfigError, match=r"nonsense\.pem"):
        context(
            Broker("127.0.0.1", 1, "a", tls=True, ca=str(file))
            if key == "ca"
            else replace(Broker("127.0.0.1", 1, "a", tls=True), cert=str(file))
        )


async def test_a_name_that_does_not_exist_is_explained() -> None:
    """DNS failure says that it is the name."""
    troubles: list[str] = []
    async with running(make(1883, troubles=troubles, host="no-such-host.invalid")):
        await until(lambda: troubles)
    assert "cannot be resolved" in troubles[0]
