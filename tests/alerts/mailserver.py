"""A real SMTP server on loopback that behaves as the test wants: kind, slow, hung, rude, or gone in the middle."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class MailServer:
    """What to answer, by command, and what came. "" hangs, "-" closes the line."""

    answers: dict[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    starttls: bool = True
    mails: list[tuple[str, list[str], bytes]] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                await self._talk(reader, writer)
        finally:
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: C901 - one line a verb
        sender, to = "", []
        if not await self._say(writer, "greeting", "220 mail.example ESMTP"):
            return
        while line := (await reader.readline()).decode("latin-1").strip():
            verb = line.split(" ")[0].split(":")[0].upper()
            self.heard.append(line)
            match verb:
                case "EHLO":
                    offers = ["mail.example", "AUTH PLAIN LOGIN"]
                    if self.tls is not None and self.starttls:
                        offers.append("STARTTLS")
                    text = "".join(f"250-{offer}\r\n" for offer in offers[:-1]) + f"250 {offers[-1]}"
                    going = await self._say(writer, verb, text)
                case "STARTTLS":
                    going = await self._say(writer, verb, "220 go ahead")
                    if going and self.tls is not None:
                        await writer.start_tls(self.tls)
                case "AUTH":
                    self.heard[-1] = base64.b64decode(line.split(" ")[2]).decode().replace("\0", "|")
                    going = await self._say(writer, verb, "235 2.7.0 welcome")
                case "MAIL":
                    sender = line.partition("<")[2].partition(">")[0]
                    going = await self._say(writer, verb, "250 2.1.0 ok")
                case "RCPT":
                    to.append(line.partition("<")[2].partition(">")[0])
                    going = await self._say(writer, verb, "250 2.1.5 ok")
                case "DATA":
                    going = await self._say(writer, verb, "354 go ahead")
                    if going:
                        text_bytes = await reader.readuntil(b"\r\n.\r\n")
                        self.mails.append((sender, to, text_bytes))
                        going = await self._say(writer, "TEXT", "250 2.0.0 taken")
                case "QUIT":
                    going = await self._say(writer, verb, "221 bye") and False
                case _:
                    going = await self._say(writer, verb, "502 what?")
            if not going:
                return

    async def _say(self, writer: asyncio.StreamWriter, verb: str, usual: str) -> bool:
        """Answer; False when the line is to be closed."""
        text = self.answers.get(verb, usual)
        if text == "":
            await asyncio.Event().wait()
        if text == "-":
            return False
        writer.write(text.encode("latin-1") + b"\r\n")
        await writer.drain()
        return True


@asynccontextmanager
async def mail_server(server: MailServer, *, tls_first: bool = False) -> AsyncIterator[MailServer]:
    """The server, on a free port, for as long as the block lasts."""
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(server.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    context = server.tls if tls_first else None
    listening = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in tuple(tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def certificate(folder: Path, name: str = "localhost") -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate for this name, and the file of the authority that clients trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    day = dt.timedelta(days=1)
    now = dt.datetime.now(dt.UTC)  # a real handshake asks the real clock
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert, private = folder / "mail.pem", folder / "mail.key"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, private)
    return context, cert
