"""What the proofs measured. Under `make proof` each ends by leaving its figures, and `docs/proof.md` shows the latest.

A proof run by hand leaves nothing, so that a small run never replaces what a large one has shown.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "PROOF_FIGURES"
"""The folder for the figures, in the environment of a proof; without it they are only printed."""


def record(name: str, figures: Mapping[str, str | int | float]) -> None:
    """Keep the figures of one proof under its name; their order is kept."""
    if folder := os.environ.get(VARIABLE):
        Path(folder).mkdir(parents=True, exist_ok=True)
        path = Path(folder, f"{name}.json")
        path.write_text(json.dumps(dict(figures), indent=1) + "\n", encoding="utf-8")


def recorded(folder: Path | None = None) -> dict[str, dict[str, str | int | float]]:
    """All figures kept so far in the folder (else the one in the environment), by name."""
    named = os.environ.get(VARIABLE, "") if folder is None else str(folder)
    found = sorted(Path(named).glob("*.json")) if named else []
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in found}
