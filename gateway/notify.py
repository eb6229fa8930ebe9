"""Telling systemd how the daemon is: ready, alive, stopping (the sd_notify protocol, one datagram per message).

Without NOTIFY_SOCKET in the environment (a terminal, a test, another supervisor) every call does nothing. With it,
a failure to send is an OSError and ends the daemon: a supervisor that cannot be told would kill it anyway.
"""

import os
import socket
from collections.abc import Mapping

_SEND_WITHIN_S = 1.0


class Notifier:
    """The connection to systemd, or nothing; reads the environment once."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        variables = os.environ if environ is None else environ
        self._address = _address(variables.get("NOTIFY_SOCKET", ""))
        self._interval_s = _interval_s(variables) if self._address else None

    @property
    def interval_s(self) -> float | None:
        """Seconds between calls of `watchdog()`: half of what WatchdogSec allows. None: no watchdog waits for us."""
        return self._interval_s

    def ready(self) -> None:
        """The daemon does its job from now on."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`; a line break would start another message, so it becomes a space."""
        self._send("STATUS=" + " ".join(text.splitlines()))

    def watchdog(self) -> None:
        """Every task has been seen working since the last call; only the supervisor of the tasks may say so."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The daemon is on its way out; no watchdog from here on."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(_SEND_WITHIN_S)
            channel.sendto(message.encode(), self._address)


def _address(text: str) -> str | None:
    if text.startswith("@"):  # abstract sockets begin with a zero byte; the environment cannot hold one
        return "\0" + text[1:]
    return text or None


def _interval_s(variables: Mapping[str, str]) -> float | None:
    if variables.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None  # meant for the process that started us
    period_us = int(variables.get("WATCHDOG_USEC", "0"))
    return period_us / 2 / 1_000_000 if period_us > 0 else None
