"""The visit: in a cellar without a network a technician logs in, finds the dead meter, replaces it, tops up by code.

The transcript is kept in `tests/journeys/visit.txt` and printed in the technician's guide; run the test with
`VISIT=write` to renew it after a change that is meant.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.reference.headend import HeadEnd
from tests.brokers import Mosquitto
from tests.site import GATEWAY, PROJECT, Site, wait_for
from tests.visit.visitor import Visitor, alike

TRANSCRIPT = PROJECT / "tests" / "journeys" / "visit.txt"
MASTER = "6d" * 32 + "\n"
pytestmark = pytest.mark.timeout(240)


class ServiceCentre:
    """The utility's people on the phone: they have the tool, its master secret and its book."""

    def __init__(self, folder: Path) -> None:
        self.master = folder / "master.key"
        self.master.write_text(MASTER)
        self.master.chmod(0o600)
        self.book = folder / "book.json"

    def answers(self, challenge: str) -> str:
        """What they read out to somebody whose name they have checked."""
        said = self._tool("otp", "--name", "rossi", "--role", "technician", *challenge.split())
        found = re.search(r"(\d[\d ]{12,}\d)", said)
        assert found, said
        return found[1]

    def sells(self, account: str, amount: str) -> str:
        """A top-up in 40 digits."""
        said = self._tool("code", account, amount, "CHF", "--book", str(self.book))
        found = re.search(r"((?:\d{5} ?){8})", said)
        assert found, said
        return found[1].strip()

    def gives(self, key: Path) -> None:
        """The gateway's own service key, as it is put on the device before it is mounted."""
        self._tool("service-key", "--out", str(key))

    def _tool(self, *words: str) -> str:
        options = ("--gateway", GATEWAY, "--master", str(self.master))
        done = subprocess.run(
            [sys.executable, "-m", "gateway", "headend", words[0], *options, *words[1:]],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def site(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Site]:
    """A flat and a shop, with the console's socket in a short path."""
    made = Site(tmp_path, mosquitto.port, balance="3.00")
    yield made
    made.close()


def moves(headend: HeadEnd) -> list[str]:
    """The rungs the shop has reached."""
    return [row.body["target"] for row in headend.rows if row.body["type"] == "transition"]


async def _suspended(site: Site) -> None:
    """The shop uses up its credit while the head-end is there, and then the meter of the flat dies."""
    async with site.headend() as headend:
        await headend.until(lambda: {"SHOP", "FLAT"} <= set(headend.live))
        site.do("load shop 12000")
        await headend.until(lambda: "SUSPENDED" in moves(headend), 40)
        await headend.until(lambda: headend.live["SHOP"].switch == "DISCONNECTED")
        site.do("load shop 0")


def test_the_whole_visit(site: Site, mosquitto: Mosquitto) -> None:
    """S2-21, S2-28, S4-09, S4-23: soon after the log-in it is known what is wrong; then all of it is put right."""
    centre = ServiceCentre(site.folder)
    centre.gives(site.folder / "service.key")
    site.config.write_text(site.config.read_text() + '[console]\nservice_key = "service.key"\n')
    with site.gateway() as daemon:
        asyncio.run(_suspended(site))
        mosquitto.stop()
        site.do("fault flat silence")
        wait_for(lambda: any(line["event"] == "meter.silent" for line in site.logged()), 30)
        visitor = Visitor("console", "--config", str(site.config), "--lang", "en", module="gateway")
        try:
            visit(visitor, centre, site)
        finally:
            visitor.close()
        assert daemon.poll() is None
    seen = visitor.transcript().replace(str(site.folder), "/var/lib/prepaid-gateway")
    if os.environ.get("VISIT") == "write":
        TRANSCRIPT.write_text(seen, encoding="utf-8")
    assert alike(seen) == alike(TRANSCRIPT.read_text(encoding="utf-8"))


def visit(visitor: Visitor, centre: ServiceCentre, site: Site) -> None:
    """What is typed, one thing after the other."""
    visitor.sees("> ")
    visitor.type("login rossi --code\r")
    visitor.sees("Role")
    visitor.type("technician\r")
    visitor.sees("Answer (14 digits): ")
    challenge = re.search(rb"Challenge +([\d ]{14})", visitor.seen)
    assert challenge
    visitor.says(centre.answers(challenge[1].decode()))
    assert "meter does not answer" in visitor.says("status")
    visitor.says("why SHOP")
    visitor.says("meter flat")
    site.do("swap flat 33000001 5.2")
    site.do("clear flat")
    wait_for(lambda: any(line["event"] == "meter.back" for line in site.logged()), 30)
    assert "5.200 kWh" in visitor.says("meter flat")
    replaced(visitor)
    assert "FLAT     normal" in visitor.says("status")
    visitor.type("topup code SHOP\r")
    visitor.sees("digits): ")
    visitor.says(centre.sells("SHOP", "60.00"))
    wait_for(lambda: site.device("shop")["supply_closed"])
    assert "closed" in visitor.says("status")
    visitor.says("logout", "> ")
    visitor.type("quit\r")
    assert visitor.ends() == 0


def replaced(visitor: Visitor) -> None:
    """The guided replacement: each register twice, the customer's signature, then yes."""
    visitor.type("replace FLAT display dead\r")
    for prompt, answer in (
        ("OLD meter's plate", "11000001"),
        ("OLD meter, kWh", "1204.17"),
        ("Once more", "1204.17"),
        ("NEW meter's plate", "33000001"),
        ("NEW meter, kWh", "5.20"),
        ("Once more", "5.20"),
        ("export registers", "n"),
        ("Company", "Elettro Bianchi"),
        ("sheet the customer signed", "C-2026-118"),
        ("signed for them", "y"),
        ("all of it right", "y"),
    ):
        visitor.sees(prompt)
        visitor.sees(": " if prompt not in ("export registers", "signed for them", "all of it right") else "] ")
        visitor.type(answer + "\r")
    visitor.sees("Enter: no): ")
    visitor.says("")
