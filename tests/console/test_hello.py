"""What the terminal asks before anything else: where it is, and the names to complete from."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from gateway import __version__
from gateway.console.desk import Desk
from gateway.console.hello import NAMES_MAX
from gateway.console.wire import Role
from gateway.prepayment.agenda import Agenda, Job, JobKind
from tests.console.desks import ask, at_line, opened


def test_the_terminal_learns_where_it_is_and_who_is_there(tmp_path: Path) -> None:
    """Decision 3, I14: gateway, version and time zone are for anybody; who is at the line is what the daemon says."""

    async def story() -> None:
        async with opened(tmp_path) as desk:
            met = (await ask(desk, at_line(desk, Role.NOBODY), "hello")).data
            assert (met.gateway, met.version, met.timezone) == ("gw-1", __version__, "Europe/Zurich")
            assert met.languages == ("en", "it")
            met = (await ask(desk, at_line(desk, Role.TECHNICIAN, proven=True), "hello")).data
            assert (met.who, met.role, met.proven) == ("rossi", Role.TECHNICIAN, True)

    asyncio.run(story())


def _planned(desk: Desk, account_id: str, *job_ids: str) -> None:
    """So many jobs on an account."""
    jobs = tuple(Job(job_id, JobKind.METER_TEST, "case", 0, 1) for job_id in job_ids)
    desk.teller._accounts[account_id] = replace(desk.teller.accounts[account_id], agenda=Agenda(jobs=jobs))


def test_tab_names_what_there_is_of_each_kind(tmp_path: Path) -> None:
    """S2-28, S4-20: accounts, meters, buses and jobs, sorted and bounded (I20), for whoever has logged in."""

    async def story() -> None:
        async with opened(tmp_path) as desk:
            viewer, found = at_line(desk), {}
            _planned(desk, "CH-0002", *(f"J-{number:03}" for number in range(NAMES_MAX + 1)))
            _planned(desk, "CH-0001", "A-1")
            for kind in ("account", "meter", "bus", "job"):
                found[kind] = (await ask(desk, viewer, "names", kind=kind)).data.names
            assert found == {
                "account": ("CH-0001", "CH-0002"),
                "meter": ("m1", "m2"),
                "bus": ("lan-1", "rs485-1"),
                "job": ("A-1", *(f"J-{number:03}" for number in range(NAMES_MAX - 1))),
            }
            assert (await ask(desk, viewer, "names", kind="user")).code == "E-ASK-02"
            assert (await ask(desk, at_line(desk, Role.NOBODY), "names", kind="meter")).code == "E-AUT-01"

    asyncio.run(story())
