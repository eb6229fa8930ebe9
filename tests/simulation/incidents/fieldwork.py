"""Work at the delivery point: another meter, tests, readings by eye, jobs (S4-05, S4-09, S2-13, S2-40).

The fitter hangs another meter there and reports what both showed; a report that is not true is a family of its own.
"""

from __future__ import annotations

import random
from functools import partial
from typing import Any
from weakref import WeakSet

from tests.simulation.center import STALE
from tests.simulation.desk import newest
from tests.simulation.incidents import incident
from tests.simulation.incidents.contract import instant
from tests.simulation.incidents.postings import civil
from tests.simulation.world import DAY_S, HOUR_S, World

FAMILY = "fieldwork"
FALSE = "false_report"
SHOWN_WH = {"inside": 10, "board": 1, "threshold": 1}
"""What the display of each meter counts in."""
WHO = {"company": "Elettro SA", "technician": "M. Rossi", "reason": "end of its calibration"}
_busy: WeakSet[World] = WeakSet()
"""Where a meter was exchanged and the report is still to come."""


def _shown(world: World) -> int:
    step_wh = SHOWN_WH[world.setting.variant.name]
    return world.meter.import_wh // step_wh * step_wh


def _report(world: World, chance: random.Random) -> dict[str, Any]:
    """The report of an exchange at this instant."""
    return {
        "old_serial": str(world.meter.serial), "old_end_wh": _shown(world),
        "new_serial": str(world.meter.serial + 1), "new_start_wh": chance.choice((0, 0, 10, 1250)),
        "consent": "sheet 12", **WHO,
    }  # fmt: skip


def _swap(world: World, report: dict[str, Any]) -> None:
    world.meter.swap(int(report["new_serial"]), report["new_start_wh"])


@incident(FAMILY, 0.6)
def meter_replaced(world: World, chance: random.Random) -> None:
    """Another meter hangs there; the report comes at once, after a while or hours later, and then once more."""
    if world in _busy:
        return
    _busy.add(world)
    report, center = _report(world, chance), world.center
    _swap(world, report)
    sent: list[dict[str, Any]] = []

    def tell() -> None:
        if sent:
            return
        body = {"account_id": center.account_id, **report}
        sent.append(body)
        center.insist("meter_replace", body)
        world.later(HOUR_S, lambda: answered(body))

    def answered(body: dict[str, Any]) -> None:
        order = newest(world, body)
        verdict = order.verdicts[-1] if order.verdicts else {"reason": "busy"}
        if order.status == "applied":
            _busy.discard(world)
            center.command("meter_replace", body)
        elif verdict["reason"] in STALE:
            world.later(HOUR_S, lambda: answered(body))
        else:
            world.faulted.add(FALSE)  # nobody will ever say what lies between the two registers

    world.later(chance.choice((0.0, 20.0, 600.0, 5 * HOUR_S)) * chance.uniform(0.5, 1.5), tell)
    world.on.healed.append(tell)


@incident(FAMILY, 0.7)
def bad_report(world: World, chance: random.Random) -> None:
    """Nobody agreed, nobody signed, an end that cannot be, the same meter again: refused, and nothing changes."""
    report = _report(world, chance)
    bad: list[dict[str, Any]] = [
        {"consent": ""},
        {"consent": "   "},
        {"technician": ""},
        {"old_end_wh": report["old_end_wh"] + 900_000},
        {"old_end_wh": max(0, report["old_end_wh"] - 50_000)},
        {"new_serial": report["old_serial"]},
    ]
    body = {"account_id": world.center.account_id, **report, **chance.choice(bad)}
    world.center.command("meter_replace", body)


@incident(FALSE, 0.3)
def never_exchanged(world: World, chance: random.Random) -> None:
    """The report is good in form and the old meter hangs on, or is exchanged only later."""
    report = _report(world, chance)
    world.center.insist("meter_replace", {"account_id": world.center.account_id, **report})
    if chance.random() < 0.5:
        world.meanwhile(chance.uniform(10, 3 * HOUR_S), partial(_swap, world, report))


@incident(FAMILY, 0.5)
def meter_test(world: World, chance: random.Random) -> None:
    """The meter is tested: begun, ended, ended again; some dates contradict each other."""
    center, test_id = world.center, f"t{chance.randrange(10**6)}"
    account = {"account_id": center.account_id, "test_id": test_id}
    frozen = chance.choice((None, -DAY_S, -400 * DAY_S, DAY_S))
    center.insist(
        "meter_test_begin",
        account | {"case_id": "c1"} | ({} if frozen is None else {"frozen_from": instant(world, frozen)}),
    )
    day = civil(world, chance.choice((0, 0, -1, 1))).isoformat()
    end = account | {
        "test_day": day,
        "outcome": chance.choice(("correct", "out_of_tolerance")),
        "technician": "M. Rossi",
    }
    for delay_s in (chance.uniform(0.1, 8) * HOUR_S, 9 * HOUR_S):
        world.later(delay_s, partial(center.insist, "meter_test_end", end))


@incident(FAMILY, 0.8)
def read_by_eye(world: World, chance: random.Random) -> None:
    """Somebody reads the display, well or badly; the distributor accepts it or not, or names one nobody sent."""
    center, away_wh = world.center, chance.choice((0, 0, 0, -200_000, 5_000_000))
    body = {"account_id": center.account_id, "value_wh": max(0, _shown(world) + away_wh)}
    body |= {
        "read_on": civil(world, chance.choice((0, 0, -1, 2))).isoformat(),
        "source": chance.choice(("self", "technician")),
    }
    center.insist("reading_manual", body)

    def validate() -> None:
        reading_id = newest(world, body).jti if chance.random() < 0.9 else "unknown"
        accept = chance.random() < 0.7
        said = {"account_id": body["account_id"], "reading_id": reading_id, "accept": accept}
        center.insist("reading_validate", said)

    world.later(chance.uniform(0.2, 20) * HOUR_S, validate)


@incident(FAMILY, 0.6)
def job(world: World, chance: random.Random) -> None:
    """Somebody will come, comes and is done; or the steps are in no order at all."""
    center = world.center
    name = {"account_id": center.account_id, "job_id": f"j{chance.randrange(4)}"}
    window = {
        "begins": instant(world, HOUR_S),
        "ends": instant(world, chance.choice((-HOUR_S, 3 * HOUR_S, 9 * HOUR_S))),
    }
    kind = chance.choice(("reading", "meter_replacement", "meter_test", "inspection"))
    center.insist("job_assign", name | window | {"kind": kind, "case_id": "c2"})
    states = (
        ["started", "done"] if chance.random() < 0.6 else chance.sample(["assigned", "done", "cancelled", "started"], 3)
    )
    for number, state in enumerate(states, start=1):
        moved = name | {"state": state, "technician": "M. Rossi"}
        world.later(number * chance.uniform(0.5, 3) * HOUR_S, partial(center.insist, "job_state", moved))
