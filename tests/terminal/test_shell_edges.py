"""The shell where things end early: nobody there, nobody logged in, no daemon, no reader, no language."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from gateway.terminal import catalogue, cli
from gateway.terminal.charset import Charset
from gateway.terminal.client import Client
from gateway.terminal.line import Pipe
from gateway.terminal.seat import Seat
from gateway.terminal.shell import Shell
from gateway.terminal.verbs import Refused
from gateway.terminal.words import Words
from tests.terminal.conftest import Sit
from tests.terminal.daemon import FakeDaemon
from tests.terminal.person import ROOT
from tests.terminal.test_editor import edited


def test_a_conversation_in_json_prints_its_last_answer_alone(sit: Sit, daemon: FakeDaemon) -> None:
    """I24: what was done is the daemon's answer; where the person said no, nothing was, and nothing is printed."""
    person = sit()
    person.type("wipe --json\ry\r")
    person.sees("y\r\n")
    assert json.loads(person.sees("\r\n")) == {}
    assert b"wiped" not in person.seen
    person.type("wipe --json\rn\r")
    person.sees("[y/N] n\r\n")
    assert person.sees("gw-1> ") == ""
    assert [ask.do for ask in daemon.asked].count("wipe") == 1


def test_a_log_in_that_the_daemon_ended_is_seen_after_the_next_refusal(sit: Sit, daemon: FakeDaemon) -> None:
    """S4-20, I14: the prompt never names somebody whom the daemon no longer knows."""
    person = sit()
    person.type("signin anna\rSecret1!\r")
    person.sees("anna@gw-1> ")
    person.type("frob\r")
    person.sees("E-KEY-01")
    person.sees("\r\nanna@gw-1> ")
    daemon.log_in("", "nobody")
    person.type("frob\r")
    person.sees("E-KEY-01")
    assert "anna" not in person.sees("gw-1> ")
    person.type("\x1b[A")
    person.sees("\a")  # nor are anna's commands there for whoever comes next


def test_whoever_may_do_everything_is_told_of_no_other_role(sit: Sit, daemon: FakeDaemon) -> None:
    """I14: `help` names what this role may do; there is no more to log in for."""
    daemon.log_in("root", "supervisor")
    person = sit()
    person.type("help\r")
    listed = person.sees("gw-1> ")
    assert "meter scan" in listed
    assert "another role" not in listed


def test_nobody_who_was_never_logged_in_is_logged_out_without_a_word(sit: Sit, daemon: FakeDaemon) -> None:
    """I20: the daemon's few lines are for those who are there; a place that nobody uses is given back in silence."""
    person = sit("--idle-minutes", "0.02")
    person.sees("\r\ngw-1> ")
    assert b"logged out" not in person.seen
    person.type("rows 1\r")
    person.sees("row 0\r\n")


def test_completion_without_a_daemon_offers_nothing(sit: Sit, daemon: FakeDaemon) -> None:
    """Decision 18: Tab is no question worth a complaint; what was typed stays."""
    person = sit()
    person.type("meter show ")
    person.sees("show ")
    daemon.stop()
    person.sees("waiting for it.\r\n")
    person.type("\tm1")
    person.sees("\a")
    daemon.start()
    person.sees("is there again.")
    person.type("\r")
    person.sees("said {'meter': 'm1'}")


def test_a_hang_up_at_a_question_is_no_answer(sit: Sit, daemon: FakeDaemon) -> None:
    """I14: a cable pulled while something waits for a yes: nothing is done, and the terminal is as it was."""
    person = sit()
    person.type("wipe\r")
    person.sees("[y/N] ")
    person.process.send_signal(signal.SIGHUP)
    assert person.ends() == 0
    assert termios.tcgetattr(person._slave) == person.before
    assert "wipe" not in [ask.do for ask in daemon.asked]


def test_a_watch_that_nobody_reads_any_more_ends(daemon: FakeDaemon) -> None:
    """I21: `watch 1 rows 1 | head -2` ends with `head`, instead of asking the daemon for ever."""
    program = [sys.executable, "-m", "tests.terminal.verbs", "--socket", str(daemon.path), "watch", "1", "rows", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        program, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=environment
    ) as watch:
        assert watch.stdout is not None
        assert watch.stderr is not None
        assert [watch.stdout.readline(), watch.stdout.readline()] == [b"row 0\n"] * 2
        watch.stdout.close()
        assert watch.wait(20) == 130
        assert watch.stderr.read() == b""


def test_a_language_that_cannot_be_read_leaves_the_one_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decision 18: a text file damaged after the start is a refusal with its code, not the end of the session."""
    reading, writing = os.pipe()
    words = Words(catalogue.load("en"))
    shell = Shell(Client(tmp_path / "c.sock"), Seat(Pipe(reading, writing), words), ())
    (tmp_path / "it.toml").write_text("no toml")
    monkeypatch.setattr(catalogue, "folder", lambda: tmp_path)
    with pytest.raises(Refused) as caught:
        shell.speak("it")
    assert caught.value.code == "E-KEY-10"
    assert shell.say.text("shell.bye") == "Logged out."
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize(
    ("options", "charset"),
    [
        (["--ascii"], Charset.ASCII),
        (["--utf8"], Charset.UTF_8),
        (["--utf8", "--port", "/dev/ttyUSB0"], Charset.UTF_8),
        (["--port", "/dev/ttyUSB0"], Charset.ASCII),
        ([], Charset.UTF_8),
    ],
)
def test_what_a_screen_can_show_is_what_was_said(
    monkeypatch: pytest.MonkeyPatch, options: list[str], charset: Charset
) -> None:
    """S2-28: an option wins over the environment; at a cable nobody knows the screen, so it is ASCII."""
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.delenv("LC_CTYPE", raising=False)
    monkeypatch.setenv("LANG", "it_IT.UTF-8")
    monkeypatch.setenv("TERM", "xterm")
    assert cli._charset(cli._parser().parse_args(options)) is charset


@pytest.mark.parametrize("end", [b"\x18", b"\x1a"])
def test_a_sequence_may_be_called_off(end: bytes) -> None:
    """I21, ECMA-48: CAN and SUB end what noise began; what follows is text."""
    editor, _ = edited(b"a\x1b[1;" + end + b"b", b"\x1b]0;title" + end + b"c")
    assert editor.text == "abc"
