"""Who is on this bus: looking for units, and holding an unknown one against every profile. Only reads, ever.

Each question waits its turn on the bus like a poll does; between two of them the meters are polled as usual.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from gateway.errors import DeviceRefuses, MeterAnswerRefused, MeterSilent
from gateway.meters.meter import LineAway
from gateway.meters.modbus import ModbusLink
from gateway.meters.planner import Span, plan
from gateway.meters.profile import Profile
from gateway.meters.registers import WordOrder, all_ones, compile_decoder

PLAUSIBLE: dict[str, tuple[float, float]] = {
    "V": (80.0, 480.0),
    "Hz": (45.0, 65.0),
    "A": (-2_000.0, 2_000.0),
    "W": (-1_000_000.0, 1_000_000.0),
    "kW": (-1_000.0, 1_000.0),
    "kWh": (0.0, 99_999_999.0),
    "Wh": (0.0, 99_999_999_999.0),
}
"""What a quantity of this unit can be on a mains supply; without one any finite number will do."""
TELLING = frozenset({"V", "Hz"})
"""Units whose values are never zero on a live meter: they tell a right register map from a wrong one."""


@dataclass(frozen=True, slots=True)
class Value:
    """One register as it was read: raw words are in `words`; `value` is None for what means "no value"."""

    name: str
    fc: int
    address: int
    words: tuple[int, ...]
    value: float | None
    unit: str


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a profile fits a unit: registers that answered and were believable, of how many asked."""

    model: str
    description: str
    believed: int
    telling: int
    asked: int
    refused: int
    word_order: WordOrder

    @property
    def score(self) -> int:
        """Per cent; a map without one telling value fits at most half."""
        if not self.asked:
            return 0
        share = 100 * self.believed // self.asked
        return share if self.telling else share // 2


async def present(link: ModbusLink, unit: int) -> bool:
    """Whether a unit answers at all: a refusal is an answer too. Raises LineAway."""
    try:
        await link.read(unit, 3, 0, 1)
    except LineAway:
        raise
    except DeviceRefuses:
        return True
    except (MeterSilent, MeterAnswerRefused):
        return False
    return True


async def values(link: ModbusLink, unit: int, model: Profile, order: WordOrder | None = None) -> list[Value]:
    """Every register of a profile, read now; what this firmware refuses has no words. Raises MeterSilent."""
    order = order or model.word_order
    spans = {name: Span(register.fc or model.read_fc, register.address, register.words)
             for name, register in model.registers.items()}  # fmt: skip
    requests = plan(
        set(spans.values()),
        max_registers=model.max_registers_per_request,
        bridge=model.bridge,
        readable=set(spans.values()),
    )
    found: dict[str, Value] = {}
    for request in requests:
        inside = [name for name, span in spans.items() if name not in found and _holds(request, span)]
        try:
            payload = await link.read(unit, request.fc, request.address, request.count)
        except MeterAnswerRefused:
            found |= {name: await _alone(link, unit, name, model, order) for name in inside}
            continue
        found |= {name: _value(name, model, order, payload, spans[name].address - request.address) for name in inside}
    return [found[name] for name in model.registers if name in found]


def _holds(request: Span, span: Span) -> bool:
    return span.fc == request.fc and request.address <= span.address and span.end <= request.end


async def _alone(link: ModbusLink, unit: int, name: str, model: Profile, order: WordOrder) -> Value:
    """One register by itself; without words when this firmware does not have it."""
    register = model.registers[name]
    fc = register.fc or model.read_fc
    try:
        payload = await link.read(unit, fc, register.address, register.words)
    except MeterAnswerRefused:
        return Value(name, fc, register.address, (), None, register.unit)
    return _value(name, model, order, payload, 0)


def _value(name: str, model: Profile, order: WordOrder, payload: bytes, offset: int) -> Value:
    register = model.registers[name]
    (raw,) = compile_decoder([(offset, register.type)], len(payload) // 2, order)(payload)
    part = payload[2 * offset : 2 * (offset + register.words)]
    words = tuple(int.from_bytes(part[at : at + 2]) for at in range(0, len(part), 2))
    missing = raw - raw != 0 or raw == all_ones(register.type)
    value = None if missing else float(Decimal(repr(raw)) * register.scale)
    return Value(name, register.fc or model.read_fc, register.address, words, value, register.unit)


async def fits(link: ModbusLink, unit: int, models: Iterable[Profile]) -> list[Fit]:
    """How well each profile fits this unit, the best first. Raises MeterSilent when it answers nobody."""
    found = []
    for model in models:
        orders = tuple(WordOrder) if model.word_order_doubt else (model.word_order,)
        found += [await _fit(link, unit, model, order) for order in orders]
    return sorted(found, key=lambda fit: (-fit.score, -fit.telling, fit.refused, fit.model))


async def _fit(link: ModbusLink, unit: int, model: Profile, order: WordOrder) -> Fit:
    """Ask what a poll of this model asks: what is billed first, then what tells."""
    names = [name for name in (model.energy, model.energy_export, model.power, *model.fast, *model.slow) if name]
    asked = believed = telling = refused = 0
    for name in dict.fromkeys(names):
        register = model.registers[name]
        asked += 1
        try:
            fc = register.fc or model.read_fc
            payload = await link.read(unit, fc, register.address, register.words)
        except MeterAnswerRefused:
            refused += 1
            continue
        value = _value(name, model, order, payload, 0).value
        low, high = PLAUSIBLE.get(register.unit, (-1e12, 1e12))
        if value is None or not low <= value <= high:
            continue
        believed += 1
        telling += register.unit in TELLING
    return Fit(model.model, f"{model.vendor} {model.description}", believed, telling, asked, refused, order)
