"""Where rows leave an account: what a resync tells a gateway must be charged once, neither twice nor never."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from gateway.commands import Command
from gateway.commands.agreement import PowerSetBody
from gateway.commands.books import BonusThroughBody
from gateway.commands.contract import AccountRolloverBody, NextHolderBody
from gateway.commands.fieldwork import MeterReplaceBody
from gateway.config.document import load
from gateway.config.policies import PolicyDocument
from gateway.config.tariffs import TariffDocument
from gateway.headend.payloads import VerdictMessage
from gateway.prepayment.agenda import RolloverKind
from gateway.prepayment.ledger import VerdictStatus
from gateway.reference.book import Content
from gateway.reference.headend import SETTLING, HeadEnd
from gateway.reference.known import Known, Signed, carried, learn, position
from gateway.reference.resync import orders, resync
from gateway.reference.shape import check

AT = {"utc": "2027-09-30T03:59:35.172Z", "trust": "AUTHENTICATED", "running_ms": 1000}


def entry(begins: int, ends: int, reference: str = "") -> dict[str, Any]:
    """Energy charged between two readings of the register."""
    registers = {"from_register_wh": begins, "to_register_wh": ends, "reference": reference}
    money = {"currency": "CHF", "balance": "19.92", "lines": []}
    return {"type": "entry", "kind": "charge", "account_id": "A1", "at": AT, **registers, **money}


def event(what: str, case: int, begins: int, ends: int) -> dict[str, Any]:
    """The register went on elsewhere."""
    detail = {"case_id": case, "from_wh": begins, "to_wh": ends, "segment": 1}
    return {"type": "event", "what": f"register.{what}", "account_id": "A1", "at": AT, "detail": detail}


@pytest.mark.parametrize(
    ("rows", "register_wh"),
    [
        ([entry(100, 200), entry(200, 250, "case:1"), event("unobserved", 1, 200, 250)], 250),
        ([entry(100, 200), event("unobserved", 1, 200, 250)], 200),
        ([entry(100, 200), event("unobserved", 1, 200, 250), entry(250, 300), entry(200, 250, "case:1")], 300),
        ([entry(100, 200), event("unobserved", 2, 200, 400), entry(250, 300), entry(200, 400, "case:2")], 400),
        ([entry(100, 900), event("unobserved", 1, 900, 10), entry(900, 10, "case:1")], 10),
        (
            [entry(1, 90), event("unobserved", 1, 90, 95), event("discontinuity", 2, 95, 5), entry(90, 95, "case:1")],
            5,
        ),
    ],
    ids=["charged_at_once", "not_yet", "charged_later", "two_absences_as_one", "over_the_wrap", "reset_meanwhile"],
)
def test_what_an_absence_used_is_charged_once(rows: list[dict[str, Any]], register_wh: int) -> None:
    """I6, threat 3: the register of a resync lies behind everything that the balance beside it has paid for."""
    accounts: dict[str, Known] = {}
    for row in rows:
        learn(accounts, row)
    assert accounts["A1"].register_wh == register_wh


def test_a_resync_reads_no_register() -> None:
    """I6, threat 3: its entry tells the register of its position, which was read before; the next resync says when."""
    old, new = {"A1": Known()}, {"A1": Known()}
    learn(old, entry(0, 500))
    learn(new, entry(600, 500, "r-1") | {"kind": "resync", "at": AT | {"utc": "2027-09-30T18:00:00.000Z"}})
    assert (new["A1"].register_wh, new["A1"].at) == (500, None)
    assert carried(old["A1"], new["A1"], lost_ms=10, resynced_ms=20).at == AT["utc"]


def replaced(new_start_wh: int, register_case: int) -> dict[str, Any]:
    """Another meter."""
    detail = {"new_start_wh": new_start_wh, "register_case": register_case}
    return {"type": "event", "what": "meter.replaced", "account_id": "A1", "at": AT, "detail": detail}


@pytest.mark.parametrize(
    ("rows", "register_wh"),
    [
        ([entry(100, 200), entry(200, 230), replaced(7, 0)], 7),
        ([entry(100, 200), entry(200, 230), replaced(7, 0), entry(7, 40)], 40),
        (
            [entry(100, 200), event("discontinuity", 1, 200, 9), entry(9, 40), entry(200, 9, "case:1"), replaced(7, 1)],
            40,
        ),
    ],
    ids=["not_read_yet", "read", "its_readings_were_mistaken"],
)
def test_a_resync_goes_on_from_the_meter_that_hangs_there(rows: list[dict[str, Any]], register_wh: int) -> None:
    """S4-09, threat 3: after another meter the register of a resync is the new one's, unless it is charged already."""
    accounts: dict[str, Known] = {}
    for row in rows:
        learn(accounts, row)
    assert accounts["A1"].register_wh == register_wh


