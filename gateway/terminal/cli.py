"""`prepaid-gateway console`: its options, and what they make of the line, the words and the shell."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway import toml
from gateway.console.wire import DEFAULT_SOCKET
from gateway.errors import ConfigError
from gateway.terminal import catalogue, grammar
from gateway.terminal.charset import Charset, of_environment
from gateway.terminal.client import Client
from gateway.terminal.faults import fault
from gateway.terminal.line import Gone, Line, Pipe, Terminal
from gateway.terminal.port import open_port
from gateway.terminal.seat import IDLE_S, Seat
from gateway.terminal.shell import INTERRUPTED, Shell
from gateway.terminal.table import VERBS
from gateway.terminal.verbs import Refused
from gateway.terminal.words import Words

EXIT_USAGE = 2
EXIT_CONFIG = 78
DEFAULT_CONFIG = Path("/etc/prepaid-gateway/gateway.toml")
BESIDE_STORE = "console.sock"
"""Where the daemon has its socket when the configuration names none: in the folder of the store."""
WIDTH, HEIGHT = 80, 24


def main(argv: Sequence[str]) -> int:
    """Run the console; the exit code is 0, 1 (refused), 2 (usage), 69 (no daemon), 78 (configuration) or 130."""
    options = _parser().parse_args(list(argv))
    try:
        return _run(options)
    except ConfigError as error:
        sys.stderr.write(f"prepaid-gateway: {error}\n")
        return EXIT_CONFIG
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(options: argparse.Namespace) -> int:
    table = _table(options.config)
    charset = _charset(options)
    terminal = not options.port and sys.stdin.isatty() and sys.stdout.isatty()
    size = shutil.get_terminal_size((WIDTH, HEIGHT)) if terminal else os.terminal_size((WIDTH, HEIGHT))
    width = options.width or size.columns or WIDTH
    words = Words(catalogue.load(options.lang or _language()), charset, width)
    try:
        line = _line(options, table, terminal=terminal)
    except Refused as refusal:
        meaning = words.text("code." + refusal.code, **refusal.detail)
        sys.stderr.write(f"{refusal.code}  {meaning}\n")
        return EXIT_CONFIG
    try:
        height = 0 if options.command else (options.height or size.lines or HEIGHT)
        seat = Seat(line, words, height=height, idle_s=60 * options.idle_minutes)
        shell = Shell(Client(_socket(options, table)), seat, VERBS.values(), json=options.json, redraw=options.redraw)
        return shell.once(grammar.joined(options.command)) if options.command else shell.run()
    except Gone:
        return INTERRUPTED
    finally:
        line.close()


def _line(options: argparse.Namespace, table: dict[str, Any], *, terminal: bool) -> Line:
    if options.port:
        _not_of_a_bus(options.port, table)
        return open_port(options.port, options.baud, options.framing, options.flow)
    return Terminal() if terminal else Pipe()


def _socket(options: argparse.Namespace, table: dict[str, Any]) -> Path:
    if options.socket is not None:
        return Path(options.socket)
    for section, key, name in (("console", "socket", ""), ("gateway", "data", BESIDE_STORE)):
        found = table.get(section)
        named = found.get(key) if isinstance(found, dict) else None
        if isinstance(named, str) and named:
            return Path(options.config).parent / named / name
    return Path(DEFAULT_SOCKET)


def _table(config: Path) -> dict[str, Any]:
    """The configuration as far as it can be read; the daemon is who judges it."""
    try:
        return toml.parse(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _not_of_a_bus(port: str, table: dict[str, Any]) -> None:
    """Refuse a port with meters on it: a prompt between two frames would be heard by them."""
    buses = table.get("bus")
    for bus in buses if isinstance(buses, list) else ():
        named = bus.get("port") if isinstance(bus, dict) else None
        if isinstance(named, str) and os.path.realpath(named) == os.path.realpath(port):
            raise Refused(*fault("port_of_a_bus", port=port, bus=str(bus.get("id", "?"))))


def _charset(options: argparse.Namespace) -> Charset:
    if options.ascii:
        return Charset.ASCII
    if options.utf8:
        return Charset.UTF_8
    return Charset.ASCII if options.port else of_environment(os.environ)


def _language() -> str:
    """Of the person's environment, when there is such a language."""
    wanted = (os.environ.get("LC_ALL") or os.environ.get("LANG") or "")[:2]
    return wanted if wanted in catalogue.languages() else catalogue.REFERENCE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="prepaid-gateway console",
        description="The technician's console: without a command it asks for them, with one it answers and ends.",
        epilog="Exit codes: 0 done, 1 refused, 2 usage, 69 no gateway program, 78 configuration, 130 interrupted.",
    )
    parser.add_argument("--socket", metavar="PATH", help="of the daemon; default: as the configuration says")
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help=f"only to find the socket; default: {DEFAULT_CONFIG}",
    )
    parser.add_argument("--port", metavar="DEVICE", help="a serial port to serve, instead of this terminal")
    parser.add_argument("--baud", type=int, default=9600, help="of --port; default: 9600")
    parser.add_argument(
        "--framing", default="8N1", choices=("8N1", "8E1", "7E1", "7O1"), help="of --port; default: 8N1"
    )
    parser.add_argument(
        "--flow", default="none", choices=("none", "xonxoff", "rtscts"), help="of --port; default: none"
    )
    parser.add_argument("--lang", choices=catalogue.languages(), help="default: as LANG says, else en")
    parser.add_argument("--ascii", action="store_true", help="plain ASCII, for a screen without accents")
    parser.add_argument("--utf8", action="store_true", help="accents and bars, whatever the terminal says it can")
    parser.add_argument("--json", action="store_true", help="each answer as one line of JSON")
    parser.add_argument("--redraw", action="store_true", help="`watch` clears the screen at each round")
    parser.add_argument("--width", type=int, help="columns; default: the terminal's, else 80")
    parser.add_argument("--height", type=int, help="lines of a page; default: the terminal's, else 24")
    parser.add_argument("--idle-minutes", type=float, default=IDLE_S / 60, help="log out after; default: 10")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="one command, such as: status")
    return parser
