"""The account: everything the gateway must remember about one delivery point, as one immutable value.

`step.apply` turns it into the next one. It holds no derived number: the balance is computed from lifetime totals, so
duplicates and restarts cannot make money (I2), and consumption comes from the meter's own register (decision 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.prepayment.agenda import Agenda
from gateway.prepayment.arrears import Arrears, Ordered
from gateway.prepayment.calendar import Calendar
from gateway.prepayment.events import Hold, Moment, SuspicionCause
from gateway.prepayment.intervals import Interval, IntervalState
from gateway.prepayment.ledger import Record, Verdict
from gateway.prepayment.outages import Outage
from gateway.prepayment.override import Override
from gateway.prepayment.periods import Schedule
from gateway.prepayment.policy import Policy, Reconnect
from gateway.prepayment.posting import Bonus, Postings
from gateway.prepayment.rating import Line, Usage
from gateway.prepayment.register import Register
from gateway.prepayment.supply import Commodity, SupplyState, Voltage
from gateway.prepayment.tariff import Tariff
from gateway.prepayment.tenminutes import VoltageCheck


@dataclass(frozen=True, slots=True)
class Terms:
    """What an account does not own: the installation at its delivery point and the calendars of this gateway.

    `voltages` are the phases whose voltage the meter tells; `serial` the number written in the configuration.
    """

    rated_power_w: int
    can_disconnect: bool
    can_limit: bool
    calendars: Mapping[str, Calendar]
    wraps_at_wh: int | None = None
    voltages: tuple[str, ...] = ()
    serial: str | None = None


@dataclass(frozen=True, slots=True)
class Supply:
    """Where the account stands on the ladder and the anchors its timers count from.

    `since` is the entry into the state; `notice_running_ms` the recorded notice an escalation must be older than;
    `dated_on` the civil day (ISO) a date-based term counts from, None until the time is proven.
    """

    state: SupplyState
    since: Moment
    notice_running_ms: int | None = None
    dated_on: str | None = None
    grace_warned: bool = False
    held_by: str = ""


@dataclass(frozen=True, slots=True)
class Spending:
    """What the last complete civil days cost, newest last (at most 7), for "about n days left" (S0-16).

    `day_began_nano` is the lifetime charge when `day` began; None when that was not seen (the day of opening).
    """

    day: str | None = None
    day_began_nano: int | None = None
    days_nano: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Start:
    """This run of the gateway until the head-end has confirmed the books it goes on from (None afterwards).

    `since_ms`: when the wait began, less what runs before waited in vain. `known`: the head-end acknowledged rows of
    these books before. `leaves_switch`: not moved yet in this run.
    """

    since_ms: int
    known: bool
    leaves_switch: bool = True


@dataclass(frozen=True, slots=True)
class Suspicion:
    """ROLLBACK_SUSPECTED: these books may be an old image. `seq` is the head-end's row that is missing here.

    `leaves_switch` until somebody authorised says that no lock-out has been forgotten.
    """

    cause: SuspicionCause
    since: Moment
    seq: int = 0
    leaves_switch: bool = True


@dataclass(frozen=True, slots=True)
class Parallel:
    """The register less what was rated, and since when the two have run side by side (None: since an unknown time).

    From `since_utc_ms` on the stored quarter-hours tell what the register showed.
    """

    offset_wh: int
    since_utc_ms: int | None


@dataclass(frozen=True, slots=True)
class Account:
    """One delivery point under prepayment; money in nano-units of `currency`.

    `withheld_nano` is the part of the top-up total that is not credited until the head-end has confirmed the books;
    `adjusted_nano` what resyncs have added. `lost_epochs` are runs that ended in a branch this account gave up.
    `wraps_at_wh` is where the register of a meter that was hung later wraps (None: as the installation says).
    `delivery_point` is the POD or PDR, which never moves to another account's ledger (S2-11); "" when nobody said.
    `armed`: entitled to supply again, and an open switch waits for somebody on site (decision 14). `plant_power_w` is
    what is generated behind a production point at most (S4-15); 0: nothing, or nobody said. `low_told_at` is how often
    money had come when low credit was told last (None: never).
    """

    account_id: str
    meter_id: str
    meter_serial: str | None
    currency: str
    contract_power_w: int
    policy: Policy
    tariffs: tuple[Tariff, ...]
    opened: Moment
    opening_nano: int
    supply: Supply
    usage: Usage
    register: Register
    intervals: IntervalState
    top_up_sequence: int = 0
    top_up_total_nano: int = 0
    reversal_sequence: int = 0
    reversal_total_nano: int = 0
    settled_charge_nano: int = 0
    settled_register_wh: int | None = None
    unsettled: tuple[Line, ...] = ()
    spending: Spending = field(default_factory=Spending)
    holds: tuple[Hold, ...] = ()
    outages: tuple[Outage, ...] = ()
    lockout: str | None = None
    contact_running_ms: int = 0
    alarms: tuple[str, ...] = ()
    start: Start | None = None
    suspicion: Suspicion | None = None
    withheld_nano: int = 0
    adjusted_nano: int = 0
    lost_epochs: tuple[str, ...] = ()
    delivery_point: str = ""
    commodity: Commodity = Commodity.ELECTRICITY
    voltage: Voltage = Voltage.LV
    domestic: bool = True
    postings: Postings = field(default_factory=Postings)
    bonuses: tuple[Bonus, ...] = ()
    contract_id: str = ""
    wraps_at_wh: int | None = None
    parallel: Parallel | None = None
    agenda: Agenda = field(default_factory=Agenda)
    schedule: Schedule | None = None
    arrears: tuple[Arrears, ...] = ()
    ordered: Ordered | None = None
    armed: bool = False
    voltage_check: VoltageCheck | None = None
    plant_power_w: int = 0
    unread_end: bool = False
    low_told_at: int | None = None
    override: Override | None = None

    @property
    def credit_nano(self) -> int:
        """Everything credited so far, less what was taken back; postings either way."""
        credited_nano = self.opening_nano + self.top_up_total_nano - self.withheld_nano
        return credited_nano - self.reversal_total_nano + self.adjusted_nano + self.postings.total_nano

    @property
    def balance_nano(self) -> int:
        """Credit minus charges, exactly (I2); may be negative."""
        return self.credit_nano - self.usage.charge_total_nano

    @property
    def waits_on_site(self) -> bool:
        """A supply that was suspended comes back when somebody on site says so; gas always (decision 14)."""
        return self.commodity is Commodity.GAS or self.policy.reconnect is Reconnect.ARMED

    @property
    def settled_balance_nano(self) -> int:
        """The balance as far as the journal has it; equals the sum of its entries."""
        return self.credit_nano - self.settled_charge_nano


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one event led to. The caller commits `account`, `records` and `intervals` together before it says anything.

    `reread` asks for another reading soon (a suspicious one was quarantined). `verdict` answers a request. `opened` is
    the account of the next holder, when this one ends with a change of holder.
    """

    account: Account
    records: tuple[Record, ...] = ()
    intervals: tuple[Interval, ...] = ()
    verdict: Verdict | None = None
    reread: bool = False
    opened: Account | None = None
