"""`prepaid-gateway check`: the plan of an installation in words a technician understands. Reads, touches nothing.

Everything comes from the same `Installation` the daemon builds from, so what is printed is what will run. Accounts
that the store already holds are shown with the store's values: there the file no longer counts (decision 3).
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from gateway import plan_alerts, plan_arrears, plan_ladder, plan_warnings, shipped
from gateway.clock import SystemClock
from gateway.config.loader import Configuration
from gateway.config.settings import (
    AccountTable,
    HeadendTable,
    MeterSwitch,
    OutputSwitch,
    RelaySwitch,
    RtuBus,
    SwitchedLimiter,
    TcpBus,
    ThresholdLimiter,
)
from gateway.errors import StoreError
from gateway.installation import Installation, load, opening, terms
from gateway.meters.profile import WhenDead
from gateway.point import Point, busy_share
from gateway.prepayment import civil
from gateway.prepayment.account import Account, Outcome, Terms
from gateway.prepayment.agreement import open_account
from gateway.prepayment.events import Moment, TimeTrust
from gateway.prepayment.ledger import Verdict
from gateway.prepayment.money import format_price_per_kwh, parse_money, wire_money
from gateway.prepayment.policy import Reconnect
from gateway.prepayment.power import available_power_w
from gateway.prepayment.supply import Commodity, SupplyState
from gateway.prepayment.tariff import Tariff
from gateway.store import peek

_WIDTH = 118

_WHEN_DEAD = {
    WhenDead.HOLDS: "it stays as it is",
    WhenDead.CLOSES: "it closes: supply for everybody",
    WhenDead.OPENS: "it opens: a dead gateway is a dark house",
    WhenDead.UNKNOWN: "nobody knows: try it",
}
_RECONNECT = (
    "supply comes back by itself as soon as it is paid for, with nobody on site: appliances that were left on start "
    "again (restore.electricity = auto, decision 14)"
)


def main(file: Path, today: date | None = None) -> int:
    """Print the plan; ConfigError when there is none. `today` None: what the clock of this machine shows."""
    installation = load(file)
    if today is None:
        zone = installation.configuration.settings.gateway.timezone
        today = civil.local_date(SystemClock().now().utc_ms, zone)
    for line in lines(installation, today):
        hanging = " " * (len(line) - len(line.lstrip(" -")) + 12)
        print("\n".join(textwrap.wrap(line, _WIDTH, subsequent_indent=hanging)) or line)
    return 0


def lines(installation: Installation, today: date | None = None) -> list[str]:
    """The whole plan; without a day nothing is said of what ends."""
    configuration = installation.configuration
    settings = configuration.settings
    stored, remark = _stored(configuration.store)
    text = [
        f"gateway {settings.gateway.id}, configured by {configuration.file}",
        f"store   {configuration.store}: {remark}",
        f"copy    {configuration.copy}: verified, made daily and at each clean end",
    ]
    text += ["", "Buses", *(line for bus in settings.bus for line in _bus(bus, installation))]
    text += ["", "Meters", *(line for point in installation.points for line in _meter(point))]
    text += ["", "Accounts"]
    for point in installation.points:
        if point.account is not None:
            text += _account(point, point.account, stored.get(point.account.id), installation)
    in_file = {account.id for account in settings.account}
    opened = (account for name, account in stored.items() if name not in in_file)
    text += [
        f"  {one.account_id}  meter {one.meter_id}, only in the store: opened by a command, {_stands(one)}"
        for one in opened
    ]
    text += ["", "Head-end", *_headend(settings.headend)]
    text += ["", "Console", *_console(configuration)]
    text += ["", "To the customers", *plan_alerts.lines(configuration)]
    named = [(account.id, account.policy, account.tariff) for account in settings.account]
    terms_in_use = plan_warnings.in_use(named, configuration.policies, configuration.tariffs, stored)
    of_terms = plan_warnings.warnings(terms_in_use, configuration.calendars, today)
    warnings = [*installation.warnings, *of_terms, *_absent_ports(settings.bus)]
    tables = [point.account for point in installation.points if point.account is not None]
    if any(_by_itself(table, stored.get(table.id), installation) for table in tables):
        warnings.append(_RECONNECT)
    return [*text, "", "Warnings", *(f"  - {warning}" for warning in warnings)]


def _stored(path: Path) -> tuple[Mapping[str, Account], str]:
    try:
        path.stat()
        accounts = peek.accounts(path)
    except (FileNotFoundError, NotADirectoryError):
        return {}, "new, accounts open from the file at the first start"
    except PermissionError:
        seen = "not for this user to see, only for the gateway's (sudo -u prepaid-gateway)"
        return {}, f"{seen}; the values below are those of the file"
    except StoreError as error:
        return {}, f"{str(error).removeprefix(f'{path}: ')}; the values below are those of the file"
    return {account.account_id: account for account in accounts}, f"holds {len(accounts)} accounts"


def _bus(bus: RtuBus | TcpBus, installation: Installation) -> list[str]:
    busy = f"busy {busy_share(installation.points, bus.id):.1%} of the time"
    if isinstance(bus, TcpBus):
        return [f"  {bus.id}  Modbus TCP {bus.host}:{bus.port}, answers within {bus.timeout_ms} ms, {busy}"]
    line = installation.lines[bus.id]
    said = f"{line.baud} {line.bits}{line.parity}{line.stop_bits}" + (
        "" if bus.line else " (as its meters are delivered)"
    )
    return [f"  {bus.id}  Modbus RTU {bus.port}", f"      {said}, answers within {bus.timeout_ms} ms, {busy}"]


def _meter(point: Point) -> list[str]:
    table, model = point.table, point.profile
    named = (model.energy_export, model.power, *model.fast)
    fast = [f"{model.energy} (charged)", *dict.fromkeys(name for name in named if name)]
    text = [
        f"  {table.id}  {model.vendor} {table.model}, bus {table.bus} address {table.address}{_serial(table.serial)}",
        f"      model   {_origin(point.profile_file)}, confidence {model.confidence}",
        f"      reads   every {table.poll_s} s: {', '.join(fast)}",
        f"              {_count(len(point.fast), 'request')}, {_ms(point.bus_ms + point.relay_ms)} of bus time",
    ]
    if model.slow:
        text += [f"              every {table.slow_s} s also: {', '.join(model.slow)}"]
        text += [f"              {_count(len(point.full), 'request')} in that poll"]
    text += [f"      supply  {_supply(point)}"]
    if point.when_dead is not None:
        text += [f"              when the gateway is dead {_WHEN_DEAD[point.when_dead]}"]
    return [*text, f"      limit   {_limit(point)}"]


def _serial(serial: str | None) -> str:
    return "" if serial is None else f", serial number {serial}"


def _gas(point: Point) -> bool:
    return point.account is not None and point.account.commodity is Commodity.GAS


def _supply(point: Point) -> str:
    match point.table.switch:
        case None:
            return "no switch"  # and so nobody's account: see `config.cross`
        case MeterSwitch():
            return "the relay inside the meter" if not _gas(point) else "the valve inside the meter"
        case OutputSwitch(channel=channel, energised=energised):
            return f"output {channel} of the meter; while it is on, the supply is {energised}"
        case RelaySwitch(model=model, bus=bus, address=address, channel=channel, energised=energised):
            where = f"channel {channel} of {model}, bus {bus} address {address}"
            return f"{where}; while it is on, the supply is {energised}"


def _limit(point: Point) -> str:
    match point.table.limiter:
        case None:
            return "none: gas has no rung of less power" if _gas(point) else "none: the rung LIMITED is skipped"
        case ThresholdLimiter():
            acts_on = point.profile.limit.acts_on if point.profile.limit is not None else ""
            return "a power threshold in the meter" + (f", acts on {acts_on}" if acts_on else "")
        case SwitchedLimiter() as rules:
            return (
                f"by switching: mean over {rules.window_s} s, {rules.warn_s} s warning, open for {rules.open_s} s, "
                f"{rules.trips_per_hour} trips an hour at most, then {rules.cooldown_s} s"
            )


def _account(point: Point, table: AccountTable, stored: Account | None, installation: Installation) -> list[str]:
    configuration = installation.configuration
    if stored is None:
        policy, tariff = configuration.policies[table.policy], configuration.tariffs[table.tariff]
        power_w = table.contract_power_w
        balance = f"{wire_money(parse_money(table.opening_balance))} {table.currency}"
        state = f"opens at the first start with {balance}, from gateway.toml"
        if why := _refusal(table, installation, terms(point, installation)):
            state = f"is refused at the first start: {why}, from gateway.toml"
        policy_from = _origin(configuration.origins[f"policies/{table.policy}"])
        tariff_from = _origin(configuration.origins[f"tariffs/{table.tariff}"])
    else:
        policy, tariff, power_w = stored.policy, stored.tariffs[-1], stored.contract_power_w
        state = f"{_stands(stored)}, from the store"
        if stored.suspicion is not None:
            state += f"; ROLLBACK_SUSPECTED ({stored.suspicion.cause}), see docs/mqtt.md"
        policy_from = _kept("policy", policy.policy_id, table.policy)
        tariff_from = _kept("tariff", tariff.tariff_id, table.tariff)
    return [
        f"  {table.id}  meter {table.meter}{_power(table if stored is None else stored, power_w)}",
        f"      supplies {_delivery(table if stored is None else stored)}",
        f"      account {state}",
        f"      policy  {policy.policy_id}@{policy.version}, {policy_from}",
        f"      tariff  {tariff.ref}, {tariff_from}: {_prices(tariff)}",
        *_ladder(point, table, stored, installation),
    ]


def _power(known: AccountTable | Account, power_w: int) -> str:
    """Gas has no power that anybody contracts."""
    if known.commodity is Commodity.GAS:
        return ""
    return f", contract {power_w} W, available {available_power_w(power_w)} W"


def _delivery(known: AccountTable | Account) -> str:
    """What the paper of the contract says; the number is the customer's to compare with the label (S2-28, S4-01)."""
    whom = "a household" if known.domestic else "a business"
    level = f" in {known.voltage}" if known.commodity is Commodity.ELECTRICITY else ""
    where = known.delivery_point or "a delivery point without a number"
    plant = f", plant of {known.plant_power_w} W" if known.plant_power_w else ""
    return f"{known.commodity}{level} to {whom} at {where}{plant}"


