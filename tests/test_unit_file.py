"""The systemd unit: it starts the right thing, watches it, and gives it nothing it does not need."""

import os
import re
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from gateway.store import mark
from tests.foreign import program

UNIT = Path(__file__).parent.parent / "systemd" / "prepaid-gateway.service"
EXPOSURE_MAX = 1.5


def _directives() -> dict[str, str]:
    parser = ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # the documented way to keep upper case
    parser.read(UNIT, encoding="utf-8")
    return dict(parser["Service"])


def _analyse(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # In the user's scope, below a folder of the test: the system's scope wants to write to /run and needs root.
    environ = {**os.environ, "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    command = [str(program("systemd-analyze")), "--user", "--no-pager", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environ)


def _misunderstood(folder: Path, unit: Path) -> list[str]:
    said = _analyse(folder, "--man=no", "verify", str(unit)).stderr.splitlines()
    return [line for line in said if re.search(r"Unknown|Failed to parse|Invalid|ignoring: \S+=", line)]


@pytest.mark.timeout(300)
def test_the_exposure_stays_low(tmp_path: Path) -> None:
    """`systemd-analyze security` scores the unit at 1.5 or less (10 is everything allowed)."""
    answer = _analyse(tmp_path, "--offline=true", "security", str(UNIT))
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", answer.stdout)
    assert found, answer.stderr
    assert float(found[1]) <= EXPOSURE_MAX


@pytest.mark.timeout(300)
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    """`systemd-analyze verify` knows every key and value; a copy with two slips shows that it would say so."""
    assert _misunderstood(tmp_path, UNIT) == []
    slips = UNIT.read_text(encoding="utf-8").replace("WatchdogSec=60", "WatchdogSecs=60\nProtectSystem=stricter")
    copy = tmp_path / UNIT.name
    copy.write_text(slips, encoding="utf-8")
    assert len(_misunderstood(tmp_path, copy)) == 2


def test_a_hang_and_a_crash_end_in_a_restart() -> None:
    """The daemon says when it is ready, is watched, and comes back after anything but a wrong configuration."""
    service = _directives()
    assert service["Type"] == "notify"
    assert int(service["WatchdogSec"]) > 0
    assert service["Restart"] == "always"
    assert service["RestartPreventExitStatus"] == "78"


def test_a_power_cut_is_told_from_a_crash_below_the_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decision 8: the unit hides the kernel's boot id, so it says it itself; else a power cut would use up a top-up."""
    service = _directives()
    assert service["ProcSubset"] == "pid"
    assert service["Environment"] == f"{mark.BOOT_VARIABLE}=%b"
    boot = "0123456789abcdef0123456789abcdef"
    monkeypatch.setenv(mark.BOOT_VARIABLE, boot)
    monkeypatch.setattr(mark, "_BOOT_ID", Path("/nowhere/boot_id"))
    assert mark.boot_id() == boot
    monkeypatch.setenv(mark.BOOT_VARIABLE, "x" * 600)
    assert len(mark.boot_id()) == mark.BOOT_CHARACTERS, "the mark is one sector"
    monkeypatch.delenv(mark.BOOT_VARIABLE)
    assert mark.boot_id() == ""


def test_it_runs_as_a_user_of_its_own_with_its_own_state() -> None:
    """Its user is the one sysusers.d makes, a member of dialout, and its state is where the configuration says."""
    service = _directives()
    users = (UNIT.parent / "prepaid-gateway.sysusers").read_text(encoding="utf-8")
    assert service["User"] == "prepaid-gateway"
    assert re.search(rf"^u {service['User']} ", users, flags=re.MULTILINE)
    assert re.search(rf"^m {service['User']} dialout$", users, flags=re.MULTILINE)
    assert service["StateDirectory"] == "prepaid-gateway"


def test_the_consoles_socket_has_a_folder_that_its_group_can_enter() -> None:
    """The unit makes the folder of the example's socket; the socket's own mode and group decide who may open it."""
    service = _directives()
    example = (UNIT.parent.parent / "config" / "gateway.toml").read_text(encoding="utf-8")
    assert f'socket = "/run/{service["RuntimeDirectory"]}/console.sock"' in example
    assert service["RuntimeDirectoryMode"] == "0755"
    users = (UNIT.parent / "prepaid-gateway.sysusers").read_text(encoding="utf-8")
    assert re.search(r"^[gu] prepaid-console -", users, flags=re.MULTILINE)
    assert re.search(rf"^m {service['User']} prepaid-console$", users, flags=re.MULTILINE)
    assert "AF_UNIX" in service["RestrictAddressFamilies"]
