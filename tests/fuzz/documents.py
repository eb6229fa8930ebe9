"""Targets for TOML files that are read into one document: what is shipped is where each begins."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from gateway import shipped
from gateway.errors import ConfigError
from tests.fuzz.mutation import mutate_toml
from tests.fuzz.target import Target

_SHM = Path("/dev/shm")
FILE = Path(tempfile.mkdtemp(prefix="fuzz-", dir=_SHM if _SHM.is_dir() else None)) / "fuzzed.toml"
atexit.register(shutil.rmtree, FILE.parent, ignore_errors=True)


def _first_lines(text: str) -> str:
    return "\n".join(text.splitlines()[:60])


def target(kind: str, load: Callable[[Path], object], shortened: Callable[[str], str] = _first_lines) -> Target:
    """`load` gives what is in a file of `config/<kind>/`, or raises ConfigError; a seed is a whole file, shortened."""
    return Target(partial(_check, load), partial(_seeds, kind, shortened), mutate_toml, max_bytes=5000)


def bare(text: str) -> bytes:
    """A file without its comments, which only slow the fuzzer down."""
    lines = [line.partition("  #")[0].rstrip() for line in text.splitlines()]
    return "\n".join(line for line in lines if line and not line.startswith("#")).encode()


def _check(load: Callable[[Path], object], data: bytes) -> None:
    FILE.write_bytes(data)
    try:
        load(FILE)
    except ConfigError as error:
        str(error)


def _seeds(kind: str, shortened: Callable[[str], str]) -> Iterator[bytes]:
    for path in sorted((shipped.folder() / kind).glob("*.toml")):
        yield shortened(bare(path.read_text(encoding="utf-8")).decode()).encode()
