"""A Modbus relay board: coils switch contactors, and a contactor may sit in front of a meter's load.

FC01 reads, FC05 and FC15 write. A read shows the coil as driven, not the contact: that a welded contactor still
carries current is seen by the meter only, as in the field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from firmware_sim import wire
from firmware_sim.clock import NS_PER_MS
from firmware_sim.device import Device
from firmware_sim.physics import Contact

if TYPE_CHECKING:
    from firmware_sim.clock import Clock
    from firmware_sim.meter import Meter
    from firmware_sim.plant import RelaySpec
    from firmware_sim.wire import Request


@dataclass(slots=True)
class Channel:
    """One coil: its contact, whether an energised coil closes it, and the meter it feeds."""

    contact: Contact
    energised_closes: bool = True
    meter: Meter | None = None

    @property
    def on(self) -> bool:
        """The coil as the board reports it."""
        return self.contact.shown_closed == self.energised_closes


class RelayBoard(Device):
    """Coils 0..n-1. A reboot drops all coils unless the board is latching."""

    def __init__(self, spec: RelaySpec, meters: dict[str, Meter], clock: Clock, *, seed: int) -> None:
        super().__init__(spec.id, spec.unit, clock, answer_ns=spec.answer_ms * NS_PER_MS, seed=seed)
        self._latching = spec.latching
        self.channels = [Channel(Contact(closed=False)) for _ in range(spec.channels)]
        for drive in spec.drives:
            meter = meters[drive.meter]
            contact = Contact(closed=drive.closed)
            meter.supply.contacts.append(contact)
            self.channels[drive.channel] = Channel(contact, drive.energised_closes, meter)

    def contacts(self) -> list[Contact]:
        """See `Device`."""
        return [channel.contact for channel in self.channels]

    def switch(self, channel: Channel, *, on: bool) -> None:
        """Drive a coil; the meter behind it is first integrated up to now."""
        self._settle(channel)
        self.command(channel.contact, closed=on == channel.energised_closes)

    def restart(self) -> None:
        """See `Device`."""
        if self._latching:
            return
        for channel in self.channels:
            self._settle(channel)
            channel.contact.command(closed=not channel.energised_closes, now_ns=self.now_ns())

    def carry_out(self, request: Request) -> bytes:
        """See `Device`."""
        if request.function not in (wire.READ_COILS, wire.WRITE_COIL, wire.WRITE_COILS):
            raise wire.Refusal(wire.ILLEGAL_FUNCTION)
        if request.address + request.count > len(self.channels):
            raise wire.Refusal(wire.ILLEGAL_ADDRESS)
        channels = self.channels[request.address : request.address + request.count]
        if request.function == wire.READ_COILS:
            for channel in channels:
                self._settle(channel)
            return wire.coils_answer(request.function, [channel.on for channel in channels])
        for channel, on in zip(channels, request.coils, strict=True):
            self.switch(channel, on=on)
        return wire.written_answer(request)

    def status(self) -> dict[str, object]:
        """See `Device`."""
        for channel in self.channels:
            self._settle(channel)
        return {
            "id": self.id,
            "model": "relay-board",
            "unit": self.unit,
            "coils": [channel.on for channel in self.channels],
            "drives": {channel.meter.id: channel.contact.closed for channel in self.channels if channel.meter},
            "requests": self.requests,
            "faults": self.faults.describe(self.now_ns()),
        }

    def _settle(self, channel: Channel) -> None:
        if channel.meter is not None:
            channel.meter.advance()
        channel.contact.settle(self.now_ns())
