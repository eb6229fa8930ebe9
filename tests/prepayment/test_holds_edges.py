"""Holds and outages at the edge: which of them counts, since when, and what of it stays when it is over."""

from dataclasses import replace

import pytest

from gateway.prepayment.account import Account, Supply
from gateway.prepayment.events import Hold, HoldKind, Moment, TimeTrust
from gateway.prepayment.holds import blocked_by, disputed_nano, frozen_ms, mutes, tidied, windows
from gateway.prepayment.outages import OUTAGES_MAX, Outage
from gateway.prepayment.supply import SupplyState
from tests.prepayment.worlds import DAY_MS, HOUR_MS, MONDAY_MS, at, opened

NOW = at(9 * HOUR_MS)
STORM = Hold("storm", HoldKind.OUTAGE, None, set_by="utility/M. R.", reason="case 7", began=at(2 * HOUR_MS))


def held(*holds: Hold, outages: tuple[Outage, ...] = (), since: Moment | None = None) -> Account:
    """In grace since Monday morning unless told otherwise."""
    supply = Supply(SupplyState.GRACE, since or at(), notice_running_ms=0, dated_on="2026-03-02")
    return replace(opened(-1), supply=supply, holds=holds, outages=outages)


def off(begins_ms: int, ends_ms: int, outage_id: str = "o") -> Outage:
    """A window so long after Monday morning."""
    return Outage(outage_id, MONDAY_MS + begins_ms, MONDAY_MS + ends_ms)


def test_only_a_dispute_nets() -> None:
    """S2-23: an amount that comes with another kind is a remark: it takes nothing out of the debt and still blocks."""
    account = held(Hold("c", HoldKind.COMPLAINT, None, 5), Hold("d", HoldKind.DISPUTE, None, 3))
    assert (disputed_nano(account, NOW), disputed_nano(account)) == (3, 3)
    assert blocked_by(account, NOW) == "c"


def test_a_hold_on_one_rung_is_a_hold() -> None:
    """Requirements 2.5: asked for no rung in particular, whatever holds any of them is named."""
    cuts = Hold("cuts", HoldKind.MORATORIUM, None, rungs=(SupplyState.SUSPENDED,))
    assert blocked_by(held(cuts), NOW) == "cuts"
    assert [blocked_by(held(cuts), NOW, rung) for rung in (SupplyState.LIMITED, SupplyState.SUSPENDED)] == ["", "cuts"]


@pytest.mark.parametrize(
    ("holds", "outages", "muted"),
    [
        ((), (), False),
        ((STORM,), (), True),
        ((replace(STORM, until_utc_ms=NOW.utc_ms + 1),), (), True),
        ((replace(STORM, until_utc_ms=NOW.utc_ms),), (), False),
        ((Hold("c", HoldKind.COMPLAINT, None),), (), False),
        ((), (off(0, 9 * HOUR_MS + 1),), True),
        ((), (off(0, 9 * HOUR_MS),), False),
    ],
)
def test_a_silent_meter_is_no_alarm_in_an_outage_only(
    holds: tuple[Hold, ...], outages: tuple[Outage, ...], muted: bool
) -> None:
    """S4-06: planned or not, while it goes on; no other hold keeps a meter from being missed."""
    assert mutes(held(*holds, outages=outages), NOW) is muted


def test_an_unplanned_outage_that_is_over_stays_as_a_window_and_nothing_else_does() -> None:
    """S4-06: with who said so and why; one that lasts stays a hold, and another kind that is over leaves nothing."""
    until_ms = MONDAY_MS + 5 * HOUR_MS
    lasts = replace(STORM, hold_id="lasts")
    over = replace(STORM, until_utc_ms=until_ms)
    complaint = Hold("c", HoldKind.COMPLAINT, until_ms)
    account = tidied(held(lasts, over, complaint), NOW)
    assert account.holds == (lasts,)
    assert account.outages == (Outage("storm", MONDAY_MS + 2 * HOUR_MS, until_ms, "case 7", "utility/M. R."),)


@pytest.mark.parametrize(
    ("until_ms", "trust", "ends_ms"),
    [
        (None, TimeTrust.AUTHENTICATED, 9),
        (8, TimeTrust.AUTHENTICATED, 8),
        (9, TimeTrust.AUTHENTICATED, 9),
        (10, TimeTrust.AUTHENTICATED, 9),
        (8, TimeTrust.SYNCHRONISED, 9),
        (1, TimeTrust.AUTHENTICATED, 2),
    ],
)
def test_an_unplanned_outage_is_a_window_up_to_now_or_its_proven_end(
    until_ms: int | None, trust: TimeTrust, ends_ms: int
) -> None:
    """S4-06: an end to come, or one that nobody can prove, is not yet; none ends before it began."""
    hold = replace(STORM, until_utc_ms=None if until_ms is None else MONDAY_MS + until_ms * HOUR_MS)
    found = windows(held(hold), replace(NOW, trust=trust))
    assert found == ((MONDAY_MS + 2 * HOUR_MS, MONDAY_MS + ends_ms * HOUR_MS),)


def test_an_outage_of_which_nobody_knows_the_beginning_has_lasted_for_ever() -> None:
    """Threat 3: after a resync it covers all of the past, from 1970 on."""
    assert windows(held(replace(STORM, began=None)), NOW) == ((0, NOW.utc_ms),)


@pytest.mark.parametrize(("wrong_ms", "frozen"), [(0, 4), (900 * DAY_MS, 4), (-HOUR_MS, 5)])
def test_a_rung_began_at_the_latest_when_it_had_run_so_long(wrong_ms: int, frozen: int) -> None:
    """2.8 invariant 6: a clock that was ahead then makes no outage go uncounted; one behind may add to the term."""
    since = Moment(MONDAY_MS + wrong_ms, TimeTrust.UNKNOWN, 0)
    account = held(outages=(off(-2 * HOUR_MS, 4 * HOUR_MS),), since=since)
    assert frozen_ms(account, NOW) == frozen * HOUR_MS


def test_an_outage_that_ended_as_the_rung_began_is_forgotten() -> None:
    """S4-06: nothing of it lies in a term of this rung; of one a millisecond longer something does."""
    longer = off(-10, 1, "longer")
    assert tidied(held(outages=(off(-10, 0), longer)), NOW).outages == (longer,)


def test_two_outages_made_one_last_as_long_as_the_longer() -> None:
    """I20: the oldest two of too many become one, and a term loses nothing by it."""
    long = off(10, 1_000, "long")
    short = tuple(off(20 * number, 20 * number + 5, f"o{number}") for number in range(1, OUTAGES_MAX + 1))
    kept = tidied(held(outages=(long, *short)), NOW).outages
    assert len(kept) == OUTAGES_MAX
    assert kept[0] == replace(short[0], begins_utc_ms=long.begins_utc_ms, ends_utc_ms=long.ends_utc_ms)
    assert kept[1:] == short[1:]
