"""The invariants have teeth: each is shown a store in which its promise is broken, and must say so.

A sound history, written by hand into a store of its own, breaks nothing; each test then changes one thing.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.simulation.center import Till
from tests.simulation.invariants import attach, names
from tests.simulation.invariants.witness import GENESIS
from tests.simulation.invariants.writes import meant
from tests.simulation.signer import Order
from tests.simulation.site import PRICE_NANO_PER_WH, TERMS, VARIANTS
from tests.simulation.world import Observers, World

HOUR_MS = 3_600_000
BEGAN_MS = 1_772_006_400_000  # Wednesday 25 February 2026, 09:00 at the customer's
SCHEMA = """
CREATE TABLE journal (seq INTEGER PRIMARY KEY, epoch TEXT, hash TEXT, body TEXT);
CREATE TABLE life (running_ms INTEGER, bound_utc_ms INTEGER);
CREATE TABLE account (account_id TEXT PRIMARY KEY, snapshot TEXT);
CREATE TABLE cursor (name TEXT PRIMARY KEY, position INTEGER);
CREATE TABLE interval (number INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE command (issuer TEXT, jti TEXT, sequence INTEGER, own_sequence INTEGER, answer TEXT);
INSERT INTO life VALUES (0, 0);
"""
OPEN, CLOSE = b"\x05\0\0\0\0", b"\x05\0\0\xff\0"


class Site:
    """A world without a gateway: the test writes what a gateway would have written."""

    def __init__(self, *, slowly: bool = False) -> None:
        self.violations: list[str] = []
        self.hours = 0.0
        self.delivered_wh = 0
        self.closed = True
        self.on = Observers()
        self.orders: dict[str, Order] = {}
        self.due: list[tuple[float, Callable[[], None]]] = []
        world = SimpleNamespace(
            on=self.on,
            violated=lambda invariant, _what: self.violations.append(invariant),
            machine=SimpleNamespace(true_utc_ms=lambda: self.now_ms),
            center=SimpleNamespace(orders=self.orders, tills={"A1": Till()}, rows=[], time_error_ms=0),
            loop=SimpleNamespace(time=lambda: self.hours * 3600),
            setting=SimpleNamespace(opening="3.00", terms=TERMS[1 if slowly else 0], variant=VARIANTS[1], poll_s=60),
            process=SimpleNamespace(running=True),
            faulted=set(),
            disturbed_s=-1e9,
            later=lambda seconds, act: self.due.append((seconds, act)),
            line=SimpleNamespace(plugged=True, devices={}),
            meter=SimpleNamespace(overload=None),
        )
        self.world = cast("World", _Physics(self, world))
        attach(self.world)
        self.raw = sqlite3.connect(":memory:", isolation_level=None)
        self.raw.executescript(SCHEMA)
        self.previous, self.seq = GENESIS, 0
        self.snapshot: dict[str, Any] = _snapshot()
        self.rows: list[dict[str, Any]] = []

    @property
    def now_ms(self) -> int:
        """True time."""
        return BEGAN_MS + round(self.hours * HOUR_MS)

    def row(self, type_: str, /, **fields: Any) -> dict[str, Any]:
        """Append a row; nobody looks before `commit`."""
        self.seq += 1
        running_ms = round(self.hours * HOUR_MS)
        row = {"seq": self.seq, "epoch": "e", "prev": self.previous, "type": type_, "account_id": "A1"}
        row |= {"at": {"running_ms": running_ms, "trust": "AUTHENTICATED"}, **fields}
        body = json.dumps(row)
        self.previous = hashlib.sha256(bytes.fromhex(self.previous) + body.encode()).hexdigest()
        self.raw.execute("INSERT INTO journal VALUES (?, 'e', ?, ?)", (self.seq, self.previous, body))
        self.rows.append(row)
        return row

    def commit(self) -> None:
        """The invariants look at the store."""
        life = (round(self.hours * HOUR_MS), self.now_ms)
        self.raw.execute("UPDATE life SET running_ms = ?, bound_utc_ms = ?", life)
        self.raw.execute("INSERT OR REPLACE INTO account VALUES ('A1', ?)", (json.dumps(self.snapshot),))
        for call in self.on.committed:
            call(self.raw)

    def opened(self) -> None:
        """The first day: an opening of 3.00 at 1000 Wh."""
        self.row("entry", kind="opening", amount="3.00", balance="3.00", reference="file:A1", lines=[])
        self.row("event", what="register.opened", detail={"register_wh": 1000})
        self.commit()

    def charged(self, wh: int, *, price: int = PRICE_NANO_PER_WH, begins: int | None = None) -> None:
        """So much was used and charged, from where the last charge ended."""
        self.delivered_wh += wh
        usage, at_wh = self.snapshot["usage"], self.snapshot["register"]["wh"]
        usage["net_nano"] += wh * price
        self.snapshot["settled_charge_nano"] = usage["net_nano"]
        self.snapshot["register"]["wh"] = at_wh + wh
        line = {"component": "energy", "band": "all", "wh": wh, "amount": _text(wh * price), "tariff_ref": "sim@1"}
        registers = {"from_register_wh": at_wh if begins is None else begins, "to_register_wh": at_wh + wh}
        amount = {"amount": _text(-wh * price), "balance": _text(self.balance_nano)}
        self.row("entry", kind="charge", reference="", lines=[line], **amount, **registers)

    def topped_up(self, jti: str, nano: int, *, total_nano: int | None = None) -> None:
        """Somebody bought credit, and it was booked."""
        total_nano = self.snapshot["top_up_total_nano"] + nano if total_nano is None else total_nano
        number = self.snapshot["top_up_sequence"] + 1
        body = {"account_id": "A1", "sequence": number, "total": _text(total_nano)}
        self.orders.setdefault(jti, Order(jti, "top_up", body, b""))
        self.snapshot["top_up_sequence"] = number
        self.snapshot["top_up_total_nano"] += nano
        self.row("entry", kind="top_up", amount=_text(nano), balance=_text(self.balance_nano), reference=jti, lines=[])
        self.row("receipt", command_id=jti, command="top_up", status="applied", reason="")

    def moved(self, rule: str, source: str, target: str) -> None:
        """A change of rung with its notice."""
        self.snapshot["supply"]["state"] = target
        balance = _text(self.balance_nano)
        self.row("transition", rule=rule, source=source, target=target, balance=balance, policy="sim@1")
        template = {"GRACE": "grace", "LIMITED": "limited", "SUSPENDED": "suspended"}.get(target, "restored")
        self.row("notice", template=template)

    def in_grace(self) -> None:
        """Opened, and everything used: 3.25 of 3.00."""
        self.opened()
        self.hours = 1.0
        self.charged(10_000)
        self.moved("credit_gone", "NORMAL", "GRACE")
        self.commit()

    def said(self, what: str, message: dict[str, Any]) -> None:
        """The gateway lets go of a message."""
        for call in self.on.said:
            call(f"prepaid/1/gw-sim/{what}", json.dumps(message).encode())

    def written(self, pdu: bytes) -> None:
        """The gateway writes to the relay board."""
        for call in self.on.written:
            call(17, pdu)

    @property
    def balance_nano(self) -> int:
        """What is left."""
        credit = 3_000_000_000 + int(self.snapshot["top_up_total_nano"])
        return credit - int(self.snapshot["usage"]["net_nano"])


class _Physics:
    """The parts of a world that change, over those that do not."""

    def __init__(self, site: Site, fixed: SimpleNamespace) -> None:
        self._site = site
        self._fixed = fixed

    @property
    def delivered_wh(self) -> int:
        """What the customer really got."""
        return self._site.delivered_wh

    def __getattr__(self, name: str) -> Any:
        self._fixed.meter.supply_closed = self._site.closed
        return getattr(self._fixed, name)


def _snapshot() -> dict[str, Any]:
    return {
        "opening_nano": 3_000_000_000, "top_up_total_nano": 0, "top_up_sequence": 0, "reversal_total_nano": 0,
        "reversal_sequence": 0, "usage": {"net_nano": 0, "vat_nano": 0, "wh": 0}, "unsettled": [],
        "settled_charge_nano": 0, "supply": {"state": "NORMAL"}, "lockout": None, "holds": [], "meter_id": "m1",
        "policy": {"restore_min_nano": 0, "limit_percent": 15}, "tariffs": [{"tariff_id": "sim"}], "currency": "CHF",
        "contract_power_w": 6000, "opened": {"running_ms": 0}, "register": {"wh": 1000, "cases": []},
    }  # fmt: skip


def _text(nano: int) -> str:
    whole, part = divmod(abs(nano), 1_000_000_000)
    return f"{'-' if nano < 0 else ''}{whole}.{part:09d}"


def test_a_sound_history_breaks_nothing() -> None:
    """I1 to I19: charge, grace, limit, suspension and a top-up that restores, each in its time, are no violation."""
    site = Site()
    site.in_grace()
    site.hours = 14.0
    site.charged(5_000)
    site.moved("grace_over", "GRACE", "LIMITED")
    site.commit()
    site.hours = 27.0
    site.moved("limit_over", "LIMITED", "SUSPENDED")
    site.commit()
    site.written(OPEN)
    site.closed = False
    site.hours = 28.0
    site.topped_up("j1", 20_000_000_000)
    site.moved("restored", "SUSPENDED", "NORMAL")
    site.commit()
    site.written(CLOSE)
    site.closed = True
    site.said("verdict", {"jti": "j1", "status": "applied", "reason": "", "journal_seq": site.seq - 2})
    for _, act in site.due:
        act()
    assert site.violations == []


def _balance_does_not_chain(site: Site) -> None:
    site.opened()
    site.row("entry", kind="charge", amount="-1.00", balance="2.50", reference="", lines=[])
    site.commit()


def _wrong_price(site: Site) -> None:
    site.opened()
    site.charged(1000, price=PRICE_NANO_PER_WH + 1)
    site.commit()


def _gap_in_registers(site: Site) -> None:
    site.opened()
    site.charged(1000, begins=1200)
    site.commit()


def _more_than_signed(site: Site) -> None:
    site.opened()
    site.topped_up("j1", 5_000_000_000, total_nano=4_000_000_000)
    site.commit()


def _nobody_sold_it(site: Site) -> None:
    site.opened()
    site.topped_up("j1", 5_000_000_000)
    site.orders.clear()
    site.commit()


def _twice(site: Site) -> None:
    site.opened()
    site.topped_up("j1", 5_000_000_000)
    site.topped_up("j1", 5_000_000_000)
    site.commit()


def _account_is_not_its_rows(site: Site) -> None:
    site.opened()
    site.snapshot["usage"]["net_nano"] = 1
    site.commit()


def _more_than_delivered(site: Site) -> None:
    site.opened()
    site.charged(1000)
    site.delivered_wh = 900
    site.commit()


def _a_row_changes(site: Site) -> None:
    site.in_grace()
    site.raw.execute("UPDATE journal SET body = replace(body, '3.00', '4.00') WHERE seq = 1")
    for call in site.on.settled:
        call()


def _wrong_hash(site: Site) -> None:
    site.opened()
    site.row("event", what="x", detail={})
    site.raw.execute("UPDATE journal SET hash = ? WHERE seq = ?", ("0" * 64, site.seq))
    site.commit()


def _rows_are_gone(site: Site) -> None:
    site.in_grace()
    other = sqlite3.connect(":memory:", isolation_level=None)
    site.raw.backup(other)
    other.execute("DELETE FROM journal WHERE seq > 2")
    for call in site.on.committed:
        call(other)


def _told_before_stored(site: Site) -> None:
    site.opened()
    site.said("journal", {"seq": 9})


def _verdict_without_receipt(site: Site) -> None:
    site.opened()
    site.said("verdict", {"jti": "j1", "status": "applied", "journal_seq": 2})


def _stage_skipped(site: Site) -> None:
    site.in_grace()
    site.hours = 30.0
    site.moved("limit_over", "GRACE", "SUSPENDED")
    site.commit()


def _before_the_term(site: Site) -> None:
    site.in_grace()
    site.hours = 6.0
    site.moved("grace_over", "GRACE", "LIMITED")
    site.commit()


def _notice_too_young(site: Site) -> None:
    site.in_grace()
    site.hours = 3.0
    site.charged(20_000)
    site.moved("grace_over", "GRACE", "LIMITED")
    site.commit()


def _stays_negative(site: Site) -> None:
    site.opened()
    site.charged(10_000)
    site.commit()


def _not_restored(site: Site) -> None:
    site.in_grace()
    site.hours = 14.0
    site.moved("grace_over", "GRACE", "LIMITED")
    site.topped_up("j1", 20_000_000_000)
    site.commit()


def _opens_for_nothing(site: Site) -> None:
    site.in_grace()
    site.written(OPEN)


def _supply_stays_open(site: Site) -> None:
    site.hours = 1.0
    site.opened()
    site.closed = False
    site.due[-1][1]()


def _chatters(site: Site) -> None:
    site.opened()
    for _ in range(20):
        site.written(CLOSE)
        site.snapshot["lockout"] = "work"
        site.commit()
        site.written(OPEN)
        site.snapshot["lockout"] = None
        site.hours += 0.01


def _power_changes_by_itself(site: Site) -> None:
    site.opened()
    site.snapshot["contract_power_w"] = 9000
    site.commit()


def _bound_goes_back(site: Site) -> None:
    site.in_grace()
    site.hours = 0.5
    site.commit()


def _time_runs_ahead(site: Site) -> None:
    site.in_grace()
    site.row("event", what="x", detail={})
    site.hours = 5.0
    body = json.loads(site.raw.execute("SELECT body FROM journal ORDER BY seq DESC").fetchone()[0])
    site.hours = 1.0
    site.raw.execute("DELETE FROM journal WHERE seq = ?", (site.seq,))
    site.previous, site.seq = body["prev"], site.seq - 1
    site.row("event", what="x", detail={}, at={"running_ms": 9 * HOUR_MS, "trust": "RESTORED"})
    site.commit()


def _never_told(site: Site) -> None:
    site.in_grace()
    site.hours = 2.0
    for call in site.on.settled:
        call()


@pytest.mark.parametrize(
    ("broken", "invariant"),
    [
        (_balance_does_not_chain, "I2"),
        (_wrong_price, "I2"),
        (_gap_in_registers, "I5"),
        (_more_than_signed, "I1"),
        (_nobody_sold_it, "I14"),
        (_twice, "I3"),
        (_account_is_not_its_rows, "I2"),
        (_more_than_delivered, "I6"),
        (_a_row_changes, "I7"),
        (_wrong_hash, "I7"),
        (_rows_are_gone, "I19"),
        (_told_before_stored, "I4"),
        (_verdict_without_receipt, "I4"),
        (_stage_skipped, "I9"),
        (_before_the_term, "I9"),
        (_notice_too_young, "I9"),
        (_stays_negative, "I9"),
        (_not_restored, "I10"),
        (_opens_for_nothing, "I8"),
        (_supply_stays_open, "I10"),
        (_chatters, "I12"),
        (_power_changes_by_itself, "I14"),
        (_bound_goes_back, "I17"),
        (_time_runs_ahead, "I16"),
        (_never_told, "I23"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__.strip("_"),
)
def test_each_broken_promise_is_noticed(broken: Callable[[Site], None], invariant: str) -> None:
    """I1 to I23: what is broken by hand is called by its name."""
    site = Site()
    broken(site)
    assert invariant in site.violations


def test_a_date_is_held_against_the_true_calendar() -> None:
    """I9, I16: a term of a day that began on Wednesday is not over on Thursday, whatever the gateway's clock says."""
    found = {}
    for days in (1, 2):
        site = Site(slowly=True)
        site.in_grace()
        site.hours = 25.0
        site.charged(5000)
        site.moved("grace_over", "GRACE", "LIMITED")
        site.commit()
        site.hours += 24.0 * days
        site.moved("limit_over", "LIMITED", "SUSPENDED")
        site.commit()
        found[days] = site.violations
    assert found == {1: ["I9"], 2: []}


def test_the_wires_are_read_as_the_devices_read_them() -> None:
    """I8, threat 18: a normally closed contactor opens when its coil is energised, a limit is in kW."""
    assert meant("board", 17, OPEN) == ("open", 0.0)
    assert meant("threshold", 17, OPEN) == ("close", 0.0)
    assert meant("inside", 1, bytes.fromhex("10001a0001020000")) == ("open", 0.0)
    assert meant("board", 1, OPEN) is None


def test_every_file_of_the_folder_watches() -> None:
    """I22: what is counted as an invariant is attached; nothing lies in the folder unused."""
    assert {"money", "ladder", "energy", "told", "writes", "supply", "agreed"} <= set(names())
