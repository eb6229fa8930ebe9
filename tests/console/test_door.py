"""The socket: who may open it, how many, and that nothing at one line holds the daemon or the other lines."""

from __future__ import annotations

import asyncio
import grp
import os
import pwd
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from gateway import app
from gateway.clock import SystemClock
from gateway.console import door, otp, server, servicekey
from gateway.console.actions import ACTIONS
from gateway.console.codes import code_of
from gateway.console.desk import Action, Desk, Nothing, Session
from gateway.console.door import OpenDesk
from gateway.console.wire import LINE_MAX_BYTES, Answer, Role
from gateway.installation import load
from gateway.store import Store
from tests.config.drafts import GOOD, write


class Line:
    """One end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self.asked = reader, writer, 0

    def send(self, data: bytes) -> None:
        """As it is."""
        self.writer.write(data)

    def say(self, do: str, **args: Any) -> None:
        """One ask, without waiting."""
        self.asked += 1
        self.send(msgspec.json.encode({"id": self.asked, "do": do, "args": args}) + b"\n")

    async def hear(self) -> Answer:
        """The next answer; EOFError when the line is closed."""
        line = await asyncio.wait_for(self.reader.readline(), 20)
        if not line:
            raise EOFError
        return msgspec.json.decode(line, type=Answer)

    async def ask(self, do: str, **args: Any) -> Answer:
        """One ask and its answer."""
        self.say(do, **args)
        return await self.hear()


@asynccontextmanager
async def running(folder: Path, more: str = "") -> AsyncIterator[Path]:
    """The whole daemon in this process, nobody at its wires; gives the socket."""
    (folder / "data").mkdir(exist_ok=True)
    installation = load(write(folder, GOOD + more))
    stop = asyncio.Event()
    daemon = asyncio.create_task(app.run(installation, clock=SystemClock(), stop=stop))
    path = installation.configuration.console
    try:
        while not path.exists() and not daemon.done():
            await asyncio.sleep(0.01)
        yield path
    finally:
        stop.set()
        await daemon
    assert not path.exists(), "a clean end takes the socket with it"


@asynccontextmanager
async def line(path: Path) -> AsyncIterator[Line]:
    """One connection."""
    reader, writer = await asyncio.open_unix_connection(str(path), limit=2 * LINE_MAX_BYTES)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


def test_it_is_for_the_owner_and_the_group_and_says_who_asks(tmp_path: Path) -> None:
    """Mode 0660 and the group of [console]; who asks is the user that the kernel names, not what the peer says."""
    name = grp.getgrgid(os.getgid()).gr_name

    async def story() -> None:
        async with running(tmp_path, f'[console]\nsocket = "c.sock"\ngroup = "{name}"\n') as path, line(path) as one:
            assert path == tmp_path / "c.sock"
            assert path.stat().st_mode & 0o777 == 0o660
            assert path.stat().st_gid == os.getgid()
            answer = await one.ask("whoami")
            assert answer.ok
            assert answer.data["line"] == pwd.getpwuid(os.getuid()).pw_name

    asyncio.run(story())


def test_a_console_can_be_left_out(tmp_path: Path) -> None:
    """`enabled = false`: no socket at all."""

    async def story() -> None:
        (tmp_path / "data").mkdir()
        installation = load(write(tmp_path, GOOD + "[console]\nenabled = false\n"))
        stop = asyncio.Event()
        daemon = asyncio.create_task(app.run(installation, clock=SystemClock(), stop=stop))
        await asyncio.sleep(0.5)
        assert not installation.configuration.console.exists()
        stop.set()
        await daemon

    asyncio.run(story())


def test_what_is_in_its_place(tmp_path: Path) -> None:
    """A socket that nobody listens on is replaced; one in use, or a file, is left alone and said."""
    path = tmp_path / "c.sock"
    first = door.listen(path)
    with pytest.raises(OSError, match="another process listens there"):
        door.listen(path)
    first.close()
    second = door.listen(path)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(path))
    second.close()
    path.unlink()
    path.write_text("precious")
    with pytest.raises(OSError, match="is no socket"):
        door.listen(path)
    assert path.read_text() == "precious"
    with pytest.raises(OSError, match="there is no group"):
        door.listen(tmp_path / "d.sock", "no-such-group")
    with pytest.raises(OSError, match="too long for a socket"):
        door.listen(tmp_path / ("x" * 100))
    assert list(tmp_path.iterdir()) == [path], "nothing half made is left"


def test_a_socket_that_cannot_be_made_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway goes on without a console, and has one as soon as its folder is there."""
    monkeypatch.setattr(door, "AGAIN_S", 0.05)

    async def story() -> None:
        (tmp_path / "data").mkdir()
        installation = load(write(tmp_path, GOOD + '[console]\nsocket = "later/c.sock"\n'))
        stop = asyncio.Event()
        daemon = asyncio.create_task(app.run(installation, clock=SystemClock(), stop=stop))
        await asyncio.sleep(0.3)
        assert not daemon.done()
        (tmp_path / "later").mkdir()
        while not (tmp_path / "later" / "c.sock").exists():
            await asyncio.sleep(0.01)
        stop.set()
        await daemon

    asyncio.run(story())


