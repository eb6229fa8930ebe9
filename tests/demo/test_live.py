import fcntl
import io
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from gateway.demo.files import PLACES
from gateway.demo.picture import render
from gateway.demo.scene import Recorder, Snapshot, rounded
from gateway.headend.payloads import Live
from gateway.reference.chain import Checked

PROJECT = Path(__file__).parent.parent.parent
HEARD = Path(__file__).with_name("heard.jsonl")
_CODES = re.compile(r"\x1b\[([0-9;]*)m")
SIZES = [(80, 24), (120, 40), (58, 20), (200, 60), (40, 10)]


def recorded() -> Iterator[Snapshot]:
    """What the view knew after each message of a real story."""
    recorder = Recorder(PLACES)
    for line in HEARD.read_bytes().splitlines():
        heard: dict[str, Any] = msgspec.json.decode(line)
        if "row" in heard:
            recorder.row(Checked(**heard["row"]))
        else:
            recorder.live(msgspec.convert(heard["live"], Live), heard["at_s"])
        yield Snapshot(
            accounts=recorder.accounts(heard["at_s"]),
            rows=recorder.rows,
            elapsed_s=heard["at_s"],
            trust=recorder.trust,
            verified=recorder.verified,
            gateway=True,
            note="a note that is much too long for a small terminal, and then some more of it, to be sure of that",
        )


def drawn(snapshot: Snapshot, width: int, height: int, *, colours: bool = False) -> str:
    """The screen as a terminal of this size gets it."""
    out = io.StringIO()
    console = Console(
        file=out, width=width, height=height, force_terminal=True, color_system="truecolor", no_color=not colours
    )
    console.print(render(snapshot, width, height), height=height)
    return out.getvalue()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_recorded_story_is_drawn_at_any_size(width: int, height: int) -> None:
    """No exception, no line too long, nothing pushed off the screen."""
    for snapshot in [Snapshot(Recorder(PLACES).accounts(0.0)), *recorded()]:
        out = io.StringIO()
        Console(file=out, width=width, height=height, color_system=None).print(render(snapshot, width, height))
        lines = out.getvalue().splitlines()
        assert max(map(len, lines)) <= width
        assert len(lines) <= height + 1


def test_everything_promised_is_on_a_small_screen() -> None:
    """80x24: state, relay, power against limit, messages, journal with its hash, connections, keys."""
    out = io.StringIO()
    limited = [snapshot for snapshot in recorded() if snapshot.accounts[0].state == "LIMITED"][-1]
    Console(file=out, width=80, height=24, color_system=None).print(render(limited, 80, 24))
    screen = out.getvalue()
    assert len(screen.splitlines()) == 24
    wanted = [
        "LIMITED", "CONNECTED", "300 W of 495 W", "┃", "✉", "chain verified", limited.rows[-1].hash[:8], "● broker",
        "● gateway", "● time", "top up", "q  quit",
    ]  # fmt: skip
    assert [word for word in wanted if word not in screen] == []


def test_without_colours_nothing_is_lost() -> None:
    """NO_COLOR: the same characters, no colour _CODES."""
    snapshot = list(recorded())[-1]
    plain, coloured = drawn(snapshot, 80, 24), drawn(snapshot, 80, 24, colours=True)
    assert {code for found in _CODES.findall(plain) for code in found.split(";")} <= {"0", "1", "2", "7"}
    assert {code for found in _CODES.findall(coloured) for code in found.split(";")} >= {"32", "36"}
    assert _CODES.sub("", plain) == _CODES.sub("", coloured)


def test_money_is_never_shown_higher_than_it_is() -> None:
    """Cents are rounded down, below zero too."""
    assert [rounded(money) for money in ("59.835", "-0.001", "2.00", "?")] == ["59.83", "-0.01", "2.00", "?"]


