"""Fixtures every test may use: free ports and real brokers on loopback."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import hypothesis
import pytest

from tests import brokers
from tests.brokers import ChildBroker, Iotcore, Mosquitto

# No deadline: a shared two-core machine is slow now and then. A failure prints the blob that replays it.
# The same examples each time, so that a change is judged and not its luck; `explore` draws new ones.
hypothesis.settings.register_profile("tests", deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None, print_blob=True)
hypothesis.settings.load_profile("tests")


class StartMosquitto(Protocol):
    """`start_mosquitto(config)`: one more broker, stopped when the test ends."""

    def __call__(self, config: str = brokers.MOSQUITTO_OPEN) -> Mosquitto:
        """Start it; `{port}` and `{folder}` in `config` are filled in."""
        ...


@pytest.fixture
def free_port() -> int:
    """One TCP port of 127.0.0.1 that nobody uses."""
    return brokers.free_port()


@pytest.fixture
def free_ports() -> Callable[[], int]:
    """Another free port at each call."""
    return brokers.free_port


@pytest.fixture
def start_mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartMosquitto]:
    """Start brokers with a configuration of the test's own (TLS, passwords, limits)."""
    with ExitStack() as stack:

        def start(config: str = brokers.MOSQUITTO_OPEN) -> Mosquitto:
            broker = Mosquitto(tmp_path_factory.mktemp("mosquitto"), config=config)
            stack.callback(broker.stop)
            broker.start()
            return broker

        yield start


@pytest.fixture
def mosquitto(start_mosquitto: StartMosquitto) -> Mosquitto:
    """A running mosquitto that accepts anybody."""
    return start_mosquitto()


@pytest.fixture
def iotcore_broker(tmp_path: Path) -> Iterator[Iotcore]:
    """A running iotcore broker, the one of the demonstration."""
    broker = Iotcore(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(params=["mosquitto", "iotcore"])
def broker(request: pytest.FixtureRequest) -> ChildBroker:
    """The test runs twice: against mosquitto and against the embedded broker."""
    name = "mosquitto" if request.param == "mosquitto" else "iotcore_broker"
    chosen: ChildBroker = request.getfixturevalue(name)
    return chosen
