"""A meter's own clock: read as it is laid out, and worth nothing when it is no time (decision 16)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import msgspec
import pytest

from gateway.errors import ConfigError, MeterAnswerRefused
from gateway.meters import profile
from gateway.meters.device import ModbusMeter
from gateway.meters.dial import DialFormat, dial_words, shown_ms
from gateway.meters.profile import Dial
from tests.meters.wall import WallClock

if TYPE_CHECKING:
    from gateway.meters.modbus import ModbusLink

AFTERNOON_MS = int(datetime(2026, 11, 22, 18, 42, 59, tzinfo=UTC).timestamp()) * 1000
PACKED = (26, 0x0B16, 0x122A, 59_999)
"""The same in bits; the weekday and summer-time bits are set in the tests that want them."""


@pytest.mark.parametrize(
    ("layout", "words", "expected"),
    [
        (DialFormat.FIELDS, (2026, 11, 22, 18, 42, 59), AFTERNOON_MS),
        (DialFormat.FIELDS, (26, 11, 22, 18, 42, 59), AFTERNOON_MS),
        (DialFormat.FIELDS, (99, 12, 31, 23, 59, 59), 4_102_444_799_000),
        (DialFormat.FIELDS, (100, 1, 1, 0, 0, 0), -59_011_459_200_000),
        (DialFormat.FIELDS, (0, 0, 0, 0, 0, 0), None),
        (DialFormat.FIELDS, (2026, 2, 29, 0, 0, 0), None),
        (DialFormat.FIELDS, (0xFFFF,) * 6, None),
        (DialFormat.DATETIME, PACKED, AFTERNOON_MS),
        (DialFormat.DATETIME, (0xFF80 | 26, 0xF0E0 | 0x0B16, 0xE040 | 0x122A, 59_000), AFTERNOON_MS),
        (DialFormat.DATETIME, (26, 0x0B16, 0x12AA, 59_000), None),
        (DialFormat.DATETIME, (26, 0x0B16, 0x122A, 60_000), None),
        (DialFormat.DATETIME, (0x7F, 0x0C1F, 0x173B, 59_999), 4_985_971_199_000),
        (DialFormat.DATETIME, (0xFFFF,) * 4, None),
    ],
)
def test_words_become_the_time_they_show(layout: DialFormat, words: tuple[int, ...], expected: int | None) -> None:
    """Decision 16: both layouts, their bits that mean nothing to us, and what was never set."""
    assert shown_ms(layout, words) == expected
    assert len(words) == dial_words[layout]


class Line:
    """A wire with one meter: everything reads as zero but its clock."""

    def __init__(self, clock: tuple[int, ...] | None) -> None:
        self.clock = clock
        self.asked: list[tuple[int, int]] = []

    async def read(self, _unit: int, fc: int, address: int, count: int) -> bytes:
        """The words at an address."""
        if address != 1844:
            return bytes(2 * count)
        self.asked.append((fc, count))
        if self.clock is None:
            raise MeterAnswerRefused("illegal data address")
        return b"".join(word.to_bytes(2, "big") for word in self.clock)


class Later(WallClock):
    """A clock that the test moves."""

    ahead_ms = 0

    def monotonic_ms(self) -> int:
        """Never jumps back."""
        return 1_000 + self.ahead_ms


def meter(line: Line, clock: Later) -> ModbusMeter:
    """An iEM3155 on that wire."""
    model = profile.load("schneider-iem3155")
    link = cast("ModbusLink", line)
    return ModbusMeter("m1", link, 1, model, clock=clock, switch=None, threshold=False, slow_every_ms=60_000)


def test_the_clock_is_read_with_the_first_poll_and_then_hourly() -> None:
    """Decision 16: a witness at the start, when there is nothing else, and no request at every poll."""
    line, clock = Line(PACKED), Later()
    read = meter(line, clock)
    assert asyncio.run(read.read()).clock_ms == AFTERNOON_MS
    assert asyncio.run(read.read()).clock_ms is None
    clock.ahead_ms += 3_600_000
    assert asyncio.run(read.read()).clock_ms == AFTERNOON_MS
    assert line.asked == [(3, 4), (3, 4)]


def test_a_firmware_without_a_clock_is_read_all_the_same() -> None:
    """A refused clock is an answer: no witness, and the meter is charged."""
    observed = asyncio.run(meter(Line(None), Later()).read())
    assert (observed.clock_ms, observed.import_wh) == (None, 0)


@pytest.mark.parametrize(
    ("address", "fc", "layout", "key"),
    [(65_533, 3, "datetime", "clock.address"), (65_531, 4, "fields", "clock.address"),
     (-1, 3, "fields", "clock.address"), (1844, 6, "datetime", "clock.fc")],
)  # fmt: skip
def test_a_clock_that_cannot_be_there_is_refused(address: int, fc: int, layout: str, key: str) -> None:
    """I21: the profile is refused with the key that is wrong."""
    model = profile.load("schneider-iem3155")
    bad = msgspec.structs.replace(model, clock=Dial(address, fc, DialFormat(layout)))
    with pytest.raises(ConfigError, match=r"65535|read registers") as caught:
        profile._check(bad, "file.toml")
    assert caught.value.key == key


@pytest.mark.parametrize(("address", "layout"), [(65_532, "datetime"), (65_530, "fields"), (0, "fields")])
def test_a_clock_at_the_end_of_the_map_is_a_clock(address: int, layout: str) -> None:
    """The last words of the map may be one."""
    model = profile.load("schneider-iem3155")
    profile._check(msgspec.structs.replace(model, clock=Dial(address, 4, DialFormat(layout))), "file.toml")
