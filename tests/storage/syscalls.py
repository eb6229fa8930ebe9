"""A cross-check of the recorder with the kernel: what was witnessed is what the process really asked for, in order.

    python -m tests.storage syscalls     needs strace and the right to trace one's own child

A child keeps books for a day with a witness; strace watches its system calls. Both lists must be the same.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.foreign import CACHE, find, unpack
from tests.storage.load import ACCOUNTS, Books
from tests.storage.recorder import Recorder
from tests.storage.vfs import witnessed

ROOT = Path(__file__).parents[2]
CALLS = "pwrite64,fdatasync,fsync,ftruncate,unlink"
STEPS = 40
_LINE = re.compile(r'^\d+ +(\w+)\((?:\d+<([^>]*)>|"([^"]*)")(.*)\) += 0*(\d+)')

Call = tuple[str, str, int, int]


def compare() -> tuple[int, list[str]]:
    """How many calls there were, and where the two lists part."""
    strace = find("strace") or unpack("strace", CACHE)
    with tempfile.TemporaryDirectory() as name:
        trace = Path(name) / "trace"
        command = [str(strace), "-f", "-qq", "-y", "-s", "0", "-e", f"trace={CALLS}", "-o", str(trace)]
        child = [sys.executable, "-m", "tests.storage.syscalls", str(Path(name) / "books")]
        told = subprocess.run([*command, *child], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        witnessed_calls = [tuple(call) for call in json.loads(told)]
        seen = [call for line in trace.read_text().splitlines() if (call := _seen(line, f"{name}/books/"))]
    pairs = zip(witnessed_calls, seen, strict=False)
    wrong = [f"call {n}: witnessed {one}, seen {two}" for n, (one, two) in enumerate(pairs) if one != two]
    if len(witnessed_calls) != len(seen):
        wrong.append(f"{len(witnessed_calls)} calls were witnessed, {len(seen)} were seen")
    return len(seen), wrong


def _seen(line: str, folder: str) -> Call | None:
    """One line of strace, as the recorder would say it; None for other files and for folders."""
    found = _LINE.match(line)
    if found is None:
        return None
    name, of_file, by_name, rest, result = found.groups()
    path = of_file or by_name or ""
    if not path.startswith(folder):
        return None
    numbers = [int(number) for number in re.findall(r"(?<![\w.])\d+", rest)]
    match name:
        case "pwrite64":
            return "write", Path(path).name, numbers[-1], int(result)
        case "ftruncate":
            return "truncate", Path(path).name, numbers[-1], 0
        case "unlink":
            return "delete", Path(path).name, 0, 0
        case _:
            return "sync", Path(path).name, 0, 0


async def _live(books: Books) -> None:
    for _ in range(2):
        await books.start(*ACCOUNTS)
        for _ in range(STEPS):
            await books.step()
        await books.stop()


def _child(folder: Path) -> None:
    folder.mkdir()
    recorder = Recorder()
    with witnessed(recorder):
        asyncio.run(_live(Books(folder / "store.db", chance=random.Random(7))))
    calls = [(op.kind, op.name, op.at, len(op.data)) for op in recorder.ops if op.kind != "create"]
    print(json.dumps(calls))


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        _child(Path(sys.argv[1]))
