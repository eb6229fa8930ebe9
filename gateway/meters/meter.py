"""What the rest of the program knows of a meter: one observation per poll, a switch and a limit that are read back.

An `Observation` holds what the device said in this poll and nothing else: a value that was not read or cannot be
believed is absent, never carried over from an earlier poll.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from gateway.errors import MeterSilent
from gateway.prepayment.supply import SwitchState


@dataclass(frozen=True, slots=True)
class Observation:
    """One meter, one poll; values as read back, never as assumed.

    `import_wh` is None when the register was unbelievable by itself and `defect` says why (`nan`, `all_ones`,
    `not_available`, `out_of_range`), or when the device has no energy register (both None). `switch` is None when
    there is no switch or it could not be read (`switch_trouble` says why). `limit_w` None means no limit is in force.
    `clock_ms` is what the meter's own clock shows, read as if it were UTC; None when it was not asked or has none.
    """

    import_wh: int | None
    defect: str | None
    quantum_wh: int
    export_wh: int | None
    power_w: int | None
    switch: SwitchState | None
    switch_trouble: str | None
    limit_w: int | None
    serial: str | None
    values: Mapping[str, float | int]
    clock_ms: int | None = None


class Meter(Protocol):
    """A delivery point's meter with its switch and its limiter, wherever these two sit.

    Every method raises `MeterSilent` or `MeterAnswerRefused` when the device does not do its part.
    """

    meter_id: str
    can_switch: bool
    can_limit: bool
    switch_elsewhere: bool
    """The switch sits in another device, which may answer although the meter is silent."""
    switch_by_hand: bool
    """The switch has a button of its own: seen closed while it waits for somebody on site, somebody was there."""

    async def read(self, *, slow_within_ms: int | None = None) -> Observation:
        """One poll of the device; what is read rarely is read again if it is older than `slow_within_ms`."""
        ...

    async def read_switch(self) -> SwitchState | None:
        """The switch alone, for when the meter itself is silent; None when there is none or it shows neither."""
        ...

    async def set_switch(self, state: SwitchState) -> None:
        """Write once and read back; `WriteNotConfirmed` when the device shows another position (I10)."""
        ...

    def settable_limit_w(self, limit_w: int) -> int:
        """The smallest limit the meter can hold that is not below this one: nobody gets less than is due."""
        ...

    async def set_limit_w(self, limit_w: int | None) -> None:
        """Write the power threshold (None: no limit) and read it back; `WriteNotConfirmed` when it differs."""
        ...

    def wake(self) -> None:
        """Forget back-offs: somebody waits for this point now."""
        ...


class LineAway(MeterSilent):
    """The serial port or the TCP peer itself is not there, so no device on this bus can be blamed."""

    def __init__(self, bus_id: str, message: str) -> None:
        self.bus_id = bus_id
        super().__init__(message)
