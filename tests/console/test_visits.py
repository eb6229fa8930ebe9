"""Jobs, outages, tests and readings at the console: windows are flagged, dates are the gateway's own."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.commands import Command
from gateway.commands.fieldwork import JobAssignBody
from gateway.console.access import ORDERS_BURST
from gateway.console.visits import _error_ppm
from gateway.console.wire import Role
from gateway.documents.verify import verified
from gateway.prepayment.agenda import JobKind
from gateway.prepayment.events import TimeTrust
from gateway.prepayment.holds import mutes
from tests.console.counterdesk import Station, story

HOUR_MS = 3_600_000
MONDAY = datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """A gateway with two accounts."""
    return Station(tmp_path)


async def assign(station: Station, job: str, begins_h: float, ends_h: float, account: str = "CH-1") -> None:
    """The head-end assigns a job; hours from Monday morning."""
    window = (MONDAY + timedelta(hours=begins_h), MONDAY + timedelta(hours=ends_h))
    body = JobAssignBody(account, job, JobKind.METER_TEST, *window, "case 7")
    await station.counter.teller.execute(station.counter.order(Command.JOB_ASSIGN, body))


def test_jobs_are_listed_started_and_done(station: Station) -> None:
    """S4-05, S4-08: the earliest first, with their windows; the start and the end are on record with who it was."""

    async def run() -> None:
        async with station.open("CH-1", "CH-2"):
            await assign(station, "J-2", 3, 4)
            await assign(station, "J-1", 0, 2, "CH-2")
            station.as_role(Role.VIEWER)
            jobs = (await station.done("job.list"))["jobs"]
            assert [(one["job"], one["account"], one["now"]) for one in jobs] == [
                ("J-1", "CH-2", True),
                ("J-2", "CH-1", False),
            ]
            assert (jobs[0]["begins"], jobs[0]["kind"]) == ("2026-03-02T08:00:00.000Z", "meter_test")
            assert (await station.refused("job.start", job="J-1"))[0] == "not_allowed_here"
            station.as_role(Role.TECHNICIAN)
            assert "note" not in await station.done("job.start", job="J-1")
            assert "note" not in await station.done("job.done", job="J-1")
            detail = (await station.rows("event"))[-1]["detail"]
            assert (detail["job_id"], detail["technician"]) == ("J-1", "anna")
            assert [one["job"] for one in (await station.done("job.list"))["jobs"]] == ["J-2"]

    story(run())


def test_a_start_outside_its_window_is_flagged_and_not_refused(station: Station) -> None:
    """S4-05: somebody stands at the door; the record says that it was too early."""

    async def run() -> None:
        async with station.open("CH-1"):
            await assign(station, "J-1", 3, 4)
            station.as_role(Role.TECHNICIAN)
            done = await station.done("job.start", job="J-1")
            assert done["note"] == "outside_window"
            assert (await station.rows("event"))[-1]["detail"]["outside_window"] == 1
            assert (await station.refused("job.start", job="J-1"))[0] == "job_state"
            assert (await station.refused("job.done", job="J-9"))[0] == "no_job"

    story(run())


def test_outages_are_planned_seen_and_cancelled(station: Station) -> None:
    """S4-06: a window without network; no alarm of silence inside of it, and it is shown while it goes on."""

    async def run() -> None:
        async with station.open("CH-1"):
            station.as_role(Role.TECHNICIAN)
            window = {"begins": "2026-03-02T10:00+01:00", "ends": "2026-03-02T12:00:00+01:00"}
            plan = {"account": "CH-1", "outage": "O-9", "reference": "substation", **window}
            assert (await station.refused("outage.plan", **plan))[0] == "code_needed"
            station.as_role(Role.TECHNICIAN, proven=True)
            for wrong in ("noon", "2026-03-02T10:00", "2026-03-02"):
                assert (await station.refused("outage.plan", **{**plan, "begins": wrong}))[0] == "bad_arguments"
            await station.done("outage.plan", **plan)
            (line,) = (await station.done("outage.list"))["outages"]
            assert (line["begins"], line["set_by"], line["now"]) == ("2026-03-02T09:00:00.000Z", "console/anna", False)
            now = station.counter.clock.advance(HOUR_MS + 1)
            assert mutes(station.counter.teller.accounts["CH-1"], now)
            station.as_role(Role.TECHNICIAN, proven=True)
            assert (await station.done("outage.list", account="CH-1"))["outages"][0]["now"]
            await station.done("outage.cancel", account="CH-1", outage="O-9", reason="postponed")
            assert not mutes(station.counter.teller.accounts["CH-1"], station.counter.clock.now())
            assert (await station.refused("outage.cancel", outage="O-7", reason="x", account="CH-1"))[0] == "no_outage"

    story(run())


def test_a_comparison_test_has_its_technician_and_its_error(station: Station) -> None:
    """S2-14: the result is stored with the technician's name, the error computed from both registers, and signed."""

    async def run() -> None:
        async with station.open("CH-1"):
            station.as_role(Role.TECHNICIAN)
            await station.done("test.begin", account="CH-1", test="T-1", case="case 7")
            done = await station.done(
                "test.end",
                account="CH-1",
                test="T-1",
                meter_wh=1_031,
                reference_wh=1_000,
                outcome="out_of_tolerance",
                reference="MT-310 / 2026-01",
            )
            detail = next(row for row in await station.rows("event") if row["what"] == "meter_test.result")["detail"]
            assert (detail["technician"], detail["error_ppm"], detail["test_on"]) == ("anna", 31_000, "2026-03-02")
            facts = verified(done["report"].encode(), None, station.device.private.public_key()).seal.facts
            assert (facts["error_ppm"], facts["meter_wh"], facts["reference_wh"]) == (31_000, 1_031, 1_000)
            assert (await station.refused("test.begin", account="CH-1", test="T-1"))[0] == "test_exists"

    story(run())


