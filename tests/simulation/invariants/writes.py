"""Every write to a device follows from committed state, at the moment it goes out (I8, I11, I12, I24).

Decoded here from the bytes on the wire. Opening needs a committed state that says so: suspended, terminated, locked
out, or a recorded trip of the limiter on a limited point. Closing and lifting a limit are free; no relay may chatter.
"""

from __future__ import annotations

import struct
from collections import deque
from typing import Any

from tests.simulation.invariants.witness import Row, Witness, leaves_switch
from tests.simulation.world import HOUR_S

RACE_S = 2.0
"""A write decided on a moment ago is still on its way when the state gets better."""
DWELL_S = 9.5
MOVES_AN_HOUR_MAX = 14
"""Four trips and their ends, a change of rung or two, a lock-out and its end."""
RELAY_WORDS = 26
COMMANDS = 5249
SET_ALARM = 7000
LIMIT_STEP_W = 1


def meant(variant: str, unit: int, pdu: bytes) -> tuple[str, float] | None:
    """What a write means: ("open" | "close" | "limit" | "unlimit", kW); None for anything else."""
    function, address = pdu[0], int.from_bytes(pdu[1:3], "big")
    if variant == "inside" and (unit, function, address) == (1, 16, RELAY_WORDS):
        return ("close" if pdu[6:8] == b"\0\1" else "open", 0.0)
    if variant in ("board", "threshold") and (unit, function, address) == (17, 5, 0):
        energised = pdu[3:5] == b"\xff\0"
        return ("close" if energised == (variant == "board") else "open", 0.0)
    if variant == "threshold" and (unit, function, address) == (1, 16, COMMANDS):
        words = struct.unpack(f">{pdu[5] // 2}H", pdu[6:])
        if words[0] != SET_ALARM:
            return ("limit", 0.0)  # the output is tied to the alarm
        (kilowatts,) = struct.unpack(">f", struct.pack(">HH", *words[7:9]))
        return ("limit", kilowatts) if words[6] else ("unlimit", 0.0)
    return None


