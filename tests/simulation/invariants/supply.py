"""The supply is really what the committed state says, in time (I10, I13, I23).

Asked of the physics behind the meter, not of what a register shows. A deadline runs from the commit; it is held against
the gateway only if nothing else was wrong meanwhile: no incident began, no fault was at work, the daemon was up.
"""

from __future__ import annotations

from typing import Any

from tests.simulation.invariants.witness import Witness, leaves_switch
from tests.simulation.invariants.writes import limit_w, meant, serving, wants_open
from tests.simulation.world import HOUR_S

POLLS = 2
SLACK_S = 90.0
CALM_S = 900.0
"""After a fault a meter may be left alone for a while, and a stuck switch for an hour."""
STUCK_REST_S = 3700.0
WINDOW_WH_FACTOR = 3
TRIP_WH = 1400
"""Four trips an hour at 6 kW: two minutes of window, the warning, a poll or two, each."""
Wanted = tuple[str, int | None]


class Supply:
    """Compares what must be so with what is."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._world = witness.world
        self._switched = witness.world.setting.variant.name != "threshold"
        self._wanted: Wanted | None = None
        self._since_s = 0.0
        self._upset_s = 0.0
        """When something was last wrong with the daemon or a device."""
        self._limited: tuple[float, int] | None = None
        self._opened_s: float | None = None
        """When the gateway opened the switch and has not told it to close since."""
        witness.after(self.look)
        world = witness.world
        world.on.started.append(self._upset)
        world.on.ended.append(lambda _why: self._upset())
        world.on.written.append(self.written)
        world.on.hourly.append(self.hourly)
        world.on.settled.append(self.settled)

    def look(self) -> None:
        """After each transaction: something else may have to be so."""
        account = serving(self._witness.accounts)
        wanted = None if account is None else wanted_of(account)
        if wanted == self._wanted:
            return
        self._wanted, self._since_s, self._limited = wanted, self._world.loop.time(), None
        since_s = self._since_s
        self._faulty()
        deadline_s = POLLS * self._world.setting.poll_s + SLACK_S
        self._world.later(deadline_s, lambda: self._due(since_s))

    def hourly(self) -> None:
        """And it stays so."""
        now_s = self._world.loop.time()
        if now_s - self._since_s > 2 * self._world.setting.poll_s + SLACK_S:
            self._compare("I23", max(STUCK_REST_S, CALM_S))
        self._limited_energy(now_s)
        self._tripped()

    def settled(self) -> None:
        """At the end every fault was healed hours ago."""
        self._compare("I23", 0.0)

    def _due(self, since_s: float) -> None:
        if since_s == self._since_s and self._upset_s < since_s and self._world.disturbed_s < since_s:
            self._compare("I10", CALM_S)

    def _compare(self, invariant: str, calm_s: float) -> None:
        world, wanted = self._world, self._wanted
        self._faulty()
        now_s = world.loop.time()
        if wanted is None or not world.process.running or (calm_s and now_s - self._upset_s < calm_s):
            return
        if calm_s and now_s - world.disturbed_s < calm_s:
            return
        closed, limited = world.meter.supply_closed, self._limiting()
        if wanted[0] == "open" and closed:
            world.violated(invariant, f"the supply is closed, the committed state is {self._state()}")
        elif wanted == ("closed", None) and (not closed or limited):
            how = "limited" if limited else "open"
            world.violated(invariant, f"the supply is {how}, the committed state is {self._state()}")
        elif wanted[1] is not None and not self._switched and not limited:
            world.violated(invariant, f"the supply is not limited, the committed state is {self._state()}")

    def _limited_energy(self, now_s: float) -> None:
        """Whoever is limited by a switch uses little more than the limit: that is what bounds the debt (I13)."""
        world, wanted = self._world, self._wanted
        calm = now_s - max(self._upset_s, world.disturbed_s) > CALM_S
        if wanted is None or wanted[0] != "closed" or wanted[1] is None or not calm:
            self._limited = None
            return
        if self._limited is not None:
            began_s, began_wh = self._limited
            hours = (now_s - began_s) / HOUR_S
            used_wh = world.delivered_wh - began_wh
            if used_wh > hours * wanted[1] * WINDOW_WH_FACTOR + TRIP_WH:
                world.violated("I13", f"{used_wh} Wh in {hours:.1f} hours under a limit of {wanted[1]} W")
        else:
            self._limited = (now_s, world.delivered_wh)

    def written(self, unit: int, pdu: bytes) -> None:
        """One write is about to go out."""
        found = meant(self._world.setting.variant.name, unit, pdu)
        if found is not None and found[0] == "open" and self._opened_s is None:
            self._opened_s = self._world.loop.time()
        elif found is not None and found[0] == "close":
            self._opened_s = None

    def _tripped(self) -> None:
        """A trip of a limiter that switches ends by itself, after an hour at most (decision 15)."""
        world, wanted, now_s = self._world, self._wanted, self._world.loop.time()
        limited = self._switched and wanted is not None and wanted[0] == "closed" and wanted[1] is not None
        if not limited or self._opened_s is None or world.meter.supply_closed:
            return
        since_s = max(self._opened_s, self._since_s, self._upset_s, world.disturbed_s)
        if now_s - since_s > STUCK_REST_S + POLLS * world.setting.poll_s:
            world.violated("I10", f"a limited supply is open for {(now_s - since_s) / HOUR_S:.1f} hours")

    def _limiting(self) -> bool:
        overload = self._world.meter.overload
        return overload is not None and overload.enabled and overload.drives_output

    def _faulty(self) -> None:
        now_ns = round(self._world.loop.time() * 1e9)
        if not self._world.line.plugged or any(
            device.faults.describe(now_ns) for device in self._world.line.devices.values()
        ):
            self._upset()

    def _upset(self) -> None:
        self._upset_s = self._world.loop.time()

    def _state(self) -> str:
        account = serving(self._witness.accounts)
        assert account is not None
        return f"{account['supply']['state']}{' locked out' if account['lockout'] else ''}"


def wanted_of(account: dict[str, Any]) -> Wanted:
    """What must be so at the meter."""
    if leaves_switch(account):
        return ("as found", None)
    return ("open", None) if wants_open(account) else ("closed", limit_w(account))


def attach(witness: Witness) -> None:
    """Watch the supply."""
    Supply(witness)
