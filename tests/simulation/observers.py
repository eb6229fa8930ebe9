"""Who listens to a run, and what is said of one that falls over."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

if TYPE_CHECKING:
    from tests.simulation.console import Asked
    from tests.simulation.post import Posted

Of = ParamSpec("Of")


@dataclass(slots=True)
class Observers:
    """Who is told what by `World.hear`; invariants append themselves."""

    committed: list[Callable[..., None]] = field(default_factory=list)
    said: list[Callable[[str, bytes], None]] = field(default_factory=list)
    """The gateway has just let go of a message; `published` is when it reaches the broker."""
    published: list[Callable[[str, bytes], None]] = field(default_factory=list)
    written: list[Callable[[int, bytes], None]] = field(default_factory=list)
    started: list[Callable[[], None]] = field(default_factory=list)
    ended: list[Callable[[str], None]] = field(default_factory=list)
    restored: list[Callable[[], None]] = field(default_factory=list)
    hourly: list[Callable[[], None]] = field(default_factory=list)
    settled: list[Callable[[], None]] = field(default_factory=list)
    healed: list[Callable[[], object]] = field(default_factory=list)
    asked: list[Callable[[Asked], None]] = field(default_factory=list)
    """Something is asked at the console, and, with its answer, has been."""
    judged: list[Callable[[bool], None]] = field(default_factory=list)
    """A password has just been compared with the right one."""
    posted: list[Callable[[Posted], None]] = field(default_factory=list)
    """A message has reached the customer."""


def fall(error: BaseException) -> str:
    """What fell over, and where."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{error!r}" + (f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else "")
