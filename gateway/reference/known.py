"""What the rows of a journal say of each account, as far as a resync needs it: money, register, rung, notice.

Only rows count, never what was sold or asked for: a row is what the gateway had committed. Lock-outs and holds are not
in the rows; the head-end signed them, so it keeps those itself (`Signed`).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from gateway.commands.agreement import AccountCloseBody, AccountOpenBody, PolicySetBody, PowerSetBody, TariffSetBody
from gateway.commands.arrears import ArrearsNoticeBody, ArrearsPaidBody, OwedBody
from gateway.commands.books import BonusThroughBody, HeldBody, PositionBody, WindowBody
from gateway.commands.claims import Body
from gateway.commands.contract import AccountRolloverBody
from gateway.commands.fieldwork import MeterReplaceBody
from gateway.commands.protection import (
    HoldReleaseBody,
    HoldSetBody,
    LockoutReleaseBody,
    LockoutSetBody,
    OutageCancelBody,
    OutagePlanBody,
)
from gateway.prepayment.money import parse_money, wire_money
from gateway.prepayment.posting import Numbers, PostingKind
from gateway.prepayment.supply import SupplyState

_DATED = ("SYNCHRONISED", "AUTHENTICATED")
_PROVEN = "AUTHENTICATED"
_POSTED = frozenset(kind.value for kind in PostingKind)
_NOTICES = ("low", "grace", "limited", "suspended")


class Known(Struct):
    """One account as its rows leave it; instants as they were written, `*_ms` in the running time of its gateway."""

    currency: str = ""
    balance: str = "0.00"
    register_wh: int | None = None
    at: str | None = None
    state: SupplyState | None = None
    since_ms: int = 0
    notice_ms: int | None = None
    dated_at: str | None = None
    standing_at: str | None = None
    top_up: tuple[int, str] = (0, "0.00")
    reversal: tuple[int, str] = (0, "0.00")
    posting_sequence: int = 0
    posting_missing: tuple[int, ...] = ()
    bonuses: dict[str, str] = field(default_factory=dict)
    unobserved: int = 0
    discontinuous: int = 0
    power_w: int | None = None
    rolled_over: bool = False
    opened_ms: int = 0
    before_end: tuple[SupplyState, int, str | None] | None = None
    lockout: str | None = None
    """Set by whomever, as the receipts say: at the gateway's console nobody here signs it."""

    def reopened(self) -> Known:
        """The account as it stood before its contract ended."""
        if self.before_end is None:
            return self
        state, since_ms, dated_at = self.before_end
        return replace(self, state=state, since_ms=since_ms, dated_at=dated_at)


class Signed(Struct):
    """What was signed for one account and applied: what the rows do not tell again, or not in full."""

    lockout: str | None = None
    holds: dict[str, HeldBody] = field(default_factory=dict)
    power: PowerSetBody | None = None
    policy: PolicySetBody | None = None
    tariffs: list[TariffSetBody] = field(default_factory=list)
    powers_due: list[PowerSetBody] = field(default_factory=list)
    meter: MeterReplaceBody | None = None
    rollover: AccountRolloverBody | None = None
    close: AccountCloseBody | None = None
    opening: AccountOpenBody | None = None
    arrears: dict[str, OwedBody] = field(default_factory=dict)
    outages: dict[str, WindowBody] = field(default_factory=dict)

    def take(self, body: Body) -> None:
        """A command that was applied."""
        match body:
            case PowerSetBody(at=None):
                self.power = body
            case PowerSetBody():
                self.powers_due = [*self.powers_due, body][-8:]
            case MeterReplaceBody():
                self.meter = body
            case AccountRolloverBody():
                self.rollover = body
            case AccountCloseBody():
                self.close = body
            case AccountOpenBody():
                self.opening = body
            case PolicySetBody():
                self.policy = body
            case TariffSetBody():
                self.tariffs = [*self.tariffs, body][-8:]
            case ArrearsNoticeBody():
                said = {name: getattr(body, name) for name in OwedBody.__struct_fields__}
                self.arrears[body.arrears_id] = OwedBody(**said)
            case ArrearsPaidBody():
                self._paid(body)
            case _:
                self._protect(body)

    def _protect(self, body: Body) -> None:
        match body:
            case LockoutSetBody():
                self.lockout = body.reason
            case LockoutReleaseBody():
                self.lockout = None
            case HoldSetBody():
                self.holds[body.hold_id] = HeldBody(
                    body.hold_id, body.kind, body.until, body.amount, body.rungs, body.set_by, body.reason
                )
            case HoldReleaseBody():
                self.holds.pop(body.hold_id, None)
            case OutagePlanBody():
                window = WindowBody(body.outage_id, body.begins, body.ends, body.reference, body.set_by)
                self.outages[body.outage_id] = window
            case OutageCancelBody():
                self.outages.pop(body.outage_id, None)
            case _:
                pass

    def _paid(self, body: ArrearsPaidBody) -> None:
        owed = self.arrears.pop(body.arrears_id, None)
        if owed is None or body.left is None:
            return
        left_nano = min(parse_money(owed.amount), parse_money(body.left))
        if left_nano > 0:
            self.arrears[body.arrears_id] = replace(owed, amount=wire_money(left_nano))


