"""The incidents of the register are really played: a wrap is a wrap, and is charged as one."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

from tests.simulation.incidents import KINDS, Kind, plan_of
from tests.simulation.run import play
from tests.simulation.site import WRAPS_AT_KWH
from tests.simulation.world import World, setting_of

WRAPS_AT_WH = WRAPS_AT_KWH * 1000


@pytest.mark.parametrize(("seed", "name"), [(3, "inside"), (5, "board"), (24, "threshold"), (15, "board")])
def test_a_wrap_is_played_in_every_installation(seed: int, name: str) -> None:
    """Threat 14, I5, I6: the register begins again from 0; a row says so, and what lies across is charged."""
    worlds: list[World] = []
    setting = setting_of(seed, 1.0)
    plan_of(setting)  # all kinds are known now
    looks = Kind("looks", "nothing", 200.0, lambda world, _chance: worlds.append(world))
    with mock.patch.dict(KINDS, {"looks": looks}):
        result = play(seed, 1.0, kinds=("about_to_wrap", "looks"), often=60)
    assert setting.variant.name == name
    assert result.violations == ()
    rows = worlds[0].center.rows
    wrapped = [row["detail"] for row in rows if row.get("what") == "register.wrapped"]
    assert wrapped
    assert all(int(detail["wraps_at_wh"]) == WRAPS_AT_WH for detail in wrapped)
    across = [row for row in rows if row.get("kind") == "charge" and _advance_wh(row) < 0]
    assert 1 <= len(across) <= len(wrapped)  # the last one may wait for its settlement
    assert all(_charged_wh(row) == _advance_wh(row) + WRAPS_AT_WH for row in across)


def _advance_wh(row: dict[str, Any]) -> int:
    return int(row.get("to_register_wh", 0)) - int(row.get("from_register_wh", 0))


def _charged_wh(row: dict[str, Any]) -> int:
    return sum(int(line["wh"]) for line in row["lines"] if line["component"] == "energy")
