"""What protects an account, as the head-end's own applied orders say: holds, disputes, outages (docs/holds.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from tests.simulation.till import nano_of

Window = tuple[int, int]
"""From, to, in ms of true time."""
FOR_EVER_MS = 1 << 62


@dataclass(frozen=True, slots=True)
class Held:
    """One hold; `ends_ms` None: nobody outside knows (a proof of payment ends by a term of the policy's own)."""

    kind: str
    ends_ms: int | None
    amount_nano: int = 0
    rungs: tuple[str, ...] = ()

    @property
    def nets(self) -> bool:
        """A dispute with an amount blocks nothing by itself."""
        return self.kind == "dispute" and self.amount_nano > 0


@dataclass(slots=True)
class Protections:
    """Of one account; `take` reads an applied order at the true time of its receipt."""

    holds: dict[str, Held] = field(default_factory=dict)
    outages: dict[str, Window] = field(default_factory=dict)
    over: list[Window] = field(default_factory=list)
    """Outages that were cancelled, released or replaced: what has passed of them stays counted."""

    def take(self, typ: str, body: dict[str, Any], true_ms: int) -> None:
        """One applied order of the account."""
        match typ:
            case "hold_set":
                self._held(body, true_ms)
            case "hold_release":
                held = self.holds.pop(body["hold_id"], None)
                if held is not None and held.kind == "outage":
                    self._ends(body["hold_id"], true_ms)
            case "outage_plan":
                self.outages[body["outage_id"]] = (utc_ms(body["begins"]), utc_ms(body["ends"]))
            case "outage_cancel":
                self._ends(body["outage_id"], true_ms)
            case _:
                pass

    def bars(self, target: str, true_ms: int, late_ms: int, clock_ms: int) -> list[str]:
        """What certainly keeps the account from this rung at this instant; a planned outage by `clock_ms`.

        That is the gateway's own clock where its time is not proven: no link in an outage must not hold for ever.
        """
        held = [
            name
            for name, one in self.holds.items()
            if one.ends_ms is not None and true_ms + late_ms < one.ends_ms
            if not one.nets and (not one.rungs or target in one.rungs)
        ]
        off = [name for name, (begin, end) in self.outages.items() if begin + late_ms < clock_ms < end - late_ms]
        return held + off

    def disputed_nano(self, true_ms: int | None = None, late_ms: int = 0) -> int:
        """What certainly nets at this instant; without one, all that may."""
        return sum(
            one.amount_nano
            for one in self.holds.values()
            if one.nets and (true_ms is None or (one.ends_ms is not None and true_ms + late_ms < one.ends_ms))
        )

    def paused_ms(self, begin_ms: int, end_ms: int) -> int:
        """How much of this time lies in an outage."""
        total_ms, reached_ms = 0, begin_ms
        for opens_ms, closes_ms in sorted(self._windows()):
            first_ms, last_ms = max(opens_ms, reached_ms), min(closes_ms, end_ms)
            if first_ms < last_ms:
                total_ms, reached_ms = total_ms + last_ms - first_ms, last_ms
        return total_ms

    def paused_days(self, begin_ms: int, end_ms: int, zone: tzinfo) -> frozenset[date]:
        """The civil days that an outage touched by then."""
        days: set[date] = set()
        for opens_ms, closes_ms in self._windows():
            first_ms, last_ms = max(opens_ms, begin_ms), min(closes_ms, end_ms)
            day = civil_day(first_ms, zone)
            while first_ms < last_ms and day <= civil_day(last_ms - 1, zone):
                days.add(day)
                day += timedelta(days=1)
        return frozenset(days)

    def _held(self, body: dict[str, Any], true_ms: int) -> None:
        until, kind = body.get("until"), body["kind"]
        unknown = kind == "payment_proof" and until is None
        ends_ms = None if unknown else FOR_EVER_MS if until is None else utc_ms(until)
        amount_nano = nano_of(body.get("amount", "0.00"))
        self.holds[body["hold_id"]] = Held(kind, ends_ms, amount_nano, tuple(body.get("rungs", ())))
        if kind == "outage":
            begun_ms = self.outages.get(body["hold_id"], (true_ms, 0))[0]
            self.outages[body["hold_id"]] = (begun_ms, ends_ms or FOR_EVER_MS)

    def _ends(self, name: str, true_ms: int) -> None:
        begin_ms, end_ms = self.outages.pop(name, (true_ms, true_ms))
        if begin_ms < true_ms:
            self.over.append((begin_ms, min(end_ms, true_ms)))

    def _windows(self) -> Iterable[Window]:
        return [*self.over, *self.outages.values()]


def utc_ms(text: str) -> int:
    """Milliseconds since 1970 of an instant in ISO 8601."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def civil_day(true_ms: int, zone: tzinfo) -> date:
    """The civil day of an instant."""
    return datetime.fromtimestamp(true_ms / 1000, UTC).astimezone(zone).date()