def serving(accounts: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    """The account this meter serves: the open one, else the one closed last."""
    found = sorted(accounts.values(), key=lambda a: (a["supply"]["state"] != "TERMINATED", a["opened"]["running_ms"]))
    return found[-1] if found else None


def wants_open(account: dict[str, Any]) -> bool:
    """By policy or for safety this supply must be open, or somebody on site has to see to it first (decision 14)."""
    state = account["supply"]["state"]
    off = state == "SUSPENDED" and account.get("override") is None
    return off or state == "TERMINATED" or account["lockout"] is not None or account.get("armed", False)


def limit_w(account: dict[str, Any]) -> int | None:
    """The share of the available power (a tenth above what was sold, up to 30 kW) that a limited point may draw.

    A suspended point whose books nobody has confirmed yet is limited instead: its switch stays as it was found.
    """
    state = account["supply"]["state"]
    unconfirmed = leaves_switch(account) and state in ("SUSPENDED", "TERMINATED")
    if account["lockout"] is not None or not (state == "LIMITED" or unconfirmed):
        return None
    if account.get("override") is not None and not unconfirmed:
        return None
    power_w = account["contract_power_w"]
    available_w = power_w + power_w // 10 if power_w <= 30_000 else power_w
    return int(-(-available_w * account["policy"]["limit_percent"] // 100))


TRIAL = "console.switch_trial"
TRIAL_S = 60.0
"""A technician tries the switch: it opens and closes within so long after that is on record."""


class Writes:
    """Judges each write as it leaves."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._world = witness.world
        self._variant = witness.world.setting.variant.name
        self._open_right_s = self._limit_right_s = -1e9
        self._trip_until_ms = 0
        self._tripped_s = self._trial_s = -1e9
        self._closed_s = -1e9
        self._last = ""
        self._found_open: bool | None = None
        """How the switch was found by books that nobody has confirmed; None while they are."""
        self._moves: deque[float] = deque()
        self._lives: deque[float] = deque()
        self._orders: deque[float] = deque()
        witness.follow(self)
        witness.after(self.look)
        witness.world.on.written.append(self.written)
        witness.world.on.started.append(self._started)

    def begin(self) -> None:
        """See `Reader`."""

    def row(self, row: Row, true_ms: int) -> None:
        """See `Reader`: a trip is on record before the contactor opens for it."""
        del true_ms
        if row.get("what") == "limit.trip":
            self._tripped_s = self._world.loop.time()
            self._trip_until_ms = row["at"]["running_ms"] + row["detail"]["seconds"] * 1000
        elif row.get("what") == "limit.reclosed":
            self._trip_until_ms = 0
        elif row.get("what") == TRIAL:
            self._trial_s = self._world.loop.time()  # whose word it was: sessions.py
            self._orders.append(self._trial_s)
        elif row["type"] in ("receipt", "transition"):
            self._orders.append(self._world.loop.time())

    def look(self) -> None:
        """Remember until when a write that hurts was right."""
        account, now_s = serving(self._witness.accounts), self._world.loop.time()
        if account is None:
            return
        if not leaves_switch(account):
            self._found_open = None
        elif self._found_open is None:
            self._found_open = not self._world.meter.supply_closed
        if wants_open(account):
            self._open_right_s = now_s
        if limit_w(account) is not None:
            self._limit_right_s = now_s

    def _started(self) -> None:
        self._lives.append(self._world.loop.time())
        self._found_open = None

    def written(self, unit: int, pdu: bytes) -> None:
        """One write is about to go out."""
        found, now_s = meant(self._variant, unit, pdu), self._world.loop.time()
        account = serving(self._witness.accounts)
        if found is None:
            self._world.violated("I8", f"nobody knows the write {pdu.hex()} to unit {unit}")
            return
        if account is None or not self._witness.began_life:
            self._world.violated("I11", f"{found[0]} before this life of the gateway has committed anything")
            return
        if found[0] == "open":
            self._opens(account, now_s)
        elif found[0] == "limit":
            self._limits(account, found[1], now_s)
        elif found[0] == "close" and account.get("armed", False) and not leaves_switch(account):
            self._world.violated("I8", "the switch closes, the supply waits for somebody on site (decision 14)")
        if found[0] in ("open", "close"):
            self._moved(found[0], now_s)

    def _opens(self, account: dict[str, Any], now_s: float) -> None:
        if wants_open(account) or now_s - self._open_right_s <= RACE_S:
            if now_s - self._closed_s < DWELL_S and account["lockout"] is None and not self._tripping(now_s):
                self._world.violated("I12", f"the switch opens {now_s - self._closed_s:.1f} s after it closed")
            return
        if self._found_open:
            return  # somebody closed what may be a lock-out that these books have forgotten
        limited = limit_w(account) is not None or now_s - self._limit_right_s <= RACE_S
        if limited and self._variant != "threshold" and self._tripping(now_s):
            return
        if now_s - self._trial_s <= TRIAL_S:
            return
        self._world.violated("I8", f"the switch opens, the committed state is {account['supply']['state']}")

    def _tripping(self, now_s: float) -> bool:
        """A trip is on record and not over; its time is observed time, so the machine's crystal counts."""
        return self._trip_until_ms > 0 and now_s - self._tripped_s < 2 * HOUR_S

    def _limits(self, account: dict[str, Any], kilowatts: float, now_s: float) -> None:
        allowed_w = limit_w(account)
        if allowed_w is None:
            if now_s - self._limit_right_s > RACE_S:
                self._world.violated("I8", f"power is limited, the committed state is {account['supply']['state']}")
            return
        if kilowatts and not allowed_w - LIMIT_STEP_W <= kilowatts * 1000 <= allowed_w + LIMIT_STEP_W:
            self._world.violated("I8", f"the limit is set to {kilowatts} kW, {allowed_w} W are due (threat 18)")

    def _moved(self, how: str, now_s: float) -> None:
        """Moves to and fro are counted; trying the same again, because a relay is stuck, is no chatter."""
        if how == "close":
            self._closed_s = now_s
        if how != self._last:
            self._moves.append(now_s)
        self._last = how
        for times in (self._moves, self._lives, self._orders):
            while times and now_s - times[0] > HOUR_S:
                times.popleft()
        if len(self._moves) > MOVES_AN_HOUR_MAX + 2 * len(self._lives) + 2 * len(self._orders):
            self._world.violated("I12", f"{len(self._moves)} moves of the switch in an hour")


def attach(witness: Witness) -> None:
    """Listen to the wires."""
    Writes(witness)
