"""Nothing grows without a bound: tasks, rows, quarter-hours, the files on the card (I20)."""

from __future__ import annotations

import asyncio

from tests.simulation.invariants.witness import Witness
from tests.simulation.world import DAY_S, HOUR_S

TASKS_MAX = 60
ROWS_A_DAY_MAX = 3000
"""One meter that trips its limiter all day and a head-end that sends a command a minute write fewer."""
BYTES_BESIDE_ROWS_MAX = 13_000_000
BYTES_A_ROW_MAX = 2_000
INTERVALS_MAX = 96 * 400


class Bounds:
    """Looks each hour."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._rows: list[int] = []
        self._restores = 0
        witness.world.on.hourly.append(self.look)

    def look(self) -> None:
        """Count what there is."""
        witness, world = self._witness, self._witness.world
        tasks = len(asyncio.all_tasks())
        if tasks > TASKS_MAX:
            world.violated("I20", f"{tasks} tasks")
        rows = len(witness.rows) + len(witness.lost)
        if witness.restores != self._restores:  # an image brought rows of its own
            self._restores, self._rows = witness.restores, []
        self._rows.append(rows)
        hours = round(DAY_S / HOUR_S)
        if len(self._rows) > hours and rows - self._rows.pop(0) > ROWS_A_DAY_MAX:
            world.violated("I20", f"more than {ROWS_A_DAY_MAX} rows in a day")
        bytes_held = sum(path.stat().st_size for path in world.medium.folder.rglob("*") if path.is_file())
        if bytes_held > BYTES_BESIDE_ROWS_MAX + BYTES_A_ROW_MAX * rows:
            world.violated("I20", f"{bytes_held} bytes on the card for {rows} rows")
        intervals = witness.query("SELECT count(*) FROM interval")
        if intervals and intervals[0][0] > INTERVALS_MAX:
            world.violated("I20", f"{intervals[0][0]} quarter-hours are kept")


def attach(witness: Witness) -> None:
    """Watch what is held."""
    Bounds(witness)
