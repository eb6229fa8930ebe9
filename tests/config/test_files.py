"""The files beside gateway.toml: what cannot be used is said by `check`, with what would be right."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gateway import shipped
from gateway.installation import load
from tests.config.drafts import GOOD, examine, write


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("ca", b"hello", "PEM certificates"),
        ("password_file", b"\n", "is empty"),
        ("password_file", b"\xff", "is not UTF-8"),
    ],
)
def test_a_file_of_the_link_that_cannot_be_used(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    """`check` says it before the daemon fails on it: an unusable CA, an empty or unreadable password."""
    (tmp_path / "file").write_bytes(content)
    text = GOOD.replace("tls = false\n", "") + f'{name} = "file"\nusername = "gw-1"\n'
    _, errors, _ = examine(tmp_path, text)
    assert len(errors) == 1
    assert f"[headend] {name}: {tmp_path / 'file'}: " in errors[0]
    assert said in errors[0]


def test_a_file_this_user_may_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password of another user is refused by name, with the mode and group that would be right."""
    (tmp_path / "file").write_text("secret")
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "file" and real(path, mode))
    _, errors, _ = examine(tmp_path, GOOD + 'password_file = "file"\nusername = "gw-1"\n')
    assert [error.rpartition("file: ")[2] for error in errors] == [
        "this user may not read it; mode 640 and the group of the gateway's user"
    ]


def test_a_file_written_on_windows(tmp_path: Path) -> None:
    """A byte order mark and CRLF are no mistakes."""
    file = write(tmp_path)
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(file).configuration.settings.gateway.id == "gw-1"


def test_a_tariff_of_gas_is_not_for_electricity(tmp_path: Path) -> None:
    """Decision 2: a price per Smc cannot price a kWh; the file says which of the two is meant."""
    (tmp_path / "tariffs").mkdir()
    gas = (shipped.folder() / "tariffs" / "it-gas.toml").read_text().replace('"EUR"', '"CHF"')
    (tmp_path / "tariffs" / "ch-flat.toml").write_text(gas)
    _, errors, _ = examine(tmp_path)
    assert any("the tariff is for gas, the account for electricity" in error for error in errors)


def test_a_file_under_another_name_is_known(tmp_path: Path) -> None:
    """A tariff copied to a name of one's own, still called what it was inside, is told: records carry that name."""
    (tmp_path / "tariffs").mkdir()
    shutil.copy(shipped.folder() / "tariffs" / "ch-flat.toml", tmp_path / "tariffs" / "mine.toml")
    _, errors, warnings = examine(tmp_path, GOOD.replace('"ch-flat"', '"mine"', 1))
    assert errors == []
    assert any("mine.toml calls itself 'ch-flat'" in warning for warning in warnings)


def test_a_port_in_quotes_is_explained_as_the_brokers(tmp_path: Path) -> None:
    """The hint is that of [headend] and not that of a serial port."""
    _, errors, _ = examine(tmp_path, GOOD.replace("port = 1883", 'port = "1883"'))
    assert len(errors) == 1
    assert errors[0].endswith(
        "[headend] port: expected `int`, got `str`, not '1883'; a number from 1 to 65535 without quotes"
    )


def test_a_certificate_without_its_own_key_is_refused(tmp_path: Path) -> None:
    """S4-22: the pair is tried before the first connection, and what is no pair is told by `check`."""
    (tmp_path / "cert.pem").write_text("no certificate")
    (tmp_path / "key.pem").write_text("no key")
    text = GOOD.replace("tls = false\n", "") + 'cert = "cert.pem"\nkey = "key.pem"\n'
    _, errors, _ = examine(tmp_path, text)
    [error] = errors
    assert f"[headend] cert: {tmp_path / 'cert.pem'}: is not usable" in error
    assert "a PEM certificate and the private key that belongs to it" in error


def test_a_service_key_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I14: the daemon could check no code of the service centre, so `check` says whose file it has to be."""
    key = tmp_path / "service.key"
    key.write_text("6d" * 32)
    key.chmod(0o600)
    text = GOOD + '\n[console]\nservice_key = "service.key"\n'
    assert examine(tmp_path, text)[1] == []
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "service.key" and real(path, mode))
    [error] = examine(tmp_path, text)[1]
    assert f"[console] service_key: {key}: this user may not read it; mode 600" in error


def test_a_copy_that_has_no_folder_is_a_warning(tmp_path: Path) -> None:
    """Threat 7: the daemon meters without its copy, and `check` says that there is none."""
    text = GOOD.replace('data = "data"', 'data = "data"\nbackup = "usb"')
    _, errors, warnings = examine(tmp_path, text)
    assert errors == []
    assert any(f"there is no folder {tmp_path / 'usb'}, so no copy of the store is kept" in one for one in warnings)
    (tmp_path / "usb").mkdir()
    assert not any("no copy of the store" in one for one in examine(tmp_path, text)[2])
