"""`doctor`: what a good engineer would look at on site, in one go. Looks, never changes anything.

Each check is a name, how it went, and the fact behind it; the terminal has the words and the advice, by name.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from msgspec import Struct
from msgspec.structs import replace

from gateway.clock import kernel_synchronised, read_rtc
from gateway.config.loader import beside
from gateway.config.settings import RtuBus
from gateway.console.codes import NOTES
from gateway.console.desk import Action, Desk, Nothing, Session
from gateway.console.status import silent
from gateway.console.wire import Role
from gateway.prepayment.civil import instant
from gateway.prepayment.events import Moment

SPACE_WARN_BYTES, SPACE_BAD_BYTES = 500 * 2**20, 50 * 2**20
EXPIRES_WARN_MS = 60 * 24 * 3_600_000
COPY_OLD_MS = 3 * 24 * 3_600_000
WORN_WARN, WORN_BAD = 8, 11
"""eMMC life time estimate: tenths of its life that are used, 11 is beyond (JEDEC eMMC 5.1, EXT_CSD 268)."""
MINI_UARTS = ("ttyS0",)
MOVING = ("ttyUSB", "ttyACM")
CERTIFICATE_MAX_BYTES = 1_000_000


class Found(StrEnum):
    """How a check went."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


class Check(Struct, frozen=True):
    """One thing that was looked at: the text key is `doctor.<name>`."""

    name: str
    found: Found
    about: str
    fact: str
    code: str = ""


class Report(Struct, frozen=True):
    """Every check, the bad ones first."""

    checks: tuple[Check, ...]


async def _doctor(desk: Desk, _session: Session, _: Nothing) -> Report:
    at = desk.clock.now()
    checks = [*await asyncio.to_thread(lambda: list(_of_machine(desk, at))), *_of_daemon(desk, at)]
    order = (Found.BAD, Found.WARN, Found.GOOD)
    coded = (replace(check, code=NOTES[f"doctor.{check.name}"]) for check in checks)
    return Report(tuple(sorted(coded, key=lambda check: order.index(check.found))))


def _of_machine(desk: Desk, at: Moment) -> Iterator[Check]:
    configuration = desk.installation.configuration
    for bus in configuration.settings.bus:
        if isinstance(bus, RtuBus):
            yield _port(bus, parity=desk.installation.lines[bus.id].parity != "N")
    yield from _disk(configuration.store.parent)
    yield _copy(configuration.copy, at)
    yield _file("keys", configuration.keys, secret=False)
    if configuration.service_key is not None:
        yield _file("service_key", configuration.service_key, secret=True)
    table = configuration.settings.headend
    for name in (table.ca, table.cert):
        if name:
            yield _certificate(beside(configuration.file, name), at)


def _of_daemon(desk: Desk, at: Moment) -> Iterator[Check]:
    yield Check("time", Found.GOOD if at.trust.proven else Found.WARN, "", at.trust.value)
    rtc_ms = read_rtc()
    yield Check("rtc", Found.WARN if rtc_ms is None else Found.GOOD, "", "" if rtc_ms is None else instant(rtc_ms))
    yield Check("kernel_clock", Found.GOOD if kernel_synchronised() else Found.WARN, "", "")
    connected = desk.headend.connected
    yield Check("link", Found.GOOD if connected else Found.BAD, "", desk.headend.away)
    for point in desk.installation.points:
        gone = silent(point, desk.plant.latest(point.table.id), at)
        yield Check("meter", Found.BAD if gone else Found.GOOD, point.table.id, "")
    for kid, key in sorted(desk.installation.keys.items()):
        if key.not_after_utc_ms is not None:
            yield Check("key", _expiry(key.not_after_utc_ms, at), kid, instant(key.not_after_utc_ms))


