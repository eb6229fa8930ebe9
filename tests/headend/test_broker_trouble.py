"""Brokers that misbehave after they have let us in."""

import asyncio
import socket
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from gateway.commands.link import AckBody, ResendBody
from gateway.errors import LinkError
from gateway.headend import connection
from gateway.headend.connection import MqttLink
from gateway.headend.link import Broker, Inbound
from gateway.headend.mqtt import V5
from gateway.headend.topics import Topics
from gateway.headend.uplink import Uplink
from gateway.prepayment.ledger import Happening
from gateway.store import Row, Store
from gateway.teller import Teller
from tests.brokers import Mosquitto
from tests.counter import HandClock, terms
from tests.headend.test_mqtt import make, received, running, serving, until

CONNACK = b"\x20\x03\x00\x00\x00"


async def test_a_broker_that_acknowledges_nothing_is_connected_to_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peers.md 7: a full window would hold up every verdict for ever on a connection that looks alive."""
    monkeypatch.setattr(connection, "PUBACK_WITHIN_S", 0.1)
    connects = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connects
        connects += 1
        await reader.read(1000)
        writer.write(CONNACK)
        subscribe = await reader.read(1000)
        writer.write(b"\x90\x04" + subscribe[2:4] + b"\x00\x01")
        while await reader.read(1000):
            pass  # takes all, acknowledges nothing

    troubles: list[str] = []
    async with serving(serve) as port, running(make(port, troubles=troubles)) as link:
        await link.connected()
        future = await link.send("x", b"1")
        with pytest.raises(LinkError, match="acknowledged nothing"):
            await future
        await until(lambda: connects == 2)
        await link.connected()
        await asyncio.sleep(0.3)
        assert connects == 2, "a connection on which nothing is owed is left in peace"
    assert len(troubles) == 1


async def test_two_clients_of_one_name_do_not_fight_for_ever(mosquitto: Mosquitto) -> None:
    """A cloned card or a wrong id: each connection throws the other out; the waits grow all the same."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        if seconds < connection.PUBACK_WITHIN_S:
            waits.append(seconds)
        await asyncio.sleep(seconds if seconds >= connection.PUBACK_WITHIN_S else 0.01)

    where = Broker("127.0.0.1", mosquitto.port, "twin")
    twins = [MqttLink(where, ("x",), sleep=sleep, backoff_s=(0.01, 20.0)) for _ in range(2)]
    async with running(twins[0]), running(twins[1]):
        await until(lambda: len(waits) >= 16)
    assert max(waits) > 0.3


async def test_an_acknowledgement_too_late_for_its_connection_is_no_failure(mosquitto: Mosquitto) -> None:
    """Decision 18, I3: what a broken connection brought is carried out; its acknowledgement goes nowhere."""
    async with running(make(mosquitto.port, "late")) as link, running(make(mosquitto.port, "b", ("x",))) as other:
        await link.connected()
        await other.connected()
        await (await other.send("down/x", b"1"))
        message = await anext(aiter(link.messages()))
        session, old = link.session, link._current
        assert old is not None
        old.end()
        await until(lambda: not any(thread.name == "mqtt-stop" for thread in threading.enumerate()))
        closed, other_end = socket.socketpair()
        closed.close()
        old._client._sockpairW = closed  # what another thread leaves for an instant, on its way to None
        message.ack()
        other_end.close()
        old._client._sockpairW = None
        await until(lambda: link.session > session)
        assert (await received(link)).payload == b"1"


async def test_an_access_list_that_forbids_one_topic_is_no_old_broker() -> None:
    """SUBACK with one refusal among grants: told as such, and MQTT 5 stays."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(CONNACK)
        subscribe = await reader.read(1000)
        writer.write(b"\x90\x05" + subscribe[2:4] + b"\x00\x01\x87")
        await reader.read(1000)

    troubles: list[str] = []
    async with serving(serve) as port, running(make(port, topics=("a", "b"), troubles=troubles)) as link:
        await until(lambda: troubles)
        assert link.protocol is V5
    assert "access list" in troubles[0]


class Breaking:
    """A link; each session takes so many messages and ends at the next one (None, and later ones: goes on)."""

    def __init__(self, *lengths: int | None) -> None:
        self.session = 1
        self.sent: list[list[bytes]] = [[]]
        self._lengths = lengths

    async def run(self) -> None:
        """Nothing to keep up."""

    async def connected(self) -> int:
        return self.session

    async def lost(self, session: int) -> None:
        await asyncio.Event().wait()

    async def send(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[None]:
        if self._lengths[self.session - 1 :][:1] == (len(self.sent[-1]),):
            self.lose()
            raise LinkError("gone")
        self.sent[-1].append(payload)
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    def lose(self) -> None:
        """The session ends now."""
        self.session += 1
        self.sent.append([])

    def send_lossy(self, topic: str, payload: bytes) -> bool:
        return False

    def messages(self) -> AsyncIterator[Inbound]:
        raise NotImplementedError


class Waiting(HandClock):
    """Who sleeps waits for the test to move the time."""

    async def sleep(self, seconds: float) -> None:
        until_ms = self.running_ms + int(seconds * 1000)
        while self.running_ms < until_ms:
            await asyncio.sleep(0.001)


@asynccontextmanager
async def uplink_of(
    link: Breaking, clock: HandClock, path: Path, *, rows: int
) -> AsyncGenerator[tuple[Uplink, list[Row]]]:
    """An uplink that runs over so many rows of a new journal."""
    store = await Store.open(path / "store.db")
    teller = await Teller.open(store, clock, terms)
    happened = [Happening(clock.now(), "", f"x.{number}") for number in range(rows)]
    await store.commit(at=clock.now(), accounts=(), records=happened)
    uplink = Uplink(link, store, teller, Topics("gw"), clock=clock)
    task = asyncio.create_task(uplink.run())
    try:
        async with asyncio.timeout(5):
            yield uplink, await store.rows_after(0, rows + 10)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await store.close()


async def test_a_resend_survives_a_connection_that_breaks(tmp_path: Path) -> None:
    """I23: rows asked for again are owed until the broker has them, also those before the cursor."""
    link = Breaking(None, 2)
    async with uplink_of(link, Waiting(), tmp_path, rows=5) as (uplink, rows):
        await until(lambda: len(link.sent[0]) == len(rows))
        last = rows[-1]
        await uplink.acknowledge(AckBody(last.epoch, last.seq, last.hash))
        link.lose()
        uplink.resend(ResendBody(1, last.seq))
        await until(lambda: len(link.sent) == 3 and len(link.sent[2]) == len(rows))
        assert link.sent[2] == [row.body for row in rows]


async def test_what_a_broker_confirmed_is_not_paid_for_at_each_connection(tmp_path: Path) -> None:
    """Threat 4, I20: a clone throws us out twice a minute; a row goes once an hour, the newest says where we are."""
    clock, link = Waiting(), Breaking()
    async with uplink_of(link, clock, tmp_path, rows=5) as (uplink, rows):
        bodies = [row.body for row in rows]
        await until(lambda: link.sent == [bodies])
        for _ in range(3):
            link.lose()
            uplink.wake()
            await asyncio.sleep(0.02)
            clock.advance(6000)
            await until(lambda: link.sent[-1] == bodies[-1:])
        clock.advance(3_600_000)
        link.lose()
        uplink.wake()
        await until(lambda: link.sent[-1] == bodies)
