"""docs/first-meter.md is true: its gateway.toml passes, its commands exist, its broker configuration works."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from gateway.__main__ import _parser
from gateway.headend.link import Broker
from gateway.reference.book import Book
from gateway.reference.headend import HeadEnd
from gateway.reference.options import parser as headend_parser
from gateway.reference.sign import new_signer
from tests.config.drafts import examine
from tests.conftest import StartMosquitto
from tests.foreign import program
from tests.site import Site, wait_for

GUIDE = (Path(__file__).parent.parent / "docs" / "first-meter.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", GUIDE, flags=re.MULTILINE | re.DOTALL)


def test_the_guides_configuration_passes(tmp_path: Path) -> None:
    """The gateway.toml of the guide has no mistake once the files it names are there."""
    _certificates(tmp_path)
    (tmp_path / "mqtt-password").write_text("secret\n")
    text = next(block for kind, block in BLOCKS if kind == "toml")
    installation, errors, _ = examine(tmp_path, text)
    assert errors == []
    assert installation is not None


def test_the_guides_commands_exist() -> None:
    """Each `prepaid-gateway` line of the guide is understood by the program."""
    lines = re.findall(r"^    (?:sudo -u \S+ )?prepaid-gateway (.*)$", GUIDE, flags=re.MULTILINE)
    assert len(lines) == 5
    for line in lines:
        words = shlex.split(line)
        if words[0] == "headend":
            headend_parser().parse_args(words[1:])
        else:
            _parser().parse_args(words)


def test_the_guides_mbpoll_reads_the_meter(tmp_path: Path) -> None:
    """The foreign client with the guide's options shows the energy of a DDS238 in hundredths of a kWh."""
    site = Site(tmp_path, 1)
    try:
        line = next(line for line in GUIDE.splitlines() if line.startswith("    mbpoll "))
        words = shlex.split(line)
        command = [str(program("mbpoll")), *words[1:-1], str(tmp_path / "ttyMETER")]
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20).stdout
    finally:
        site.close()
    assert re.search(r"\[10\]:\s+120417", said), said


@pytest.mark.timeout(60)
def test_the_guides_broker_lets_a_gateway_in_and_only_with_its_password(
    start_mosquitto: StartMosquitto, tmp_path: Path
) -> None:
    """TLS, a password and the access list of the guide: the gateway works; a wrong password is said, not fatal."""
    broker_text, acl = (block for kind, block in BLOCKS if not kind)
    _certificates(tmp_path)
    passwords = tmp_path / "passwords"
    (tmp_path / "acl").write_text(acl)
    (tmp_path / "acl").chmod(0o600)
    for name in ("headend", "gw-site"):
        _password(passwords, name, f"secret-{name}")
    filled = broker_text.replace("/etc/mosquitto/certs", str(tmp_path)).replace("/etc/mosquitto", str(tmp_path))
    mosquitto = start_mosquitto(filled.replace("listener 8883", "listener {port} 127.0.0.1"))
    folder = tmp_path / "site"
    folder.mkdir()
    site = Site(folder, mosquitto.port)
    text = site.config.read_text().replace("tls = false", f'ca = "{tmp_path}/ca.pem"')
    site.config.write_text(text + 'username = "gw-site"\npassword_file = "mqtt-password"\n')
    broker = Broker(
        "127.0.0.1", mosquitto.port, "headend", tls=True, ca=f"{tmp_path}/ca.pem", username="headend",
        password="secret-headend",
    )  # fmt: skip

    async def seen() -> None:
        async with HeadEnd(broker, "gw-site", new_signer("k2", "utility"), Book(tmp_path / "book.json")) as headend:
            await headend.until(lambda: headend.rows and "SHOP" in headend.live, 15)

    try:
        (folder / "mqtt-password").write_text("secret-gw-site\n")
        with site.gateway() as process:
            asyncio.run(seen())
            process.terminate()
            assert process.wait(15) == 0
        (folder / "mqtt-password").write_text("wrong\n")
        with site.gateway() as process:
            wait_for(lambda: any(line["event"] == "headend.away" for line in site.logged()))
            assert process.poll() is None
            process.terminate()
            assert process.wait(15) == 0
    finally:
        site.close()


def _password(file: Path, name: str, password: str) -> None:
    """A line of mosquitto's password file: PBKDF2 with SHA-512, as mosquitto_passwd writes it."""
    salt = os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    encoded = (base64.b64encode(part).decode() for part in (salt, digest))
    with file.open("a") as lines:
        lines.write(f"{name}:$7$101${'$'.join(encoded)}\n")
    file.chmod(0o600)


def _certificates(folder: Path) -> None:
    """An authority and a broker's certificate for 127.0.0.1, valid for a day."""
    authority, broker = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    now = datetime.now(UTC)

    def certificate(subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
        )

    ca = certificate(ca_name, authority).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    leaf = certificate(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")]), broker).add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
    )
    (folder / "ca.pem").write_bytes(ca.sign(authority, hashes.SHA256()).public_bytes(Encoding.PEM))
    (folder / "broker.pem").write_bytes(leaf.sign(authority, hashes.SHA256()).public_bytes(Encoding.PEM))
    (folder / "broker.key").write_bytes(broker.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
