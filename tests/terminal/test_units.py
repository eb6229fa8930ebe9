"""The console under systemd: its own unit for a port, and in place of a login shell."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.terminal import cli
from tests.terminal.person import ROOT
from tests.test_unit_file import EXPOSURE_MAX, _analyse, _misunderstood

UNITS = ROOT / "systemd"
UNIT = UNITS / "prepaid-gateway-console@.service"
DROP_IN = UNITS / "serial-getty-console.conf"


@pytest.mark.timeout(300)
def test_the_unit_of_a_port_is_understood_and_tight(tmp_path: Path) -> None:
    """Every line of the template is known to systemd, and its exposure is no larger than the daemon's may be."""
    copy = tmp_path / "prepaid-gateway-console@ttyUSB1.service"
    copy.write_text(UNIT.read_text(encoding="utf-8"), encoding="utf-8")
    assert _misunderstood(tmp_path, copy) == []
    answer = _analyse(tmp_path, "--offline=true", "security", str(copy))
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", answer.stdout)
    assert found, answer.stderr
    assert float(found[1]) <= EXPOSURE_MAX


def test_both_start_the_console_as_its_own_user() -> None:
    """What they start are options of the program; the user is the one that sysusers.d makes, and never root."""
    users = (UNITS / "prepaid-gateway.sysusers").read_text(encoding="utf-8")
    assert re.search(r"^u prepaid-console ", users, flags=re.MULTILINE)
    unit, drop_in = UNIT.read_text(encoding="utf-8"), DROP_IN.read_text(encoding="utf-8")
    assert "User=prepaid-console\n" in unit
    assert "--reuid=prepaid-console --regid=prepaid-console" in drop_in
    for text in (unit, drop_in):
        found = re.search(r"prepaid-gateway console ([^\"]*?)(\"|\n[^ ])", text)
        assert found
        options = found[1].replace("\\\n", " ").replace("${BAUD}", "9600").split()
        assert cli._parser().parse_args(options).socket == "/run/prepaid-gateway/console.sock"
