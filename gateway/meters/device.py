"""A meter on a bus: one poll reads what is wanted with the fewest requests and makes an `Observation` of it.

Two rates: energy, power, switch and limit at every poll; voltages and the like every `slow_every_ms`; the serial
number and the meter's own clock at the first poll and then hourly. Plan and decoders are compiled once, so that a poll
is requests, one `struct` call each, and one pass over the values.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil

from gateway.clock import Clock
from gateway.errors import MeterAnswerRefused, MeterError, WriteNotConfirmed
from gateway.meters.dial import dial_words, shown_ms
from gateway.meters.meter import Observation
from gateway.meters.modbus import ModbusLink
from gateway.meters.planner import Request, Span, plan
from gateway.meters.profile import Limit, Profile, Register
from gateway.meters.registers import (
    RegisterType,
    all_ones,
    compile_decoder,
    encode_words,
    energy_defect,
    energy_scale,
    not_available,
    power_scale,
    quantum_wh,
    to_wh,
)
from gateway.meters.switch import MeterSwitch, SparedSwitch, SwitchDriver, write_words
from gateway.prepayment.supply import SwitchState

SERIAL_EVERY_MS = 3_600_000

_SWITCH = "\0switch"  # names of words that are no register of the profile
_ENABLED = "\0enabled"
_THRESHOLD = "\0threshold"
_OUTPUT = "\0output"


@dataclass(frozen=True, slots=True)
class _Value:
    """One quantity for `Observation.values`: where its raw value is, how it is scaled, what means "no value"."""

    name: str
    index: int
    factor: float
    divisor: float
    missing: int | None


@dataclass(frozen=True, slots=True)
class _Compiled:
    """Requests with their decoders; `index` says where a name's raw value ends up."""

    requests: tuple[tuple[Request, Callable[[bytes], tuple[int | float, ...]]], ...]
    index: dict[str, int]
    values: tuple[_Value, ...]


