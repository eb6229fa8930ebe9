"""What an open console costs the daemon in memory, log-ins included."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from gateway.console import otp, servicekey
from gateway.console.wire import Role
from gateway.installation import load
from tests.config.drafts import GOOD, write

GROWTH_MAX_KB = 6_000
PASSWORD = "Abcdef1!"


def test_an_open_console_costs_little_and_a_log_in_nothing(tmp_path: Path) -> None:
    """The actions are loaded with the first line (3 MB); the 8 MB that a password takes to check are given back."""
    key = servicekey.derive(b"m" * 32, "gw-1")
    (tmp_path / "data").mkdir()
    (tmp_path / "service.key").write_text(servicekey.written(key))
    (tmp_path / "service.key").chmod(0o600)
    config = write(tmp_path, GOOD + '[console]\nservice_key = "service.key"\n')
    path = load(config).configuration.console
    with (tmp_path / "log").open("wb") as log:
        daemon = subprocess.Popen([sys.executable, "-m", "gateway", "run", "--config", str(config)], stdout=log)
    try:
        until = time.monotonic() + 30
        while not path.exists():
            assert time.monotonic() < until, (tmp_path / "log").read_text()
            time.sleep(0.05)
        time.sleep(1)
        before_kb = _rss_kb(daemon.pid)
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(path))
            digits = _ask(line, "challenge", name="anna", role="supervisor")["challenge"]
            subject = otp.Subject("gw-1", "anna", Role.SUPERVISOR)
            _ask(line, "login", code=otp.answer(servicekey.key_for(key, servicekey.Use.OTP), subject, digits))
            _ask(line, "user.add", name="rossi", role="technician", password=PASSWORD)
            for _ in range(3):
                _ask(line, "login", name="rossi", password=PASSWORD)
            _ask(line, "status")
        grown_kb = _rss_kb(daemon.pid) - before_kb
        assert grown_kb <= GROWTH_MAX_KB, f"{grown_kb} kB"
    finally:
        daemon.terminate()
        daemon.wait(20)


def _ask(line: socket.socket, do: str, **args: str) -> dict[str, Any]:
    line.sendall(json.dumps({"id": 1, "do": do, "args": args}).encode() + b"\n")
    heard = b""
    while not heard.endswith(b"\n"):
        heard += line.recv(65_536)
    answer: dict[str, Any] = json.loads(heard)
    assert answer["ok"], answer
    data: dict[str, Any] = answer["data"]
    return data


def _rss_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
