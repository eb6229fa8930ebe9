"""What a technician does to a supply at the console: who may, what is on record, and what is signed."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.console.wire import Role
from gateway.documents.verify import verified
from gateway.prepayment.entitlement import control
from gateway.prepayment.supply import SupplyState, SwitchState
from tests.console.counterdesk import Station, story
from tests.prepayment.worlds import TERMS

HOUR_MS = 3_600_000
TOWARDS_FULL = ("override.set", "override.end", "safety.off", "restore")


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """A gateway with one account."""
    return Station(tmp_path)


async def broke(station: Station) -> None:
    """The household has used 25 francs of 20, was told, and four days later it is limited."""
    teller, counter = station.counter.teller, station.counter
    await teller.post("CH-1", counter.reading(100_000, after_ms=24 * HOUR_MS))
    for hour in range(100):
        await teller.contact(counter.clock.now())
        await teller.post("CH-1", counter.reading(100_000 + hour, after_ms=HOUR_MS))
    assert teller.accounts["CH-1"].supply.state in (SupplyState.LIMITED, SupplyState.SUSPENDED)


def replacing(**changes: Any) -> dict[str, Any]:
    """The report of a replacement that is right."""
    return {
        "account": "CH-1",
        "old_serial": "A-1",
        "old_end_wh": 1_500,
        "new_serial": "B-2",
        "new_start_wh": 0,
        "company": "Elettra SA",
        "consent": "sheet 17",
        "reason": "display dead",
        **changes,
    }


@pytest.mark.parametrize("do", TOWARDS_FULL)
def test_towards_full_needs_the_service_centre_and_a_reason(station: Station, do: str) -> None:
    """I14, decision 13: a password alone moves no supply, nor does a proven session without a reason."""

    async def run() -> None:
        async with station.open("CH-1"):
            rows = len(await station.rows())
            assert (await station.refused(do, account="CH-1", reason="x"))[0] == "not_allowed_here"
            station.as_role(Role.SUPERVISOR)
            assert (await station.refused(do, account="CH-1", reason="x"))[0] == "code_needed"
            station.as_role(Role.TECHNICIAN, proven=True)
            for reason in ("", "   ", "two\nlines", "x" * 121):
                assert (await station.refused(do, account="CH-1", reason=reason))[0] == "bad_arguments"
            assert len(await station.rows()) == rows

    story(run())


def test_an_override_is_in_the_books_with_its_technician_and_signed(station: Station) -> None:
    """I14: who asked is on record before it is done; rows, receipt and the signed statement have one id."""

    async def run() -> None:
        async with station.open("CH-1"):
            await broke(station)
            station.as_role(Role.TECHNICIAN, proven=True)
            done = await station.done("override.set", account="CH-1", reason="ill child", hours=2, energy_wh=500)
            account = station.counter.teller.accounts["CH-1"]
            assert control(account, TERMS).reason == "override"
            why = await station.done("account.why", account="CH-1")
            assert why["override"]["technician"] == "anna"
            assert (why["override"]["left_s"], why["override"]["left_wh"]) == (7_200, 500)
            events = {row["what"]: row for row in await station.rows("event")}
            asked, made = events["console.order"]["detail"], events["override.set"]["detail"]
            assert (asked["who"], asked["reason"], asked["command"]) == ("anna", "ill child", "override_set")
            assert (made["override"], made["technician"]) == (asked["command_id"], "anna")
            assert asked["command_id"].startswith("console-")
            found = verified(done["report"].encode(), None, station.device.private.public_key())
            facts = found.seal.facts
            assert (facts["who"], facts["hours"], facts["energy_wh"], facts["row"]) == ("anna", 2, 500, done["row"])
            assert json.loads(found.content)["why"] == "ill child"
            signed = events["console.signed"]["detail"]
            assert signed["seal"] in done["report"]
            assert signed["command_id"] == asked["command_id"]
            await station.done("override.end", account="CH-1", reason="settled")
            assert control(station.counter.teller.accounts["CH-1"], TERMS).reason != "override"

    story(run())


def test_what_the_books_refuse_says_why(station: Station) -> None:
    """Bad input: a full supply has nothing to override; the refusal is on record and nothing is signed."""

    async def run() -> None:
        async with station.open("CH-1"):
            station.as_role(Role.TECHNICIAN, proven=True)
            reason, detail = await station.refused("override.set", account="CH-1", reason="ill child")
            assert (reason, detail) == ("supply_full", {"state": "NORMAL"})
            assert (await station.rows("receipt"))[-1]["reason"] == "supply_full"
            assert "console.signed" not in [row["what"] for row in await station.rows("event")]
            assert (await station.refused("restore", account="CH-1", reason="seen"))[0] == "not_armed"
            assert (await station.refused("safety.off", account="CH-1", reason="seen"))[0] == "no_lockout"

    story(run())


def test_safety_opens_at_once_and_only_a_proven_session_releases(station: Station) -> None:
    """Decision 13: towards less only for safety, and its end is an authorised person's, with a reason on record."""

    async def run() -> None:
        async with station.open("CH-1"):
            station.as_role(Role.TECHNICIAN)
            await station.done("safety.on", account="CH-1", reason="work on the riser")
            account = station.counter.teller.accounts["CH-1"]
            assert account.lockout == "work on the riser (anna)"
            assert control(account, TERMS).switch is SwitchState.DISCONNECTED
            again = await station.refused("safety.on", account="CH-1", reason="fire")
            assert again == ("supply_locked_out", {"by": "work on the riser (anna)"})
            assert (await station.refused("safety.off", account="CH-1", reason="done"))[0] == "code_needed"
            station.as_role(Role.TECHNICIAN, proven=True, who="bruno")
            done = await station.done("safety.off", account="CH-1", reason="riser closed")
            facts = verified(done["report"].encode(), None, station.device.private.public_key()).seal.facts
            assert (facts["who"], facts["why"], facts["lockout"]) == (
                "bruno",
                "riser closed",
                "work on the riser (anna)",
            )
            assert control(station.counter.teller.accounts["CH-1"], TERMS).switch is SwitchState.CONNECTED

    story(run())