def learn(accounts: dict[str, Known], row: dict[str, Any]) -> None:
    """Take one row, in its order."""
    account_id = row.get("account_id")
    if not account_id:
        return
    known = accounts.setdefault(account_id, Known())
    at, kind = row["at"], row["type"]
    if kind == "entry":
        _entry(known, row)
    elif kind == "transition":
        if row["target"] == SupplyState.TERMINATED and row["rule"] != "resynced":
            known.before_end = (SupplyState(row["source"]), known.since_ms, known.dated_at)
        known.state = SupplyState(row["target"])
        known.since_ms = at["running_ms"]
        known.dated_at = at["utc"] if at["trust"] == _PROVEN else None
        known.rolled_over = known.rolled_over or row["rule"] == "rolled_over"
        if row["rule"] == "resynced":  # its terms had begun before
            known.since_ms -= row["detail"]["in_state_ms"]
        elif row["rule"] != "protected":
            known.notice_ms = None
    elif kind == "notice" and row["template"] in _NOTICES:
        known.notice_ms = at["running_ms"]
    elif kind == "event":
        _case(known, row)
    elif kind == "receipt" and row["status"] == "applied":
        _receipt(known, row["command"], row["detail"])


def _receipt(known: Known, command: str, detail: dict[str, Any]) -> None:
    match command:
        case "top_up":
            known.top_up = (detail["sequence"], detail["total"])
        case "top_up_reverse":
            known.reversal = (detail["sequence"], detail["total"])
        case "lockout_set":
            known.lockout = detail.get("lockout", known.lockout)
        case "lockout_release":
            known.lockout = None
        case _:
            pass


def carried(old: Known, new: Known, *, lost_ms: int, resynced_ms: int) -> Known:
    """The account after a resync: what the rows since then say, and what was taken over where they say nothing.

    `lost_ms` is the running time of the lost branch's last row, `resynced_ms` that of the resync.
    """
    moved_ms = resynced_ms - lost_ms
    merged = replace(new, top_up=max(old.top_up, new.top_up), reversal=max(old.reversal, new.reversal))
    numbers = Numbers(old.posting_sequence, old.posting_missing).union(
        Numbers(new.posting_sequence, new.posting_missing)
    )
    merged.posting_sequence, merged.posting_missing = numbers.highest, numbers.missing
    merged.bonuses = {
        name: max(old.bonuses.get(name, ""), new.bonuses.get(name, "")) for name in {**old.bonuses, **new.bonuses}
    }
    merged.power_w = old.power_w if new.power_w is None else new.power_w
    merged.opened_ms = old.opened_ms + moved_ms
    merged.lockout = new.lockout or old.lockout
    merged.rolled_over = old.rolled_over or new.rolled_over
    merged.at = old.at  # a resync names the register of the lost branch
    merged.standing_at = new.standing_at or old.standing_at
    if new.state is None or new.since_ms < resynced_ms:
        merged.state = old.state
        merged.since_ms = old.since_ms + moved_ms
        merged.notice_ms = None if old.notice_ms is None else old.notice_ms + moved_ms
        merged.dated_at = old.dated_at
        if old.before_end is not None:
            merged.before_end = (old.before_end[0], old.before_end[1] + moved_ms, old.before_end[2])
    return merged