def test_four_lines_and_no_more(tmp_path: Path) -> None:
    """The fifth is told why and closed; when one of the four hangs up its place is free."""

    async def story() -> None:
        async with running(tmp_path) as path, line(path) as first, line(path) as second, line(path) as third:
            async with line(path) as fourth:
                for one in (first, second, third, fourth):
                    assert (await one.ask("whoami")).ok
                async with line(path) as fifth:
                    assert (await fifth.hear()).reason == "too_many_lines"
                    with pytest.raises(EOFError):
                        await fifth.hear()
            async with asyncio.timeout(10):
                while True:
                    async with line(path) as again:
                        if (await again.ask("whoami")).ok:
                            break

    asyncio.run(story())


def test_asks_of_a_line_are_answered_in_order(tmp_path: Path) -> None:
    """One at a time: what is sent at once is answered one after the other, by its number."""

    async def story() -> None:
        async with running(tmp_path) as path, line(path) as one:
            for _ in range(20):
                one.say("whoami")
            assert [(await one.hear()).id for _ in range(20)] == list(range(1, 21))

    asyncio.run(story())


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"\n", "not_json"),
        (b"hello\n", "not_json"),
        (b"\xff\xfe\x00\n", "not_json"),
        (b"[" * 60_000 + b"\n", "not_json"),
        (b'{"id":1}\n', "not_json"),
        (b'{"id":-1,"do":"whoami"}\n', "not_json"),
        (b'{"id":1,"do":"whoami","more":1}\n', "not_json"),
        (b'{"id":1,"do":"nothing"}\n', "unknown_action"),
        (b'{"id":1,"do":"whoami","args":{"x":1}}\n', "bad_arguments"),
        (b'{"id":1,"do":"login","args":{"name":"\\ud800","password":"\\ud800"}}\n', ""),
        (b'{"id":1,"do":"login","args":{"name":"' + b"x" * 65 + b'","password":"x"}}\n', "bad_arguments"),
    ],
)
def test_nonsense_is_answered_and_the_line_goes_on(tmp_path: Path, sent: bytes, reason: str) -> None:
    """Whatever bytes come in a line, there is one answer with a code, and the next ask is served."""

    async def story() -> None:
        async with running(tmp_path) as path, line(path) as one:
            one.send(sent)
            answer = await one.hear()
            assert not answer.ok
            assert answer.reason == reason or not reason
            assert answer.code == code_of(answer.reason)
            assert (await one.ask("whoami")).ok

    asyncio.run(story())


def test_a_line_that_is_too_long_ends_the_connection(tmp_path: Path) -> None:
    """Nothing is kept of a flood without an end of line; the other lines do not notice."""

    async def story() -> None:
        async with running(tmp_path) as path, line(path) as flood, line(path) as other:
            flood.send(b"x" * (LINE_MAX_BYTES + 1))
            assert (await flood.hear()).reason == "line_too_long"
            with pytest.raises((EOFError, ConnectionError)):
                await flood.hear()
            assert (await other.ask("whoami")).ok

    asyncio.run(story())


def test_who_reads_nothing_is_dropped_and_holds_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wedged reader: its answers pile up to a bound, its line is cut after a while; the other line is answered."""
    monkeypatch.setattr(server, "WRITE_S", 0.5)

    async def long(_: Desk, __: Session, ___: Nothing) -> object:
        return {"text": "x" * 60_000}

    monkeypatch.setattr(server, "ACTIONS", {**ACTIONS, "long": Action("long", Role.NOBODY, long)})

    async def story() -> None:
        async with running(tmp_path) as path, line(path) as other:
            wedged = socket.socket(socket.AF_UNIX)
            wedged.connect(str(path))
            wedged.sendall(b'{"id":1,"do":"long"}\n' * 200)
            for _ in range(40):
                assert (await other.ask("whoami")).ok
                await asyncio.sleep(0.03)
            taken = 0
            wedged.settimeout(5)
            while data := wedged.recv(1 << 20):
                taken += len(data)
            assert taken < 100 * 60_000, "the line was cut before all answers were made"
            wedged.close()

    asyncio.run(story())


def test_an_answer_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither side ever holds more than a line: the person is told to ask for less."""

    async def long(_: Desk, __: Session, ___: Nothing) -> object:
        return {"text": "x" * LINE_MAX_BYTES}

    monkeypatch.setattr(server, "ACTIONS", {**ACTIONS, "long": Action("long", Role.NOBODY, long)})

    async def story() -> None:
        async with running(tmp_path) as path, line(path) as one:
            answer = await one.ask("long")
            assert (answer.id, answer.reason) == (1, "answer_too_long")
            assert (await one.ask("whoami")).ok

    asyncio.run(story())


