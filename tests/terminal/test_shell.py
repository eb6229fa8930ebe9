"""The console as its process at a pseudo terminal, with a daemon on a real Unix socket."""

from __future__ import annotations

import json
import signal
import termios
import time

import pytest

from gateway.console.wire import Answer, Ask
from gateway.terminal import seat
from tests.terminal.conftest import Sit
from tests.terminal.daemon import FakeDaemon

DEEP = b'{"id":2,"ok":true,"data":' + b"[" * 20_000 + b"]" * 20_000 + b"}\n"


def test_somebody_sits_down_asks_and_leaves(sit: Sit, daemon: FakeDaemon) -> None:
    """Prompt with the gateway's id, an abbreviated command, its answer; `quit` gives the terminal back as it was."""
    person = sit()
    assert person.seen.startswith(b"\x1b[?2004hgw-1, prepaid-gateway 9.9\r\n")
    person.type("ec good morning\r")
    assert person.sees("gw-1> ").splitlines()[-1] == "said good morning"
    assert daemon.asked[-1].args == {"text": "good morning"}
    person.type("quit\r")
    assert person.ends() == 0
    assert person.seen.endswith(b"\x1b[?2004lLogged out.\r\n")
    assert termios.tcgetattr(person._slave) == person.before


def test_ctrl_d_leaves_and_ctrl_c_gives_up_a_line(sit: Sit, daemon: FakeDaemon) -> None:
    """Ctrl-C only drops what was typed; Ctrl-D on an empty line is `quit`."""
    person = sit()
    person.type("echo this is not")
    person.sees("not")
    person.type("\x03rows 1\r")
    person.sees("^C\r\ngw-1> rows 1\r\nrow 0\r\n")
    assert [ask.do for ask in daemon.asked] == ["hello", "rows"]
    person.type("\x04")
    assert person.ends() == 0


def test_tab_completes_what_the_daemon_lists(sit: Sit) -> None:
    """Verbs, words and ids; a second Tab shows what there is."""
    person = sit()
    person.type("me\t")
    person.sees("meter ")
    person.type("sh\tm\t\t")
    person.sees("m1      m2      main-7\r\n")
    person.type("a\t\r")
    person.sees("said {'meter': 'main-7'}")


def test_a_refusal_has_its_code_in_both_languages(sit: Sit) -> None:
    """Issue 5, part 1: the code is the same, the text is in the language of the line; the line may change it."""
    person = sit()
    person.type("frob\r")
    person.sees("E-KEY-01  There is no command frob. `help` lists what there is.\r\n")
    person.type("signin anna\r")
    person.sees("Example:")
    person.type("wrong\r")
    person.sees("E-AUT-03  Name or password is wrong.")
    person.type("language it\r")
    person.sees("> ")
    person.type("frob\r")
    person.sees("E-KEY-01  Il comando frob non esiste.")
    person.type("language xx\r")
    person.sees("E-KEY-04")


def test_help_lists_and_explains(sit: Sit) -> None:
    """`help` lists what this role may do, `help VERB` says how; both in the language of the line."""
    person = sit("--lang", "it")
    person.type("help\r")
    listed = person.sees("Altri 2 con un altro ruolo: `login`.")
    assert "Elenca i comandi o ne spiega uno" in listed
    assert "meter scan" not in listed
    person.type("help wat\r")
    person.sees("watch COMMAND...\r\nRipete un comando")
    person.sees("Esempio:  watch 5 status\r\nServe:  nulla\r\n")
    person.type("help frob\r")
    person.sees("E-KEY-01")


def test_who_is_logged_in_stands_in_the_prompt(sit: Sit, daemon: FakeDaemon) -> None:
    """A password is typed as stars and is nowhere afterwards; the name stands in the prompt, `#` once proven."""
    person = sit()
    person.type("signin anna\r")
    person.sees("Example:")
    person.type("Secret1!")
    assert person.sees("********") == ""
    person.type("\r")
    person.sees("anna@gw-1> ")
    person.type("\x1b[A")
    person.sees("signin anna")
    person.type("\x1b[A\x15")
    assert b"Secret1!" not in person.seen
    daemon.log_in("anna", "technician", proven=True)
    person.type("wipe\r")
    person.sees("[y/N] ")
    person.type("\r")
    person.sees("anna@gw-1# ")
    assert "wipe" not in [ask.do for ask in daemon.asked]
    person.type("wipe\rY\r")
    person.sees("wiped\r\n")


