"""The installation under test, as files: twenty SDM630 and their relay boards on one Modbus TCP line, one account each.

The meters are the shipped scenario `twenty-meters`; the relay boards (units 21 to 23) are added here, because a
prepaid account needs a switch. All values of a meter are read at each poll (`slow_s = 1`), not only the energy.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.targets import METERS
from gateway.reference.sign import Signer, new_signer

GATEWAY_ID = "gw-bench"
FIRST_BOARD = 21
CHANNELS = 8
ROOT = Path(__file__).parent.parent

_POLICY = """\
policy = "bench"
version = 1
description = "Credit gone: suspended within a second or two, so that there is something to restore"
currency = "CHF"
time_zone = "Europe/Zurich"
valid_from = "2020-01-01"
initiator = "local"
calendar = "ch-ti"
example = true
[low_credit]
amount = "0.01"
hysteresis = "0.00"
[grace]
term = "{term}"
debt_cap = "100.00"
warn_before = "0s"
min_after_notice = "0s"
[limit]
enabled = false
[restore]
min_balance = "0.00"
[guards]
min_dwell = "0s"
max_reading_age = "60s"
max_offline = "1h"
offline_debt_cap = "100.00"
payment_proof_working_days = 5
[slots]
closed_weekdays = []
closed_on_holidays = false
closed_on_eves = false
hours = "00:00-24:00"
[caps]
top_up = "100.00"
balance = "1000.00"
"""
_METER = """\
[[meter]]
id = "m{n}"
bus = "lan"
address = {n}
model = "eastron-sdm630"
rated_power_w = 17300
poll_s = 1
slow_s = 1
[meter.switch]
kind = "relay"
model = "generic-relay"
bus = "lan"
address = {board}
channel = {channel}
energised = "open"
when_dead = "holds"
[[account]]
id = "{account}"
meter = "m{n}"
currency = "CHF"
policy = "bench"
tariff = "ch-flat"
contract_power_w = 3000
opening_balance = "{balance}"
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the simulator and the broker listen on loopback."""

    modbus: int
    mqtt: int


def account_id(number: int) -> str:
    """The account on meter `number`, counted from 1."""
    return f"CH-{number:04}"


def place(number: int) -> tuple[int, int]:
    """Unit and channel of the relay in front of meter `number`."""
    return FIRST_BOARD + (number - 1) // CHANNELS, (number - 1) % CHANNELS


def scenario() -> str:
    """The plant for firmware-sim."""
    shipped = (ROOT / "config" / "sim" / "scenarios" / "twenty-meters.toml").read_text("utf-8")
    boards = sorted({place(number)[0] for number in range(1, METERS + 1)})
    parts = [shipped]
    for unit in boards:
        parts.append(
            f'[[relay]]\nid = "board{unit}"\nline = "lan"\nunit = {unit}\nchannels = {CHANNELS}\nlatching = true'
        )
        parts += [
            f'[[relay.drives]]\nchannel = {place(number)[1]}\nmeter = "m{number}"\nenergised = "open"'
            for number in range(1, METERS + 1)
            if place(number)[0] == unit
        ]
    return "\n".join(parts) + "\n"


def write_gateway(folder: Path, ports: Ports, *, opening_balance: str, grace: str) -> tuple[Path, Signer]:
    """Everything `prepaid-gateway run` needs below `folder`; gives gateway.toml and the head-end's key."""
    signer = new_signer("bench-1", "bench")
    (folder / "data").mkdir()
    (folder / "policies").mkdir()
    (folder / "policies" / "bench.toml").write_text(_POLICY.format(term=grace), "utf-8")
    (folder / "headend-keys.toml").write_text(signer.public_table(), "utf-8")
    parts = [
        f'[gateway]\nid = "{GATEWAY_ID}"\ndata = "{folder / "data"}"\ntimezone = "Europe/Zurich"\n',
        f'[[bus]]\nid = "lan"\nkind = "tcp"\nhost = "127.0.0.1"\nport = {ports.modbus}\n',
        f'[headend]\nhost = "127.0.0.1"\nport = {ports.mqtt}\ntls = false\nkeys = "headend-keys.toml"\n',
        "keepalive_s = 3600\nlive_s = 0\n",  # the daemon is stopped while the floor is measured
    ]
    for number in range(1, METERS + 1):
        board, channel = place(number)
        parts.append(
            _METER.format(n=number, board=board, channel=channel, account=account_id(number), balance=opening_balance)
        )
    config = folder / "gateway.toml"
    config.write_text("".join(parts), "utf-8")
    return config, signer
