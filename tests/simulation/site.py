"""The installations a run may have: real configuration files, read by the production loader, with their meters.

Terms are those of the shipped prepaid ladder, some of them in hours instead of days so that a week sees every rung.
"""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from gateway import shipped
from gateway.commands.keys import parse_keys
from gateway.installation import Installation, load
from tests.simulation.postpaid import PostPaid

GATEWAY = "gw-sim"
WRAPS_AT_KWH = 100_000
"""Five digits: where the registers of all simulated meters begin again, and where their profiles say so (threat 14)."""
PRICE_NANO_PER_WH = 324_700
RATED_W = 13_800

_SCENARIO = """\
name = "sim"
description = "One customer"
[[line]]
id = "lan"
kind = "tcp"
[[meter]]
id = "m1"
line = "lan"
unit = 1
model = "{model}"
serial = 4711
start_kwh = {start_kwh}
wraps_at_kwh = {wraps_at_kwh}
load = 0
"""
_BOARD = """\
[[relay]]
id = "board"
line = "lan"
unit = 17
latching = true
[[relay.drives]]
channel = 0
meter = "m1"
energised = "{energised}"
"""
_CONFIG = """\
[gateway]
id = "gw-sim"
data = "card"
timezone = "Europe/Zurich"
[[bus]]
id = "lan"
kind = "tcp"
host = "127.0.0.1"
port = 502
[[meter]]
id = "m1"
bus = "lan"
address = 1
model = "{profile}"
rated_power_w = 13800
poll_s = {poll_s}
slow_s = 3600
switch = {switch}
{limiter}
[[account]]
id = "A1"
meter = "m1"
currency = "CHF"
policy = "sim"
tariff = "sim"
contract_power_w = 6000
opening_balance = "{opening}"
voltage = "{voltage}"
commodity = "{commodity}"
[headend]
host = "127.0.0.1"
port = 1883
tls = false
keys = "keys.toml"
"""
_TOLD = """\
[utility]
name = "SES"
telephone = "0848 238 238"
url = "www.ses.ch"
[alerts]
quiet = "21:00-07:00"
per_recipient_day = {a_day}
[alerts.email]
host = "localhost"
port = 25
from = "avvisi@ses.example"
tls = "none"
[[alerts.recipient]]
account = "A1"
language = "it"
email = "anna@example.org"
[[alerts.recipient]]
account = "A2"
language = "de"
email = "bruno@example.org"
"""
"""A channel to the customers: what is behind it is `post.py`."""
RECIPIENTS = frozenset({"A1", "A2"})
"""Accounts with somebody to tell; nobody configured one for who moves in after the second holder."""
ALERTS_A_DAY = 6
_TARIFF = """\
tariff = "sim"
version = 1
description = "One price, VAT included"
currency = "CHF"
time_zone = "Europe/Zurich"
valid_from = "2020-01-01"
[vat]
percent = "8.1"
included = true
{gas}[[block]]
{price} = {{ all = "0.3247" }}
"""
_GAS = '[gas]\ncoefficient = "1.027235"\n'
_POLICY = """\
policy = "sim"
version = 1
description = "The prepaid ladder"
currency = "CHF"
time_zone = "Europe/Zurich"
valid_from = "2020-01-01"
initiator = "local"
calendar = "ch-ti"
[low_credit]
amount = "2.00"
hysteresis = "0.50"
[grace]
term = "{grace}"
debt_cap = "4.00"
warn_before = "2h"
min_after_notice = "4h"
[limit]
enabled = true
required = false
percent = 15
term = "{limit}"
[restore]
min_balance = "0.00"
[guards]
min_dwell = "1h"
max_reading_age = "15 min"
max_offline = "24h"
offline_debt_cap = "8.00"
[slots]
closed_weekdays = [{closed}]
closed_on_holidays = {holidays}
closed_on_eves = {holidays}
hours = "{hours}"
[caps]
top_up = "500.00"
balance = "2000.00"
"""
_METER_SWITCH = '{ kind = "meter" }'
_SWITCHED = '{ kind = "switched" }'


@dataclass(frozen=True, slots=True)
class Variant:
    """One kind of installation."""

    name: str
    model: str
    profile: str
    start_kwh: str
    switch: str
    limiter: str
    energised: str = ""

    @property
    def scenario(self) -> str:
        """What firmware_sim plays."""
        text = _SCENARIO.format(model=self.model, start_kwh=self.start_kwh, wraps_at_kwh=WRAPS_AT_KWH)
        return text + (_BOARD.format(energised=self.energised) if self.energised else "")


