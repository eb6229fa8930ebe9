"""systemd hears what the daemon says, through a real datagram socket."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.notify import Notifier


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(5)
        yield listener


def test_each_message_arrives_as_systemd_expects_it(inbox: socket.socket) -> None:
    """READY, STATUS, WATCHDOG and STOPPING each arrive as one datagram."""
    notifier = Notifier({"NOTIFY_SOCKET": inbox.getsockname()})
    notifier.ready()
    notifier.status("2 meters\nREADY=1")
    notifier.watchdog()
    notifier.stopping()
    assert [inbox.recv(200) for _ in range(4)] == [
        b"READY=1",
        b"STATUS=2 meters READY=1",
        b"WATCHDOG=1",
        b"STOPPING=1",
    ]


def test_an_abstract_socket_is_reached() -> None:
    """A NOTIFY_SOCKET that begins with @ is in the abstract namespace (containers use it)."""
    name = f"prepaid-gateway-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name)
        listener.settimeout(5)
        Notifier({"NOTIFY_SOCKET": "@" + name}).ready()
        assert listener.recv(200) == b"READY=1"


def test_without_systemd_nothing_happens() -> None:
    """On a terminal every call is accepted, no watchdog is promised and nothing is opened."""
    notifier = Notifier({"WATCHDOG_USEC": "30000000"})
    notifier.ready()
    notifier.status("nobody listens")
    notifier.watchdog()
    notifier.stopping()
    assert notifier.interval_s is None


@pytest.mark.parametrize(
    ("variables", "interval_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid() + 1)}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_interval_is_half_of_what_is_allowed(variables: dict[str, str], interval_s: float | None) -> None:
    """Two pings fit into WatchdogSec, and a watchdog meant for another process is not ours."""
    assert Notifier({"NOTIFY_SOCKET": "@unused", **variables}).interval_s == interval_s


def test_a_supervisor_that_cannot_be_told_is_an_error(tmp_path: Path) -> None:
    """A NOTIFY_SOCKET nobody listens on is not swallowed: READY never said would look like a hang."""
    with pytest.raises(OSError, match="No such file"):
        Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready()
