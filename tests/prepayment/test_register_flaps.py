"""A meter that comes and goes, such as two at one address: told, and not a row and a write to flash at every poll."""

from __future__ import annotations

from collections import Counter

import pytest

from gateway.prepayment.account import Account
from gateway.prepayment.events import Moment, Reading, TimeTrust
from gateway.prepayment.ledger import Happening
from gateway.prepayment.register import QUIET_MS
from gateway.prepayment.step import apply
from tests.prepayment.worlds import HOUR_MS, MONDAY_MS, NANO, TERMS, opened

POLL_MS = 10_000
WRONG: dict[str, dict[str, object]] = {
    "nothing": {"import_wh": 0},
    "another": {"import_wh": 500_000},
    "unreadable": {"import_wh": None, "defect": "nan"},
}


def _lived(account: Account, polls: int, wrong: dict[str, object], every: int) -> tuple[Account, list[Happening]]:
    """So many polls, each `every` one of them wrong; what was put on record."""
    rows: list[Happening] = []
    assert account.register.wh is not None
    assert account.register.at is not None
    wh, running_ms = account.register.wh, account.register.at.running_ms
    for number in range(1, polls + 1):
        running_ms, wh = running_ms + POLL_MS, wh + 1
        values: dict[str, object] = wrong if number % every == 0 else {"import_wh": wh}
        moment = Moment(MONDAY_MS + running_ms, TimeTrust.AUTHENTICATED, running_ms)
        outcome = apply(account, Reading(at=moment, **values), TERMS)  # type: ignore[arg-type]
        account = outcome.account
        rows += [one for one in outcome.records if isinstance(one, Happening) and one.what.startswith("register.")]
    return account, rows


def _began() -> Account:
    """A register that has been read and believed."""
    account = opened(100 * NANO)
    for number in range(3):
        moment = Moment(MONDAY_MS + number, TimeTrust.AUTHENTICATED, number)
        account = apply(account, Reading(moment, 1_000), TERMS).account
    assert account.register.wh == 1_000
    return account


@pytest.mark.parametrize("kind", WRONG)
def test_what_comes_and_goes_is_told_four_times_an_hour(kind: str) -> None:
    """I20, decision 8: a day of a wrong value at every second poll is at most a pair of rows a quarter of an hour."""
    hours = 6
    account, rows = _lived(_began(), hours * HOUR_MS // POLL_MS, WRONG[kind], 2)
    told = Counter(row.what for row in rows)
    assert len(told) == 2, "its beginning and its end"
    assert max(told.values()) <= hours * HOUR_MS // QUIET_MS
    assert min(told.values()) >= hours * HOUR_MS // QUIET_MS - 1, "and it is told again while it goes on"
    assert account.register.wh is not None
    assert account.usage.wh == account.register.wh - 1_000, "it is charged all the same (I6)"


def test_a_trouble_that_lasts_is_told_although_one_was_just_over() -> None:
    """I24: what returned too soon is told when the quarter of an hour is over, if it still stands."""
    account, rows = _lived(_began(), 2, WRONG["unreadable"], 2)
    assert [row.what for row in rows] == ["register.unreadable"]
    account, rows = _lived(account, 1, WRONG["unreadable"], 9)
    assert [row.what for row in rows] == ["register.readable"]
    account, rows = _lived(account, QUIET_MS // POLL_MS + 5, WRONG["unreadable"], 1)
    assert [row.what for row in rows] == ["register.unreadable"]
    _, rows = _lived(account, 1, WRONG["unreadable"], 9)
    assert rows[0].what == "register.readable"


def test_a_quarantine_is_told_besides_an_unreadable_register() -> None:
    """I24: one kind of trouble does not keep another off the record."""
    account, first = _lived(_began(), 2, WRONG["unreadable"], 2)
    account, second = _lived(account, 2, WRONG["another"], 2)
    _, third = _lived(account, 1, WRONG["another"], 9)
    assert [row.what for row in (*first, *second, *third)] == [
        "register.unreadable", "register.readable", "register.quarantined", "register.transient",
    ]  # fmt: skip


def test_troubles_that_take_turns_are_each_told_once() -> None:
    """I20: telling one of them does not forget that the other was told."""
    account, rows = _began(), []
    for _ in range(QUIET_MS // POLL_MS // 4):
        for kind in ("unreadable", "another"):
            account, told = _lived(account, 1, WRONG[kind], 1)
            rows += told
        account, told = _lived(account, 1, WRONG["unreadable"], 9)
        rows += told
    assert Counter(row.what for row in rows)["register.unreadable"] == 1
    assert Counter(row.what for row in rows)["register.quarantined"] == 1