def _kept(key: str, stored: str, file: str) -> str:
    return (
        "from the store" if stored == file else f"from the store (gateway.toml names {key} {file!r}: not used any more)"
    )


def _prices(tariff: Tariff) -> str:
    amounts = sorted({price.nano_per_wh for price in tariff.prices})
    span = " to ".join(dict.fromkeys(format_price_per_kwh(amount) for amount in (amounts[0], amounts[-1])))
    return f"{span} {tariff.currency}/{'Smc' if tariff.commodity is Commodity.GAS else 'kWh'}"


def _stands(account: Account) -> str:
    return f"{account.supply.state} with {wire_money(account.balance_nano)} {account.currency}"


def _ladder(point: Point, table: AccountTable, stored: Account | None, installation: Installation) -> list[str]:
    """What happens when nothing is paid: by itself (prepaid), or on orders (post-paid)."""
    if stored is not None and stored.supply.state is SupplyState.TERMINATED:
        return ["      this contract has ended: nothing more is charged to it"]
    policy = installation.configuration.policies[table.policy] if stored is None else stored.policy
    power_w = table.contract_power_w if stored is None else stored.contract_power_w
    limiter = point.table.limiter
    limits = "written to the meter" if isinstance(limiter, ThresholdLimiter) else "by switching"
    gas = (table if stored is None else stored).commodity is Commodity.GAS
    opens = "the valve closes" if gas else "the switch opens"
    if policy.delinquency is None:
        can_limit = limiter is not None and table.commodity is Commodity.ELECTRICITY
        lines = plan_ladder.timeline(policy, power_w, can_limit=can_limit, opens=opens, limits=limits)
        return ["      when credit runs out", *(f"          {line}" for line in lines)]
    of = terms(point, installation)
    account = stored or _as_opened(table, installation, of)
    if isinstance(account, Verdict):
        return ["      when a bill is not paid: see above why there is no account"]
    lines = plan_arrears.timeline(account, of, opens=opens, limits=limits)
    return ["      when a bill is not paid", *(f"          {line}" for line in lines)]


