"""Plays a journey: lines that begin with `>` are what happens, the indented lines below are what the gateway did.

    > open with 12.00, contract 3 kW, policy prepaid, tariff ch-flat
    > use 30 kWh in 20 hours        the household uses energy evenly; polls every five minutes
    > wait 3 days                   the same with nothing used
    > top up 20.00                  > reverse 5.00
    > hold life_support             > release hold              > lock out: work on the line     > unlock
    > head-end away | back          > clock unproven | proven   (the wall clock's trust)
    > gateway off for 2 days        > meter reads 0 kWh once    > show

Every journey begins on Monday 2026-03-02 at 09:00 in Zurich. Money and times are those of the policy's zone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.config.calendars import load_calendar
from gateway.config.policies import load_policy
from gateway.config.tariffs import load_tariff
from gateway.prepayment import civil
from gateway.prepayment.account import Terms
from gateway.prepayment.events import (
    HoldKind,
    HoldReleased,
    HoldSet,
    LockoutReleased,
    LockoutSet,
    Restarted,
    TimeTrust,
    TopUpReversal,
)
from gateway.prepayment.ledger import Entry, EntryKind, Happening, Notice, Record, Transition, VerdictStatus, wire_fact
from gateway.prepayment.money import format_money, parse_money
from gateway.prepayment.step import control
from gateway.shipped import folder
from tests.prepayment.worlds import HOUR_MS, MONDAY_MS, World, opened

_UNITS_H = {"hour": 1, "hours": 1, "day": 24, "days": 24}
_OPEN = re.compile(r"open with (\S+), contract (\S+) kW, policy (\S+), tariff (\S+)(, no limiter)?")


@dataclass
class Journey:
    """One script being played; `lines` is the narrative so far."""

    lines: list[str] = field(default_factory=list)
    world: World | None = None
    told: int = 0
    connected: bool = True
    reversed: list[int] = field(default_factory=list)

    def play(self, script: str) -> str:
        """Play the `>` lines and the comments of a script; give the script with its narrative written anew."""
        for line in script.splitlines():
            if line.startswith("> "):
                self.lines.append(line)
                self._do(line.removeprefix("> ").split("  ")[0].strip())
                self._tell()
            elif not line.startswith("    "):
                self.lines.append(line)
        return "\n".join(self.lines) + "\n"

    def _do(self, words: str) -> None:
        if match := _OPEN.fullmatch(words):
            self._open(match)
            return
        for pattern, act in _ACTS:
            if match := re.fullmatch(pattern, words):
                act(self, *match.groups())
                return
        raise ValueError(f"a journey does not know how to: {words}")

    def _open(self, match: re.Match[str]) -> None:
        balance, kw, policy, tariff, no_limiter = match.groups()
        config = folder()
        calendars = {path.stem: load_calendar(path) for path in (config / "calendars").glob("*.toml")}
        terms = Terms(13_800, can_disconnect=True, can_limit=no_limiter is None, calendars=calendars)
        account = opened(
            parse_money(balance),
            terms=terms,
            contract_power_w=int(float(kw) * 1000),
            policy=load_policy(config / "policies" / f"{policy}.toml"),
            tariff=load_tariff(config / "tariffs" / f"{tariff}.toml"),
            currency=load_policy(config / "policies" / f"{policy}.toml").currency,
        )
        self.world = World(account, terms)
        self.world.read()

    @property
    def w(self) -> World:
        """The world, once the account is open."""
        assert self.world is not None, "a journey begins with: > open with ..."
        return self.world

    def pass_time(self, wh: int, hours: float) -> None:
        """Polls every five minutes; a contact with each while the head-end is there."""
        self.w.use(wh, hours, contact=self.connected)

    def _tell(self) -> None:
        for record in self.w.records[self.told :]:
            text = _sentence(record, self.w.account.policy.time_zone)
            if text:
                self.lines.append(f"    {text}")
        self.told = len(self.w.records)
        account, wanted = self.w.account, control(self.w.account, self.w.terms)
        supply = "full supply" if wanted.limit_w is None else f"at most {wanted.limit_w} W"
        if wanted.switch != "CONNECTED":
            supply = f"no supply ({wanted.reason})"
        when = _when(self.w.utc_ms, account.policy.time_zone)
        money = format_money(account.balance_nano // 10_000_000 * 10_000_000, 2)
        self.lines.append(f"    = {when}  {account.supply.state}, {money} {account.currency}, {supply}")


def _use(journey: Journey, kwh: str, number: str, unit: str) -> None:
    journey.pass_time(int(float(kwh) * 1000), float(number) * _UNITS_H[unit])


def _wait(journey: Journey, number: str, unit: str) -> None:
    journey.pass_time(0, float(number) * _UNITS_H[unit])


def _top_up(journey: Journey, amount: str) -> None:
    journey.w.top_up(parse_money(amount))


def _reverse(journey: Journey, amount: str) -> None:
    nano = parse_money(amount)
    journey.reversed.append(nano)
    event = TopUpReversal(
        journey.w.now(), "r", len(journey.reversed), nano, sum(journey.reversed), journey.w.account.currency, "dispute"
    )
    outcome = journey.w.post(event)
    assert outcome.verdict is not None
    if outcome.verdict.status is not VerdictStatus.APPLIED:
        journey.lines.append(f"    refused: {outcome.verdict.reason}")


def _hold(journey: Journey, kind: str) -> None:
    journey.w.post(HoldSet(journey.w.now(), "h", "hold", HoldKind(kind)))


def _off(journey: Journey, number: str, unit: str, kwh: str | None) -> None:
    world = journey.w
    world.utc_ms += int(float(number) * _UNITS_H[unit] * HOUR_MS)
    world.register_wh += int(float(kwh or 0) * 1000)
    world.post(Restarted(world.now()))
    for _ in range(3):
        world.running_ms += 1_000
        world.utc_ms += 1_000
        world.read()


def _misread(journey: Journey, kwh: str) -> None:
    journey.w.running_ms += 1_000
    journey.w.utc_ms += 1_000
    journey.w.read(import_wh=int(float(kwh) * 1000))


def _trust(journey: Journey, word: str) -> None:
    journey.w.trust = TimeTrust.AUTHENTICATED if word == "proven" else TimeTrust.RESTORED


def _reach(journey: Journey, word: str) -> None:
    journey.connected = word == "back"


_ACTS: tuple[tuple[str, Callable[..., None]], ...] = (
    (r"use (\S+) kWh in (\S+) (hours?|days?)", _use),
    (r"wait (\S+) (hours?|days?)", _wait),
    (r"top up (\S+)", _top_up),
    (r"reverse (\S+)", _reverse),
    (r"hold (\S+)", _hold),
    (r"release hold", lambda journey: journey.w.post(HoldReleased(journey.w.now(), "h", "hold"))),
    (r"lock out: (.+)", lambda journey, why: journey.w.post(LockoutSet(journey.w.now(), "l", why))),
    (r"unlock", lambda journey: journey.w.post(LockoutReleased(journey.w.now(), "l"))),
    (r"head-end (away|back)", _reach),
    (r"clock (unproven|proven)", _trust),
    (r"gateway off for (\S+) (hours?|days?)(?:, (\S+) kWh used)?", _off),
    (r"meter reads (\S+) kWh once", _misread),
    (r"show", lambda journey: None),
)


def _sentence(record: Record, zone: str) -> str:
    when = _when(record.at.utc_ms, zone)
    match record:
        case Transition():
            why = record.rule.replace("_", " ")
            return f"{when}  {record.source} -> {record.target}  ({why})"
        case Notice():
            return f"{when}  message to the customer: {record.template}"
        case Entry(kind=EntryKind.CHARGE):
            return ""  # a line a day would drown the story; the balance below tells it
        case Entry():
            return f"{when}  {record.kind.replace('_', ' ')} {format_money(record.amount_nano, 2)} {record.currency}"
        case Happening():
            facts = (wire_fact(name, value) for name, value in record.detail)
            said = ", ".join(f"{name} {value}" for name, value in facts)
            return f"{when}  on record: {record.what} ({said})"
        case _:
            return ""


def _when(utc_ms: int, zone: str) -> str:
    return civil.local_time(utc_ms, zone).strftime("%a %Y-%m-%d %H:%M")


assert civil.local_time(MONDAY_MS, "Europe/Zurich").hour == 9
