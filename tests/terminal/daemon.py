"""A daemon that only speaks the wire: answers by a table, and can vanish, hang and babble."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from gateway.console.wire import Answer, Ask

Reply = Callable[[Ask], Answer | bytes | None]
"""An answer, raw bytes, or nothing at all."""


class FakeDaemon:
    """Serves one socket until `stop`; `asked` is everything that was asked, in order."""

    def __init__(self, path: Path, replies: Mapping[str, Reply] | None = None) -> None:
        self.path = path
        self.replies: dict[str, Reply] = {"hello": self._hello, "names": _names, **(replies or {})}
        self.asked: list[Ask] = []
        self.who: dict[str, Any] = {"who": "", "role": "nobody", "proven": False}
        self._open: list[socket.socket] = []
        self._listening: socket.socket | None = None

    def start(self) -> FakeDaemon:
        """Listen; whoever was logged in is not any more."""
        self.who = {"who": "", "role": "nobody", "proven": False}
        self.path.unlink(missing_ok=True)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.path))
        self._listening.listen(5)
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Close everything, as a daemon that ends does."""
        if self._listening is not None:
            with suppress(OSError):
                self._listening.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept()
            self._listening.close()
            self._listening = None
        self.path.unlink(missing_ok=True)
        while self._open:
            self.hang_up(self._open.pop())

    @staticmethod
    def hang_up(line: socket.socket) -> None:
        """End one connection."""
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)
        line.close()

    def log_in(self, who: str, role: str, *, proven: bool = False) -> None:
        """What `hello` says from now on."""
        self.who = {"who": who, "role": role, "proven": proven}

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                line, _ = listening.accept()
            except OSError:
                return
            self._open.append(line)
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with suppress(OSError, ValueError), line.makefile("rb") as lines:
            for text in lines:
                ask = msgspec.json.decode(text, type=Ask)
                self.asked.append(ask)
                said = self.replies.get(ask.do, _unknown)(ask)
                if said is not None:
                    line.sendall(said if isinstance(said, bytes) else msgspec.json.encode(said) + b"\n")

    def _hello(self, ask: Ask) -> Answer:
        told = {"gateway": "gw-1", "version": "9.9", "timezone": "Europe/Rome", "languages": ["en", "it"], **self.who}
        return Answer(ask.id, ok=True, data=told)


def _names(ask: Ask) -> Answer:
    kinds = {"meter": ["m1", "m2", "main-7"], "account": ["CH-1"], "bus": ["rs485-1"], "job": []}
    return Answer(ask.id, ok=True, data={"names": kinds[ask.args["kind"]]})


def _unknown(ask: Ask) -> Answer:
    return Answer(ask.id, ok=False, code="E-ASK-01", reason="unknown_action", detail={"action": ask.do})
