"""A site without a gateway: the test writes into the store what a gateway would have written, sound or not."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from tests.simulation.center import Till
from tests.simulation.invariants import attach
from tests.simulation.invariants.witness import GENESIS
from tests.simulation.observers import Observers
from tests.simulation.postpaid import PostPaid
from tests.simulation.signer import Order
from tests.simulation.site import PRICE_NANO_PER_WH, TERMS, VARIANTS, Variant
from tests.simulation.world import World

HOUR_MS = 3_600_000
BEGAN_MS = 1_772_006_400_000  # Wednesday 25 February 2026, 09:00 at the customer's
SCHEMA = """
CREATE TABLE journal (seq INTEGER PRIMARY KEY, epoch TEXT, hash TEXT, body TEXT);
CREATE TABLE life (running_ms INTEGER, bound_utc_ms INTEGER);
CREATE TABLE account (account_id TEXT PRIMARY KEY, snapshot TEXT);
CREATE TABLE cursor (name TEXT PRIMARY KEY, position INTEGER);
CREATE TABLE interval (number INTEGER PRIMARY KEY, account_id TEXT, body TEXT);
CREATE TABLE command (issuer TEXT, jti TEXT, sequence INTEGER, own_sequence INTEGER, answer TEXT);
INSERT INTO life VALUES (0, 0);
"""
OPEN, CLOSE = b"\x05\0\0\0\0", b"\x05\0\0\xff\0"


class Site:
    """`violations` are the invariants that were broken, by name; `told` is what was said of each."""

    def __init__(
        self, *, slowly: bool = False, post_paid: PostPaid | None = None, variant: Variant = VARIANTS[1]
    ) -> None:
        self.violations: list[str] = []
        self.told: list[str] = []
        self.hours = 0.0
        self.delivered_wh = 0
        self.closed = True
        self.reads = True
        self.limited_w = 990
        self.on = Observers()
        self.orders: dict[str, Order] = {}
        self.due: list[tuple[float, Callable[[], None]]] = []
        world = SimpleNamespace(
            on=self.on,
            violated=self._violated,
            machine=SimpleNamespace(true_utc_ms=lambda: self.now_ms),
            center=SimpleNamespace(
                orders=self.orders,
                tills={"A1": Till()},
                rows=[],
                chain=SimpleNamespace(lost=[]),
                time_error_ms=0,
                acknowledged={"journal": 0, "interval": 0},
            ),
            phone=SimpleNamespace(codes={}),
            post=SimpleNamespace(mood="well", troubled_s=-1.0),
            loop=SimpleNamespace(time=lambda: self.hours * 3600),
            setting=SimpleNamespace(
                opening="3.00",
                terms=TERMS[1 if slowly else 0],
                variant=variant,
                poll_s=60,
                post_paid=post_paid,
                gas=False,
                told=False,
            ),
            process=SimpleNamespace(running=True, life=1),
            faulted=set(),
            played=set(),
            rots=False,
            disturbed_s=-1e9,
            later=lambda seconds, act: self.due.append((seconds, act)),
            line=SimpleNamespace(plugged=True, devices={}),
            meter=SimpleNamespace(
                overload=None, import_wh=1000, supply=SimpleNamespace(export_wh=0), advance=lambda: None
            ),
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
        row |= {"currency": "CHF"} if type_ == "entry" else {}
        row |= {"at": {"running_ms": running_ms, "trust": "AUTHENTICATED"}, **fields}
        body = json.dumps(row)
        self.previous = hashlib.sha256(bytes.fromhex(self.previous) + body.encode()).hexdigest()
        self.raw.execute("INSERT INTO journal VALUES (?, 'e', ?, ?)", (self.seq, self.previous, body))
        self.rows.append(row)
        return row

    def commit(self) -> None:
        """The meter is read, and the invariants look at the store."""
        if self.reads:
            self.snapshot["register"]["at"] = {"running_ms": round(self.hours * HOUR_MS)}
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
        evidence = {"balance": balance, "policy": "sim@1", "limit_w": self.limited_w}
        self.row("transition", rule=rule, source=source, target=target, **evidence)
        worse = {"GRACE": "grace", "LIMITED": "limited", "SUSPENDED": "suspended"}
        template = "restored" if rule == "protected" else worse.get(target, "restored")
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

    def asked_in_the_end(self, name: str) -> None:
        """The file of this name looks at what is there when everything has settled."""
        self._asked(self.on.settled, name)

    def asked_this_hour(self, name: str) -> None:
        """The file of this name takes its hourly look."""
        self._asked(self.on.hourly, name)

    def broken(self, words: str) -> bool:
        """Whether a violation says so."""
        return any(words in one for one in self.told)

    @staticmethod
    def _asked(calls: list[Callable[[], None]], name: str) -> None:
        for call in calls:
            if call.__module__.endswith(f".{name}"):
                call()

    def _violated(self, invariant: str, what: str) -> None:
        self.violations.append(invariant)
        self.told.append(what)

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
        "policy": {"restore_min_nano": 0, "limit_percent": 15}, "tariffs": [{"version": 1}], "currency": "CHF",
        "contract_power_w": 6000, "intervals": {"register_wh": 0, "open_import_wh": 0},
        "opened": {"running_ms": 0}, "register": {"wh": 1000, "cases": []},
    }  # fmt: skip


def _text(nano: int) -> str:
    whole, part = divmod(abs(nano), 1_000_000_000)
    return f"{'-' if nano < 0 else ''}{whole}.{part:09d}"