class ModbusMeter:
    """The `Meter` of a profile: see `gateway.meters.meter`."""

    def __init__(
        self,
        meter_id: str,
        link: ModbusLink,
        unit: int,
        model: Profile,
        *,
        clock: Clock,
        switch: SwitchDriver | None,
        threshold: bool,
        slow_every_ms: int,
    ) -> None:
        self.meter_id = meter_id
        self.unit = unit
        self.profile = model
        self.can_switch = switch is not None
        self.can_limit = threshold
        self.switch_elsewhere = isinstance(switch, SparedSwitch) and switch.elsewhere
        self.switch_by_hand = isinstance(switch, MeterSwitch)
        self._link = link
        self._clock = clock
        self._word_order = model.word_order
        self._switch = switch
        self._limit = model.limit if threshold else None
        self._slow_every_ms = slow_every_ms
        self._slow_at_ms = self._serial_at_ms = clock.monotonic_ms()
        essential = [name for name in (model.energy, model.energy_export, model.power) if name]
        fast = list(dict.fromkeys([*essential, *model.fast]))
        self._fast = self._compile(fast)
        self._full = self._compile(list(dict.fromkeys([*fast, *model.slow])))
        self._energy = _energy_of(model, model.energy)
        self._export = _energy_of(model, model.energy_export)
        self._power_w = _power_of(model)

    @property
    def fast_requests(self) -> list[Request]:
        """What goes over the wire at every poll."""
        return [request for request, _ in self._fast.requests]

    @property
    def full_requests(self) -> list[Request]:
        """What goes over the wire when the slow values are due too."""
        return [request for request, _ in self._full.requests]

    async def read(self, *, slow_within_ms: int | None = None) -> Observation:
        """See `Meter`."""
        try:
            return await self._read(self._slow_every_ms if slow_within_ms is None else slow_within_ms)
        except MeterError:
            self._serial_at_ms = self._clock.monotonic_ms()  # what comes back may be another meter
            raise

    async def _read(self, slow_within_ms: int) -> Observation:
        now_ms = self._clock.monotonic_ms()
        wait_ms = min(slow_within_ms, self._slow_every_ms)
        # A poll that jitters is not a whole poll late.
        slow = now_ms >= self._slow_at_ms - self._slow_every_ms + wait_ms - wait_ms // 10
        compiled = self._full if slow else self._fast
        raws: list[int | float] = []
        for request, decode in compiled.requests:
            raws += decode(await self._link.read(self.unit, request.fc, request.address, request.count))
        if slow:
            self._slow_at_ms = now_ms + self._slow_every_ms
        asked = now_ms >= self._serial_at_ms
        serial = await self._read_serial() if asked else None
        clock_ms = await self._read_clock() if asked else None
        switch, trouble = await self._observe_switch(compiled, raws)
        import_wh, defect, quantum = self._judged_energy(compiled, raws)
        export_wh = None
        if self._export is not None:
            raw, (kind, scale) = raws[compiled.index[self.profile.energy_export]], self._export
            if energy_defect(raw, kind, marks_unavailable=self.profile.marks_unavailable) is None:
                export_wh = to_wh(raw, scale)
        return Observation(
            import_wh=import_wh,
            defect=defect,
            quantum_wh=quantum,
            export_wh=export_wh,
            power_w=self._power(compiled, raws),
            switch=switch,
            switch_trouble=trouble,
            limit_w=None if self._limit is None else self._shown_limit_w(compiled, raws),
            serial=serial,
            values=_scaled(compiled.values, raws),
            clock_ms=clock_ms,
        )

    async def read_switch(self) -> SwitchState | None:
        """See `Meter`."""
        return None if self._switch is None else await self._switch.read()

    async def set_switch(self, state: SwitchState) -> None:
        """See `Meter`."""
        if self._switch is None:
            raise WriteNotConfirmed(f"meter {self.meter_id} has no switch")
        await self._switch.set(state)

    def settable_limit_w(self, limit_w: int) -> int:
        """See `Meter`."""
        if self._limit is None or self._limit.threshold.type is RegisterType.FLOAT32:
            return limit_w
        per_raw = power_scale(self._limit.threshold.unit, self._limit.threshold.scale)
        return round(ceil(limit_w / per_raw) * per_raw)

    async def set_limit_w(self, limit_w: int | None) -> None:
        """See `Meter`."""
        limit = self._limit
        if limit is None:
            raise WriteNotConfirmed(f"meter {self.meter_id} has no power threshold that can be set")
        per_raw = power_scale(limit.threshold.unit, limit.threshold.scale)
        try:
            words = encode_words(limit.threshold.type, float((limit_w or 0) / per_raw), self._word_order)
        except ValueError as reason:
            raise WriteNotConfirmed(f"meter {self.meter_id} cannot hold a limit of {limit_w} W: {reason}") from None
        forbidden = frozenset(self.profile.forbidden_writes)
        for template in limit.write_off if limit_w is None else limit.write_on:
            filled = tuple(word for part in template for word in (words if part == "threshold" else (int(part),)))
            await write_words(self._link, self.unit, limit.fc_write, limit.write_address, filled, forbidden)
        compiled = self._compile_spans(_limit_spans(limit), {})
        raws: list[int | float] = []
        for request, decode in compiled.requests:
            raws += decode(await self._link.read(self.unit, request.fc, request.address, request.count))
        if (shown_w := self._shown_limit_w(compiled, raws)) != limit_w:
            raise WriteNotConfirmed(f"meter {self.meter_id}: limit was set to {limit_w} W, reads back {shown_w} W")

    def wake(self) -> None:
        """See `Meter`."""
        if self._switch is not None:
            self._switch.wake()

    async def _observe_switch(
        self, compiled: _Compiled, raws: list[int | float]
    ) -> tuple[SwitchState | None, str | None]:
        """A separate relay that is silent must not stop the meter from being charged: it is trouble, not failure."""
        match self._switch:
            case None:
                return None, None
            case MeterSwitch() as inside:
                first = compiled.index[_SWITCH + "0"]
                count = sum(name.startswith(_SWITCH) for name in compiled.index)
                state = inside.decode(tuple(int(raw) for raw in raws[first : first + count]))
                return state, None if state else "the relay shows neither open nor closed"
            case outside:
                try:
                    state = await outside.read()
                except MeterError as error:
                    return None, str(error)
                return state, None if state else "the output shows neither on nor off"

    async def _read_serial(self) -> str | None:
        place = self.profile.serial_number
        self._serial_at_ms = self._clock.monotonic_ms() + SERIAL_EVERY_MS
        if place is None:
            return None
        count = Register(place.address, place.type, "").words
        try:
            payload = await self._link.read(self.unit, place.fc, place.address, count)
        except MeterAnswerRefused:
            return None  # some firmware of a family does not tell it: no serial number is an answer, no failure
        (raw,) = compile_decoder([(0, place.type)], count, self._word_order)(payload)
        return None if raw == all_ones(place.type) or raw == 0 else str(raw)

    async def _read_clock(self) -> int | None:
        """A witness only: a firmware without it is no failure."""
        dial = self.profile.clock
        if dial is None:
            return None
        count = dial_words[dial.format]
        try:
            payload = await self._link.read(self.unit, dial.fc, dial.address, count)
        except MeterAnswerRefused:
            return None
        return shown_ms(dial.format, struct.unpack(f">{count}H", payload))

    def _judged_energy(self, compiled: _Compiled, raws: list[int | float]) -> tuple[int | None, str | None, int]:
        if self._energy is None:
            return None, None, 1
        raw, (kind, scale) = raws[compiled.index[self.profile.energy]], self._energy
        defect = energy_defect(raw, kind, marks_unavailable=self.profile.marks_unavailable)
        if defect is not None:
            return None, defect, 1
        return to_wh(raw, scale), None, quantum_wh(raw, kind, scale)

    def _power(self, compiled: _Compiled, raws: list[int | float]) -> int | None:
        if self._power_w is None:
            return None
        factor, missing = self._power_w
        raw = raws[compiled.index[self.profile.power]]
        return round(raw * factor) if raw - raw == 0 and raw != missing else None

    def _shown_limit_w(self, compiled: _Compiled, raws: list[int | float]) -> int | None:
        """The threshold in force; an alarm that is not tied to its output limits nothing."""
        limit = self._limit
        assert limit is not None
        if raws[compiled.index[_ENABLED]] != limit.enabled_on:
            return None
        if limit.output_address is not None and raws[compiled.index[_OUTPUT]] != limit.output_on:
            return None
        raw = raws[compiled.index[_THRESHOLD]]
        if raw - raw != 0:
            return None
        return round(Fraction(raw) * power_scale(limit.threshold.unit, limit.threshold.scale))

    def _compile(self, names: list[str]) -> _Compiled:
        model = self.profile
        spans = {name: _span(model, model.registers[name]) for name in names}
        wanted = {name: (span, model.registers[name].type) for name, span in spans.items()}
        if isinstance(self._switch, MeterSwitch):
            wanted |= self._switch_spans()
        if self._limit is not None:
            wanted |= _limit_spans(self._limit)
        told = [name for name in names if name not in (model.energy, model.energy_export, model.power)]
        switch = model.switch if isinstance(self._switch, MeterSwitch) else None
        whole = [Span(switch.fc_read, switch.address, len(switch.open))] if switch else []
        return self._compile_spans(wanted, {name: model.registers[name] for name in told}, whole)

    def _switch_spans(self) -> dict[str, tuple[Span, RegisterType]]:
        switch = self.profile.switch
        assert switch is not None
        return {
            f"{_SWITCH}{k}": (Span(switch.fc_read, switch.address + k, 1), RegisterType.UINT16)
            for k in range(len(switch.open))
        }

    def _compile_spans(
        self, wanted: dict[str, tuple[Span, RegisterType]], told: dict[str, Register], whole: Iterable[Span] = ()
    ) -> _Compiled:
        """Requests and decoders for the wanted names; the spans in `whole` are not split over two requests either."""
        model = self.profile
        requests = plan(
            [*(span for span, _ in wanted.values()), *whole],
            max_registers=model.max_registers_per_request,
            bridge=model.bridge,
            readable={_span(model, register) for register in model.registers.values()},
        )
        index: dict[str, int] = {}
        compiled = []
        for request in requests:
            inside = [
                (name, span, kind)
                for name, (span, kind) in wanted.items()
                if name not in index and request.fc == span.fc and request.address <= span.address
                and span.end <= request.end
            ]  # fmt: skip
            for name, _, _ in inside:
                index[name] = len(index)
            layout = [(span.address - request.address, kind) for _, span, kind in inside]
            compiled.append((request, compile_decoder(layout, request.count, self._word_order)))
        values = tuple(_value(name, index[name], register, model) for name, register in told.items())
        return _Compiled(tuple(compiled), index, values)


