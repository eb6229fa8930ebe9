"""The shape of gateway.toml: what one installation consists of, as frozen structs. No rule in here, only types.

Every table and key of the file is a field below and the reverse; `loader` turns the file into these and says what is
wrong in the words of the file. Powers are integer W, times integer seconds or ms: the unit is the end of the name.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from gateway.prepayment.supply import Commodity, Voltage

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\n)")]
"""Ids travel in MQTT topics and file names: letters, digits, dot, hyphen, underscore."""
PathText = Annotated[str, Meta(max_length=1000, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
"""A file, folder, port or host: one line of text."""
FileName = Annotated[str, Meta(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
"""The name of a policy, tariff or model: a file of that name is looked for."""
Port = Annotated[int, Meta(ge=1, le=65535)]
Positive = Annotated[int, Meta(ge=1)]
Watts = Annotated[int, Meta(ge=1, le=100_000_000)]
PlantWatts = Annotated[int, Meta(ge=0, lt=10_000_000)]
"""A plant from 10,000 kW on is connected by other rules than a prepaid delivery point (S4-15)."""
Address = Annotated[int, Meta(ge=1, le=247)]
"""0 is the broadcast address and above 247 is reserved (Modbus over serial line, section 2.2)."""


class GatewayTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[gateway]`: who this gateway is, where it keeps its store, where files it names are looked for first.

    `backup` is the folder of the store's verified copy; empty: `data`.
    """

    id: Name
    data: PathText
    timezone: str
    backup: PathText = ""
    folders: tuple[PathText, ...] = (".",)


class RtuBus(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="rtu"):
    """`[[bus]]` on a serial line. `line` empty: what the meters on it are delivered with, if they agree."""

    id: Name
    port: PathText
    line: str = ""
    timeout_ms: Annotated[int, Meta(ge=20, le=10_000)] = 500
    gap_ms: Annotated[int, Meta(ge=0, le=1_000)] = 20


class TcpBus(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="tcp"):
    """`[[bus]]` on Modbus TCP: a meter with a network socket or a converter."""

    id: Name
    host: PathText
    port: Port = 502
    timeout_ms: Annotated[int, Meta(ge=20, le=10_000)] = 1_000


class MeterSwitch(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="meter"):
    """The supply switch is the relay inside the meter."""


class RelaySwitch(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="relay"):
    """The supply switch is a contactor behind one channel of a Modbus relay board or digital output.

    `energised` is the state of the supply while the channel is on; `when_dead` what the board does when nobody talks
    to it (decision 15), which only the installation knows.
    """

    model: FileName
    bus: str
    address: Address
    when_dead: Literal["holds", "opens", "closes"]
    energised: Literal["open", "closed"]
    channel: Annotated[int, Meta(ge=0, le=255)] = 0


class OutputSwitch(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="output"):
    """The supply switch is a contactor behind an output of the meter itself; keys as in `RelaySwitch`."""

    when_dead: Literal["holds", "opens", "closes"]
    energised: Literal["open", "closed"]
    channel: Annotated[int, Meta(ge=0, le=255)] = 0


class ThresholdLimiter(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="threshold"):
    """The meter itself holds a power threshold that can be written."""


class SwitchedLimiter(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="switched"):
    """The gateway limits by opening the switch: mean power over a window, warning, open, close again by itself."""

    window_s: Positive = 120
    warn_s: Annotated[int, Meta(ge=0)] = 10
    open_s: Positive = 300
    trips_per_hour: Positive = 4
    cooldown_s: Positive = 3_600


class MeterTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[[meter]]`: one meter on one bus with its switch and limiter.

    `slow_s` is the period of voltages and the like. `word_order` and `accept_unverified` are the words of somebody on
    site for a profile in doubt, after comparing with the display.
    """

    id: Name
    bus: str
    address: Address
    model: FileName
    rated_power_w: Watts
    poll_s: Annotated[int, Meta(ge=1, le=900)] = 10
    slow_s: Annotated[int, Meta(ge=1, le=86_400)] = 60
    switch: MeterSwitch | RelaySwitch | OutputSwitch | None = None
    limiter: ThresholdLimiter | SwitchedLimiter | None = None
    serial: str | None = None
    word_order: Literal["big", "little"] | None = None
    accept_unverified: bool = False


class AccountTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[[account]]`: opened at the first boot only; afterwards the store is the truth (decision 3)."""

    id: Name
    meter: str
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
    policy: FileName
    tariff: FileName
    contract_power_w: Watts
    opening_balance: str = "0"
    opening_register_wh: Annotated[int, Meta(ge=0)] | None = None
    delivery_point: Annotated[str, Meta(pattern=r"^[A-Z0-9]{0,33}$")] = ""
    commodity: Commodity = Commodity.ELECTRICITY
    voltage: Voltage = Voltage.LV
    domestic: bool = True
    plant_power_w: PlantWatts = 0


class HeadendTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[headend]`: the MQTT broker and whose signatures count.

    `ca` empty: the system's authorities. `tls` false is for loopback and for a broker on the same protected network.
    """

    host: PathText
    keys: PathText
    port: Port = 8883
    tls: bool = True
    ca: PathText = ""
    cert: PathText = ""
    key: PathText = ""
    username: str = ""
    password_file: PathText = ""
    keepalive_s: Annotated[int, Meta(ge=5, le=3_600)] = 30
    acknowledges: bool = True
    live_s: Annotated[int, Meta(ge=0, le=3_600)] = 0


