"""What the proofs measured. Under `make proof` each ends by leaving its figures, and `docs/proof.md` shows the latest.

With them goes what was run, when, on which commit and for how long: an old figure shows its age, a small one its size.
A proof run by hand leaves nothing, so that a small run never replaces what a large one has shown.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

VARIABLE = "PROOF_FIGURES"
"""The folder for the figures, in the environment of a proof; without it they are only printed."""
_BEGAN_S = time.monotonic()

Figures = Mapping[str, str | int | float]


def record(name: str, figures: Figures) -> None:
    """Keep the figures of one proof under its name; their order is kept."""
    if folder := os.environ.get(VARIABLE):
        Path(folder).mkdir(parents=True, exist_ok=True)
        told = {
            "command": " ".join(["python", *sys.orig_argv[1:]]),
            "on": datetime.now(UTC).date().isoformat(),
            "commit": _commit(),
            "seconds": round(time.monotonic() - _BEGAN_S),
            "figures": dict(figures),
        }
        Path(folder, f"{name}.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def recorded(folder: Path) -> dict[str, dict[str, object]]:
    """All that was kept so far in the folder, by name."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def _commit() -> str:
    """The commit that was run; "" outside of a checkout."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        asked = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return asked.stdout.strip()
