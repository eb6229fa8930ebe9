"""`python -m tests.fuzz [TARGET...] --runs N --seed S`: fuzz parsers; guided by coverage where atheris is installed.

What is found is written to `.cache/fuzz/<target>/`, printed as a Python literal, and replayed with `--replay FILE`.
`--keep` adds to the committed corpus what reached new code, as few and as small inputs as do.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from tests import asked as typed
from tests import figures
from tests.fuzz import plain
from tests.fuzz.measure import LIMIT_MS, Stopwatch, noted
from tests.fuzz.plain import Result
from tests.fuzz.reached import Arc, arcs
from tests.fuzz.target import CORPUS, FOUND, corpus, load, names

HAVE_ATHERIS = importlib.util.find_spec("atheris") is not None
_KEPT_BYTES = 1500
_KEPT_FILES = 40
_ALONE = Lock()
"""Targets share a file and loops within one process; only their children run at once."""


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 when nothing was found."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    chosen = asked.target or names()
    if asked.replay:
        if len(asked.target) != 1:
            parser.error("argument --replay: name the one target that is to take the file")
        return _replay(chosen[0], asked.replay)
    totals: dict[str, str | int | float] = {"seed": asked.seed}
    failed = False
    guided = HAVE_ATHERIS and not asked.plain
    for name, result in _results(chosen, asked, guided=guided):
        failed |= bool(result.error)
        print(_line(name, result, guided=guided), flush=True)
        if result.error:
            _tell(name, result)
        elif asked.keep and guided:
            print(f"{name}: {keep(name)} inputs in the corpus", flush=True)
        totals |= {
            f"{name} inputs": result.inputs,
            f"{name} inputs per CPU second": round(result.inputs / max(result.seconds, 1e-3)),
            f"{name} slowest ms": round(result.slowest_ms, 1),
        }
    if not asked.target:
        figures.record("fuzz", totals)
    return int(failed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the parsers that face the outside.")
    known = typed.one_of(names(), "target")
    told = f"one of {', '.join(names())}; default all"
    parser.add_argument("target", nargs="*", metavar="TARGET", type=known, help=told)
    parser.add_argument("--runs", type=typed.at_least_one, default=20_000, help="inputs for each target")
    parser.add_argument("--seconds", type=typed.amount, default=1e9, help="at most so long for each target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=typed.at_least_one, default=2, help="targets at once, where they are guided")
    parser.add_argument("--plain", action="store_true", help="without guidance even where atheris is installed")
    parser.add_argument("--keep", action="store_true", help="keep in the committed corpus what reached new code")
    parser.add_argument("--replay", metavar="FILE", type=typed.file, help="one input again, from a file")
    return parser


def _results(chosen: list[str], asked: argparse.Namespace, *, guided: bool) -> Iterator[tuple[str, Result]]:
    """Each target with what came of it, in their order; a guided one has a process of its own, so some run at once."""
    sizes = (asked.runs, asked.seed, asked.seconds)
    if not guided:
        yield from ((name, _plain(name, *sizes)) for name in chosen)
        return
    with ThreadPoolExecutor(asked.jobs) as pool:
        yield from zip(chosen, pool.map(lambda name: _guided(name, *sizes), chosen), strict=True)


def _plain(name: str, runs: int, seed: int, seconds: float) -> Result:
    return plain.run(name, runs, seed, seconds=seconds)


def _guided(name: str, runs: int, seed: int, seconds: float) -> Result:
    """Run the target under atheris in a child; what it reports is tried again here, without being watched."""
    folder = FOUND / name
    growing, seeds, slowest = folder / "corpus", folder / "seeds", folder / "slowest"
    for place in (growing, seeds):
        place.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("crash-*"):
        old.unlink()
    slowest.unlink(missing_ok=True)
    target = load(name)
    for number, data in enumerate(target.seeds()):
        (seeds / f"seed-{number}").write_bytes(data)
    (CORPUS / name).mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.guided",
        name,
        str(slowest),
        f"-runs={runs}",
        f"-seed={seed + 1}",
        f"-max_len={target.max_bytes}",
        "-timeout=20",
        "-rss_limit_mb=1024",
        "-print_final_stats=1",
        f"-max_total_time={int(min(seconds, 1e8)) or 1}",
        f"-artifact_prefix={folder}/crash-",
        str(growing),
        str(CORPUS / name),
        str(seeds),
    ]
    log = folder / "log"
    code, spent = _child(command, log)
    count = re.search(r"stat::number_of_executed_units:\s*(\d+)", log.read_text(encoding="utf-8", errors="replace"))
    inputs = int(count[1]) if count else 0
    slowest_ms, slow = noted(slowest)
    crashes = sorted(folder.glob("crash-*"))
    for crash in crashes:
        data = crash.read_bytes()
        error, _ = _tried(name, data)
        if error:
            return Result(inputs, spent, slowest_ms, error, data)
    if code or crashes:
        return Result(inputs, spent, slowest_ms, f"the fuzzer ended with {code}; see {log}")
    if slowest_ms <= LIMIT_MS:
        return Result(inputs, spent, slowest_ms)
    error, unwatched_ms = _tried(name, slow)  # watched code is slower: what counts is how long it takes without
    return Result(inputs, spent, slowest_ms if error else unwatched_ms, error, slow if error else b"")


def keep(name: str) -> int:
    """Keep the smallest inputs that reach, in this order, lines after lines nobody reached before; how many."""
    kept, target = CORPUS / name, load(name)
    candidates = [*corpus(name).values(), *(path.read_bytes() for path in (FOUND / name / "corpus").iterdir())]
    seen: set[Arc] = set()
    for data in (*target.seeds(), *(data for file, data in corpus(name).items() if file.startswith("bug-"))):
        seen |= arcs(target.check, data)
    chosen: list[bytes] = []
    for data in sorted(set(candidates), key=lambda data: (len(data), data)):
        if len(chosen) == _KEPT_FILES or len(data) > _KEPT_BYTES:
            break
        fresh = arcs(target.check, data) - seen
        if fresh:
            seen |= fresh
            chosen.append(data)
    for old in kept.iterdir():
        if not old.name.startswith("bug-"):
            old.unlink()
    for data in chosen:
        (kept / hashlib.sha256(data).hexdigest()[:12]).write_bytes(data)
    return len(list(kept.iterdir()))


def _child(command: list[str], log: Path) -> tuple[int, float]:
    """Its exit code and its CPU seconds: rates by the wall clock would say how busy the machine is."""
    with log.open("wb") as said:
        child = subprocess.Popen(command, stdout=said, stderr=said, env=_environment())
        _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, used.ru_utime + used.ru_stime


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONHASHSEED": "0"}


def _tried(name: str, data: bytes) -> tuple[str, float]:
    """What this input raises when it is checked here, empty when it passes; and its ms of CPU."""
    watch = Stopwatch(load(name).check)
    try:
        with _ALONE:
            watch.run(data)
    except Exception as error:  # noqa: BLE001 - whatever a parser lets through is what is looked for
        return f"{type(error).__name__}: {error}", watch.slowest_ms
    return "", watch.slowest_ms


def _replay(name: str, source: Path) -> int:
    error, _ = _tried(name, source.read_bytes())
    print(f"{name}: {error or 'accepted, or refused as it should be'}")
    return int(bool(error))


def _line(name: str, result: Result, *, guided: bool) -> str:
    rate = result.inputs / max(result.seconds, 1e-3)
    how = "guided" if guided else "plain"
    return (
        f"{name}: {result.inputs} inputs, {how}, {rate:.0f} per CPU second, slowest {result.slowest_ms:.1f} ms: "
        f"{'FOUND ' + result.error[:500] if result.error else 'nothing found'}"
    )


def _tell(name: str, result: Result) -> None:
    path = FOUND / name / f"found-{hashlib.sha256(result.found).hexdigest()[:12]}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(result.found)
    again = f"{typed.PYTHON} -m tests.fuzz {name} --replay {path.relative_to(Path.cwd())}"
    print(f"  input: {result.found!r}\n  again: {again}")


if __name__ == "__main__":
    sys.exit(main())
