"""Looking at the console: the numbers are the daemon's, and the sentences made of them exist in both languages."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from gateway import log
from gateway.console import status
from gateway.console.codes import CODES, NOTES
from gateway.console.desk import Desk
from gateway.console.wire import Role
from gateway.prepayment.events import Contact, HoldKind, LockoutSet, Reading, TimeTrust, TopUp
from gateway.prepayment.ladder import DELINQUENCY, PREPAID, Guard
from gateway.prepayment.ledger import EntryKind
from gateway.prepayment.supply import Commodity, SupplyState, SwitchState
from gateway.terminal import catalogue
from gateway.terminal.charset import Charset
from gateway.terminal.views import look
from gateway.terminal.words import Words
from tests.config.drafts import A1, GOOD
from tests.console.desks import ask, at_line, opened, seen

RECIPIENT = """
[utility]
name = "SES"
telephone = "0848 238 238"
url = "www.ses.ch"
[alerts.email]
host = "127.0.0.1"
port = 9
tls = "none"
from = "avvisi@utility.example"
[[alerts.recipient]]
account = "CH-0001"
language = "it"
email = "anna@example.org"
phone = "+41791234567"
"""
Test = Callable[[Desk], Awaitable[None]]
NANO = 1_000_000_000


def at_desk(folder: Path, test: Test, text: str = GOOD) -> None:
    """Run a test at the desk of a daemon that has just started."""

    async def run() -> None:
        async with opened(folder, text) as desk:
            await test(desk)

    asyncio.run(run())


def shown(view: Any, data: object, language: str = "en") -> str:
    """What a person reads of an answer, at 80 columns of ASCII."""
    words = Words(catalogue.load(language), Charset.ASCII, 80)
    return "\n".join(view(msgspec.to_builtins(data), words))


async def used(desk: Desk, wh: int, account_id: str = "CH-0001") -> None:
    """Two readings, so much energy apart."""
    for register_wh in (1_000, 1_000 + wh, 1_000 + wh):
        account = desk.teller.account(account_id)
        assert account is not None
        await desk.teller.post(account_id, Reading(desk.clock.now(), register_wh))


def test_status_shows_every_point_and_what_needs_a_look(tmp_path: Path) -> None:
    """S2-28, threat 15: one screen names each meter, its account, and first of all who is without supply."""

    async def test(desk: Desk) -> None:
        await desk.teller.confirm()
        await desk.teller.post("CH-0002", LockoutSet(desk.clock.now(), "c", "fire brigade"))
        seen(desk, "m1", switch=SwitchState.DISCONNECTED)
        answered = await ask(desk, at_line(desk), "status")
        assert answered.ok
        text = shown(look.status, answered.data)
        assert [point.meter for point in answered.data.points] == ["m1", "m2"]
        first = answered.data.points[0]
        assert (first.silent, first.power_w, first.balance, first.state) == (False, 420, "20.00", "NORMAL")
        assert answered.data.points[1].silent
        assert answered.data.points[1].lockout == "fire brigade"
        what = [one.what for one in answered.data.attention]
        assert what == ["switch_differs", "lockout", "meter_silent", "clock", "link"]
        assert "m2 CH-0002: locked out for safety (fire brigade)" in text
        assert "20.00 CHF" in text
        assert max(len(line) for line in text.splitlines()[:6]) <= 80

    at_desk(tmp_path, test)


def test_a_meter_is_silent_after_three_of_its_periods(tmp_path: Path) -> None:
    """Old values are never taken for new: the age is told, and after three periods the meter is called silent."""

    async def test(desk: Desk) -> None:
        seen(desk, "m1")
        latest = desk.plant.latest("m1")
        assert latest is not None
        for age_s, silent in ((29, False), (31, True)):
            running_ms = desk.clock.now().running_ms - age_s * 1000
            desk.plant._latest["m1"] = replace(latest, running_ms=running_ms)
            answered = await ask(desk, at_line(desk), "status")
            assert answered.data.points[0].silent is silent
            assert answered.data.points[0].seen_s == age_s

    at_desk(tmp_path, test)


def test_a_meter_without_an_account_is_told(tmp_path: Path) -> None:
    """A meter that serves nobody is read and named, not hidden."""

    async def test(desk: Desk) -> None:
        answered = await ask(desk, at_line(desk), "status")
        assert ("no_account", "m1") in [(one.what, one.meter) for one in answered.data.attention]
        assert "no account is open on this meter" in shown(look.status, answered.data)

    at_desk(tmp_path, test, GOOD.replace(A1, ""))


def test_nobody_looks_without_logging_in(tmp_path: Path) -> None:
    """S4-20, I14: not even the status; the refusal says which role it takes and has a code."""

    async def test(desk: Desk) -> None:
        for do in ("status", "account.list", "account.why", "clock.show", "network.show"):
            refused = await ask(desk, at_line(desk, Role.NOBODY), do)
            assert (refused.ok, refused.code, refused.detail["needs"]) == (False, "E-AUT-01", "viewer")
        for do in ("config.show", "log.show"):
            assert (await ask(desk, at_line(desk), do)).detail["needs"] == "technician"

    at_desk(tmp_path, test)


def test_why_says_since_when_why_what_next_and_what_would_help(tmp_path: Path) -> None:
    """S0-18: grace after the credit is gone: why, what comes next, how much is missing, and how it came."""

    async def test(desk: Desk) -> None:
        await used(desk, 2)
        answered = await ask(desk, at_line(desk), "account.why", account="CH-0001")
        why = answered.data
        assert (why.state, why.rule, why.next_state) == ("GRACE", "credit_gone", "LIMITED")
        assert (why.balance[:3], why.missing) == ("-0.", "0.01")
        assert [(step.source, step.target) for step in why.history] == [
            ("LOW_CREDIT", "GRACE"),
            ("NORMAL", "LOW_CREDIT"),
        ]
        text = shown(look.why, why)
        assert "Supplied in grace since" in text
        assert "Because the balance went below zero." in text
        assert "Power will be reduced not before" in text
        assert "To make the supply whole: at least 0.01 CHF." in text
        assert "Perché il saldo è sceso" in "\n".join(
            look.why(msgspec.to_builtins(why), Words(catalogue.load("it"), Charset.UTF_8, 80))
        )

    at_desk(tmp_path, test, GOOD.replace('opening_balance = "20.00"', 'opening_balance = "0.00"'))


def test_an_account_may_be_left_out_where_there_is_one(tmp_path: Path) -> None:
    """A small site has one account; with two it must be said, and an unknown one is refused by its code."""

    async def alone(desk: Desk) -> None:
        assert (await ask(desk, at_line(desk), "account.show")).data.account == "CH-0002"

    async def two(desk: Desk) -> None:
        assert (await ask(desk, at_line(desk), "account.show")).reason == "account_not_named"
        assert (await ask(desk, at_line(desk), "account.show", account="no")).reason == "unknown_account"

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    at_desk(tmp_path / "a", alone, GOOD.replace(A1, ""))
    at_desk(tmp_path / "b", two)


def test_the_ledger_is_read_backwards_page_by_page(tmp_path: Path) -> None:
    """S0-17: every entry is found once, the newest first, however few are asked for at a time; another's never."""

    async def test(desk: Desk) -> None:
        for number in range(1, 8):
            at = desk.clock.now()
            await desk.teller.post("CH-0001", Contact(at))
            top_up = TopUp(at, f"t{number}", number, NANO, number * NANO, "CHF", "web")
            assert (await desk.teller.post("CH-0001", top_up)).verdict is not None
        collected, before = [], 0
        while True:
            answered = await ask(desk, at_line(desk), "account.topups", account="CH-0001", count=3, before=before)
            collected += [entry.balance for entry in answered.data.entries]
            before = answered.data.before
            if not before:
                break
        assert collected == [f"{20 + number}.00" for number in range(7, 0, -1)]
        everything = (await ask(desk, at_line(desk), "account.ledger", account="CH-0001", count=100)).data
        assert [entry.kind for entry in everything.entries] == ["top_up"] * 7 + ["opening"]
        assert "21.00 CHF" in shown(look.ledger, everything)
        assert "balance: " in shown(look.ledger, everything)

    at_desk(tmp_path, test)


