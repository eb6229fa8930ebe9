"""E-mail against a real SMTP server: it takes, refuses, hangs, talks rubbish or goes away in the middle."""

from __future__ import annotations

import asyncio
import email
import email.policy
from pathlib import Path

import pytest

from gateway.alerts import smtp
from gateway.alerts.channel import Later, Message, Never, Result, Sent
from gateway.alerts.smtp import SmtpChannel
from gateway.config.settings import EmailTable
from gateway.prepayment.events import TimeTrust
from tests.alerts.mailserver import MailServer, certificate, mail_server
from tests.alerts.post import lived
from tests.counter import HandClock

TO = "mario.rossi@dominio.it"
TEXT = "Gentile Cliente,\n\nabbiamo accreditato 20,00 €: la riattivazione è immediata.\n.\nFine\n"
MESSAGE = Message("alert.gw-1.7.0123456789ab.1", TO, "SES: credito così così", TEXT)


def channel(
    server: MailServer, *, ca: Path | None = None, password: Path | None = None, **table: object
) -> SmtpChannel:
    """The channel as `[alerts.email]` would make it."""
    settings = {"host": "localhost", "sender": "avvisi@utility.example", "port": server.port, "tls": "none", **table}
    return SmtpChannel(EmailTable(**settings), HandClock(), ca=ca, password=password)  # type: ignore[arg-type]


async def sent_to(server: MailServer, **table: object) -> Result:
    """One message to this server."""
    async with mail_server(server):
        return await channel(server, **table).send(MESSAGE)  # type: ignore[arg-type]


@lived
async def test_a_message_arrives_as_it_was_written() -> None:
    """S0-18: sender, recipient, a stable Message-ID, every letter, and that no answer is wanted."""
    server = MailServer()
    assert await sent_to(server) == Sent()
    ((sender, to, raw),) = server.mails
    assert (sender, to) == ("avvisi@utility.example", [TO])
    mail = email.message_from_bytes(raw.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n."), policy=email.policy.SMTP)
    assert (mail["From"], mail["To"], mail["Subject"]) == ("avvisi@utility.example", TO, MESSAGE.subject)
    assert mail["Message-ID"] == "<alert.gw-1.7.0123456789ab.1@utility.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"] == "Mon, 02 Mar 2026 08:00:00 +0000"
    assert isinstance(mail, email.message.EmailMessage)
    assert mail.get_content().replace("\r\n", "\n") == TEXT
    assert raw.isascii()
    assert server.heard[0] == "EHLO utility.example"


@lived
async def test_a_clock_without_a_date_dates_no_message() -> None:
    """I16: the mail server knows the time; a wrong date would put the message at the bottom of the box."""
    server = MailServer()
    async with mail_server(server):
        sender = SmtpChannel(
            EmailTable("localhost", "a@utility.example", port=server.port, tls="none"),
            HandClock(trust=TimeTrust.RESTORED),
            ca=None,
            password=None,
        )
        await sender.send(MESSAGE)
    assert b"\r\nDate:" not in server.mails[0][2]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"RCPT": f"550 5.1.1 <{TO}>: no such user"}, Never("recipient refused: 550 5.1.1")),
        ({"RCPT": "553 bad mailbox"}, Never("recipient refused: 553")),
        ({"RCPT": f"451 4.7.1 {TO} greylisted"}, Later("recipient refused: 451 4.7.1")),
        ({"MAIL": "550 5.7.1 you may not"}, Later("sender refused: 550 5.7.1")),
        ({"TEXT": "554 5.7.1 looks like spam"}, Never("message refused: 554 5.7.1")),
        ({"TEXT": "452 4.3.1 full"}, Later("message refused: 452 4.3.1")),
        ({"DATA": "421 closing"}, Later("message refused: 421")),
        ({"greeting": "554 no service"}, Later("no connection to the mail server: refused with 554")),
        ({"greeting": "421 busy"}, Later("no connection to the mail server: refused with 421")),
    ],
)
@lived
async def test_what_a_refusal_means(answers: dict[str, str], expected: Result) -> None:
    """4xx is later; 5xx of the recipient or the text is never; and no address gets into the reason (S4-25)."""
    assert await sent_to(MailServer(answers)) == expected


