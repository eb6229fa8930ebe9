"""The systemd unit: it starts the right thing, watches it, and gives it nothing it does not need."""

import re
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from tests.foreign import program

UNIT = Path(__file__).parent.parent / "systemd" / "prepaid-gateway.service"
EXPOSURE_MAX = 1.5


def _directives() -> dict[str, str]:
    parser = ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # the documented way to keep upper case
    parser.read(UNIT, encoding="utf-8")
    return dict(parser["Service"])


@pytest.mark.timeout(300)
def test_the_exposure_stays_low() -> None:
    """`systemd-analyze security` scores the unit at 1.5 or less (10 is everything allowed)."""
    command = [str(program("systemd-analyze")), "security", "--offline=true", "--no-pager", str(UNIT)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", answer.stdout)
    assert found, answer.stderr
    assert float(found[1]) <= EXPOSURE_MAX


@pytest.mark.timeout(300)
def test_systemd_knows_every_directive() -> None:
    """`systemd-analyze verify` complains about nothing but the program that is not installed here."""
    command = [str(program("systemd-analyze")), "verify", "--man=no", str(UNIT)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    complaints = [line for line in answer.stderr.splitlines() if UNIT.name in line]
    assert [line for line in complaints if "is not executable" not in line] == []


def test_a_hang_and_a_crash_end_in_a_restart() -> None:
    """The daemon says when it is ready, is watched, and comes back after anything but a wrong configuration."""
    service = _directives()
    assert service["Type"] == "notify"
    assert int(service["WatchdogSec"]) > 0
    assert service["Restart"] == "always"
    assert service["RestartPreventExitStatus"] == "78"


def test_it_runs_as_a_user_of_its_own_with_its_own_state() -> None:
    """Its user is the one sysusers.d makes, a member of dialout, and its state is where the configuration says."""
    service = _directives()
    users = (UNIT.parent / "prepaid-gateway.sysusers").read_text(encoding="utf-8")
    assert service["User"] == "prepaid-gateway"
    assert re.search(rf"^u {service['User']} ", users, flags=re.MULTILINE)
    assert re.search(rf"^m {service['User']} dialout$", users, flags=re.MULTILINE)
    assert service["StateDirectory"] == "prepaid-gateway"