def test_a_line_without_a_word_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After 15 minutes (here: half a second) the line is closed and with it the session."""
    monkeypatch.setattr(server, "IDLE_S", 0.5)

    async def story() -> None:
        async with running(tmp_path) as path, line(path) as one:
            assert (await one.ask("whoami")).ok
            with pytest.raises(EOFError):
                await one.hear()

    asyncio.run(story())


def test_an_error_of_the_program_itself_ends_the_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As everywhere: what nobody expected is not hidden in a task; the service manager starts again."""

    async def broken(_: Desk, __: Session, ___: Nothing) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(server, "ACTIONS", {**ACTIONS, "broken": Action("broken", Role.NOBODY, broken)})

    async def story() -> None:
        async with running(tmp_path) as path, line(path) as one:
            one.say("broken")
            with pytest.raises((EOFError, ConnectionError)):
                await one.hear()

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(story())
    assert [type(error) for error in app.leaves(caught.value)] == [ZeroDivisionError]


def test_a_console_that_nobody_opens_is_not_loaded() -> None:
    """The daemon stays below 50 MiB: what the console needs comes with its first line."""
    told = "import sys, gateway.app; print(sorted(m for m in sys.modules if m.startswith('gateway.console')))"
    found = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout.strip()
    assert found == "['gateway.console', 'gateway.console.door', 'gateway.console.wire']"


@pytest.mark.parametrize("end", ["gone", "idle", "line_too_long"])
def test_a_line_that_ends_logs_out_on_record(tmp_path: Path, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the line ends, whoever was logged in on it is not any more, and the journal says how it ended."""
    monkeypatch.setattr(server, "IDLE_S", 0.5)
    service_key = servicekey.derive(b"m" * 32, "gw-1")
    (tmp_path / "service.key").write_text(servicekey.written(service_key))
    (tmp_path / "service.key").chmod(0o600)

    async def story() -> None:
        async with running(tmp_path, '[console]\nservice_key = "service.key"\n') as path, line(path) as one:
            shown = (await one.ask("challenge", name="anna", role="viewer")).data
            subject = otp.Subject("gw-1", "anna", Role.VIEWER)
            key = servicekey.key_for(service_key, servicekey.Use.OTP)
            assert (await one.ask("login", code=otp.answer(key, subject, shown["challenge"]))).ok
            if end == "line_too_long":
                one.send(b"x" * (LINE_MAX_BYTES + 1))
            if end == "gone":
                one.writer.close()
            else:
                while await one.reader.read(1 << 16):
                    pass
            async with line(path) as other:
                for _ in range(30):  # the end of a line is seen after the pause that follows its last answer
                    assert (await other.ask("whoami")).data["who"] == ""
        store = await Store.open(tmp_path / "data" / "store.db", tmp_path / "data" / "store-backup.db")
        try:
            rows = [msgspec.json.decode(row.body) for row in await store.rows_after(0, 1000)]
        finally:
            await store.close()
        told = [(row["what"], row["detail"].get("cause")) for row in rows if row.get("what", "").startswith("console.")]
        assert told == [("console.login", None), ("console.logout", end)]

    asyncio.run(story())


def test_a_socket_that_is_another_daemons_by_now_is_left_to_it(tmp_path: Path) -> None:
    """Decision 18: whoever replaced the socket serves it: the end of this one takes nothing away."""

    async def story() -> None:
        (tmp_path / "data").mkdir()
        configuration = load(write(tmp_path)).configuration
        serving = asyncio.create_task(door.serve(configuration, SystemClock(), cast("OpenDesk", None)))
        while not configuration.console.exists():
            await asyncio.sleep(0.01)
        configuration.console.unlink()
        other = door.listen(configuration.console)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(configuration.console))
        other.close()

    asyncio.run(story())
