"""A conversation in AT commands (3GPP TS 27.005, 27.007): one question at a time, and lines that nobody asked for.

Whatever the modem says is bounded: a line, the lines of an answer, and the bytes of a minute. Echo, garbage and
unsolicited lines are passed over; only a final line (OK, ERROR, +CME ERROR, +CMS ERROR) ends an answer.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.alerts.serialport import Opener, Port, PortGone
from gateway.clock import Clock

LINE_MAX = 1024
ANSWER_LINES_MAX = 32
MINUTE_BYTES_MAX = 65_536
"""A modem that says more in a minute is broken, and reading on would only cost us time."""
ESCAPE, END = b"\x1b", b"\x1a"
QUIET_S = 0.05
_QUIET_WITHIN = 40
_MINUTE_MS = 60_000
_REFUSED = re.compile(r"\+CM([ES]) ERROR: ?([0-9]{1,4})")
_ENDS = re.compile(rb"[\r\n]+")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){8,200}")
_REPORT = "+CDS:"
_PROMPT = "> "


class ModemSilent(Exception):
    """No final answer within the time allowed."""


class ModemRefused(Exception):
    """The modem answered with an error: "CME", "CMS" or "" (a bare ERROR), and its number."""

    def __init__(self, family: str, code: int) -> None:
        self.family = family
        self.code = code
        super().__init__(f"{family} {code}".strip())


@dataclass(slots=True)
class _Waiting:
    """A question in flight: the lines so far, and what they end with."""

    final: asyncio.Future[str]
    wants_prompt: bool
    lines: list[str] = field(default_factory=list)


class AtLine:
    """One open port with a modem behind it. `report` gets the digits of each status report."""

    def __init__(self, clock: Clock, report: Callable[[str], None]) -> None:
        self.gone = False
        self._clock = clock
        self._report = report
        self._port: Port | None = None
        self._buffer = b""
        self._overlong = False
        self._report_next = False
        self._waiting: _Waiting | None = None
        self._heard_bytes = 0
        self._minute_ms = clock.monotonic_ms()
        self._heard = 0

    async def open(self, opener: Opener) -> None:
        """Open the port. Raises PortGone."""
        self._port = await opener(self.feed, self._on_gone)

    async def close(self) -> None:
        """Give the port back."""
        self.gone = True
        if self._port is not None:
            await self._port.close()

    async def ask(self, command: str, within_s: float) -> list[str]:
        """Send one command line; the lines of its answer. Raises ModemRefused, ModemSilent, PortGone."""
        lines, _ = await self._exchange(command.encode("ascii") + b"\r", within_s)
        return lines

    async def prompted(self, command: str, within_s: float) -> bool:
        """Send a command that a prompt answers. False when the modem said OK instead."""
        _, final = await self._exchange(command.encode("ascii") + b"\r", within_s, wants_prompt=True)
        return final == _PROMPT

    async def submit(self, body: str, within_s: float) -> list[str]:
        """What follows the prompt, with its end; the lines of the answer."""
        lines, _ = await self._exchange(body.encode("ascii") + END, within_s)
        return lines

    async def escape(self, within_s: float) -> None:
        """Leave the prompt, if the modem should be at one. Raises ModemSilent, PortGone."""
        await self._write(ESCAPE, within_s)

    async def quiet(self) -> None:
        """Wait until nothing more comes, two seconds at most: late answers are nobody's."""
        for _ in range(_QUIET_WITHIN):
            heard = self._heard
            await self._clock.sleep(QUIET_S)
            if heard == self._heard:
                return

    def feed(self, data: bytes) -> None:
        """Bytes from the port."""
        self._heard += 1
        if self._flooded(len(data)):
            if self._port is not None:
                self._port.close()
            self._on_gone()
            return
        *lines, rest = _ENDS.split(self._buffer + data)
        for line in lines:
            if self._overlong:
                self._overlong = False
            else:
                self._take(line)
        waiting = self._waiting
        if waiting is not None and waiting.wants_prompt and rest.lstrip().startswith(b">"):
            rest = b""
            self._end(_PROMPT)
        self._overlong = self._overlong or len(rest) > LINE_MAX
        self._buffer = b"" if self._overlong else rest

    async def _exchange(self, data: bytes, within_s: float, *, wants_prompt: bool = False) -> tuple[list[str], str]:
        final: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        waiting = self._waiting = _Waiting(final, wants_prompt)
        try:
            async with asyncio.timeout(within_s):
                await self._send(data)
                answer = await final
        except TimeoutError:
            raise ModemSilent(f"no answer within {within_s:g} s") from None
        finally:
            self._waiting = None
        refused = _REFUSED.fullmatch(answer)
        if refused is not None:
            raise ModemRefused(f"CM{refused[1]}", int(refused[2]))
        if answer not in ("OK", _PROMPT):
            raise ModemRefused("", 0)
        return waiting.lines, answer

    async def _write(self, data: bytes, within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s):
                await self._send(data)
        except TimeoutError:
            raise ModemSilent("it takes nothing") from None

    async def _send(self, data: bytes) -> None:
        if self.gone or self._port is None:
            raise PortGone("the port is gone")
        await self._port.write(data)

    def _take(self, raw: bytes) -> None:
        line = raw.replace(b"\0", b"").decode("ascii", "replace").strip()
        if not line:
            return
        if self._report_next:
            self._report_next = False
            if _HEX.fullmatch(line):
                self._report(line)
                return
        if line.startswith(_REPORT):
            self._report_next = True
            return
        waiting = self._waiting
        if waiting is None:
            return
        if line in ("OK", "ERROR") or _REFUSED.fullmatch(line):
            self._end(line)
        elif len(waiting.lines) < ANSWER_LINES_MAX:
            waiting.lines.append(line)

    def _end(self, final: str) -> None:
        waiting = self._waiting
        if waiting is not None and not waiting.final.done():
            waiting.final.set_result(final)

    def _flooded(self, count: int) -> bool:
        now_ms = self._clock.monotonic_ms()
        if now_ms - self._minute_ms >= _MINUTE_MS:
            self._minute_ms, self._heard_bytes = now_ms, 0
        self._heard_bytes += count
        return self._heard_bytes > MINUTE_BYTES_MAX

    def _on_gone(self) -> None:
        self.gone = True
        waiting = self._waiting
        if waiting is not None and not waiting.final.done():
            waiting.final.set_exception(PortGone("the port went away, or the modem never stops talking"))