def _as_opened(table: AccountTable, installation: Installation, of: Terms) -> Account | Verdict:
    outcome = open_account(opening(table, installation, Moment(0, TimeTrust.UNKNOWN, 0)), of)
    return outcome.account if isinstance(outcome, Outcome) else outcome


def _refusal(table: AccountTable, installation: Installation, of: Terms) -> str:
    """Why the first start would not open this account of the file; empty when it would."""
    opened = _as_opened(table, installation, of)
    if not isinstance(opened, Verdict):
        return ""
    facts = ", ".join(f"{name} {value}" for name, value in opened.detail)
    return f"{opened.reason}{f' ({facts})' if facts else ''}"


def _by_itself(table: AccountTable, stored: Account | None, installation: Installation) -> bool:
    """Supply comes back with nobody on site (decision 14)."""
    policy = installation.configuration.policies[table.policy] if stored is None else stored.policy
    commodity = table.commodity if stored is None else stored.commodity
    return commodity is Commodity.ELECTRICITY and policy.reconnect is Reconnect.AUTO


def _headend(headend: HeadendTable) -> list[str]:
    security = "TLS" if headend.tls else "NOT ENCRYPTED"
    who = "client certificate" if headend.cert else f"name {headend.username!r}" if headend.username else "no login"
    record = "moves with its acknowledgement" if headend.acknowledges else "moves with the broker's word only"
    return [
        f"  {headend.host}:{headend.port}, {security}, {who}",
        f"  signatures of {headend.keys} count; the journal's cursor {record}",
    ]


def _console(configuration: Configuration) -> list[str]:
    table = configuration.settings.console
    if not table.enabled:
        return ["  none (enabled = false)"]
    who = f"group {table.group}" if table.group else "the gateway's own group"
    parts = [f"{table.password_length} characters"]
    parts += ["a capital"] * table.password_capital + ["a digit"] * table.password_digit
    parts += ["a special one"] * table.password_special
    key = configuration.service_key
    without = "no one-time and no credit codes: without service_key nobody can log in for the first time"
    return [
        f"  {configuration.console}, for {who}",
        f"  passwords of at least {', '.join(parts)}",
        f"  one-time and credit codes with the key {key}" if key else f"  {without}",
    ]


def _absent_ports(buses: tuple[RtuBus | TcpBus, ...]) -> list[str]:
    return [
        f"[[bus]] {bus.id!r} port: {bus.port} is not there at this moment; the daemon starts and waits for it"
        for bus in buses
        if isinstance(bus, RtuBus) and not os.path.exists(bus.port)  # noqa: PTH110 - no error where others may not look
    ]


def _origin(path: Path) -> str:
    """Shipped files by their short name, an operator's own by its full path."""
    home = shipped.folder().resolve()
    return f"shipped {path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _ms(value_ms: float) -> str:
    return f"{value_ms:.0f} ms"