def position(known: Known, signed: Signed, running_ms: int) -> PositionBody:
    """What a resync says of the account; `running_ms` is that of the newest row."""
    return PositionBody(
        balance=known.balance,
        state=known.state or SupplyState.NORMAL,
        in_state_ms=max(0, running_ms - known.since_ms),
        top_up_sequence=known.top_up[0],
        top_up_total=known.top_up[1],
        reversal_sequence=known.reversal[0],
        reversal_total=known.reversal[1],
        register_wh=known.register_wh,
        at=_instant(known.at),
        notice_age_ms=None if known.notice_ms is None else max(0, running_ms - known.notice_ms),
        dated_at=_instant(known.dated_at),
        standing_at=_instant(known.standing_at),
        lockout=signed.lockout or known.lockout,  # either keeps the supply open: nobody is put at risk by what is lost
        holds=tuple(signed.holds.values()),
        posting_sequence=known.posting_sequence,
        posting_missing=known.posting_missing,
        arrears=tuple(signed.arrears.values()),
        outages=tuple(signed.outages.values()),
        bonuses=tuple(BonusThroughBody(name, date.fromisoformat(day)) for name, day in known.bonuses.items()),
    )


def _case(known: Known, row: dict[str, Any]) -> None:
    """Charging went on from another register: what lies between is a case for a person, and no resync charges it.

    Energy used unobserved is only a case until the time is known: a resync has it charged by the time it took.
    """
    if row["what"] == "power.set_done":
        known.power_w = row["detail"]["to_w"]
    elif row["what"] == "meter.replaced" and not row["detail"]["register_case"]:
        known.register_wh = row["detail"]["new_start_wh"]  # counted since the last reading of the old meter: `at` stays
    elif row["what"] == "register.unobserved":
        known.unobserved = row["detail"]["case_id"]
    elif row["what"] == "register.discontinuity":
        detail = row["detail"]
        if detail["case_id"] != known.unobserved:
            known.discontinuous = max(known.discontinuous, detail["case_id"])
        if detail["case_id"] != known.unobserved or known.register_wh == detail["from_wh"]:
            known.register_wh = detail["to_wh"]
            known.at = row["at"]["utc"] if row["at"]["trust"] in _DATED else None


def _entry(known: Known, row: dict[str, Any]) -> None:
    at = row["at"]
    known.currency, known.balance = row["currency"], row["balance"]
    if row.get("to_register_wh") is not None and _goes_on(known, row):
        known.register_wh = row["to_register_wh"]
        read_now = at["trust"] in _DATED and row["kind"] != "resync"  # that register was read before: see `carried`
        known.at = at["utc"] if read_now else None
    if row["kind"] == "opening":
        known.state, known.since_ms = SupplyState.NORMAL, at["running_ms"]
        known.opened_ms = at["running_ms"]
    if row["kind"] in _POSTED:
        numbers = Numbers(known.posting_sequence, known.posting_missing).with_number(row["detail"]["sequence"])
        if numbers is not None:
            known.posting_sequence, known.posting_missing = numbers.highest, numbers.missing
    if row["kind"] == "bonus":
        known.bonuses[row["detail"]["reference"]] = row["detail"]["to"]
    if any(line["component"] == "standing" for line in row["lines"]):
        known.standing_at = at["utc"]


def _goes_on(known: Known, row: dict[str, Any]) -> bool:
    """Whether charging goes on after this entry's register.

    A case is charged late: charging may be further by then, or at another register since a discontinuity. If it is
    not, the balance has now paid for everything up to the register after the absence.
    """
    name, _, case = row["reference"].partition(":")
    if name != "case" or known.register_wh is None:
        return True
    after = row["from_register_wh"] == known.register_wh or row["to_register_wh"] > known.register_wh
    return after and int(case) > known.discontinuous


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