def test_usage_has_an_hour_for_each_hour_asked(tmp_path: Path) -> None:
    """Hours without quarter-hours are gaps, never zeros."""

    async def test(desk: Desk) -> None:
        usage = (await ask(desk, at_line(desk), "account.usage", account="CH-0001", hours=5)).data
        assert len(usage.hours) == 6
        assert set(usage.hours) == {None}
        assert (usage.total_wh, usage.peak_w, usage.estimated) == (0, 0, False)
        assert "in all 0.000 kWh" in shown(look.usage, usage)

    at_desk(tmp_path, test)


def test_the_clock_says_what_it_is_worth(tmp_path: Path) -> None:
    """Decision 16: the time comes with its trust and the bound that is certainly past."""

    async def test(desk: Desk) -> None:
        clock = (await ask(desk, at_line(desk), "clock.show")).data
        assert clock.trust != TimeTrust.AUTHENTICATED.value
        assert clock.bound <= clock.at
        assert "Only a signed answer of the head-end proves the time" in shown(look.clock, clock)

    at_desk(tmp_path, test)


def test_the_network_names_the_first_step_that_fails(tmp_path: Path) -> None:
    """A broker that is not there: the name resolves, the connection does not, and nothing hangs."""

    async def test(desk: Desk) -> None:
        network = (await ask(desk, at_line(desk), "network.show")).data
        assert [(step.step, step.ok) for step in network.steps] == [("resolve", True), ("connect", False)]
        assert not network.connected
        text = shown(look.network, network)
        assert "NOT connected to 127.0.0.1:" in text
        assert "!!  connection:" in text

    port = GOOD.replace("port = 1883", "port = 9")
    at_desk(tmp_path, test, port)


