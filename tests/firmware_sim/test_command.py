"""`firmware-sim` as a program: ready line, control lines, exit codes."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.firmware_sim.wires import PLANT


@contextmanager
def started(*arguments: str) -> Iterator[tuple["subprocess.Popen[str]", dict[str, Any]]]:
    """The program with its ready line read; it has ended when the block ends."""
    command = [sys.executable, "-m", "firmware_sim", "run", *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def say(process: "subprocess.Popen[str]", line: str) -> dict[str, Any]:
    """One control line and its answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    answer: dict[str, Any] = json.loads(process.stdout.readline())
    return answer


def test_ready_status_control_and_quit(tmp_path: Path) -> None:
    """Endpoints first; then each line is answered; `quit` ends with 0 and leaves no path behind."""
    with started("demo", "--dir", str(tmp_path), "--seed", "3") as (process, ready):
        assert ready["ready"] is True
        by_id = {line["id"]: line for line in ready["lines"]}
        assert by_id["rs485"]["pty"] == str(tmp_path / "ttyMETER")
        socket.create_connection(("127.0.0.1", by_id["lan"]["tcp"]), timeout=5).close()
        assert say(process, "load flat 2000") == {"ok": True}
        devices = {device["id"]: device for device in say(process, "status")["devices"]}
        assert devices["flat"]["power_w"] == 2000
        assert say(process, "relay flat open") == {"ok": True}
        devices = {device["id"]: device for device in say(process, "status")["devices"]}
        assert (devices["flat"]["relay_closed"], devices["flat"]["power_w"]) == (False, 0)
        assert say(process, "unplug rs485") == {"ok": True}
        assert not (tmp_path / "ttyMETER").exists()
        assert say(process, "replug rs485") == {"ok": True, "id": "rs485", "pty": str(tmp_path / "ttyMETER")}
        refused = say(process, "fault flat silense 5")
        assert refused["ok"] is False
        assert 'did you mean "silence"' in refused["error"]
        assert say(process, "quit") == {"ok": True}
        assert process.wait(10) == 0
        assert not (tmp_path / "ttyMETER").is_symlink()


@pytest.mark.parametrize("how", ["eof", "SIGTERM", "SIGINT"])
def test_it_ends_cleanly(how: str) -> None:
    """End of stdin, SIGTERM and SIGINT all end it with 0 and without a word on stderr."""
    with started("twenty-meters") as (process, _ready):
        if how == "eof":
            assert process.stdin is not None
            process.stdin.close()
        else:
            process.send_signal(signal.Signals[how])
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """The program, without a stdin that lasts."""
    return subprocess.run(
        [sys.executable, "-m", "firmware_sim", *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def test_a_bad_scenario_is_78(tmp_path: Path) -> None:
    """Exit 78 and one line that names file, key and what would be right."""
    path = tmp_path / "mine.toml"
    path.write_text(PLANT.replace("sdm630", "sdm63"))
    result = run("run", str(path))
    assert result.returncode == 78
    assert result.stdout == ""
    assert result.stderr == f'firmware-sim: {path}: meter[1].model: "sdm63" is not known; did you mean "sdm630"?\n'


@pytest.mark.parametrize("name", ["dmeo", "nowhere.toml"])
def test_a_scenario_that_is_not_there_is_78(name: str) -> None:
    """A misspelt name is answered with the nearest, a missing file with where to look."""
    result = run("run", name)
    assert result.returncode == 78
    assert ('did you mean "demo"' if name == "dmeo" else "cannot be read") in result.stderr


def test_a_port_in_use_is_69(tmp_path: Path) -> None:
    """A clear sentence, no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        path = tmp_path / "mine.toml"
        path.write_text(PLANT.replace('kind = "tcp"', f'kind = "tcp"\nport = {taken.getsockname()[1]}'))
        result = run("run", str(path))
    assert result.returncode == 69
    assert "cannot open a line" in result.stderr
    assert "Traceback" not in result.stderr


def test_wrong_usage_is_2() -> None:
    """As every command line."""
    assert run("walk").returncode == 2


def test_list_shows_models_scenarios_and_words() -> None:
    """What one needs to write a scenario."""
    result = run("list")
    assert result.returncode == 0
    for word in (
        "sdm630",
        "dds238",
        "ddsy1352",
        "iem3155",
        "relay-board",
        "bad-day",
        "household",
        "fault DEVICE late MS",
    ):
        assert word in result.stdout


def test_list_into_a_pipe_nobody_reads() -> None:
    """`firmware-sim list | head` ends without a traceback."""
    command = [sys.executable, "-m", "firmware_sim", "list"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(20) == 0
