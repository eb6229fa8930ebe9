"""A meter model is a TOML file: where its registers are, what it can be told, and what is known to be odd about it.

`load(model)` reads `config/meters/<model>.toml` (or a folder of the operator's own) into frozen structs and checks
what no type can say. Every refusal is a `ConfigError` that names the file, the key and what would be right.
docs/meters.md tells how to add a model without touching Python.
"""

from __future__ import annotations

import re
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec

from gateway import shipped, toml
from gateway.errors import ConfigError
from gateway.meters.bounds import check_bounds
from gateway.meters.dial import DialFormat, dial_words
from gateway.meters.registers import RegisterType, WordOrder, energy_scale, power_scale, type_words

MAX_PROFILE_BYTES = 64 * 1024
MAX_REGISTERS_PER_READ = 125
"""The Modbus limit; a profile may say less."""

PHASES = ("voltage", "voltage_l1", "voltage_l2", "voltage_l3")
"""What the registers of phase voltages are called in every profile; those between two phases have other names."""

Confidence = Literal["high", "medium", "low"]


class Capability(StrEnum):
    """What a model can be told (issue 2, part 3)."""

    DISCONNECT = "disconnect"
    RECONNECT = "reconnect"
    SET_LIMIT = "set_limit"


class WhenDead(StrEnum):
    """What the actuator does when the gateway is dead (decision 15)."""

    HOLDS = "holds"
    OPENS = "opens"
    CLOSES = "closes"
    UNKNOWN = "unknown"


class Register(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One value: wire address (0-based), type, unit and the factor from raw to unit."""

    address: int
    type: RegisterType
    unit: str
    scale: Decimal = Decimal(1)
    fc: int | None = None
    note: str = ""
    confidence: str = ""

    @property
    def words(self) -> int:
        """Number of 16-bit registers the value takes."""
        return type_words[self.type]


class SerialNumber(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the meter tells its serial number."""

    address: int
    type: RegisterType
    fc: int


class Dial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the meter shows its own date and time, which only ever confirm or contradict ours."""

    address: int
    fc: int
    format: DialFormat


class Switch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A supply relay inside the meter: the words that open and close it, read back with `fc_read` at the same place."""

    address: int
    fc_write: int
    fc_read: int
    open: tuple[int, ...]
    closed: tuple[int, ...]
    confidence: Confidence = "medium"
    note: str = ""


class Relay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An output that drives a contactor (relay board, digital output): channel n sits at `base + n`.

    `on` and `off` are register words for FC06 and FC16; a coil (FC05) needs none.
    """

    base: int
    channels: int
    fc_write: int
    fc_read: int
    on: int = 1
    off: int = 0
    confidence: Confidence = "medium"
    note: str = ""


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A power threshold: lists of words written one after the other, and where the result is read back.

    In a list the string "threshold" stands for the words of the threshold value in its register's type.
    """

    write_address: int
    fc_write: int
    write_on: tuple[tuple[int | Literal["threshold"], ...], ...]
    write_off: tuple[tuple[int | Literal["threshold"], ...], ...]
    fc_read: int
    threshold: Register
    enabled_address: int
    enabled_on: int
    output_address: int | None = None
    output_on: int = 0
    acts_on: str = ""
    confidence: Confidence = "medium"
    note: str = ""


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything known about one meter model or actuator."""

    model: str
    vendor: str
    description: str
    confidence: Confidence
    sources: tuple[str, ...]
    phases: tuple[int, ...] = ()
    serial_default: str = ""
    default_address: int | None = None
    read_fc: int = 3
    word_order: WordOrder = WordOrder.BIG
    word_order_doubt: str = ""
    max_registers_per_request: int = MAX_REGISTERS_PER_READ
    bridge: int = 0
    min_gap_ms: int = 0
    marks_unavailable: bool = False
    energy: str = ""
    energy_export: str = ""
    power: str = ""
    fast: tuple[str, ...] = ()
    slow: tuple[str, ...] = ()
    wraps_at_wh: int | None = None
    capabilities: tuple[Capability, ...] = ()
    when_dead: WhenDead = WhenDead.UNKNOWN
    forbidden_writes: tuple[int, ...] = ()
    quirks: tuple[str, ...] = ()
    registers: dict[str, Register] = {}
    serial_number: SerialNumber | None = None
    clock: Dial | None = None
    switch: Switch | None = None
    relay: Relay | None = None
    limit: Limit | None = None

    @property
    def voltages(self) -> tuple[str, ...]:
        """The phase voltages that a full poll tells, in V."""
        asked = dict.fromkeys((*self.fast, *self.slow))
        return tuple(name for name in asked if name in PHASES and self.registers[name].unit == "V")

    @property
    def can_bill(self) -> bool:
        """The model has an energy register that can be charged from; without it the model is an actuator only."""
        return bool(self.energy)


def load(model: str, folder: Path | None = None) -> Profile:
    """The profile of `model`, from the operator's `folder` if it has one there, else from the shipped ones."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", model):
        raise ConfigError(f"{model!r} is not a model name", hint="lower-case letters, digits and hyphens")
    for place in _places(folder):
        path = place / f"{model}.toml"
        if path.is_file():
            return read(path, model)
    models = known_models(folder)
    close = get_close_matches(model, models, n=1, cutoff=0.4)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(models)}"
    raise ConfigError(f"meter model {model!r} has no profile", key="model", hint=f"{hint}; docs/meters.md")


