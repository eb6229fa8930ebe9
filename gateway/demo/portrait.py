"""Takes the picture of the live view for the README, from a real run.

    python -m gateway.demo.portrait docs/live.svg

The household of account 1 uses this and that for half a minute, then its power is limited while the oven is on.
"""

from __future__ import annotations

import asyncio
import io
import re
import sys
from pathlib import Path

from rich.console import Console

from gateway.demo.files import FLAT, SHOP
from gateway.demo.live import View
from gateway.demo.picture import render
from gateway.demo.stage import Plan, Stage, set_up

WIDTH, HEIGHT = 92, 25
_DAY = (
    (FLAT, 400, 4), (SHOP, 2600, 3), (FLAT, 1500, 5), (SHOP, 1500, 2), (FLAT, 700, 6), (SHOP, 3200, 3), (FLAT, 2200, 4),
    (SHOP, 2000, 3), (FLAT, 300, 5), (FLAT, 3000, 1),
)  # fmt: skip
_LIMITED_WITHIN_S = 90.0
_FONT_FACES = re.compile(r"\s*@font-face \{[^}]*\}")  # a picture that loads nothing from anywhere


def main() -> None:
    """Run the stage, wait for the limiter's warning, save the picture."""
    file = Path(sys.argv[1])
    file.write_text(asyncio.run(_picture()), encoding="utf-8")
    print(f"{file}: {file.stat().st_size} bytes")


async def _picture() -> str:
    view = View()
    async with set_up(Plan(flat_balance="3.40"), on_row=view.row, on_live=view.live) as stage:
        view.watch(stage)
        for place, watts, seconds in _DAY:
            await stage.simulator.say(f"load {place.device} {watts}")
            await asyncio.sleep(seconds)
        await stage.headend.until(lambda: _happened(stage, "limit.warning"), _LIMITED_WITHIN_S)
        view.note = "watch the limiter: it has warned, now it opens, and it closes again by itself"
        console = Console(record=True, width=WIDTH, height=HEIGHT, file=io.StringIO(), color_system="truecolor")
        console.print(render(view.snapshot(), WIDTH, HEIGHT), height=HEIGHT)
        svg = _FONT_FACES.sub("", console.export_svg(title="make run"))
        return svg.replace("<svg ", '<svg xml:space="preserve" ', 1)  # some viewers drop leading blanks otherwise


def _happened(stage: Stage, what: str) -> bool:
    return any(row.body.get("what") == what for row in stage.headend.rows)


if __name__ == "__main__":
    main()
