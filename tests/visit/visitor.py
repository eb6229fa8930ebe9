"""Somebody at a line of 9600 baud: types no faster and reads no faster than the line goes.

What is seen is kept with what changes at each visit written as it always is: times, ages, challenges, answers.
"""

from __future__ import annotations

import os
import re
import select
import time

from tests.terminal.person import PATIENCE_S, Person

BAUD = 9600
BYTES_PER_S = BAUD / 10
"""A byte is ten bits on the line: start, eight, stop."""
_CONTROL = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]|\r|\x07")
_ALWAYS = (
    (r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}(:\d{2})?( UTC)?", "2026-03-02 09:15"),
    (r"(Challenge +)\d{4} \d{4} \d{4}", r"\g<1>1111 2222 3333"),
    (r"(Answer \(14 digits\): )[\d ]+", r"\g<1>1234 1234 1234 12"),
    (r"(Code \(8 groups of 5 digits\): )[\d ]+", r"\g<1>01234 01234 01234 01234 01234 01234 01234 01234"),
    (r"(where +)rs485[\s\S]*?/ 1\n", "\\g<1>rs485 /dev/serial/by-id/usb-meters / 1\n"),
    (r"after \d+ ms", "after 9 ms"),
    (r"(row +)\d+", r"\g<1>99"),
    (r"127\.0\.0\.1:\d+", "broker.example:1883"),
    (r"-\d\.\d\d CHF", "-6.30 CHF"),
    (r"(?<![\d-])[0-2]\.\d\d CHF", "0.90 CHF"),
    (r"report-console-[0-9a-f]{16}", "report-console-0123456789abcdef"),
    (r"at least \d\.\d\d CHF", "at least 6.30 CHF"),
    (r"5\d\.\d\d CHF", "53.70 CHF"),
    (r"\d+ rows", "9 rows"),
    (r"\d quarter-hours", "0 quarter-hours"),
    (r"\b\d+ (s|min|h)( \d+ (s|min))?( !)?(?=\)|$)", "9 s"),
)
_AGE = re.compile(r"\b\d+ (s|min|h)( \d+ (s|min))?( !)?(?=  )")
"""An age in a table: what replaces it is as wide, so that the columns stay below each other."""


class Visitor(Person):
    """A `Person` on a slow line, with a transcript."""

    def type(self, text: str | bytes) -> None:
        """One byte after the other, at the pace of the line."""
        data = text.encode() if isinstance(text, str) else text
        for at in range(len(data)):
            os.write(self.master, data[at : at + 1])
            self._gather(1 / BYTES_PER_S)

    def says(self, text: str, until: str = "# ") -> str:
        """Type a line and wait for what follows the answer; gives the answer."""
        self.type(text + "\r")
        return self.sees(until)

    def transcript(self) -> str:
        """Everything that stood on the screen, with what differs each time replaced."""
        text = _CONTROL.sub("", _erased(self.seen.decode("utf-8", "replace")))
        for pattern, always in _ALWAYS:
            text = re.sub(pattern, always, text, flags=re.MULTILINE)
        text = _AGE.sub(lambda age: "9 s".ljust(len(age[0])), text)
        return "\n".join(line.rstrip() for line in text.splitlines()).strip() + "\n"

    def _gather(self, seconds: float) -> None:
        """Read what the line can have carried in this time; at least one round."""
        end_s = time.monotonic() + min(seconds, PATIENCE_S)
        while True:
            left_s = end_s - time.monotonic()
            if not select.select([self.master], [], [], max(left_s, 0))[0]:
                return
            try:
                data = os.read(self.master, 32)
            except OSError:
                return
            self.seen += data
            time.sleep(len(data) / BYTES_PER_S)
            if left_s <= 0:
                return


def alike(text: str) -> str:
    """What must be the same at each visit: columns are as wide as their widest value."""
    return re.sub(r"  +", "  ", text)


def _erased(text: str) -> str:
    """A prompt of the pager is wiped away, and so is what a backspace took back."""
    text = re.sub(r"\r?-- more[^\x1b]*\x1b\[K", "", text)
    return re.sub(r"\r\x1b\[K", "", text)
