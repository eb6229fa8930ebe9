"""What the gateway knows of its own surroundings: clock, network and broker, configuration, the latest log lines."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from gateway import log
from gateway.alerts.recipients import mask
from gateway.clock import kernel_synchronised, read_rtc
from gateway.config.findings import Findings
from gateway.config.loader import load
from gateway.console.desk import Action, Desk, Nothing, Session
from gateway.console.wire import Role
from gateway.errors import ConfigError
from gateway.headend.run import broker_of
from gateway.headend.tls import context
from gateway.prepayment.civil import instant
from gateway.store import INTERVAL, JOURNAL
from gateway.toml import parse

STEP_WITHIN_S = 5.0
LINES_MAX = 200
FILE_MAX_BYTES = 1_000_000


class ClockShown(Struct, frozen=True):
    """The time and what it is worth. `bound` is certainly past; `rtc` and `kernel` are witnesses, never proof."""

    at: str
    trust: str
    bound: str
    running_s: int
    kernel_synchronised: bool
    rtc: str


class NetworkShown(Struct, frozen=True):
    """The way to the head-end, step by step; the first step that failed is where to look."""

    broker: str
    tls: bool
    connected: bool
    away: str
    waiting_rows: int
    waiting_quarters: int
    contacts: tuple[ContactLine, ...]
    steps: tuple[StepLine, ...]


class ContactLine(Struct, frozen=True):
    """How long ago the head-end proved to an account that it is there, in running time."""

    account: str
    ago_s: int


class StepLine(Struct, frozen=True, omit_defaults=True):
    """One step of the diagnosis: `resolve`, `connect`, `tls`."""

    step: str
    ok: bool
    fact: str
    ms: int


class ConfigBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The values whose key begins so; all of a gateway with many meters are more than one answer holds."""

    part: Annotated[str, Meta(max_length=100)] = ""


class ConfigShown(Struct, frozen=True):
    """Every value in force and where it comes from; `changed`: gateway.toml says something else since the start."""

    file: str
    changed: bool
    values: tuple[ValueLine, ...]


class ValueLine(Struct, frozen=True):
    """One value; `origin` is `file`, `default` or `store` (an account's truth, changed by signed commands)."""

    key: str
    value: str
    origin: str


class LogBody(Struct, frozen=True, forbid_unknown_fields=True):
    """So many of the latest lines; only warnings and worse, if asked."""

    count: Annotated[int, Meta(ge=1, le=LINES_MAX)] = 40
    warnings: bool = False


class LogShown(Struct, frozen=True):
    """The latest lines of this run's log, oldest first, as they were written."""

    lines: tuple[str, ...]


async def _clock(desk: Desk, _session: Session, _: Nothing) -> ClockShown:
    at, rtc_ms = desk.clock.now(), read_rtc()
    return ClockShown(
        instant(at.utc_ms),
        at.trust.value,
        instant(desk.clock.bound_utc_ms),
        at.running_ms // 1000,
        kernel_synchronised(),
        "" if rtc_ms is None else instant(rtc_ms),
    )


