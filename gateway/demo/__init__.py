"""The demonstration: simulated meters, an embedded broker, the real daemon and a head-end, on one machine."""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from importlib.util import find_spec

_NEEDS = ("iotcore", "rich")
EXIT_FAILED = 1
EXIT_UNAVAILABLE = 69
EXIT_INTERRUPTED = 130


def main(argv: Sequence[str]) -> int:
    """Live view on a terminal, else the scripted story; 0 only if everything happened as promised."""
    options = _parser().parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows no check mark shows a question mark
    missing = [name for name in _NEEDS if find_spec(name) is None]
    if missing:
        hint = "install the extra: pip install 'prepaid-gateway[demo]' (or `make run` in a checkout)"
        print(f"prepaid-gateway demo: needs {' and '.join(missing)}, not installed here; {hint}", file=sys.stderr)
        return EXIT_UNAVAILABLE
    # What needs the extra, and most of the program, is imported only now.
    from gateway.demo.stage import Plan  # noqa: PLC0415
    from gateway.errors import GatewayError  # noqa: PLC0415

    try:
        if options.story or not _on_a_terminal():
            from gateway.demo.story import tell  # noqa: PLC0415

            run = tell(Plan(scenario=options.scenario))
        else:
            from gateway.demo.live import show  # noqa: PLC0415

            run = show(Plan(scenario=options.scenario, flat_balance=options.credit))
        asyncio.run(_until_signal(run))
    except GatewayError as error:
        print(f"prepaid-gateway demo: {error}", file=sys.stderr)
        return EXIT_FAILED
    except (asyncio.CancelledError, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # nobody reads the story any more: `make run | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    return 0


def _on_a_terminal() -> bool:
    """A terminal that can move its cursor, with a keyboard."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


async def _until_signal(run: Coroutine[None, None, None]) -> None:
    """Run it; SIGTERM, SIGHUP and Ctrl-C cancel it, so that everything started is ended."""
    task = asyncio.ensure_future(run)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await task


def _parser() -> argparse.ArgumentParser:
    about = "Simulated meters, an MQTT broker, the real daemon and a head-end on this machine."
    parser = argparse.ArgumentParser(prog="prepaid-gateway demo", description=about)
    parser.add_argument("--story", action="store_true", help="play the scripted story also on a terminal")
    parser.add_argument("--credit", default="6.00", help=argparse.SUPPRESS)  # of account 1 in the live view, for tests
    parser.add_argument("--scenario", default="demo", help=argparse.SUPPRESS)  # for tests: meters with faults
    return parser
