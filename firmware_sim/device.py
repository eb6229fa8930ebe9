"""One slave on a line: takes a request PDU, gives back what goes over the wire, with whatever is wrong with it."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from firmware_sim import wire
from firmware_sim.clock import NS_PER_MS
from firmware_sim.faults import FaultSet, Kind

if TYPE_CHECKING:
    from firmware_sim.clock import Clock
    from firmware_sim.physics import Contact
    from firmware_sim.wire import Request

_SHORTEST_READ_ANSWER = 4
_GARBAGE_BYTES = 12


class Spoil(StrEnum):
    """What the line does to the frame around an answer."""

    NOTHING = "nothing"
    GARBAGE = "garbage"
    CRC = "crc"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer on its way: unit id and PDU as they go out, how much later, and what to spoil."""

    unit: int
    pdu: bytes
    delay_ns: int = 0
    spoil: Spoil = Spoil.NOTHING


class Device(ABC):
    """A slave with a unit id. Faults are applied here, so that every model has all of them."""

    def __init__(self, device_id: str, unit: int, clock: Clock, *, answer_ns: int = 0, seed: int = 0) -> None:
        self.id = device_id
        self.unit = unit
        self.faults = FaultSet()
        self.requests = 0
        self._clock = clock
        self._answer_ns = answer_ns
        self._random = random.Random(seed)
        self._previous = b""

    def now_ns(self) -> int:
        """The simulation's time."""
        return self._clock.now_ns()

    @abstractmethod
    def carry_out(self, request: Request) -> bytes:
        """The answer of a healthy device; raises `wire.Refusal`."""

    @abstractmethod
    def contacts(self) -> list[Contact]:
        """The relay contacts that relay faults act on."""

    @abstractmethod
    def status(self) -> dict[str, object]:
        """Everything a person wants to see, as JSON values."""

    @abstractmethod
    def restart(self) -> None:
        """What a reboot loses."""

    def garbage(self) -> bytes:
        """Bytes that are no answer."""
        return self._random.randbytes(_GARBAGE_BYTES)

    def exchange(self, pdu: bytes) -> Reply | None:
        """Answer one request; None = silence."""
        now_ns = self.now_ns()
        faults = self.faults
        if faults.active(Kind.SILENCE, now_ns) or faults.active(Kind.REBOOT, now_ns):
            return None
        self.requests += 1
        if broken := faults.use(Kind.EXCEPTION, now_ns):
            answer = wire.refusal(pdu[0] if pdu else 0, broken.value)
        else:
            answer = self._healthy(pdu)
        reply = Reply(self.unit, answer, self._answer_ns)
        self._previous, previous = answer, self._previous
        return self._spoiled(reply, previous, now_ns)

    def _healthy(self, pdu: bytes) -> bytes:
        try:
            return self.carry_out(wire.parse(pdu))
        except wire.Refusal as refused:
            return wire.refusal(pdu[0] if pdu else 0, refused.code)

    def _spoiled(self, reply: Reply, previous: bytes, now_ns: int) -> Reply | None:
        faults = self.faults
        if faults.use(Kind.MUTE, now_ns):
            return None
        if late := faults.use(Kind.LATE, now_ns):
            reply = replace(reply, delay_ns=reply.delay_ns + late.value * NS_PER_MS)
        if previous and faults.use(Kind.STALE, now_ns):
            reply = replace(reply, pdu=previous)
        if faults.use(Kind.UNIT, now_ns):
            reply = replace(reply, unit=reply.unit % 247 + 1)
        if faults.use(Kind.COUNT, now_ns):
            reply = replace(reply, pdu=_one_register_fewer(reply.pdu))
        if faults.use(Kind.GARBAGE, now_ns):
            reply = replace(reply, spoil=Spoil.GARBAGE)
        elif faults.use(Kind.CRC, now_ns):
            reply = replace(reply, spoil=Spoil.CRC)
        return reply

    def command(self, contact: Contact, *, closed: bool) -> None:
        """Command a contact through the relay faults of this device."""
        now_ns = self.now_ns()
        slow = self.faults.active(Kind.SLOW, now_ns)
        contact.command(
            closed=closed,
            now_ns=now_ns,
            delay_ns=slow.value * NS_PER_MS if slow else 0,
            stuck=self.faults.active(Kind.STUCK, now_ns) is not None,
            welded=self.faults.active(Kind.WELDED, now_ns) is not None,
        )


def _one_register_fewer(pdu: bytes) -> bytes:
    """A read answer loses its last register (a single one gains another); a write answer says one fewer."""
    if pdu[0] in (wire.READ_HOLDING, wire.READ_INPUT):
        body = pdu[2:-2] if len(pdu) > _SHORTEST_READ_ANSWER else pdu[2:] + b"\0\0"
        return bytes((pdu[0], len(body))) + body
    return pdu[:-1] + bytes(((pdu[-1] - 1) & 0xFF,)) if pdu[0] < 0x80 else pdu
