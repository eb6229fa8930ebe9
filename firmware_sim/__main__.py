"""firmware-sim: runs a scenario, says where to connect, obeys control lines on stdin; `list` shows what there is.

Exit codes: 0 done, 2 wrong usage, 69 a port or path cannot be opened, 78 the scenario cannot be played.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from pathlib import Path

from firmware_sim import control
from firmware_sim.faults import SPECS
from firmware_sim.fields import ScenarioError, nearest
from firmware_sim.models import METER_MODELS, RELAY_MODELS
from firmware_sim.profiles import shipped_folder
from firmware_sim.simulation import Simulation, load_scenario, shipped_profiles

EXIT_UNAVAILABLE = 69
EXIT_BAD_SCENARIO = 78
_LONGEST_LINE_BYTES = 4096
_MOST_WAITING_LINES = 1000


def main(argv: list[str] | None = None) -> int:
    """The console script."""
    arguments = _arguments().parse_args(argv)
    if arguments.what == "list":
        try:
            _list()
            sys.stdout.flush()
        except BrokenPipeError:  # `list | head`: who reads has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    try:
        asyncio.run(_run(_scenario_path(arguments.scenario), arguments.dir, arguments.seed))
    except ScenarioError as error:
        print(f"firmware-sim: {error}", file=sys.stderr)
        return EXIT_BAD_SCENARIO
    except OSError as error:
        print(f"firmware-sim: cannot open a line: {error}; free the port or path, or name another", file=sys.stderr)
        return EXIT_UNAVAILABLE
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="firmware-sim", description="Simulated Modbus electricity meters.")
    commands = parser.add_subparsers(dest="what", required=True)
    run = commands.add_parser("run", help="play a scenario; control lines on stdin, one JSON answer each")
    run.add_argument("scenario", help="a TOML file, or the name of a shipped scenario")
    run.add_argument("--seed", type=int, default=0, help="noise and garbage repeat with the same seed (default 0)")
    run.add_argument("--dir", type=Path, default=None, help="folder for relative pty paths (default: a temporary one)")
    commands.add_parser("list", help="models, scenarios, loads, control lines and faults")
    return parser


def _scenario_path(name: str) -> Path:
    path = Path(name)
    if path.suffix == ".toml" or path.exists():
        return path
    shipped = shipped_folder() / "scenarios"
    found = shipped / f"{name}.toml"
    if not found.exists():
        known = [path.stem for path in shipped.glob("*.toml")]
        raise ScenarioError(name, "", "is neither a file nor a shipped scenario", nearest(name, known))
    return found


async def _run(path: Path, folder: Path | None, seed: int) -> None:
    lines: asyncio.Queue[str | None] = asyncio.Queue(_MOST_WAITING_LINES)
    loop = asyncio.get_running_loop()
    async with Simulation.start(load_scenario(path), folder=folder, seed=seed) as simulation:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop, lines)
        threading.Thread(target=_read_stdin, args=(loop, lines), daemon=True).start()
        endpoints = [line.endpoint() for line in simulation.lines.values()]
        _say({"ready": True, "scenario": simulation.scenario.name, "lines": endpoints})
        while (line := await lines.get()) is not None:
            if await _obey(simulation, line):
                return


async def _obey(simulation: Simulation, line: str) -> bool:
    """Answer one control line; True when it was the last."""
    if not line.strip():
        return False
    try:
        action = control.parse(line)
        _say({"ok": True} | await simulation.do(action))
    except control.ControlError as error:
        _say({"ok": False, "error": str(error)})
        return False
    return action.verb is control.Verb.QUIT


def _say(message: dict[str, object]) -> None:
    print(json.dumps(message), flush=True)


def _stop(lines: asyncio.Queue[str | None]) -> None:
    """A signal goes before every line still waiting."""
    while not lines.empty():
        lines.get_nowait()
    lines.put_nowait(None)


def _read_stdin(loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[str | None]) -> None:
    """Own thread: stdin may be a pipe, a terminal or a file. Reads the descriptor: no lock is held at the end."""
    rest = b""
    while chunk := os.read(0, _LONGEST_LINE_BYTES):
        *whole, rest = (rest + chunk).split(b"\n")
        rest = rest[-_LONGEST_LINE_BYTES:]
        for line in whole:
            _hand_over(loop, lines, line.decode("utf-8", "replace"))
    _hand_over(loop, lines, None)


def _hand_over(loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[str | None], line: str | None) -> None:
    """Wait for room in the queue: a sender that is too fast is held up, not lost."""
    asyncio.run_coroutine_threadsafe(lines.put(line), loop).result()


def _list() -> None:
    print("models:")
    for model in METER_MODELS.values():
        print(
            f"  {model.name:<12} {model.vendor}, {model.phases} phase(s), {model.serial_line}, switch: {model.switch}"
        )
    for name in RELAY_MODELS:
        print(f"  {name:<12} coils FC01/FC05/FC15, may feed a meter's load")
    print("scenarios:")
    for path in sorted((shipped_folder() / "scenarios").glob("*.toml")):
        print(f"  {path.stem:<14} {load_scenario(path).description}")
    print("loads:")
    for name in shipped_profiles():
        print(f"  {name}")
    print("control lines:")
    for usage in control.USAGE.values():
        print(f"  {usage}")
    print("faults (without a limit: until cleared):")
    for kind, spec in SPECS.items():
        print(f"  {control.fault_usage(kind):<36} {spec.meaning}")


if __name__ == "__main__":
    sys.exit(main())
