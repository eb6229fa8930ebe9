"""The channels beside the daemon: off without a table, built from it, and no trouble of theirs reaches the books."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway import app
from gateway.alerts.modem import ModemChannel
from gateway.alerts.outbox import FAILED
from gateway.alerts.recipients import recipients
from gateway.alerts.run import build_channels, open_alerts
from gateway.alerts.smtp import SmtpChannel
from gateway.clock import SystemClock
from gateway.console.actions import ACTIONS
from gateway.console.desk import Desk, answer
from gateway.console.door import OpenDesk
from gateway.console.wire import Ask, Role
from gateway.installation import Installation, load
from gateway.terminal.catalogue import load as texts
from gateway.terminal.views import alerts as view
from gateway.terminal.words import Words
from tests.alerts.mailserver import MailServer, mail_server
from tests.alerts.post import Scripted, lived, post
from tests.config.drafts import GOOD, write
from tests.config.test_telling import ALERTS, ANNA, UTILITY, WHOLE
from tests.console.desks import at_line

SMS = '[alerts.sms]\nport = "/dev/serial/by-id/modem"\n'


def installed(folder: Path, text: str) -> Installation:
    """The installation of this gateway.toml."""
    (folder / "data").mkdir(exist_ok=True)
    return load(write(folder, text))


def test_without_a_table_there_is_no_channel(tmp_path: Path) -> None:
    """The head-end tells the customers; nothing of ours runs."""
    configuration = installed(tmp_path, GOOD).configuration
    assert build_channels(configuration, SystemClock()) == []
    assert open_alerts(configuration, None, None, SystemClock()).outboxes == ()  # type: ignore[arg-type]


def test_the_channels_are_those_of_the_table(tmp_path: Path) -> None:
    """[alerts.email] and [alerts.sms], each when it is there; recipients by the address they have."""
    both = f"{GOOD}\n{UTILITY}\n{ALERTS}\n{SMS}\n{ANNA}\n{ANNA.replace('phone = ', '# ').replace('anna', 'bruno')}"
    configuration = installed(tmp_path, both).configuration
    email, sms = build_channels(configuration, SystemClock())
    assert isinstance(email, SmtpChannel)
    assert isinstance(sms, ModemChannel)
    table = configuration.settings.alerts
    assert table is not None
    assert [(one.number, one.to) for one in recipients(table, "email")] == [
        (1, "anna@example.org"),
        (2, "bruno@example.org"),
    ]
    assert [(one.number, one.masked) for one in recipients(table, "sms")] == [(1, "+41***67")]


def test_what_channels_need_is_loaded_where_they_are_configured() -> None:
    """Memory: a daemon without channels loads neither aiosmtplib nor the queue; Babel never."""
    code = (
        "import sys, gateway.app, gateway.__main__; "
        "bad = [n for n in ('aiosmtplib', 'babel', 'gateway.alerts.run', 'gateway.alerts.modem') if n in sys.modules]; "
        "import gateway.alerts.run; bad += [n for n in ('aiosmtplib', 'babel') if n in sys.modules]; print(bad)"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert found.stdout.strip() == "[]"


@lived
async def test_the_network_says_later_that_it_failed(tmp_path: Path) -> None:
    """An SMS that was taken and not delivered is on record, once; one that arrived is only counted."""
    async with post(tmp_path, channel=Scripted("sms")) as p:
        p.start()
        await p.settle()
        p.outbox.reported("alert.gw-1.7.0123456789ab.2", "delivered")
        p.outbox.reported("alert.gw.with.dots.9.0123456789ab.2", FAILED)
        await p.settle()
        (row,) = await p.rows()
        assert (row["what"], row["detail"]) == ("alert.undelivered", {"channel": "sms", "row": 9, "recipient": "2"})
        assert p.outbox.queue.counts.delivered == 1


@lived
async def test_the_daemon_tells_by_email_and_the_console_shows_it(tmp_path: Path) -> None:
    """S0-18, S4-25: the whole daemon, a real mail server; low credit at the opening goes out, masked on the console."""
    server = MailServer()
    async with mail_server(server):
        text = WHOLE.replace("port = 2525", f"port = {server.port}").replace('"20.00"', '"9.00"', 1)
        text = text.replace('quiet = "21:00-07:00"\n', "")
        desk, stop, running = await started(installed(tmp_path, text))
        try:
            async with asyncio.timeout(20):
                while not server.mails:
                    await asyncio.sleep(0.01)
                while not (shown := await asked(desk))["channels"][0]["sent"]:
                    await asyncio.sleep(0.01)
        finally:
            stop.set()
            await running
    ((sender, to, raw),) = server.mails
    assert (sender, to) == ("avvisi@ses.example", ["anna@example.org"])
    assert b"credito in esaurimento" in raw
    assert list(shown["channels"]) == [
        {
            "channel": "email",
            "state": "ok",
            "last": "sent",
            "recipients": 1,
            "waiting": 0,
            "behind_rows": 0,
            "sent": 1,
            "given_up": 0,
            "superseded": 0,
            "expired": 0,
        }
    ]


@lived
async def test_a_hung_channel_disturbs_nobody(tmp_path: Path) -> None:
    """A channel that never answers: the daemon runs, shows what waits, and stops in time."""
    hung = Scripted(hang=asyncio.Event())
    text = WHOLE.replace('"20.00"', '"9.00"', 1)
    installation = installed(tmp_path, text.replace('quiet = "21:00-07:00"\n', ""))
    desk, stop, running = await started(installation, [hung])
    async with asyncio.timeout(20):
        while not hung.sent:
            await asyncio.sleep(0.01)
        shown = await asked(desk)
        assert [one["to"] for one in shown["waiting"]] == ["a***@e***.org"]
        assert "anna" not in str(shown)
        stop.set()
        await running
    assert hung.closed == 1


async def started(
    installation: Installation, channels: list[Scripted] | None = None
) -> tuple[Desk, asyncio.Event, asyncio.Task[None]]:
    """The daemon, its desk, what stops it and its task."""
    handed: asyncio.Future[Desk] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()

    async def front(_: object, __: object, open_desk: OpenDesk) -> None:
        handed.set_result(open_desk())
        await asyncio.Event().wait()

    factory = None if channels is None else lambda _configuration, _clock: channels
    running = asyncio.create_task(
        app.run(installation, clock=SystemClock(), stop=stop, front=front, channel_factory=factory)
    )
    return await handed, stop, running


async def asked(desk: Desk) -> dict[str, Any]:
    """What `alerts` answers at the console."""
    found = await answer(desk, at_line(desk, Role.VIEWER), Ask(1, "alerts", {}), ACTIONS)
    assert found.ok
    built = msgspec.to_builtins(found.data)
    assert isinstance(built, dict)
    return built


@pytest.mark.parametrize("language", ["en", "it"])
def test_the_console_says_it_in_lines_of_80(language: str) -> None:
    """S4-25: channels, what waits, the last trouble; nobody's address."""
    say = Words(texts(language))
    channel = {"channel": "sms", "state": "no_network", "last": "no network", "recipients": 12, "waiting": 2}
    counts = {"behind_rows": 0, "sent": 7, "given_up": 1, "superseded": 0, "expired": 3}
    waits = {"channel": "sms", "account": "CH-0001", "message": "expiring_limit", "to": "+41***67"}
    data = {"channels": [{**channel, **counts}], "waiting": [{**waits, "row": 123_456, "tries": 3, "in_s": 3_600}]}
    lines = list(view.alerts(data, say))
    assert all(len(line) <= 80 for line in lines)
    assert any("no network" in line for line in lines)
    assert any("+41***67" in line for line in lines)
    assert len(list(view.alerts({"channels": [], "waiting": []}, say))) == 1
    calm = list(view.alerts({"channels": [{**channel, **counts, "last": "sent"}], "waiting": []}, say))
    assert len(calm) == 3