@pytest.mark.parametrize(
    ("meter_wh", "reference_wh", "ppm"),
    [
        (1_000, 1_000, 0),
        (1_031, 1_000, 31_000),
        (969, 1_000, -31_000),
        (1, 3, -666_667),
        (2, 3, -333_333),
        (3, 1, 1_000_000),
        (1_000_000_000, 999_999_999, 0),
        (2_000_001, 2_000_000, 1),
    ],
)
def test_the_error_of_a_meter(meter_wh: int, reference_wh: int, ppm: int) -> None:
    """S2-14: in parts per million of the reference, rounded half away from zero, within what the command takes."""
    assert _error_ppm(meter_wh, reference_wh) == ppm


@pytest.mark.parametrize(("days", "note"), [(8, ""), (9, "outside_window")])
def test_a_self_reading_on_the_tenth_is_inside_the_window(station: Station, days: int, note: str) -> None:
    """S2-40: day 10 is accepted, day 11 stored and flagged; it waits for validation and moves no money."""

    async def run() -> None:
        async with station.open("CH-1"):
            counter = station.counter
            await counter.teller.post("CH-1", counter.reading(50_000, after_ms=(days - 1) * 24 * HOUR_MS))
            await counter.teller.post("CH-1", counter.reading(50_010, after_ms=24 * HOUR_MS))
            station.as_role(Role.TECHNICIAN)
            balance_nano = counter.teller.accounts["CH-1"].balance_nano
            done = await station.done("reading.enter", account="CH-1", value_wh=50_000)
            assert (done.get("note", ""), done["detail"]["status"]) == (note, "pending_validation")
            detail = (await station.rows("event"))[-1]["detail"]
            assert (detail["source"], detail["read_on"]) == ("self", f"2026-03-{2 + days:02d}")
            assert counter.teller.accounts["CH-1"].balance_nano == balance_nano
            low = await station.refused("reading.enter", account="CH-1", value_wh=48_000, source="technician")
            assert low[0] == "lower_than_last"

    story(run())


def test_without_a_date_nothing_is_dated(station: Station) -> None:
    """I16: a gateway that does not know the day stores no reading under a wrong one."""

    async def run() -> None:
        async with station.open("CH-1"):
            station.counter.clock.trust = TimeTrust.UNKNOWN
            station.as_role(Role.TECHNICIAN)
            assert (await station.refused("reading.enter", account="CH-1", value_wh=5))[0] == "clock_untrusted"

    story(run())


def test_an_order_repeated_without_end_does_not_fill_the_journal(station: Station) -> None:
    """I20: each order is a row for ever, refused or not; a person's pace goes, a script's does not, and it recovers.

    Decision 13: a first lock-out for safety is never kept waiting.
    """

    async def run() -> None:
        async with station.open("CH-1"):
            station.as_role(Role.TECHNICIAN)
            before = len(await station.rows())
            reasons = [(await station.ask("job.start", job="none")).reason for _ in range(3 * ORDERS_BURST)]
            assert set(reasons[:ORDERS_BURST]) == {"no_job"}
            assert set(reasons[ORDERS_BURST:]) == {"busy"}
            assert len(await station.rows()) - before <= 2 * ORDERS_BURST
            assert (await station.done("safety.on", reason="fire brigade"))["command"] == "lockout_set"
            assert (await station.refused("safety.on", reason="again"))[0] == "busy"
            station.counter.clock.advance(10_000)
            assert (await station.refused("job.start", job="none"))[0] == "no_job"

    story(run())