async def _network(desk: Desk, _session: Session, _: Nothing) -> NetworkShown:
    table, store, at = desk.settings.headend, desk.store, desk.clock.now()
    contacts = tuple(
        ContactLine(account.account_id, (at.running_ms - account.contact_running_ms) // 1000)
        for account in desk.teller.accounts.values()
    )
    return NetworkShown(
        f"{table.host}:{table.port}",
        table.tls,
        desk.headend.connected,
        desk.headend.away,
        store.head.seq - await store.cursor(JOURNAL),
        await store.last_interval() - await store.cursor(INTERVAL),
        contacts,
        tuple(await _steps(desk)),
    )


async def _steps(desk: Desk) -> list[StepLine]:
    """Go the way of the link once, beside it: a second connection that says nothing and ends at once."""
    table, steps = desk.settings.headend, []
    loop = asyncio.get_running_loop()
    began_ms = desk.clock.monotonic_ms()

    def done(step: str, fact: str, *, ok: bool = True) -> None:
        nonlocal began_ms
        now_ms = desk.clock.monotonic_ms()
        steps.append(StepLine(step, ok, fact[:200], now_ms - began_ms))
        began_ms = now_ms

    step = "resolve"
    try:
        async with asyncio.timeout(STEP_WITHIN_S):
            found = await loop.getaddrinfo(table.host, table.port)
        done(step, ", ".join(sorted({str(entry[4][0]) for entry in found})))
        step = "connect"
        await _opened(table.host, table.port, None)
        done(step, f"{table.host}:{table.port}")
        if table.tls:
            step = "tls"
            done(step, await _opened(table.host, table.port, context(broker_of(desk.installation.configuration))))
    except (OSError, TimeoutError, UnicodeError, ConfigError) as error:  # a host that can be no name is the third
        done(step, str(error) or f"no answer within {STEP_WITHIN_S:.0f} s", ok=False)
    return steps


async def _opened(host: str, port: int, tls: ssl.SSLContext | None) -> str:
    """Connect and hang up; the protocol and until when the broker's certificate is good."""
    async with asyncio.timeout(STEP_WITHIN_S):
        _, writer = await asyncio.open_connection(host, port, ssl=tls)
        found = writer.get_extra_info("ssl_object")
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return "" if found is None else f"{found.version()}, certificate until {found.getpeercert().get('notAfter', '?')}"


async def _config(desk: Desk, _session: Session, body: ConfigBody) -> ConfigShown:
    configuration = desk.installation.configuration
    file = configuration.file
    try:
        with file.open("rb") as stream:
            raw = parse(stream.read(FILE_MAX_BYTES).decode())
    except (OSError, ValueError):
        raw = {}
    now = load(file, Findings())
    values = [*_values("", msgspec.to_builtins(configuration.settings), raw), *_accounts(desk)]
    shown = tuple(value for value in values if value.key.startswith(body.part))
    return ConfigShown(str(file), now is None or now.settings != configuration.settings, shown)


def _values(path: str, value: Any, raw: Any) -> Iterator[ValueLine]:  # noqa: ANN401 - any TOML value
    """Every leaf with its key as in the file; a leaf that the file does not hold is a default."""
    if isinstance(value, dict):
        for name, inner in value.items():
            found = raw.get(name, _ABSENT) if isinstance(raw, dict) else _ABSENT
            yield from _values(f"{path}.{name}" if path else name, inner, found)
    elif isinstance(value, list | tuple) and value and isinstance(value[0], dict):
        for number, inner in enumerate(value):
            held = raw[number] if isinstance(raw, list) and number < len(raw) else _ABSENT
            yield from _values(f"{path}[{inner.get('id', number)}]", inner, held)
    else:
        yield ValueLine(path, _written(path, value), "default" if raw is _ABSENT else "file")


def _written(path: str, value: Any) -> str:  # noqa: ANN401 - any TOML value
    """A value as in the file; a customer's address is masked (S4-25), because this screen is read out on the phone."""
    if value is None:
        return ""
    if isinstance(value, str):
        return mask(value) if value and path.startswith(RECIPIENT) and path.endswith(ADDRESSES) else value
    return json.dumps(value, ensure_ascii=False)


_ABSENT = object()
RECIPIENT, ADDRESSES = "alerts.recipient[", (".email", ".phone")


def _accounts(desk: Desk) -> Iterator[ValueLine]:
    """What commands may have changed since the file was read for the first time (decision 3)."""
    for account in desk.teller.accounts.values():
        path = f"account[{account.account_id}]"
        policy = f"{account.policy.policy_id}@{account.policy.version}"
        tariffs = ", ".join(f"{tariff.tariff_id}@{tariff.version}" for tariff in account.tariffs)
        for name, value in (
            ("policy", policy),
            ("tariff", tariffs),
            ("contract_power_w", str(account.contract_power_w)),
            ("meter", account.meter_id),
        ):
            yield ValueLine(f"{path}.{name}", value, "store")


async def _log(_desk: Desk, _session: Session, body: LogBody) -> LogShown:
    return LogShown(log.recent(body.count, warnings=body.warnings))


ACTIONS = (
    Action("clock.show", Role.VIEWER, _clock),
    Action("network.show", Role.VIEWER, _network),
    Action("config.show", Role.TECHNICIAN, _config, ConfigBody),
    Action("log.show", Role.TECHNICIAN, _log, LogBody),
)
