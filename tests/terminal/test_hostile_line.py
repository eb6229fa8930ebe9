"""What a line can do to the terminal, and not to the daemon: floods, pastes, a held screen, a port that breaks."""

from __future__ import annotations

import os
import random
import time

import pytest
import serial

from gateway.terminal import seat
from gateway.terminal.line import Gone, Terminal
from gateway.terminal.port import Marks, open_port
from gateway.terminal.verbs import Refused
from tests.terminal.conftest import Sit
from tests.terminal.daemon import FakeDaemon
from tests.terminal.person import Person

MIB = 1 << 20
MEMORY_MAX_KIB = 60_000


def test_a_paste_of_a_mebibyte_is_refused_with_a_code(sit: Sit, daemon: FakeDaemon) -> None:
    """Issue 5, bad input: nothing of it is run, the code says why, and the next command works."""
    person = sit()
    for paste in (b"A" * MIB, b"\x1b[200~" + b"eyJ." * (MIB // 4) + b"\x1b[201~"):
        person.type(paste)
        person.sees("E-KEY-08")
        person.type("echo hello\r")
        person.sees("said hello")
        person.sees("gw-1> ")
    assert [ask.do for ask in daemon.asked] == ["hello", "echo", "echo"]
    assert person.memory_kib() < MEMORY_MAX_KIB


def test_a_paste_of_many_lines_is_stopped(sit: Sit, daemon: FakeDaemon) -> None:
    """Without bracketed paste lines are commands: after 50 without a pause the rest is dropped."""
    person = sit()
    person.type(b"echo x\r" * 2000)
    person.sees("E-KEY-09")
    person.type("rows 1\r")
    person.sees("row 0")
    assert len(daemon.asked) <= seat.BURST_MAX_LINES + 3


@pytest.mark.timeout(120)
def test_a_flood_of_ten_mebibytes_is_survived_in_bounded_memory(sit: Sit, daemon: FakeDaemon) -> None:
    """Issue 5: random bytes, as a wrong baud rate or a torn cable makes them; then somebody types and is heard."""
    person = sit()
    noise = random.Random(5).randbytes(MIB).replace(b"\x04", b"").replace(b"\x0c", b"")
    person.type(noise)
    before = person.memory_kib()
    for _ in range(9):
        person.type(noise)
    for _ in range(20):  # as a person does: again, until it is heard
        time.sleep(seat._QUIET_S + 0.5)
        person.type("\x03\x15rows 1\r")
        if b"row 0\r\n" in person.seen:
            break
    person.sees("row 0\r\n")
    assert person.memory_kib() - before < 2_000
    assert person.memory_kib() < MEMORY_MAX_KIB
    assert {ask.do for ask in daemon.asked} <= {"hello", "names", "rows"}


def test_a_screen_that_is_held_ends_the_session() -> None:
    """A terminal that takes nothing for the time allowed is gone: nothing waits for ever, nor does closing."""
    master, slave = os.openpty()
    line = Terminal(slave, slave, wedged_s=0.4)
    began = time.monotonic()
    with pytest.raises(Gone, match="took nothing"):
        line.write(b"x" * 1_000_000)
    line.close()
    assert time.monotonic() - began < 5
    assert os.get_blocking(slave)
    os.close(master)
    os.close(slave)


def test_a_line_that_is_hung_up_ends_the_process(sit: Sit) -> None:
    """The other end of the terminal closes: the process ends by itself."""
    person = sit()
    os.close(person.master)
    assert person.process.wait(timeout=10) == 0
    person.master = os.open(os.devnull, os.O_RDONLY)


@pytest.mark.parametrize(
    ("pieces", "typed"),
    [
        ((b"abc",), b"abc"),
        ((b"a\xff\xffb",), b"a\xffb"),
        ((b"a\xff", b"\xffb"), b"a\xffb"),
        ((b"a\xff\x00\xffb",), b"ab"),
        ((b"a\xff", b"\x00", b"Zb"), b"ab"),
        ((b"\xffx",), b"x"),
    ],
)
def test_marks_of_the_kernel_are_undone(pieces: tuple[bytes, ...], typed: bytes) -> None:
    """A byte FF comes twice, a byte with a parity error is dropped, wherever the pieces are cut."""
    marks = Marks()
    assert b"".join(marks.take(piece) for piece in pieces) == typed


def test_a_break_ends_the_session() -> None:
    """Issue 5: a break is told from a zero byte, and is a hang-up."""
    marks = Marks()
    assert marks.take(b"a\x00b\xff\x00") == b"a\x00b"
    with pytest.raises(Gone, match="break"):
        marks.take(b"\x00rest")


def test_a_serial_port_is_a_line(sit: Sit) -> None:
    """`--port`: nothing but the cable is needed; ASCII unless told otherwise; `quit` ends the process."""
    person = sit("--lang", "it", serial=True)
    person.type("help help\r")
    person.sees("finche'")
    person.type("echo \xff caff\xe8\r".encode("latin-1"))
    person.sees("said ? caffe'\r\n".replace("?", "y"))
    person.type("quit\r")
    assert person.ends() == 0


def test_a_port_is_ours_alone_and_its_speed_is_set() -> None:
    """The port is locked against a second program, raw, at the given speed; 7E1 strips the eighth bit."""
    master, slave = os.openpty()
    name = os.ttyname(slave)
    port = open_port(name, 19_200, "8N1", "xonxoff", wedged_s=0.4)
    with pytest.raises(Refused) as caught:
        open_port(name, 9600)
    assert caught.value.code == "E-PRT-01"
    assert port._port.baudrate == 19_200
    os.write(master, b"a\xff\x03\x00")
    assert port.read(1) == b"a\xff\x03\x00"
    assert port.read(0.01) == b""
    port.write(b"\xe8\n")
    assert os.read(master, 10) == b"\xe8\n"
    with pytest.raises(Gone, match="took nothing"):
        port.write(b"x" * 1_000_000)
    port.close()
    seven = open_port(name, 9600, "7E1")
    os.write(master, b"\xc1\xc2")
    assert seven.read(1) == b"AB"
    os.close(master)
    with pytest.raises(Gone):
        seven.read(0.1)
    seven.close()
    os.close(slave)


def test_a_carrier_that_drops_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a full cable, pulling it out ends the session; three wires have no carrier, and nothing to lose."""
    master, slave = os.openpty()
    port = open_port(os.ttyname(slave), 9600)
    assert port.read(0.01) == b""
    monkeypatch.setattr(serial.Serial, "cd", property(lambda _: True))
    assert port.read(0.01) == b""
    monkeypatch.setattr(serial.Serial, "cd", property(lambda _: False))
    with pytest.raises(Gone, match="carrier"):
        port.read(0.01)
    port.close()
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("port", ["/dev/no-such-port", "/dev/null"])
def test_a_port_that_is_none_is_refused_with_a_code(port: str) -> None:
    """A wrong name, or a device without a line: a sentence and a code."""
    with pytest.raises(Refused) as caught:
        open_port(port, 9600)
    assert caught.value.code == "E-PRT-01"
    assert port in str(caught.value.detail["port"])


def test_the_person_stands_for_the_terminal() -> None:
    """The harness itself: what it types goes through a real pseudo terminal."""
    person = Person("--socket", "/nowhere", "--json", "help", "quit")
    try:
        assert person.ends() == 69
        assert b"E-LNK-01" in person.seen
    finally:
        person.close()
