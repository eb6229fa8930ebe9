"""What a modem says, as bytes: lines, echo, prompts and reports however they are cut, and nothing grows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.alerts import atline
from gateway.alerts.atline import LINE_MAX, AtLine, ModemRefused, ModemSilent
from gateway.alerts.serialport import PortGone
from gateway.clock import SystemClock
from tests.alerts.post import lived


class Wire:
    """A port that says what the test wants after each line."""

    def __init__(self, *answers: bytes, cut: int = 10_000) -> None:
        self.heard: list[bytes] = []
        self.closed = False
        self._answers = list(answers)
        self._cut = cut
        self._hear: Callable[[bytes], None] = lambda _: None

    async def open(self, hear: Callable[[bytes], None], gone: Callable[[], None]) -> Wire:
        self._hear = hear
        return self

    async def write(self, data: bytes) -> None:
        self.heard.append(data)
        answer = self._answers.pop(0) if self._answers else b""
        for at in range(0, len(answer), self._cut):
            self._hear(answer[at : at + self._cut])

    def close(self) -> Awaitable[None]:
        self.closed = True
        closed = asyncio.get_running_loop().create_future()
        closed.set_result(None)
        return closed


async def line_to(wire: Wire) -> tuple[AtLine, list[str]]:
    """A line to this wire, and the reports that came."""
    reports: list[str] = []
    line = AtLine(SystemClock(), reports.append)
    await line.open(wire.open)
    return line, reports


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 1000])
@lived
async def test_an_answer_is_the_same_however_it_is_cut(cut: int) -> None:
    """Byte by byte or at once: echo, an unsolicited line, a report in between, then the answer."""
    report = "00" * 10
    said = f"AT+CREG?\r\r\n+CREG: 0,1\r\n\r\nRING\r\n+CDS: 9\r\n{report}\r\n\r\nOK\r\n".encode()
    wire = Wire(said, b"AT+CMGS=1\r\r\n> ", b"\r\n+CMS ERROR: 42\r\n", cut=cut)
    line, reports = await line_to(wire)
    assert await line.ask("AT+CREG?", 1) == ["AT+CREG?", "+CREG: 0,1", "RING"]
    assert reports == [report]
    assert await line.prompted("AT+CMGS=1", 1)
    with pytest.raises(ModemRefused, match="CMS 42"):
        await line.submit("00", 1)
    assert wire.heard == [b"AT+CREG?\r", b"AT+CMGS=1\r", b"00\x1a"]


@lived
async def test_a_line_without_an_end_is_dropped_and_the_next_one_read() -> None:
    """I21: a megabyte without a line end never makes the buffer longer than a line."""
    line, _ = await line_to(Wire())
    for _ in range(60):
        line.feed(b"x" * 1_000)
        assert len(line._buffer) <= LINE_MAX
    asking = asyncio.ensure_future(line.ask("AT", 1))
    await asyncio.sleep(0)
    line.feed(b"OK\r\n")
    assert not asking.done()
    line.feed(b"OK\r\n")
    assert await asking == []


@lived
async def test_the_lines_of_an_answer_are_bounded() -> None:
    """I21: the first ones count; the final one still ends it."""
    line, _ = await line_to(Wire(b"+X: 1\r\n" * 500 + b"OK\r\n"))
    assert len(await line.ask("AT+X", 1)) == atline.ANSWER_LINES_MAX


@pytest.mark.parametrize(
    "said", [b"", b"OKAY\r\n", b"\xff\xfe\r\n", b"OK", b"> ", b"+CMS ERROR: x\r\n", b"NO CARRIER\r\n"]
)
@lived
async def test_what_is_no_final_line_ends_nothing(said: bytes) -> None:
    """Only OK and the errors end an answer: all else is waited out."""
    line, _ = await line_to(Wire(said))
    with pytest.raises(ModemSilent):
        await line.ask("AT", 0.05)


@lived
async def test_ok_instead_of_a_prompt_is_told() -> None:
    """A modem that says OK to AT+CMGS did not ask for the text."""
    line, _ = await line_to(Wire(b"OK\r\n"))
    assert not await line.prompted("AT+CMGS=1", 1)


@lived
async def test_a_flood_closes_the_port_and_ends_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than so many bytes in a minute: the port is closed at once, whoever waits is told."""
    monkeypatch.setattr(atline, "MINUTE_BYTES_MAX", 5_000)
    wire = Wire(b"RING\r\n" * 1_000)
    line, _ = await line_to(wire)
    with pytest.raises(PortGone):
        await line.ask("AT", 1)
    assert wire.closed
    assert line.gone
    with pytest.raises(PortGone):
        await line.ask("AT", 1)


@lived
async def test_a_report_that_is_none_is_a_line_like_others() -> None:
    """Behind +CDS: come digits, or it was something else: an answer is not eaten."""
    line, reports = await line_to(Wire(b"+CDS: 25\r\nOK\r\n"))
    assert await line.ask("AT", 1) == []
    assert reports == []
