"""What is not as it should be: told by the daemon with a code, said by the terminal as a sentence."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from gateway.config.settings import RtuBus
from gateway.console import diagnosis, doctor, status, stick
from gateway.console.access import LockName
from gateway.console.desk import Desk
from gateway.console.doctor import Found
from gateway.console.wire import Role
from gateway.errors import CommandRefused
from gateway.prepayment.account import Suspicion
from gateway.prepayment.events import SuspicionCause
from gateway.prepayment.outages import Outage
from gateway.prepayment.override import Override
from gateway.prepayment.register import Case, CaseKind
from gateway.terminal.catalogue import load
from gateway.terminal.views import look
from gateway.terminal.words import Words
from tests.config.drafts import A1, A2, GOOD, KEYS, M2, NETWORK
from tests.console.desks import ask, at_line, opened
from tests.console.test_topup import code
from tests.headend.test_mqtt import Authority

ALONE = GOOD.replace(NETWORK, "").replace(M2, "").replace(A2, "")
"""A small site: one bus, one meter, one account."""


def at_desk(folder: Path, test: Callable[[Desk], Awaitable[None]], text: str = GOOD) -> None:
    """Run a test at the desk of a daemon that has just started."""

    async def run() -> None:
        async with opened(folder, text) as desk:
            await test(desk)

    asyncio.run(run())


def test_everything_that_waits_for_a_person_is_a_sentence_with_a_code(tmp_path: Path) -> None:
    """I24, threats 3, 10, 17: books in doubt, readings in doubt, arming, override, alarm, outage: each by its name."""

    async def test(desk: Desk) -> None:
        account, at = desk.teller.accounts["CH-0001"], desk.clock.now()
        assert [*status._of_account(account, at)] == []
        case = Case(1, CaseKind.UNOBSERVED, 1_000, 2_000, 1_000, at, at, 0)
        troubled = replace(
            account,
            suspicion=Suspicion(SuspicionCause.FORK, at),
            register=replace(account.register, trouble="jump", cases=(case,)),
            armed=True,
            override=Override("o-1", "console/anna", "ill child", at, at.running_ms + 60_000, 0, 10_000),
            alarms=("tariff_expired",),
            outages=(
                Outage("O-9", at.utc_ms - 1_000, at.utc_ms + 60_000),
                Outage("O-10", at.utc_ms + 60_000, at.utc_ms + 120_000),
            ),
        )
        notes = [*status._of_account(troubled, at)]
        what = ["rollback_suspected", "register_trouble", "open_cases", "waits_on_site", "override", "alarm"]
        assert [note.what for note in notes][:-1] == what
        assert [note.fact for note in notes] == ["fork", "jump", "1", "", "console/anna", "tariff_expired", "O-9"]
        for language in ("en", "it"):
            lines = [look.attention(msgspec.to_builtins(note), Words(load(language))) for note in notes]
            assert all(re.match(r"A-[A-Z]{3}-\d\d  m1 CH-0001: \w", line) for line in lines), lines
            assert "O-9" in lines[-1]

    at_desk(tmp_path, test)


def test_the_files_that_prove_something_are_looked_at(tmp_path: Path) -> None:
    """Threats 21, 22: an open service key, a certificate and a key of the head-end near their end are found in time."""
    authority = Authority(tmp_path, "ca")
    secret = tmp_path / "service.key"
    secret.write_text("k")
    secret.chmod(0o600)
    text = GOOD.replace("tls = false", 'ca = "ca.pem"') + '[console]\nservice_key = "service.key"\n'

    async def test(desk: Desk) -> None:
        secret.chmod(0o644)
        (key,) = desk.installation.keys.values()
        desk.installation.keys["k1"] = replace(key, not_after_utc_ms=1_000)  # type: ignore[index]
        answered = await ask(desk, at_line(desk, Role.TECHNICIAN), "doctor")
        found = {check.name: check for check in answered.data.checks}
        assert (found["file_open"].found, found["file_open"].about) == (Found.BAD, str(secret))
        assert found["certificate"].about == str(authority.ca)
        assert found["certificate"].found is not Found.GOOD
        assert (found["key"].about, found["key"].fact) == ("k1", "1970-01-01T00:00:01.000Z")
        assert found["key"].found is not Found.GOOD

    at_desk(tmp_path, test, text)
    assert "not_after" not in KEYS


def test_a_port_that_may_not_be_opened_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decision 18: the user of the daemon is in no group of the port: another advice than for one that is away."""
    monkeypatch.setattr("gateway.console.doctor.os.access", lambda *_: False)
    check = doctor._port(RtuBus("rs485-1", "/dev/null"), parity=False)
    assert (check.name, check.found) == ("port_denied", Found.BAD)