def _span(model: Profile, register: Register) -> Span:
    return Span(register.fc or model.read_fc, register.address, register.words)


def _limit_spans(limit: Limit) -> dict[str, tuple[Span, RegisterType]]:
    threshold = limit.threshold
    spans = {
        _ENABLED: (Span(limit.fc_read, limit.enabled_address, 1), RegisterType.UINT16),
        _THRESHOLD: (Span(limit.fc_read, threshold.address, threshold.words), threshold.type),
    }
    if limit.output_address is not None:
        spans[_OUTPUT] = (Span(limit.fc_read, limit.output_address, 1), RegisterType.UINT16)
    return spans


def _energy_of(model: Profile, name: str) -> tuple[RegisterType, Fraction] | None:
    if not name:
        return None
    register = model.registers[name]
    return register.type, energy_scale(register.unit, register.scale)


def _power_of(model: Profile) -> tuple[float, int | None] | None:
    if not model.power:
        return None
    register = model.registers[model.power]
    return float(power_scale(register.unit, register.scale)), _missing(register, model)


def _missing(register: Register, model: Profile) -> int | None:
    return not_available(register.type) if model.marks_unavailable else all_ones(register.type)


def _value(name: str, index: int, register: Register, model: Profile) -> _Value:
    """A factor like 0.1 is applied as a division by 10, which gives the nearest decimal."""
    inverse = 1 / register.scale if register.scale else Decimal(1)
    divides = inverse == int(inverse)
    return _Value(
        name,
        index,
        1.0 if divides else float(register.scale),
        float(inverse) if divides else 1.0,
        _missing(register, model),
    )


def _scaled(values: Iterable[_Value], raws: list[int | float]) -> dict[str, float | int]:
    told: dict[str, float | int] = {}
    for value in values:
        raw = raws[value.index]
        if raw - raw == 0 and raw != value.missing:
            told[value.name] = raw * value.factor / value.divisor
    return told
