"""What a meter's own clock shows, from its words: a witness of the time, never its source (decision 16).

A meter tells civil time of a zone that it does not tell. It is read as if it were UTC; who asks the witness allows for
any zone. None: the words are no time, as of a clock that was never set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum


class DialFormat(StrEnum):
    """How the words of a clock are laid out."""

    FIELDS = "fields"
    """Six words: year (with or without its century), month, day, hour, minute, second."""
    DATETIME = "datetime"
    """Four words packed in bits (TI081, Schneider): year since 2000; month and day; hour and minute; milliseconds."""


dial_words = {DialFormat.FIELDS: 6, DialFormat.DATETIME: 4}
"""Number of 16-bit words of each format."""


def shown_ms(layout: DialFormat, words: Sequence[int]) -> int | None:
    """The civil time shown, in ms since 1970 as if it were UTC."""
    try:
        year, month, day, hour, minute, second = _FIELDS_OF[layout](words)
        return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()) * 1000
    except ValueError:
        return None


def _fields(words: Sequence[int]) -> tuple[int, ...]:
    year, *others = words
    return year if year >= 100 else 2000 + year, *others


def _datetime(words: Sequence[int]) -> tuple[int, ...]:
    year, date, time, ms = words
    if time & 0x80:
        raise ValueError("the meter itself says that its time is not valid")
    return 2000 + (year & 0x7F), date >> 8 & 0xF, date & 0x1F, time >> 8 & 0x1F, time & 0x3F, ms // 1000


_FIELDS_OF: dict[DialFormat, Callable[[Sequence[int]], tuple[int, ...]]] = {
    DialFormat.FIELDS: _fields,
    DialFormat.DATETIME: _datetime,
}