def test_long_answers_come_page_by_page(sit: Sit) -> None:
    """24 lines and a question: space is a page, Enter a line, q leaves; Ctrl-C too."""
    person = sit()
    person.type("rows 100\r")
    person.sees("row 22\r\n-- more: space, Enter, q --")
    person.sees_nothing(0.3)
    person.type("\r")
    person.sees("row 23\r\n-- more")
    person.type(" ")
    person.sees("row 46\r\n-- more")
    person.type("q")
    person.sees("\r\x1b[Kgw-1> ")
    person.type("rows 100\r")
    person.sees("-- more: space, Enter, q --")
    person.type("\x03")
    person.sees("\r\x1b[Kgw-1> ")
    assert b"row 60" not in person.seen


def test_machines_get_one_line_of_json(sit: Sit) -> None:
    """`--json` behind a command gives the answer's data, and a refusal as data, too."""
    person = sit()
    person.type("rows 2 --json\r")
    person.sees("--json\r\n")
    assert json.loads(person.sees("\r\n")) == {"count": 2}
    person.type("frob --json\r")
    person.sees("--json\r\n")
    told = json.loads(person.sees("\r\n"))
    assert (told["ok"], told["code"], told["reason"]) == (False, "E-KEY-01", "unknown_verb")


def test_watch_repeats_until_a_key(sit: Sit, daemon: FakeDaemon) -> None:
    """Plain lines, no screen is cleared unless asked for; a conversation cannot be repeated."""
    person = sit()
    person.type("watch 1 rows 1\r")
    person.sees("row 0\r\nrow 0\r\nrow 0\r\n")
    person.type("\x03echo next\r")
    person.sees("said next\r\ngw-1> ")
    asked = len(daemon.asked)
    person.sees_nothing(1.5)
    assert len(daemon.asked) == asked
    assert b"\x1b[2J" not in person.seen
    person.type("watch signin anna\r")
    person.sees("E-KEY-12")
    person.type("watch 3\r")
    person.sees("E-KEY-03")


def test_the_rest_of_an_enter_is_no_key(sit: Sit) -> None:
    """A terminal that sends CR LF does not stop what it has just started, nor turn its first page."""
    person = sit()
    for ending in ("\r\n", "\r\0", "\r"):
        person.type("watch 1 rows 1" + ending)
        person.sees("row 0\r\nrow 0\r\n")
        person.type("\r")
        person.sees("gw-1> ")
    person.type("rows 100\r\n")
    person.sees("row 22\r\n-- more: space, Enter, q --")
    person.sees_nothing(0.4)


def test_redraw_is_for_who_asks(sit: Sit) -> None:
    """With `--redraw` each round of `watch` begins on a cleared screen."""
    person = sit("--redraw")
    person.type("watch 1 rows 1\r")
    person.sees("\x1b[H\x1b[2Jrow 0\r\n")
    person.type("\x03")
    person.sees("gw-1> ")


def test_a_daemon_that_restarts_is_waited_for(sit: Sit, daemon: FakeDaemon) -> None:
    """Issue 5, part 1: the line says at once that the session is over, keeps what was typed, and goes on afterwards."""
    person = sit()
    person.type("signin anna\rSecret1!\r")
    person.sees("anna@gw-1> ")
    person.type("echo half")
    person.sees("half")
    daemon.stop()
    person.sees("anna is logged out; waiting for it.\r\n")
    daemon.start()
    person.sees("gw-1 is there again.\r\n")
    person.type(" an hour\r")
    person.sees("said half an hour\r\n")
    person.sees("gw-1> ")
    person.type("\x1b[A")
    person.sees("echo half an hour")
    person.type("\x1b[A")
    person.sees("\a")  # whoever comes next finds no commands of anna's


def test_a_daemon_that_dies_during_an_ask_leaves_it_open(sit: Sit, daemon: FakeDaemon) -> None:
    """Nobody at the line knows whether it was done, and that is what it says."""
    daemon.replies["echo"] = lambda ask: daemon.stop()
    person = sit()
    person.type("echo hello\r")
    person.sees("E-LNK-03")
    person.type("echo again\r")
    person.sees("E-LNK-01")


def test_no_daemon_says_what_to_do(sit: Sit, daemon: FakeDaemon) -> None:
    """At the start and at each command: where it was looked for, and which command to type on the gateway."""
    daemon.stop()
    person = sit(greeted=False)
    person.sees("E-LNK-01")
    person.sees("systemctl status")
    person.sees("gateway? ")
    daemon.start()
    person.sees("gw-1 is there again.")
    person.type("echo there\r")
    person.sees("said there")


def test_what_is_typed_ahead_comes_next(sit: Sit, daemon: FakeDaemon) -> None:
    """While an answer is awaited, keys are kept for the next prompt; a bounded number of them."""

    def slow(ask: Ask) -> Answer:
        time.sleep(0.7)
        return Answer(ask.id, ok=True, data={"text": "at last"})

    daemon.replies["echo"] = slow
    person = sit()
    person.type("echo x\r")
    person.sees("echo x\r\n")
    person.type("rows 1\r")
    person.sees("said at last\r\ngw-1> rows 1\r\nrow 0\r\n")


