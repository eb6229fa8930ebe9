"""Runs that once broke a promise, kept by name: each must hold now."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.simulation.run import Result, play

FILE = Path(__file__).parent / "seeds.toml"


@dataclass(frozen=True, slots=True)
class Kept:
    """One `[[run]]`: `was` is what was wrong; `only` empty plays all incidents of the seed."""

    name: str
    was: str
    seed: int
    days: float
    until: float | None = None
    only: tuple[str, ...] = ()
    poll: int | None = None
    kinds: tuple[str, ...] = ()
    often: float = 1.0

    def play(self) -> Result:
        """Play it again."""
        return play(
            self.seed,
            self.days,
            until_days=self.until,
            only=self.only or None,
            poll_s=self.poll,
            kinds=self.kinds,
            often=self.often,
        )


def kept() -> list[Kept]:
    """All of them."""
    entries = tomllib.loads(FILE.read_text(encoding="utf-8")).get("run", [])
    return [Kept(**{**entry, **{key: tuple(entry.get(key, ())) for key in ("only", "kinds")}}) for entry in entries]
