"""A running plant: builds a scenario, opens its lines, carries out control words, and plays the timed ones.

async with Simulation.start(text_or_path_or_scenario) as sim:
    sim.meter("m1").load_w = 2000
    port = sim.line("lan").port
    await sim.do("fault m1 silence 5")
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from firmware_sim import control, scenario
from firmware_sim.clock import NS_PER_S, Clock, ManualClock, SystemClock
from firmware_sim.control import Action, ControlError, Verb
from firmware_sim.faults import Kind
from firmware_sim.fields import Fields, ScenarioError
from firmware_sim.load import DAY_S, FixedLoad, Load, Profile
from firmware_sim.meter import Meter
from firmware_sim.models import METER_MODELS
from firmware_sim.modem import FAULTS as MODEM_FAULTS
from firmware_sim.modem import Modem
from firmware_sim.modem_line import ModemLine
from firmware_sim.plant import LineSpec, MeterSpec, Scenario
from firmware_sim.profiles import read_profile, shipped_folder
from firmware_sim.relay_board import RelayBoard
from firmware_sim.rtu import RtuLine
from firmware_sim.tcp import TcpLine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from firmware_sim.device import Device
    from firmware_sim.line import Line

_RELAY_FAULTS = (Kind.STUCK, Kind.WELDED, Kind.SLOW)
_REGISTER_FAULTS = (Kind.ZERO, Kind.NAN, Kind.ONES, Kind.JUMP, Kind.FROZEN)
_MODEM_ONLY = (Kind.CMS, Kind.CHATTER)
_SEED_STEP = 7919


def shipped_profiles() -> dict[str, Profile]:
    """The load profiles of config/sim/loads, by name."""
    found = {}
    for path in sorted((shipped_folder() / "loads").glob("*.toml")):
        fields = Fields(scenario.parse_toml(path.read_text("utf-8"), path.name), path.name, "")
        found[path.stem] = read_profile(path.stem, fields)
    return found


def load_scenario(source: str | Path) -> Scenario:
    """A scenario from TOML text (a `str`) or a file (a `Path`); `ScenarioError` when it cannot be played."""
    if isinstance(source, str):
        return scenario.read(source, "scenario text", shipped_profiles())
    try:
        text = source.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(
            str(source), "", f"cannot be read ({error})", "name a TOML file, or a scenario of `firmware-sim list`"
        ) from error
    return scenario.read(text, str(source), shipped_profiles())


class Simulation:
    """Lines, meters, relay boards and modems of one scenario."""

    def __init__(self, plan: Scenario, folder: Path, *, clock: Clock | None = None, seed: int = 0) -> None:
        self.scenario = plan
        self.clock: Clock = clock or SystemClock()
        self.lines: dict[str, Line] = {spec.id: _line(spec, folder) for spec in plan.lines}
        self.meters: dict[str, Meter] = {}
        self.boards: dict[str, RelayBoard] = {}
        self.modems: dict[str, Modem] = {}
        self._names = plan.names()
        self._seed = seed
        self._waiting = list(plan.actions)
        for number, spec in enumerate(plan.meters):
            meter_seed = seed * _SEED_STEP + number
            load = self._load(spec, meter_seed)
            model = METER_MODELS[spec.model]
            meter = Meter(spec, model, self.clock, load, time_factor=plan.time_factor, seed=meter_seed)
            self.meters[spec.id] = meter
            self.lines[spec.line].devices[spec.unit] = meter
        for relay_spec in plan.relays:
            board = RelayBoard(relay_spec, self.meters, self.clock, seed=seed)
            self.boards[relay_spec.id] = board
            self.lines[relay_spec.line].devices[relay_spec.unit] = board
        for modem_spec in plan.modems:
            modem_line = ModemLine(modem_spec, folder, self.clock, seed=seed)
            self.lines[modem_spec.id] = modem_line
            self.modems[modem_spec.id] = modem_line.modem
        for timed in plan.actions:
            try:
                self._refuse_senseless(timed.action)
            except ControlError as error:
                raise ScenarioError(plan.file, "at.do", str(error), "name another device or fault") from error

    @staticmethod
    @contextlib.asynccontextmanager
    async def start(
        source: str | Path | Scenario, *, folder: Path | None = None, clock: Clock | None = None, seed: int = 0
    ) -> AsyncIterator[Simulation]:
        """Run a scenario; ptys with relative paths go to `folder` (default: a temporary one); see `ManualClock`."""
        plan = source if isinstance(source, Scenario) else load_scenario(source)
        with contextlib.ExitStack() as stack:
            where = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="firmware-sim-")))
            simulation = Simulation(plan, where, clock=clock, seed=seed)
            try:
                for line in simulation.lines.values():
                    await line.replug()
                player = asyncio.create_task(simulation._play())
                try:
                    yield simulation
                finally:
                    player.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await player
            finally:
                for line in simulation.lines.values():
                    await line.unplug()

    def meter(self, meter_id: str) -> Meter:
        """The meter of this id; KeyError if there is none."""
        return self.meters[meter_id]

    def board(self, board_id: str) -> RelayBoard:
        """The relay board of this id; KeyError if there is none."""
        return self.boards[board_id]

    def modem(self, modem_id: str) -> Modem:
        """The modem of this id; KeyError if there is none."""
        return self.modems[modem_id]

    def line(self, line_id: str) -> Line:
        """The line of this id: `.host` and `.port` or `.path`, `await .unplug()`, `await .replug()`."""
        return self.lines[line_id]

    async def do(self, line: str | Action) -> dict[str, object]:
        """Carry out a control line; `ControlError` and nothing changed when it cannot be done."""
        action = control.parse(line) if isinstance(line, str) else line
        control.check(action, self._names)
        self._refuse_senseless(action)
        match action.verb:
            case Verb.UNPLUG:
                await self.lines[action.target].unplug()
            case Verb.REPLUG:
                await self.lines[action.target].replug()
                return self.lines[action.target].endpoint()
            case Verb.STATUS:
                return self.status()
            case Verb.QUIT:
                pass
            case Verb.COIL:
                self._coil(action)
            case Verb.FAULT | Verb.CLEAR | Verb.PLUG:
                self._fault(action)
            case Verb.NETWORK | Verb.REPORTS | Verb.SAYS | Verb.BABBLE:
                self._modem(self.modems[action.target], action)
            case Verb.MESSAGES:
                return {"messages": self.modems[action.target].messages()}
            case _:
                self._change(self.meters[action.target], action)
        return {}

    def status(self) -> dict[str, object]:
        """Everything, as JSON values."""
        devices: list[Device | Modem] = [*self.meters.values(), *self.boards.values(), *self.modems.values()]
        return {
            "t_s": round(self.clock.now_ns() / NS_PER_S, 3),
            "lines": [line.endpoint() | {"plugged": line.plugged} for line in self.lines.values()],
            "devices": [device.status() for device in devices],
        }

    async def advance(self, seconds: float) -> None:
        """With a `ManualClock`: let time pass, carrying out timed actions at their instant."""
        assert isinstance(self.clock, ManualClock), "the clock runs by itself"
        end_ns = self.clock.now_ns() + round(seconds * NS_PER_S)
        while self._waiting and self._waiting[0].at_ns <= end_ns:
            self.clock.advance_ns(max(0, self._waiting[0].at_ns - self.clock.now_ns()))
            await self._do_due()
        self.clock.advance_ns(end_ns - self.clock.now_ns())

    async def _play(self) -> None:
        """Timed actions on a clock that runs by itself."""
        while self._waiting:
            await self.clock.sleep_until(self._waiting[0].at_ns)
            await self._do_due()

    async def _do_due(self) -> None:
        while self._waiting and self._waiting[0].at_ns <= self.clock.now_ns():
            await self.do(self._waiting.pop(0).action)

    def _device(self, device_id: str) -> Device | Modem:
        return self.meters.get(device_id) or self.modems.get(device_id) or self.boards[device_id]

    @staticmethod
    def _modem(modem: Modem, action: Action) -> None:
        match action.verb:
            case Verb.NETWORK:
                modem.network = action.word
            case Verb.REPORTS:
                modem.reports = action.word
            case Verb.SAYS:
                modem.unsolicited(action.word)
            case _:
                modem.babble(action.amount or 0)

    def _coil(self, action: Action) -> None:
        board = self.boards[action.target]
        board.switch(board.channels[action.amount or 0], on=action.on)

    def _fault(self, action: Action) -> None:
        device = self._device(action.target)
        now_ns = self.clock.now_ns()
        match action.verb:
            case Verb.CLEAR:
                device.faults.clear(action.kind)
            case Verb.PLUG if action.on:
                device.faults.clear(Kind.SILENCE)
                if isinstance(device, Modem):
                    device.restart()
            case Verb.PLUG:
                device.faults.start(Kind.SILENCE, now_ns)
            case _:
                kind = action.kind
                assert kind is not None
                device.faults.start(
                    kind, now_ns, value=action.amount or 0, limit_ns=action.limit_ns, times=action.times
                )
                if kind is Kind.REBOOT:
                    device.restart()
                if kind is Kind.FROZEN and isinstance(device, Meter):
                    device.freeze()

    def _refuse_senseless(self, action: Action) -> None:
        """An action that could never show is a mistake in a test or scenario."""
        problem = ""
        if action.verb is Verb.COIL and (action.amount or 0) >= (channels := len(self.boards[action.target].channels)):
            problem = f"has channels 0 to {channels - 1}"
        elif action.verb is Verb.RELAY and self.meters[action.target].relay is None:
            problem = "has no relay of its own"
        elif action.verb is Verb.FAULT and action.kind is not None:
            problem = self._senseless_fault(self._device(action.target), action.kind)
        if problem:
            raise ControlError(f"{action.target} {problem}")

    def _senseless_fault(self, device: Device | Modem, kind: Kind) -> str:
        if isinstance(device, Modem):
            return "" if kind in MODEM_FAULTS else "is a modem"
        if kind in _MODEM_ONLY:
            return "is no modem"
        if kind in _RELAY_FAULTS and not device.contacts():
            return "has no relay of its own"
        if kind in _REGISTER_FAULTS and not isinstance(device, Meter):
            return "has no registers"
        if kind is Kind.NAN and isinstance(device, Meter) and not device.model.has_floats():
            return 'has no float registers; use "ones"'
        if kind is Kind.CRC and isinstance(self._line_of(device), TcpLine):
            return 'is on a TCP line, which has no checksum; use "garbage"'
        return ""

    def _line_of(self, device: Device) -> Line:
        return next(line for line in self.lines.values() if device in line.devices.values())

    def _change(self, meter: Meter, action: Action) -> None:
        match action.verb:
            case Verb.LOAD if action.amount is not None:
                meter.use_load(FixedLoad(action.amount))
            case Verb.LOAD:
                meter.use_load(self._running(self.scenario.profiles[action.word], self._seed))
            case Verb.RESET:
                meter.wipe_energy()
            case Verb.REGISTER:
                meter.set_register_wh(action.amount or 0)
            case Verb.WRAP:
                meter.set_register_wh(max(0, meter.supply.modulus_wh - (action.amount or 0)))
            case Verb.SWAP:
                meter.swap(int(action.word), action.amount)
            case _:
                meter.command_relay(closed=action.on)

    def _load(self, spec: MeterSpec, seed: int) -> Load:
        if isinstance(spec.load, int):
            return FixedLoad(spec.load)
        return self._running(self.scenario.profiles[spec.load], seed)

    def _running(self, profile: Profile, seed: int) -> Load:
        start_of_day_s = self.scenario.start_of_day_s
        if start_of_day_s is None:
            start_of_day_s = self.clock.started_unix_s() % DAY_S
        return profile.starting(seed=seed, start_of_day_s=start_of_day_s, from_ns=self.clock.now_ns())


def _line(spec: LineSpec, folder: Path) -> Line:
    if spec.kind == "tcp":
        return TcpLine(spec.id, spec.host, spec.port)
    return RtuLine(spec.id, folder / spec.path, baud=spec.baud, line_time=spec.line_time)
