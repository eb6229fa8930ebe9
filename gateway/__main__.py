"""`prepaid-gateway`: the command line. Each subcommand imports what it needs and nothing else.

Exit codes: 0 fine, 1 failed while running, 2 wrong usage, 65 the store is damaged and there is no copy to replace it
(EX_DATAERR: docs/damaged-store.md), 78 the configuration is wrong (EX_CONFIG: systemd does not
restart a daemon that would only fail again).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway import __version__
from gateway.arguments import joined
from gateway.errors import ConfigError, GatewayError, StoreDamaged

EXIT_FAILED = 1
EXIT_DAMAGED = 65
EXIT_CONFIG = 78
DEFAULT_CONFIG = Path("/etc/prepaid-gateway/gateway.toml")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # These have a command line of their own; everything after their name belongs to it.
    if arguments[:1] == ["demo"]:
        from gateway.demo import main as demo

        return demo(arguments[1:])
    if arguments[:1] == ["headend"]:
        from gateway.reference.cli import main as headend

        return headend(arguments[1:])
    if arguments[:1] == ["console"]:
        from gateway.terminal.cli import main as console

        return console(arguments[1:])
    options = _parser().parse_args(joined(arguments, "--key"))
    try:
        match options.command:
            case "run":
                return _run(options.config, verbose=options.verbose)
            case "check":
                return _check(options.config)
            case "verify" | "export" | "device-key":
                return _documents(options)
            case _:
                print(f"prepaid-gateway {__version__}")
                return 0
    except ConfigError as error:
        print(f"prepaid-gateway: {error}", file=sys.stderr)
        return EXIT_CONFIG
    except StoreDamaged as error:
        print(f"prepaid-gateway: {error}", file=sys.stderr)
        return EXIT_DAMAGED
    except GatewayError as error:
        print(f"prepaid-gateway: {error}", file=sys.stderr)
        return EXIT_FAILED


def _run(config: Path, *, verbose: bool) -> int:
    from gateway import log  # first: it decides what structlog may load

    log.configure(verbose=verbose)
    from gateway.app import main as run
    from gateway.installation import load

    return run(load(config))


def _check(config: Path) -> int:
    from gateway.plan import main as check

    try:
        code = check(config)
        sys.stdout.flush()
    except BrokenPipeError:  # `check | head`: who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    return code


def _documents(options: argparse.Namespace) -> int:
    from gateway.documents import counter

    if options.command == "verify":
        return counter.verify(options)
    from gateway.clock import SystemClock
    from gateway.installation import load

    configuration = load(options.config).configuration
    if options.command == "device-key":
        return counter.show_key(configuration)
    return counter.export(configuration, options, SystemClock())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="prepaid-gateway", description="A prepaid smart-meter gateway.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run", help="the daemon: read meters, keep credit, enforce the ladder, talk to the head-end"
    )
    check = commands.add_parser("check", help="read the configuration and say what would happen, without a meter")
    for command in (run, check):
        command.add_argument(
            "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help=f"default: {DEFAULT_CONFIG}"
        )
    run.add_argument("--verbose", action="store_true", help="also log what happens at each poll")
    commands.add_parser("demo", help="simulated meters, a broker, the real daemon and a head-end on this machine")
    commands.add_parser("headend", help="the reference head-end: keys, sign and send, watch, acknowledge, verify")
    commands.add_parser("console", help="the technician's console, at this terminal or on a serial port")
    _add_documents(commands)
    commands.add_parser("version", help="print the version")
    return parser


def _add_documents(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from gateway.documents.options import add_parsers

    add_parsers(commands, DEFAULT_CONFIG)


if __name__ == "__main__":
    sys.exit(main())
