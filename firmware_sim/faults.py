"""What goes wrong in the field, one word each: `fault ID KIND [value] [limit]`; without a limit, until cleared."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from firmware_sim.clock import NS_PER_S


class Kind(StrEnum):
    """The word used in control lines and scenarios."""

    SILENCE = "silence"
    MUTE = "mute"
    LATE = "late"
    STALE = "stale"
    GARBAGE = "garbage"
    CRC = "crc"
    UNIT = "unit"
    COUNT = "count"
    EXCEPTION = "exception"
    STUCK = "stuck"
    WELDED = "welded"
    SLOW = "slow"
    REBOOT = "reboot"
    ZERO = "zero"
    NAN = "nan"
    ONES = "ones"
    JUMP = "jump"
    FROZEN = "frozen"
    CMS = "cms"
    CHATTER = "chatter"


class Limit(StrEnum):
    """What ends a fault by itself."""

    SECONDS = "seconds"
    ANSWERS = "answers"
    READS = "reads"


@dataclass(frozen=True, slots=True)
class Spec:
    """How a fault is said: `value` names its mandatory argument, `limit` its optional last one."""

    meaning: str
    limit: Limit
    value: str | None = None
    needs_limit: bool = False


SPECS = {
    Kind.SILENCE: Spec("hears nothing, answers nothing", Limit.SECONDS),
    Kind.MUTE: Spec("carries the request out, the answer is lost", Limit.ANSWERS),
    Kind.LATE: Spec("the answer comes so much later, even into the next exchange", Limit.ANSWERS, "ms"),
    Kind.STALE: Spec("answers with the previous answer", Limit.ANSWERS),
    Kind.GARBAGE: Spec("random bytes instead of the answer", Limit.ANSWERS),
    Kind.CRC: Spec("RTU: the checksum is wrong", Limit.ANSWERS),
    Kind.UNIT: Spec("the answer carries another unit id", Limit.ANSWERS),
    Kind.COUNT: Spec("the answer carries one register fewer", Limit.ANSWERS),
    Kind.EXCEPTION: Spec(
        "a Modbus exception (modem: +CME ERROR) instead of the answer, nothing is carried out", Limit.ANSWERS, "code"
    ),
    Kind.STUCK: Spec("a relay accepts the write and neither moves nor shows it", Limit.SECONDS),
    Kind.WELDED: Spec("a relay shows the move and current still flows", Limit.SECONDS),
    Kind.SLOW: Spec("a relay moves so much later", Limit.SECONDS, "ms"),
    Kind.REBOOT: Spec(
        "restarts: silent for a time, keeps its energy; a relay board that is not latching drops its coils, "
        "a modem its settings and its PIN",
        Limit.SECONDS,
        needs_limit=True,
    ),
    Kind.ZERO: Spec("energy registers read 0", Limit.READS),
    Kind.NAN: Spec("float registers read NaN", Limit.READS),
    Kind.ONES: Spec("every register reads 0xFFFF", Limit.READS),
    Kind.JUMP: Spec("energy registers read so much more (or less)", Limit.READS, "kWh"),
    Kind.CMS: Spec("modem: a message is refused with +CMS ERROR", Limit.ANSWERS, "error"),
    Kind.CHATTER: Spec("modem: lines that nobody asked for around each answer", Limit.ANSWERS),
    Kind.FROZEN: Spec("energy registers show what they showed when it froze", Limit.SECONDS),
}


@dataclass(slots=True)
class Active:
    """A fault at work: its value, and what is left of it."""

    value: int
    until_ns: int | None
    left: int | None


class FaultSet:
    """The faults of one device; at most one of each kind."""

    def __init__(self) -> None:
        self._active: dict[Kind, Active] = {}

    def start(
        self, kind: Kind, now_ns: int, *, value: int = 0, limit_ns: int | None = None, times: int | None = None
    ) -> None:
        """Begin, or begin again."""
        self._active[kind] = Active(value, None if limit_ns is None else now_ns + limit_ns, times)

    def clear(self, kind: Kind | None = None) -> None:
        """End one kind, or all."""
        if kind is None:
            self._active.clear()
        else:
            self._active.pop(kind, None)

    def active(self, kind: Kind, now_ns: int) -> Active | None:
        """The fault if it is at work now; looking does not use it up."""
        if not self._active:
            return None
        fault = self._active.get(kind)
        if fault is not None and fault.until_ns is not None and now_ns >= fault.until_ns:
            del self._active[kind]
            return None
        return fault

    def use(self, kind: Kind, now_ns: int) -> Active | None:
        """The fault if it is at work now, counted as one use."""
        fault = self.active(kind, now_ns)
        if fault is not None and fault.left is not None:
            fault.left -= 1
            if fault.left <= 0:
                del self._active[kind]
        return fault

    def describe(self, now_ns: int) -> dict[str, object]:
        """For `status`: kind -> what is left of it."""
        told: dict[str, object] = {}
        for kind in list(self._active):
            fault = self.active(kind, now_ns)
            if fault is None:
                continue
            remaining_s = None if fault.until_ns is None else round((fault.until_ns - now_ns) / NS_PER_S, 3)
            told[kind.value] = {"value": fault.value, "remaining_s": remaining_s, "left": fault.left}
        return told
