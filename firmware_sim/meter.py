"""A meter on the wire: the physics of its supply seen through the register maps of its model."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from firmware_sim import wire
from firmware_sim.clock import NS_PER_MS, NS_PER_S
from firmware_sim.device import Device
from firmware_sim.faults import Kind
from firmware_sim.load import FixedLoad
from firmware_sim.models.model import SwitchKind
from firmware_sim.physics import MW_NS_PER_WH, Contact, OverloadContact, Supply
from firmware_sim.reading import Reading

if TYPE_CHECKING:
    from firmware_sim.clock import Clock
    from firmware_sim.load import Load
    from firmware_sim.models.model import Model
    from firmware_sim.plant import MeterSpec
    from firmware_sim.wire import Request

FREQUENCY_HZ = 50.0


class Meter(Device):
    """One simulated meter; `load_w` may be set, everything else is read."""

    def __init__(self, spec: MeterSpec, model: Model, clock: Clock, load: Load, *, time_factor: int, seed: int) -> None:
        super().__init__(spec.id, spec.unit, clock, answer_ns=spec.answer_ms * NS_PER_MS, seed=seed)
        self.model = model
        self.serial = spec.serial
        self.supply = Supply(
            load,
            import_wh=spec.start_wh,
            export_wh=spec.start_export_wh,
            modulus_wh=spec.wraps_at_wh or model.modulus_wh,
            time_factor=time_factor,
            now_ns=clock.now_ns(),
        )
        self.relay: Contact | None = None
        self.overload: OverloadContact | None = None
        match model.switch:
            case SwitchKind.RELAY:
                self.relay = Contact(closed=spec.relay_closed)
                self.supply.contacts.append(self.relay)
            case SwitchKind.OVERLOAD_OUTPUT:
                trip_ns, hold_ns = spec.trip_after_ms * NS_PER_MS, spec.hold_ms * NS_PER_MS
                self.overload = OverloadContact(trip_after_ns=trip_ns, hold_ns=hold_ns)
                self.supply.contacts.append(self.overload)
            case SwitchKind.NONE:
                pass
        self._spec = spec
        self._frozen_wh: tuple[int, int] | None = None
        self._settings = dict(model.settings) | {
            "serial": spec.serial,
            "unit": spec.unit,
            "address_and_baud": spec.unit << 8 | 1,
        }

    # -- what tests and control lines use

    @property
    def load_w(self) -> float:
        """The power the customer asks for now, in W, whether or not the supply is closed."""
        self.advance()
        return self.supply.demand_mw() / 1000

    @load_w.setter
    def load_w(self, watts: float) -> None:
        self.use_load(FixedLoad(round(watts * 1000)))

    def use_load(self, load: Load) -> None:
        """Another load from now on."""
        self.supply.use(load, self.now_ns())

    @property
    def power_w(self) -> float:
        """The power that flows now, in W."""
        self.advance()
        return self.supply.flow_mw() / 1000

    @property
    def import_wh(self) -> int:
        """The true import register in whole Wh, before quantum, float and faults."""
        self.advance()
        return self.supply.import_wh

    @property
    def export_wh(self) -> int:
        """The true export register in whole Wh."""
        self.advance()
        return self.supply.export_wh

    @property
    def delivered_wh(self) -> Decimal:
        """Energy delivered to the customer since the start, exactly; no reset, swap or wrap touches it."""
        self.advance()
        return Decimal(self.supply.delivered_mw_ns) / MW_NS_PER_WH

    @property
    def relay_closed(self) -> bool | None:
        """The true position of the internal relay, whatever its register shows; None = no relay."""
        self.advance()
        return None if self.relay is None else self.relay.closed

    @property
    def supply_closed(self) -> bool:
        """Whether current can flow, through the own relay and every contact wired in front."""
        self.advance()
        return self.supply.closed

    def advance(self) -> None:
        """Bring the physics up to now."""
        self.supply.advance(self.now_ns())

    def set_register_wh(self, import_wh: int, export_wh: int | None = None) -> None:
        """Overwrite the energy registers."""
        self.advance()
        self.supply.set_registers(import_wh=import_wh, export_wh=export_wh)

    def wipe_energy(self) -> None:
        """All energy registers to 0."""
        self.set_register_wh(0, 0)

    def swap(self, serial: int, import_wh: int | None = None) -> None:
        """Another meter hangs here now."""
        self.serial = serial
        self._settings["serial"] = serial
        if import_wh is not None:
            self.set_register_wh(import_wh, 0)

    def command_relay(self, *, closed: bool) -> None:
        """Command the internal relay."""
        if self.relay is not None:
            self.advance()
            self.command(self.relay, closed=closed)

    def remember(self, quantity: str, value: float) -> None:
        """A register of the model's own now reads this."""
        self._settings[quantity] = value

    def meter_clock_unix_s(self) -> int:
        """The meter's own clock, with its offset and drift."""
        elapsed_ns = self.now_ns()
        drift_ns = elapsed_ns * self._spec.clock_drift_ppm // 1_000_000
        return self._clock.started_unix_s() + self._spec.clock_offset_s + (elapsed_ns + drift_ns) // NS_PER_S

    # -- the device

    def contacts(self) -> list[Contact]:
        """See `Device`."""
        return [self.relay] if self.relay is not None else []

    def restart(self) -> None:
        """A meter keeps its energy and its relay."""

    def carry_out(self, request: Request) -> bytes:
        """See `Device`."""
        self.advance()
        registers = self.model.maps.get(request.function)
        if registers is not None:
            return wire.words_answer(request.function, self._read(request))
        if request.function == wire.WRITE_REGISTERS and self.model.write is not None:
            self.model.write(self, request.address, request.words)
            self.advance()
            return wire.written_answer(request)
        raise wire.Refusal(wire.ILLEGAL_FUNCTION)

    def status(self) -> dict[str, object]:
        """See `Device`."""
        self.advance()
        now_ns = self.now_ns()
        return {
            "id": self.id,
            "model": self.model.name,
            "unit": self.unit,
            "serial": self.serial,
            "load_w": self.load_w,
            "power_w": self.power_w,
            "import_wh": self.supply.import_wh,
            "export_wh": self.supply.export_wh,
            "delivered_wh": str(self.delivered_wh),
            "supply_closed": self.supply.closed,
            "relay_closed": self.relay_closed,
            "overload_pickup_w": self.overload.pickup_mw / 1000 if self.overload and self.overload.enabled else None,
            "clock_unix_s": self.meter_clock_unix_s(),
            "requests": self.requests,
            "faults": self.faults.describe(now_ns),
        }

    def _read(self, request: Request) -> list[int]:
        plan = self.model.maps[request.function].plan(request.address, request.count)
        now_ns = self.now_ns()
        faults = self.faults
        look = faults.use if plan.has_energy else faults.active
        import_wh, export_wh = self._shown_energy(now_ns)
        if look(Kind.ZERO, now_ns):
            import_wh = export_wh = 0
        if jump := look(Kind.JUMP, now_ns):
            import_wh = max(0, import_wh + jump.value)
        words = plan.words(self._reading(import_wh, export_wh))
        if look(Kind.NAN, now_ns):
            plan.spoil_with_nan(words)
        if look(Kind.ONES, now_ns):
            words = [0xFFFF] * len(words)
        return words

    def _shown_energy(self, now_ns: int) -> tuple[int, int]:
        energy_wh = (self.supply.import_wh, self.supply.export_wh)
        if self.faults.active(Kind.FROZEN, now_ns) is None:
            self._frozen_wh = None
            return energy_wh
        if self._frozen_wh is None:
            self._frozen_wh = energy_wh
        return self._frozen_wh

    def freeze(self) -> None:
        """Remember what the registers show; used when the fault begins."""
        self.advance()
        self._frozen_wh = (self.supply.import_wh, self.supply.export_wh)

    def _reading(self, import_wh: int, export_wh: int) -> Reading:
        settings = self._settings
        if self.relay is not None:
            shown = self.relay.shown_closed
            settings["relay_closed"] = shown
            settings["relay_open"] = not shown
        if self.overload is not None:
            overload = self.overload
            settings["overload_enabled"] = overload.enabled << 8
            settings["overload_pickup_kw"] = overload.pickup_mw / 1_000_000
            settings["overload_output"] = overload.drives_output << 8
            settings["overload_active"] = overload.active << 8
            settings["overload_unacknowledged"] = overload.unacknowledged << 8
        return Reading(
            power_mw=self.supply.flow_mw(),
            import_wh=import_wh,
            export_wh=export_wh,
            phases=self.model.phases,
            voltage_v=self._spec.voltage_v,
            power_factor=self._spec.power_factor,
            frequency_hz=FREQUENCY_HZ,
            settings=settings,
        )
