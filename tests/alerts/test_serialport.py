"""The port of the modem in the event loop: nothing that a driver or a modem does holds anybody up."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
import serial

from gateway.alerts import serialport
from gateway.alerts.serialport import PortGone, opener
from tests.alerts.post import lived


def nothing(*_: object) -> None:
    """Hears, and does nothing."""


@lived
async def test_a_modem_that_takes_nothing_is_left_at_once() -> None:
    """Output that nobody reads: writing waits without blocking the loop, is cancelled, and closing does not drain."""
    far, near = os.openpty()
    port = await opener(os.ttyname(near), 115_200)(nothing, nothing)
    began_s = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await port.write(b"x" * 1_000_000)
    await port.close()
    await port.close()
    assert time.monotonic() - began_s < 1.5
    with pytest.raises(PortGone):
        await port.write(b"AT\r")
    os.close(near)
    os.close(far)


@lived
async def test_what_was_waiting_for_room_goes_when_there_is_some() -> None:
    """A modem that stops for a moment loses nothing, and nothing is sent twice."""
    far, near = os.openpty()
    port = await opener(os.ttyname(near), 115_200)(nothing, nothing)
    data = bytes(range(32, 96)) * 2_000
    writing = asyncio.ensure_future(port.write(data))
    await asyncio.sleep(0.05)
    assert not writing.done()
    got = b""
    os.set_blocking(far, False)
    async with asyncio.timeout(10):
        while len(got) < len(data):
            try:
                got += os.read(far, 65_536)
            except BlockingIOError:
                await asyncio.sleep(0.001)
    await writing
    assert got == data
    await port.close()
    os.close(near)
    os.close(far)


@lived
async def test_a_port_that_goes_is_told_once() -> None:
    """The cable comes out while nobody asks: told once, and the descriptor is given back."""
    far, near = os.openpty()
    gone: list[int] = []
    port = await opener(os.ttyname(near), 115_200)(nothing, lambda: gone.append(1))
    os.close(near)
    os.close(far)
    async with asyncio.timeout(5):
        while not gone:
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.02)
    assert gone == [1]
    await port.close()


@pytest.mark.parametrize("what", ["missing", "a file", "a folder", "a baud rate"])
def test_a_port_that_cannot_be_opened_says_so(tmp_path: Path, what: str) -> None:
    """No device, a plain file, a folder, a speed that is none: PortGone, in words without a path."""
    (tmp_path / "file").write_text("")
    name = {"missing": "none", "a file": "file", "a folder": "", "a baud rate": "file"}[what]

    async def main() -> None:
        with pytest.raises(PortGone) as caught:
            await opener(str(tmp_path / name), -1 if what == "a baud rate" else 9_600)(nothing, nothing)
        assert str(tmp_path) not in str(caught.value)
        assert str(caught.value)

    asyncio.run(main())


@lived
async def test_a_port_that_opens_too_late_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver hung in open and whoever wanted it is gone: the port is closed, and free for the next one."""
    far, near = os.openpty()
    name, real = os.ttyname(near), serialport._open
    opened: list[serial.Serial] = []

    def slow(device: str, baud: int) -> serial.Serial:
        time.sleep(0.1)
        opened.append(real(device, baud))
        return opened[0]

    monkeypatch.setattr(serialport, "_open", slow)
    opening = asyncio.ensure_future(opener(name, 9_600)(nothing, nothing))
    await asyncio.sleep(0.02)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    async with asyncio.timeout(5):
        while not opened or opened[0].is_open:
            await asyncio.sleep(0.005)
    monkeypatch.undo()
    port = await opener(name, 9_600)(nothing, nothing)
    await port.close()
    os.close(near)
    os.close(far)