Folder = Annotated[str, Meta(max_length=255, pattern=r"^(/[^\x00-\x1f\x7f/]+)+$(?!\n)")]
"""A folder by its whole path."""


class ConsoleTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[console]`: the Unix socket for `prepaid-gateway console`, the key for codes, and what a password must have.

    `socket` empty: in `data`; `group` empty: the daemon's own; `service_key` empty: no one-time codes.
    """

    enabled: bool = True
    socket: PathText = ""
    group: Annotated[str, Meta(pattern=r"^([A-Za-z_][A-Za-z0-9_.-]{0,31})?$(?!\n)")] = ""
    service_key: PathText = ""
    password_length: Annotated[int, Meta(ge=4, le=64)] = 8
    password_capital: bool = True
    password_digit: bool = True
    password_special: bool = True
    sticks: Annotated[tuple[Folder, ...], Meta(max_length=8)] = ("/media", "/mnt", "/run/media")
    """Below these folders media are mounted that `export` may write to."""


Line = Annotated[str, Meta(max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
"""Text that people read in messages."""


class ContactTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[utility.policy.NAME]`: what accounts of this policy are told instead (S0-14); empty: as `[utility]` says."""

    name: Line = ""
    telephone: Line = ""
    url: Line = ""
    opening: Line = ""


class UtilityTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[utility]`: whom messages to the customer are from and where help is (S0-06, S1-21, S4-22)."""

    name: Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
    telephone: Line
    url: Line
    opening: Line = ""
    policy: dict[str, ContactTable] = field(default_factory=dict)


Mailbox = Annotated[str, Meta(max_length=254, pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+$(?!\n)")]
"""An e-mail address; no names around it, no spaces, ASCII."""
Phone = Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{6,14}$(?!\n)")]
"""E.164: plus, country, number."""


class EmailTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[alerts.email]`: the mail server. `tls`: "starttls", "tls" from the first byte, "none" on loopback only."""

    host: PathText
    sender: Mailbox = field(name="from")
    port: Port = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    ca: PathText = ""
    username: str = ""
    password_file: PathText = ""


class SmsTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[alerts.sms]`: a modem on a serial port of its own. `pin_file` holds the PIN of its SIM; empty: it has none."""

    port: PathText
    baud: Annotated[int, Meta(ge=1_200, le=921_600)] = 115_200
    pin_file: PathText = ""


class RecipientTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[[alerts.recipient]]`: somebody who is told of an account. Personal data: it is in no row and no log."""

    account: Name
    language: Annotated[str, Meta(pattern=r"^[a-z]{2}$(?!\n)")]
    email: Mailbox | None = None
    phone: Phone | None = None


class AlertsTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[alerts]`: messages to the customer by channels of this gateway, beside the head-end's.

    `quiet`: "21:00-07:00" in the gateway's zone, kept by what can wait; empty: none. What could not be sent within
    `give_up_h` hours of running is given up.
    """

    recipient: tuple[RecipientTable, ...] = ()
    email: EmailTable | None = None
    sms: SmsTable | None = None
    quiet: str = ""
    give_up_h: Annotated[int, Meta(ge=1, le=168)] = 48
    per_recipient_day: Annotated[int, Meta(ge=1, le=1_000)] = 12
    per_channel_hour: Annotated[int, Meta(ge=1, le=10_000)] = 60


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """All of gateway.toml."""

    gateway: GatewayTable
    bus: tuple[RtuBus | TcpBus, ...]
    meter: tuple[MeterTable, ...]
    headend: HeadendTable
    account: tuple[AccountTable, ...] = field(default=())
    console: ConsoleTable = ConsoleTable()
    utility: UtilityTable | None = None
    alerts: AlertsTable | None = None
