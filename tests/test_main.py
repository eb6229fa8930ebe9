"""The command line: exit codes, messages on stderr, and what is not loaded."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from gateway import __version__, log
from gateway.__main__ import main
from tests.config.drafts import GOOD, write

PROJECT = Path(__file__).parent.parent


def gateway(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The program as a user starts it."""
    command = [sys.executable, "-m", "gateway", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=PROJECT)


def test_check_of_a_good_file(tmp_path: Path) -> None:
    """Exit 0, the plan on stdout, nothing on stderr."""
    answer = gateway("check", "--config", str(write(tmp_path)))
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.startswith("gateway gw-1")


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_wrong_configuration_is_exit_78(tmp_path: Path, command: str) -> None:
    """Systemd does not start again what would only fail again; the message names file, key and what would be right."""
    file = write(tmp_path, GOOD.replace('"hiking-dds238"', '"hiking-dds239"'))
    answer = gateway(command, "--config", str(file))
    assert answer.returncode == 78
    assert "did you mean 'hiking-dds238'?" in answer.stderr
    assert str(file) in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_missing_file_is_exit_78() -> None:
    """The default path that nobody has filled yet is a configuration mistake, not a crash."""
    answer = gateway("run", "--config", "/nonexistent/gateway.toml")
    assert answer.returncode == 78
    assert "/nonexistent/gateway.toml: there is no such file" in answer.stderr


def test_no_folder_for_the_store_is_exit_1(tmp_path: Path) -> None:
    """A store that cannot be opened is a failure of this run: exit 1 and what to do."""
    answer = gateway("run", "--config", str(write(tmp_path)))
    assert answer.returncode == 1
    assert "create it and give it to the gateway's user" in answer.stderr


def test_usage_is_exit_2() -> None:
    """Without a subcommand, or with an unknown one, the usage is shown."""
    assert gateway().returncode == 2
    assert gateway("dance").returncode == 2


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is the package's."""
    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"prepaid-gateway {__version__}\n"


def test_version_loads_nothing_of_the_daemon() -> None:
    """`version` answers at once: no event loop, no wire library."""
    code = "import sys; from gateway.__main__ import main; main(['version']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert not {"asyncio", "paho", "pymodbus", "structlog", "msgspec"} & set(loaded.stdout.split())


def test_the_daemon_loads_nothing_it_does_not_need() -> None:
    """Small machines: no rich, iotcore, PyYAML, jsonschema in the daemon, even when they are installed; no HTTP."""
    code = "import sys\nfrom gateway import log\nlog.configure()\nfrom gateway import app\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT)
    needless = {"rich", "iotcore", "yaml", "jsonschema", "gateway.demo", "gateway.reference"}
    needless |= {"urllib.request", "http.client", "email", "importlib.resources", "tempfile"}
    assert not needless & set(loaded.stdout.split())


def test_check_needs_no_wire_library() -> None:
    """`check` is fast: it plans requests without loading pymodbus or paho."""
    code = "import sys\nfrom gateway import plan\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert not {"pymodbus", "paho", "structlog"} & set(loaded.stdout.split())


@pytest.fixture
def keep_logging() -> Iterator[None]:
    """Give structlog and the root logger back as they were."""
    handlers = logging.getLogger().handlers
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers = handlers


@pytest.mark.usefixtures("keep_logging")
def test_events_are_names_with_fields_as_json() -> None:
    """Into a pipe each event is one JSON line, the name first; what libraries say comes the same way."""
    out = io.StringIO()
    log.configure(stream=out)
    structlog.get_logger().info("supply.transition", account_id="CH-0001", target="GRACE")
    structlog.get_logger().debug("poll.done")
    logging.getLogger("somebody").warning("look %s", "here")
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["supply.transition", "library.message"]
    assert out.getvalue().startswith('{"event":"supply.transition","account_id":"CH-0001"')
    assert lines[1]["message"] == "look here"


@pytest.mark.usefixtures("keep_logging")
def test_under_systemd_a_line_has_its_priority(tmp_path: Path) -> None:
    """When stdout is the journal's, a warning begins with <4> and carries no time of its own."""
    with (tmp_path / "journal").open("w+") as out:
        status = (tmp_path / "journal").stat()
        log.configure(stream=out, environ={"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
        structlog.get_logger().warning("meter.silent", meter_id="m1")
        out.seek(0)
        assert out.read() == '<4>{"event":"meter.silent","meter_id":"m1","level":"warning"}\n'


@pytest.mark.usefixtures("keep_logging")
def test_verbose_shows_debug_and_an_error_its_traceback() -> None:
    """`--verbose` logs what is silent otherwise; a defect is logged with where it came from."""
    out = io.StringIO()
    log.configure(verbose=True, stream=out)
    structlog.get_logger().debug("poll.done")
    structlog.get_logger().critical("gateway.failed", exc_info=RuntimeError("nobody expected this"))
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert lines[0]["event"] == "poll.done"
    assert "RuntimeError: nobody expected this" in lines[1]["exception"]


def test_check_into_a_pipe_nobody_reads(tmp_path: Path) -> None:
    """`prepaid-gateway check | head` ends without a traceback."""
    command = [sys.executable, "-m", "gateway", "check", "--config", str(write(tmp_path))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=PROJECT) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(20) == 1
