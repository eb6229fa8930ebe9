"""The brokers that other tests stand on do what those tests assume."""

import os
import queue
import signal
import subprocess
import sys
import time
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from gateway.demo import broker as demo_broker
from tests.brokers import ChildBroker, Mosquitto, free_port
from tests.conftest import StartMosquitto


def _round_trip(port: int, protocol: MQTTProtocolVersion) -> bytes:
    arrived: queue.Queue[bytes] = queue.Queue()
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=protocol)

    def connected(*_: object) -> None:
        client.subscribe("t/#", qos=1)

    def subscribed(*_: object) -> None:
        client.publish("t/1", b"hello", qos=1)

    def received(_client: object, _user: object, message: paho.MQTTMessage) -> None:
        arrived.put(bytes(message.payload))

    client.on_connect = connected
    client.on_subscribe = subscribed
    client.on_message = received
    client.connect("127.0.0.1", port, keepalive=10)
    client.loop_start()
    try:
        return arrived.get(timeout=10)
    finally:
        client.disconnect()
        client.loop_stop()


def test_each_broker_speaks_both_versions(broker: ChildBroker) -> None:
    """MQTT 5 on `port`, MQTT 3.1.1 on `port_v3`: a QoS 1 message goes round on both."""
    assert _round_trip(broker.port, MQTTProtocolVersion.MQTTv5) == b"hello"
    assert _round_trip(broker.port_v3, MQTTProtocolVersion.MQTTv311) == b"hello"


def test_a_killed_broker_comes_back_on_its_port(broker: ChildBroker) -> None:
    """kill() leaves nothing listening; start() serves again where clients expect it."""
    broker.kill()
    with pytest.raises(ConnectionRefusedError):
        _round_trip(broker.port, MQTTProtocolVersion.MQTTv5)
    broker.start()
    assert _round_trip(broker.port, MQTTProtocolVersion.MQTTv5) == b"hello"


def test_a_configuration_of_its_own(start_mosquitto: StartMosquitto) -> None:
    """`config` replaces the open listener: without anonymous access nobody without a password gets in."""
    closed = start_mosquitto("listener {port} 127.0.0.1\nallow_anonymous false\n")
    verdicts: queue.Queue[bool] = queue.Queue()
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda _client, _user, _flags, reason, _properties: verdicts.put(reason.is_failure)
    client.connect("127.0.0.1", closed.port)
    client.loop_start()
    try:
        assert verdicts.get(timeout=10)
    finally:
        client.disconnect()
        client.loop_stop()


def test_a_broker_that_cannot_start_says_why(mosquitto: Mosquitto, start_mosquitto: StartMosquitto) -> None:
    """A broken configuration is reported with the broker's own words, not as a time-out."""
    with pytest.raises(RuntimeError, match="no_such_option"):
        start_mosquitto("listener {port} 127.0.0.1\nno_such_option true\n")
    assert mosquitto.is_running()


def test_the_demonstration_broker_leaves_with_its_starter() -> None:
    """`python -m gateway.demo.broker` prints ready, and is gone soon after its starting process was killed."""
    port = free_port()
    child = (
        "import subprocess, sys, time; "
        f"p = subprocess.Popen({demo_broker.command(port)!r}, stdout=subprocess.PIPE, text=True); "
        "print(p.stdout.readline().strip(), p.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        word, broker_pid = starter.stdout.readline().split()
        assert word == "ready"
        starter.kill()
    deadline_s = time.monotonic() + 10
    while _lives(int(broker_pid)):  # not the port: another test's broker may have it by now
        if time.monotonic() > deadline_s:
            os.kill(int(broker_pid), signal.SIGKILL)
            pytest.fail("the broker outlived the process that started it")
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    """It runs; a process that has ended and that nobody has asked about yet does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