@pytest.mark.parametrize("step", ["greeting", "EHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("how", ["", "-"])
@lived
async def test_a_server_that_hangs_or_goes_is_tried_later(step: str, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time limit at each step; nothing has gone before the text was handed over."""
    monkeypatch.setattr(smtp, "STEP_S", 0.2)
    async with asyncio.timeout(5):
        result = await sent_to(MailServer({step: how}))
    assert isinstance(result, Later)
    assert result.may_have_gone == (step == "DATA")


@pytest.mark.parametrize("how", ["", "-"])
@lived
async def test_a_text_without_an_answer_may_have_gone(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server has the text and says nothing: it may be delivered, so it is not sent again and again."""
    monkeypatch.setattr(smtp, "STEP_S", 0.2)
    server = MailServer({"TEXT": how})
    result = await sent_to(server)
    assert isinstance(result, Later)
    assert result.may_have_gone
    assert len(server.mails) == 1


@pytest.mark.parametrize(
    "rubbish",
    ["HTTP/1.1 400 Bad Request", "\x00\xff\xfe", "220" + "x" * 100_000, "abc def", "220-never\r\n" * 5_000, "999 what"],
)
@lived
async def test_a_greeting_of_rubbish_is_no_mail_server(rubbish: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bad input: whatever answers at that port, the attempt ends with words and within its time."""
    monkeypatch.setattr(smtp, "STEP_S", 0.5)
    async with asyncio.timeout(5):
        result = await sent_to(MailServer({"greeting": rubbish}))
    assert isinstance(result, Later)
    assert not result.may_have_gone


@lived
async def test_nobody_listens() -> None:
    """The server is away: later, and the channel says so."""
    sender = channel(MailServer(port=9))
    result = await sender.send(MESSAGE)
    assert isinstance(result, Later)
    assert sender.state == result.reason
    await sender.close()


@pytest.mark.parametrize("tls", ["starttls", "tls"])
@lived
async def test_passwords_go_over_tls(tls: str, tmp_path: Path) -> None:
    """STARTTLS and TLS from the first byte; the authority is checked, and only then anybody logs in."""
    context, ca = certificate(tmp_path)
    password = tmp_path / "password"
    password.write_text("gehe1m\n", encoding="utf-8")
    server = MailServer(tls=context)
    table = {"tls": tls, "username": "gw", "password": password, "ca": ca}
    async with mail_server(server, tls_first=tls == "tls"):
        sender = channel(server, **table)  # type: ignore[arg-type]
        assert await sender.send(MESSAGE) == Sent()
        assert sender.state == "ok"
        assert "|gw|gehe1m" in server.heard
        stranger = channel(server, tls=tls, username="gw", password=password)
        result = await stranger.send(MESSAGE)
        assert isinstance(result, Later)
        assert "no TLS" in result.reason
    assert len(server.mails) == 1


@lived
async def test_a_server_without_starttls_gets_no_mail(tmp_path: Path) -> None:
    """Nobody in between may take the TLS away: without it nothing is said."""
    context, ca = certificate(tmp_path)
    server = MailServer(tls=context, starttls=False)
    async with mail_server(server):
        result = await channel(server, tls="starttls", ca=ca).send(MESSAGE)
    assert isinstance(result, Later)
    assert server.mails == []


@lived
async def test_a_wrong_password_can_be_put_right(tmp_path: Path) -> None:
    """535 is the configuration's fault: the message waits, it is not lost."""
    context, ca = certificate(tmp_path)
    password = tmp_path / "password"
    password.write_text("wrong", encoding="utf-8")
    server = MailServer({"AUTH": "535 5.7.8 no"}, tls=context)
    async with mail_server(server):
        sender = channel(server, tls="starttls", ca=ca, username="gw", password=password)
        assert await sender.send(MESSAGE) == Later("log in refused: 535 5.7.8")
        password.unlink()
        result = await sender.send(MESSAGE)
        assert isinstance(result, Later)
        assert result.reason.startswith("log in: No such file")
