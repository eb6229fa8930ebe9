"""Brokers that misbehave after they have let us in."""

import asyncio

import pytest

from gateway.errors import LinkError
from gateway.headend import connection
from gateway.headend.connection import MqttLink
from gateway.headend.link import Broker
from gateway.headend.mqtt import V5
from tests.brokers import Mosquitto
from tests.headend.test_mqtt import make, running, serving, until

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
