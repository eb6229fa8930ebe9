"""A modem that answers what the fuzzer says, below the real driver: sent, later or never, in time, and never a lie.

An input is a script: one byte that picks the SIM's mood, then a piece for each line that the driver writes: a byte for
its kind and delay, a length, bytes. Where the script ends the modem is a good one. The oracle reads what the far end
heard and said, and shares nothing with the driver: what counts as sent was taken, part by part, with a reference.
"""

from __future__ import annotations

import random
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import structlog

from gateway.alerts import modem
from gateway.alerts.atline import LINE_MAX
from gateway.alerts.channel import REASON_MAX_CHARS, SEND_MAX_S, Later, Message, Never, Sent
from gateway.alerts.modem import ModemChannel
from gateway.alerts.pdu import Fate
from gateway.alerts.serialport import PortGone
from tests.fuzz.mutation import mutate_bytes
from tests.fuzz.target import Target
from tests.fuzz.virtual import LineLoop, VirtualClock

TO = "+41791234567"
TEXTS = ("kurz", "a" * 200)
DELAYS_S = (0.0, 0.2, 3.0, 70.0)
_REFERENCE = re.compile(rb"\+CMGS: ?[0-9]{1,3}\b")
_FOR_GOOD = re.compile(rb"\+CMS ERROR: ?0*(1|195|196)\b")
_FLOOD = 300


class _Loop(LineLoop):
    """What would run in a thread runs at once."""

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except (OSError, ValueError) as error:
            done.set_exception(error)
        return done


class _Record:
    """Stands in for the file: how often a PIN may be tried is proven elsewhere, that each try asks is proven here."""

    def __init__(self) -> None:
        self.allowed = 0

    def begin(self, pin: str) -> bool:
        self.allowed += 1
        return self.allowed == 1

    def accepted(self, pin: str) -> None:
        """Nothing to keep."""

    def refused(self, pin: str) -> None:
        """Nothing to keep."""


class _FarEnd:
    """The port and the modem behind it."""

    def __init__(self, loop: _Loop, script: bytes) -> None:
        self.pins = 0
        self.taken: list[bytes] = []
        """What was said in lines that ended after each text that came with its end."""
        self.said = b""
        """All that was said, without NULs: some modems send them between any two bytes, and they mean nothing."""
        self._loop = loop
        self._mood = script[0] & 7 if script else 0
        self._pieces = list(_pieces(script))
        self._hear: Callable[[bytes], None] = lambda _: None
        self._gone: Callable[[], None] = lambda: None
        self._open = False
        self._reference = 0

    async def open(self, hear: Callable[[bytes], None], gone: Callable[[], None]) -> _FarEnd:
        if self._mood == 7:
            self._mood = 0
            raise PortGone("No such file or directory")
        self._hear, self._gone, self._open = hear, gone, True
        return self

    async def write(self, data: bytes) -> None:
        if not self._open:
            raise PortGone("Input/output error")
        if data == b"\x1b":
            return
        self.pins += data.startswith(b"AT+CPIN=")
        if data.endswith(b"\x1a"):
            begun = 1 + max(self.said.rfind(b"\r"), self.said.rfind(b"\n"))
            self.taken.append(self.said[begun:])  # a line counts where it ends
        kind, delay_s, content = self._pieces.pop(0) if self._pieces else (1, 0.0, b"")
        self._loop.call_later(delay_s, self._answer, kind, content, self._right(data))

    def close(self) -> Awaitable[None]:
        self._open = False
        closed = self._loop.create_future()
        closed.set_result(None)
        return closed

    def _answer(self, kind: int, content: bytes, right: bytes) -> None:
        if kind == 4:
            self._open = False
            self._gone()
            return
        said = {0: content, 1: right, 2: content + right, 3: right + content, 6: content * _FLOOD}.get(kind, b"")
        if kind == 5:
            changed = bytearray(right)
            for at, flip in zip(content[::2], content[1::2], strict=False):
                changed[at % len(changed)] ^= flip
            said = bytes(changed)
        if kind == 7:
            said = b"\r\n+CDS: 25\r\n" + content.hex().encode() + b"\r\n" + right
        for at in range(0, len(said), 4096):
            if self._open:
                heard = said[at : at + 4096].replace(b"\0", b"")
                self.said += heard
                if self.taken:
                    self.taken[-1] += heard
                self._hear(said[at : at + 4096])

    def _right(self, data: bytes) -> bytes:
        """As a good modem answers."""
        ok = b"\r\nOK\r\n"
        if data.endswith(b"\x1a"):
            self._reference += 1
            return b"\r\n+CMGS: %d\r\n" % self._reference + ok
        command = data.strip().upper()
        if command.startswith(b"AT+CMGS="):
            return b"\r\n> "
        if command == b"AT+CPIN?":
            asks = b"SIM PIN" if self._mood & 1 and not self.pins else b"READY"
            return b"\r\n+CPIN: " + asks + b"\r\n" + ok
        if command == b"AT+CREG?":
            return b"\r\n+CREG: 0,%d\r\n" % (2 if self._mood & 2 else 1) + ok
        return ok if command != b"AT+CEREG?" else b"\r\n+CEREG: 0,1\r\n" + ok