class Terminal:
    """The live view in a pseudo terminal of 80x24, and what it has drawn so far."""

    def __init__(self, *arguments: str) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.drawn = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "demo", *arguments],
            cwd=PROJECT,
            env=os.environ | {"TERM": "xterm-256color"},
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
        )

    def until(self, text: str, within_s: float) -> None:
        """Read until this appears."""
        since = len(self.drawn)
        deadline_s = time.monotonic() + within_s
        while text not in (seen := _CODES.sub("", self.drawn[since:])):
            assert time.monotonic() < deadline_s, f"{text!r} did not appear; the end was:\n{seen[-3000:]}"
            assert self.process.poll() is None, f"it ended:\n{seen[-3000:]}"
            self._read()

    def finish(self, within_s: float) -> int:
        """Read on until it has ended; its exit code."""
        deadline_s = time.monotonic() + within_s
        while self.process.poll() is None:
            assert time.monotonic() < deadline_s, "it did not end"
            self._read()
        self._read()
        return self.process.returncode

    def close(self) -> None:
        """End it if it still runs."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(15)
        os.close(self.master)
        os.close(self.slave)

    def _read(self) -> None:
        if select.select([self.master], [], [], 0.1)[0]:
            self.drawn += os.read(self.master, 65536).decode("utf-8", "replace")


@pytest.fixture
def terminal(request: pytest.FixtureRequest) -> Iterator[Terminal]:
    """A live view that has just been started."""
    opened = Terminal(*getattr(request, "param", ()))
    yield opened
    opened.close()


@pytest.mark.parametrize("leave", ["q", "signal"])
def test_the_live_view_obeys_its_keys_and_gives_the_terminal_back(terminal: Terminal, leave: str) -> None:
    """Top up with t, leave with q (exit 0) or by a signal: echo and line mode are back, cursor and screen too."""
    terminal.until("register.opened", 20)
    os.write(terminal.master, b"t")
    terminal.until("top-up of 10.00 CHF applied", 10)
    os.write(terminal.master, b"l")
    terminal.until("the oven is off", 10)
    if leave == "q":
        os.write(terminal.master, b"q")
        assert terminal.finish(15) == 0
    else:
        terminal.process.terminate()
        assert terminal.finish(15) == 130
    assert termios.tcgetattr(terminal.slave) == terminal.before
    assert terminal.drawn.rstrip().endswith("\x1b[?25h") or "\x1b[?25h" in terminal.drawn[-200:]
    assert terminal.drawn.rindex("\x1b[?1049l") > terminal.drawn.rindex("\x1b[?1049h")


@pytest.mark.parametrize("terminal", [("--credit", "0.30")], indirect=True)
def test_a_top_up_in_the_dark_tells_how_long_the_lights_took(terminal: Terminal) -> None:
    """The main promise at the keyboard: SUSPENDED, t, and the relay read back CONNECTED within a second (S1-11)."""
    terminal.until("SUSPENDED  no supply", 55)
    terminal.until("the supply is off", 20)
    os.write(terminal.master, b"t")
    terminal.until("the lights are back: relay read back CONNECTED after ", 10)
    while (shown := re.search(r"CONNECTED after (\d+) ms", _CODES.sub("", terminal.drawn))) is None:
        terminal.until(" ms", 5)  # what a terminal hands out may end in the middle of a line
    assert int(shown[1]) < 1000
    os.write(terminal.master, b"q")
    assert terminal.finish(15) == 0


def test_the_broker_and_the_meter_can_be_pulled_and_plugged(terminal: Terminal) -> None:
    """Keys b and m: what is gone is shown as gone, and comes back by itself when plugged in."""
    terminal.until("register.opened", 20)
    os.write(terminal.master, b"m")
    terminal.until("○ meter 1", 10)
    terminal.until("meter.silent", 15)
    os.write(terminal.master, b"m")
    terminal.until("meter.back", 20)
    os.write(terminal.master, b"b")
    terminal.until("○ broker", 10)
    os.write(terminal.master, b"b")
    terminal.until("● gateway", 25)
    os.write(terminal.master, b"q")
    assert terminal.finish(15) == 0
