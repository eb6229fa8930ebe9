"""The service centre's side of a one-time code: keys from one master secret, codes from what is read out."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.console import otp, servicekey
from gateway.console.wire import Role
from gateway.reference.cli import REFUSED, USAGE, main

CHALLENGE = otp.new_challenge(lambda _: 1234567890)


def _make(folder: Path, gateway: str = "gw-1", *more: str) -> Path:
    out = folder / f"{gateway}.key"
    assert main(["service-key", "--master", str(folder / "m.key"), "--gateway", gateway, "--out", str(out), *more]) == 0
    return out


def test_each_gateway_has_a_key_of_its_own(tmp_path: Path) -> None:
    """One master secret, made once and never overwritten; the files are for their owner alone."""
    first, second = _make(tmp_path, "gw-1", "--new"), _make(tmp_path, "gw-2")
    assert first.stat().st_mode & 0o777 == second.stat().st_mode & 0o777 == 0o600
    master = servicekey.read(tmp_path / "m.key")
    assert servicekey.read(first) == servicekey.derive(master, "gw-1") != servicekey.read(second)
    before = first.read_bytes()
    arguments = ["service-key", "--master", str(tmp_path / "m.key"), "--gateway", "gw-1", "--out", str(first)]
    assert main(arguments) == USAGE
    assert main([*arguments, "--new"]) == USAGE
    assert first.read_bytes() == before
    assert servicekey.read(tmp_path / "m.key") == master


def test_the_code_is_the_one_the_gateway_waits_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """S4-23: what the tool prints is what the gateway computes with the key it was given; groups are only to read."""
    key = servicekey.key_for(servicekey.read(_make(tmp_path, "gw-1", "--new")), servicekey.Use.OTP)
    capsys.readouterr()
    groups = [CHALLENGE[at : at + 4] for at in range(0, 12, 4)]
    for typed in ([CHALLENGE], groups):
        arguments = ["otp", "--master", str(tmp_path / "m.key"), "--gateway", "gw-1", "--name", "rossi"]
        assert main([*arguments, "--role", "technician", *typed]) == 0
        printed = capsys.readouterr().out.strip()
        assert otp.read(printed) == otp.answer(key, otp.Subject("gw-1", "rossi", Role.TECHNICIAN), CHALLENGE)


def test_a_misheard_challenge_is_not_answered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong digit is told to the service centre, where it can be asked again."""
    _make(tmp_path, "gw-1", "--new")
    arguments = ["otp", "--master", str(tmp_path / "m.key"), "--gateway", "gw-1", "--name", "rossi"]
    assert main([*arguments, "--role", "viewer", CHALLENGE[:-1] + "0"]) == USAGE != REFUSED
    assert "missing or mistyped" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, "", "zz" * 32, "00" * 16])
def test_a_master_secret_that_is_none(tmp_path: Path, content: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    """Missing, empty, damaged: said with the file's name, and nothing is made."""
    if content is not None:
        (tmp_path / "m.key").write_text(content)
        (tmp_path / "m.key").chmod(0o600)
    out = tmp_path / "gw.key"
    assert main(["service-key", "--master", str(tmp_path / "m.key"), "--gateway", "g", "--out", str(out)]) == USAGE
    assert "m.key" in capsys.readouterr().err
    assert not out.exists()