def test_what_is_sent_again_before_a_resync_knows_of_instants() -> None:
    """Threat 3: the power that was last set on record, what is due later, and the meter that hangs there."""
    accounts: dict[str, Known] = {}
    done = {"type": "event", "what": "power.set_done", "account_id": "A1", "at": AT, "detail": {"to_w": 4_500}}
    learn(accounts, done)
    signed = Signed()
    due = PowerSetBody("A1", 6_000, datetime(2026, 3, 1, tzinfo=UTC))
    meter = MeterReplaceBody("A1", "S-1", 1, "S-2", 2, "E-D", "M. R.", "sheet 4")
    for body in (PowerSetBody("A1", 3_000), due, meter):
        signed.take(body)
    assert (accounts["A1"].power_w, signed.power, signed.powers_due, signed.meter) == (
        4_500, PowerSetBody("A1", 3_000), [due], meter,
    )  # fmt: skip


def posted(kind: str, **detail: str | int) -> dict[str, Any]:
    """A typed entry."""
    return {**entry(0, 0), "kind": kind, "from_register_wh": None, "to_register_wh": None, "detail": detail}


def test_the_rows_say_which_postings_and_days_are_in() -> None:
    """Threat 3, I3: a resync tells the numbers that rows have, those in between that are missing, and the days paid."""
    accounts: dict[str, Known] = {}
    rows = [
        posted("fee", sequence=1, reference="P-1"),
        posted("setoff", sequence=4, reference="P-4"),
        posted("setoff", sequence=4, reference="P-4"),
        posted("bonus", reference="B-1", to="2026-03-02"),
        posted("interest", sequence=3, reference="P-3"),
        posted("bonus", reference="B-1", to="2026-03-05"),
    ]
    for row in rows:
        learn(accounts, row)
    said = position(accounts["A1"], Signed(), 2_000)
    assert (said.posting_sequence, said.posting_missing) == (4, (2,))
    assert said.bonuses == (BonusThroughBody("B-1", date(2026, 3, 5)),)


def test_a_branch_that_goes_on_keeps_the_postings_of_the_lost_one() -> None:
    """Threat 3: after a resync both branches count, each number once, the later day of a bonus."""
    old = Known(posting_sequence=4, posting_missing=(2,), bonuses={"B-1": "2026-03-05", "B-2": "2026-03-05"})
    new = Known(posting_sequence=5, posting_missing=(1, 3, 4), bonuses={"B-1": "2026-03-02", "B-3": "2026-03-09"})
    merged = carried(old, new, lost_ms=10, resynced_ms=20)
    assert (merged.posting_sequence, merged.posting_missing) == (5, ())
    assert merged.bonuses == {"B-1": "2026-03-05", "B-2": "2026-03-05", "B-3": "2026-03-09"}


@pytest.mark.parametrize(
    ("kind", "detail", "good"),
    [
        ("fee", {"sequence": 1}, True),
        ("fee", {"sequence": -1}, False),
        ("setoff", None, False),
        ("bonus", {"reference": "B-1", "to": "2026-03-05"}, True),
        ("bonus", {"reference": "B-1", "to": "soon"}, False),
        ("charge", None, True),
        ("dividend", None, True),
    ],
)
def test_a_posting_that_says_no_number_is_no_row(kind: str, detail: dict[str, Any] | None, good: bool) -> None:
    """Threat 2: nothing half-read is kept: what a resync needs of an entry is checked before the row is taken."""
    row = {**posted(kind), "detail": detail, "at": AT}
    if good:
        check(json.dumps(row).encode())
        return
    with pytest.raises(ValueError, match="no journal row"):
        check(json.dumps(row).encode())


HOME = Path(__file__).parent.parent.parent / "config"


def handover(old: str, new: str) -> AccountRolloverBody:
    """A change of holder that was ordered for an instant to come."""
    policy = load(HOME / "policies" / "prepaid.toml", PolicyDocument)
    to = NextHolderBody(new, "CHF", 3_000, policy, load(HOME / "tariffs" / "ch-flat.toml", TariffDocument))
    return AccountRolloverBody(old, RolloverKind.VOLTURA, to, datetime(2027, 9, 1, tzinfo=UTC))


