"""The seat by itself: what noise, scripts and a slow screen can do to whoever sits there."""

from __future__ import annotations

import itertools
import os
import threading
import time

from gateway.terminal import seat
from gateway.terminal.buffer import Buffer
from gateway.terminal.catalogue import load
from gateway.terminal.line import Pipe, write_all
from gateway.terminal.seat import TYPED_MAX_BYTES, Seat
from gateway.terminal.words import Words


class Storm:
    """A line that is never quiet."""

    person = True
    newline = b"\r\n"

    def __init__(self) -> None:
        self.reads = 0

    def fileno(self) -> int:
        """Nothing waits here."""
        raise NotImplementedError

    def read(self, seconds: float) -> bytes:
        """As much as one read takes, always."""
        self.reads += 1
        return b"x" * TYPED_MAX_BYTES

    def write(self, data: bytes) -> None:
        """Nobody looks at it."""

    def close(self) -> None:
        """Nothing to put back."""


def test_noise_that_never_pauses_holds_no_command_up() -> None:
    """I20: while a command runs, a look ends after a bounded number of reads, and so much is kept and no more."""
    storm = Storm()
    sitting = Seat(storm, Words(load("en")))
    sitting.look()
    assert storm.reads == seat._LOOKS_MAX
    assert len(sitting.key(0)) == TYPED_MAX_BYTES
    assert storm.reads == seat._LOOKS_MAX, "what was kept is what the next key gives"


def test_a_script_has_no_keys_and_waits_all_the_same() -> None:
    """I21: `watch` in a script goes round at its pace; the next lines of the script are no keys that stop it."""
    reading, writing = os.pipe()
    os.write(writing, b"quit\n")
    sitting = Seat(Pipe(reading, writing), Words(load("en")))
    began = time.monotonic()
    assert sitting.key(0.2) == b""
    assert time.monotonic() - began >= 0.2
    sitting.look()
    assert sitting.read("") == "quit"
    os.close(reading)
    os.close(writing)


def test_a_script_that_pauses_is_waited_for() -> None:
    """I21: a pipe that has nothing yet is not at its end."""
    reading, writing = os.pipe()
    line = Pipe(reading, writing)
    assert line.read(0.01) == b""
    os.write(writing, b"rows 1\n")
    assert line.read(1) == b"rows 1\n"
    os.close(writing)
    os.close(reading)


def test_a_screen_that_is_held_for_a_moment_loses_nothing() -> None:
    """I21: Ctrl-S for less than the time allowed: everything is there afterwards, in order."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    data = bytes(itertools.islice(itertools.cycle(range(251)), 300_000))
    got = bytearray()

    def looks_again() -> None:
        time.sleep(1.2)  # longer than one wait inside
        while len(got) < len(data):
            got.extend(os.read(reading, 65_536))

    person = threading.Thread(target=looks_again)
    person.start()
    write_all(writing, data, 20.0)
    person.join(20)
    assert bytes(got) == data
    os.close(reading)
    os.close(writing)


def test_a_word_to_the_right_skips_the_spaces_before_it() -> None:
    """Alt-F from a gap: behind the next word, as in every shell (I21: at the end it stays there)."""
    buffer = Buffer()
    buffer.insert("one   two three")
    buffer.home()
    for at in (3, 9, 15, 15):
        buffer.word_right()
        assert buffer.cursor == at
