"""Plays a journey: lines that begin with `>` are what happens, the indented lines below are what the gateway did.

    > open with 12.00, contract 3 kW, policy prepaid, tariff ch-flat
    > use 30 kWh in 20 hours        the household uses energy evenly; polls every five minutes
    > wait 3 days                   the same with nothing used
    > top up 20.00                  > reverse 5.00
    > hold life_support             > release hold              > lock out: work on the line     > unlock
    > head-end away | back          > clock unproven | proven   (the wall clock's trust)
    > notice of 120.00, due 2026-01-31, received 2026-03-02, pay by 2026-03-31, letter 30 days    (post-paid)
    > until 2026-04-07 08:00        > order limit        > order suspend, or in the next slot        > paid 20.00 | all
    > reconnect, says installer 12  > end for arrears    > end as asked
    > gateway off for 2 days        > meter reads 0 kWh once    > show

Every journey begins on Monday 2026-03-02 at 09:00 in Zurich. Money and times are those of the policy's zone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

from gateway.config.calendars import load_calendar
from gateway.config.policies import load_policy
from gateway.config.tariffs import load_tariff
from gateway.prepayment import civil
from gateway.prepayment.account import Terms
from gateway.prepayment.arrears import Arrears, ArrearsNoticed, ArrearsPaid, Proof, ReconnectAllowed, SupplyOrdered
from gateway.prepayment.entitlement import control
from gateway.prepayment.events import (
    AccountClosed,
    CloseCause,
    HoldKind,
    HoldReleased,
    HoldSet,
    LockoutReleased,
    LockoutSet,
    Restarted,
    TimeTrust,
    TopUpReversal,
)
from gateway.prepayment.ledger import (
    Entry,
    EntryKind,
    Happening,
    Notice,
    Record,
    Transition,
    VerdictStatus,
    wire_fact,
)
from gateway.prepayment.money import format_money, parse_money
from gateway.prepayment.outages import Outage, OutagePlanned
from gateway.prepayment.step import Event
from gateway.prepayment.supply import Commodity, SupplyState
from gateway.shipped import folder
from tests.prepayment.worlds import HOUR_MS, MONDAY_MS, World, opened

_UNITS_H = {"hour": 1, "hours": 1, "day": 24, "days": 24}
_OPEN = re.compile(r"open with (\S+), contract (\S+) kW, policy (\S+), tariff (\S+?)(, no limiter)?(, gas)?")


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
        balance, kw, policy, tariff, no_limiter, gas = match.groups()
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
            commodity=Commodity.GAS if gas else Commodity.ELECTRICITY,
        )
        self.world = World(account, terms)
        self.world.read()

    @property
    def w(self) -> World:
        """The world, once the account is open."""
        assert self.world is not None, "a journey begins with: > open with ..."
        return self.world

    def ask(self, request: Event) -> None:
        """Send a command; a refusal is told with what it says, an order that is kept too."""
        verdict = self.w.post(request).verdict
        assert verdict is not None
        if verdict.reason:
            told = dict(wire_fact(name, value) for name, value in verdict.detail)
            said = ", ".join(f"{name} {self._local(value)}" for name, value in told.items())
            word = "refused" if verdict.status is VerdictStatus.REFUSED else "kept"
            self.lines.append(f"    {word}: {verdict.reason}" + (f" ({said})" if said else ""))

    def _local(self, value: str | int) -> str:
        """An instant as the wall clock shows it; everything else as it is."""
        text = str(value)
        if not text.endswith("Z"):
            return text
        ms = int(datetime.fromisoformat(text).timestamp() * 1000)
        return _when(ms, self.w.account.policy.time_zone)

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
        if account.armed:
            supply = "waits for somebody on site"
        when = _when(self.w.utc_ms, account.policy.time_zone)
        money = format_money(account.balance_nano // 10_000_000 * 10_000_000, 2)
        self.lines.append(f"    = {when}  {account.supply.state}, {money} {account.currency}, {supply}")


def _notice(journey: Journey, amount: str, due: str, received: str, final: str, letter: str | None) -> None:
    """By certified mail, written the day it was received."""
    claim = Arrears(
        arrears_id="a-1",
        commodity=journey.w.account.commodity,
        amount_nano=parse_money(amount),
        due_on=due,
        issued_on=received,
        sent_on=None,
        notified_on=received,
        proof=Proof.CERTIFIED_MAIL,
        final_term_on=final,
        letter_days=int(letter or 0),
        invoices=(),
        legal_ref="letter 7/2026",
        at=journey.w.now(),
    )
    journey.ask(ArrearsNoticed(journey.w.now(), "notice", journey.w.account.currency, claim))


def _until(journey: Journey, day: str, clock: str) -> None:
    """Until this minute on the wall clock."""
    zone = journey.w.account.policy.time_zone
    hour, minute = (int(part) for part in clock.split(":"))
    then_ms = civil.utc_ms_at(date.fromisoformat(day), hour * 60 + minute, zone)
    journey.pass_time(0, (then_ms - journey.w.utc_ms) / HOUR_MS + 1e-9)


def _order(journey: Journey, rung: str, queue: str | None) -> None:
    target = SupplyState.LIMITED if rung == "limit" else SupplyState.SUSPENDED
    at = journey.w.now()
    journey.ask(SupplyOrdered(at, "order", target, "a-1", "decision 12/2026", queue=queue is not None))


def _pay(journey: Journey, amount: str) -> None:
    nano = None if amount == "all" else parse_money(amount)
    owed_nano = next((one.amount_nano for one in journey.w.account.arrears if one.arrears_id == "a-1"), 0)
    left_nano = None if nano is None else max(0, owed_nano - nano)
    journey.ask(ArrearsPaid(journey.w.now(), "paid", "a-1", journey.w.account.currency, nano, left_nano))


def _end(journey: Journey, why: str) -> None:
    cause = CloseCause.DELINQUENCY if why == "for arrears" else CloseCause.CUSTOMER_REQUEST
    journey.ask(AccountClosed(journey.w.now(), "end", why, cause))


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


def _dispute(journey: Journey, amount: str) -> None:
    at, nano = journey.w.now(), parse_money(amount)
    journey.w.post(HoldSet(at, "h", "hold", HoldKind.DISPUTE, None, nano, (), "utility", "letter of the customer"))


def _outage(journey: Journey, lasts_h: str, in_h: str) -> None:
    begins_ms = journey.w.utc_ms + int(float(in_h) * HOUR_MS)
    ends_ms = begins_ms + int(float(lasts_h) * HOUR_MS)
    journey.w.post(OutagePlanned(journey.w.now(), "o", Outage("works-7", begins_ms, ends_ms, "new cable", "operator")))


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
    (r"dispute (\S+)", _dispute),
    (r"outage of (\S+) hours in (\S+) hours", _outage),
    (r"notice of (\S+), due (\S+), received (\S+), pay by (\S+?)(?:, letter (\d+) days)?", _notice),
    (r"until (\S+) (\S+)", _until),
    (r"order (limit|suspend)(, or in the next slot)?", _order),
    (r"paid (\S+)", _pay),
    (r"reconnect, says (.+)", lambda journey, who: journey.ask(ReconnectAllowed(journey.w.now(), "r", who))),
    (r"end (for arrears|as asked)", _end),
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
