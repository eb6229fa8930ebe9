"""What the demonstration writes for the daemon: gateway.toml and the head-end's keys, as an installer would."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.reference.sign import Signer, new_signer

GATEWAY_ID = "gw-demo"
CURRENCY = "CHF"
FASTER = 20
"""Energy runs this many times faster than time (config/sim/scenarios/demo.toml), so rated powers are larger too."""


@dataclass(frozen=True, slots=True)
class Place:
    """One delivery point: its account, its meter in the simulator and what people call it."""

    account_id: str
    device: str
    line: str
    name: str
    wire: str
    contract_power_w: int
    big_load_w: int
    base_load_w: int
    appliance: str


FLAT = Place("CH-DEMO-1", "flat", "rs485", "a flat", "DDS238, relay inside, RS-485", 3000, 3000, 120, "oven")
SHOP = Place("CH-DEMO-2", "shop", "lan", "a shop", "SDM630 and relay board, TCP", 6000, 2000, 40, "cooling")
PLACES = (FLAT, SHOP)

_GATEWAY_TOML = """\
# Written by `prepaid-gateway demo`. The daemon reads it as it would read its own; only the policy counts in seconds.

[gateway]
id = "{gateway_id}"
data = "data"
timezone = "Europe/Zurich"

[[bus]]
id = "rs485-1"
kind = "rtu"
port = "{pty}"
line = "9600 8N1"
timeout_ms = 300

[[bus]]
id = "lan-1"
kind = "tcp"
host = "127.0.0.1"
port = {tcp}
timeout_ms = 500

[[meter]]
id = "m1"
bus = "rs485-1"
address = 1
model = "hiking-dds238"
rated_power_w = {rated_flat_w}     # 60 A at 230 V, times {faster}: in the demonstration energy runs faster than time
poll_s = 1
switch = {{ kind = "meter" }}
limiter = {{ kind = "switched", window_s = 2, warn_s = 1, open_s = 2, trips_per_hour = 60, cooldown_s = 10 }}

[[meter]]
id = "m2"
bus = "lan-1"
address = 1
model = "eastron-sdm630"
rated_power_w = {rated_shop_w}     # three phases of 25 A, times {faster}
poll_s = 1
limiter = {{ kind = "switched", window_s = 2, warn_s = 1, open_s = 2, trips_per_hour = 60, cooldown_s = 10 }}
[meter.switch]
kind = "relay"
model = "generic-relay"
bus = "lan-1"
address = 17
channel = 0
energised = "closed"
when_dead = "holds"

[[account]]
id = "{flat.account_id}"
meter = "m1"
currency = "{currency}"
policy = "demo"
tariff = "demo"
contract_power_w = {flat.contract_power_w}
opening_balance = "{flat_balance}"

[[account]]
id = "{shop.account_id}"
meter = "m2"
currency = "{currency}"
policy = "demo"
tariff = "demo"
contract_power_w = {shop.contract_power_w}
opening_balance = "{shop_balance}"

[headend]
host = "127.0.0.1"
port = {broker}
tls = false
keys = "headend-keys.toml"
keepalive_s = 5
"""


@dataclass(frozen=True, slots=True)
class Ends:
    """Where the programs meet: the pty of the serial line, the ports of the TCP line and of the broker."""

    pty: str
    tcp: int
    broker: int


def write(folder: Path, ends: Ends, *, flat_balance: str, shop_balance: str) -> tuple[Path, Signer]:
    """Write gateway.toml and the pinned keys; the file and the private key that goes with them."""
    signer = new_signer("demo-1", "demo-utility")
    (folder / "headend-keys.toml").write_text(signer.public_table(), encoding="utf-8")
    (folder / "data").mkdir()
    file = folder / "gateway.toml"
    text = _GATEWAY_TOML.format(
        gateway_id=GATEWAY_ID,
        pty=ends.pty,
        tcp=ends.tcp,
        broker=ends.broker,
        rated_flat_w=13_800 * FASTER,
        rated_shop_w=17_300 * FASTER,
        faster=FASTER,
        currency=CURRENCY,
        flat=FLAT,
        shop=SHOP,
        flat_balance=flat_balance,
        shop_balance=shop_balance,
    )
    file.write_text(text, encoding="utf-8")
    return file, signer
