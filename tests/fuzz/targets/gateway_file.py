"""gateway.toml and what it names, as `check` and the start read it: a list of mistakes, or an installation.

The shipped policies, tariffs, calendars and profiles are read once and kept: they have targets of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from gateway.config import loader
from gateway.config.findings import Findings
from gateway.installation import survey
from tests.config.drafts import GOOD, KEYS
from tests.fuzz.documents import FILE
from tests.fuzz.mutation import mutate_toml
from tests.fuzz.target import Target

_READERS = ("load_calendar", "load_moratorium", "load_policy", "load_tariff", "known", "find")
_REAL: dict[str, Any] = {name: vars(loader)[name] for name in _READERS}
_KEPT: dict[str, Any] = {name: lru_cache(maxsize=256)(reader) for name, reader in _REAL.items()}
(FILE.parent / "headend-keys.toml").write_text(KEYS, encoding="utf-8")


def check(data: bytes) -> None:
    FILE.write_bytes(data)
    findings = Findings()
    vars(loader).update(_KEPT)
    try:
        installation = survey(FILE, findings)
    finally:
        vars(loader).update(_REAL)
    assert installation is not None or findings.errors
    for error in findings.errors:
        str(error)


def seeds() -> Iterator[bytes]:
    yield GOOD.encode()
    yield GOOD.replace('port = "/dev/serial/by-id/usb-one"', 'port = "/dev/ttyUSB0"').encode()
    yield GOOD.replace("tls = false", 'ca = "headend-keys.toml"\ncert = "x"\nkey = "~x"\npassword_file = "x"').encode()
    yield GOOD.replace('timezone = "Europe/Zurich"', 'timezone = "UTC"\nfolders = [".", "x"]').encode()
    yield GOOD.replace("address = 17", "address = 17\nchannel = 3").encode()


TARGET = Target(check, seeds, mutate_toml, max_bytes=4000)