def known_models(folder: Path | None = None) -> list[str]:
    """The names of all profiles that can be loaded."""
    return sorted({path.stem for place in _places(folder) for path in place.glob("*.toml")})


def read(path: Path, model: str) -> Profile:
    """The profile in a file; ConfigError also for one that cannot be read or is too large to be a profile."""
    try:
        if path.stat().st_size > MAX_PROFILE_BYTES:
            raise ConfigError(f"is larger than {MAX_PROFILE_BYTES} bytes, which no profile is", file=str(path))
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"cannot be read: {error.strerror}", file=str(path), hint="the gateway's user must be able to read it"
        ) from None
    return parse(data, str(path), model)


@lru_cache(maxsize=64)  # twenty meters are of two or three models; a small board parses each only once
def parse(data: bytes, file: str, model: str) -> Profile:
    """One profile from the bytes of its file, checked; `file` and `model` are for messages and for comparison."""
    try:
        table = toml.parse(data.decode(), parse_float=Decimal)
    except ValueError as reason:
        raise ConfigError(f"is not TOML: {reason}", file=file) from None
    try:
        profile = msgspec.convert(table, Profile)
    except msgspec.ValidationError as reason:
        raise _explained(str(reason), file) from None
    if profile.model != model:
        raise ConfigError(f"says {profile.model!r}", file=file, key="model", hint=f"the file name says {model!r}")
    check_bounds(profile, file)
    _check(profile, file)
    return profile


def _places(folder: Path | None) -> list[Path]:
    places = [shipped.folder() / "meters"]
    return [folder, *places] if folder is not None else places


_KNOWN_KEYS = sorted(
    {
        field
        for struct in (Profile, Register, SerialNumber, Dial, Switch, Relay, Limit)
        for field in struct.__struct_fields__
    }
)


