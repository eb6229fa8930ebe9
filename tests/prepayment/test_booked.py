"""What a reading books: from which register, in which entry, into which quarter-hours (I5, I6)."""

from dataclasses import replace

from gateway.prepayment import charging
from gateway.prepayment.account import Account, Outcome, Spending, Supply
from gateway.prepayment.events import Moment, Reading, Tick, TimeTrust
from gateway.prepayment.ledger import Entry, EntryKind, Happening, Notice
from gateway.prepayment.rating import Line
from gateway.prepayment.register import Case, CaseKind
from gateway.prepayment.step import apply, settle
from gateway.prepayment.supply import SupplyState
from tests.prepayment.worlds import HOUR_MS, MONDAY_MS, NANO, TERMS, at, opened, tariff, world


def entries(outcome: Outcome) -> list[Entry]:
    """The entries of an outcome."""
    return [record for record in outcome.records if isinstance(record, Entry)]


def test_an_account_opened_without_a_register_begins_at_the_first_that_is_believed() -> None:
    """Decision 3: the first entry names where it began, and what was used while it was confirmed is charged."""
    account = opened(register_wh=None)
    for number in (1, 2, 3):
        account = apply(account, Reading(at(number * 1_000), 99 + number, 0, export_wh=40 + number), TERMS).account
    assert (account.register.wh, account.settled_register_wh, account.usage.wh) == (102, 100, 2)
    (entry,) = entries(settle(account, at(4_000)))
    assert (entry.from_register_wh, entry.to_register_wh, entry.amount_nano) == (100, 102, -2 * 250_000)
    assert (account.intervals.register_wh, account.intervals.export_wh) == (2, 43)


def test_an_absence_is_charged_in_an_entry_of_its_own() -> None:
    """I5: between its own registers, named after its case, after what was charged before; the curve has all of it."""
    account = world().account
    case = Case(1, CaseKind.UNOBSERVED, 500, 900, 400, at(), Moment(0, TimeTrust.UNKNOWN, 500), HOUR_MS)
    register = replace(account.register, wh=1_000, at=at(1_000), dated=at(1_000), cases=(case,), cases_opened=1)
    line = Line("energy", "all", 0, 100, 0, 25_000_000, "flat@1", estimated=False)
    usage = replace(account.usage, wh=600, net_nano=150_000_000)
    account = replace(account, register=register, usage=usage, unsettled=(line,), settled_register_wh=900)
    account = replace(account, settled_charge_nano=125_000_000)
    account = replace(account, intervals=replace(account.intervals, register_wh=600))
    outcome = apply(account, Reading(at(2_000), 1_001), TERMS)
    before, of_the_case = entries(outcome)
    assert (before.kind, before.reference, before.from_register_wh, before.to_register_wh) == (
        EntryKind.CHARGE, "", 900, 1_001,
    )  # fmt: skip
    assert (of_the_case.kind, of_the_case.reference) == (EntryKind.CHARGE, "case:1")
    assert (of_the_case.from_register_wh, of_the_case.to_register_wh) == (500, 900)
    assert of_the_case.amount_nano == -400 * 250_000
    after = outcome.account
    assert after.intervals.register_wh == after.usage.wh == 600 + 1 + 400
    assert (after.unsettled, after.settled_register_wh) == ((), 1_001)
    assert after.balance_nano == after.settled_balance_nano


def test_only_new_alarms_are_told_beside_what_else_is() -> None:
    """Decision 5: one that goes on is not told again; nothing that was on record is lost."""
    known = Happening(at(), "CH-1", "register.readable", ())
    began = Outcome(replace(world().account, alarms=("a",)), (known,))
    outcome = charging.alarmed(began, ("a", "b"), at(5))
    assert outcome.records == (known, Happening(at(5), "CH-1", "tariff.b", ()))
    assert outcome.account.alarms == ("a", "b")
    assert charging.alarmed(outcome, ("a", "b"), at(6)) is outcome


def in_grace(ms: int) -> Account:
    """An account whose grace ends three days after Monday morning, with a charge that is not posted yet."""
    line = Line("energy", "all", 0, 1, 0, 7, "flat@1", estimated=False)
    made = replace(world(-NANO).account, unsettled=(line,), spending=Spending("2026-03-02"))
    register = replace(made.register, at=at(ms))
    return replace(
        made, supply=Supply(SupplyState.GRACE, at(), 0, "2026-03-02"), contact_running_ms=ms, register=register
    )


def test_a_warning_comes_with_what_the_new_day_settles() -> None:
    """Requirements 2.3: the entry of the day and the notice of one tick are both on record."""
    ms = 61 * HOUR_MS
    outcome = apply(in_grace(ms), Tick(at(ms)), TERMS)
    assert [entry.amount_nano for entry in entries(outcome)] == [-7]
    assert [notice.template for notice in outcome.records if isinstance(notice, Notice)] == ["grace_expiring"]
    assert at(ms).utc_ms == MONDAY_MS + ms
    assert tariff().ref == "flat@1"


def test_another_segment_of_the_register_is_no_export() -> None:
    """S4-16, decision 6: a meter that read zero for a while and then as before has sent nothing into the grid."""
    account, now_ms = world().account, 0
    account = replace(account, register=replace(account.register, wh=70_000, at=at()))
    shown = [(70_000, 40_000), *[(0, 0)] * 4, *[(70_010, 40_005)] * 4, (70_020, 40_009)]
    for wh, export_wh in shown:
        now_ms += 60_000
        account = apply(account, Reading(at(now_ms), wh, export_wh=export_wh), TERMS).account
    assert account.register.segment == 3
    assert (account.intervals.open_export_wh, account.intervals.export_wh) == (4, 40_009)
    assert account.intervals.open_estimated
