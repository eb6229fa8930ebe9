"""What the proofs measured: each ends by writing its figures, and `docs/proof.md` shows the latest of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parent.parent / ".cache" / "proof"


def record(name: str, figures: Mapping[str, str | int | float]) -> None:
    """Keep the figures of one proof, named like its section in docs/proof/; the order of the figures is kept."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(dict(figures), indent=1) + "\n", encoding="utf-8")


def recorded() -> dict[str, dict[str, str | int | float]]:
    """All figures kept so far, by name."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