def _explained(reason: str, file: str) -> ConfigError:
    """A msgspec complaint in the words of the file: the key, and the nearest key that exists."""
    message, _, path = reason.partition(" - at ")
    key = path.strip("`").removeprefix("$").lstrip(".")
    unknown = re.search(r"unknown field `([^`]*)`", message)
    if unknown is None:
        return ConfigError(message[:1].lower() + message[1:], file=file, key=key)
    name = unknown[1]
    close = get_close_matches(name, _KNOWN_KEYS, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "see docs/meters.md for the keys there are"
    return ConfigError("unknown key", file=file, key=f"{key}.{name}" if key else name, hint=hint)


def _check(profile: Profile, file: str) -> None:
    """What types cannot say: names that must exist, limits of the protocol, capabilities without means."""

    def need(holds: bool, key: str, message: str, hint: str = "") -> None:  # noqa: FBT001 - reads as a sentence
        if not holds:
            raise ConfigError(message, file=file, key=key, hint=hint)

    names = profile.registers
    for key, wanted in (
        ("energy", (profile.energy,)),
        ("energy_export", (profile.energy_export,)),
        ("power", (profile.power,)),
        ("fast", profile.fast),
        ("slow", profile.slow),
    ):
        for name in wanted:
            close = get_close_matches(name, names, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "it must be a key of [registers]"
            need(not name or name in names, key, f"there is no register {name!r}", hint)
    need(profile.read_fc in (3, 4), "read_fc", f"{profile.read_fc} does not read registers", "use 3 or 4")
    need(
        4 <= profile.max_registers_per_request <= MAX_REGISTERS_PER_READ,
        "max_registers_per_request",
        f"{profile.max_registers_per_request} is out of range",
        f"4 to {MAX_REGISTERS_PER_READ}",
    )
    need(profile.bridge >= 0 and profile.min_gap_ms >= 0, "bridge, min_gap_ms", "must not be negative")
    for name, register in names.items():
        fits = register.address >= 0 and register.address + register.words <= 0x10000
        need(fits, f"registers.{name}", f"address {register.address} is outside 0..65535")
        need(register.fc in (None, 3, 4), f"registers.{name}.fc", f"{register.fc} does not read registers", "3 or 4")
    if (dial := profile.clock) is not None:
        fits = 0 <= dial.address <= 0x10000 - dial_words[dial.format]
        need(fits, "clock.address", f"address {dial.address} is outside 0..65535")
        need(dial.fc in (3, 4), "clock.fc", f"{dial.fc} does not read registers", "3 or 4")
    _check_units(profile, file)
    _check_actuators(profile, file)


def _check_units(profile: Profile, file: str) -> None:
    scales = ((profile.energy, energy_scale), (profile.energy_export, energy_scale), (profile.power, power_scale))
    scaled = [(f"registers.{name}", profile.registers[name], scale_of) for name, scale_of in scales if name]
    if profile.limit is not None:
        scaled.append(("limit.threshold", profile.limit.threshold, power_scale))
    for key, register, scale_of in scaled:
        try:
            scale = scale_of(register.unit, register.scale)
        except ValueError as reason:
            raise ConfigError(str(reason), file=file, key=f"{key}.unit") from None
        if scale <= 0:
            raise ConfigError("must be positive", file=file, key=f"{key}.scale")


def _check_actuators(profile: Profile, file: str) -> None:
    means = {
        Capability.DISCONNECT: profile.switch is not None or profile.relay is not None,
        Capability.RECONNECT: profile.switch is not None or profile.relay is not None,
        Capability.SET_LIMIT: profile.limit is not None,
    }
    for capability in profile.capabilities:
        if not means[capability]:
            section = "[limit]" if capability is Capability.SET_LIMIT else "[switch] or [relay]"
            raise ConfigError(f"{capability} needs a section {section}", file=file, key="capabilities")
    written: list[tuple[str, int, int]] = []
    if (switch := profile.switch) is not None:
        if len(switch.open) != len(switch.closed) or not switch.open or switch.open == switch.closed:
            raise ConfigError(
                "open and closed must be different lists of the same length", file=file, key="switch.open"
            )
        written.append(("switch", switch.address, len(switch.open)))
        _check_codes("switch", switch.fc_write, switch.fc_read, file)
    if (relay := profile.relay) is not None:
        if relay.channels < 1 or relay.on == relay.off:
            raise ConfigError("needs at least one channel and on different from off", file=file, key="relay")
        written.append(("relay", relay.base, relay.channels))
        _check_codes("relay", relay.fc_write, relay.fc_read, file)
    if (limit := profile.limit) is not None:
        written.append(("limit", limit.write_address, 1))
        _check_codes("limit", limit.fc_write, limit.fc_read, file)
    for key, start, count in written:
        hit = set(range(start, start + count)) & set(profile.forbidden_writes)
        if hit and getattr(profile, key) is not None:
            raise ConfigError(f"writes register {min(hit)}, which forbidden_writes protects", file=file, key=key)


def _check_codes(key: str, fc_write: int, fc_read: int, file: str) -> None:
    """Coils go with FC05 and FC01, registers with FC06 or FC16 and FC03 or FC04."""
    coil = fc_write == 5 and fc_read in (1, 2)
    registers = fc_write in (6, 16) and fc_read in (3, 4)
    if not (coil or registers):
        raise ConfigError(
            f"fc_write {fc_write} with fc_read {fc_read} is no pair",
            file=file,
            key=key,
            hint="5 with 1 for coils, 16 (or 6) with 3 or 4 for registers",
        )