def _pieces(script: bytes) -> Iterator[tuple[int, float, bytes]]:
    at = 1
    while at + 2 <= len(script):
        head, size = script[at], script[at + 1]
        yield head & 7, DELAYS_S[head >> 3 & 3], script[at + 2 : at + 2 + size]
        at += 2 + size


def check(data: bytes) -> None:
    names = vars(modem)
    before, names["read_pin"] = names["read_pin"], lambda _: "1234"
    try:
        with structlog.testing.capture_logs():
            _LOOP.play(_play(data))
    finally:
        names["read_pin"] = before


async def _play(data: bytes) -> None:
    clock, far, record = VirtualClock(_LOOP), _FarEnd(_LOOP, data), _Record()
    channel = ModemChannel(far.open, clock, Path("unused"), pin_file=Path("unused"))
    channel._record = record  # type: ignore[assignment]
    told: list[tuple[str, Fate]] = []
    channel.told = lambda message_id, fate: told.append((message_id, fate))
    for number, text in enumerate(TEXTS):
        began_ms, before = clock.monotonic_ms(), len(far.taken)
        result = await channel.send(Message(f"m-{number}", TO, "", text))
        assert clock.monotonic_ms() - began_ms < SEND_MAX_S * 1000, "a message took longer than it may"
        assert channel._line is None or len(channel._line._buffer) <= LINE_MAX
        said = far.taken[before:]
        match result:
            case Sent(reference):
                assert len(reference.split(",")) == len(said) == number + 1, "not every part was handed over"
                assert all(_REFERENCE.search(one) and b"OK" in one for one in said), "sent, and nobody said so"
            case Later(reason, may_have_gone):
                assert may_have_gone or len(said) == 0 or b"ERROR" in said[-1] or len(said) <= number
                assert 0 < len(reason) <= REASON_MAX_CHARS
                assert TO not in reason
            case Never(reason):
                assert _FOR_GOOD.search(far.said), "never, and the network said no such thing"
                assert TO not in reason
    assert far.pins <= 1, "the SIM got a second PIN"
    assert far.pins <= record.allowed
    assert len({message_id for message_id, _ in told}) == len(told), "told twice"
    await channel.close()


_LOOP = _Loop()


def seeds() -> Iterator[bytes]:
    """A good modem, one whose SIM asks, one that roams; each kind of piece at some line of the conversation."""
    for mood in (0, 1, 2, 3, 7):
        yield bytes([mood])
    for place in (0, 2, 3, 6, 7, 8, 9, 10, 12):
        for kind, content in (
            (0, b"\r\nERROR\r\n"),
            (0, b"\r\n+CMS ERROR: 1\r\n"),
            (2, b"\r\nRING\r\n\r\n+CREG: 5\r\n"),
            (4, b""),
            (5, b"\3\x20"),
            (0 | 3 << 3, b"\r\n> "),
            (7, bytes.fromhex("0006010c914197214365f70" + "0" * 31)),
        ):
            yield b"\0" + b"\1\0" * place + bytes([kind, len(content)]) + content
    yield b"\0\6\x40" + b"\xa5" * 64
    yield b"\0" + b"\1\0" * 4 + bytes([6, 200]) + b"OK\r\n" * 50


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Change a script piece by piece, so that the lengths stay true; its bytes now and then."""
    if chance.random() < 0.25 or not data:
        return mutate_bytes(data, chance)
    script = [(kind | DELAYS_S.index(delay_s) << 3, content) for kind, delay_s, content in _pieces(data)]
    act = chance.randrange(4)
    if act == 0 or not script:
        head = chance.randrange(8) | chance.choice((0, 0, 0, 1, 2, 3)) << 3
        script.insert(chance.randint(0, len(script)), (head, chance.choice(_WORDS)))
    elif act == 1:
        del script[chance.randrange(len(script))]
    else:
        at = chance.randrange(len(script))
        head, content = script[at]
        script[at] = (chance.randrange(32), content) if act == 2 else (head, mutate_bytes(content, chance)[:255])
    mood = chance.randrange(8) if chance.random() < 0.2 else data[0]
    return bytes([mood]) + b"".join(bytes([head, len(content)]) + content for head, content in script[:40])


_WORDS = (
    b"",
    b"\r\nOK\r\n",
    b"OK",
    b"\r\nERROR\r\n",
    b"\r\n+CME ERROR: 16\r\n",
    b"\r\n+CME ERROR: 14\r\n",
    b"\r\n+CMS ERROR: 332\r\n",
    b"\r\n+CMS ERROR: 99999\r\n",
    b"\r\n> ",
    b">",
    b"\r\n+CMGS: 300\r\n\r\nOK\r\n",
    b"\r\n+CMGS: 7\r\n",
    b"\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n",
    b"\r\n+CPIN: SIM PUK\r\n\r\nOK\r\n",
    b"\r\n+CREG: 0,3\r\n\r\nOK\r\n",
    b"\r\n+CDS: 25\r\n",
    b"\0\xff\r\n",
    b"\xa5" * 250,
    b"\x1a\x1b",
)
TARGET = Target(check, seeds, mutate, max_bytes=1500)
