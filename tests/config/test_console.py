"""The table [console]: what `check` says of it, and what is refused before the daemon fails on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway import plan
from gateway.installation import load
from tests.config.drafts import GOOD, examine, spoil, write


def test_without_the_table_the_socket_is_in_the_data_folder(tmp_path: Path) -> None:
    """On by default, for the gateway's own user and group; without a key there are no codes, and `check` says so."""
    configuration = load(write(tmp_path)).configuration
    assert configuration.console == tmp_path / "data" / "console.sock"
    assert configuration.service_key is None
    said = plan.lines(load(write(tmp_path)))
    at = said.index("Console")
    assert said[at + 1] == f"  {tmp_path / 'data' / 'console.sock'}, for the gateway's own group"
    assert "without service_key nobody can log in for the first time" in said[at + 3]


def test_the_plan_tells_what_is_in_the_table(tmp_path: Path) -> None:
    """Socket, group, what a password must have and the key, as the daemon takes them (S4-20)."""
    (tmp_path / "service.key").write_text("00" * 32)
    (tmp_path / "service.key").chmod(0o600)
    table = '[console]\nsocket = "c.sock"\ngroup = "technicians"\nservice_key = "service.key"\npassword_length = 4\n'
    text = GOOD + table + "password_capital = false\npassword_special = false\n"
    said = plan.lines(load(write(tmp_path, text)))
    at = said.index("Console")
    assert said[at + 1 : at + 4] == [
        f"  {tmp_path / 'c.sock'}, for group technicians",
        "  passwords of at least 4 characters, a digit",
        f"  one-time and credit codes with the key {tmp_path / 'service.key'}",
    ]
    assert plan.lines(load(write(tmp_path, GOOD + "[console]\nenabled = false\n")))[at + 1] == (
        "  none (enabled = false)"
    )


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("sokcet = 1", ["[console] sokcet", "did you mean 'socket'?"]),
        ('group = "two words"', ["[console] group", "without spaces"]),
        ('group = "staff\\n"', ["[console] group"]),
        ("password_length = 3", ["[console] password_length", "from 4 to 64"]),
        ('password_digit = "yes"', ["[console] password_digit", "'yes'"]),
        ('service_key = "nowhere.key"', ["[console] service_key", "there is no file", "headend service-key"]),
        ('service_key = "open.key"', ["[console] service_key", "others may read it", "chmod 600"]),
        (f'socket = "{"x" * 120}"', ["[console] socket", "longer than the 103 bytes"]),
    ],
)
def test_what_is_refused(tmp_path: Path, table: str, said: list[str]) -> None:
    """One mistake, by its key, with what would be right."""
    (tmp_path / "open.key").write_text("00" * 32)
    (tmp_path / "open.key").chmod(0o640)
    _, errors, _ = examine(tmp_path, f"{GOOD}[console]\n{table}\n")
    assert len(errors) == 1
    assert all(part in errors[0] for part in said), errors[0]


def test_a_long_data_folder_is_no_reason_not_to_meter(tmp_path: Path) -> None:
    """Where nobody asked for a socket its name is a warning."""
    deep = "d" * 120
    _, errors, warnings = examine(tmp_path, spoil(('data = "data"', f'data = "{deep}"')))
    assert errors == []
    assert any("longer than the 103 bytes" in warning for warning in warnings)


def test_an_id_is_one_line(tmp_path: Path) -> None:
    """Ids travel in topics and codes: a line break at their end is no part of one."""
    _, errors, _ = examine(tmp_path, spoil(('id = "gw-1"', 'id = "gw-1\\n"')))
    assert len(errors) == 1
    assert "[gateway] id" in errors[0]
