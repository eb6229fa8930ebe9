"""Which requests read the wanted values: as few as the model allows, and no more registers than needed for that.

Values are sorted by address and cut into runs; a run is allowed when it fits the model's request limit and every
register between two values may be read: one that the profile defines, or at most `bridge` undefined ones in a row.
Because any part of an allowed run is allowed, some best cover consists of runs in address order, so one pass of
dynamic programming over (requests, registers) finds it. No value is ever split over two requests.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import groupby

_FRAME_CHARS = 8 + 5  # request (unit, function, address, count, CRC) and the fixed part of the answer
_SILENCE_CHARS = 7  # 3.5 before and after, as the Modbus serial line guide asks
_TURNAROUND_MS = 20.0
"""What a meter takes to begin its answer; measured meters need 5 to 50 ms."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """One value on the wire: read function, first register, number of registers."""

    fc: int
    address: int
    count: int

    @property
    def end(self) -> int:
        """The first register after the value."""
        return self.address + self.count


Request = Span
"""One request reads one span of registers."""


@dataclass(frozen=True, slots=True)
class Line:
    """A serial line as it is written in the settings: `9600 8N1`."""

    baud: int
    bits: int
    parity: str
    stop_bits: int

    @property
    def char_ms(self) -> float:
        """Time of one character with its start, parity and stop bits."""
        return (1 + self.bits + (self.parity != "N") + self.stop_bits) * 1000 / self.baud


def parse_line(text: str) -> Line:
    """`"9600 8N1"` as a `Line`; `ValueError` says what is wrong."""
    baud, _, frame = text.strip().partition(" ")
    frame = frame.strip().upper()
    if not baud.isdigit() or not 300 <= int(baud) <= 921_600:
        raise ValueError(f"{text!r}: {baud!r} is no baud rate from 300 to 921600")
    if len(frame) != 3 or frame[0] not in "78" or frame[1] not in "NEO" or frame[2] not in "12":
        raise ValueError(f"{text!r}: write the frame as 8N1, 8E1, 8O1 or 8N2")
    if frame[0] == "7":
        raise ValueError(f"{text!r}: Modbus RTU needs 8 data bits")
    return Line(int(baud), int(frame[0]), frame[1], int(frame[2]))


def plan(
    wanted: Iterable[Span], *, max_registers: int, bridge: int = 0, readable: AbstractSet[Span] = frozenset()
) -> list[Request]:
    """The fewest requests that cover every wanted value, and among those the fewest registers.

    `readable` are further values the model defines: registers of theirs may be read on the way for nothing.
    """
    values = sorted(set(wanted))
    for value in values:
        if not 1 <= value.count <= max_registers:
            raise ValueError(f"a value of {value.count} registers does not fit into a request of {max_registers}")
    requests: list[Request] = []
    for fc, group in groupby(values, key=lambda span: span.fc):
        free = {register for span in readable if span.fc == fc for register in range(span.address, span.end)}
        requests += _cover(list(group), max_registers, bridge, free)
    return requests


def bus_time_ms(requests: Iterable[Request], line: Line | None, gap_ms: float = 0.0) -> float:
    """Estimate of the time a poll keeps the bus busy; `line` None is a network, where only the turnaround counts."""
    total = 0.0
    for request in requests:
        total += _TURNAROUND_MS if line is not None else 2.0
        if line is not None:
            data_bytes = 2 * request.count if request.fc in (3, 4) else (request.count + 7) // 8
            total += (_FRAME_CHARS + data_bytes) * line.char_ms + max(_SILENCE_CHARS * line.char_ms, gap_ms)
    return total


def _cover(values: list[Span], max_registers: int, bridge: int, free: set[int]) -> list[Request]:
    """Dynamic programming over the sorted values: `best[i]` covers the first i of them."""
    best: list[tuple[int, int, list[Request]]] = [(0, 0, [])]
    for last in range(len(values)):
        options: list[tuple[int, int, list[Request]]] = []
        end = values[last].end
        for first in range(last, -1, -1):
            end = max(end, values[first].end)
            start = values[first].address
            if end - start > max_registers:
                break
            if first < last and not _bridgeable(values[first : last + 1], bridge, free):
                break
            requests, registers, chosen = best[first]
            count = end - start
            options.append((requests + 1, registers + count, [*chosen, Span(values[first].fc, start, count)]))
        best.append(min(options))
    return best[-1][2]


def _bridgeable(run: list[Span], bridge: int, free: set[int]) -> bool:
    """No gap inside the run holds more than `bridge` undefined registers in a row."""
    reach = run[0].end
    for value in run[1:]:
        undefined = 0
        for register in range(reach, value.address):
            undefined = 0 if register in free else undefined + 1
            if undefined > bridge:
                return False
        reach = max(reach, value.end)
    return True
