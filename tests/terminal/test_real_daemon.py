"""The real program on both sides: the daemon as a process, and the console at a pseudo terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.site import GATEWAY, PROJECT, Site
from tests.terminal.person import Person


@pytest.fixture
def site(tmp_path: Path, free_ports: Callable[[], int]) -> Site:
    """Meters and a configuration; the broker is away, as in a cellar."""
    made = Site(tmp_path, free_ports())
    made.config.write_text(made.config.read_text() + '[console]\nsocket = "c.sock"\n')
    return made


@pytest.mark.timeout(120)
def test_the_console_and_the_daemon_meet(site: Site) -> None:
    """Issue 5, part 1: the configured socket, the gateway's id, a role that is missing, a restart mid-session."""
    config = ("console", "--config", str(site.config), "--lang", "en")
    person = Person(*config, module="gateway")
    try:
        person.sees("E-LNK-01")
        with site.gateway():
            person.sees(f"{GATEWAY} is there again.")
            person.type("who\t\r")
            person.sees("whoami \r\n")
            person.sees(f"{GATEWAY}> ")
            person.type("status\r")
            person.sees("E-AUT-01  This needs the role viewer; you are nobody.")
            person.type("help\r")
            person.sees("more in another role: `login`.")
        person.sees("waiting for it.")
        with site.gateway():
            person.sees("is there again.")
            once = subprocess.run(
                [sys.executable, "-m", "gateway", *config, "--json", "whoami"],
                capture_output=True,
                text=True,
                cwd=PROJECT,
                check=True,
            )
            assert json.loads(once.stdout)["who"] == ""
            person.type("quit\r")
            assert person.ends() == 0
    finally:
        person.close()
        site.close()