def _relay(energised: str) -> str:
    return (
        '{ kind = "relay", model = "generic-relay", bus = "lan", address = 17, '
        f'energised = "{energised}", when_dead = "holds" }}'
    )


VARIANTS = (
    Variant("inside", "dds238", "hiking-dds238", "1204.17", _METER_SWITCH, _SWITCHED),
    Variant("board", "sdm630", "eastron-sdm630", "5120.345", _relay("closed"), _SWITCHED, "closed"),
    Variant("threshold", "iem3155", "schneider-iem3155", "911.5", _relay("open"), '{ kind = "threshold" }', "open"),
)


@dataclass(frozen=True, slots=True)
class Terms:
    """How long the ladder takes and when it may act."""

    name: str
    grace: str
    limit: str
    closed: str
    holidays: str
    hours: str


TERMS = (
    Terms("brisk", "12h", "12h", "", "false", "00:00-24:00"),
    Terms("days", "24h", "1 calendar days", '"sun"', "true", "08:00-15:00"),
    Terms("working", "1 working days", "2 working days", '"fri", "sat", "sun"', "true", "08:00-15:00"),
)


def tariff_text(*, gas: bool = False) -> str:
    """The tariff of every run at its beginning."""
    return _TARIFF.format(gas=_GAS if gas else "", price=price_key(gas=gas))


def price_key(*, gas: bool) -> str:
    """Under which name a tariff document holds its prices."""
    return "price_per_smc" if gas else "price_per_kwh"


def policy_text(terms: Terms, post_paid: PostPaid | None = None, *, gas: bool = False) -> str:
    """The policy file of a run."""
    if post_paid is not None:
        return post_paid.policy_text(closed=terms.closed, holidays=terms.holidays, hours=terms.hours, gas=gas)
    return _POLICY.format(
        grace=terms.grace, limit=terms.limit, closed=terms.closed, holidays=terms.holidays, hours=terms.hours
    )


def _profile_text(name: str) -> str:
    """The shipped profile with the wrap said in it: no shipped one does, it is the site's to say (docs/meters.md)."""
    shipped_text = (shipped.folder() / "meters" / f"{name}.toml").read_text(encoding="utf-8")
    return f"wraps_at_wh = {WRAPS_AT_KWH * 1000}\n{shipped_text}"


@functools.lru_cache(maxsize=64)
def _installation(
    variant: Variant,
    terms: Terms,
    post_paid: PostPaid | None,
    poll_s: int,
    opening: str,
    gas: bool,
    told: bool,
) -> Installation:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("card", "meters", "policies", "tariffs"):
            (folder / part).mkdir()
        (folder / "meters" / f"{variant.profile}.toml").write_text(_profile_text(variant.profile))
        (folder / "keys.toml").write_text(
            '[[key]]\nkid = "k0"\nissuer = "nobody"\nroles = ["time"]\n'
            'public = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"\n'
        )
        (folder / "tariffs" / "sim.toml").write_text(tariff_text(gas=gas))
        (folder / "policies" / "sim.toml").write_text(policy_text(terms, post_paid, gas=gas))
        config = _CONFIG.format(
            profile=variant.profile,
            poll_s=poll_s,
            switch=variant.switch,
            limiter=f"limiter = {variant.limiter}" if post_paid is None or post_paid.limiter else "",
            opening=opening,
            commodity="gas" if gas else "electricity",
            voltage="LV" if post_paid is None else post_paid.voltage,
        )
        (folder / "gateway.toml").write_text(config + (_TOLD.format(a_day=ALERTS_A_DAY) if told else ""))
        return load(folder / "gateway.toml")


def installation(
    variant: Variant,
    terms: Terms,
    post_paid: PostPaid | None,
    *,
    gas: bool = False,
    poll_s: int,
    opening: str,
    card: Path,
    keys: str,
    service_key: Path,
    told: bool,
) -> Installation:
    """What the daemon would have read; the store lies in the folder `card`."""
    made = _installation(variant, terms, post_paid, poll_s, opening, gas, told)
    settings = made.configuration.settings
    settings = msgspec.structs.replace(
        settings,
        gateway=msgspec.structs.replace(settings.gateway, data=str(card)),
        console=msgspec.structs.replace(settings.console, service_key=str(service_key)),
    )
    configuration = replace(made.configuration, settings=settings)
    return replace(made, configuration=configuration, keys=parse_keys(keys))