def test_a_card_that_cannot_be_written_or_read_is_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threats 7, 8: a medium remounted read-only is the first thing a technician must know; so is one that is gone."""
    (gone,) = doctor._disk(tmp_path / "none")
    assert (gone.name, gone.found) == ("disk", Found.BAD)
    assert "disk_read_only" not in [check.name for check in doctor._disk(tmp_path)]
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert ("disk_read_only", Found.BAD) in [(check.name, check.found) for check in doctor._disk(tmp_path)]


@pytest.mark.parametrize(
    ("life", "found"), [("0x01 0x01", Found.GOOD), ("0x01 0x09", Found.WARN), ("0x0b 0x01", Found.BAD)]
)
def test_a_worn_medium_is_told_before_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, life: str, found: Found
) -> None:
    """Threat 7: an eMMC says how much of its life is used; the worse of its two figures counts."""
    real = Path.read_text

    def told(path: Path, *args: Any, **more: Any) -> str:
        return life if path.name == "life_time" else real(path, *args, **more)

    monkeypatch.setattr(Path, "read_text", told)
    check = doctor._wear(tmp_path)
    assert (check.name, check.found) == ("wear", found)


def test_a_stick_that_is_write_protected_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bad input, S2-12: another sentence than for no stick at all: there is a switch on its side."""
    real = os.statvfs("/dev/shm")
    locked = SimpleNamespace(f_flag=os.ST_RDONLY, f_bavail=real.f_bavail, f_frsize=real.f_frsize)
    monkeypatch.setattr("gateway.console.stick.os.statvfs", lambda _: locked)
    with pytest.raises(CommandRefused, match="stick_read_only"):
        stick.checked("/dev/shm", ("/dev",))
    assert "/dev/shm" not in [one.path for one in stick.found(("/dev",)).sticks]


def test_a_stick_that_is_pulled_out_after_it_was_checked_fills_no_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threat 8: the folder it was mounted on is the gateway's own card: nothing is written there."""
    (tmp_path / "usb").mkdir()
    monkeypatch.setattr(stick, "checked", lambda *_: 2**40)
    with pytest.raises(CommandRefused, match="no_stick"):
        stick.write(str(tmp_path / "usb"), {"a": b"b"}, (str(tmp_path),))
    assert [*(tmp_path / "usb").iterdir()] == []


def test_no_more_sticks_are_told_than_fit_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """I20: a machine full of media is listed up to a bound."""
    monkeypatch.setattr(stick, "STICKS_MAX", 1)
    monkeypatch.setattr(stick, "_below", lambda *_: [Path("/media/a"), Path("/media/b")])
    monkeypatch.setattr(stick, "checked", lambda *_: 7)
    assert stick.found(("/media",)).sticks == (stick.Stick("/media/a", 7),)


def test_a_gateway_without_a_service_key_says_so(tmp_path: Path) -> None:
    """Threat 22, I24: nobody is told that a code is wrong where none can be judged, and nothing counts as a guess."""

    async def test(desk: Desk) -> None:
        for do, words in (("topup.code", {"code": code(1, 20), "account": "CH-0001"}), ("challenge", {"name": "anna"})):
            refused = await ask(desk, at_line(desk, Role.NOBODY), do, **words)
            assert (refused.ok, refused.reason) == (False, "no_service_key")
        assert await desk.access.wait_min(LockName.CREDIT) == 0

    at_desk(tmp_path, test)


def test_where_there_is_one_it_need_not_be_named(tmp_path: Path) -> None:
    """S2-28: a small site has one meter and one bus; whoever stands there types neither."""

    async def test(desk: Desk) -> None:
        technician = at_line(desk, Role.TECHNICIAN)
        assert (await ask(desk, technician, "meter.show")).data.meter == "m1"
        assert (await ask(desk, technician, "bus.frames")).data.bus == "rs485-1"

    at_desk(tmp_path, test, ALONE)


def test_a_supply_without_a_switch_is_not_tried(tmp_path: Path) -> None:
    """Decision 15, I24: a refusal with its code before anything is on record or moves."""

    async def test(desk: Desk) -> None:
        proven = at_line(desk, Role.TECHNICIAN, proven=True)
        refused = await ask(desk, proven, "meter.try", meter="m1", reason="contactor")
        assert (refused.ok, refused.reason) == (False, "no_switch")
        rows = [row.body for row in await desk.store.rows_after(0, 1000)]
        assert not any(b"console.switch_trial" in row for row in rows)

    switched = 'switch = { kind = "meter" }\nlimiter = { kind = "switched" }\n'
    at_desk(tmp_path, test, GOOD.replace(switched, "", 1).replace(A1, ""))


def test_the_way_to_the_broker_is_gone_to_its_certificate(tmp_path: Path) -> None:
    """Threat 21: name, connection, TLS: with the right authority all stand and the end of the certificate is told."""
    authority = Authority(tmp_path, "ca")
    cert, key = authority.issue("broker")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    async def run(trusted: str, port: int) -> list[diagnosis.StepLine]:
        text = GOOD.replace("tls = false", f'ca = "{trusted}"').replace("port = 1883", f"port = {port}")
        async with opened(tmp_path, text) as desk:
            return list((await ask(desk, at_line(desk), "network.show")).data.steps)

    async def story() -> None:
        Authority(tmp_path, "other")
        async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]
            steps = await run("ca.pem", port)
            assert [(step.step, step.ok) for step in steps] == [("resolve", True), ("connect", True), ("tls", True)]
            assert "certificate until" in steps[-1].fact
            steps = await run("other.pem", port)
            assert [(step.step, step.ok) for step in steps][-1] == ("tls", False)
            assert "certificate" in steps[-1].fact

    asyncio.run(story())


def test_a_broker_without_tls_is_asked_for_no_certificate(tmp_path: Path) -> None:
    """Threat 19: in a network of its own the way ends at the connection, and that is all the diagnosis tells."""

    async def story() -> None:
        async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as server:
            text = GOOD.replace("port = 1883", f"port = {server.sockets[0].getsockname()[1]}")
            async with opened(tmp_path, text) as desk:
                steps = (await ask(desk, at_line(desk), "network.show")).data.steps
        assert [(step.step, step.ok) for step in steps] == [("resolve", True), ("connect", True)]

    asyncio.run(story())
