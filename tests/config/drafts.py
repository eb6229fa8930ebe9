"""A small valid gateway.toml to spoil: each test changes one thing and reads what is said about it."""

from __future__ import annotations

from pathlib import Path

from gateway.config.findings import Findings
from gateway.installation import Installation, survey

KEYS = """\
[[key]]
kid = "k1"
issuer = "utility"
public = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
roles = ["topup"]
"""

GATEWAY = """\
[gateway]
id = "gw-1"
data = "data"
timezone = "Europe/Zurich"
"""
SERIAL = """\
[[bus]]
id = "rs485-1"
kind = "rtu"
port = "/dev/serial/by-id/usb-one"
line = "9600 8N1"
"""
NETWORK = """\
[[bus]]
id = "lan-1"
kind = "tcp"
host = "127.0.0.1"
port = 5020
"""
M1 = """\
[[meter]]
id = "m1"
bus = "rs485-1"
address = 1
model = "hiking-dds238"
rated_power_w = 13800
switch = { kind = "meter" }
limiter = { kind = "switched" }
"""
M2 = """\
[[meter]]
id = "m2"
bus = "lan-1"
address = 1
model = "eastron-sdm630"
rated_power_w = 17300
limiter = { kind = "switched" }
[meter.switch]
kind = "relay"
model = "generic-relay"
bus = "lan-1"
address = 17
energised = "open"
when_dead = "holds"
"""
A1 = """\
[[account]]
id = "CH-0001"
meter = "m1"
currency = "CHF"
policy = "prepaid"
tariff = "ch-flat"
contract_power_w = 3000
opening_balance = "20.00"
"""
A2 = A1.replace("CH-0001", "CH-0002").replace('"m1"', '"m2"')
HEADEND = """\
[headend]
host = "127.0.0.1"
port = 1883
tls = false
keys = "headend-keys.toml"
"""
GOOD = f"{GATEWAY}\n{SERIAL}\n{NETWORK}\n{M1}\n{M2}\n{A1}\n{A2}\n{HEADEND}"


def write(folder: Path, text: str = GOOD) -> Path:
    """The draft as a file, with the key file it names."""
    (folder / "headend-keys.toml").write_text(KEYS)
    file = folder / "gateway.toml"
    file.write_text(text)
    return file


def examine(folder: Path, text: str = GOOD) -> tuple[Installation | None, list[str], list[str]]:
    """The installation if there is one, the mistakes and the warnings as a person reads them."""
    findings = Findings()
    installation = survey(write(folder, text), findings)
    return installation, [str(error) for error in findings.errors], findings.warnings


def spoil(*changes: tuple[str, str]) -> str:
    """The good draft with each first text replaced by the second; it must be there exactly once."""
    text = GOOD
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the draft"
        text = text.replace(old, new)
    return text
