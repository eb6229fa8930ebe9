"""What a serial line and a TCP gateway share: devices by unit id, and silence for a unit id that is not there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firmware_sim.device import Device, Reply

BROADCAST = 0


class Line(ABC):
    """One line with its devices; `unplug` and `replug` are what a person does to the cable.

    `host` and `port` are of a TCP line, `path` of an RTU line.
    """

    def __init__(self, line_id: str, *, host: str = "", port: int = 0, path: Path | None = None) -> None:
        self.id = line_id
        self.host = host
        self.port = port
        self.path = path or Path()
        self.devices: dict[int, Device] = {}
        self.plugged = False

    @abstractmethod
    async def replug(self) -> None:
        """Open, or open again; does nothing when plugged."""

    @abstractmethod
    async def unplug(self) -> None:
        """Take the cable out: clients get errors, not silence; does nothing when unplugged."""

    @abstractmethod
    def endpoint(self) -> dict[str, object]:
        """Where a client connects, as in the ready line."""

    def exchange(self, unit: int, pdu: bytes) -> tuple[Device, Reply] | None:
        """Ask the device with this unit id; a broadcast is carried out by all and answered by none."""
        if unit == BROADCAST:
            for device in self.devices.values():
                device.exchange(pdu)
            return None
        asked = self.devices.get(unit)
        reply = None if asked is None else asked.exchange(pdu)
        return None if asked is None or reply is None else (asked, reply)