def gone(account_id: str, running_ms: int) -> dict[str, Any]:
    """The old holder's contract ended with a change of holder."""
    at = {**AT, "running_ms": running_ms}
    named = {"account_id": account_id, "source": "NORMAL", "target": "TERMINATED", "rule": "rolled_over"}
    return {"type": "transition", "at": at, "detail": {}, **named}


def book() -> Content:
    """A1 gave its place to Z9, and Z9 later to B5."""
    content = Content()
    for row in (gone("A1", 5), gone("Z9", 7), {**entry(1, 2), "kind": "opening", "account_id": "B5"}):
        learn(content.trail.main.accounts, row)
    for old, new in (("Z9", "B5"), ("A1", "Z9")):
        content.signed.setdefault(old, Signed()).take(handover(old, new))
    return content


def test_holders_follow_each_other_again_before_any_resync() -> None:
    """Threat 3, S2-03: an image that lacks a change of holder lacks the account of today, and would be cut off."""
    kept = msgspec.json.decode(msgspec.json.encode(book()), type=Content)
    sent = orders(kept, "run-1", ("A1", "B5", "Z9"))
    assert [body.to.account_id for _, body in sent if isinstance(body, AccountRolloverBody)] == ["Z9", "B5"]
    assert all(body.at is None for _, body in sent if isinstance(body, AccountRolloverBody))
    assert [command for command, _ in sent[:3]] == [Command.ACCOUNT_ROLLOVER] * 2 + [Command.ACCOUNT_RESYNC]


def test_who_gave_the_place_to_nobody_yet_is_not_resynced() -> None:
    """Threat 3: the old holder is closed in the rows; told so before the new one is there, a gateway cuts the line."""

    @dataclass
    class Told:
        """A head-end whose gateway has not read its meter yet."""

        sent: list[tuple[Command, str]] = field(default_factory=list)
        status: Any = field(default_factory=lambda: SimpleNamespace(online=True, epoch="run-1"))

        async def until(self, ready: Any, _timeout_s: float) -> None:
            """It is there."""
            assert ready()

        async def command(self, command: Command, body: Any, *, timeout_s: float) -> VerdictMessage:
            """Only the older change is taken."""
            self.sent.append((command, body.account_id))
            refused = command is Command.ACCOUNT_ROLLOVER and body.account_id == "Z9" and timeout_s
            status, reason = ("refused", "meter_untrusted") if refused else ("applied", "")
            return VerdictMessage("j", VerdictStatus(status), "2027-09-30T03:59:35.172Z", reason=reason)

    told = Told()
    verdicts = asyncio.run(resync(cast("HeadEnd", told), book(), timeout_s=1.0))
    assert [verdict.reason for verdict in verdicts] == ["meter_untrusted", "", ""]
    assert (Command.ACCOUNT_RESYNC, "Z9") not in told.sent
    assert (Command.ACCOUNT_RESYNC, "B5") in told.sent


def test_what_a_resync_sends_again_is_kept_when_it_is_signed() -> None:
    """Threat 3: every command that `Signed` takes over is one that the head-end hands to it."""
    assert {Command.METER_REPLACE, Command.ACCOUNT_ROLLOVER, Command.POWER_SET, Command.HOLD_SET} <= SETTLING


def receipt(command: str, **detail: str) -> dict[str, Any]:
    """An order that was carried out, whoever gave it."""
    return {"type": "receipt", "account_id": "A1", "at": AT, "status": "applied", "command": command, "detail": detail}


def test_a_lockout_set_on_site_is_said_in_a_resync() -> None:
    """Decision 13, threat 3: nobody here signed it; forgotten by an old image it would close the supply on a worker."""
    accounts: dict[str, Known] = {}
    learn(accounts, entry(100, 200))
    learn(accounts, receipt("lockout_set", lockout="riser open"))
    assert position(accounts["A1"], Signed(), 0).lockout == "riser open"
    assert position(accounts["A1"], Signed(lockout="ours"), 0).lockout == "ours"
    assert carried(accounts["A1"], Known(), lost_ms=0, resynced_ms=0).lockout == "riser open"
    learn(accounts, receipt("lockout_release"))
    assert position(accounts["A1"], Signed(), 0).lockout is None
    assert position(accounts["A1"], Signed(lockout="ours"), 0).lockout == "ours"
