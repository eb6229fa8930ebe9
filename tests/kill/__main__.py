"""kill -9 at so many random moments, on demand.

    python -m tests.kill --kills 1000 --seed 1              the real daemon on real Modbus and MQTT
    python -m tests.kill --kills 1000 --seed 1 --books      the books alone, under much more load

Prints one line; what went wrong comes with the command that repeats it (the moments depend on the machine, too).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.asked import PYTHON, at_least_one
from tests.brokers import Mosquitto
from tests.figures import record
from tests.kill import test_kill, test_kill_daemon


def main() -> int:
    """0 when nothing acknowledged was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.kill")
    parser.add_argument("--kills", type=at_least_one, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--books", action="store_true", help="the teller and the store alone")
    options = parser.parse_args()
    what = "books" if options.books else "daemon"
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as folder:
            killed = _books if options.books else _daemon
            acknowledged = killed(Path(folder), options.kills, options.seed)
    except AssertionError as error:
        again = f"{PYTHON} -m tests.kill --kills {options.kills} --seed {options.seed}"
        print(f"kill: {error}\nagain: {again}{' --books' if options.books else ''}")
        return 1
    seconds = time.monotonic() - began
    print(f"kill: {what} killed {options.kills} times, {acknowledged} top-ups acknowledged, none lost, {seconds:.0f} s")
    record(f"storage-kill-{what}", {"kills": options.kills, "top-ups acknowledged": acknowledged, "lost": 0})
    return 0


def _books(folder: Path, kills: int, seed: int) -> int:
    return test_kill.kill(folder / "store.db", kills, seed).acknowledgements


def _daemon(folder: Path, kills: int, seed: int) -> int:
    for name in ("broker", "site"):
        (folder / name).mkdir()
    broker = Mosquitto(folder / "broker")
    broker.start()
    try:
        return sum(test_kill_daemon.kill(folder / "site", broker.port, kills, seed).values())
    finally:
        broker.stop()


if __name__ == "__main__":
    sys.exit(main())