def test_the_longest_name_and_reason_fit_a_lockout(station: Station) -> None:
    """Bounds: who gave the order stands behind the reason, and both together are no longer than a label."""

    async def run() -> None:
        async with station.open("CH-1"):
            station.as_role(Role.TECHNICIAN, who="w" * 64)
            await station.done("safety.on", account="CH-1", reason="r" * 120)

    story(run())


def test_a_meter_is_replaced_with_consent_and_as_it_says_itself(station: Station) -> None:
    """S4-09, S2-21: not a Wh lost; serials and registers of both meters, consent and technician, signed."""

    async def run() -> None:
        async with station.open("CH-1"):
            teller, counter = station.counter.teller, station.counter
            await teller.post("CH-1", counter.reading(1_000, after_ms=HOUR_MS))
            counter.clock.advance(HOUR_MS)
            station.as_role(Role.TECHNICIAN, proven=True)
            station.shows("m1", 40, "B-2")
            shown = await station.done("replace.look", account="CH-1")
            assert (shown["last_wh"], shown["import_wh"], shown["serial"], shown["seen_s"]) == (1_000, 40, "B-2", 0)
            done = await station.done("replace.do", **replacing())
            assert done["detail"]["charged_wh"] == 500
            facts = verified(done["report"].encode(), None, station.device.private.public_key()).seal.facts
            assert (facts["old_serial"], facts["new_serial"], facts["consent"]) == ("A-1", "B-2", "sheet 17")
            assert (facts["who"], facts["read_serial"], facts["read_wh"]) == ("anna", "B-2", 40)
            replaced = next(row for row in await station.rows("event") if row["what"] == "meter.replaced")
            assert (replaced["detail"]["technician"], replaced["detail"]["company"]) == ("anna", "Elettra SA")
            await teller.post("CH-1", counter.reading(50))
            assert teller.accounts["CH-1"].usage.wh == 1_550

    story(run())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"new_serial": "C-3"}, "not_that_meter"),
        ({"new_start_wh": 41}, "start_above_register"),
        ({"consent": ""}, "no_consent"),
        ({"old_end_wh": 500}, "implausible_register"),
        ({"old_serial": "B-2"}, "wrong_serial"),
        ({"account": "CH-9"}, "unknown_account"),
    ],
)
def test_a_replacement_that_cannot_be_is_refused(station: Station, changes: dict[str, Any], expected: str) -> None:
    """S2-21: without consent, with another serial than the meter says, or an impossible register, nothing is booked."""

    async def run() -> None:
        async with station.open("CH-1"):
            await station.counter.teller.post("CH-1", station.counter.reading(1_000, after_ms=HOUR_MS))
            station.counter.clock.advance(HOUR_MS)
            station.as_role(Role.TECHNICIAN, proven=True)
            station.shows("m1", 40, "B-2")
            before = station.counter.teller.accounts["CH-1"]
            assert (await station.refused("replace.do", **replacing(**changes)))[0] == expected
            assert station.counter.teller.accounts["CH-1"] == before

    story(run())


def test_a_meter_that_does_not_answer_is_no_new_meter(station: Station) -> None:
    """S4-09: whoever leaves a silent meter behind would have to come back."""

    async def run() -> None:
        async with station.open("CH-1"):
            station.as_role(Role.TECHNICIAN, proven=True)
            assert (await station.refused("replace.do", **replacing()))[0] == "new_meter_silent"
            station.shows("m1", 40, "B-2")
            station.counter.clock.advance(120_001)
            assert (await station.refused("replace.do", **replacing()))[0] == "new_meter_silent"

    story(run())


def test_before_a_replacement_only_what_answers_now_is_shown(station: Station) -> None:
    """S4-09, threat 11: a serial seen long ago is the old meter's: its age is told, its register is not."""

    async def run() -> None:
        async with station.open("CH-1"):
            station.as_role(Role.TECHNICIAN, proven=True)
            assert not {"seen_s", "serial", "import_wh"} & set(await station.done("replace.look", account="CH-1"))
            station.shows("m1", 40, "A-1")
            station.counter.clock.advance(300_000)
            shown = await station.done("replace.look", account="CH-1")
            assert shown["seen_s"] == 300
            assert not {"serial", "import_wh"} & set(shown)

    story(run())
