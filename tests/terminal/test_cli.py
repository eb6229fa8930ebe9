"""`prepaid-gateway console` from a shell: one command, scripts, options, exit codes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.console.wire import DEFAULT_SOCKET
from gateway.terminal import cli
from gateway.terminal.client import Away, Client
from tests.terminal.daemon import FakeDaemon
from tests.terminal.person import ROOT

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(daemon: FakeDaemon) -> Run:
    """Run the console with pipes, as a script does."""

    def start(*options: str, script: str = "") -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-m", "tests.terminal.verbs", "--socket", str(daemon.path), *options]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "LANG": "C"}
        return subprocess.run(
            program, input=script, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=30, check=False
        )

    return start


def test_one_command_answers_and_ends(run: Run) -> None:
    """Its words may be quoted by the shell; nothing is paged, nothing else is printed."""
    done = run("echo", "it's", "a  day")
    assert (done.returncode, done.stdout, done.stderr) == (0, 'said it\'s "a  day"\n', "")
    done = run("rows", "100")
    assert done.stdout.splitlines() == [f"row {number}" for number in range(100)]


def test_one_command_in_json(run: Run) -> None:
    """Issue 5, part 1: one line for machines, a refusal too, with the exit code beside it."""
    done = run("--json", "rows", "2")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"count": 2})
    done = run("--json", "rows", "many")
    told = json.loads(done.stdout)
    assert (done.returncode, told["code"], told["detail"]["typed"]) == (1, "E-KEY-05", "many")
    assert done.stdout.count("\n") == 1


def test_a_script_is_obeyed_line_by_line(run: Run, daemon: FakeDaemon) -> None:
    """No prompt and no echo; conversations read the next line; the last line needs no newline; a remark is skipped."""
    done = run(script="# sign in\nsignin anna\nSecret1!\nrows 1\n\nmeter show m1")
    assert done.stdout.splitlines() == ["row 0", "said {'meter': 'm1'}"]
    assert done.returncode == 0
    assert [ask.do for ask in daemon.asked if ask.do != "hello"] == ["sign_in", "rows", "echo"]


def test_a_script_with_a_mistake_ends_with_it(run: Run) -> None:
    """The rest is still done; the exit code says that something was not."""
    done = run(script="frob\nrows 1\nquit\nrows 5\n")
    assert done.stdout.splitlines() == ["E-KEY-01  There is no command frob. `help` lists what there is.", "row 0"]
    assert done.returncode == 1


def test_a_conversation_without_answers_says_so(run: Run, daemon: FakeDaemon) -> None:
    """A question that nobody is there to answer is refused with a code, and nothing was done."""
    for done in (run("wipe"), run("signin", "anna"), run(script="wipe")):
        assert (done.returncode, done.stdout[:8]) == (1, "E-KEY-11")
    assert [ask.do for ask in daemon.asked if ask.do != "hello"] == []
    assert run("signin", "anna", script="Secret1!\n").returncode == 0


def test_no_daemon_is_an_exit_code_of_its_own(run: Run, daemon: FakeDaemon) -> None:
    """69 (EX_UNAVAILABLE), so that a script can tell it from a refusal."""
    daemon.stop()
    done = run("rows")
    assert (done.returncode, done.stdout[:8]) == (69, "E-LNK-01")
    assert run(script="rows\n").returncode == 69


def test_a_socket_that_may_not_be_opened_says_so(run: Run, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """The technician is not in the group: another sentence than for a daemon that is away."""

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", denied)
    with pytest.raises(Away) as caught:
        Client(daemon.path).connect()
    assert caught.value.code == "E-LNK-02"


def config(folder: Path, text: str) -> Path:
    """A configuration file."""
    file = folder / "gateway.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('[console]\nsocket = "/run/x.sock"\n[gateway]\ndata = "/var/lib/x"', "/run/x.sock"),
        ('[console]\nsocket = "x.sock"', "{folder}/x.sock"),
        ('[gateway]\ndata = "store"', "{folder}/store/console.sock"),
        ("[gateway]\ndata = 5", DEFAULT_SOCKET),
        ("console = 1", DEFAULT_SOCKET),
        ("not toml", DEFAULT_SOCKET),
    ],
)
def test_the_socket_is_found_as_the_daemon_finds_it(tmp_path: Path, text: str, where: str) -> None:
    """As `[console] socket` says, else beside the store; a file that cannot be read is no obstacle."""
    options = cli._parser().parse_args(["--config", str(config(tmp_path, text))])
    assert str(cli._socket(options, cli._table(options.config))) == where.format(folder=tmp_path)
    given = cli._parser().parse_args(["--socket", "here.sock"])
    assert str(cli._socket(given, {})) == "here.sock"


def test_a_port_with_meters_on_it_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever name it is called by: a prompt between two frames would be heard by the meters."""
    (tmp_path / "ttyX").write_text("")
    (tmp_path / "by-id").symlink_to(tmp_path / "ttyX")
    file = config(tmp_path, f'[[bus]]\nid = "rs485-1"\nkind = "rtu"\nport = "{tmp_path}/by-id"\n')
    assert cli.main(["--config", str(file), "--port", str(tmp_path / "ttyX"), "--lang", "en"]) == cli.EXIT_CONFIG
    assert "E-PRT-02" in capsys.readouterr().err
    assert cli.main(["--config", str(file), "--port", str(tmp_path / "other"), "--lang", "en"]) == cli.EXIT_CONFIG
    assert "E-PRT-01" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("language", "spoken"), [("it_IT.UTF-8", "it"), ("de_CH.UTF-8", "en"), ("C", "en"), ("", "en")]
)
def test_the_language_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch, language: str, spoken: str) -> None:
    """When there is such a language."""
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.setenv("LANG", language)
    assert cli._language() == spoken


def test_wrong_options_are_wrong_usage() -> None:
    """Exit code 2, as everywhere."""
    for arguments in (["--lang", "xx"], ["--framing", "9N9"], ["--baud", "fast"]):
        with pytest.raises(SystemExit) as caught:
            cli.main(arguments)
        assert caught.value.code == cli.EXIT_USAGE


def test_the_terminal_is_a_program_of_its_own() -> None:
    """It imports nothing of the daemon, no asyncio and no database, and starts in a moment."""
    code = (
        "import sys; from gateway.__main__ import main\n"
        "try: main(['console', '--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted(m for m in sys.modules if m in ('asyncio', 'sqlite3', 'cryptography', 'pymodbus', 'paho')"
        " or m.startswith(('gateway.store', 'gateway.meters', 'gateway.teller', 'gateway.console.desk'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "--socket" in done.stdout
