"""E-mail: one connection for one message, a time limit at each step, and an answer that says no more than it must.

Loaded only where `[alerts.email]` is configured. A server that refuses the recipient for good (5xx) ends it for this
person; whatever else goes wrong, a wrong password too, may be put right, so it is tried again.
"""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime
from pathlib import Path

import aiosmtplib

from gateway.alerts.channel import Later, Message, Never, Result, Sent
from gateway.clock import Clock
from gateway.config.settings import EmailTable

STEP_S = 20.0
"""For the connection and for each command; a server that needs longer is taken for hung."""
PERMANENT = 500
_ENHANCED = re.compile(r"\s*([245]\.[0-9]{1,3}\.[0-9]{1,3})\b")
_BROKEN = (aiosmtplib.SMTPException, OSError, ValueError)


class SmtpChannel:
    """A `Channel` through a mail server."""

    name = "email"

    def __init__(self, table: EmailTable, clock: Clock, *, ca: Path | None, password: Path | None) -> None:
        self.state = ""
        self._table = table
        self._clock = clock
        self._ca = ca
        self._password = password

    async def send(self, message: Message) -> Result:
        """See `Channel`."""
        result = await self._sent(message)
        self.state = result.reason if isinstance(result, Later) else "ok"
        return result

    async def close(self) -> None:
        """Nothing is kept between two messages."""

    async def _sent(self, message: Message) -> Result:
        try:
            client = self._client()
        except OSError as error:
            return Later(f"no TLS: {_named(error)}")
        try:
            return await self._hand_over(client, message)
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        table = self._table
        context = None if table.tls == "none" else ssl.create_default_context(cafile=self._ca)
        return aiosmtplib.SMTP(
            hostname=table.host,
            port=table.port,
            local_hostname=table.sender.partition("@")[2],  # else it asks the DNS, and waits for it
            timeout=STEP_S,
            use_tls=table.tls == "tls",
            start_tls=table.tls == "starttls",
            tls_context=context,
        )

    async def _hand_over(self, client: aiosmtplib.SMTP, message: Message) -> Result:
        try:
            await client.connect()
        except _BROKEN as error:
            return Later(f"no connection to the mail server: {_named(error)}")
        step = "log in"
        try:
            if self._table.username and self._password is not None:
                await client.login(self._table.username, self._password.read_text(encoding="utf-8").strip())
            step = "sender"
            await client.mail(self._table.sender)
            step = "recipient"
            await client.rcpt(message.to)
            step = "message"
            await client.data(self._written(message))
        except aiosmtplib.SMTPResponseException as error:
            return _refused(step, error)
        except _BROKEN as error:
            # A server that goes away after the text, and before its answer, may have taken it.
            return Later(f"{step}: {_named(error)}", may_have_gone=step == "message")
        return Sent()

    def _written(self, message: Message) -> bytes:
        """The message as it goes over the wire: plain text, seven bits; dated only by a clock that knows the date."""
        sender, now = self._table.sender, self._clock.now()
        mail = EmailMessage(policy=WIRE)
        mail["From"] = sender
        mail["To"] = message.to
        mail["Subject"] = message.subject
        mail["Message-ID"] = f"<{message.message_id}@{sender.partition('@')[2]}>"
        if now.trust.dated:
            mail["Date"] = format_datetime(datetime.fromtimestamp(now.utc_ms // 1000, UTC))
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer of a machine is wanted
        mail.set_content(message.text, cte="quoted-printable")
        return mail.as_bytes()


def _refused(step: str, error: aiosmtplib.SMTPResponseException) -> Result:
    """What a refusal means. Only codes are kept: the text around them often repeats the address."""
    enhanced = _ENHANCED.match(error.message)
    code = f"{error.code} {enhanced[1]}" if enhanced else str(error.code)
    if error.code >= PERMANENT and step in ("recipient", "message"):
        return Never(f"{step} refused: {code}")
    return Later(f"{step} refused: {code}")


def _named(error: Exception) -> str:
    """The kind of trouble, without what the server said."""
    match error:
        case aiosmtplib.SMTPResponseException():
            return f"refused with {error.code}"
        case TimeoutError():
            return "no answer in time"
        case ssl.SSLError():
            return f"no TLS ({error.reason or type(error).__name__})"
        case aiosmtplib.SMTPException() if isinstance(error.__cause__, OSError):
            return _named(error.__cause__)
        case aiosmtplib.SMTPException():
            return type(error).__name__
        case OSError():
            return error.strerror or type(error).__name__
        case _:
            return type(error).__name__
