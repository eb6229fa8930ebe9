"""Energy behind a meter: load through contacts in series, integrated in whole mW times ns; time is always passed in.

One Wh is 3.6e15 mW*ns; the accumulators are Python integers, so nothing is ever rounded away, whatever the steps.
Between two instants nothing changes but at known breakpoints (a step of the load, a contact that moves late, the
overload contactor), so `Supply.advance` walks from breakpoint to breakpoint and the result does not depend on how
often it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from firmware_sim.clock import NS_PER_S

if TYPE_CHECKING:
    from firmware_sim.load import Load

MW_NS_PER_WH = 3600 * 1000 * NS_PER_S


class Contact:
    """A relay contact: commanded, and moving at once, late, or not at all."""

    def __init__(self, *, closed: bool = True) -> None:
        self.closed = closed
        self.shown_closed = closed
        self.due_ns: int | None = None
        self._next_closed = closed

    def command(
        self, *, closed: bool, now_ns: int, delay_ns: int = 0, stuck: bool = False, welded: bool = False
    ) -> None:
        """Move. `stuck` accepts and stays; `welded` reports the move but current still flows; the last command wins."""
        if stuck:
            self.due_ns = None
            return
        if welded:
            self.shown_closed = closed
            self.due_ns = None
            return
        self._next_closed = closed
        self.due_ns = now_ns + delay_ns
        self.settle(now_ns)

    def settle(self, now_ns: int) -> None:
        """Carry out what is due by now."""
        if self.due_ns is not None and self.due_ns <= now_ns:
            self.closed = self.shown_closed = self._next_closed
            self.due_ns = None

    def observe(self, flow_mw: int, now_ns: int) -> None:
        """The current through the contact from `now_ns` on; a plain contact does not care."""


class OverloadContact(Contact):
    """A contactor behind a meter's overload alarm: opens when power stays above the pickup, closes after the hold time.

    `drives_output` False = the alarm shows in the registers and moves nothing.
    """

    def __init__(self, *, trip_after_ns: int, hold_ns: int) -> None:
        super().__init__()
        self.enabled = False
        self.pickup_mw = 0
        self.drives_output = False
        self.active = False
        self.unacknowledged = False
        self._trip_after_ns = trip_after_ns
        self._hold_ns = hold_ns

    def observe(self, flow_mw: int, now_ns: int) -> None:
        """Arm or disarm the trip; called with the power that flows from `now_ns` on."""
        if not self.closed:
            return
        if not self.enabled or flow_mw <= self.pickup_mw:
            self.due_ns = None
            self.active = False
        elif self.due_ns is None and not self.active:
            self.due_ns = now_ns + self._trip_after_ns

    def settle(self, now_ns: int) -> None:
        """Trip, or close again."""
        if self.due_ns is None or self.due_ns > now_ns:
            return
        self.due_ns = None
        if not self.closed:
            self.closed = self.shown_closed = True
            self.active = False
            return
        self.active = self.unacknowledged = True
        if self.drives_output:
            self.closed = self.shown_closed = False
            self.due_ns = now_ns + self._hold_ns

    def configure(self, *, pickup_mw: int, enabled: bool, now_ns: int) -> None:
        """A new pickup is judged afresh: a contactor that is open closes first."""
        self.pickup_mw = pickup_mw
        self.enabled = enabled
        self._release(now_ns)

    def associate(self, *, drives_output: bool, now_ns: int) -> None:
        """Wire the alarm to the output, or take it off."""
        self.drives_output = drives_output
        self._release(now_ns)

    def _release(self, now_ns: int) -> None:
        self.due_ns = None if self.closed else now_ns
        self.active = False
        self.settle(now_ns)


class Supply:
    """One metered customer: a load behind contacts, an import and an export register with a modulus.

    `time_factor` multiplies energy only: power, clocks and contacts run in real time while the registers run faster
    (demonstrations).
    """

    def __init__(
        self,
        load: Load,
        *,
        import_wh: int = 0,
        export_wh: int = 0,
        modulus_wh: int,
        time_factor: int = 1,
        now_ns: int = 0,
    ) -> None:
        self.contacts: list[Contact] = []
        self.delivered_mw_ns = 0
        self._load = load
        self._modulus_wh = modulus_wh
        self._time_factor = time_factor
        self._now_ns = now_ns
        self._import_mw_ns = import_wh * MW_NS_PER_WH
        self._export_mw_ns = export_wh * MW_NS_PER_WH

    @property
    def import_wh(self) -> int:
        """The import register, in whole Wh, below its modulus."""
        return self._import_mw_ns // MW_NS_PER_WH % self._modulus_wh

    @property
    def export_wh(self) -> int:
        """The export register, in whole Wh, below its modulus."""
        return self._export_mw_ns // MW_NS_PER_WH % self._modulus_wh

    @property
    def modulus_wh(self) -> int:
        """The reading at which the registers start again from 0."""
        return self._modulus_wh

    @property
    def closed(self) -> bool:
        """Whether current can flow."""
        return all(contact.closed for contact in self.contacts)

    def demand_mw(self) -> int:
        """Power the load asks for at the instant of the last `advance`."""
        return self._load.at(self._now_ns)[0]

    def flow_mw(self) -> int:
        """Power through the meter at the instant of the last `advance`."""
        return self.demand_mw() if self.closed else 0

    def advance(self, now_ns: int) -> None:
        """Integrate up to `now_ns`; an earlier instant changes nothing."""
        for contact in self.contacts:
            contact.settle(self._now_ns)
        while self._now_ns < now_ns:
            demand_mw, until_ns = self._load.at(self._now_ns)
            flow_mw = demand_mw if self.closed else 0
            stop_ns = now_ns if until_ns is None else min(now_ns, until_ns)
            for contact in self.contacts:
                contact.observe(flow_mw, self._now_ns)
                if contact.due_ns is not None:
                    stop_ns = min(stop_ns, contact.due_ns)
            self._accumulate(flow_mw, stop_ns - self._now_ns)
            self._now_ns = stop_ns
            for contact in self.contacts:
                contact.settle(stop_ns)

    def use(self, load: Load, now_ns: int) -> None:
        """Another load from `now_ns` on."""
        self.advance(now_ns)
        self._load = load

    def set_registers(self, *, import_wh: int, export_wh: int | None = None) -> None:
        """Overwrite the registers (swap, reset, wrap); what was delivered stays counted in `delivered_mw_ns`."""
        self._import_mw_ns = import_wh * MW_NS_PER_WH
        if export_wh is not None:
            self._export_mw_ns = export_wh * MW_NS_PER_WH

    def _accumulate(self, flow_mw: int, step_ns: int) -> None:
        energy_mw_ns = flow_mw * step_ns * self._time_factor
        if energy_mw_ns >= 0:
            self._import_mw_ns += energy_mw_ns
            self.delivered_mw_ns += energy_mw_ns
        else:
            self._export_mw_ns -= energy_mw_ns