def test_ctrl_c_gives_up_waiting(sit: Sit, daemon: FakeDaemon) -> None:
    """An answer that does not come can be given up; when it comes late, it answers nothing else."""
    late = []

    def slow(ask: object) -> Answer | None:
        late.append(ask)
        return None

    daemon.replies["rows"] = slow
    person = sit()
    person.type("rows\r")
    person.sees("rows\r\n")
    time.sleep(0.5)
    person.type("\x03")
    person.sees("gw-1> ")
    for line in daemon._open:
        line.sendall(b'{"id":2,"ok":true,"data":{"count":9}}\n')
    person.type("echo hello\r")
    person.sees("said hello")
    assert b"row 0" not in person.seen
    assert len(late) == 1


@pytest.mark.parametrize("babble", [b"garbage\n", b"{}\n", b"\xff\xfe\n", b"[" * 5000 + b"\n", DEEP, b"x" * 200_000])
def test_a_daemon_that_babbles_is_left(sit: Sit, daemon: FakeDaemon, babble: bytes) -> None:
    """Bytes that are no answer, or never end, end the connection, not the terminal."""
    daemon.replies["echo"] = lambda ask: babble
    person = sit()
    person.type("echo hello\r")
    person.sees("E-LNK-05")
    person.type("rows 1\r")
    person.sees("row 0")


def test_a_daemon_that_has_no_room_says_so(sit: Sit, daemon: FakeDaemon) -> None:
    """An answer to nothing is why the daemon will not have us."""
    daemon.replies["echo"] = lambda ask: Answer(0, ok=False, code="E-ASK-05", reason="too_many_lines")
    person = sit()
    person.type("echo hello\r")
    person.sees("E-ASK-05  Too many people")
    daemon.replies["hello"] = daemon.replies["echo"]
    another = sit(greeted=False)
    another.sees("E-ASK-05  Too many people")
    another.sees("gateway? ")


def test_why_the_daemon_closed_is_told(sit: Sit, daemon: FakeDaemon) -> None:
    """A line that the daemon ends with a reason says the reason, with its code."""
    person = sit()
    parting = b'{"id":0,"ok":false,"code":"E-AUT-11","reason":"session_ended"}\n'
    for line in daemon._open:
        line.sendall(b"garbage\n" + parting)
        daemon.hang_up(line)
    person.sees("waiting for it.\r\nE-AUT-11  ")


def test_what_data_says_never_commands_the_screen(sit: Sit, daemon: FakeDaemon) -> None:
    """Escape sequences in an answer, a refusal or JSON are shown as characters, and JSON stays what it was."""
    evil = "a\x1b[2J\x07\x9b1mb è \x7f"
    daemon.replies["echo"] = lambda ask: Answer(ask.id, ok=True, data={"text": evil})
    daemon.replies["rows"] = lambda ask: Answer(ask.id, ok=False, code="E-X", reason=evil, detail={"why": evil})
    person = sit()
    start = len(person.seen)
    person.type("echo x\r")
    person.sees("said a?[2J??1mb e' ?\r\n")
    person.type("rows\r")
    person.sees("E-X  a?[2J")
    person.type("echo x --json\r")
    person.sees("--json\r\n")
    assert json.loads(person.sees("\r\n")) == {"text": evil}
    assert b"\x1b" not in person.seen[start:]
    assert b"\x07" not in person.seen[start:]


def test_nobody_there_for_long_is_logged_out(sit: Sit, daemon: FakeDaemon) -> None:
    """After the idle time the session ends, also one left in `watch`; whoever comes next is nobody."""
    person = sit("--idle-minutes", "0.04")
    person.type("signin anna\rSecret1!\r")
    person.sees("Nobody was here for a while: logged out.\r\n")
    person.sees("gw-1> ")
    asked = len(daemon.asked)
    person.sees_nothing(3.5)
    assert len(daemon.asked) == asked, "a line without a person takes no place at the daemon, and says nothing"
    person.type("rows 1\r")
    person.sees("row 0\r\n")
    person.type("signin anna\rSecret1!\r")
    person.sees("anna@gw-1> ")
    person.type("watch 1 rows 1\r")
    person.sees("logged out.\r\n")
    assert seat.IDLE_S == 600


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_hang_up_gives_the_terminal_back(sit: Sit, number: signal.Signals) -> None:
    """A cable pulled, a break (the kernel sends SIGINT), a stop: the process goes, and the terminal is as it was."""
    person = sit()
    assert termios.tcgetattr(person._slave)[0] & termios.BRKINT
    person.process.send_signal(number)
    assert person.ends() == 0
    assert termios.tcgetattr(person._slave) == person.before