def _expiry(utc_ms: int, at: Moment) -> Found:
    """How near the end of something is; by a clock that is not dated nobody can say."""
    if not at.trust.dated:
        return Found.WARN
    if utc_ms <= at.utc_ms:
        return Found.BAD
    return Found.WARN if utc_ms - at.utc_ms < EXPIRES_WARN_MS else Found.GOOD


def _port(bus: RtuBus, *, parity: bool) -> Check:
    """The port is there, may be opened, and keeps parity; a number may move, a name by id does not."""
    path = Path(bus.port)
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return Check("port_missing", Found.BAD, bus.id, f"{bus.port}: {error.strerror}")
    if not stat.S_ISCHR(mode):
        return Check("port_missing", Found.BAD, bus.id, bus.port)
    if not os.access(path, os.R_OK | os.W_OK):
        return Check("port_denied", Found.BAD, bus.id, bus.port)
    real = path.resolve().name
    if parity and real in MINI_UARTS:
        return Check("mini_uart", Found.BAD, bus.id, f"{bus.port} = {real}")
    if real.startswith(MOVING) and not bus.port.startswith("/dev/serial/"):
        return Check("port_by_number", Found.WARN, bus.id, bus.port)
    return Check("port", Found.GOOD, bus.id, bus.port)


def _disk(folder: Path) -> Iterator[Check]:
    """Space, whether it can be written, and how worn the medium says it is (eMMC says it, SD cards do not)."""
    try:
        usage = shutil.disk_usage(folder)
        writable = os.access(folder, os.W_OK) and not os.statvfs(folder).f_flag & os.ST_RDONLY
    except OSError as error:
        yield Check("disk", Found.BAD, str(folder), error.strerror or str(error))
        return
    found = Found.BAD if usage.free < SPACE_BAD_BYTES else Found.WARN if usage.free < SPACE_WARN_BYTES else Found.GOOD
    yield Check("disk", found, str(folder), f"{usage.free // 2**20} MiB")
    if not writable:
        yield Check("disk_read_only", Found.BAD, str(folder), "")
    yield _wear(folder)


def _wear(folder: Path) -> Check:
    device = folder.stat().st_dev
    here = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    for place in (here / "device", here / ".." / "device"):
        try:
            used = max(int(word, 16) for word in (place / "life_time").read_text().split())
        except (OSError, ValueError):
            continue
        found = Found.BAD if used >= WORN_BAD else Found.WARN if used >= WORN_WARN else Found.GOOD
        return Check("wear", found, str(folder), f"{min(10 * used, 110)} %")
    return Check("wear_unknown", Found.GOOD, str(folder), "")


def _copy(path: Path, at: Moment) -> Check:
    try:
        made_ms = int(path.stat().st_mtime * 1000)
    except OSError:
        return Check("copy_missing", Found.WARN, str(path), "")
    old = at.trust.dated and at.utc_ms - made_ms > COPY_OLD_MS
    return Check("copy", Found.WARN if old else Found.GOOD, str(path), instant(made_ms))


def _file(name: str, path: Path, *, secret: bool) -> Check:
    """A file that must be there; a secret one for this user alone."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return Check(name, Found.BAD, str(path), error.strerror or str(error))
    if secret and mode & 0o077:
        return Check("file_open", Found.BAD, str(path), oct(mode & 0o777))
    return Check(name, Found.GOOD, str(path), "")


def _certificate(path: Path, at: Moment) -> Check:
    """The first end of those in a PEM file."""
    try:
        with path.open("rb") as stream:
            ends = [
                one.not_valid_after_utc for one in x509.load_pem_x509_certificates(stream.read(CERTIFICATE_MAX_BYTES))
            ]
    except (OSError, ValueError) as error:
        return Check("certificate", Found.BAD, str(path), str(error)[:200])
    end: datetime = min(ends)
    utc_ms = int(end.timestamp() * 1000)
    return Check("certificate", _expiry(utc_ms, at), str(path), instant(utc_ms))


ACTIONS = (Action("doctor", Role.TECHNICIAN, _doctor),)