def test_a_value_of_the_configuration_says_where_it_comes_from(tmp_path: Path) -> None:
    """Decision 3: file, default or store; and that the file was changed since the start."""

    async def test(desk: Desk) -> None:
        config = (await ask(desk, at_line(desk, Role.TECHNICIAN), "config.show")).data
        origins = {value.key: (value.value, value.origin) for value in config.values}
        assert origins["gateway.id"] == ("gw-1", "file")
        assert origins["meter[m1].poll_s"] == ("10", "default")
        assert origins["account[CH-0001].contract_power_w"] == ("3000", "store")
        assert not config.changed
        assert "ATTENTION" not in shown(look.config, config)
        file = tmp_path / "gateway.toml"
        file.write_text(file.read_text().replace('timezone = "Europe/Zurich"', 'timezone = "Europe/Rome"'))
        config = (await ask(desk, at_line(desk, Role.TECHNICIAN), "config.show")).data
        assert config.changed
        assert "ATTENTION" in shown(look.config, config)
        file.unlink()
        assert (await ask(desk, at_line(desk, Role.TECHNICIAN), "config.show")).data.changed

    at_desk(tmp_path, test)


def test_a_part_of_the_configuration_can_be_asked_for(tmp_path: Path) -> None:
    """All of a gateway with twenty meters and their recipients is more than an answer may hold (E-ASK-06)."""

    async def test(desk: Desk) -> None:
        config = (await ask(desk, at_line(desk, Role.TECHNICIAN), "config.show", part="meter[m1]")).data
        assert len(config.values) > 3
        assert {value.key.partition(".")[0] for value in config.values} == {"meter[m1]"}

    at_desk(tmp_path, test)


@pytest.mark.parametrize("host", ["utility..example", ".", "a" * 64 + ".example"])
def test_a_host_that_can_be_no_name_is_told_by_the_diagnosis(tmp_path: Path, host: str) -> None:
    """A typing error in the host is what `network` is for; it must not end the daemon."""

    async def test(desk: Desk) -> None:
        steps = (await ask(desk, at_line(desk), "network.show")).data.steps
        assert [(step.step, step.ok) for step in steps] == [("resolve", False)]

    at_desk(tmp_path, test, GOOD.replace('host = "127.0.0.1"\nport = 1883', f'host = "{host}"\nport = 1883'))


def test_the_configuration_shows_no_address_of_a_customer(tmp_path: Path) -> None:
    """S4-25: whom messages go to is masked here too, and values are written as in the file."""

    async def test(desk: Desk) -> None:
        config = (await ask(desk, at_line(desk, Role.TECHNICIAN), "config.show")).data
        values = {value.key: value.value for value in config.values}
        assert values["alerts.recipient[0].email"] == "a***@e***.org"
        assert values["alerts.recipient[0].phone"] == "+41***67"
        assert values["gateway.folders"] == '["."]'
        assert values["headend.tls"] == "false"

    at_desk(tmp_path, test, GOOD + RECIPIENT)


def test_the_latest_log_lines_are_kept_and_bounded(capsys: pytest.CaptureFixture[str]) -> None:
    """The log is there without journalctl: so many lines, each cut, and only warnings if asked."""
    log.configure()

    for number in range(log.KEPT + 5):
        structlog.get_logger().info("line", number=number, text="x" * 1000)
    structlog.get_logger().warning("bad")
    capsys.readouterr()
    structlog.reset_defaults()
    lines = log.recent(1000)
    assert len(lines) == log.KEPT
    assert max(len(line) for line in lines) == log.LINE_MAX
    assert [msgspec.json.decode(line)["event"] for line in log.recent(5, warnings=True)[-1:]] == ["bad"]


KEYS = [
    *(f"state.{state.value}" for state in SupplyState),
    *(f"why.state.{state.value}" for state in SupplyState),
    *(f"why.rule.{rule.name}" for rule in (*PREPAID, *DELINQUENCY)),
    *(f"why.next.{state.value}" for state in (SupplyState.LIMITED, SupplyState.SUSPENDED)),
    *(f"switch.{state.value}" for state in SwitchState),
    *(f"hold.{kind.value}" for kind in HoldKind),
    *(f"held.{guard.value}" for guard in Guard),
    *(f"entry.{kind.value}" for kind in EntryKind),
    *(f"trust.{trust.value}" for trust in TimeTrust),
    *(f"commodity.{kind.value}" for kind in Commodity),
    *(f"attention.{what}" for what in re.findall(r'_note\("(\w+)"', Path(status.__file__).read_text())),
]


@pytest.mark.parametrize("language", catalogue.languages())
def test_every_word_of_the_rules_has_a_text(language: str) -> None:
    """A state, rule, hold or guard that is added gets its sentence in each language, or this fails."""
    texts = catalogue.load(language)
    assert [key for key in KEYS if not texts.has(key)] == []
    assert len(KEYS) > 90


def test_every_note_has_a_code_of_its_own() -> None:
    """Issue 5: support asks for the code; none is given twice, and what is told in the views has one."""
    told = re.compile(r"(attention|doctor|held|why\.rule)\.")
    keys = {key for key in catalogue.load("en").texts if told.match(key)}
    assert keys == set(NOTES)
    codes = [*NOTES.values(), *CODES.values()]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[EADSH]-[A-Z]{3}-\d{2}", code) for code in codes)
