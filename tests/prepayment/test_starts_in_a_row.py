"""Starts in a row that nobody confirms: a plug pulled every minute, a watchdog that fires, a supply that flickers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.prepayment.account import Account, Start
from gateway.prepayment.events import Confirmed, Restarted
from gateway.prepayment.rollback import LEAVE_LEAST_MS, LEAVE_MS, confirmed, leaves_switch, restarted, waited
from tests.prepayment.worlds import at, opened


def started(account: Account, ms: int) -> Account:
    """The account after a start at this running time, with a head-end that may answer."""
    return restarted(account, Restarted(at(ms), awaits=True))


def test_how_long_a_start_waits_at_least() -> None:
    """Threat 3: a head-end that is there answers within seconds, so half a minute is never too short."""
    assert (LEAVE_LEAST_MS, LEAVE_MS) == (30_000, 120_000)


@pytest.mark.parametrize(
    ("waited_before_ms", "still_ms"),
    [(0, 120_000), (60_000, 60_000), (90_000, 30_000), (90_001, 30_000), (10**9, 30_000)],
)
def test_what_earlier_starts_waited_counts(waited_before_ms: int, still_ms: int) -> None:
    """I10: a customer who has paid is not kept dark for ever by a gateway that starts again every minute."""
    began = 5_000
    again = started(started(opened(), began), began + waited_before_ms)
    assert leaves_switch(waited(again, at(began + waited_before_ms + still_ms - 1)))
    assert not leaves_switch(waited(again, at(began + waited_before_ms + still_ms)))


def test_a_start_that_was_over_waits_again_for_half_a_minute() -> None:
    """Threat 3: these books may be older than the ones that waited, so no start moves the switch at once."""
    over = waited(started(opened(), 0), at(LEAVE_MS))
    assert not leaves_switch(over)
    assert started(over, 200_000).start == Start(110_000, known=True, leaves_switch=True)


def test_a_confirmation_begins_anew() -> None:
    """Threat 3: who was heard was there; the next start waits its two minutes."""
    heard = confirmed(started(opened(), 0), Confirmed(at(60_000))).account
    assert heard.start is None
    assert started(heard, 70_000).start == Start(70_000, known=True)


def test_without_a_head_end_nothing_is_waited_for() -> None:
    """Decision 12: an account that waited and is now alone waits for nobody."""
    alone = restarted(started(opened(), 0), Restarted(at(50_000), awaits=False))
    assert alone.start is None
    assert replace(alone, start=None) == alone
